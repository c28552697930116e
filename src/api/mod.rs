//! The HTTP server: the page, the WebSocket's handshake, health and metrics.
//!
//! | route | |
//! | --- | --- |
//! | `/` and the page's files | the wall of devices and the screen-pop |
//! | `/v1/ws` | [`crate::sinks::websocket`] |
//! | `/v1/config` | what the page has to know |
//! | `/schemas/` | the JSON Schemas of events: [`crate::schemas`] |
//! | `/healthz` | 200 while the process answers |
//! | `/readyz` | 200 or 503, and a body that says why: [`Report`] |
//!
//! On a listener of its own, for admins: `/metrics` in Prometheus' text format, `/healthz` and `/readyz`, and what needs a token with admin
//! rights under `/admin/`.
//!
//! Who may see what, [`crate::access`] says; where nothing is configured everybody may see everything, and the listener has to be on
//! loopback. What a browser could be tricked into is refused: a `Host` that is not ours (DNS rebinding) and a WebSocket from a foreign
//! `Origin`.

mod admin;
mod asyncapi;
mod auth;
mod calls;
mod config;
mod devices;
mod events;
mod guard;
mod handshake;
mod health;
mod me;
mod openapi;
mod operations;
mod page;
mod paging;
mod query;
mod respond;
mod router;
mod routes;
mod schemas;
mod server;
mod tls;
mod users;

pub use admin::AdminConfig;
pub use config::{Config, PageConfig};
pub use health::{DevicesReport, Health, JournalReport, RefusalReport, Report, SessionReport};
pub use server::{BindError, Certificates, Server};
pub use tls::{TlsConfig, TlsError};
