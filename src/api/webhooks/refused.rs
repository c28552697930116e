//! Why an admin is refused what is asked of webhooks.

use hyper::{Response, StatusCode};
use thiserror::Error;

use crate::api::body::BadBody;
use crate::api::query::BadQuery;
use crate::api::respond::{self, Body};
use crate::journal::JournalError;
use crate::sinks::webhook::control::NotAgain;
use crate::sinks::webhook::records::RecordsError;
use crate::sinks::webhook::store::StoreError;

/// Why an admin is refused.
#[derive(Debug, Error)]
pub enum Refused {
    #[error(transparent)]
    Body(#[from] BadBody),
    #[error(transparent)]
    Query(#[from] BadQuery),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    NotAgain(#[from] NotAgain),
    #[error("this gateway runs no webhooks")]
    NoWebhooks,
    #[error("{key:?} is {value:?}; it is a time as 2026-11-23T08:15:30Z (RFC 3339), a cursor, or the id of an event")]
    Place { key: &'static str, value: String },
    #[error("{key:?}: {error}")]
    Cursor { key: &'static str, error: JournalError },
    #[error("{0:?} is no id of an event; it is two numbers as in 1795420000-123")]
    EventId(String),
    #[error("there is no event {0} in the journal, and nothing is known of it: it was never told, or is no longer kept")]
    NoSuchEvent(String),
    #[error("give the id of an event, as in ?event=1795420000-123")]
    NoEvent,
    #[error("give \"events\", a list of at least one id, or \"all\": true, and not both")]
    NotOne,
}

impl Refused {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(bad) => bad.status_and_code(),
            Self::Query(bad) => (StatusCode::BAD_REQUEST, bad.code()),
            Self::Store(error) => of_store(error),
            Self::NotAgain(NotAgain::Busy { .. }) => (StatusCode::CONFLICT, "busy"),
            Self::NotAgain(NotAgain::NotRunning) => (StatusCode::CONFLICT, "not_running"),
            Self::NoWebhooks => (StatusCode::SERVICE_UNAVAILABLE, "no_webhooks"),
            Self::Place { .. } => (StatusCode::BAD_REQUEST, "bad_place"),
            Self::Cursor { .. } => (StatusCode::BAD_REQUEST, "cursor"),
            Self::EventId(_) => (StatusCode::BAD_REQUEST, "bad_event"),
            Self::NoSuchEvent(_) => (StatusCode::NOT_FOUND, "no_such_event"),
            Self::NoEvent => (StatusCode::BAD_REQUEST, "no_event"),
            Self::NotOne => (StatusCode::BAD_REQUEST, "not_one"),
            // An admin may know where these are: the texts say it.
            Self::Journal(_) => (StatusCode::SERVICE_UNAVAILABLE, "log"),
            Self::Records(_) => (StatusCode::SERVICE_UNAVAILABLE, "records"),
        }
    }

    /// The answer.
    pub fn response(&self) -> Response<Body> {
        let (status, code) = self.status_and_code();
        respond::problem(status, code, &self.to_string())
    }
}

fn of_store(error: &StoreError) -> (StatusCode, &'static str) {
    match error {
        StoreError::Unknown(_) => (StatusCode::NOT_FOUND, "no_such_webhook"),
        StoreError::OfFile { .. } => (StatusCode::CONFLICT, "of_file"),
        StoreError::Exists(_) => (StatusCode::CONFLICT, "exists"),
        StoreError::Full => (StatusCode::CONFLICT, "full"),
        StoreError::Renamed { .. } => (StatusCode::BAD_REQUEST, "renamed"),
        StoreError::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
        StoreError::Wrong(_) => (StatusCode::BAD_REQUEST, "wrong"),
        StoreError::Elsewhere(_) => (StatusCode::BAD_REQUEST, "elsewhere"),
        StoreError::Masked(_) => (StatusCode::BAD_REQUEST, "masked"),
        StoreError::Io { .. } | StoreError::Damaged { .. } | StoreError::Newer { .. } | StoreError::Twice { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "store")
        }
    }
}
