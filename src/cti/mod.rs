//! One CTI session: login, capabilities, devices and lines opened at a bounded pace, heartbeats, failover, re-opening.
//!
//! What it finds goes out as [`Notice`]s, in the words of CTI. It knows nothing of events or sinks.
//!
//! [`session::Session`] is the machine, without clock or socket; [`driver::run`] is the task around it. [`Config`] says what it is to
//! do, [`status::Status`] how it stands, [`refusal::Refusal`] what CTIManager would not let it do and what to do about that.

mod asked;
mod changes;
pub mod config;
pub mod connect;
mod conversation;
pub mod credentials;
mod describing;
mod devices;
mod dispatch;
pub mod driver;
mod finding;
mod heartbeat;
pub mod inventory;
mod login;
pub mod manager;
mod masked;
mod notice;
mod occurrence;
mod opening;
mod pace;
mod provider;
pub mod refusal;
mod selection;
pub mod session;
pub mod status;
mod tls;
#[cfg(test)]
mod transcripts;
mod work;

pub use config::Config;
pub use driver::{Command, StartError, run};
pub use finding::Finding;
pub use notice::{Device, DeviceChange, DeviceHandle, DeviceKind, Line, LineChange, LineHandle, Notice, Observer, SessionId};
pub use refusal::{Refusal, RefusalKind};
pub use status::{SessionState, Status, Summary};
