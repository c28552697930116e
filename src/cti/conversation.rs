//! Our side of the wire: bytes to be sent, sequence numbers, and requests that wait for their answers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::ctiqbe::{Message, VERSION_12_5, encode, messages};

/// A request, and whom its answer concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `ProviderInitRequest`
    Init,
    /// `ProviderOpenRequest`, until `ProviderOpenCompletedEvent`.
    Open,
    /// `ProviderGetCapabilitiesRequest`
    Capabilities,
    /// `ProviderGetAllDevicesAndLinesRequest`, until it is completed.
    List,
    /// `ProviderDeviceAcquireRequest`
    Acquire(Arc<str>),
    /// `ProviderGetSingleDeviceAndLinesRequest`, until it is completed.
    Describe(Arc<str>),
    /// `DeviceOpenRequest`
    OpenDevice(Arc<str>),
    /// `LineOpenRequest`: the device, and the line's number in our table.
    OpenLine(Arc<str>, u32),
    /// `DeviceGetDeviceStateRequest`
    DeviceState(Arc<str>),
    /// One that gives something back. Its answer changes nothing.
    Release,
}

/// What is sent, and what waits for an answer.
#[derive(Debug)]
pub struct Conversation {
    outgoing: Vec<u8>,
    version: u32,
    sequence: i32,
    waiting: HashMap<i32, (Request, Duration)>,
    /// Deadlines as they were set; those of requests that were answered or renewed are stale.
    deadlines: VecDeque<(Duration, i32)>,
}

impl Default for Conversation {
    fn default() -> Self {
        Self { outgoing: vec![], version: VERSION_12_5, sequence: 0, waiting: HashMap::new(), deadlines: VecDeque::new() }
    }
}

impl Conversation {
    /// A new connection: nothing is to be sent, nothing waits.
    pub fn restart(&mut self, version: u32) {
        *self = Self { outgoing: std::mem::take(&mut self.outgoing), version, ..Self::default() };
        self.outgoing.clear();
    }

    /// Moves the bytes to be sent to the end of `to`.
    pub fn drain_to(&mut self, to: &mut Vec<u8>) {
        to.append(&mut self.outgoing);
    }

    /// Asks: `message` makes the request of a sequence number.
    pub fn ask<'m, M: Message<'m>>(&mut self, request: Request, deadline: Duration, message: impl FnOnce(i32) -> M) {
        let sequence = self.sequence;
        // It wraps after two thousand million requests, when none of the first is waiting any more.
        self.sequence = sequence.checked_add(1).unwrap_or(0);
        self.waiting.insert(sequence, (request, deadline));
        self.deadlines.push_back((deadline, sequence));
        encode(&message(sequence), self.version, &mut self.outgoing);
    }

    /// Sends a heartbeat.
    pub fn heartbeat(&mut self) {
        encode(&messages::Heartbeat::default(), self.version, &mut self.outgoing);
    }

    /// The request of this sequence number, which goes on waiting.
    pub fn waiting(&self, sequence: i32) -> Option<&Request> {
        self.waiting.get(&sequence).map(|(request, _)| request)
    }

    /// The request of this sequence number: it is answered.
    pub fn answered(&mut self, sequence: i32) -> Option<Request> {
        self.waiting.remove(&sequence).map(|(request, _)| request)
    }

    /// The same, if it is a request to which this is an answer. Another one goes on waiting for its own.
    pub fn answered_if(&mut self, sequence: i32, fits: impl FnOnce(&Request) -> bool) -> Option<Request> {
        self.waiting(sequence).is_some_and(fits).then(|| self.answered(sequence)).flatten()
    }

    /// This request, if it waits, is answered, whatever its sequence number. Whether it waited.
    pub fn completed(&mut self, request: &Request) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|_, (waiting, _)| waiting != request);
        self.waiting.len() < before
    }

    /// The request of this sequence number was partly answered: it may take until `deadline`.
    pub fn renew(&mut self, sequence: i32, deadline: Duration) {
        if let Some((_, until)) = self.waiting.get_mut(&sequence) {
            *until = deadline;
        }
    }

    /// How many requests wait.
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// A request that was not answered in time. It waits no more.
    pub fn expired(&mut self, now: Duration) -> Option<Request> {
        while self.deadline()? <= now {
            let (_, sequence) = self.deadlines.pop_front()?;
            match self.waiting.get(&sequence) {
                Some((_, until)) if *until > now => self.deadlines.push_back((*until, sequence)),
                _ => return self.answered(sequence),
            }
        }
        None
    }

    /// When the next request may expire.
    pub fn deadline(&mut self) -> Option<Duration> {
        while let Some((at, sequence)) = self.deadlines.front() {
            if self.waiting.contains_key(sequence) {
                return Some(*at);
            }
            self.deadlines.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctiqbe::messages::ProviderCloseRequest;

    fn ask(talk: &mut Conversation, request: Request, seconds: u64) {
        talk.ask(request, Duration::from_secs(seconds), |sequence_number| ProviderCloseRequest { sequence_number });
    }

    #[test]
    fn an_answer_belongs_to_the_request_of_its_number() {
        let mut talk = Conversation::default();
        ask(&mut talk, Request::Init, 1);
        ask(&mut talk, Request::List, 1);
        assert_eq!((talk.answered(1), talk.answered(1), talk.in_flight()), (Some(Request::List), None, 1));
    }

    #[test]
    fn what_is_not_answered_in_time_expires_once() {
        let mut talk = Conversation::default();
        ask(&mut talk, Request::Init, 200);
        ask(&mut talk, Request::List, 15);
        talk.answered(0);
        assert_eq!(talk.deadline(), Some(Duration::from_secs(15)));
        assert_eq!(talk.expired(Duration::from_secs(14)), None);
        assert_eq!(talk.expired(Duration::from_secs(15)), Some(Request::List));
        assert_eq!(talk.expired(Duration::from_secs(99)), None);
    }

    #[test]
    fn a_renewed_request_has_more_time() {
        let mut talk = Conversation::default();
        ask(&mut talk, Request::List, 15);
        talk.renew(0, Duration::from_secs(20));
        assert_eq!(talk.expired(Duration::from_secs(15)), None);
        assert_eq!(talk.expired(Duration::from_secs(20)), Some(Request::List));
    }
}
