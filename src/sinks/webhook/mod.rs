//! Webhooks: each endpoint gets its events, in order per call, at least once, signed, however long it was away.

pub mod config;
pub mod control;
mod delivery;
pub mod plan;
pub mod schedule;
mod secret;

pub use config::{Common, Config};
pub use delivery::{Answer, Attempt, DeadLetter, Death, Failed, Fault, Outcome, Prepared};
pub use plan::{Plan, PlanError, PlanFault, Verdict};
pub use secret::{MASK, Secret, SecretError};
