//! A list of clients from which any can be struck at once: many leave together when a network breaks.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::mailbox::Mailbox;
use crate::event::Types;

/// A client in a list, and which types it wants there.
#[derive(Debug)]
pub struct Subscriber<P> {
    pub mailbox: Arc<Mailbox<P>>,
    pub types: Types,
    /// How many of its subscriptions put it here.
    count: usize,
}

/// Past so many clients their places are kept in a map.
const SMALL: usize = 16;

/// Clients in no order.
#[derive(Debug)]
pub struct Roster<P> {
    list: Vec<Subscriber<P>>,
    /// Where each stands in the list; empty while that is small.
    places: HashMap<(usize, Types), usize, RandomState>,
    /// Subscriptions.
    count: usize,
}

impl<P> Default for Roster<P> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::default(), count: 0 }
    }
}

impl<P> Roster<P> {
    /// Enters a client, once more if it is there.
    pub fn add(&mut self, mailbox: &Arc<Mailbox<P>>, types: Types) {
        self.count += 1;
        if let Some(known) = self.place(mailbox, types).and_then(|at| self.list.get_mut(at)) {
            known.count += 1;
            return;
        }
        self.list.push(Subscriber { mailbox: Arc::clone(mailbox), types, count: 1 });
        if self.list.len() == SMALL + 1 {
            self.places = self.list.iter().zip(0..).map(|(known, at)| (key(&known.mailbox, known.types), at)).collect();
        } else if self.list.len() > SMALL {
            self.places.insert(key(mailbox, types), self.list.len() - 1);
        }
    }

    /// Takes back one entry of a client.
    pub fn remove(&mut self, mailbox: &Arc<Mailbox<P>>, types: Types) {
        let Some(at) = self.place(mailbox, types) else { return };
        self.count -= 1;
        if let Some(known) = self.list.get_mut(at) {
            known.count -= 1;
            if known.count > 0 {
                return;
            }
        }
        self.list.swap_remove(at);
        if self.list.len() < SMALL {
            self.places = HashMap::default();
        } else if !self.places.is_empty() {
            self.places.remove(&key(mailbox, types));
            if let Some(moved) = self.list.get(at) {
                self.places.insert(key(&moved.mailbox, moved.types), at);
            }
        }
    }

    /// Everybody in it.
    pub fn iter(&self) -> impl Iterator<Item = &Subscriber<P>> {
        self.list.iter()
    }

    /// How many subscriptions put clients here.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn place(&self, mailbox: &Arc<Mailbox<P>>, types: Types) -> Option<usize> {
        if self.places.is_empty() {
            return self.list.iter().position(|known| Arc::ptr_eq(&known.mailbox, mailbox) && known.types == types);
        }
        self.places.get(&key(mailbox, types)).copied()
    }
}

fn key<P>(mailbox: &Arc<Mailbox<P>>, types: Types) -> (usize, Types) {
    (Arc::as_ptr(mailbox) as usize, types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_struck_is_gone_and_nobody_else() {
        for clients in [1, 2, SMALL, SMALL + 1, SMALL + 2, 100] {
            let mut roster = Roster::default();
            let all: Vec<Arc<Mailbox<u32>>> = (0..clients).map(|_| Arc::new(Mailbox::new(1))).collect();
            all.iter().for_each(|mailbox| roster.add(mailbox, Types::ALL));
            for (struck, mailbox) in all.iter().enumerate() {
                roster.remove(mailbox, Types::ALL);
                let left = |mailbox: &Arc<Mailbox<u32>>| roster.iter().any(|known| Arc::ptr_eq(&known.mailbox, mailbox));
                assert!(all.iter().enumerate().all(|(i, mailbox)| left(mailbox) == (i > struck)), "{struck} of {clients}");
            }
            assert!(roster.is_empty() && roster.count() == 0);
        }
    }

    #[test]
    fn a_client_that_is_entered_twice_stays_until_it_is_struck_twice() {
        let (mut roster, mailbox) = (Roster::default(), Arc::new(Mailbox::<u32>::new(1)));
        roster.add(&mailbox, Types::ALL);
        roster.add(&mailbox, Types::ALL);
        assert_eq!((roster.iter().count(), roster.count()), (1, 2));
        roster.remove(&mailbox, Types::ALL);
        assert!(!roster.is_empty());
        roster.remove(&mailbox, Types::ALL);
        assert!(roster.is_empty());
    }
}
