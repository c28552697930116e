//! What the data of several types of events has in common: parties, lines, causes, and what happened to a call.

use super::shape::{Member, Object, Shape};
use crate::calls;
use crate::cti::DeviceKind;
use crate::event::{Direction, Presentation, TransferKind};

/// A closed vocabulary of events.
macro_rules! word {
    ($words:ty) => {
        $crate::schemas::shape::Shape::Word(|| <$words>::ALL.iter().map(|word| (word.as_str(), word.meaning())).collect())
    };
}
pub(super) use word;

/// The cluster's pairs of numbers.
pub(super) const HANDLE: Shape = Shape::Pattern("^[0-9]+/[0-9]+$");
const PARTY_OR_NULL: Shape = Shape::OrNull(&Shape::Object(&PARTY));
const TEXT_OR_NULL: Shape = Shape::OrNull(&Shape::Text);

/// What the cluster calls things; the CTI names of the kinds have no other home.
const KIND: Shape = Shape::Word(|| {
    let kinds = [
        (DeviceKind::Phone, "A telephone, hard or soft."),
        (DeviceKind::CtiPort, "A telephone that an application plays."),
        (DeviceKind::RoutePoint, "A number at which an application answers."),
    ];
    kinds.map(|(kind, meaning)| (kind.as_str(), meaning)).into()
});

const DEVICE: Object = Object {
    name: "named_device",
    text: "A device, as events name it.",
    members: &[
        Member::always("name", Shape::Text, "Its name in the cluster, as `SEP001122334455`."),
        Member::always("model", Shape::Text, "The name of its model, as `Cisco 8861`."),
        Member::always("kind", KIND, "What it is."),
    ],
};

const USER: Object = Object {
    name: "user",
    text: "Whom the calls of a device concern.",
    members: &[Member::always("id", Shape::Text, "The user id: who is logged in by extension mobility, else the owner by the inventory.")],
};

const DIRECTORY_NUMBER: Object = Object {
    name: "directory_number",
    text: "A directory number on a device.",
    members: &[
        Member::always("dn", Shape::Text, "The directory number."),
        Member::always("partition", Shape::Text, "Its partition; empty for none."),
    ],
};

pub(super) const CAUSE: Object = Object {
    name: "cause",
    text: "Why a leg or call ended.",
    members: &[
        Member::always("code", Shape::Count, "The cluster's code; below 128 a Q.850 cause."),
        Member::always("name", Shape::OpenWord(calls::causes), "Its name; `other` for a code that has none here."),
    ],
};

/// A party of a call.
pub const PARTY: Object = Object {
    name: "party",
    text: "A party of a call. `null` stands for one of which nothing is known.",
    members: &[
        Member::always("number", TEXT_OR_NULL, "The number as presented; `null` when it is withheld or not known."),
        Member::always("name", TEXT_OR_NULL, "The name; `null` when it is withheld or not known, empty when the party has none."),
        Member::sometimes("e164", Shape::Text, "The number in E.164 form, where that is known for sure."),
        Member::always("presentation", word!(Presentation), "Whether the number may be shown."),
        Member::always("name_presentation", word!(Presentation), "Whether the name may be shown."),
    ],
};

pub(super) const DEVICE_MEMBER: Member = Member::always("device", Shape::Object(&DEVICE), "On which device.");
pub(super) const USER_MEMBER: Member = Member::always("user", Shape::OrNull(&Shape::Object(&USER)), "Whom its calls concern.");
pub(super) const LINE_MEMBER: Member = Member::always("line", Shape::Object(&DIRECTORY_NUMBER), "On which line of the device.");

/// A line with its device and user.
pub(super) const LINE: Object = Object {
    name: "named_line",
    text: "A line, as events name it: a directory number on one device.",
    members: &[DEVICE_MEMBER, USER_MEMBER, LINE_MEMBER],
};

/// Who takes part, in the order in which events name them.
pub(super) const CALLING: Member = Member::always("calling", PARTY_OR_NULL, "Who called.");
pub(super) const CALLED: Member = Member::always("called", PARTY_OR_NULL, "Who is called now.");
pub(super) const ORIGINAL_CALLED: Member = Member::always("original_called", PARTY_OR_NULL, "Who was called before any diversion.");
pub(super) const LAST_REDIRECTING: Member =
    Member::always("last_redirecting", PARTY_OR_NULL, "Who sent the call on, or handed it over, last.");

