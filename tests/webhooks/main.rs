//! Webhooks as a whole: a gateway that is fed with what a CTI session would find, the engine, and receivers on real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod delivering;
mod failing;
#[path = "../events/playing.rs"]
mod playing;
mod returning;
mod setup;
