//! Scripts, and generated calls with features, as a client hears them.

use std::collections::HashSet;

use super::*;
use crate::sim::config::FeatureMix;
use crate::sim::script::Script;

const EXAMPLE: &str = include_str!("../../../../deploy/day.script");

/// What call features need.
fn all() -> LineEventFilter {
    LineEventFilter {
        global_call_handle_changed: true,
        b_line_cfwd_all_status: true,
        b_transfer_started: true,
        b_transfer_ended: true,
        b_conference_started: true,
        b_conference_ended: true,
        b_barge_started: true,
        b_barge_ended: true,
        b_c_barge_started: true,
        b_c_barge_ended: true,
        b_privacy_changed: true,
        b_monitoring_started: true,
        b_monitoring_ended: true,
        b_recording_started: true,
        b_recording_ended: true,
        b_call_attribute_info: true,
        b_park_status_event: true,
        b_line_hunt_call_status_event: true,
        ..calls()
    }
}

/// A client that hears everything about the first six phones.
fn watching(config: &Config) -> Client {
    let mut client = Client::open(config);
    for device in 1..=6 {
        assert_eq!(client.acquire(device), 0);
        client.open_device(device, DeviceEventFilter::default());
        client.open_line(device, all());
    }
    client
}

/// Every leg that the messages announce is idle in the end, once.
fn legs_end_once(messages: &[(&'static str, Json)]) -> usize {
    let (mut live, mut announced) = (HashSet::new(), 0);
    for (name, fields) in messages {
        let leg = fields["callLegID"].as_i64();
        match *name {
            "NewCallEvent" => {
                announced += 1;
                assert!(live.insert(leg), "announced twice: {fields}");
            }
            "CallStateChangedEvent_V2" if fields["state"] == 1 => assert!(live.remove(&leg), "ended twice: {fields}"),
            _ => assert!(leg.is_none() || live.contains(&leg), "{name} about no leg: {fields}"),
        }
    }
    assert!(live.is_empty(), "never ended: {live:?}");
    announced
}

#[test]
fn the_example_script_can_be_carried_out_and_leaves_nothing_behind() {
    let mut client = watching(&Config { shared_lines: 1, ..quiet() });
    let script = Script::parse(EXAMPLE).unwrap();
    let mut heard = Vec::new();
    for (at, line, command) in script.lines() {
        client.simulation.advance(*at);
        if let Err(error) = client.simulation.execute(command) {
            panic!("line {line}: {error}");
        }
        heard.extend(client.heard());
    }
    heard.retain(|(name, _)| *name != "Heartbeat");
    assert!(legs_end_once(&heard) > 50);
    let named: HashSet<_> = names(&heard).into_iter().collect();
    for name in [
        "GlobalCallHandleChangedEvent",
        "LineTransferEndedEvent",
        "LineConferenceEndedEvent",
        "CallConferenceStateChangedEvent",
        "LineParkStatusEvent",
        "LineForwardEvent",
        "LineHuntCallStatusEvent",
        "LineBargeEndedEvent",
        "LineCBargeEndedEvent",
        "CallPrivacyChangedEvent",
        "CallMonitoringEndedEvent",
        "CallRecordingEndedEvent",
        "CallAttributeInfoEvent",
    ] {
        assert!(named.contains(name), "no {name}");
    }
    assert!(client.simulation.execute(&"status".parse().unwrap()).unwrap().contains("standing 0"));
}

#[test]
fn a_script_begins_when_a_client_has_opened_its_lines() {
    let script = Script::parse("0 call 1 2\n2 hangup 1").unwrap();
    let mut client = Client::open(&Config { script, ..quiet() });
    assert!(client.wait(10).iter().all(|(name, _)| *name == "Heartbeat"));
    client.watch(1);
    client.watch(2);
    assert!(names(&client.wait(2)).contains(&"NewCallEvent"));
    assert_eq!(names(&client.wait(2)).len(), 4);
}

#[test]
fn generated_features_end_every_leg_and_are_the_same_for_the_same_seed() {
    let features = FeatureMix { transferred: 0.2, blind: 0.1, conference: 0.2, parked: 0.2, picked_up: 0.1, forwarded: 0.1, hunted: 0.1 };
    let mix = CallMix { per_second: 0.5, features, ..CallMix::default() };
    let run = || {
        let mut client = watching(&Config { calls: mix.clone(), ..quiet() });
        let mut heard = Vec::new();
        for step in 0..200 {
            client.simulation.set_paused(step >= 100);
            client.ask(&Heartbeat {});
            heard.extend(client.wait(10));
        }
        heard.retain(|(name, _)| *name != "Heartbeat");
        assert!(client.simulation.execute(&"status".parse().unwrap()).unwrap().contains("standing 0"));
        heard
    };
    let heard = run();
    assert!(legs_end_once(&heard) > 300);
    for name in ["GlobalCallHandleChangedEvent", "CallConferenceStateChangedEvent", "LineParkStatusEvent", "LineForwardEvent"] {
        assert!(names(&heard).contains(&name), "no {name}");
    }
    assert_eq!(heard, run());
}
