//! How a session stands, for metrics and readiness: shared, cheap to write, read at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::refusal::{Refusal, RefusalKind};
use crate::ctiqbe::schema;
use crate::time::Timestamp;

/// Refusals that are kept as examples of each kind.
const EXAMPLES: usize = 10;

/// What a session is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionState {
    /// A connection is being made.
    #[default]
    Connecting,
    /// The user is logging in.
    LoggingIn,
    /// Logged in; devices are being opened.
    Opening,
    /// Every device is in service or refused.
    InService,
    /// Nothing is done until then, or until a reload.
    Waiting {
        /// Why, in words.
        reason: String,
        /// When it is tried again.
        until: Timestamp,
    },
    /// It was told to end.
    Stopped,
}

impl SessionState {
    /// A short name, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::LoggingIn => "logging_in",
            Self::Opening => "opening",
            Self::InService => "in_service",
            Self::Waiting { .. } => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// Refusals of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// How many devices and lines.
    pub count: usize,
    /// Some of them.
    pub examples: Vec<Refusal>,
}

/// How a session stood when it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What it is doing.
    pub state: SessionState,
    /// The CTIManager that it is with, or was last.
    pub manager: Option<Arc<str>>,
    /// The cluster's id, once it was told.
    pub cluster: Option<Arc<str>>,
    /// Devices that shall be watched.
    pub devices: usize,
    /// Of these, in service.
    pub in_service: usize,
    /// Lines that are in service.
    pub lines_in_service: usize,
    /// Devices and lines that are not, by reason.
    pub refused: BTreeMap<RefusalKind, Refused>,
    /// Days until the password expires; none when it does not.
    pub days_until_password_expiry: Option<u32>,
    /// How often a session was opened after the first.
    pub reconnects: u64,
}

impl Summary {
    /// Devices and lines that were refused: not those that are merely not registered.
    pub fn refusals(&self) -> usize {
        self.refused.iter().filter(|(kind, _)| **kind != RefusalKind::NotRegistered).map(|(_, r)| r.count).sum()
    }
}

/// The shared status of one session.
#[derive(Debug)]
pub struct Status {
    summary: Mutex<Summary>,
    /// By message id.
    received: Box<[Counters]>,
    unknown: AtomicU64,
}

#[derive(Debug, Default)]
struct Counters {
    received: AtomicU64,
    malformed: AtomicU64,
}

impl Default for Status {
    fn default() -> Self {
        let ids = schema::MESSAGES.last().map_or(0, |m| m.id as usize + 1);
        Self { summary: Mutex::default(), received: (0..ids).map(|_| Counters::default()).collect(), unknown: AtomicU64::new(0) }
    }
}

impl Status {
    /// How it stands now.
    pub fn summary(&self) -> Summary {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it is doing now.
    pub fn state(&self) -> SessionState {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).state.clone()
    }

    /// Messages received, by name; those that never came are left out.
    pub fn received(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.by_name(|c| &c.received)
    }

    /// Messages received whose fields could not be read, by name.
    pub fn malformed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.by_name(|c| &c.malformed)
    }

    fn by_name(&self, counter: fn(&Counters) -> &AtomicU64) -> impl Iterator<Item = (&'static str, u64)> {
        schema::MESSAGES
            .iter()
            .filter_map(move |m| Some((m.name(), counter(self.received.get(m.id as usize)?).load(Ordering::Relaxed))))
            .filter(|(_, count)| *count > 0)
    }

    /// Messages received whose id is not known.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// A message came.
    #[inline]
    pub(super) fn count(&self, id: u32) {
        let counter = self.received.get(id as usize).map_or(&self.unknown, |c| &c.received);
        // One task writes, any number read.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// A message came whose fields cannot be read. Whether it is the first of its name.
    pub(super) fn count_malformed(&self, id: u32) -> bool {
        self.received.get(id as usize).is_some_and(|c| c.malformed.fetch_add(1, Ordering::Relaxed) == 0)
    }

    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Summary) -> T) -> T {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_state(&self, state: SessionState) {
        self.update(|s| s.state = state);
    }

    /// A device or line is refused from now on.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.update(|s| {
            let refused = s.refused.entry(refusal.kind()).or_default();
            refused.count += 1;
            if refused.examples.len() < EXAMPLES {
                refused.examples.push(refusal);
            }
        });
    }

    /// A device or line is refused no more.
    pub(super) fn heal(&self, refusal: &Refusal) {
        self.update(|s| {
            if let Some(refused) = s.refused.get_mut(&refusal.kind()) {
                refused.count = refused.count.saturating_sub(1);
                refused.examples.retain(|e| e != refusal);
                if refused.count == 0 {
                    s.refused.remove(&refusal.kind());
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctiqbe::names::CtiFailure;

    #[test]
    fn refusals_are_counted_by_kind_with_examples() {
        let status = Status::default();
        let refusal = |n: usize| Refusal::of_device(CtiFailure::CTIERR_DEVICE_RESTRICTED, format!("SEP{n}").into());
        (0..50).for_each(|n| status.refuse(refusal(n)));
        status.heal(&refusal(3));
        let refused = status.summary().refused.remove(&RefusalKind::DeviceRestricted).unwrap();
        assert_eq!((refused.count, refused.examples.len()), (49, 9));
        (0..49).for_each(|n| status.heal(&refusal(n)));
        assert!(status.summary().refused.is_empty());
    }

    #[test]
    fn messages_are_counted_by_name() {
        let status = Status::default();
        status.count(120);
        status.count(120);
        status.count(99_999);
        assert_eq!((status.received().collect::<Vec<_>>(), status.unknown()), (vec![("Heartbeat", 2)], 1));
    }

    #[test]
    fn only_the_first_malformed_message_of_a_name_is_the_first() {
        let status = Status::default();
        assert!(status.count_malformed(17) && !status.count_malformed(17) && status.count_malformed(38));
    }
}
