//! One client's subscriptions: their names, their limits, and their end with the client.

use std::sync::Arc;

use super::config::Config;
use super::protocol::Refused;
use crate::event::Filter;
use crate::gateway::{Gateway, Outgoing, Snapshot};
use crate::hub::Mailbox;

/// The subscriptions of one client; they are taken back when it is dropped.
#[derive(Debug)]
pub struct Subscriptions {
    gateway: Arc<Gateway>,
    mailbox: Arc<Mailbox<Outgoing>>,
    named: Vec<(String, Filter)>,
}

impl Subscriptions {
    /// No subscription yet.
    pub fn new(gateway: Arc<Gateway>, mailbox: Arc<Mailbox<Outgoing>>) -> Self {
        Self { gateway, mailbox, named: Vec::new() }
    }

    /// Adds one.
    ///
    /// # Errors
    /// When there is one of this name, or one more is too many.
    pub fn subscribe(&mut self, id: String, filter: Filter, config: &Config) -> Result<Snapshot, Refused> {
        if self.named.iter().any(|(known, _)| *known == id) {
            return Err(Refused::DuplicateId { id });
        }
        if self.named.len() >= config.max_subscriptions {
            return Err(Refused::TooManySubscriptions { limit: config.max_subscriptions });
        }
        let texts = filter.len() + self.named.iter().map(|(_, filter)| filter.len()).sum::<usize>();
        if texts > config.max_texts {
            return Err(Refused::TooManyTexts { texts, limit: config.max_texts });
        }
        let snapshot = self.gateway.subscribe(&self.mailbox, &filter);
        self.named.push((id, filter));
        Ok(snapshot)
    }

    /// Takes one back.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn unsubscribe(&mut self, id: &str) -> Result<(), Refused> {
        let at = self.named.iter().position(|(known, _)| known == id).ok_or_else(|| Refused::UnknownId { id: id.to_owned() })?;
        let (_, filter) = self.named.swap_remove(at);
        self.gateway.unsubscribe(&self.mailbox, &filter);
        Ok(())
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for (_, filter) in &self.named {
            self.gateway.unsubscribe(&self.mailbox, filter);
        }
    }
}
