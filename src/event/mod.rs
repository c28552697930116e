//! The normalized event: what callcast says happened, in words that no client needs CTI for.
//!
//! An event knows nothing of CTI, of its place in the journal or of who will read it. [`Encoder`] gives it its CloudEvents form.

mod call;
mod endpoint;
mod filter;
mod json;
mod party;
mod pop;
mod words;

use std::sync::Arc;

use uuid::Uuid;

pub use call::{
    CallBody, Conference, Detail, Diversion, Durations, FirstParties, LegSummary, Outcome, Park, Purpose, Transfer, TransferKind,
};
pub use endpoint::{Device, Line};
pub use filter::{Filter, Types};
pub use json::{Encoder, push_escaped};
pub use party::{Parties, Party, Presentation};
pub use pop::{PopBody, PopId, Withdrawal};

use crate::time::Timestamp;
use words::words;

macro_rules! event_types {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $schema:literal;)*) => {
        words! {
            /// The types of events. Their names are prefixed with `callcast.`.
            #[derive(Hash)]
            EventType {
                $($(#[doc = $doc])+ $variant concat!("callcast.", $name),)*
            }
        }

        impl EventType {
            /// The name without its prefix.
            pub fn short(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The CloudEvents `dataschema`.
            pub fn schema(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("urn:callcast:schema:", $schema, ":1"),)*
                }
            }
        }
    };
}

event_types! {
    /// A line went off-hook or an application began a call.
    LegInitiated "leg.initiated" "leg";
    /// Digits are being dialled, or the call is on its way.
    LegDialing "leg.dialing" "leg";
    /// A call arrived at a line; nothing rings yet.
    LegOffered "leg.offered" "leg";
    /// The line rings.
    LegAlerting "leg.alerting" "leg";
    /// The far end rings.
    LegRingback "leg.ringback" "leg";
    /// The line talks.
    LegConnected "leg.connected" "leg";
    /// The line put its call on hold.
    LegHeld "leg.held" "leg";
    /// The line took its call back from hold.
    LegResumed "leg.resumed" "leg";
    /// Who is at the other end changed, or became known.
    LegPartyChanged "leg.party_changed" "leg";
    /// Another device that shares the line took the call.
    LegRemoteInUse "leg.remote_in_use" "leg";
    /// The line's part in the call is over.
    LegDisconnected "leg.disconnected" "leg";
    /// The first leg of a call was seen.
    CallStarted "call.started" "call";
    /// Somebody answered.
    CallAnswered "call.answered" "call";
    /// It rang and nobody answered: the call ended, or went on to another number.
    CallMissed "call.missed" "call";
    /// A party was handed over to another.
    CallTransferred "call.transferred" "call";
    /// It is a conference, or who is in it changed.
    CallConferenced "call.conferenced" "call";
    /// It was sent on before anybody answered: forwarded, redirected, picked up.
    CallDiverted "call.diverted" "call";
    /// A party waits at a park number.
    CallParked "call.parked" "call";
    /// A parked party was taken back.
    CallRetrieved "call.retrieved" "call";
    /// The call became part of another: the last event of its `call_id`.
    CallMerged "call.merged" "call";
    /// The last leg of a call is gone: the summary.
    CallEnded "call.ended" "call";
    /// A user's screen has to show a call.
    PopOffered "pop.offered" "pop";
    /// What it shows is another call, party or device now.
    PopMoved "pop.moved" "pop";
    /// It has to go: the call is no longer that user's.
    PopWithdrawn "pop.withdrawn" "pop";
    /// The device registered with the cluster.
    DeviceRegistered "device.registered" "device";
    /// The device is no longer registered.
    DeviceUnregistered "device.unregistered" "device";
    /// The device is observed.
    DeviceInService "device.in_service" "device";
    /// The device is not observed for now, or no longer.
    DeviceOutOfService "device.out_of_service" "device";
    /// CUCM refuses to have the device observed; `cure` says what to do.
    DeviceRestricted "device.restricted" "device";
    /// A user logged in to the device by extension mobility.
    DeviceUserLoggedIn "device.user_logged_in" "device";
    /// The user logged out.
    DeviceUserLoggedOut "device.user_logged_out" "device";
    /// The sum of the device's calls changed, as the cluster accumulates it.
    DeviceStateChanged "device.state_changed" "device";
    /// The line is observed.
    LineInService "line.in_service" "line";
    /// The line is not observed for now.
    LineOutOfService "line.out_of_service" "line";
    /// CUCM refuses to have the line observed; `cure` says what to do.
    LineRestricted "line.restricted" "line";
    /// Where the line forwards all its calls to changed.
    LineForwardChanged "line.forward_changed" "line";
    /// A CTI session was opened.
    SessionConnected "session.connected" "session";
    /// A CTI session ended: until it is back, events are missing.
    SessionLost "session.lost" "session";
    /// A CTI session is with another CTIManager.
    SessionFailedOver "session.failed_over" "session";
    /// A CTI session observes again all that it could before.
    SessionResynced "session.resynced" "session";
    /// A right of the application user changed.
    SessionPermissionChanged "session.permission_changed" "session";
    /// Events were told that could not be written to the log: whoever was not there has missed them.
    JournalGap "journal.gap" "journal";
    /// A webhook failed so often that it is left alone for a while. Its events wait.
    WebhookBreakerOpened "webhook.breaker_opened" "webhook";
    /// A webhook takes events again.
    WebhookBreakerClosed "webhook.breaker_closed" "webhook";
    /// A webhook was given up: it gets nothing until an administrator resumes it. Its events wait as long as the log keeps them.
    WebhookDisabled "webhook.disabled" "webhook";
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was read from the cluster.
    pub time: Timestamp,
    /// What happened.
    pub kind: EventType,
    /// The CloudEvents `source`, as `/cucm/StandAloneCluster`.
    pub source: Arc<str>,
    /// To what.
    pub body: Body,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub enum Body {
    /// One line's part in a call.
    Leg(LegBody),
    /// The whole conversation.
    Call(Box<CallBody>),
    /// A user's screen-pop.
    Pop(Box<PopBody>),
    /// A device.
    Device(DeviceBody),
    /// A line.
    Line(LineBody),
    /// A CTI session.
    Session(SessionBody),
    /// The log.
    Journal(JournalBody),
    /// A webhook.
    Webhook(WebhookBody),
}

/// The cluster's pairs of numbers: a call leg (`callCallManagerID`, `callLegID`) or a global call (`globalCallManagerID`, `callID`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlePair(pub i32, pub i32);

words! {
    /// Who called whom, seen from one line. It never changes for a leg.
    Direction {
        /// The line was called.
        Inbound "inbound",
        /// The line called.
        Outbound "outbound",
    }
}

words! {
    /// The state of a leg.
    LegState {
        /// Off-hook: nothing is dialled yet.
        Initiated "initiated",
        /// Digits are being dialled, or the call is on its way.
        Dialing "dialing",
        /// A call arrived; nothing rings yet.
        Offered "offered",
        /// It rings.
        Alerting "alerting",
        /// The far end rings.
        Ringback "ringback",
        /// The far end is busy; the leg is not over yet.
        Busy "busy",
        /// It talks.
        Connected "connected",
        /// It is on hold.
        Held "held",
        /// Another device that shares the line has the call.
        RemoteInUse "remote_in_use",
        /// It is over.
        Disconnected "disconnected",
    }
}

/// Why a leg ended, by the cluster's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The code; below 128 a Q.850 cause.
    pub code: i32,
    /// Its name in snake case; `unknown` for a code without one.
    pub name: &'static str,
}

