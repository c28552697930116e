//! Who may come in, and what they may see: over real sockets, with keys and tokens made by the libraries that others make theirs with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

mod admin;
mod handshake;
mod harness;
mod http;
mod jwks;
mod jwt;
mod keys;
mod logs;
#[allow(dead_code)] // phones alone are needed of it
#[path = "../events/playing.rs"]
mod playing;
mod taken_back;
mod tls;
mod websocket;
