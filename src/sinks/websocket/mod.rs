//! Events for browsers: WebSocket with the subprotocol `callcast.v1`, text frames of JSON.
//!
//! | from the client | answer |
//! | --- | --- |
//! | `{"op":"subscribe","id":"1","devices":[…],"lines":[…],"users":[…],"all":true}` | `{"op":"subscribed","id":"1","cursor":"…","snapshot":[…],"more":false}` |
//! | `{"op":"unsubscribe","id":"1"}` | `{"op":"unsubscribed","id":"1"}` |
//! | anything else | `{"op":"error","id":"1","code":"…","message":"…"}`, and the socket stays open |
//!
//! A subscription gets what concerns any of its texts. A snapshot of many devices comes in pieces: while a frame says `"more":true`,
//! another `{"op":"snapshot","id":"1","snapshot":[…],"more":…}` follows. Then come the events since the snapshot's cut, each as
//! `{"op":"event","cursor":"…","event":{…}}`; an event that several subscriptions match comes once, and is the same bytes for everybody.
//! A client with several subscriptions may be sent an event that the newest snapshot knows already: its sequence is then not
//! greater than the device's in the snapshot.
//!
//! A client that falls behind is closed with code [`FELL_BEHIND`] and is to subscribe again; nobody else is harmed.

mod accepted;
mod client;
mod config;
mod protocol;
mod snapshot;
mod subscriptions;

pub use accepted::{Accepted, Protocol};
pub use client::serve;
pub use config::Config;

/// The subprotocol that clients offer.
pub const SUBPROTOCOL: &str = Protocol::CallcastV1.name();

/// The close code of a client that did not read what it subscribed to in time.
pub const FELL_BEHIND: u16 = 4008;
