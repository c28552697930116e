//! Flow files: what happens in a call flow, message by message, in a form that people read and write.
//!
//! ```text
//! # B answers a call of A's.
//! basis documented
//! phone A 1000
//! phone B 2000 "Bob" user=bsmith
//! line  B2 2001 on B             # a second line of phone B's device
//! messages
//! 0.0  A NewCallEvent callLegID=9001 callID=500 state=DIALTONE origin=OUTBOUND callingParty=1000
//! 0.1  A CallPartyInfoChangedEvent callLegID=9001 calledParty=2000
//! 0.2  provider DeviceUnregisteredEvent deviceInfo.name=SEP000000000002
//! expect
//! call 1: 1000 -> 2000
//! ```
//! - `phone LABEL DN ["Display name"] [user=NAME] [partition=NAME] [login=NAME]` is a phone that is watched: the nth is the device
//!   SEP and n in twelve hexadecimal digits, of the user whose name is the label in lower case. `login` is who is logged in by
//!   extension mobility. `line LABEL DN on PHONE` is one more line of a phone. The same number on two phones is a shared line.
//! - `account locked` says that the application user is locked before the client logs in.
//! - A message line is the time in seconds, whom it is about (`provider` for the session itself), the message and its fields. Names
//!   are those of `messages.schema` and `enums.schema`. What is left out is filled in by one rule (`defaults.rs`).
//! - What follows `expect` is what callcast makes of it; nothing here looks at it.
//!
//! It knows no sockets and no sessions: a flow becomes a [`Recording`](super::Recording), which is played, or frames.

mod defaults;
mod error;
mod field;
mod head;
mod message;
#[cfg(test)]
mod tests;
mod words;

pub use error::{FlowError, FlowFault, Hint};
pub use message::{Message, has_handle, set_handles};

use super::cluster::{DeviceKind, DeviceSpec, LineSpec};
use head::Head;
use message::Messages;

/// The label of messages about the session itself.
pub const PROVIDER: &str = "provider";

/// What the messages of a flow rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Those that matter are documented at CTI level.
    Documented,
    /// Some that matter were built from what is documented elsewhere.
    Constructed,
}

/// A phone that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The device's name.
    pub device: String,
    /// Whose it is.
    pub user: String,
    /// Who is logged in to it by extension mobility.
    pub login: Option<String>,
}

/// A line that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its label in the file.
    pub label: String,
    /// The phone that it is on, as an index into [`Flow::phones`].
    pub phone: usize,
    /// The directory number.
    pub dn: String,
    /// Its partition.
    pub partition: String,
    /// The display name.
    pub display: String,
}

/// A flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// What it rests on.
    pub basis: Basis,
    /// The application user is locked before the client logs in.
    pub locked: bool,
    /// The phones, in order.
    pub phones: Vec<Phone>,
    /// The lines of all phones, in order.
    pub places: Vec<Place>,
    /// What is sent, in order.
    pub messages: Vec<Message>,
    /// What must come of it: the text after `expect`, without comments and empty lines.
    pub expect: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Messages,
    Expect,
}

impl Flow {
    /// A flow from its text.
    ///
    /// # Errors
    /// The first line that says nothing sensible.
    pub fn parse(text: &str) -> Result<Self, FlowError> {
        let mut part = Part::Head;
        let (mut head, mut messages, mut expect) = (Head::default(), Messages::default(), String::new());
        let mut number = 0;
        for line in text.lines() {
            number += 1;
            let wrong = |fault| FlowError { line: number, fault: Box::new(fault) };
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if part == Part::Expect {
                expect.push_str(line.trim_end());
                expect.push('\n');
                continue;
            }
            let words = words::words(line).map_err(wrong)?;
            match (part, words.first().map(|w| w.text.as_str()), words.len()) {
                (Part::Head, Some("messages"), 1) => part = Part::Messages,
                (Part::Head | Part::Messages, Some("expect"), 1) => part = Part::Expect,
                (Part::Head, ..) => head.take(&words).map_err(wrong)?,
                _ => messages.take(&words, number, &head).map_err(wrong)?,
            }
        }
        let missing = |what| FlowError { line: number.max(1), fault: Box::new(FlowFault::Missing(what)) };
        let basis = head.basis.ok_or_else(|| missing("`basis documented` or `basis constructed`"))?;
        if part != Part::Expect {
            return Err(missing("`expect` and what must come of the messages"));
        }
        if messages.list.is_empty() && !head.locked {
            return Err(missing("any message: they stand after `messages`, one a line"));
        }
        Ok(Self { basis, locked: head.locked, phones: head.phones, places: head.places, messages: messages.list, expect })
    }

    /// The phones as devices of a cluster.
    pub fn devices(&self) -> Vec<DeviceSpec> {
        let line = |place: &Place| LineSpec { dn: place.dn.clone(), partition: place.partition.clone(), display: place.display.clone() };
        let device = |(at, phone): (usize, &Phone)| DeviceSpec {
            name: phone.device.clone(),
            kind: DeviceKind::Phone,
            owner: Some(phone.user.clone()),
            lines: self.places.iter().filter(|p| p.phone == at).map(line).collect(),
        };
        self.phones.iter().enumerate().map(device).collect()
    }

    /// The device of a line.
    pub fn device_of(&self, place: usize) -> Option<&Phone> {
        self.phones.get(self.places.get(place)?.phone)
    }
}
