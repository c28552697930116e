//! The calls of a simulated cluster, put through [`Gateway::observe`] message by message, as fast as whoever drives it likes.
//!
//! The clock of events is the machine's, so that whoever reads one can say how old it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::LoadError;
use super::calls::{Calls, Message, Read};
use crate::cti::{Observer as _, SessionId};
use crate::gateway::Gateway;
use crate::time::Timestamp;

/// Phones that call each other, and the gateway that hears of it.
pub struct Player {
    gateway: Arc<Gateway>,
    calls: Calls,
    reads: VecDeque<Read>,
    messages: VecDeque<Message>,
    /// Events that were told before the first message.
    first: u64,
    told: u64,
}

impl Player {
    /// So many phones, all in service, with so many calls a second on the simulated clock: how many go on beside each other.
    ///
    /// # Errors
    /// When the cluster cannot be made.
    pub fn new(gateway: Arc<Gateway>, devices: u32, per_second: f64) -> Result<Self, LoadError> {
        let mut calls = Calls::new(devices, per_second)?;
        calls.open(|_, notices| gateway.observe(SessionId(0), Timestamp::now(), notices))?;
        calls.begin(true);
        let first = gateway.told_since_start().0;
        Ok(Self { gateway, calls, reads: VecDeque::new(), messages: VecDeque::new(), first, told: 0 })
    }

    /// Events that came of messages so far.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// Tells the next message, which becomes any number of events; false when the cluster has nothing more.
    pub fn tell(&mut self) -> bool {
        let Some(message) = self.next() else { return false };
        if let Some(notice) = message.notice() {
            self.gateway.observe(SessionId(0), Timestamp::now(), &[notice]);
            self.told = self.gateway.told_since_start().0 - self.first;
        }
        true
    }

    fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            match self.reads.pop_front() {
                Some(read) => self.messages = read.messages.into(),
                None => self.calls.step(Duration::MAX, &mut self.reads).ok()?,
            }
        }
    }
}
