//! What a session tells of: the words between the CTI session and the call model.

use std::fmt;
use std::sync::Arc;

use crate::ctiqbe::Frame;
use crate::ctiqbe::names::{
    CtiFailure, DeviceOutOfServiceReason, DeviceState, DeviceType, DeviceUnregisteredReason, LineOutOfServiceReason,
};
use crate::time::Timestamp;

/// Which of the gateway's CTI sessions: an index into the configuration's `[[session]]` list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u16);

/// What a device is to CTI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A telephone, hard or soft.
    Phone,
    /// A CTI port: a telephone that an application plays.
    CtiPort,
    /// A CTI route point: a number at which an application answers.
    RoutePoint,
}

impl DeviceKind {
    /// The kind of a device type of the cluster.
    pub fn of(device_type: DeviceType) -> Self {
        match device_type {
            DeviceType::MODEL_CTI_PORT => Self::CtiPort,
            DeviceType::MODEL_CTI_ROUTE_POINT => Self::RoutePoint,
            _ => Self::Phone,
        }
    }

    /// As events write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::CtiPort => "cti_port",
            Self::RoutePoint => "route_point",
        }
    }
}

/// A device, as the cluster described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name in the cluster, as `SEP001122334455`.
    pub name: String,
    /// Its model's name, as `Cisco 8861`.
    pub model: String,
    /// What it is to CTI.
    pub kind: DeviceKind,
    /// Whose it is by the inventory, when that says so.
    pub owner: Option<String>,
    /// Who is logged in to it by extension mobility.
    pub login_user: Option<String>,
    /// The device pool that it is in by the inventory, when that says so.
    pub device_pool: Option<String>,
}

impl Device {
    /// Whom its calls concern: who is logged in, else its owner.
    pub fn user(&self) -> Option<&str> {
        self.login_user.as_deref().or(self.owner.as_deref())
    }
}

/// One device's appearance of a directory number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The device that it is on.
    pub device: Arc<Device>,
    /// The directory number.
    pub dn: String,
    /// The partition of the directory number; empty for none.
    pub partition: String,
    /// The name that the cluster shows for it.
    pub display_name: String,
}

/// How messages name an open device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceHandle {
    /// `callManagerID`
    pub call_manager: i32,
    /// `deviceID`
    pub device: i32,
}

/// How messages name an open line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LineHandle {
    /// `lineCallManagerID`
    pub call_manager: i32,
    /// `lineID`
    pub line: i32,
}

/// Something that a session found out. In the order in which it happened on the wire.
#[derive(Clone, Debug)]
pub enum Notice<'a> {
    /// The provider is open. Devices follow.
    Connected {
        /// The CTIManager, as configured.
        manager: &'a str,
        /// The cluster's id, as `StandAloneCluster`.
        cluster: &'a str,
    },
    /// The session ended. Nothing is observed until it is connected again; calls go on unseen.
    Lost {
        /// The CTIManager that it was with.
        manager: &'a str,
        /// Why, in words.
        reason: &'a str,
    },
    /// The session is with another CTIManager than before. Follows `Connected`.
    FailedOver {
        /// The one before.
        from: &'a str,
        /// The one now.
        to: &'a str,
    },
    /// After `Connected`: every device of the inventory is in service or refused, and the calls found standing were told.
    Resynced {
        /// Devices in service.
        in_service: usize,
        /// Devices and lines that were refused.
        refused: usize,
    },
    /// A right of the application user was given or taken away.
    PermissionChanged {
        /// Whether it may control any device now ('Standard CTI Allow Control of All Devices').
        control_any_device: bool,
    },
    /// A device changed.
    Device {
        /// The device as it is now: a new one when its user changed.
        device: &'a Arc<Device>,
        /// What changed.
        change: DeviceChange<'a>,
    },
    /// A line changed.
    Line {
        /// The line as it is now.
        line: &'a Arc<Line>,
        /// What changed.
        change: LineChange<'a>,
    },
    /// A message about calls on an open line: `NewCallEvent`, `CallStateChangedEvent_V2` and so on, undecoded.
    Message(Frame<'a>),
}

/// A change of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChange<'a> {
    /// It registered with the cluster.
    Registered,
    /// It is no longer registered.
    Unregistered(DeviceUnregisteredReason),
    /// It is open and observed.
    InService,
    /// It is not observed for now; it is opened again when it comes back.
    OutOfService(DeviceOutOfServiceReason),
    /// It cannot be opened; the cure is known by the code.
    Refused {
        /// The result code.
        result: CtiFailure,
        /// What to do about it, in words.
        cure: &'a str,
    },
    /// It is no longer in the inventory, or not in the cluster.
    Removed,
    /// A user logged in by extension mobility; `Device::login_user` says who.
    UserLoggedIn,
    /// That user logged out.
    UserLoggedOut {
        /// Who it was.
        user: &'a str,
    },
    /// The sum of its calls, as the cluster accumulates it.
    State {
        /// The sum.
        state: DeviceState,
        /// Whether it answers a question of ours ([`Command::AskStates`](super::Command)): then it need not be a change.
        asked: bool,
    },
}

/// A change of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineChange<'a> {
    /// It is open; messages about it carry this handle from now on.
    Opened(LineHandle),
    /// It is observed.
    InService,
    /// It is not observed for now.
    OutOfService(LineOutOfServiceReason),
    /// It cannot be opened; the cure is known by the code.
    Refused {
        /// The result code.
        result: CtiFailure,
        /// What to do about it, in words.
        cure: &'a str,
    },
    /// It is closed: its handle means nothing any more.
    Closed,
}

/// Who is told.
///
/// Called from the task that reads the socket: it must not wait for anything.
pub trait Observer: Send + Sync + 'static {
    /// All that one read of the socket brought, in order.
    fn observe(&self, session: SessionId, at: Timestamp, notices: &[Notice<'_>]);
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
