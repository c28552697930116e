//! A simulated Cisco Unified Communications Manager cluster: CTIManagers that Cisco's own client accepts, phones, and calls between them.
//!
//! The source of truth is a model of the cluster, not a script: a call between two phones produces both legs' events, and each client
//! gets those that it asked for. From the inside out:
//! - [`cluster`]: devices, lines, users, calls; events of lines and devices. No CTI.
//! - [`session`]: one client's session; requests in, responses and events out.
//! - [`generator`], [`steps`]: who calls whom, and what becomes of it.
//! - [`flow`], [`play`]: flow files and recorded sessions; `playing`: how far they came.
//! - [`simulation`]: all of it together, sans-I/O: bytes and time in, bytes out. [`control`], [`feature`]: faults and single calls on demand,
//!   [`script`]: a file of them.
//! - [`simulator`]: sockets, TLS and the clock. [`command`], [`cli`]: `callcast simulate`.
//!
//! It uses `ctiqbe` and nothing else of the gateway.

pub mod cli;
pub mod cluster;
pub mod command;
pub mod config;
mod connection;
pub mod control;
pub mod credentials;
mod driver;
mod error;
mod execute;
pub mod feature;
pub mod flow;
pub mod generator;
mod occurrence;
mod perform;
pub mod play;
mod playing;
mod schedule;
pub mod script;
pub mod session;
pub mod simulation;
pub mod simulator;
pub mod steps;

pub use cluster::{Counters, DeviceKind, Features};
pub use command::simulate;
pub use config::{AccountConfig, CallMix, Config, FeatureMix, ManagerConfig, phone_name};
pub use control::{Command, CommandError};
pub use error::Error;
pub use feature::Feature;
pub use flow::Flow;
pub use play::Recording;
pub use script::Script;
pub use simulation::{ManagerId, SessionInfo};
pub use simulator::{DeviceRecord, Handle, ManagerAddrs, Simulator, Summary};
