//! What a CTI session reads of a simulated cluster's calls, to be told to a gateway at any speed.
//!
//! The cluster and the session run on a clock of their own ([`super::lockstep`]): what they tell is the same on any machine.

use std::sync::Arc;
use std::time::Duration;

use super::LoadError;
use super::lockstep::Lockstep;
use crate::cti::inventory::DeviceList;
use crate::cti::{Config, Device, DeviceChange, Notice};
use crate::ctiqbe::{FRAME_LIMIT, Frame};
use crate::sim;
use crate::time::Timestamp;

/// When the cluster's clock begins.
pub const BEGAN: Timestamp = Timestamp(1_800_000_000_000_000);
/// How long the devices are given to be opened, on that clock.
const OPENING: Duration = Duration::from_secs(30);

/// What one read of the socket brought.
#[derive(Debug)]
pub struct Read {
    /// When, on the cluster's clock.
    pub at: Timestamp,
    /// In its order.
    pub messages: Vec<Message>,
}

/// A part of a read.
#[derive(Debug)]
pub enum Message {
    /// One message about a call: a frame.
    Call(Vec<u8>),
    /// What the session made of a device's message.
    Device(Arc<Device>, DeviceChange<'static>),
}

impl Message {
    /// As the session tells it. `None` never comes of what was read.
    pub fn notice(&self) -> Option<Notice<'_>> {
        match self {
            Self::Call(bytes) => Frame::split(bytes, FRAME_LIMIT).ok().flatten().map(Notice::Message),
            Self::Device(device, change) => Some(Notice::Device { device, change: *change }),
        }
    }

    fn of(notice: &Notice<'_>) -> Option<Self> {
        match notice {
            Notice::Message(frame) => Some(Self::Call(frame.bytes().to_vec())),
            Notice::Device { device, change: DeviceChange::State { state, asked } } => {
                Some(Self::Device(Arc::clone(device), DeviceChange::State { state: *state, asked: *asked }))
            }
            _ => None,
        }
    }
}

/// A cluster whose phones call each other, and a session that watches all of them.
pub struct Calls {
    lockstep: Lockstep,
}

impl Calls {
    /// Phone i is that of `user` and i; so many calls of all kinds a second, none before [`Calls::begin`].
    ///
    /// # Errors
    /// When the cluster cannot be made.
    pub fn new(devices: u32, per_second: f64) -> Result<Self, LoadError> {
        let calls = sim::CallMix { per_second, ..sim::CallMix::default() };
        let cluster = sim::Config { devices, shared_lines: devices / 10, calls, ..sim::Config::default() };
        let user = cluster.accounts.first().map(|account| account.user.clone()).unwrap_or_default();
        let mut session = Config::new(vec!["cucm".into()], user);
        session.pace.devices_per_second = 0;
        let phones = (1..=devices).map(|i| format!("{},user{i}\n", sim::phone_name(i)));
        let inventory = "device,user\n".to_owned() + &phones.collect::<String>();
        let inventory = DeviceList::from_csv(&inventory).map_err(|error| LoadError::Cluster(error.to_string()))?;
        let lockstep = Lockstep::new(&cluster, session, inventory, BEGAN).map_err(|error| LoadError::Cluster(error.to_string()))?;
        let mut calls = Self { lockstep };
        calls.lockstep.simulation.set_paused(true);
        Ok(calls)
    }

    /// Opens all devices, and tells `observe` what the session finds.
    ///
    /// # Errors
    /// When the two do not understand each other.
    pub fn open(&mut self, mut observe: impl FnMut(Timestamp, &[Notice<'_>])) -> Result<(), LoadError> {
        while self.lockstep.now() < OPENING {
            self.lockstep.step(OPENING, &mut observe).map_err(|error| LoadError::Cluster(error.to_string()))?;
        }
        Ok(())
    }

    /// From now on calls are made, or no more.
    pub fn begin(&mut self, begin: bool) {
        self.lockstep.simulation.set_paused(!begin);
    }

    /// Goes on to the next moment, but not past `limit` on the clock; what was read then.
    ///
    /// # Errors
    /// When the two do not understand each other.
    pub fn step(&mut self, limit: Duration, reads: &mut impl Extend<Read>) -> Result<(), LoadError> {
        let keep = |at, notices: &[Notice<'_>]| {
            let messages: Vec<Message> = notices.iter().filter_map(Message::of).collect();
            reads.extend((!messages.is_empty()).then_some(Read { at, messages }));
        };
        self.lockstep.step(limit, keep).map_err(|error| LoadError::Cluster(error.to_string()))
    }

    /// All that is read while calls are made for a time, and until they are over.
    ///
    /// # Errors
    /// When the two do not understand each other.
    pub fn record(mut self, made: Duration, afterwards: Duration) -> Result<Vec<Read>, LoadError> {
        let mut reads = Vec::new();
        for (begin, time) in [(true, made), (false, afterwards)] {
            self.begin(begin);
            let limit = self.lockstep.now() + time;
            while self.lockstep.now() < limit {
                self.step(limit, &mut reads)?;
            }
        }
        Ok(reads)
    }
}
