//! The data of `call.*`: the whole conversation, and what happened to it.

use std::sync::Arc;

use uuid::Uuid;

use super::json::{push_name, push_word};
use super::party::push_party;
use super::words::words;
use super::{Cause, Direction, HandlePair, Line, Parties, Party};
use crate::time::Timestamp;

/// The data of `call.*`. What is not known yet is absent.
#[derive(Clone, Debug)]
pub struct CallBody {
    /// The conversation.
    pub call_id: Uuid,
    /// The cluster's id of the call at this moment.
    pub global_call: HandlePair,
    /// Who takes part now, as the cluster names them.
    pub parties: Arc<Parties>,
    /// Who called whom at the beginning.
    pub first: Arc<FirstParties>,
    /// What the call is for.
    pub purpose: Purpose,
    /// Every line that takes or took part.
    pub lines: Vec<Arc<Line>>,
    /// When the first leg was seen.
    pub started: Timestamp,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// Who answered: an observed line, or none when the far end is outside.
    pub answered_by: Option<Arc<Line>>,
    /// When its last leg was gone.
    pub ended: Option<Timestamp>,
    /// Lines that rang and were left unanswered.
    pub missed_by: Vec<Arc<Line>>,
    /// Why the last leg ended.
    pub cause: Option<Cause>,
    /// Ring, talk and hold time of the call so far.
    pub durations: Durations,
    /// How often it was sent on, in order.
    pub diversions: Vec<Diversion>,
    /// How often it was handed over, in order.
    pub transfers: Vec<Transfer>,
    /// What this event says beside that.
    pub detail: Detail,
    /// It was found standing when observation began: times before that are not known.
    pub recovered: bool,
    /// How it ended was not observed.
    pub unobserved: bool,
}

/// What one type of `call.*` says and the others do not.
#[derive(Clone, Debug)]
pub enum Detail {
    /// Nothing.
    None,
    /// Of `call.transferred`.
    Transfer(Transfer),
    /// Of `call.conferenced`.
    Conference(Conference),
    /// Of `call.diverted`.
    Diversion(Diversion),
    /// Of `call.parked` and `call.retrieved`.
    Park(Park),
    /// Of `call.merged`: the call that goes on.
    Merged(Uuid),
    /// Of `call.ended`.
    Ended {
        /// What became of it.
        outcome: Outcome,
        /// Its legs that are over, in the order of their start.
        legs: Vec<LegSummary>,
    },
}

/// Who called whom at the beginning. Once a party is known it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstParties {
    calling: Party,
    called: Party,
    /// `"first_calling":…,"first_called":…`
    json: String,
}

impl FirstParties {
    /// Nobody is known yet.
    pub fn unknown() -> Self {
        Self::new(Party::default(), Party::default())
    }

    /// These two.
    pub fn new(calling: Party, called: Party) -> Self {
        let mut json = b"\"first_calling\":".to_vec();
        push_party(&mut json, &calling);
        json.extend_from_slice(b",\"first_called\":");
        push_party(&mut json, &called);
        Self { calling, called, json: String::from_utf8(json).unwrap_or_default() }
    }

    /// Who called.
    pub fn calling(&self) -> &Party {
        &self.calling
    }

    /// Who was called: the number that was dialled, as far as it is known.
    pub fn called(&self) -> &Party {
        &self.called
    }

    /// The members `first_calling` and `first_called` in an event's data.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// How long a leg or call rang, talked and was held, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Offered, ringing, or hearing the far end ring.
    pub ring: u64,
    /// Connected.
    pub talk: u64,
    /// On hold, or parked.
    pub hold: u64,
}

words! {
    /// What a call is for.
    Purpose {
        /// People talk, or want to.
        Conversation "conversation",
        /// A supervisor listens to another call.
        Monitoring "monitoring",
        /// A recorder is fed with another call.
        Recording "recording",
        /// An agent's greeting is played into another call.
        AgentGreeting "agent_greeting",
        /// An intercom line: it is answered by itself.
        Intercom "intercom",
        /// A phone's feature key made it, or a receiver that was lifted and put back: nobody was called.
        Feature "feature",
    }
}

