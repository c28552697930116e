//! Where events go.

pub mod feed;
pub mod websocket;
