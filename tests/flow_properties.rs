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
    pub mod renumber;
    pub mod story;
}

use std::time::Duration;

use callcast::sim::Flow;
use flow_support::bench::{Bench, Step, steps, told};
use flow_support::catalogue;
use flow_support::diff::diff;
use flow_support::invariants::faults;
use flow_support::renumber::renumbered;
use flow_support::story::story;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

/// Whether two messages that follow each other could have come the other way round: of different lines, or party information and a state
/// of one leg, within a moment.
fn may_swap(one: &Step, other: &Step) -> bool {
    if other.at - one.at > Duration::from_millis(200) {
        return false;
    }
    let name = |step: &Step| step.message.spec.name();
    let both = [name(one), name(other)];
    let leg = |step: &Step| serde_json::to_value(&step.message.fields).unwrap()["callLegID"].clone();
    let info_and_state = both.contains(&"CallPartyInfoChangedEvent") && both.contains(&"CallStateChangedEvent_V2");
    one.message.place != other.message.place || info_and_state && leg(one) == leg(other)
}

fn playable() -> Vec<(String, Flow)> {
    let flows = catalogue::flows().into_iter().filter_map(|(id, flow)| Some((id, flow.ok()?)));
    flows.filter(|(_, flow)| !flow.messages.is_empty()).collect()
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures:\n\n{}", failures.len(), failures.join("\n"));
}

/// How all calls came out, without their ids and times.
fn outcome(events: &[Json]) -> Vec<String> {
    let number = |party: &Json| match &party["number"] {
        Json::String(number) => number.clone(),
        _ => party["presentation"].as_str().unwrap_or("-").to_owned(),
    };
    let line = |line: &Json| line["device"]["name"].as_str().unwrap_or("-").to_owned();
    let lines = |list: &Json| {
        let mut names: Vec<String> = list.as_array().unwrap().iter().map(line).collect();
        names.sort();
        names.join(" ")
    };
    let one = |event: &Json| {
        let (kind, data) = (event["type"].as_str()?.strip_prefix("callcast.call.")?, &event["data"]);
        let parties = ["first_calling", "first_called"].map(|which| number(&data[which])).join(" -> ");
        match kind {
            "ended" => Some(format!(
                "{parties} ended {} {} -> {}, answered by {}, missed by [{}]",
                data["outcome"],
                number(&data["calling"]),
                number(&data["called"]),
                line(&data["answered_by"]),
                lines(&data["missed_by"]),
            )),
            "merged" => Some(format!("{parties} merged, answered by {}", line(&data["answered_by"]))),
            _ => None,
        }
    };
    let mut outcome: Vec<String> = events.iter().filter_map(one).collect();
    outcome.sort();
    outcome
}

#[test]
fn every_flow_keeps_to_the_rules() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = [flow];
        let events = told(&flows, 1, &steps(&flows, &[Duration::ZERO]));
        failures.extend(faults(&events).into_iter().map(|fault| format!("{id}: {fault}")));
    }
    report(&failures);
}

#[test]
fn the_same_messages_tell_the_same_bytes() {
    for (id, flow) in playable() {
        let flows = [flow];
        let [once, again] = [(); 2].map(|()| {
            let mut bench = Bench::new(&flows, 1);
            bench.play(&steps(&flows, &[Duration::ZERO]));
            bench.told
        });
        assert_eq!(once, again, "{id}");
    }
}

#[test]
fn at_two_sessions_the_story_is_the_same() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = [flow];
        let [one, two] = [1, 2].map(|sessions| story(&flows[0], &told(&flows, sessions, &steps(&flows, &[Duration::ZERO]))));
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

/// All orders in which a cluster may tell the flow instead: neighbours the other way round, announcements earlier or later.
fn disorders(steps: &[Step]) -> Vec<(String, Vec<Step>)> {
    let mut orders = Vec::new();
    let moved = |from: usize, to: usize| {
        let mut order = steps.to_vec();
        let message = order[from].message.clone();
        if from < to {
            (from..to).for_each(|at| order[at].message = steps[at + 1].message.clone());
        } else {
            (to..from).for_each(|at| order[at + 1].message = steps[at].message.clone());
        }
        order[to].message = message;
        let describe = |at: usize| format!("line {} ({})", steps[at].message.source, steps[at].message.spec.name());
        (format!("{} in the place of {}", describe(from), describe(to)), order)
    };
    for at in 1..steps.len() {
        if may_swap(&steps[at - 1], &steps[at]) {
            orders.push(moved(at - 1, at));
        }
    }
    for from in (0..steps.len()).filter(|at| is_announcement(&steps[*at])) {
        for to in from.saturating_sub(5)..(from + 6).min(steps.len()) {
            let near = steps[from].at.abs_diff(steps[to].at) <= Duration::from_millis(500);
            if near && to.abs_diff(from) > 1 {
                orders.push(moved(from, to));
            }
        }
    }
    orders
}

#[test]
fn allowed_disorder_changes_no_outcome() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = [flow];
        let in_order = steps(&flows, &[Duration::ZERO]);
        let expected = outcome(&told(&flows, 1, &in_order)).join("\n");
        for (what, order) in disorders(&in_order) {
            let events = told(&flows, 1, &order);
            let differs = diff(&expected, &outcome(&events).join("\n"));
            if !differs.is_empty() {
                failures.push(format!("{id}: {what}:\n{differs}"));
            }
            failures.extend(faults(&events).into_iter().map(|fault| format!("{id}: {what}: {fault}")));
        }
    }
    report(&failures);
}

#[test]
fn a_lost_message_wedges_nothing() {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let flows = [flow];
        let all = steps(&flows, &[Duration::ZERO]);
        for lost in 0..all.len() {
            let mut left = all.clone();
            let message = left.remove(lost).message;
            let mut bench = Bench::new(&flows, 1);
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

/// What an event is about, by the devices of a flow.
fn concerns(event: &Json, flow: &Flow) -> bool {
    let data = &event["data"];
    let is_own = |device: &Json| flow.phones.iter().any(|phone| *device == phone.device.as_str());
    is_own(&data["device"]["name"])
        || data["lines"].as_array().is_some_and(|lines| lines.iter().any(|line| is_own(&line["device"]["name"])))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flows_at_one_time_are_told_as_if_alone(which in vec((any::<prop::sample::Index>(), 0_u64..300), 2..5), sessions in 1_u16..3) {
        let known = playable();
        let picked: Vec<(&String, Flow)> = which.iter().enumerate().map(|(number, (index, _))| {
            let (id, flow) = index.get(&known);
            (id, renumbered(flow, number))
        }).collect();
        let flows: Vec<Flow> = picked.iter().map(|(_, flow)| flow.clone()).collect();
        let begin: Vec<Duration> = which.iter().map(|(_, tenths)| Duration::from_millis(tenths * 100)).collect();
        let events = told(&flows, sessions, &steps(&flows, &begin));
        let broken = faults(&events);
        prop_assert!(broken.is_empty(), "{}", broken.join("\n"));
        for (id, flow) in &picked {
            let alone = std::slice::from_ref(flow);
            let own: Vec<Json> = events.iter().filter(|event| concerns(event, flow)).cloned().collect();
            let differs = diff(&story(flow, &told(alone, 1, &steps(alone, &[Duration::ZERO]))), &story(flow, &own));
            prop_assert!(differs.is_empty(), "{id} alone (-) and among others (+):\n{differs}");
        }
    }
}
