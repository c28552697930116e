//! Where events go.

pub mod asked;
pub mod feed;
pub mod websocket;
