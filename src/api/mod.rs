//! The HTTP server: the page, the API, the WebSocket's handshake, health and metrics. `routes` is the table of all that is served.
//!
//! | route | |
//! | --- | --- |
//! | `/` and the page's files | the wall of devices and the screen-pop |
//! | `/v1/ws` | [`crate::sinks::websocket`] |
//! | `/v1/devices`, `/v1/users/{id}`, `/v1/calls` | how things stand, and calls that are over |
//! | `/v1/me`, `/v1/config` | who asks; what the page has to know |
//! | `/openapi.json`, `/asyncapi.json` | all this for programs |
//! | `/schemas/` | the JSON Schemas of events: [`crate::schemas`] |
//! | `/healthz` | 200 while the process answers |
//! | `/readyz` | 200 or 503, and a body that says why: [`Report`] |
//!
//! On a listener of its own, for admins: `/metrics` in Prometheus' text format, `/healthz` and `/readyz`, and what needs a token with admin
//! rights: `/admin/v1/cursors`, `/admin/v1/cursors/{name}`, `/admin/v1/erase` and `/admin/v1/webhooks`.
//!
//! Who may see what, [`crate::access`] says; where nothing is configured everybody may see everything, and the listener has to be on
//! loopback. What a browser could be tricked into is refused: a `Host` that is not ours (DNS rebinding) and a WebSocket from a foreign
//! `Origin`.

mod admin;
mod asyncapi;
mod auth;
mod body;
mod calls;
mod components;
mod config;
mod devices;
mod events;
mod frames;
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
mod sharing;
mod tls;
mod upkeep;
mod users;
mod webhooks;

pub use admin::AdminConfig;
pub use config::{Config, PageConfig};
pub use health::{DevicesReport, Health, JournalReport, RefusalReport, Report, SessionReport};
pub use server::{BindError, Certificates, Server};
pub use tls::{TlsConfig, TlsError};
