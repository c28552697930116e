//! Notices while they wait for the end of a read: owned, but for messages about calls, which stay in the read buffer.

use std::sync::Arc;

use super::{Device, DeviceChange, Line, LineChange, Notice};
use crate::ctiqbe::Frame;

/// A [`Notice`] that owns what it tells of.
#[derive(Clone, Debug)]
pub enum Finding<'a> {
    /// See [`Notice::Connected`].
    Connected {
        /// The CTIManager, as configured.
        manager: Arc<str>,
        /// The cluster's id.
        cluster: Arc<str>,
    },
    /// See [`Notice::Lost`].
    Lost {
        /// The CTIManager that it was with.
        manager: Arc<str>,
        /// Why.
        reason: String,
    },
    /// See [`Notice::FailedOver`].
    FailedOver {
        /// The one before.
        from: Arc<str>,
        /// The one now.
        to: Arc<str>,
    },
    /// See [`Notice::Resynced`].
    Resynced {
        /// Devices in service.
        in_service: usize,
        /// Devices and lines that were refused.
        refused: usize,
    },
    /// See [`Notice::PermissionChanged`].
    PermissionChanged {
        /// Whether it may control any device now.
        control_any_device: bool,
    },
    /// See [`Notice::Device`].
    Device {
        /// The device as it is now.
        device: Arc<Device>,
        /// What changed.
        change: DeviceChange<'static>,
    },
    /// See [`DeviceChange::UserLoggedOut`].
    UserLoggedOut {
        /// The device as it is now.
        device: Arc<Device>,
        /// Who it was.
        user: String,
    },
    /// See [`Notice::Line`].
    Line {
        /// The line as it is now.
        line: Arc<Line>,
        /// What changed.
        change: LineChange<'static>,
    },
    /// See [`Notice::Message`].
    Message(Frame<'a>),
}

impl Finding<'_> {
    /// The notice that it becomes.
    #[inline]
    pub fn notice(&self) -> Notice<'_> {
        match self {
            Self::Message(frame) => Notice::Message(*frame),
            Self::Connected { manager, cluster } => Notice::Connected { manager, cluster },
            Self::Lost { manager, reason } => Notice::Lost { manager, reason },
            Self::FailedOver { from, to } => Notice::FailedOver { from, to },
            Self::Resynced { in_service, refused } => Notice::Resynced { in_service: *in_service, refused: *refused },
            Self::PermissionChanged { control_any_device } => Notice::PermissionChanged { control_any_device: *control_any_device },
            Self::Device { device, change } => Notice::Device { device, change: *change },
            Self::UserLoggedOut { device, user } => Notice::Device { device, change: DeviceChange::UserLoggedOut { user } },
            Self::Line { line, change } => Notice::Line { line, change: *change },
        }
    }
}
