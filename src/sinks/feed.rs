//! What one client is fed: its subscriptions, and its place in the log when it is not up to date.
//!
//! A client that is up to date finds everything in its mailbox. One that asked for what it missed, or whose mailbox was full, reads the
//! log at its own pace until it is: nobody waits for it, and it holds no more memory than anybody. Which place it goes on from is
//! settled under the lock under which events are told, so that nothing comes twice and nothing is left out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::access::Scope;
use crate::event::Filter;
use crate::gateway::{Forbidden, Gateway, Lost, Missed, Opening, Outgoing, Snapshot, Wanted};
use crate::hub::{Drained, Mailbox};
use crate::journal::{Cursor, JournalError, Sequence};

/// Limits on what a client may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Subscriptions.
    pub subscriptions: usize,
    /// Devices, lines and users in all of them.
    pub texts: usize,
    /// Events that wait in memory.
    pub mailbox: usize,
    /// How long it may read the log until it is up to date.
    pub catch_up: Duration,
}

/// What a client is sent next.
#[derive(Debug)]
pub enum Delivery {
    /// Events.
    Events(Vec<Outgoing>),
    /// So many events are no longer kept; it goes on after this place.
    Gap {
        /// How many places were passed over.
        count: u64,
        /// Where it goes on.
        cursor: Cursor,
    },
    /// A subscription that went on where it was is up to date.
    Live {
        /// Its name.
        id: String,
        /// Up to where.
        cursor: Cursor,
    },
}

