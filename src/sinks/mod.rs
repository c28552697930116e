//! Where events go.

pub mod asked;
pub mod feed;
pub mod sse;
pub mod webhook;
pub mod websocket;
