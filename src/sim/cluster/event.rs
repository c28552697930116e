//! What happens in the cluster, line by line and device by device: what a CTIManager tells its clients, before anybody's filters and handles.

use std::sync::Arc;

use super::{AccountId, AppearanceId, DeviceId, Parties, Party};
use crate::ctiqbe::names::{
    CallAttributeType, CallConferenceModifyStatus, CallOrigin, CallReason, CallState, CallStateCause, CtiCallType, DestinationType,
    DeviceRegisteredReason, DeviceState, DeviceUnregisteredReason, EmStatus, ParkStatus,
};

/// A leg as it stands, whole.
#[derive(Clone, Debug)]
pub struct LegView {
    /// Where it is.
    pub appearance: AppearanceId,
    /// The number of the leg on the wire.
    pub leg: i32,
    /// The number of the global call on the wire.
    pub call: i32,
    /// Its state.
    pub state: CallState,
    /// How it came to be.
    pub origin: CallOrigin,
    /// Why it came to be; in an event about it, why the event.
    pub reason: CallReason,
    /// Whether it is more than an ordinary call.
    pub call_type: CtiCallType,
    /// Whether the call is live on another device that shares the line.
    pub remote_in_use: bool,
    /// Whether the other devices of the line may not join in.
    pub private: bool,
    /// Who takes part.
    pub parties: Arc<Parties>,
    /// Where the far end is.
    pub far_end: DestinationType,
}

/// Two calls become one by a transfer.
#[derive(Clone, Debug)]
pub struct TransferNotice {
    /// The number of the operation; the end names the same.
    pub transaction: i32,
    /// Who transfers.
    pub controller: Party,
    /// On which device.
    pub device: DeviceId,
    /// The global call that stays.
    pub surviving: i32,
    /// The one that goes.
    pub other: i32,
    /// The controller's leg in the call that stays.
    pub surviving_leg: i32,
    /// And in the one that goes.
    pub other_leg: i32,
}

/// Several calls become one by a conference.
#[derive(Clone, Debug)]
pub struct ConferenceNotice {
    /// The number of the operation; the end names the same.
    pub transaction: i32,
    /// Who confers.
    pub controller: Party,
    /// On which device.
    pub device: DeviceId,
    /// The global call that stays.
    pub surviving: i32,
    /// Those that go.
    pub others: Vec<i32>,
}

/// Who takes part in a conference.
#[derive(Clone, Debug)]
pub struct Participant {
    /// The party.
    pub party: Party,
    /// The number of its leg.
    pub leg: i32,
}

/// A conference gains or loses a participant.
#[derive(Clone, Debug)]
pub struct ConferenceChange {
    /// The number of the change within the conference.
    pub sequence: i32,
    /// The global call.
    pub call: i32,
    /// What happens to `changed`.
    pub status: CallConferenceModifyStatus,
    /// Who comes or goes.
    pub changed: Participant,
    /// All who are in it beside that one.
    pub others: Vec<Participant>,
    /// Who began it.
    pub controller: Participant,
    /// On which device.
    pub device: DeviceId,
}

/// What becomes of a parked call.
#[derive(Clone, Debug)]
pub struct ParkNotice {
    /// The global call.
    pub call: i32,
    /// The number of the operation: all notices about one parked call have the same.
    pub transaction: u64,
    /// What becomes of it.
    pub status: ParkStatus,
    /// Where it is parked.
    pub number: Party,
    /// Who is parked.
    pub parked: Party,
}

/// Somebody joins a call on a shared line.
#[derive(Clone, Debug)]
pub struct BargeNotice {
    /// The number of the operation.
    pub transaction: i32,
    /// The line.
    pub line: Party,
    /// The global call that is joined.
    pub surviving: i32,
    /// The one that was there while it was done.
    pub other: i32,
    /// Whether by a conference bridge.
    pub conference: bool,
}

/// Why a device or line that was open is closed by the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// 'Allow Control of Device from CTI' of the device.
    Device(DeviceId),
    /// 'Allow Control of Device from CTI' of the line: all devices with it are concerned.
    Line(AppearanceId),
}

/// What is known of a leg beside its state: that it is monitored or recorded.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// What it is.
    pub kind: CallAttributeType,
    /// Who monitors, is monitored or records.
    pub party: Party,
    /// On which device; empty for one outside.
    pub device: String,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A leg came to be.
    NewCall(LegView),
    /// A leg changed its state.
    State {
        /// Where the leg is.
        appearance: AppearanceId,
        /// The leg's number on the wire.
        leg: i32,
        /// The new state.
        state: CallState,
        /// Why, when it ends.
        cause: CallStateCause,
        /// The leg's reason, or the feature that changes it.
        reason: CallReason,
        /// Whether the call is live on another device that shares the line.
        remote_in_use: bool,
    },
    /// A leg learns who takes part.
    Parties(LegView),
    /// A leg is part of another global call from now on.
    CallChanged(LegView),
    /// A line hears that a transfer begins.
    TransferStarted(AppearanceId, Arc<TransferNotice>),
    /// And that it is done.
    TransferEnded(AppearanceId, i32),
    /// A line hears that a conference begins.
    ConferenceStarted(AppearanceId, Arc<ConferenceNotice>),
    /// And that it is done.
    ConferenceEnded(AppearanceId, Arc<ConferenceNotice>),
    /// A leg (its place and number) of a conference hears who comes or goes, and why.
    ConferenceChanged(AppearanceId, i32, CallReason, Arc<ConferenceChange>),
    /// The line that parked a call hears what becomes of it.
    Park(AppearanceId, Arc<ParkNotice>),
    /// All calls to a line go elsewhere (or, `None`, no more).
    Forwarding(AppearanceId, Option<Party>),
    /// A caller of a hunt pilot (its line and global call) is sent on, because no member answers.
    HuntSentOn(AppearanceId, i32, Party),
    /// Somebody joins a call on a shared line.
    BargeStarted(AppearanceId, Arc<BargeNotice>),
    /// And has.
    BargeEnded(AppearanceId, Arc<BargeNotice>),
    /// The other devices of the line may not join a leg's call, or may again.
    Privacy(LegView),
    /// A leg (its place and number) is monitored (`true`), or no more.
    Monitored(AppearanceId, i32, bool),
    /// A leg (its place and number) is recorded (`true`), or no more.
    Recorded(AppearanceId, i32, bool),
    /// A leg (its place and number) is monitored or recorded by somebody.
    Attribute(AppearanceId, i32, Arc<Attribute>),
    /// The aggregate state of a device's calls changed.
    DeviceState(DeviceId, DeviceState),
    /// A device registered.
    Registered(DeviceId, DeviceRegisteredReason),
    /// A device unregistered.
    Unregistered(DeviceId, DeviceUnregisteredReason),
    /// A user logged in or out by Extension Mobility.
    ExtensionMobility(DeviceId, EmStatus),
    /// A check box was taken away.
    Restricted(Restriction),
    /// A check box was given again.
    Unrestricted(Restriction),
    /// An application user's right to control any device was given or taken away.
    SuperRight(AccountId, bool),
    /// An application user's role 'Standard CTI Enabled' was taken away.
    CtiDisabled(AccountId),
}
