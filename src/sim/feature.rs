//! Commands for what phones do to calls beside calling: transfer, conference, park, pickup, forwarding, hunting and so on.
//!
//! Where somebody is called, `TO` is a device, a hunt pilot's number, or a number outside that begins with `+`.

use super::cluster::ForwardKind;
use super::control::Entry;

/// Something that a phone does.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // `FEATURES` documents each
pub enum Feature {
    Transfer { device: String, to: String },
    Confer { device: String, to: String },
    Complete { device: String },
    Abandon { device: String },
    Blind { device: String, to: String },
    Direct { device: String },
    Join { device: String },
    Remove { device: String, party: String },
    Redirect { device: String, to: String },
    Divert { device: String, to: String },
    NoAnswer { device: String },
    Park { device: String },
    Unpark { device: String, number: String },
    Revert { number: String },
    Release { number: String },
    Pickup { device: String, from: String },
    Forward { device: String, kind: ForwardKind, to: Option<String> },
    Hunt { pilot: String, members: Vec<String>, then: Option<String> },
    Barge { device: String, conference: bool },
    Privacy { device: String, on: bool },
    Intercom { from: String, to: String },
    TalkBack { device: String },
    Monitor { supervisor: String, agent: String },
    Record { device: String, on: bool },
}

/// Name, usage and effect of each.
pub(super) const FEATURES: &[Entry] = &[
    ("transfer", "transfer DEVICE TO", "holds its connected call and consults TO, to transfer"),
    ("confer", "confer DEVICE TO", "the same, to make a conference, or to add TO to one"),
    ("complete", "complete DEVICE", "does what the consultation is for; a transfer also while TO rings"),
    ("abandon", "abandon DEVICE", "ends the consultation and resumes the call on hold"),
    ("blind", "blind DEVICE TO", "hands the other party of its connected call over to TO"),
    ("direct", "direct DEVICE", "connects the other parties of its two oldest calls, on whatever lines"),
    ("join", "join DEVICE", "makes one conference of all its calls that are connected or on hold"),
    ("remove", "remove DEVICE NUMBER", "removes the party with this number from its conference; `hangup` leaves one"),
    ("redirect", "redirect DEVICE TO", "sends on what rings at the device"),
    ("divert", "divert DEVICE TO", "the same by immediate divert"),
    ("noanswer", "noanswer DEVICE", "what rings there goes to the next member of the hunt pilot, or where the line forwards it, at once"),
    ("park", "park DEVICE", "parks the other party of its connected call; answers with the park number"),
    ("unpark", "unpark DEVICE NUMBER", "the device retrieves who waits at a park number"),
    ("revert", "revert NUMBER", "who waits there rings at the line that parked it, at once"),
    ("release", "release NUMBER", "who waits there hangs up"),
    ("pickup", "pickup DEVICE FROM", "the device takes what rings at FROM"),
    (
        "forward",
        "forward DEVICE all|busy|noanswer TO|off",
        "sends the calls to its first line elsewhere: all, when busy, or when nobody answers; or no more",
    ),
    ("hunt", "hunt NUMBER DEVICE... [then TO]", "makes a hunt pilot whose members ring one after the other, and then TO"),
    ("barge", "barge DEVICE", "joins the call on another device of its shared line"),
    ("cbarge", "cbarge DEVICE", "the same by a conference"),
    ("privacy", "privacy DEVICE on|off", "keeps the other devices of the line out of its call, or lets them in"),
    ("intercom", "intercom FROM TO", "an intercom call: TO answers by itself and whispers"),
    ("talkback", "talkback DEVICE", "and talks back"),
    ("monitor", "monitor SUPERVISOR AGENT", "one device listens to the call on another, unheard"),
    ("record", "record DEVICE on|off", "begins or ends the recording of its connected call"),
];

/// `None` when the arguments are not what the command takes, or there is no such command here.
pub(super) fn parse(name: &str, arguments: &[&str]) -> Option<Feature> {
    let text = |word: &&str| (*word).to_owned();
    Some(match (name, arguments) {
        ("transfer", [device, to]) => Feature::Transfer { device: text(device), to: text(to) },
        ("confer", [device, to]) => Feature::Confer { device: text(device), to: text(to) },
        ("complete", [device]) => Feature::Complete { device: text(device) },
        ("abandon", [device]) => Feature::Abandon { device: text(device) },
        ("blind", [device, to]) => Feature::Blind { device: text(device), to: text(to) },
        ("direct", [device]) => Feature::Direct { device: text(device) },
        ("join", [device]) => Feature::Join { device: text(device) },
        ("remove", [device, party]) => Feature::Remove { device: text(device), party: text(party) },
        ("redirect", [device, to]) => Feature::Redirect { device: text(device), to: text(to) },
        ("divert", [device, to]) => Feature::Divert { device: text(device), to: text(to) },
        ("noanswer", [device]) => Feature::NoAnswer { device: text(device) },
        ("park", [device]) => Feature::Park { device: text(device) },
        ("unpark", [device, number]) => Feature::Unpark { device: text(device), number: text(number) },
        ("revert", [number]) => Feature::Revert { number: text(number) },
        ("release", [number]) => Feature::Release { number: text(number) },
        ("pickup", [device, from]) => Feature::Pickup { device: text(device), from: text(from) },
        ("forward", [device, kind, to]) => {
            Feature::Forward { device: text(device), kind: forward_kind(kind)?, to: (*to != "off").then(|| text(to)) }
        }
        ("hunt", [pilot, members @ .., "then", to]) if !members.is_empty() => hunt(pilot, members, Some(to)),
        ("hunt", [pilot, members @ ..]) if !members.is_empty() => hunt(pilot, members, None),
        ("barge", [device]) => Feature::Barge { device: text(device), conference: false },
        ("cbarge", [device]) => Feature::Barge { device: text(device), conference: true },
        ("privacy", [device, on]) => Feature::Privacy { device: text(device), on: super::control::switch(on)? },
        ("intercom", [from, to]) => Feature::Intercom { from: text(from), to: text(to) },
        ("talkback", [device]) => Feature::TalkBack { device: text(device) },
        ("monitor", [supervisor, agent]) => Feature::Monitor { supervisor: text(supervisor), agent: text(agent) },
        ("record", [device, on]) => Feature::Record { device: text(device), on: super::control::switch(on)? },
        _ => return None,
    })
}

fn forward_kind(word: &str) -> Option<ForwardKind> {
    match word {
        "all" => Some(ForwardKind::All),
        "busy" => Some(ForwardKind::Busy),
        "noanswer" => Some(ForwardKind::NoAnswer),
        _ => None,
    }
}

fn hunt(pilot: &str, members: &[&str], then: Option<&str>) -> Feature {
    let members = members.iter().map(|member| (*member).to_owned()).collect();
    Feature::Hunt { pilot: pilot.into(), members, then: then.map(str::to_owned) }
}
