//! What happens in the cluster, line by line and device by device: what a CTIManager tells its clients, before anybody's filters and handles.

use std::sync::Arc;

use super::{AccountId, AppearanceId, DeviceId};
use crate::ctiqbe::names::{
    CallOrigin, CallReason, CallState, CallStateCause, DestinationType, DeviceRegisteredReason, DeviceState, DeviceUnregisteredReason,
    EmStatus,
};

/// One end of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The number as it is presented.
    pub number: String,
    /// The display name.
    pub name: String,
    /// The partition of a line of the cluster; empty for a party outside.
    pub partition: String,
    /// Whether the number may be presented. The wire carries it either way.
    pub number_allowed: bool,
    /// Whether the name may be presented.
    pub name_allowed: bool,
    /// Whether the party is outside of the cluster.
    pub outside: bool,
}

impl Party {
    /// A party outside of the cluster, which withholds nothing.
    pub fn outside(number: &str, name: &str) -> Self {
        Self { number: number.into(), name: name.into(), number_allowed: true, name_allowed: true, outside: true, ..Self::default() }
    }

    /// The same party, withholding its number and name.
    #[must_use]
    pub fn restricted(self) -> Self {
        Self { number_allowed: false, name_allowed: false, ..self }
    }

    /// Where the party is, in the words of the wire.
    pub fn place(&self) -> DestinationType {
        if self.outside { DestinationType::EXTERNAL } else { DestinationType::IN_CLUSTER }
    }
}

/// Who takes part in a call. `None` is a party that is not known yet, or that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// Who calls.
    pub calling: Option<Party>,
    /// Who is called now.
    pub called: Option<Party>,
    /// Who was called first.
    pub original_called: Option<Party>,
    /// Who sent the call on last.
    pub last_redirecting: Option<Party>,
}

impl Parties {
    /// The E.164 form of the caller's number, where it is one from outside.
    pub fn globalized_calling(&self) -> &str {
        self.calling.as_ref().filter(|p| p.outside && p.number.starts_with('+')).map_or("", |p| p.number.as_str())
    }
}

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
    /// Why it came to be.
    pub reason: CallReason,
    /// Whether the call is live on another device that shares the line.
    pub remote_in_use: bool,
    /// Who takes part.
    pub parties: Arc<Parties>,
    /// Where the far end is.
    pub far_end: DestinationType,
}

/// Why a device or line that was open is closed by the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// 'Allow Control of Device from CTI' of the device.
    Device(DeviceId),
    /// 'Allow Control of Device from CTI' of the line: all devices with it are concerned.
    Line(AppearanceId),
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
        /// The leg's reason.
        reason: CallReason,
        /// Whether the call is live on another device that shares the line.
        remote_in_use: bool,
    },
    /// A leg learns who takes part.
    Parties(LegView),
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
