//! What holds of all flows: as they are, disordered as a cluster may disorder them, with a message lost, and several at one time.
//!
//! `FLOW=id` restricts it to one flow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

#[path = "flow_support"]
mod flow_support {
    pub mod bench;
    pub mod catalogue;
    pub mod diff;
    pub mod invariants;
    pub mod outcome;
    pub mod renumber;
    pub mod story;
    pub mod times;
}

use std::sync::LazyLock;
use std::time::Duration;

use callcast::ctiqbe::value::Value;
use callcast::sim::Flow;
use flow_support::bench::{self, Bench, Step, steps, told};
use flow_support::catalogue;
use flow_support::diff::diff;
use flow_support::invariants::faults;
use flow_support::outcome::outcome;
use flow_support::renumber::renumbered;
use flow_support::story::story;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

/// Whether two messages that follow each other could have come the other way round: of different lines, or party information and a state
/// or another global call of one leg, within a moment.
fn may_swap(one: &Step, other: &Step) -> bool {
    if other.at - one.at > Duration::from_millis(200) {
        return false;
    }
    let name = |step: &Step| step.message.spec.name();
    let both = [name(one), name(other)];
    let leg = |step: &Step| serde_json::to_value(&step.message.fields).unwrap()["callLegID"].clone();
    let other_kind = |name: &&str| matches!(*name, "CallStateChangedEvent_V2" | "GlobalCallHandleChangedEvent");
    let info_and_other = both.contains(&"CallPartyInfoChangedEvent") && both.iter().any(other_kind);
    one.message.place != other.message.place || info_and_other && leg(one) == leg(other)
}

/// The flows with messages, read once.
fn playable() -> &'static [(String, Flow)] {
    static FLOWS: LazyLock<Vec<(String, Flow)>> = LazyLock::new(|| {
        let flows = catalogue::flows().into_iter().filter_map(|(id, flow)| Some((id, flow.ok()?)));
        flows.filter(|(_, flow)| !flow.messages.is_empty()).collect()
    });
    &FLOWS
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures:\n\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_flow_keeps_to_the_rules() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = std::slice::from_ref(flow);
        let events = told(flows, 1, &steps(flows, &[Duration::ZERO]));
        failures.extend(faults(&events).into_iter().map(|fault| format!("{id}: {fault}")));
    }
    report(&failures);
}

/// The rules are worth something: events of a transfer that are missing, doubled or changed break them.
#[test]
fn broken_events_break_the_rules() {
    let flows = playable();
    let Some((_, flow)) = flows.iter().find(|(id, _)| id == "consult_transfer") else { return };
    let flows = std::slice::from_ref(flow);
    let events = told(flows, 1, &steps(flows, &[Duration::ZERO]));
    let of_kind = |kind: &str| (0..events.len()).filter(|at| events[*at]["type"] == format!("callcast.{kind}")).collect::<Vec<_>>();
    for kind in ["call.started", "call.ended", "call.merged", "leg.disconnected", "leg.offered", "pop.offered"] {
        for at in of_kind(kind) {
            let (mut without, mut twice) = (events.clone(), events.clone());
            without.remove(at);
            twice.insert(at, events[at].clone());
            // Nothing more need follow on a pop.
            assert!(kind == "pop.offered" || !faults(&without).is_empty(), "without {kind}");
            assert!(!faults(&twice).is_empty(), "{kind} twice");
        }
    }
    type Change = fn(&mut Json);
    let changes: [(&str, Change); 5] = [
        ("leg.connected", |data| data["direction"] = "elsewhere".into()),
        ("leg.connected", |data| data["remote"]["number"] = data["line"]["dn"].clone()),
        ("leg.connected", |data| data["call_id"] = "another".into()),
        ("call.ended", |data| data["talk_ms"] = 99_999.into()),
        ("call.ended", |data| data["first_called"] = Json::String("somebody else".into())),
    ];
    for (kind, change) in changes {
        for at in of_kind(kind) {
            let mut changed = events.clone();
            change(&mut changed[at]["data"]);
            assert!(!faults(&changed).is_empty(), "{kind}: {}", changed[at]);
        }
    }
}

#[test]
fn the_same_messages_tell_the_same_bytes() {
    for (id, flow) in playable() {
        let flows = std::slice::from_ref(flow);
        let [once, again] = [(); 2].map(|()| {
            let mut bench = Bench::new(flows, 1);
            bench.play(&steps(flows, &[Duration::ZERO]));
            bench.told
        });
        assert_eq!(once, again, "{id}");
    }
}

#[test]
fn at_two_sessions_the_story_is_the_same() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = std::slice::from_ref(flow);
        let [one, two] = [1, 2].map(|sessions| story(&flows[0], &told(flows, sessions, &steps(flows, &[Duration::ZERO]))));
        let differs = diff(&one, &two);
        if !differs.is_empty() {
            failures.push(format!("{id}: at one session (-) and at two (+):\n{differs}"));
        }
    }
    report(&failures);
}

/// Messages that announce or finish a feature, and may come anywhere near.
fn is_announcement(step: &Step) -> bool {
    let name = step.message.spec.name();
    name.starts_with("LineTransfer") || name.starts_with("LineConference")
}

