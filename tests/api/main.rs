//! The HTTP API on real sockets: what it answers, who sees what, and that its documents say just that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

mod admin_documents;
mod ask;
mod calls;
mod devices;
#[path = "../events/disk.rs"]
mod disk;
mod documents;
mod fake;
#[allow(dead_code, reason = "shared with the tests of the edge")]
#[path = "../edge/harness.rs"]
mod harness;
#[allow(dead_code, reason = "shared with the tests of events")]
#[path = "../events/playing.rs"]
mod playing;
mod requests;
mod scopes;
mod upkeep;
mod users;
mod webhooks;
