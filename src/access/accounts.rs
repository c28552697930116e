//! How many connections each account has open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

/// An account has as many connections as it may have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("this account has {0} connections open, the limit (api.websocket.max_clients_per_account); close one, or raise it")]
pub struct TooMany(pub usize);

/// Counts connections by account. An account without any takes no room.
#[derive(Debug)]
pub struct Accounts {
    limit: usize,
    open: Mutex<HashMap<Arc<str>, usize>>,
}

impl Accounts {
    /// None is open; each account may have `limit`.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, open: Mutex::default() })
    }

    /// Counts one more connection of an account until the seat is dropped.
    ///
    /// # Errors
    /// When the account has as many as it may have.
    pub fn enter(self: &Arc<Self>, account: &Arc<str>) -> Result<Seat, TooMany> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(Arc::clone(account)).or_default();
        if *count >= self.limit {
            // With a limit of zero the entry is a new one.
            if *count == 0 {
                open.remove(account);
            }
            return Err(TooMany(self.limit));
        }
        *count += 1;
        Ok(Seat { accounts: Arc::clone(self), account: Arc::clone(account) })
    }

    fn leave(&self, account: &Arc<str>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = open.entry(Arc::clone(account)) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// One connection of an account, for as long as it lives.
#[derive(Debug)]
pub struct Seat {
    accounts: Arc<Accounts>,
    account: Arc<str>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.accounts.leave(&self.account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_may_have_so_many_and_others_do_not_count() {
        let accounts = Accounts::new(2);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let first = accounts.enter(&a).unwrap();
        let _second = accounts.enter(&a).unwrap();
        assert_eq!(accounts.enter(&a).unwrap_err(), TooMany(2));
        let _other = accounts.enter(&b).unwrap();
        drop(first);
        accounts.enter(&a).unwrap();
    }

    #[test]
    fn who_left_takes_no_room() {
        let accounts = Accounts::new(1);
        drop(accounts.enter(&"a".into()).unwrap());
        assert!(accounts.open.lock().unwrap().is_empty());
        Accounts::new(0).enter(&"a".into()).unwrap_err();
    }
}