pub(super) const RECOVERED: Member = Member::always("recovered", Shape::Flag, "It was found standing when observation began.");
pub(super) const UNOBSERVED: Member = Member::sometimes("unobserved", Shape::Flag, "How it ended was not seen: it was gone after a break.");
pub(super) const DIRECTION: Member =
    Member::always("direction", word!(Direction), "Who called whom, seen from the line. It never changes.");
pub(super) const CALL_ID: Member =
    Member::always("call_id", Shape::Uuid, "The conversation: callcast's own id, which stays while the cluster's may change.");
pub(super) const GLOBAL_CALL_ID: Member =
    Member::always("global_call_id", HANDLE, "The cluster's id of the call at this moment: `globalCallManagerID/callID`.");
pub(super) const LEG_ID: Member = Member::always(
    "leg_id",
    HANDLE,
    "The cluster's id of the leg: `callManagerID/callLegID`. It is unique on its line for as long as the leg is up.",
);
pub(super) const RING: Member =
    Member::always("ring_ms", Shape::Count, "Milliseconds in which it rang: offered, ringing, or hearing the far end ring.");
pub(super) const TALK: Member = Member::always("talk_ms", Shape::Count, "Milliseconds in which it was connected.");
pub(super) const HOLD: Member = Member::always("hold_ms", Shape::Count, "Milliseconds on hold, or parked.");

const MERGED_FROM: Member = Member::sometimes("merged_from", Shape::Uuid, "The `call_id` that became part of this one by it.");
const AT: Member = Member::always("at", Shape::Time, "When.");
const TRANSFER_KIND: Member = Member::always("kind", word!(TransferKind), "How it was handed over.");
const TRANSFER_BY: Member = Member::always("by", PARTY_OR_NULL, "Who handed over.");
const TRANSFER_TO: Member = Member::always("to", PARTY_OR_NULL, "To whom.");
const DIVERSION_REASON: Member = Member::always("reason", Shape::OpenWord(calls::diversions), "Why it was sent on.");
const DIVERSION_FROM: Member = Member::always("from", PARTY_OR_NULL, "From whom.");
const DIVERSION_TO: Member = Member::always("to", PARTY_OR_NULL, "To whom.");

pub(super) const TRANSFER: Object = Object {
    name: "transfer",
    text: "A party was handed over to another.",
    members: &[TRANSFER_KIND, TRANSFER_BY, TRANSFER_TO, MERGED_FROM],
};

pub(super) const PAST_TRANSFER: Object = Object {
    name: "past_transfer",
    text: "A party was handed over to another, and when.",
    members: &[TRANSFER_KIND, TRANSFER_BY, TRANSFER_TO, MERGED_FROM, AT],
};

pub(super) const DIVERSION: Object =
    Object { name: "diversion", text: "A call was sent on.", members: &[DIVERSION_REASON, DIVERSION_FROM, DIVERSION_TO] };

pub(super) const PAST_DIVERSION: Object = Object {
    name: "past_diversion",
    text: "A call was sent on, and when.",
    members: &[DIVERSION_REASON, DIVERSION_FROM, DIVERSION_TO, AT],
};

pub(super) const CONFERENCE: Object = Object {
    name: "conference",
    text: "A conference.",
    members: &[Member::always("participants", Shape::List(&PARTY_OR_NULL), "Who is in it, as far as it is known."), MERGED_FROM],
};

pub(super) const PARK: Object = Object {
    name: "park",
    text: "A party waits at a park number, or was taken back from it.",
    members: &[
        Member::always("number", Shape::Text, "The park number."),
        Member::always("partition", Shape::Text, "Its partition; empty for none, or when it is not known."),
        Member::always("by", PARTY_OR_NULL, "Who parked it, or took it back."),
        MERGED_FROM,
    ],
};

pub(super) const LEG_SUMMARY: Object = Object {
    name: "leg_summary",
    text: "A leg that is over.",
    members: &[
        LEG_ID,
        DEVICE_MEMBER,
        USER_MEMBER,
        LINE_MEMBER,
        DIRECTION,
        Member::always("started", Shape::Time, "When it was first seen."),
        Member::always("ended", Shape::Time, "When it was gone."),
        RING,
        TALK,
        HOLD,
        Member::always("answered", Shape::Flag, "Whether it ever was connected."),
        Member::always("cause", Shape::OrNull(&Shape::Object(&CAUSE)), "Why it ended."),
    ],
};
