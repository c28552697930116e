//! The client of webhooks against receivers of all kinds, over sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions

mod connections;
mod credentials;
mod guarded;
mod hostile;
mod http2;
mod receiver;
mod secured;
mod trust;
