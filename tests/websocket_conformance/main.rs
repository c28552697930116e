//! RFC 6455 as the server keeps it, shown from outside: the cases of the Autobahn TestSuite's fuzzing client, by its numbers, written
//! anew as tables, and what else a hostile client may send.
//!
//! The client is bytes on a TCP socket, so that it can send anything. The server echoes nothing, but one op comes near to it:
//! `{"op":"unsubscribe","id":"…"}` for a subscription that does not exist is answered by an error that repeats the id. A text that is not
//! JSON is answered by the error `not_json`, a binary message by `not_text`, and the socket stays open; where Autobahn waits for its
//! message, these cases wait for that answer. Every frame from the server is held to the RFC too.
//!
//! Cases 12 and 13 are about compression, which is not offered: a handshake that asks for it is accepted without it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

mod case;
mod client;
mod closing;
mod framing;
mod handshake;
#[path = "../edge/harness.rs"]
#[allow(dead_code)] // the edge's own tests use the rest
mod harness;
mod hostile;
mod limits;
#[path = "../events/playing.rs"]
#[allow(dead_code)]
mod playing;
mod utf8;