/// A message that comes at another place than in order, from and to.
type Move = (usize, usize);

/// All moves by which a cluster may tell the flow instead: neighbours the other way round, announcements earlier or later.
fn moves(steps: &[Step]) -> Vec<Move> {
    let swaps = (1..steps.len()).filter(|at| may_swap(&steps[at - 1], &steps[*at])).map(|at| (at - 1, at));
    let announcements = (0..steps.len()).filter(|at| is_announcement(&steps[*at]));
    let near = |from: usize| (from.saturating_sub(5)..(from + 6).min(steps.len())).map(move |to| (from, to));
    let soon = |(from, to): &Move| from.abs_diff(*to) > 1 && steps[*from].at.abs_diff(steps[*to].at) <= Duration::from_millis(500);
    swaps.chain(announcements.flat_map(near).filter(soon)).collect()
}

/// The messages with one of them moved; the times stay where they are.
fn moved(steps: &[Step], (from, to): Move) -> Vec<Step> {
    let mut messages: Vec<_> = steps.iter().map(|step| (step.flow, step.message.clone())).collect();
    let one = messages.remove(from);
    messages.insert(to, one);
    steps.iter().zip(messages).map(|(step, (flow, message))| Step { at: step.at, flow, message }).collect()
}

fn described(steps: &[Step], (from, to): Move) -> String {
    let one = |at: usize| format!("line {} ({})", steps[at].message.source, steps[at].message.spec.name());
    format!("{} in the place of {}", one(from), one(to))
}

#[test]
fn allowed_disorder_changes_no_outcome() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = std::slice::from_ref(flow);
        let in_order = steps(flows, &[Duration::ZERO]);
        let events = told(flows, 1, &in_order);
        if !faults(&events).is_empty() {
            continue; // that is told above
        }
        let expected = outcome(&events).join("\n");
        for which in moves(&in_order) {
            let what = described(&in_order, which);
            let events = told(flows, 1, &moved(&in_order, which));
            let differs = diff(&expected, &outcome(&events).join("\n"));
            if !differs.is_empty() {
                failures.push(format!("{id}: {what}:\n{differs}"));
            }
            failures.extend(faults(&events).into_iter().map(|fault| format!("{id}: {what}: {fault}")));
        }
    }
    report(&failures);
}

/// Flows in which calls are joined of which nothing but the announcement says that they belong together: none is a consultation call.
const KNOWN_BY_ANNOUNCEMENT: [&str; 1] = ["join"];

#[test]
fn features_that_are_never_announced_come_out_the_same() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = std::slice::from_ref(flow);
        let all = steps(flows, &[Duration::ZERO]);
        let left: Vec<Step> = all.iter().filter(|step| !is_announcement(step)).cloned().collect();
        let events = told(flows, 1, &left);
        let differs = diff(&outcome(&told(flows, 1, &all)).join("\n"), &outcome(&events).join("\n"));
        if !differs.is_empty() && !KNOWN_BY_ANNOUNCEMENT.contains(&id.as_str()) {
            failures.push(format!("{id}: announced (-) and not (+):\n{differs}"));
        }
        failures.extend(faults(&events).into_iter().map(|fault| format!("{id}: {fault}")));
    }
    report(&failures);
}

#[test]
fn a_flow_of_which_one_phone_is_watched_keeps_to_the_rules() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        for watched in 0..flow.phones.len() {
            let flows = std::slice::from_ref(flow);
            let mut left = steps(flows, &[Duration::ZERO]);
            left.retain(|step| step.message.place.is_some_and(|place| flow.places[place].phone == watched));
            let mut bench = Bench::new(flows, 1);
            bench.play(&left);
            if bench.standing() != (0, 0) {
                failures.push(format!("{id}, {} alone: legs and calls {:?} are left", flow.phones[watched].device, bench.standing()));
            }
            let broken = faults(&bench.json()).into_iter();
            failures.extend(broken.map(|fault| format!("{id}, {} alone: {fault}", flow.phones[watched].device)));
        }
    }
    report(&failures);
}

#[test]
fn a_lost_message_wedges_nothing() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = std::slice::from_ref(flow);
        let all = steps(flows, &[Duration::ZERO]);
        for lost in 0..all.len() {
            let mut left = all.clone();
            let message = left.remove(lost).message;
            let mut bench = Bench::new(flows, 1);
            bench.play(&left);
            bench.go_idle();
            let what = format!("{id}: without line {} ({})", message.source, message.spec.name());
            if bench.standing() != (0, 0) {
                failures.push(format!("{what}: legs and calls {:?} are left", bench.standing()));
            }
            failures.extend(faults(&bench.json()).into_iter().map(|fault| format!("{what}: {fault}")));
        }
    }
    report(&failures);
}

/// A flow in which everybody withholds number and name.
fn restricted(flow: &Flow) -> Flow {
    fn withhold(name: &str, value: &mut Value) {
        match value {
            Value::Structure(fields) => fields.iter_mut().for_each(|(name, value)| withhold(name, value)),
            Value::Array(elements) => elements.iter_mut().for_each(|element| withhold(name, element)),
            Value::Boolean(shown) if name.to_lowercase().ends_with("pi") => *shown = false,
            _ => {}
        }
    }
    let mut flow = flow.clone();
    flow.messages.iter_mut().for_each(|message| withhold("", &mut message.fields));
    flow
}

