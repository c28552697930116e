//! What is wrong with what an endpoint is told, and why a request cannot be made of an event.

use std::path::PathBuf;

use thiserror::Error;

use crate::sinks::webhook::SecretError;
use crate::sinks::webhook::endpoint::BadName;

/// What is wrong with what an endpoint is told. No text shows a URL, a header or a secret.
#[derive(Debug, Error)]
pub enum PlanError {
    /// Not a name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// A secret that cannot be had.
    #[error("{place}: {source}")]
    Secret {
        /// The key.
        place: String,
        /// Why not.
        source: SecretError,
    },
    /// Not a secret of the form that it should have.
    #[error("{place}: {problem}")]
    Key {
        /// The key.
        place: String,
        /// What it should be.
        problem: &'static str,
    },
    /// Not a URL that events can be sent to.
    #[error("url: {0}")]
    Url(&'static str),
    /// Not a method.
    #[error("method = {0:?}: give POST, PUT, PATCH, DELETE or GET")]
    Method(String),
    /// Not a header that may be given.
    #[error("headers: {name:?} {problem}")]
    Header {
        /// The header.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A pattern that names no type of event.
    #[error("{place}: there is no type of event {pattern:?}; did you mean {nearest:?}?")]
    Type {
        /// The key.
        place: &'static str,
        /// The pattern.
        pattern: String,
        /// The type that is nearest to it.
        nearest: String,
    },
    /// Not a direction.
    #[error("filter.direction = {0:?}: give \"inbound\", \"outbound\", or nothing for both")]
    Direction(String),
    /// A time that an event may take which is none.
    #[error("delivery.deadlines_seconds: {pattern:?} = {seconds}: give 1 to {max} seconds")]
    Deadline {
        /// The pattern.
        pattern: String,
        /// What was given, in seconds.
        seconds: u64,
        /// The most, in seconds.
        max: u64,
    },
    /// Two keys that do not go together, or one that is missing.
    #[error("{place}: {problem}")]
    Body {
        /// The key.
        place: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that cannot be read.
    #[error("body.template_file: {}: {source}; name a file that callcast may read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A template with an error.
    #[error("template {name}, line {line}, column {column}: {problem}")]
    Template {
        /// The key that it stands under.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
}

/// Why a request cannot be made of an event. No text shows anything of the event, nor what a template says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanFault {
    /// The template makes nothing of it: it is not for this endpoint.
    #[error("the template makes nothing of this event")]
    Nothing,
    /// A template failed.
    #[error("template {name}, line {line}, column {column}: {problem}")]
    Template {
        /// The key that it stands under.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The kind of failure.
        problem: String,
    },
    /// A template made something that cannot be used.
    #[error("template {name}: {problem}")]
    Made {
        /// The key that it stands under.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What the log has is no event: it was erased, or is damaged.
    #[error("event {0} cannot be read: it was erased, or is damaged")]
    Event(String),
    /// A receiver would take it for a forgery.
    #[error("it could not be signed by any key of `signing`: callcast may be out of memory")]
    Unsigned,
    /// There is no event, or more than one for what takes one at a time.
    #[error("{0} events for one request: in batch mode give at least one, else exactly one")]
    Count(usize),
}
