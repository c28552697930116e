//! Where the log lies, when it is synced, and how much of it is kept.

use std::path::PathBuf;
use std::time::Duration;

/// When what was appended is forced to the device. Whatever is chosen, an appended event is with the operating system: it survives
/// the end of the process, however sudden. This is about the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// At most this long after it was appended, by a thread of its own; a power cut may take what was told since.
    Interval(Duration),
    /// Before `append` returns.
    Batch,
    /// When the operating system pleases.
    Never,
}

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; made when it is missing.
    pub directory: PathBuf,
    /// When it is synced.
    pub sync: SyncMode,
    /// A segment that has grown to this is followed by another; whole segments are what retention removes.
    pub segment_bytes: u64,
    /// What is older goes.
    pub max_age: Duration,
    /// What makes the whole larger goes, the oldest first.
    pub max_bytes: u64,
}

impl Options {
    /// The defaults, in this folder.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            sync: SyncMode::Interval(Duration::from_millis(50)),
            segment_bytes: 64 << 20,
            max_age: Duration::from_hours(168),
            max_bytes: 8 << 30,
        }
    }
}
