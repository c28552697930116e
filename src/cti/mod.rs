//! One CTI session: login, capabilities, devices and lines opened at a bounded pace, heartbeats, failover, re-opening.
//!
//! What it finds goes out as [`Notice`]s, in the words of CTI. It knows nothing of events or sinks.

mod notice;

pub use notice::{Device, DeviceChange, DeviceHandle, DeviceKind, Line, LineChange, LineHandle, Notice, Observer, SessionId};
