//! A gateway that is killed within a flow, at every message of it, and starts again from what it told: calls that are still up go on.
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
    pub mod restart;
    pub mod standing;
    pub mod times;
}

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use callcast::sim::Flow;
use flow_support::bench::{Bench, Step, steps, told};
use flow_support::catalogue;
use flow_support::diff::diff;
use flow_support::invariants::faults;
use flow_support::outcome::outcome;
use flow_support::standing::{Standing, Whose};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

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

/// What is wrong after a restart.
#[derive(Default)]
struct Cut {
    faults: Vec<String>,
    events: Vec<Json>,
    /// Nothing was out of service when the gateway was back.
    all_open: bool,
}

/// How a restart is made.
#[derive(Clone, Copy)]
struct How {
    sessions: u16,
    /// So many events that were told last were not written.
    unwritten: usize,
    /// Which of the legs are still up when the gateway is back.
    stays: fn(&Whose) -> bool,
}

const ALL_STAY: How = How { sessions: 1, unwritten: 0, stays: |_| true };

/// Plays a flow whose gateway is killed after so many of its messages.
fn cut(flow: &Flow, all: &[Step], after: usize, how: How) -> Cut {
    let flows = std::slice::from_ref(flow);
    let (mut bench, mut standing) = (Bench::new(flows, how.sessions), Standing::default());
    all[..after].iter().for_each(|step| standing.take(step));
    bench.play_some(&all[..after]);
    let written = bench.told.len().saturating_sub(how.unwritten);
    bench.told.truncate(written);
    standing.retain(how.stays);
    let out = bench.out_of_service();
    bench.restart(how.sessions, &standing);
    let is_there = |whose: &&Whose| !out.contains(&(whose.0, whose.1));
    let legs: Vec<Whose> = standing.legs().filter(is_there).copied().collect();
    let mut cut = Cut { all_open: out.is_empty(), ..Cut::default() };
    if bench.legs() != legs.len() {
        cut.faults.push(format!("{} legs stand after the restart, not {}", bench.legs(), legs.len()));
    }
    bench.play(&all[after..]);
    if bench.standing() != (0, 0) {
        bench.wait_long();
    }
    // Ends of legs that are not up any more were not told by anybody.
    if bench.standing() != (0, 0) {
        bench.go_idle();
    }
    if bench.standing() != (0, 0) {
        cut.faults.push(format!("legs and calls {:?} are left", bench.standing()));
    }
    cut.events = bench.json();
    // A leg that ends unseen after the restart was in sight for no time when it was answered last.
    let unseen = |fault: &String| fault.starts_with("a leg was answered, and neither talked nor was held");
    cut.faults.extend(faults(&cut.events).into_iter().filter(|fault| !unseen(fault)));
    cut.faults.extend(other_calls(flow, &cut.events[..written], &cut.events[written..], &legs));
    cut.faults.extend(standing_pops(&cut.events));
    cut
}

fn leg_of(data: &Json) -> String {
    format!("{} {} {}", data["device"]["name"], data["line"], data["leg_id"])
}

/// Legs that are still up and belong to another call than before, or of which nothing was told.
fn other_calls(flow: &Flow, before: &[Json], after: &[Json], legs: &[Whose]) -> Vec<String> {
    let mut call_of: HashMap<String, String> = HashMap::new();
    let mut merged: HashMap<String, String> = HashMap::new();
    let is_leg = |event: &&Json| event["type"].as_str().unwrap().starts_with("callcast.leg.");
    for event in before {
        let data = &event["data"];
        let call = || data["call_id"].as_str().unwrap().to_owned();
        if is_leg(&event) {
            call_of.insert(leg_of(data), call());
        }
    }
    for event in before.iter().chain(after).filter(|event| event["type"] == "callcast.call.merged") {
        let text = |name: &str| event["data"][name].as_str().unwrap().to_owned();
        merged.insert(text("call_id"), text("merged_into"));
    }
    let is_it = |call: &str, now: &str| {
        let mut at = call.to_owned();
        while at != now {
            let Some(next) = merged.get(&at) else { return false };
            at = next.clone();
        }
        true
    };
    let fault = |(_, place, [manager, leg]): &Whose| {
        let place = &flow.places[*place];
        let line = serde_json::json!({"dn": place.dn, "partition": place.partition});
        let device = serde_json::json!(flow.phones[place.phone].device);
        let key = format!("{device} {line} \"{manager}/{leg}\"");
        let told = after.iter().filter(is_leg).find(|event| leg_of(&event["data"]) == key);
        let Some(told) = told else { return Some(format!("nothing was told of {key} after the restart")) };
        let call = told["data"]["call_id"].as_str().unwrap();
        let is_other = call_of.get(&key).is_some_and(|before| !is_it(before, call));
        (is_other || told["data"]["recovered"] != true).then(|| format!("{key} was another call before: {}", told["data"]))
    };
    legs.iter().filter_map(fault).collect()
}

