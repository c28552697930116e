//! Who takes part in a leg, from the messages that say so, and which of them is the one to look up.
//!
//! The wire carries a withheld number all the same, with a flag beside it: it is dropped here, before anything downstream sees it.

use crate::ctiqbe::messages::{CallPartyInfoChangedEvent, ExistingCallEvent, GlobalCallHandleChangedEvent, NewCallEvent, ParticipantInfo};
use crate::ctiqbe::names::{CallReason, CtiPatternUsage, DestinationType};
use crate::ctiqbe::{Text, Wide};
use crate::event::{Direction, Line, Parties, Party, Presentation};
use crate::numbers::{NumberKind, NumberPlan, Site};

use super::words;

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
    /// What sort of number the called one is.
    called_usage: CtiPatternUsage,
    /// The member of a hunt group that stands behind the calling and the called number.
    calling_member: Text<'a>,
    called_member: Text<'a>,
    /// The line at the far end, where the cluster names it.
    far_end: Text<'a>,
    /// Where the far end is.
    far_place: DestinationType,
    /// The feature that told them.
    pub reason: CallReason,
}

/// From where parties are seen.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    pub line: &'v Line,
    pub direction: Direction,
    pub ends: Ends,
    pub numbers: &'v NumberPlan,
    pub site: Site,
    /// Withheld numbers and names are told all the same.
    pub reveal: bool,
}

/// What a party is to the line that hears of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Nobody is named.
    #[default]
    Unknown,
    /// The line itself.
    Own,
    /// A conference bridge, a park number and the like: nobody whom one could look up.
    Pseudo,
    /// Somebody else.
    Other,
}

/// What calling and called party of a leg are to its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    pub calling: End,
    pub called: End,
}

/// The messages have the same fields, but for the name of the original called party, and what only some of them carry.
macro_rules! raw_parties {
    ($message:ident, $original:ident, $original_name:ident, { $($own:ident: $from:ident,)* } $(, ..$rest:expr)?) => {
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
                    reason: m.reason,
                    $($own: m.$from,)*
                    $(..$rest)?
                }
            }
        }
    };
}

raw_parties!(NewCallEvent, original_called_party, original_party_name, {
    far_place: far_endpoint_type,
    called_usage: cdpn_pattern_usage,
    calling_member: cgpn_hunt_member_dn,
    far_end: far_end_line_id_dn,
}, ..Self::default());
raw_parties!(ExistingCallEvent, original_called_party, original_called_party_name, {
    far_place: far_endpoint_type,
    called_usage: cdpn_pattern_usage,
    calling_member: cgpn_hunt_member_dn,
    called_member: cdpn_hunt_member_dn,
    far_end: far_end_line_id_dn,
});
raw_parties!(CallPartyInfoChangedEvent, original_called_party, original_called_party_name, {
    far_place: far_end_point_type,
    called_usage: cdpn_pattern_usage,
    calling_member: cgpn_hunt_member_dn,
    called_member: cdpn_hunt_member_dn,
    far_end: far_end_line_id_dn,
});
raw_parties!(GlobalCallHandleChangedEvent, original_party, original_party_name, {}, ..Self::default());

impl RawParty<'_> {
    fn party(&self, reveal: bool) -> Party {
        let name = if self.wide_name.is_empty() { self.name.to_string() } else { self.wide_name.to_string() };
        let number = self.number.to_string();
        let (presentation, number) = presented(number, self.number_allowed, reveal);
        let (name_presentation, name) = presented(name, self.name_allowed, reveal);
        Party { number, name, e164: None, presentation, name_presentation }
    }

    /// Whether the message says nothing of it.
    fn is_empty(&self) -> bool {
        self.number.is_empty() && self.name.is_empty() && self.wide_name.is_empty()
    }

    /// Whether this is the line itself.
    fn is(&self, line: &Line) -> bool {
        let (number, partition) = (self.number.as_bytes(), self.partition.as_bytes());
        number == line.dn.as_bytes() && (partition.is_empty() || line.partition.is_empty() || partition == line.partition.as_bytes())
    }

    /// What it is to the line; `None` when the message says nothing of it.
    fn end(&self, line: &Line) -> Option<End> {
        if self.is_empty() {
            return None;
        }
        Some(if self.is(line) {
            End::Own
        } else if is_pseudo_number(self.number.as_bytes()) || self.has_reserved_name() {
            End::Pseudo
        } else {
            End::Other
        })
    }

    /// CUCM gives these names to what is no party (Cisco's guides list them).
    fn has_reserved_name(&self) -> bool {
        const RESERVED: [&str; 4] = ["Conference", "Barge", "CBarge", "Monitor"];
        // Nearly every name is another one: its first letter says so without making a string of it.
        let first = self.name.as_bytes().first();
        let text = match first {
            Some(b'C' | b'B' | b'M' | b'P') => self.name.to_string(),
            Some(_) => return false,
            None => self.wide_name.to_string(),
        };
        RESERVED.contains(&text.as_str()) || text.starts_with("Park Number")
    }
}

