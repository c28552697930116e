//! The edge: WebSocket, HTTP and the page, on real sockets and in a real browser. The gateway is fed with what a CTI session would find.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

mod browser;
mod client;
#[path = "../events/disk.rs"]
mod disk;
mod harness;
mod http;
mod page;
mod people;
#[path = "../events/playing.rs"]
mod playing;
mod relay;
mod resume;
mod wall;
mod websocket;
