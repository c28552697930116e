//! callcast watches every phone of a Cisco Unified Communications Manager cluster and fans call events out.
//!
//! ARCHITECTURE.md at the top of the repository is the map.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))] // in tests they are assertions

pub mod access;
pub mod api;
pub mod app;
pub mod auditor;
pub mod calls;
pub mod cli;
pub mod config;
pub mod cti;
pub mod ctiqbe;
pub mod event;
pub mod gateway;
pub mod health;
pub mod hub;
pub mod journal;
pub mod load;
pub mod numbers;
pub(crate) mod pem;
pub mod schemas;
pub mod sim;
pub mod sinks;
pub mod state;
pub mod stream;
pub mod telemetry;
pub mod time;
