//! What is sent once more because somebody asked for it, and whatever else is read from the log by its place.

use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Command, Runner, SUPPLY, UnderWay};
use crate::journal::{Entry, JournalError, PARKED, Reader, Sequence};
use crate::sinks::webhook::schedule::Offer;
use crate::time::Timestamp;

/// Events that may wait before more are sent once more: the rest is for what is new.
const AGAIN: usize = PARKED / 4 * 3;

/// Events of the log, or why it cannot be read, and which they were.
pub(super) type Fetching = JoinHandle<Result<Vec<Arc<Entry>>, (JournalError, Vec<Sequence>)>>;

impl Runner {
    /// Has the log read for what is to be sent once more, where there is room.
    pub(super) fn fetch(&mut self, under: &mut UnderWay) {
        if self.again.is_empty() || under.fetching.is_some() || self.unreadable.is_some() {
            return;
        }
        let room = AGAIN.saturating_sub(self.live.schedule().waiting().0).min(SUPPLY).min(self.again.len());
        if room > 0 {
            under.fetching = Some(read_all(self.feed.reader(), self.again.drain(..room).collect()));
        }
    }

    pub(super) fn offer_again(&mut self, entries: <Fetching as Future>::Output) {
        match entries {
            Ok(Ok(entries)) => {
                let mut schedule = self.live.schedule();
                let now = Timestamp::now();
                for entry in entries {
                    let deadline = self.live.deadline(&entry, now);
                    schedule.offer(Offer::new(entry, deadline));
                }
            }
            Ok(Err((error, events))) => {
                events.into_iter().rev().for_each(|event| self.again.push_front(event));
                self.cannot_read(&error);
            }
            // The runtime ends.
            Err(_) => {}
        }
    }

    /// What is still to be sent once more is set aside, as far as there is room: it goes on after the next start.
    pub(super) async fn put_by(&mut self, under: &mut UnderWay) {
        while let Ok(Command::Redeliver(events)) = self.commands.try_recv() {
            self.again.extend(events);
        }
        if let Some(fetching) = under.fetching.take() {
            self.offer_again(fetching.await);
        }
        let room = PARKED.saturating_sub(self.live.schedule().waiting().0).min(self.again.len());
        if room > 0 {
            let events = self.again.drain(..room).collect();
            let fetching = read_all(self.feed.reader(), events);
            self.offer_again(fetching.await);
        }
    }
}

/// Those of these events that the log has.
pub(super) fn read_all(reader: &Reader, sequences: Vec<Sequence>) -> Fetching {
    let reader = reader.clone();
    tokio::task::spawn_blocking(move || {
        let mut entries = Vec::with_capacity(sequences.len());
        for sequence in &sequences {
            match reader.get(*sequence) {
                Ok(entry) => entries.extend(entry.filter(|entry| !entry.event.is_empty()).map(Arc::new)),
                Err(error) => return Err((error, sequences)),
            }
        }
        Ok(entries)
    })
}