/// Why a subscription is refused.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The name is taken.
    #[error("there is a subscription {id:?} already on this connection: unsubscribe it first, or take another id")]
    DuplicateId {
        /// The name.
        id: String,
    },
    /// There is no such subscription.
    #[error("there is no subscription {id:?} on this connection")]
    UnknownId {
        /// The name.
        id: String,
    },
    /// One more is too many.
    #[error("this connection has {limit} subscriptions, the limit (max_subscriptions): put more devices, lines or users into one")]
    TooManySubscriptions {
        /// How many there may be.
        limit: usize,
    },
    /// They name too much.
    #[error(
        "with this subscription the connection would name {texts} devices, lines and users; the limit is {limit} (max_texts): ask for \"all\""
    )]
    TooManyTexts {
        /// How many there would be.
        texts: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It asks for what its owner may not see.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// A client has to be let go.
#[derive(Debug, Error)]
pub enum FeedError {
    /// It did not get up to date in the time given to it.
    #[error("fell behind: subscribe again with the last cursor as \"after\"")]
    FellBehind,
    /// The log cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// How a subscription begins.
#[derive(Debug)]
pub enum Begins {
    /// With how things stand, and why it does not go on where it was, if that was asked for.
    Snapshot(Snapshot, Option<Lost>),
    /// Where it was: what was missed comes next.
    Resumed,
}

/// A client's subscriptions and its place.
#[derive(Debug)]
pub struct Feed {
    gateway: Arc<Gateway>,
    mailbox: Arc<Mailbox<Outgoing>>,
    scope: Arc<Scope>,
    limits: Limits,
    named: Vec<Named>,
    /// What has to be read from the log before the mailbox is looked at.
    reading: VecDeque<Reading>,
    /// More waits in the mailbox.
    more: bool,
}

#[derive(Debug)]
struct Named {
    id: String,
    filter: Filter,
    /// From here on its events come by the mailbox.
    since: Sequence,
}

/// A part of the log that is still to be read.
#[derive(Debug)]
struct Reading {
    /// For this subscription; else for all.
    id: Option<String>,
    from: Sequence,
    /// The first event that comes by the mailbox; unknown while the client is too far behind to be put into it again.
    until: Option<Sequence>,
    began: Instant,
}

impl Feed {
    /// Of a client that may see what `scope` allows. It has no subscription yet.
    pub fn new(gateway: Arc<Gateway>, scope: Arc<Scope>, limits: Limits) -> Self {
        let mailbox = Arc::new(Mailbox::new(limits.mailbox));
        mailbox.limit_to(&scope);
        Self { gateway, mailbox, scope, limits, named: Vec::new(), reading: VecDeque::new(), more: false }
    }

    /// From now on the client may see what `scope` allows.
    pub fn limit_to(&mut self, scope: Arc<Scope>) {
        self.mailbox.limit_to(&scope);
        self.scope = scope;
    }

    /// Adds a subscription: one that goes on after a place, or one that begins with how things stand.
    ///
    /// # Errors
    /// When there is one of this name, one more is too many, or it asks for what the client may not see.
    pub fn subscribe(&mut self, id: String, filter: &Filter, after: Option<Cursor>) -> Result<Begins, Refused> {
        if self.named.iter().any(|known| known.id == id) {
            return Err(Refused::DuplicateId { id });
        }
        if self.named.len() >= self.limits.subscriptions {
            return Err(Refused::TooManySubscriptions { limit: self.limits.subscriptions });
        }
        let texts = filter.len() + self.named.iter().map(|known| known.filter.len()).sum::<usize>();
        if texts > self.limits.texts {
            return Err(Refused::TooManyTexts { texts, limit: self.limits.texts });
        }
        let (filter, opening) = self.gateway.subscribe(&self.mailbox, filter, &self.scope, after)?;
        let (begins, since) = match opening {
            Opening::Resumed { from, until } => {
                self.reading.push_back(Reading { id: Some(id.clone()), from, until: Some(until), began: Instant::now() });
                (Begins::Resumed, until)
            }
            Opening::Snapshot { snapshot, lost } => {
                let since = snapshot.cursor.sequence + 1;
                (Begins::Snapshot(snapshot, lost), since)
            }
        };
        // Nearly every client has one; a vector would make room for four.
        self.named.reserve_exact(1);
        self.named.push(Named { id, filter, since });
        Ok(begins)
    }

    /// Takes a subscription back.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn unsubscribe(&mut self, id: &str) -> Result<(), Refused> {
        let at = self.named.iter().position(|known| known.id == id).ok_or_else(|| Refused::UnknownId { id: id.to_owned() })?;
        let Named { filter, .. } = self.named.swap_remove(at);
        self.gateway.unsubscribe(&self.mailbox, &filter);
        self.reading.retain(|reading| reading.id.as_deref() != Some(id));
        Ok(())
    }

    /// Waits until there is something to be sent. May return for nothing.
    pub async fn ready(&self) {
        if !self.more && self.reading.is_empty() {
            self.mailbox.filled().await;
        }
    }

    /// Where a client stands that has seen an event; none for one that is not in the log.
    pub fn cursor_of(&self, event: &Outgoing) -> Option<Cursor> {
        let journal = self.gateway.reader().id();
        event.epoch.map(|epoch| Cursor { journal, epoch, sequence: event.sequence })
    }

    /// Whether something is to be sent at once.
    pub fn has_more(&self) -> bool {
        self.more || !self.reading.is_empty()
    }

    /// What is to be sent next: at most `limit` events of the mailbox, or a piece of the log.
    ///
    /// # Errors
    /// When the client has to be let go.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, FeedError> {
        if !self.reading.is_empty() {
            return Box::pin(self.read()).await;
        }
        let mut events = Vec::new();
        let drained = self.mailbox.drain(&mut events, limit);
        self.more = drained == Drained::More;
        if let Drained::Behind(from) = drained {
            self.reading.push_back(Reading { id: None, from, until: None, began: Instant::now() });
        }
        Ok(if events.is_empty() { Vec::new() } else { vec![Delivery::Events(events)] })
    }

    /// A piece of the log.
    async fn read(&mut self) -> Result<Vec<Delivery>, FeedError> {
        let Some(reading) = self.reading.front_mut() else { return Ok(Vec::new()) };
        if reading.began.elapsed() > self.limits.catch_up {
            return Err(FeedError::FellBehind);
        }
        // Once what is left fits into the mailbox by far, what comes new is put there again.
        if reading.until.is_none() && self.gateway.newest().saturating_sub(reading.from) < self.limits.mailbox as u64 / 2 {
            reading.until = Some(self.gateway.rejoin(&self.mailbox));
        }
        let (from, until) = (reading.from, reading.until.unwrap_or_else(|| self.gateway.newest() + 1));
        let wanted = Self::wanted(&self.named, reading.id.as_deref(), &self.scope);
        let Missed { frames, next, trimmed } = self.gateway.read_missed(wanted, from, until).await?;
        let mut deliveries = Vec::new();
        if trimmed > 0 {
            deliveries.push(Delivery::Gap { count: trimmed, cursor: self.gateway.cursor_at(from + trimmed - 1) });
        }
        if !frames.is_empty() {
            deliveries.push(Delivery::Events(frames));
        }
        reading.from = next;
        if reading.until.is_some_and(|until| next >= until) {
            let id = self.reading.pop_front().and_then(|reading| reading.id);
            deliveries.extend(id.map(|id| Delivery::Live { id, cursor: self.gateway.cursor_at(until - 1) }));
            // What came meanwhile may wait already.
            self.more = true;
        }
        Ok(deliveries)
    }

    /// What is to be read for one subscription, without what the others bring; or for all.
    fn wanted(named: &[Named], id: Option<&str>, scope: &Arc<Scope>) -> Wanted {
        let is_wanted = |known: &&Named| id.is_none_or(|id| known.id == id);
        Wanted {
            filters: named.iter().filter(is_wanted).map(|known| known.filter.clone()).collect(),
            without: named.iter().filter(|known| !is_wanted(known)).map(|known| (known.filter.clone(), known.since)).collect(),
            scope: Arc::clone(scope),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        for Named { filter, .. } in &self.named {
            self.gateway.unsubscribe(&self.mailbox, filter);
        }
    }
}

#[cfg(test)]
mod tests;