/// `b00…` is a conference bridge or a built-in bridge, `c00…` an announcement, `BIB` a phone that feeds a recorder.
fn is_pseudo_number(number: &[u8]) -> bool {
    match number {
        b"BIB" => true,
        [b'b' | b'c', b'0', b'0', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
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

    /// What the parties are to the line. What the message leaves empty stays as it was.
    pub fn ends(&self, line: &Line, before: Ends) -> Ends {
        let called = match self.called.end(line) {
            Some(End::Other) if self.called_usage == CtiPatternUsage::CALLPARK || words::is_park(self.reason) => Some(End::Pseudo),
            end => end,
        };
        Ends { calling: self.calling.end(line).unwrap_or(before.calling), called: called.unwrap_or(before.called) }
    }

    /// The called number, where somebody waits at it: a park number.
    pub fn parked_at(&self) -> Option<String> {
        let is_park = self.called_usage == CtiPatternUsage::CALLPARK || words::is_park(self.reason);
        (is_park && !self.called.number.is_empty()).then(|| self.called.number.to_string())
    }

    /// The numbers under which a party that is taken back may have been parked.
    pub fn retrieved_from(&self) -> [String; 2] {
        [self.last_redirecting.number.to_string(), self.called.number.to_string()]
    }

    /// The parties as the line sees them. What the message leaves empty stays as it was in `before`.
    pub fn seen_from(&self, view: &View<'_>, before: Option<&Parties>) -> Parties {
        let seen = |raw: &RawParty<'_>, before: Option<&Party>, kind: NumberKind| match before {
            Some(before) if raw.is_empty() => before.clone(),
            before => {
                let mut party = raw.party(view.reveal);
                party.e164 = match before {
                    Some(known) if known.number == party.number => known.e164.clone(),
                    _ => view.e164(raw, party.number.as_deref(), kind),
                };
                party
            }
        };
        let mut calling = seen(&self.calling, before.map(Parties::calling), self.kind(view.ends.calling, NumberKind::Delivered));
        if calling.number.is_some() && !self.globalized_calling.is_empty() {
            calling.e164 = Some(self.globalized_calling.to_string()).filter(|number| is_e164(number)).or(calling.e164);
        }
        let called = seen(&self.called, before.map(Parties::called), self.kind(view.ends.called, NumberKind::Dialled));
        let original_called = seen(&self.original_called, before.map(Parties::original_called), NumberKind::Outside);
        let last_redirecting = seen(&self.last_redirecting, before.map(Parties::last_redirecting), NumberKind::Outside);
        let remote = self.remote(view, &calling, &called);
        Parties::new(calling, called, original_called, last_redirecting, remote)
    }

    /// What sort of number an end of the call has, whose far one is where the message says.
    fn kind(&self, end: End, outside: NumberKind) -> NumberKind {
        match (end, self.far_place) {
            (End::Own, _) | (End::Other, DestinationType::IN_CLUSTER) => NumberKind::Internal,
            (End::Other, DestinationType::EXTERNAL) => outside,
            _ => NumberKind::Unknown,
        }
    }

    /// The far end: that one of the two which is not the line itself. A transfer can put the own number in either place.
    fn remote(&self, view: &View<'_>, calling: &Party, called: &Party) -> Party {
        let View { line, direction, ends, .. } = view;
        let behind = |member: Text<'_>, number: &Party| {
            let known = !member.is_empty() && member.as_bytes() != line.dn.as_bytes();
            known.then(|| member_of(number, member.to_string()))
        };
        match (direction, ends.calling, ends.called) {
            (Direction::Inbound, End::Other, _) => behind(self.calling_member, calling).unwrap_or_else(|| calling.clone()),
            // A call that was picked up through a group names the group as called: only the far line says who it is.
            (Direction::Inbound, End::Own, _) if words::settles_inbound(self.reason) && !self.far_end.is_empty() => {
                behind(self.far_end, called).unwrap_or_default()
            }
            (Direction::Inbound, End::Own, End::Other) => called.clone(),
            (Direction::Outbound, _, End::Other) => behind(self.called_member, called).unwrap_or_else(|| called.clone()),
            (Direction::Outbound, End::Other, End::Own) => calling.clone(),
            _ => Party::default(),
        }
    }
}