/// The data of `leg.*`.
#[derive(Clone, Debug)]
pub struct LegBody {
    /// The conversation.
    pub call_id: Uuid,
    /// The cluster's id of the call at this moment.
    pub global_call: HandlePair,
    /// The cluster's id of the leg.
    pub leg: HandlePair,
    /// Where.
    pub line: Arc<Line>,
    /// Inbound or outbound.
    pub direction: Direction,
    /// The state after the event.
    pub state: LegState,
    /// The state before it; none for the first event of a leg.
    pub previous_state: Option<LegState>,
    /// Why the leg came to be or changed: `direct`, `forward_all`, ...
    pub reason: &'static str,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// Who takes part.
    pub parties: Arc<Parties>,
    /// Other devices on which the same line has a leg of the same call.
    pub shared_with: Vec<Arc<str>>,
    /// The leg was found standing when observation began.
    pub recovered: bool,
    /// How the leg ended was not observed: it was gone after a break.
    pub unobserved: bool,
}

/// The data of `device.*`.
#[derive(Clone, Debug)]
pub struct DeviceBody {
    /// Which.
    pub device: Arc<Device>,
    /// Why, in the cluster's word.
    pub reason: Option<&'static str>,
    /// The result code of a refusal, as `0x8ccc00d2`.
    pub result: Option<i32>,
    /// What to do about a refusal.
    pub cure: Option<String>,
    /// The user who logged in or out.
    pub login_user: Option<String>,
    /// The accumulated state of `device.state_changed`.
    pub state: Option<&'static str>,
    /// The device left the inventory or the cluster.
    pub removed: bool,
}

/// The data of `line.*`.
#[derive(Clone, Debug)]
pub struct LineBody {
    /// Which.
    pub line: Arc<Line>,
    /// Why, in the cluster's word.
    pub reason: Option<&'static str>,
    /// The result code of a refusal.
    pub result: Option<i32>,
    /// What to do about a refusal.
    pub cure: Option<String>,
    /// Where all calls are forwarded to, of `line.forward_changed`: empty for nowhere.
    pub forward_all: Option<String>,
}

/// The data of `session.*`.
#[derive(Clone, Debug)]
pub struct SessionBody {
    /// Which session of the configuration.
    pub session: u16,
    /// The CTIManager that it is with.
    pub manager: Option<String>,
    /// The one before a fail-over.
    pub previous_manager: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Devices in service after a resync.
    pub devices_in_service: Option<usize>,
    /// Devices and lines refused.
    pub refused: Option<usize>,
    /// Whether any device may be controlled now.
    pub control_any_device: Option<bool>,
}

/// The data of `journal.*`.
#[derive(Clone, Debug)]
pub struct JournalBody {
    /// The place of the first event that is missing.
    pub first: u64,
    /// The place of the last.
    pub last: u64,
    /// Why, in a word: `not_written`, or `trimmed` for a webhook that was away for too long.
    pub reason: &'static str,
}

/// The data of `webhook.*`.
#[derive(Clone, Debug)]
pub struct WebhookBody {
    /// The webhook's name.
    pub webhook: Arc<str>,
    /// Why, for people: no URL, no credential.
    pub reason: String,
    /// Since when it fails: the first failure after the last success. None when that is not known.
    pub since: Option<Timestamp>,
    /// How many attempts failed since.
    pub failures: u64,
}

impl Event {
    /// The lines that the event concerns; none for those of devices, sessions, webhooks and the log.
    pub fn lines(&self) -> &[Arc<Line>] {
        match &self.body {
            Body::Leg(leg) => std::slice::from_ref(&leg.line),
            Body::Call(call) => &call.lines,
            Body::Pop(pop) => std::slice::from_ref(&pop.line),
            Body::Line(line) => std::slice::from_ref(&line.line),
            Body::Device(_) | Body::Session(_) | Body::Journal(_) | Body::Webhook(_) => &[],
        }
    }
}
