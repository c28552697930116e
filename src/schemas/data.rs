//! The data of events: one table for each `dataschema`, its members in the order in which `event::json` writes them.

use super::objects::*;
use super::shape::{Member, Object, Shape};
use crate::calls;
use crate::event::{EventType, LegState, Outcome, Purpose, Withdrawal};

/// All of them.
pub const SCHEMAS: [Object; 8] = [LEG, CALL, POP, DEVICE, LINE, SESSION, JOURNAL, WEBHOOK];

const LINE_OR_NULL: Shape = Shape::OrNull(&Shape::Object(&super::objects::LINE));
const LINES: Shape = Shape::List(&Shape::Object(&super::objects::LINE));
const STATE: Shape = word!(LegState);
const CAUSE_OR_NULL: Shape = Shape::OrNull(&Shape::Object(&CAUSE));
const PARTY_OR_NULL: Shape = Shape::OrNull(&Shape::Object(&PARTY));
/// A result code as Cisco's traces print it.
const RESULT: Shape = Shape::Pattern("^0x[0-9a-f]{8}$");

const LEG: Object = Object {
    name: "leg",
    text: "One line's part in a call.",
    members: &[
        CALL_ID,
        GLOBAL_CALL_ID,
        LEG_ID,
        DEVICE_MEMBER,
        USER_MEMBER,
        LINE_MEMBER,
        DIRECTION,
        Member::always("state", STATE, "The state after the event."),
        Member::always("previous_state", Shape::OrNull(&STATE), "The state before it; `null` in the first event of a leg."),
        Member::always("reason", Shape::OpenWord(calls::reasons), "Why the leg came to be or changed."),
        Member::always("cause", CAUSE_OR_NULL, "Why it ended."),
        CALLING,
        CALLED,
        ORIGINAL_CALLED,
        LAST_REDIRECTING,
        REMOTE_OF_LINE,
        Member::always("shared_with", Shape::List(&Shape::Text), "Other devices on which the same line has a leg of the same call."),
        RECOVERED,
        UNOBSERVED,
    ],
};

const REMOTE_OF_LINE: Member =
    Member::always("remote", PARTY_OR_NULL, "The party to look up: the one at the other end. Never the own line.");

const CALL: Object = Object {
    name: "call",
    text: "The whole conversation.",
    members: &[
        CALL_ID,
        GLOBAL_CALL_ID,
        CALLING,
        CALLED,
        ORIGINAL_CALLED,
        LAST_REDIRECTING,
        Member::always("remote", PARTY_OR_NULL, "The party at the other end, as the line saw it whose parties are told here."),
        Member::always("first_calling", PARTY_OR_NULL, "Who called at the beginning. Once known it stays."),
        Member::always("first_called", PARTY_OR_NULL, "Whom: the number that was dialled. Once known it stays."),
        Member::always("purpose", word!(Purpose), "What the call is for."),
        Member::always("lines", LINES, "Every observed line that takes or took part."),
        Member::always("started", Shape::Time, "When the first leg was seen."),
        Member::always("answered", Shape::OrNull(&Shape::Time), "When it was answered; `null` as long as it is not."),
        Member::always("ended", Shape::OrNull(&Shape::Time), "When its last leg was gone."),
        Member::always("answered_by", LINE_OR_NULL, "The line that answered; `null` when that was nobody, or somebody outside."),
        Member::always("missed", Shape::Flag, "It rang at observed lines which nobody answered."),
        Member::always("missed_by", LINES, "Those lines."),
        Member::always("cause", CAUSE_OR_NULL, "Why the leg ended that ended last."),
        RING,
        TALK,
        HOLD,
        Member::always("diversions", Shape::List(&Shape::Object(&PAST_DIVERSION)), "How it was sent on so far, in order."),
        Member::always("transfers", Shape::List(&Shape::Object(&PAST_TRANSFER)), "How it was handed over so far, in order."),
        RECOVERED,
        UNOBSERVED,
        Member::of(&[EventType::CallTransferred], "transfer", Shape::Object(&TRANSFER), "What happened now."),
        Member::of(&[EventType::CallConferenced], "conference", Shape::Object(&CONFERENCE), "Who talks now."),
        Member::of(&[EventType::CallDiverted], "diversion", Shape::Object(&DIVERSION), "What happened now."),
        Member::of(&[EventType::CallParked, EventType::CallRetrieved], "park", Shape::Object(&PARK), "Where, and who did it."),
        Member::of(&[EventType::CallMerged], "merged_into", Shape::Uuid, "The `call_id` under which it goes on."),
        Member::of(&[EventType::CallEnded], "outcome", word!(Outcome), "What became of it."),
        Member::of(&[EventType::CallEnded], "legs", Shape::List(&Shape::Object(&LEG_SUMMARY)), "Its legs."),
    ],
};

