//! Legs that were up when their line was lost, and wait to be found again.
//!
//! After a break the cluster tells the calls that stand. Which leg is which is found in this order: by its handle, by its global call, by
//! its parties. Whether handles and global call ids survive every kind of break is not known.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::event::{Direction, HandlePair, LegState, Line, Parties};

use super::leg::{Leg, LegKey};

/// The legs of one session that wait.
#[derive(Debug, Default)]
pub struct Parted {
    legs: HashMap<LegKey, Leg, RandomState>,
    by_device: HashMap<Arc<str>, Vec<LegKey>, RandomState>,
}

/// An existing call that may be a leg from before a break.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub global_call: HandlePair,
    pub direction: Direction,
    pub state: LegState,
    pub parties: &'a Parties,
}

impl Parted {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// A leg waits from now on.
    pub fn keep(&mut self, key: LegKey, leg: Leg) {
        self.by_device.entry(Arc::clone(&leg.line.device.name)).or_default().push(key);
        self.legs.insert(key, leg);
    }

    /// The leg that waits under this key.
    pub fn get_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.legs.get_mut(&key)
    }

    /// The leg that waits under this key; it waits no longer.
    pub fn take_as(&mut self, key: LegKey) -> Option<Leg> {
        let leg = self.legs.remove(&key)?;
        if let Some(keys) = self.by_device.get_mut(&*leg.line.device.name) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.by_device.remove(&*leg.line.device.name);
            }
        }
        Some(leg)
    }

    /// The leg on this line that an existing call is.
    pub fn take(&mut self, line: &Line, key: LegKey, found: &Found<'_>) -> Option<(LegKey, Leg)> {
        let keys = self.by_device.get(&*line.device.name)?;
        let on_line = || keys.iter().filter_map(|key| self.legs.get(key).map(|leg| (*key, leg))).filter(|(_, leg)| is_at(&leg.line, line));
        let by_handle = || on_line().find(|(old, _)| old.leg == key.leg);
        let by_call = || on_line().find(|(_, leg)| leg.global_call == found.global_call);
        let by_parties = || on_line().find(|(_, leg)| same_parties(leg, found));
        let (old, _) = by_handle().or_else(by_call).or_else(by_parties)?;
        self.take_as(old).map(|leg| (old, leg))
    }

    /// The legs on a device, or on one line of it.
    pub fn take_at(&mut self, device: &str, line: Option<(&str, &str)>) -> Vec<(LegKey, Leg)> {
        let Some(keys) = self.by_device.get(device).cloned() else { return Vec::new() };
        let here = |leg: &Leg| line.is_none_or(|(dn, partition)| leg.line.dn == dn && leg.line.partition == partition);
        let wanted: Vec<LegKey> = keys.into_iter().filter(|key| self.legs.get(key).is_some_and(here)).collect();
        wanted.into_iter().filter_map(|key| self.take_as(key).map(|leg| (key, leg))).collect()
    }

    /// The legs that satisfy a condition, in the order of their handles.
    pub fn take_where(&mut self, wanted: impl Fn(&Leg) -> bool) -> Vec<(LegKey, Leg)> {
        let mut keys: Vec<LegKey> = self.legs.iter().filter(|(_, leg)| wanted(leg)).map(|(key, _)| *key).collect();
        keys.sort_unstable_by_key(|key| (key.line.call_manager, key.line.line, key.leg));
        keys.into_iter().filter_map(|key| self.take_as(key).map(|leg| (key, leg))).collect()
    }
}

fn is_at(known: &Line, line: &Line) -> bool {
    known.dn == line.dn && known.partition == line.partition
}

/// The same people talk in the same direction. Somebody has to be known for that. One that was answered before does not ring again: they
/// hung up meanwhile, and one calls the other anew.
fn same_parties(leg: &Leg, found: &Found<'_>) -> bool {
    let (known, new) = (&leg.parties, found.parties);
    let goes_back = leg.answered && !matches!(found.state, LegState::Connected | LegState::Held | LegState::RemoteInUse);
    leg.direction == found.direction
        && !goes_back
        && known.remote().number.is_some()
        && known.calling().number == new.calling().number
        && known.called().number == new.called().number
}
