//! Who takes part in a leg, from the messages that say so.
//!
//! The wire carries a withheld number all the same, with a flag beside it: it is dropped here, before anything downstream sees it.

use crate::ctiqbe::messages::{CallPartyInfoChangedEvent, ExistingCallEvent, GlobalCallHandleChangedEvent, NewCallEvent};
use crate::ctiqbe::{Text, Wide};
use crate::event::{Direction, Line, Parties, Party, Presentation};

/// A party as a message carries it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawParty<'a> {
    number: Text<'a>,
    name: Text<'a>,
    wide_name: Wide<'a>,
    /// `…Pi`: the number may be shown.
    number_allowed: bool,
    /// `…NamePi`: the name may be shown.
    name_allowed: bool,
    partition: Text<'a>,
}

/// The parties of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawParties<'a> {
    calling: RawParty<'a>,
    called: RawParty<'a>,
    original_called: RawParty<'a>,
    last_redirecting: RawParty<'a>,
    /// The calling number in E.164 form, where the cluster made one.
    globalized_calling: Text<'a>,
}

/// The messages have the same fields, but for the name of the original called party.
macro_rules! raw_parties {
    ($message:ident, $original:ident, $original_name:ident) => {
        impl<'a> From<&$message<'a>> for RawParties<'a> {
            fn from(m: &$message<'a>) -> Self {
                Self {
                    calling: RawParty {
                        number: m.calling_party,
                        name: m.calling_party_name,
                        wide_name: m.unicode_calling_party_name,
                        number_allowed: m.calling_party_pi,
                        name_allowed: m.calling_party_name_pi,
                        partition: m.calling_party_dn_info.partition,
                    },
                    called: RawParty {
                        number: m.called_party,
                        name: m.called_party_name,
                        wide_name: m.unicode_called_party_name,
                        number_allowed: m.called_party_pi,
                        name_allowed: m.called_party_name_pi,
                        partition: m.called_party_dn_info.partition,
                    },
                    original_called: RawParty {
                        number: m.$original,
                        name: m.$original_name,
                        wide_name: m.unicode_original_called_party_name,
                        number_allowed: m.original_called_party_pi,
                        name_allowed: m.original_called_party_name_pi,
                        partition: m.original_called_party_dn_info.partition,
                    },
                    last_redirecting: RawParty {
                        number: m.last_redirecting_party,
                        name: m.last_redirecting_party_name,
                        wide_name: m.unicodelast_redirecting_party_name,
                        number_allowed: m.last_redirecting_party_pi,
                        name_allowed: m.last_redirecting_party_name_pi,
                        partition: m.last_redirecting_party_dn_info.partition,
                    },
                    globalized_calling: m.globalized_calling_party,
                }
            }
        }
    };
}

raw_parties!(NewCallEvent, original_called_party, original_party_name);
raw_parties!(ExistingCallEvent, original_called_party, original_called_party_name);
raw_parties!(CallPartyInfoChangedEvent, original_called_party, original_called_party_name);
raw_parties!(GlobalCallHandleChangedEvent, original_party, original_party_name);

impl RawParty<'_> {
    fn party(&self, reveal: bool) -> Party {
        let name = if self.wide_name.is_empty() { self.name.to_string() } else { self.wide_name.to_string() };
        let number = self.number.to_string();
        let (presentation, number) = presented(number, self.number_allowed, reveal);
        let (name_presentation, name) = presented(name, self.name_allowed, reveal);
        Party { number, name, e164: None, presentation, name_presentation }
    }

    /// Whether this is the line itself.
    fn is(&self, line: &Line) -> bool {
        let (number, partition) = (self.number.as_bytes(), self.partition.as_bytes());
        number == line.dn.as_bytes() && (partition.is_empty() || line.partition.is_empty() || partition == line.partition.as_bytes())
    }
}

/// A text with whether it may be shown; without it when it may not.
fn presented(text: String, allowed: bool, reveal: bool) -> (Presentation, Option<String>) {
    match (text.is_empty(), allowed) {
        (true, _) => (Presentation::Unavailable, None),
        (false, true) => (Presentation::Allowed, Some(text)),
        (false, false) => (Presentation::Restricted, reveal.then_some(text)),
    }
}

impl RawParties<'_> {
    /// Whether the line itself is the calling party: the direction of a leg whose origin does not say.
    pub fn calls_from(&self, line: &Line) -> bool {
        self.calling.is(line)
    }

    /// The parties as the line sees them. What the message leaves empty stays as it was in `before`.
    pub fn seen_from(&self, line: &Line, direction: Direction, before: Option<&Parties>, reveal: bool) -> Parties {
        let or_before = |raw: &RawParty<'_>, before: Option<&Party>| match before {
            Some(before) if raw.number.is_empty() && raw.name.is_empty() && raw.wide_name.is_empty() => before.clone(),
            _ => raw.party(reveal),
        };
        let mut calling = or_before(&self.calling, before.map(Parties::calling));
        let shown = calling.number.is_some();
        calling.e164 = match (self.globalized_calling.is_empty(), before.map(Parties::calling)) {
            (false, _) if shown => Some(self.globalized_calling.to_string()).filter(|number| is_e164(number)),
            (true, Some(known)) if known.number == calling.number => known.e164.clone(),
            _ => None,
        };
        let called = or_before(&self.called, before.map(Parties::called));
        let original_called = or_before(&self.original_called, before.map(Parties::original_called));
        let last_redirecting = or_before(&self.last_redirecting, before.map(Parties::last_redirecting));

        // The far end is that one of the two which is not the line itself; a transfer can put the own number in either place.
        let remote = match direction {
            Direction::Inbound if !self.calling.is(line) => calling.clone(),
            Direction::Inbound if !self.called.is(line) => called.clone(),
            Direction::Outbound if !self.called.is(line) => called.clone(),
            Direction::Outbound if !self.calling.is(line) => calling.clone(),
            _ => Party::default(),
        };
        Parties::new(calling, called, original_called, last_redirecting, remote)
    }
}

/// `+` and at most 15 digits.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}
