//! The table: slots by dense index, names to indexes.

use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use super::slot::{Slot, WORDS};
use crate::journal::Sequence;
use crate::time::Timestamp;

/// Slots are made in blocks, so that the table grows without moving what is being read.
const BLOCK: usize = 1024;
/// 1,048,576 devices: more than 25 of the largest clusters.
const BLOCKS: usize = 1024;

/// A device's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceIndex(pub u32);

/// The sum of a device's calls: the most urgent of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregate {
    /// No call.
    #[default]
    Idle,
    /// All its calls are on hold, or in use on another device.
    Held,
    /// It calls or talks.
    Active,
    /// It rings.
    Alerting,
}

impl Aggregate {
    /// As the API and the page write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Held => "held",
            Self::Active => "active",
            Self::Alerting => "alerting",
        }
    }
}

/// The state of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// It is registered with the cluster, as far as was told.
    pub registered: bool,
    /// It is observed.
    pub in_service: bool,
    /// CUCM refuses to have it observed.
    pub restricted: bool,
    /// It left the inventory or the cluster.
    pub removed: bool,
    /// The sum of its calls.
    pub calls_state: Aggregate,
    /// How many calls it has.
    pub calls: u16,
    /// The last event that concerned it.
    pub sequence: Sequence,
    /// When that was.
    pub time: Timestamp,
    /// Since when `calls_state` is what it is.
    pub since: Timestamp,
}

impl DeviceState {
    fn to_words(self) -> [u64; WORDS] {
        let flags = [self.registered, self.in_service, self.restricted, self.removed];
        let bits = flags.into_iter().enumerate().fold(0, |bits, (i, flag)| bits | u64::from(flag) << i);
        [bits | (self.calls_state as u64) << 8 | u64::from(self.calls) << 16, self.sequence, self.time.0, self.since.0]
    }

    fn from_words([bits, sequence, time, since]: [u64; WORDS]) -> Self {
        let flag = |i: u32| bits >> i & 1 == 1;
        let calls_state = match bits >> 8 & 0xff {
            1 => Aggregate::Held,
            2 => Aggregate::Active,
            3 => Aggregate::Alerting,
            _ => Aggregate::Idle,
        };
        Self {
            registered: flag(0),
            in_service: flag(1),
            restricted: flag(2),
            removed: flag(3),
            calls_state,
            calls: (bits >> 16 & 0xffff) as u16,
            sequence,
            time: Timestamp(time),
            since: Timestamp(since),
        }
    }
}

/// A name, of a session.
type Name = (u16, Arc<str>);

/// All devices.
#[derive(Debug)]
pub struct Table {
    blocks: Box<[OnceLock<Box<[Slot]>>]>,
    names: papaya::HashMap<Name, DeviceIndex, RandomState>,
}

impl Default for Table {
    fn default() -> Self {
        Self { blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(), names: papaya::HashMap::default() }
    }
}

impl Table {
    /// How many devices it has.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The index of a device.
    pub fn index(&self, session: u16, name: &Arc<str>) -> Option<DeviceIndex> {
        self.names.pin().get(&(session, Arc::clone(name))).copied()
    }

    /// A copy of a device's state. Never waits, never sees half a write.
    #[inline]
    pub fn read(&self, index: DeviceIndex) -> Option<DeviceState> {
        self.slot(index).map(|slot| DeviceState::from_words(slot.read()))
    }

    /// The index of a device, a new one when it has none; `None` when the table is full. Only the one writer may call it.
    pub fn intern(&self, session: u16, name: &Arc<str>) -> Option<DeviceIndex> {
        if let Some(index) = self.index(session, name) {
            return Some(index);
        }
        let index = self.len();
        self.blocks.get(index / BLOCK)?.get_or_init(|| (0..BLOCK).map(|_| Slot::default()).collect());
        let index = DeviceIndex(u32::try_from(index).ok()?);
        self.names.pin().insert((session, Arc::clone(name)), index);
        Some(index)
    }

    /// Replaces a device's state. Only the one writer may call it.
    pub fn write(&self, index: DeviceIndex, state: DeviceState) {
        if let Some(slot) = self.slot(index) {
            slot.write(state.to_words());
        }
    }

    #[inline]
    fn slot(&self, DeviceIndex(index): DeviceIndex) -> Option<&Slot> {
        let index = index as usize;
        self.blocks.get(index / BLOCK)?.get()?.get(index % BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_its_slot() {
        let table = Table::default();
        let index = table.intern(0, &"SEP000000000001".into()).unwrap();
        let state = DeviceState {
            registered: true,
            in_service: true,
            restricted: false,
            removed: true,
            calls_state: Aggregate::Alerting,
            calls: 3,
            sequence: 99,
            time: Timestamp(12),
            since: Timestamp(11),
        };
        table.write(index, state);
        assert_eq!(table.read(index), Some(state));
    }

    #[test]
    fn a_name_keeps_its_index_and_sessions_do_not_share_names() {
        let table = Table::default();
        let name: Arc<str> = "SEP000000000001".into();
        let first = table.intern(0, &name);
        assert_eq!(table.intern(0, &name), first);
        assert_ne!(table.intern(1, &name), first);
    }

    #[test]
    fn the_table_grows_past_a_block() {
        let table = Table::default();
        let last = (0..=BLOCK).map(|i| table.intern(0, &format!("SEP{i:012X}").into())).last().unwrap().unwrap();
        assert_eq!(table.read(last), Some(DeviceState::default()));
    }
}
