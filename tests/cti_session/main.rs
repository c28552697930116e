//! CTI sessions over real sockets, against the simulated cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

mod connections;
mod devices;
mod harness;
mod refusals;
