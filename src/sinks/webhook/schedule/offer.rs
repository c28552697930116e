//! What is offered to a schedule: an event, until when it is worth delivering, and what it has to keep its order with.

use std::sync::Arc;

use crate::gateway::keys;
use crate::journal::Entry;
use crate::time::Timestamp;

/// What has to keep its order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A call, by its id.
    Call([u8; 16]),
    /// What is told of a device, but for calls.
    Device(Box<[u8]>),
    /// All else.
    Rest,
}

impl Lane {
    /// The lane of an event.
    pub fn of(entry: &Entry) -> Self {
        let text = |wanted| entry.keys.iter().find(|(space, _)| *space == wanted).map(|(_, text)| text);
        match text(keys::CALL).and_then(|call| call.try_into().ok()) {
            Some(call) => Self::Call(call),
            None => text(keys::DEVICE).map_or(Self::Rest, |device| Self::Device(device.into())),
        }
    }
}

/// An event that is wanted, and until when.
#[derive(Clone, Debug)]
pub struct Offer {
    pub(super) entry: Arc<Entry>,
    pub(super) lane: Lane,
    pub(super) deadline: Timestamp,
    pub(super) only_here: bool,
}

impl Offer {
    /// An event that is worth delivering until its deadline.
    pub fn new(entry: Arc<Entry>, deadline: Timestamp) -> Self {
        Self { lane: Lane::of(&entry), entry, deadline, only_here: false }
    }

    /// The same of one that the log does not have: its body is kept until it is done.
    pub fn only_here(self) -> Self {
        Self { only_here: true, ..self }
    }
}