impl View<'_> {
    /// The number in E.164 form, where the rules of its site can tell. A party with a partition is a line of the cluster.
    fn e164(&self, raw: &RawParty<'_>, number: Option<&str>, kind: NumberKind) -> Option<String> {
        let number = number?;
        let (site, kind) = if raw.partition.is_empty() {
            (self.site, if kind == NumberKind::Outside { NumberKind::Unknown } else { kind })
        } else if raw.partition.as_bytes() == self.line.partition.as_bytes() {
            (self.site, NumberKind::Internal)
        } else {
            (self.numbers.site(&raw.partition.to_str(), None), NumberKind::Internal)
        };
        self.numbers.e164(number, site, kind).map(|e164| e164.to_string())
    }
}

/// The party behind a number of a group: whether it may be shown is said of the group's number alone.
fn member_of(group: &Party, number: String) -> Party {
    let restricted = group.presentation == Presentation::Restricted;
    let number = (!restricted || group.number.is_some()).then_some(number);
    let presentation = if restricted { Presentation::Restricted } else { Presentation::Allowed };
    Party { number, presentation, ..Party::default() }
}

/// The same parties with the member of a hunt group that answered as the far end; `None` when that is known or nobody.
pub fn with_member(parties: &Parties, line: &Line, member: Text<'_>) -> Option<Parties> {
    if member.is_empty() || member.as_bytes() == line.dn.as_bytes() {
        return None;
    }
    let remote = member_of(parties.called(), member.to_string());
    (remote.number != parties.remote().number).then(|| parties.with_remote(remote))
}

/// A participant of a conference; `None` for what is no party, as the bridge of another conference.
pub fn participant(info: &ParticipantInfo<'_>, reveal: bool) -> Option<Party> {
    let raw = RawParty {
        number: info.participant_number,
        name: info.participant_name,
        wide_name: info.un_modified_paticipant_unicode_display_name,
        number_allowed: info.number_pi,
        name_allowed: info.name_pi,
        partition: info.participant_dn_info.partition,
    };
    let is_party = !raw.is_empty() && !is_pseudo_number(raw.number.as_bytes()) && !raw.has_reserved_name();
    is_party.then(|| raw.party(reveal))
}

/// A line as a party of its own.
pub fn own(line: &Line) -> Party {
    Party { number: Some(line.dn.clone()), presentation: Presentation::Allowed, ..Party::default() }
}

/// A party of which a message tells the number alone.
pub fn numbered(number: Text<'_>) -> Party {
    let (presentation, number) = presented(number.to_string(), true, false);
    Party { number, presentation, ..Party::default() }
}

/// `+` and at most 15 digits.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_announcements_and_recorders_are_no_parties() {
        assert!([&b"b0029901001"[..], b"c00124001", b"BIB"].iter().all(|n| is_pseudo_number(n)));
        assert!(![&b"1000"[..], b"b1", b"b00x", b"", b"+33199000000"].iter().any(|n| is_pseudo_number(n)));
    }

    #[test]
    fn a_name_that_merely_begins_like_a_reserved_one_is_a_name() {
        let named = |name: &'static [u8]| RawParty { name: Text::new(name), ..RawParty::default() }.has_reserved_name();
        assert!(named(b"Conference") && named(b"Park Number:(8)5555") && named(b"Barge"));
        assert!(!named(b"Monitor Lizard Ltd") && !named(b"Bargeld") && !named(b"Zoe"));
    }
}
