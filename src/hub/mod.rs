//! Who wants which event.
//!
//! Indexed by what an event concerns (device, directory number, user), so that the cost of an event grows with the clients that want
//! it, not with those that are connected. A client gets an event once, however many of its subscriptions match. What a client
//! gets lies in its [`Mailbox`] until its own task takes it: nobody waits for anybody here.

mod mailbox;
mod roster;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

pub use mailbox::{Drained, Mailbox, Publication};

use crate::event::{Body, Event, Filter, Line, Types};
use crate::journal::Sequence;
use roster::Roster;

type Index<P> = HashMap<Box<str>, Roster<P>, RandomState>;

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
    /// Those that want everything of all types: whatever else they ask for adds nothing.
    all: Roster<P>,
    /// Those that want everything of some types.
    all_of_types: Roster<P>,
    /// Everybody with a subscription: the events of sessions and of the log concern all.
    everybody: Roster<P>,
}

impl<P> Default for Hub<P> {
    fn default() -> Self {
        let indexes = Indexes {
            devices: HashMap::default(),
            lines: HashMap::default(),
            users: HashMap::default(),
            all: Roster::default(),
            all_of_types: Roster::default(),
            everybody: Roster::default(),
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
                index.entry(text.as_str().into()).or_default().add(mailbox, filter.types);
            }
        }
        if filter.all {
            indexes.all(filter.types).add(mailbox, filter.types);
        }
        indexes.everybody.add(mailbox, filter.types);
    }

    /// Takes back one [`Hub::subscribe`] of the same filter.
    pub fn unsubscribe(&self, mailbox: &Arc<Mailbox<P>>, filter: &Filter) {
        let indexes = &mut *self.lock();
        for (index, texts) in indexes.by_text(filter) {
            for text in texts {
                let Some(subscribers) = index.get_mut(text.as_str()) else { continue };
                subscribers.remove(mailbox, filter.types);
                if subscribers.is_empty() {
                    index.remove(text.as_str());
                }
            }
        }
        if filter.all {
            indexes.all(filter.types).remove(mailbox, filter.types);
        }
        indexes.everybody.remove(mailbox, filter.types);
    }

    /// Puts each payload into the mailbox of everybody who wants its event.
    pub fn publish(&self, told: Publication<'_, P>) {
        let indexes = &*self.lock();
        // All at once: a lock and a wake-up for each client, not for each event of each client.
        indexes.all.iter().for_each(|subscriber| subscriber.mailbox.deliver(Types::ALL, told.iter()));
        told.iter().for_each(|(event, sequence, payload)| indexes.publish(event, sequence, payload));
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.lock().everybody.count()
    }

    fn lock(&self) -> MutexGuard<'_, Indexes<P>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Indexes<P> {
    fn by_text<'f>(&mut self, filter: &'f Filter) -> [(&mut Index<P>, &'f [String]); 3] {
        [(&mut self.devices, &filter.devices), (&mut self.lines, &filter.lines), (&mut self.users, &filter.users)]
    }

    fn all(&mut self, types: Types) -> &mut Roster<P> {
        if types == Types::ALL { &mut self.all } else { &mut self.all_of_types }
    }

    fn wanting(&self, line: &Line) -> impl Iterator<Item = &Roster<P>> {
        let device = self.devices.get(&*line.device.name);
        let dn = self.lines.get(line.dn.as_str());
        let user = line.device.user.as_deref().and_then(|user| self.users.get(user));
        [device, dn, user].into_iter().flatten()
    }
}

impl<P: Clone> Indexes<P> {
    /// To everybody but those who want everything.
    fn publish(&self, event: &Event, sequence: Sequence, payload: &P) {
        let deliver = |subscribers: &Roster<P>| {
            subscribers.iter().for_each(|to| to.mailbox.deliver(to.types, std::iter::once((event, sequence, payload))));
        };
        if matches!(event.body, Body::Session(_) | Body::Journal(_)) {
            return deliver(&self.everybody);
        }
        deliver(&self.all_of_types);
        if let Body::Device(body) = &event.body {
            self.devices.get(&*body.device.name).into_iter().for_each(deliver);
            let users = body.device.user.as_deref().into_iter().chain(body.login_user.as_deref());
            users.filter_map(|user| self.users.get(user)).for_each(deliver);
        }
        for line in event.lines() {
            self.wanting(line).for_each(deliver);
        }
    }
}

#[cfg(test)]
mod tests;
