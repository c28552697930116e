//! Webhooks: each endpoint gets its events, in order per call, at least once, signed, however long it was away.

pub mod client;
pub mod config;
pub mod control;
mod delivery;
pub mod endpoint;
pub mod engine;
mod masked;
pub mod plan;
pub mod records;
pub mod registry;
pub mod schedule;
mod secret;
pub mod store;

pub use client::Client;
pub use config::{Common, Config};
pub use control::{Control, Endpoint};
pub use delivery::{Answer, Attempt, DeadLetter, Death, Destination, Failed, Fault, Outcome, Prepared};
pub use engine::Engine;
pub use masked::origin;
pub use plan::{Plan, PlanError, PlanFault, Verdict};
pub use registry::Registry;
pub use secret::{MASK, Secret, SecretError, unquoted};
