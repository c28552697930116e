//! Webhooks: each endpoint gets its events, in order per call, at least once, signed, however long it was away.

pub mod client;
pub mod config;
mod delivery;
mod secret;

pub use config::{Common, Config};
pub use delivery::{Answer, Attempt, DeadLetter, Death, Failed, Fault, Outcome, Prepared};
pub use secret::{MASK, Secret, SecretError};
