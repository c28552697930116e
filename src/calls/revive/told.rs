//! What an event says, read back from its JSON, as far as it is needed to know how a call stood.
//!
//! An event that says less than it should, or in other words, is none: whoever reads a story passes over it.

use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;

use crate::calls::words;
use crate::ctiqbe::names::CallStateCause;
use crate::event::{Cause, Device, Direction, Diversion, HandlePair, LegState, Line, Parties, Party, Presentation, Purpose};
use crate::event::{Transfer, TransferKind};
use crate::time::Timestamp;

/// The session of devices that no session has taken yet: no configuration has so many.
pub const NO_SESSION: u16 = u16::MAX;

/// An event of a call.
#[derive(Debug, Deserialize)]
pub struct Told {
    pub source: Box<str>,
    #[serde(rename = "type")]
    pub kind: Box<str>,
    pub time: Time,
    pub data: Data,
}

/// The data of `leg.*`, `call.*` and `pop.*` together.
#[derive(Debug, Deserialize)]
pub struct Data {
    pub call_id: Id,
    pub global_call_id: Option<Pair>,
    pub leg_id: Option<Pair>,
    device: Option<DeviceTold>,
    user: Option<UserTold>,
    line: Option<LineTold>,
    pub direction: Option<Word<Direction>>,
    pub state: Option<Word<LegState>>,
    pub previous_state: Option<Word<LegState>>,
    pub reason: Option<Box<str>>,
    pub cause: Option<CauseTold>,
    #[serde(default)]
    pub calling: PartyTold,
    #[serde(default)]
    pub called: PartyTold,
    #[serde(default)]
    pub original_called: PartyTold,
    #[serde(default)]
    pub last_redirecting: PartyTold,
    #[serde(default)]
    pub remote: PartyTold,
    #[serde(default)]
    pub first_calling: PartyTold,
    #[serde(default)]
    pub first_called: PartyTold,
    #[serde(default)]
    pub recovered: bool,
    #[serde(default)]
    pub unobserved: bool,
    pub purpose: Option<Word<Purpose>>,
    #[serde(default)]
    pub lines: Vec<Place>,
    pub started: Option<Time>,
    pub answered: Option<Time>,
    pub answered_by: Option<Place>,
    #[serde(default)]
    pub missed_by: Vec<Place>,
    #[serde(default)]
    pub diversions: Vec<DiversionTold>,
    #[serde(default)]
    pub transfers: Vec<TransferTold>,
    pub conference: Option<ConferenceTold>,
    pub park: Option<ParkTold>,
    pub merged_into: Option<Id>,
    pub pop_id: Option<Box<str>>,
}

/// A line, with its device and that one's user.
#[derive(Debug, Deserialize)]
pub struct Place {
    device: DeviceTold,
    user: Option<UserTold>,
    line: LineTold,
}

#[derive(Debug, Deserialize)]
struct DeviceTold {
    name: Box<str>,
    model: Box<str>,
    kind: Box<str>,
}

#[derive(Debug, Deserialize)]
struct UserTold {
    id: Box<str>,
}

#[derive(Debug, Deserialize)]
struct LineTold {
    dn: Box<str>,
    partition: Box<str>,
}

#[derive(Debug, Deserialize)]
pub struct CauseTold {
    code: u32,
}

#[derive(Debug, Deserialize)]
pub struct DiversionTold {
    reason: Box<str>,
    from: PartyTold,
    to: PartyTold,
    at: Time,
}

#[derive(Debug, Deserialize)]
pub struct TransferTold {
    kind: Word<TransferKind>,
    by: PartyTold,
    to: PartyTold,
    merged_from: Option<Id>,
    at: Time,
}

#[derive(Debug, Deserialize)]
pub struct ConferenceTold {
    pub participants: Vec<PartyTold>,
}

#[derive(Debug, Deserialize)]
pub struct ParkTold {
    pub number: Box<str>,
    pub partition: Box<str>,
}

/// A party; `null` for one of whom nothing is known.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Option<PartyMembers>")]
pub struct PartyTold(pub Party);

#[derive(Debug, Deserialize)]
struct PartyMembers {
    number: Option<String>,
    name: Option<String>,
    e164: Option<String>,
    presentation: Word<Presentation>,
    name_presentation: Word<Presentation>,
}