/// Parties with a number, a number in E.164 form or a name, wherever they stand.
fn shown<'j>(json: &'j Json, found: &mut Vec<&'j Json>) {
    match json {
        Json::Object(members) => {
            if members.contains_key("presentation") && ["number", "e164", "name"].iter().any(|which| json[which].is_string()) {
                found.push(json);
            }
            members.values().for_each(|member| shown(member, found));
        }
        Json::Array(elements) => elements.iter().for_each(|element| shown(element, found)),
        _ => {}
    }
}

#[test]
fn what_is_withheld_is_told_nowhere() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = [restricted(flow)];
        let events = told(&flows, 1, &steps(&flows, &[Duration::ZERO]));
        let mut found = Vec::new();
        for event in &events {
            shown(&event["data"], &mut found);
            // A line's own number is in each of its events.
            found.retain(|party| !flow.places.iter().any(|place| party["number"] == place.dn.as_str() && party["name"].is_null()));
            failures.extend(found.drain(..).map(|party| format!("{id}: {} tells {party}", event["type"])));
        }
    }
    report(&failures);
}

/// Whether an event is about a device of a flow. That devices are idle at the end is no part of it.
fn concerns(event: &Json, flow: &Flow) -> bool {
    let data = &event["data"];
    if event["type"] == "callcast.device.state_changed" {
        return false;
    }
    let is_own = |device: &Json| flow.phones.iter().any(|phone| *device == phone.device.as_str());
    is_own(&data["device"]["name"])
        || data["lines"].as_array().is_some_and(|lines| lines.iter().any(|line| is_own(&line["device"]["name"])))
}

/// At most so many cases, and so many more as `PROPTEST_CASES` asks for more than its 256.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: cases * default.cases / 256, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn flows_at_one_time_are_told_as_if_alone(
        which in vec((any::<Index>(), 0_u64..300), 2..5),
        sessions in 1_u16..3,
        lost: Option<Index>,
    ) {
        let known = playable();
        let picked: Vec<(&String, Flow)> = which.iter().enumerate().map(|(number, (index, _))| {
            let (id, flow) = index.get(known);
            (id, renumbered(flow, number))
        }).collect();
        let flows: Vec<Flow> = picked.iter().map(|(_, flow)| flow.clone()).collect();
        let begin: Vec<Duration> = which.iter().map(|(_, tenths)| Duration::from_millis(tenths * 100)).collect();
        let mut steps = steps(&flows, &begin);
        // Of the first flow a message may be missing.
        let of_first: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].flow == 0).collect();
        if let Some(lost) = lost {
            steps.remove(*lost.get(&of_first));
        }
        let mut bench = Bench::new(&flows, sessions);
        bench.play(&steps);
        if lost.is_some() {
            bench.go_idle();
        }
        prop_assert_eq!(bench.standing(), (0, 0));
        let events = bench.json();
        let broken = faults(&events);
        prop_assert!(broken.is_empty(), "{}", broken.join("\n"));
        for (id, flow) in picked.iter().skip(usize::from(lost.is_some())) {
            let alone = std::slice::from_ref(flow);
            let own: Vec<Json> = events.iter().filter(|event| concerns(event, flow)).cloned().collect();
            let differs = diff(&story(flow, &told(alone, 1, &bench::steps(alone, &[Duration::ZERO]))), &story(flow, &own));
            prop_assert!(differs.is_empty(), "{id} alone (-) and among others (+):\n{differs}");
        }
    }
}

proptest! {
    #![proptest_config(config(384))]

    #[test]
    fn much_disorder_changes_no_outcome_either(which: Index, choices in vec(any::<Index>(), 2..7)) {
        let known = playable();
        let (id, flow) = which.get(known);
        let flows = std::slice::from_ref(flow);
        let in_order = steps(flows, &[Duration::ZERO]);
        let (possible, mut taken, mut order) = (moves(&in_order), Vec::<Move>::new(), in_order.clone());
        for choice in choices.iter().filter(|_| !possible.is_empty()) {
            let (from, to) = *choice.get(&possible);
            let apart = |other: &Move| from.max(to) < other.0.min(other.1) || from.min(to) > other.0.max(other.1);
            // No message is moved by another one's move: each is near its place.
            if taken.iter().all(apart) {
                taken.push((from, to));
                order = moved(&order, (from, to));
            }
        }
        let how: Vec<String> = taken.iter().map(|which| described(&in_order, *which)).collect();
        let events = told(flows, 1, &order);
        let differs = diff(&outcome(&told(flows, 1, &in_order)).join("\n"), &outcome(&events).join("\n"));
        prop_assert!(differs.is_empty(), "{id}: {}:\n{differs}", how.join(", "));
        let broken = faults(&events);
        prop_assert!(broken.is_empty(), "{id}: {}: {}", how.join(", "), broken.join("\n"));
    }
}
