//! Where events go when they leave: one module per kind of consumer. They know nothing of each other.

pub mod websocket;