impl From<Option<PartyMembers>> for PartyTold {
    fn from(members: Option<PartyMembers>) -> Self {
        let party = |m: PartyMembers| Party {
            number: m.number,
            name: m.name,
            e164: m.e164,
            presentation: m.presentation.0,
            name_presentation: m.name_presentation.0,
        };
        Self(members.map(party).unwrap_or_default())
    }
}

/// `019ab0c2-…`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct Id(pub Uuid);

impl TryFrom<Box<str>> for Id {
    type Error = uuid::Error;

    fn try_from(text: Box<str>) -> Result<Self, Self::Error> {
        Uuid::try_parse(&text).map(Self)
    }
}

/// `1/500`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct Pair(pub HandlePair);

impl TryFrom<Box<str>> for Pair {
    type Error = &'static str;

    fn try_from(text: Box<str>) -> Result<Self, Self::Error> {
        // Handles are unsigned in events although the wire's `int` is signed.
        let number = |text: &str| text.parse::<u32>().map(|number| number as i32).map_err(|_| "no handle");
        let (manager, id) = text.split_once('/').ok_or("no pair of handles")?;
        Ok(Self(HandlePair(number(manager)?, number(id)?)))
    }
}

/// RFC 3339
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Box<str>")]
pub struct Time(pub Timestamp);

impl TryFrom<Box<str>> for Time {
    type Error = &'static str;

    fn try_from(text: Box<str>) -> Result<Self, Self::Error> {
        let time = humantime::parse_rfc3339(&text).map_err(|_| "no time")?;
        let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| "a time before 1970")?;
        Ok(Self(Timestamp(since.as_micros() as u64)))
    }
}

/// A word of one of the events' vocabularies.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Box<str>", bound(deserialize = "T: Vocabulary"))]
pub struct Word<T: Vocabulary>(pub T);

/// What its words stand for.
pub trait Vocabulary: Copy {
    fn of(word: &str) -> Option<Self>;
}

macro_rules! vocabularies {
    ($($name:ident)*) => {
        $(impl Vocabulary for $name {
            fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        })*
    };
}
vocabularies!(Direction LegState Presentation Purpose TransferKind);

impl<T: Vocabulary> TryFrom<Box<str>> for Word<T> {
    type Error = &'static str;

    fn try_from(text: Box<str>) -> Result<Self, Self::Error> {
        T::of(&text).map(Self).ok_or("a word that means nothing here")
    }
}

impl Data {
    /// The line of a leg or pop.
    pub fn line(&self) -> Option<Line> {
        Some(line(self.device.as_ref()?, self.user.as_ref(), self.line.as_ref()?))
    }

    /// Who takes part.
    pub fn parties(&self) -> Parties {
        let [calling, called, original_called, last_redirecting, remote] =
            [&self.calling, &self.called, &self.original_called, &self.last_redirecting, &self.remote].map(|party| party.0.clone());
        Parties::new(calling, called, original_called, last_redirecting, remote)
    }
}

impl Place {
    pub fn line(&self) -> Line {
        line(&self.device, self.user.as_ref(), &self.line)
    }
}

fn line(device: &DeviceTold, user: Option<&UserTold>, line: &LineTold) -> Line {
    let kind = match &*device.kind {
        "cti_port" => "cti_port",
        "route_point" => "route_point",
        _ => "phone",
    };
    let device = Device::new(NO_SESSION, &device.name, &device.model, kind, user.map(|user| &*user.id));
    Line::new(Arc::new(device), &line.dn, &line.partition)
}

impl CauseTold {
    pub fn cause(&self) -> Option<Cause> {
        words::cause(CallStateCause(self.code as i32))
    }
}

impl DiversionTold {
    /// `None` when the reason is not a word of ours.
    pub fn diversion(&self) -> Option<Diversion> {
        let reason = words::reason_of(&self.reason)?;
        Some(Diversion { reason: words::reason(reason), from: self.from.0.clone(), to: self.to.0.clone(), at: self.at.0 })
    }
}

impl TransferTold {
    pub fn transfer(&self) -> Transfer {
        let merged_from = self.merged_from.map(|id| id.0);
        Transfer { kind: self.kind.0, by: self.by.0.clone(), to: self.to.0.clone(), merged_from, at: self.at.0 }
    }
}
