//! What can go wrong with the log, and what helps.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Sequence;

/// What can go wrong with the log.
#[derive(Debug, Error)]
pub enum JournalError {
    /// A text that is no cursor of ours.
    #[error("this is not a cursor of callcast; give back the last one that a frame carried, or none")]
    Cursor,
    /// The position is no longer kept.
    #[error("the log no longer reaches back to event {wanted}: the oldest that is kept is {oldest}")]
    Trimmed {
        /// The event that was asked for.
        wanted: Sequence,
        /// The oldest that is kept.
        oldest: Sequence,
    },
    /// The cursor is of another log, or of an epoch that is not kept.
    #[error("the cursor is of another log, or of a time that is no longer kept")]
    Unknown,
    /// The cursor is past the newest event.
    #[error("the cursor is past the newest event, {newest}")]
    Future {
        /// The newest event.
        newest: Sequence,
    },
    /// The disk refused.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Of what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process writes it.
    #[error(
        "the journal in {directory} is in use by process {holder}: stop that gateway first, or give this one a journal.directory of its own",
        directory = directory.display()
    )]
    Locked {
        /// The folder.
        directory: PathBuf,
        /// The process, as far as it wrote its number down.
        holder: String,
    },
    /// There is none.
    #[error("there is no journal in {directory}: give the journal.directory of a gateway that has run", directory = directory.display())]
    Missing {
        /// The folder.
        directory: PathBuf,
    },
    /// Written by a later version of callcast.
    #[error(
        "{path} has format {found} of a newer callcast; this one knows formats up to {known}: run the newer version again, or give another journal.directory",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Not a file of ours, or one of another journal.
    #[error("{path} does not belong to this journal: move it out of the folder", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A record that does not fit behind the others.
    #[error("event {sequence} cannot be appended: the log is already at {next}")]
    Order {
        /// Its place.
        sequence: Sequence,
        /// The next free place.
        next: Sequence,
    },
    /// An event that is too large.
    #[error("event {sequence} has {bytes} bytes: more than the log takes")]
    TooLarge {
        /// Its place.
        sequence: Sequence,
        /// Its size.
        bytes: usize,
    },
    /// A name that no durable cursor can have.
    #[error("'{0}' is no name for a cursor: use up to 64 small letters, digits, '-', '_' and '.', a letter or digit first")]
    CursorName(String),
    /// Too much is parked.
    #[error("a cursor can park {limit} events above its mark, and these are more: settle or drop some of them first")]
    Parked {
        /// How many can be.
        limit: usize,
    },
    /// The file of a durable cursor makes no sense.
    #[error("{path} is damaged: set this cursor again, or delete it", path = path.display())]
    CursorFile {
        /// The file.
        path: PathBuf,
    },
}

/// Says what was tried on which file.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { action, path: path.into(), source }
}
