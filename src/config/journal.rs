//! The `[journal]` table: where the log of events lies, when it is synced, how much of it is kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::journal::{Options, SyncMode};

/// The log of events.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Its folder, which nobody else writes to.
    pub directory: PathBuf,
    /// When what was appended is forced to the device.
    pub sync: Sync,
    /// How long after it was appended, at most, when `sync` is `interval`.
    pub sync_interval_milliseconds: u64,
    /// What is older goes.
    pub max_age_hours: u64,
    /// What makes the whole larger goes, the oldest first.
    pub max_mebibytes: u64,
    /// The size of the files; whole files are what goes.
    pub segment_mebibytes: u64,
    /// A folder of its own under the system's temporary one, which goes with the gateway: for the demonstration and for tests.
    #[serde(skip)]
    pub temporary: bool,
}

/// When what was appended is forced to the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Some milliseconds later at the latest.
    #[default]
    Interval,
    /// Before anybody sees it.
    Batch,
    /// When the operating system pleases.
    Never,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            directory: "/var/lib/callcast/journal".into(),
            sync: Sync::default(),
            sync_interval_milliseconds: 50,
            max_age_hours: 168,
            max_mebibytes: 8192,
            segment_mebibytes: 64,
            temporary: false,
        }
    }
}

/// A log that cannot be kept like this.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// No folder.
    #[error("`journal.directory` is empty: name a folder that callcast may write to, as \"/var/lib/callcast/journal\"")]
    Directory,
    /// A number that is too small or too large.
    #[error("`journal.{key}` is {value}: give a number from {least} to {most}")]
    Bound {
        /// Which.
        key: &'static str,
        /// What it is.
        value: u64,
        /// What it may be at least.
        least: u64,
        /// What it may be at most.
        most: u64,
    },
    /// Retention removes whole segments: of one alone nothing could be kept.
    #[error("`journal.max_mebibytes` is {most}, `journal.segment_mebibytes` {segment}: the whole needs room for 4 segments or more")]
    Room {
        /// The size of the whole.
        most: u64,
        /// The size of a segment.
        segment: u64,
    },
}

impl Journal {
    /// What is valid but unwise, in words.
    ///
    /// # Errors
    /// Everything that cannot work.
    pub fn check(&self) -> Result<Vec<String>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        if self.directory.as_os_str().is_empty() {
            errors.push(ConfigError::Directory);
        }
        let bounds = [
            ("sync_interval_milliseconds", self.sync_interval_milliseconds, 1, 60_000),
            ("max_age_hours", self.max_age_hours, 1, 10 * 365 * 24),
            ("max_mebibytes", self.max_mebibytes, 4, 1 << 40),
            ("segment_mebibytes", self.segment_mebibytes, 1, 1024),
        ];
        let wrong = bounds.into_iter().filter(|(_, value, least, most)| !(least..=most).contains(&value));
        errors.extend(wrong.map(|(key, value, least, most)| ConfigError::Bound { key, value, least, most }));
        if errors.is_empty() && self.max_mebibytes < 4 * self.segment_mebibytes {
            errors.push(ConfigError::Room { most: self.max_mebibytes, segment: self.segment_mebibytes });
        }
        if self.sync == Sync::Never {
            warnings.push("`journal.sync` is never: a power cut may take events that clients have seen; `interval` costs little".into());
        }
        if self.sync == Sync::Interval && self.sync_interval_milliseconds > 1000 {
            let interval = self.sync_interval_milliseconds;
            warnings.push(format!(
                "`journal.sync_interval_milliseconds` is {interval}: a power cut may take as much of what clients have seen"
            ));
        }
        if self.directory.is_relative() {
            let directory = self.directory.display();
            warnings.push(format!("`journal.directory` is {directory}, seen from wherever callcast is started: give the whole path"));
        }
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }

    /// The same for whoever opens it.
    pub fn options(&self) -> Options {
        const MEBIBYTE: u64 = 1 << 20;
        Options {
            directory: self.directory.clone(),
            sync: match self.sync {
                Sync::Interval => SyncMode::Interval(Duration::from_millis(self.sync_interval_milliseconds)),
                Sync::Batch => SyncMode::Batch,
                Sync::Never => SyncMode::Never,
            },
            segment_bytes: self.segment_mebibytes.saturating_mul(MEBIBYTE),
            max_age: Duration::from_hours(self.max_age_hours),
            max_bytes: self.max_mebibytes.saturating_mul(MEBIBYTE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(journal: Journal) -> Vec<String> {
        journal.check().unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_defaults_are_those_of_the_log_itself() {
        let journal = Journal::default();
        assert!(journal.check().unwrap().is_empty());
        assert_eq!(format!("{:?}", journal.options()), format!("{:?}", Options::new("/var/lib/callcast/journal")));
    }

    #[test]
    fn a_mistake_names_its_key_its_value_and_what_may_stand_there() {
        let found = errors(Journal { sync_interval_milliseconds: 0, segment_mebibytes: 5000, ..Journal::default() });
        assert_eq!(
            found,
            [
                "`journal.sync_interval_milliseconds` is 0: give a number from 1 to 60000",
                "`journal.segment_mebibytes` is 5000: give a number from 1 to 1024"
            ]
        );
        assert!(errors(Journal { directory: PathBuf::new(), ..Journal::default() })[0].contains("/var/lib/callcast/journal"));
    }

    #[test]
    fn a_log_needs_room_for_some_segments() {
        assert!(errors(Journal { max_mebibytes: 100, ..Journal::default() })[0].contains("room for 4 segments"));
    }

    #[test]
    fn what_a_power_cut_may_take_is_said() {
        let warnings = Journal { sync: Sync::Never, directory: "journal".into(), ..Journal::default() }.check().unwrap();
        assert!(warnings.len() == 2 && warnings[0].contains("power cut") && warnings[1].contains("whole path"), "{warnings:?}");
        let warnings = Journal { sync_interval_milliseconds: 5000, ..Journal::default() }.check().unwrap();
        assert!(warnings[0].contains("5000"), "{warnings:?}");
    }
}