words! {
    /// What became of a call.
    Outcome {
        /// Somebody answered.
        Answered "answered",
        /// It rang at a line that is observed, and nobody answered.
        Missed "missed",
        /// Nobody answered, and no observed line rang.
        NotAnswered "not_answered",
        /// The called party was busy.
        Busy "busy",
        /// It could not be put through; the cause says why.
        Failed "failed",
        /// Nobody was called.
        NotDialled "not_dialled",
        /// It went on at lines that are not observed.
        Transferred "transferred",
        /// How it ended was not seen.
        Unobserved "unobserved",
    }
}

words! {
    /// How a party was handed over.
    TransferKind {
        /// After talking to the new party, or hearing it ring.
        Consult "consult",
        /// Without.
        Blind "blind",
        /// Two calls of a phone were joined.
        Direct "direct",
        /// By SIP REFER.
        Refer "refer",
        /// By SIP INVITE with Replaces.
        Replaces "replaces",
        /// The cluster found a shorter way.
        PathReplacement "path_replacement",
    }
}

/// A party was handed over.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// How.
    pub kind: TransferKind,
    /// Who did it.
    pub by: Party,
    /// To whom.
    pub to: Party,
    /// The call that was merged into this one.
    pub merged_from: Option<Uuid>,
    /// When.
    pub at: Timestamp,
}

/// A conference.
#[derive(Clone, Debug)]
pub struct Conference {
    /// Who is in it, as far as it is known.
    pub participants: Vec<Party>,
    /// The call that was merged into this one.
    pub merged_from: Option<Uuid>,
}

/// A call was sent on.
#[derive(Clone, Debug)]
pub struct Diversion {
    /// Why: `forward_all`, `redirect`, `pickup`, …
    pub reason: &'static str,
    /// From whom.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// When.
    pub at: Timestamp,
}

/// A party waits at a park number, or was taken back from it.
#[derive(Clone, Debug)]
pub struct Park {
    /// The park number.
    pub number: String,
    /// Its partition; empty when it is not known.
    pub partition: String,
    /// Who parked it, or took it back.
    pub by: Party,
    /// The call that was merged into this one.
    pub merged_from: Option<Uuid>,
}

/// A leg that is over.
#[derive(Clone, Debug)]
pub struct LegSummary {
    /// The cluster's id of the leg.
    pub leg: HandlePair,
    /// Where it was.
    pub line: Arc<Line>,
    /// Inbound or outbound.
    pub direction: Direction,
    /// When it was first seen.
    pub started: Timestamp,
    /// When it was gone.
    pub ended: Timestamp,
    /// How long it rang, talked and was held.
    pub durations: Durations,
    /// Whether it ever was connected.
    pub answered: bool,
    /// Why it ended.
    pub cause: Option<Cause>,
}

pub(super) fn push_transfer(out: &mut Vec<u8>, transfer: &Transfer) {
    out.extend_from_slice(b"\"kind\":");
    push_word(out, Some(transfer.kind.as_str()));
    push_parties(out, b",\"by\":", &transfer.by, &transfer.to);
    push_merged_from(out, transfer.merged_from);
}

pub(super) fn push_conference(out: &mut Vec<u8>, conference: &Conference) {
    out.extend_from_slice(b"\"participants\":[");
    super::json::push_list(out, &conference.participants, push_party);
    out.push(b']');
    push_merged_from(out, conference.merged_from);
}

pub(super) fn push_diversion(out: &mut Vec<u8>, diversion: &Diversion) {
    out.extend_from_slice(b"\"reason\":");
    push_word(out, Some(diversion.reason));
    push_parties(out, b",\"from\":", &diversion.from, &diversion.to);
}

pub(super) fn push_park(out: &mut Vec<u8>, park: &Park) {
    out.extend_from_slice(b"\"number\":");
    push_word(out, Some(&park.number));
    out.extend_from_slice(b",\"partition\":");
    push_word(out, Some(&park.partition));
    out.extend_from_slice(b",\"by\":");
    push_party(out, &park.by);
    push_merged_from(out, park.merged_from);
}

fn push_parties(out: &mut Vec<u8>, first: &[u8], from: &Party, to: &Party) {
    out.extend_from_slice(first);
    push_party(out, from);
    out.extend_from_slice(b",\"to\":");
    push_party(out, to);
}

fn push_merged_from(out: &mut Vec<u8>, merged_from: Option<Uuid>) {
    if let Some(id) = merged_from {
        push_name(out, "merged_from");
        super::json::push_uuid_string(out, id);
    }
}