const POP: Object = Object {
    name: "pop",
    text: "What a user's screen has to show of a call.",
    members: &[
        Member::always("pop_id", Shape::Text, "The pop: it stays while the pop moves. At most one for a user and call."),
        CALL_ID,
        Member::sometimes_of(
            &[EventType::PopMoved, EventType::PopWithdrawn],
            "previous_call_id",
            Shape::Uuid,
            "The conversation before, when it was another.",
        ),
        LEG_ID,
        DEVICE_MEMBER,
        USER_MEMBER,
        LINE_MEMBER,
        Member::of(&[EventType::PopWithdrawn], "reason", word!(Withdrawal), "Why it has to go."),
        CALLING,
        CALLED,
        ORIGINAL_CALLED,
        LAST_REDIRECTING,
        REMOTE_OF_LINE,
        RECOVERED,
    ],
};

const CURE: &str = "What to do about it, in words.";

const DEVICE: Object = Object {
    name: "device",
    text: "A device.",
    members: &[
        Member::always("device", DEVICE_MEMBER.shape, "Which."),
        USER_MEMBER,
        Member::sometimes_of(
            &[EventType::DeviceUnregistered, EventType::DeviceOutOfService, EventType::DeviceRestricted],
            "reason",
            Shape::Text,
            "Why, in the cluster's word.",
        ),
        Member::of(&[EventType::DeviceRestricted], "result", RESULT, "The cluster's result code."),
        Member::of(&[EventType::DeviceRestricted], "cure", Shape::Text, CURE),
        Member::sometimes_of(
            &[EventType::DeviceUserLoggedIn, EventType::DeviceUserLoggedOut],
            "login_user",
            Shape::Text,
            "Who logged in or out.",
        ),
        Member::of(
            &[EventType::DeviceStateChanged],
            "state",
            Shape::Word(|| {
                let states = [
                    ("idle", "No call."),
                    ("active", "A call is up."),
                    ("alerting", "It rings."),
                    ("held", "All calls are on hold."),
                    ("whisper", "Somebody whispers into it: an intercom call that talks one way."),
                    ("unknown", "The cluster has a word for it that callcast does not know."),
                ];
                states.into()
            }),
            "The sum of its calls, as the cluster accumulates it.",
        ),
        Member::sometimes_of(&[EventType::DeviceOutOfService], "removed", Shape::Flag, "It left the inventory, or the cluster."),
    ],
};

const LINE: Object = Object {
    name: "line",
    text: "A line.",
    members: &[
        DEVICE_MEMBER,
        USER_MEMBER,
        Member::always("line", LINE_MEMBER.shape, "Which."),
        Member::sometimes_of(
            &[EventType::LineOutOfService, EventType::LineRestricted],
            "reason",
            Shape::Text,
            "Why, in the cluster's word.",
        ),
        Member::of(&[EventType::LineRestricted], "result", RESULT, "The cluster's result code."),
        Member::of(&[EventType::LineRestricted], "cure", Shape::Text, CURE),
        Member::of(
            &[EventType::LineForwardChanged],
            "forward_all",
            Shape::Text,
            "Where all its calls are forwarded to; empty for nowhere.",
        ),
    ],
};

const SESSION: Object = Object {
    name: "session",
    text: "A CTI session of callcast's.",
    members: &[
        Member::always("session", Shape::Count, "Its place in the configuration, from 0."),
        Member::of(
            &[EventType::SessionConnected, EventType::SessionLost, EventType::SessionFailedOver],
            "manager",
            Shape::Text,
            "The CTIManager that it is with, or was.",
        ),
        Member::of(&[EventType::SessionFailedOver], "previous_manager", Shape::Text, "The one before."),
        Member::of(&[EventType::SessionLost], "reason", Shape::Text, "Why, in words."),
        Member::of(&[EventType::SessionResynced], "devices_in_service", Shape::Count, "How many devices are observed."),
        Member::of(&[EventType::SessionResynced], "refused", Shape::Count, "How many devices and lines the cluster refuses."),
        Member::of(
            &[EventType::SessionPermissionChanged],
            "control_any_device",
            Shape::Flag,
            "Whether the application user may watch any device now.",
        ),
    ],
};

const JOURNAL: Object = Object {
    name: "journal",
    text: "callcast's log of events.",
    members: &[
        Member::always("first", Shape::Count, "The sequence number of the first event that is missing."),
        Member::always("last", Shape::Count, "That of the last."),
        Member::always("count", Shape::Count, "How many are missing."),
        Member::always(
            "reason",
            Shape::Word(|| {
                [
                    ("not_written", "The disk took no events; they were told as not durable."),
                    ("trimmed", "They are no longer kept: who is told this was away for too long."),
                ]
                .into()
            }),
            "Why.",
        ),
    ],
};

const WEBHOOK: Object = Object {
    name: "webhook",
    text: "A webhook. Only who may see everything is told.",
    members: &[
        Member::always("webhook", Shape::Text, "Its name."),
        Member::always("reason", Shape::Text, "Why, in words. It never has a URL in it."),
        Member::always("since", Shape::OrNull(&Shape::Time), "Since when it fails: the first failure after the last success."),
        Member::always("failures", Shape::Count, "How many attempts failed since."),
    ],
};
