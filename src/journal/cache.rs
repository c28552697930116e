//! Files that are open, as many as may be: those that were asked for last.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Sequence;

/// How many are kept open. A log of the default size has twice as many segments.
const OPEN: usize = 64;

/// Which segment: its first place and its epoch.
type Of = (Sequence, u64);

/// Files by the segment that they belong to.
#[derive(Debug)]
pub(super) struct Cache<T>(Mutex<Vec<(Of, Arc<T>)>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Cache<T> {
    /// The one of a segment, opened unless it is.
    pub fn get(&self, first: Sequence, epoch: u64, open: impl FnOnce() -> io::Result<T>) -> io::Result<Arc<T>> {
        let wanted = (first, epoch);
        {
            let mut open = self.lock();
            if let Some(at) = open.iter().rposition(|(key, _)| *key == wanted) {
                let found = open.remove(at);
                let file = Arc::clone(&found.1);
                open.push(found);
                return Ok(file);
            }
        }
        let file = Arc::new(open()?);
        let mut open = self.lock();
        if open.len() >= OPEN {
            open.remove(0);
        }
        open.push((wanted, Arc::clone(&file)));
        Ok(file)
    }

    /// Closes the one of a segment: there is another in its place, or none.
    pub fn forget(&self, first: Sequence, epoch: u64) {
        self.lock().retain(|(key, _)| *key != (first, epoch));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Of, Arc<T>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_last_stays_open() {
        let (cache, opened) = (Cache::default(), Mutex::new(0));
        let get = |first| {
            cache
                .get(first, 0, || {
                    *opened.lock().unwrap() += 1;
                    Ok(())
                })
                .unwrap()
        };
        (0..OPEN as u64).for_each(|first| drop(get(first)));
        get(0);
        assert_eq!(*opened.lock().unwrap(), OPEN);
        get(1000);
        get(0);
        assert_eq!(*opened.lock().unwrap(), OPEN + 1, "0 was asked for after 1");
        get(1);
        assert_eq!(*opened.lock().unwrap(), OPEN + 2);
    }
}
