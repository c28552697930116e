//! Who wants which event.
//!
//! Indexed by what an event concerns (device, directory number, user), so that the cost of an event grows with the clients that want
//! it, not with those that are connected. A client gets an event once, however many of its subscriptions match. What a client
//! gets lies in its [`Mailbox`] until its own task takes it: nobody waits for anybody here.

mod mailbox;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

pub use mailbox::{Drained, Mailbox};

use crate::event::{Body, Event, Filter, Line};
use crate::journal::Sequence;

type Subscribers<P> = Vec<Arc<Mailbox<P>>>;
type Index<P> = HashMap<Box<str>, Subscribers<P>, RandomState>;

/// All subscriptions. `P` is what a client is sent for an event.
#[derive(Debug)]
pub struct Hub<P> {
    indexes: Mutex<Indexes<P>>,
}

#[derive(Debug)]
struct Indexes<P> {
    devices: Index<P>,
    lines: Index<P>,
    users: Index<P>,
    all: Subscribers<P>,
    /// Everybody with a subscription: the events of sessions concern all.
    everybody: Subscribers<P>,
}

impl<P> Default for Hub<P> {
    fn default() -> Self {
        let indexes = Indexes {
            devices: HashMap::default(),
            lines: HashMap::default(),
            users: HashMap::default(),
            all: Vec::new(),
            everybody: Vec::new(),
        };
        Self { indexes: Mutex::new(indexes) }
    }
}

impl<P: Clone> Hub<P> {
    /// From now on the mailbox gets what the filter asks for.
    pub fn subscribe(&self, mailbox: &Arc<Mailbox<P>>, filter: &Filter) {
        let indexes = &mut *self.lock();
        for (index, texts) in indexes.by_text(filter) {
            for text in texts {
                index.entry(text.as_str().into()).or_default().push(Arc::clone(mailbox));
            }
        }
        if filter.all {
            indexes.all.push(Arc::clone(mailbox));
        }
        indexes.everybody.push(Arc::clone(mailbox));
    }

    /// Takes back one [`Hub::subscribe`] of the same filter.
    pub fn unsubscribe(&self, mailbox: &Arc<Mailbox<P>>, filter: &Filter) {
        let indexes = &mut *self.lock();
        for (index, texts) in indexes.by_text(filter) {
            for text in texts {
                let Some(subscribers) = index.get_mut(text.as_str()) else { continue };
                remove_one(subscribers, mailbox);
                if subscribers.is_empty() {
                    index.remove(text.as_str());
                }
            }
        }
        if filter.all {
            remove_one(&mut indexes.all, mailbox);
        }
        remove_one(&mut indexes.everybody, mailbox);
    }

    /// Puts `payload` into the mailbox of everybody who wants the event.
    pub fn publish(&self, event: &Event, sequence: Sequence, payload: &P) {
        let indexes = &*self.lock();
        let deliver = |subscribers: &Subscribers<P>| subscribers.iter().for_each(|mailbox| mailbox.deliver(sequence, payload));
        if matches!(event.body, Body::Session(_)) {
            return deliver(&indexes.everybody);
        }
        deliver(&indexes.all);
        if let Body::Device(body) = &event.body {
            indexes.devices.get(&*body.device.name).into_iter().for_each(deliver);
            body.device.user.iter().filter_map(|user| indexes.users.get(&**user)).for_each(deliver);
        }
        for line in event.lines() {
            indexes.wanting(line).for_each(deliver);
        }
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.lock().everybody.len()
    }

    fn lock(&self) -> MutexGuard<'_, Indexes<P>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Indexes<P> {
    fn by_text<'f>(&mut self, filter: &'f Filter) -> [(&mut Index<P>, &'f [String]); 3] {
        [(&mut self.devices, &filter.devices), (&mut self.lines, &filter.lines), (&mut self.users, &filter.users)]
    }

    fn wanting(&self, line: &Line) -> impl Iterator<Item = &Subscribers<P>> {
        let device = self.devices.get(&*line.device.name);
        let dn = self.lines.get(line.dn.as_str());
        let user = line.device.user.as_deref().and_then(|user| self.users.get(user));
        [device, dn, user].into_iter().flatten()
    }
}

fn remove_one<P>(subscribers: &mut Subscribers<P>, mailbox: &Arc<Mailbox<P>>) {
    if let Some(at) = subscribers.iter().position(|known| Arc::ptr_eq(known, mailbox)) {
        subscribers.swap_remove(at);
    }
}

#[cfg(test)]
mod tests;