/// Pops that nobody takes back: those that were not answered, and whose leg is over.
fn standing_pops(events: &[Json]) -> Vec<String> {
    let mut pops: HashMap<&str, (String, bool)> = HashMap::new();
    let mut talking: BTreeSet<String> = BTreeSet::new();
    for event in events {
        let (data, kind) = (&event["data"], event["type"].as_str().unwrap().trim_start_matches("callcast."));
        match kind {
            "leg.connected" | "leg.held" | "leg.resumed" => {
                talking.insert(leg_of(data));
                pops.values_mut().filter(|(leg, _)| *leg == leg_of(data)).for_each(|(_, answered)| *answered = true);
            }
            "leg.disconnected" | "leg.remote_in_use" => _ = talking.remove(&leg_of(data)),
            "pop.offered" | "pop.moved" => {
                let answered = talking.contains(&leg_of(data)) || pops.get(data["pop_id"].as_str().unwrap()).is_some_and(|(_, a)| *a);
                pops.insert(data["pop_id"].as_str().unwrap(), (leg_of(data), answered));
            }
            "pop.withdrawn" => _ = pops.remove(data["pop_id"].as_str().unwrap()),
            _ => {}
        }
    }
    pops.into_iter().filter(|(_, (_, answered))| !answered).map(|(id, _)| format!("pop {id} is never withdrawn")).collect()
}

/// How often what is no more than a variation is tried: at every third message of a flow, or at each where much is asked for.
fn now_and_then() -> usize {
    if std::env::var_os("PROPTEST_CASES").is_some() { 1 } else { 3 }
}

/// Every flow, cut after every message or every so many of them; what is wrong, by `check`.
fn every_cut(step: usize, how: impl Fn(usize) -> How, check: impl Fn(&str, &[Json], &Cut) -> Vec<String>) -> Vec<String> {
    let mut failures = Vec::new();
    for (id, flow) in playable() {
        let all = steps(std::slice::from_ref(flow), &[Duration::ZERO]);
        let uncut = told(std::slice::from_ref(flow), 1, &all);
        for after in (1..=all.len()).step_by(step) {
            let message = &all[after - 1].message;
            let what = format!("{id}: killed after line {} ({})", message.source, message.spec.name());
            let cut = cut(flow, &all, after, how(after));
            failures.extend(cut.faults.iter().chain(&check(id, &uncut, &cut)).map(|fault| format!("{what}: {fault}")));
        }
    }
    failures
}

fn nothing_more(_: &str, _: &[Json], _: &Cut) -> Vec<String> {
    Vec::new()
}

#[test]
fn a_restart_at_any_message_changes_no_call_and_no_outcome() {
    // Whoever is out of service by then is not waited for: a call that comes back after that is another one.
    let same_outcome = |_: &str, uncut: &[Json], cut: &Cut| {
        if !cut.all_open {
            return Vec::new();
        }
        let differs = diff(&outcome(uncut).join("\n"), &outcome(&cut.events).join("\n"));
        Some(differs)
            .filter(|differs| !differs.is_empty())
            .map(|differs| format!("uncut (-) and cut (+):\n{differs}"))
            .into_iter()
            .collect()
    };
    report(&every_cut(1, |_| ALL_STAY, same_outcome));
}

#[test]
fn at_two_sessions_a_restart_keeps_to_the_rules() {
    report(&every_cut(now_and_then(), |_| How { sessions: 2, ..ALL_STAY }, nothing_more));
}

#[test]
fn what_ended_meanwhile_ends_unobserved() {
    report(&every_cut(now_and_then(), |_| How { stays: |_| false, ..ALL_STAY }, nothing_more));
}

#[test]
fn some_of_the_legs_may_be_gone() {
    let odd =
        |after| -> fn(&Whose) -> bool { if after % 2 == 0 { |(_, place, _)| place % 2 == 0 } else { |(_, place, _)| place % 2 == 1 } };
    report(&every_cut(now_and_then(), |after| How { stays: odd(after), ..ALL_STAY }, nothing_more));
}

#[test]
fn what_was_not_written_any_more_harms_nothing() {
    report(&every_cut(now_and_then(), |after| How { unwritten: 1 + after % 3, ..ALL_STAY }, nothing_more));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// A log may have holes: events that were erased, trimmed or never written.
    #[test]
    fn a_story_with_holes_wedges_nothing(which: Index, end: Index, holes in vec(any::<Index>(), 0..12), damage in vec(any::<Index>(), 0..3)) {
        let (_, flow) = which.get(playable());
        let flows = std::slice::from_ref(flow);
        let all = steps(flows, &[Duration::ZERO]);
        let mut bench = Bench::new(flows, 1);
        bench.play_some(&all[..=end.index(all.len())]);
        for hole in holes {
            if !bench.told.is_empty() {
                bench.told.remove(hole.index(bench.told.len()));
            }
        }
        for damage in damage {
            if !bench.told.is_empty() {
                let at = damage.index(bench.told.len());
                let bytes = &mut bench.told[at];
                bytes.truncate(damage.index(bytes.len()));
            }
        }
        bench.restart(1, &Standing::default());
        bench.wait_long();
        if bench.standing() != (0, 0) {
            bench.go_idle();
        }
        prop_assert_eq!(bench.standing(), (0, 0));
    }
}
