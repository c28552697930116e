//! The JSON of events, their schemas, and what the documentation says of them are one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod disk;
mod material;
mod ordered;
mod page;
mod playing;
mod schemas;
mod stage;
mod webhooks;
