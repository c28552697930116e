//! What goes out and what comes back: the words that making, sending, scheduling and recording have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method};
use url::{Position, Url};

use crate::journal::Sequence;
use crate::time::Timestamp;

/// Where a request goes. It is a secret: it is never logged whole.
pub struct Destination {
    url: Url,
    path: PathAndQuery,
}

impl Destination {
    /// None when there is something in the URL that HTTP does not let pass.
    pub fn new(url: Url) -> Option<Self> {
        let path = Bytes::copy_from_slice(url[Position::BeforePath..Position::AfterQuery].as_bytes());
        Some(Self { path: PathAndQuery::from_maybe_shared(path).ok()?, url })
    }

    /// All of it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What is sent of it.
    pub fn path(&self) -> &PathAndQuery {
        &self.path
    }
}

/// The scheme alone.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("scheme", &self.url.scheme()).finish_non_exhaustive()
    }
}

/// A request that is ready to be sent.
#[derive(Clone)]
pub struct Prepared {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub to: Arc<Destination>,
    /// Its headers, signatures included. Those of authentication and of the connection are the client's.
    pub headers: HeaderMap,
    /// Its body, not compressed.
    pub body: Bytes,
}

/// It shows nothing of what may be a secret: URL, headers, body.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("method", &self.method).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What `Retry-After` asks for, as a pause from now on.
    pub retry_after: Option<Duration>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The kind, for programs.
    pub fault: Fault,
    /// What was wrong, for people: no URL, no credential.
    pub text: String,
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal;)*) => {
        /// Kinds of failures that are no answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Fault {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Fault {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// A word for programs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

faults! {
    /// Its name has no address.
    Unresolved "unresolved";
    /// All its addresses are of networks that are not allowed.
    Forbidden "forbidden_address";
    /// Nobody took the connection.
    Unreachable "unreachable";
    /// The connection took too long.
    ConnectTimeout "connect_timeout";
    /// TLS failed: a certificate, a pin, a version.
    Tls "tls";
    /// The answer's head took too long.
    FirstByteTimeout "first_byte_timeout";
    /// All took too long.
    WholeTimeout "whole_timeout";
    /// The connection broke before the answer's head was there, or what came is no HTTP.
    Broken "broken";
    /// The token could not be fetched.
    Token "token";
    /// The request could not be made: a template failed on this event.
    Template "template";
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Retry,
    /// It is a dead letter.
    Dead,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: &[Self] = &[Self::Delivered, Self::Retry, Self::Dead];

    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Dead => "dead",
        }
    }
}

/// One attempt at one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The epoch of the event.
    pub epoch: u64,
    /// Its place.
    pub sequence: Sequence,
    /// Which attempt, from 1.
    pub number: u16,
    /// The status; 0 when nothing came back.
    pub status: u16,
    /// Why nothing came back.
    pub fault: Option<Fault>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// Why an event is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Death {
    /// Its deadline passed.
    Deadline,
    /// The receiver refused this one event.
    Refused,
    /// The request could not be made of it.
    Template,
}

impl Death {
    /// All of them, in the order of their numbers.
    pub const ALL: &[Self] = &[Self::Deadline, Self::Refused, Self::Template];

    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Refused => "refused",
            Self::Template => "template",
        }
    }
}

/// An event that is not tried any more. The event itself is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it was given up.
    pub at: Timestamp,
    /// The epoch of the event.
    pub epoch: u64,
    /// Its place.
    pub sequence: Sequence,
    /// Why.
    pub death: Death,
    /// The last status; 0 when nothing ever came back.
    pub status: u16,
    /// Attempts that were made.
    pub attempts: u16,
}
