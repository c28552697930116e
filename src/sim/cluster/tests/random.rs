//! Whatever phones do, in whatever order: legs come and go once, numbers add up, and in the end all is quiet.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::ctiqbe::names::CallReason;

const PHONES: u32 = 9;

/// Phones 1 to 9; 2 and 4 have the lines of 1 and 3 as their second.
fn cluster(features: Features) -> Cluster {
    let config = Config { devices: PHONES, shared_lines: 2, hunt_pilots: 2, ..Config::default() };
    let mut cluster = Cluster::new(config.device_specs(), config.accounts(), 3);
    cluster.set_features(Features { park_numbers: 2, ..features });
    config.pilots(&cluster).into_iter().for_each(|pilot| _ = cluster.set_pilot(pilot));
    cluster
}

/// An operation, and up to three phones or choices that it concerns.
type Operation = (u8, u32, u32, u8);

/// Does it. What the cluster refuses is not done, and must change nothing.
fn act(cluster: &mut Cluster, (what, first, second, choice): Operation) {
    let (device, other) = (cluster.device_at(first).unwrap(), cluster.device_at(second).unwrap());
    let lines = &cluster.device(device).appearances;
    let at = lines[usize::from(choice) % lines.len()];
    let line = cluster.appearance(phone(cluster, second)).line;
    let to = match choice % 7 {
        0 => Destination::Outside(Party::outside("+33199000001", "Zoë")),
        1 => Destination::Pilot(cluster.pilots().next().unwrap()),
        2 => Destination::BusyLine(line),
        _ => Destination::Line(line),
    };
    let legs = |wanted: fn(&Leg) -> bool| cluster.find_leg(device, wanted);
    let (connected, held) = (legs(|l| l.state == CallState::CONNECTED), legs(|l| l.state == CallState::ONHOLD));
    let (ringing, any) = (legs(Leg::rings), legs(|_| true));
    let normal = CallStateCause::NORMALCALLCLEARING;
    let purpose = if choice % 2 == 0 { Consultation::Transfer } else { Consultation::Conference };
    let kind = [ForwardKind::All, ForwardKind::Busy, ForwardKind::NoAnswer][usize::from(choice) % 3];
    let park_number = format!("50000{}", 1 + choice % 2);
    let ok = |result: Result<CallKey, CallError>| result.map(|_| ());
    let _: Result<(), CallError> = match what {
        0..=2 => ok(cluster.place(Caller::Phone(at, choice % 5 == 0), &to)),
        3 => ok(cluster.place(Caller::Outside(Party::outside("+33199000002", "")), &to)),
        4..=7 => ringing.map_or(Ok(()), |key| cluster.answer(key.call, Some(key.leg))),
        8 => any.map_or(Ok(()), |key| cluster.answer(key.call, None)),
        9 => connected.map_or(Ok(()), |key| cluster.hold(key)),
        10 => held.map_or(Ok(()), |key| cluster.resume(key)),
        11 => any.map_or(Ok(()), |key| {
            cluster.hang_up(key, normal);
            Ok(())
        }),
        12 => any.map_or(Ok(()), |key| {
            cluster.clear(key.call, normal);
            Ok(())
        }),
        13 | 14 => connected.map_or(Ok(()), |key| ok(cluster.consult(key, &to, purpose))),
        15 | 16 => cluster.complete(device),
        17 => cluster.abandon(device),
        18 => cluster.transfer_directly(device),
        19 => connected.map_or(Ok(()), |key| cluster.transfer_blind(key, &to)),
        20 => cluster.join(device),
        21 => cluster.remove_party(device, &cluster.line(line).dn.clone()),
        22 => ringing.map_or(Ok(()), |key| cluster.redirect(key, &to, CallReason::REDIRECT)),
        23 | 24 => connected.map_or(Ok(()), |key| cluster.park(key).map(|_| ())),
        25 | 26 => ok(cluster.retrieve(at, &park_number)),
        27 => {
            let parked = cluster.parked_at(&park_number);
            parked.into_iter().for_each(|call| cluster.revert_parked(call));
            Ok(())
        }
        28 => ok(cluster.pick_up(at, line)),
        29 => {
            cluster.set_forward(line, kind, Some(to).filter(|_| choice % 2 == 0));
            Ok(())
        }
        30 => {
            any.into_iter().for_each(|key| _ = cluster.give_up_ringing(key.call));
            Ok(())
        }
        31 => cluster.barge(device, choice % 2 == 0),
        32 => cluster.set_private(device, choice % 2 == 0),
        33 => ok(cluster.monitor(at, other)),
        34 => connected.map_or(Ok(()), |key| cluster.record(key, &Party::outside("1", ""), choice % 2 == 0)),
        35 => ok(cluster.intercom(at, line)),
        36 => cluster.talk_back(device),
        37 => {
            cluster.unregister(device, DeviceUnregisteredReason::DEVICE_RESET);
            cluster.register(device, DeviceRegisteredReason::DEVICE_RESET);
            Ok(())
        }
        _ => {
            cluster.take_timers().into_iter().for_each(|timer| cluster.expire(timer));
            Ok(())
        }
    };
}

/// Legs that were announced and are not idle yet.
#[derive(Default)]
struct Heard {
    live: HashSet<i32>,
    ended: usize,
}

impl Heard {
    fn hear(&mut self, cluster: &mut Cluster) {
        while let Some(event) = cluster.next_event() {
            match &event {
                Event::NewCall(view) => assert!(self.live.insert(view.leg), "announced twice: {event:?}"),
                Event::State { leg, state: CallState::IDLE, .. } => {
                    assert!(self.live.remove(leg), "ended twice, or never announced: {event:?}");
                    self.ended += 1;
                }
                Event::State { leg, .. }
                | Event::ConferenceChanged(_, leg, ..)
                | Event::Monitored(_, leg, _)
                | Event::Recorded(_, leg, _) => {
                    assert!(self.live.contains(leg), "after its end: {event:?}");
                }
                Event::Parties(view) | Event::CallChanged(view) => assert!(self.live.contains(&view.leg), "after its end: {event:?}"),
                _ => {}
            }
        }
    }
}

/// The model agrees with itself and with what was told.
fn check(cluster: &Cluster, heard: &Heard) {
    let counters = cluster.counters();
    assert_eq!(counters.started, counters.ended + cluster.standing() as u64);
    let mut at_devices = HashSet::new();
    for (id, device) in cluster.devices() {
        let mut state = DeviceState::IDLE;
        for key in &device.legs {
            let leg = cluster.leg(*key).expect("a device's leg is in its call");
            assert_eq!(cluster.appearance(leg.appearance).device, id);
            assert!(at_devices.insert(key.leg));
            assert_eq!(leg.remote_in_use, leg.state == CallState::REMOTEINUSE);
            let own = match leg.state {
                CallState::REMOTEINUSE => DeviceState::IDLE,
                CallState::ONHOLD => DeviceState::HELD,
                CallState::OFFERING | CallState::ACCEPTED => DeviceState::ALERTING,
                CallState::WHISPER => DeviceState::WHISPER,
                _ => DeviceState::ACTIVE,
            };
            let rank = |s| {
                [DeviceState::IDLE, DeviceState::HELD, DeviceState::WHISPER, DeviceState::ALERTING, DeviceState::ACTIVE]
                    .iter()
                    .position(|r| *r == s)
            };
            state = if rank(own) > rank(state) { own } else { state };
        }
        assert_eq!(cluster.device_state(id), state, "device {}", id.number());
    }
    let in_calls: HashSet<i32> = cluster.calls.values().flat_map(|c| c.legs.iter().map(|l| l.id)).collect();
    assert_eq!(in_calls, at_devices);
    assert_eq!(in_calls, heard.live);
    for (key, call) in &cluster.calls {
        assert!(!call.legs.is_empty() || call.parked.is_some(), "a bare call: {call:?}");
        assert!(call.parked.is_none_or(|place| cluster.car_park.contains_key(&place)));
        assert!(call.conference.is_none() || cluster.participants(*key).len() > 2, "a conference of two: {call:?}");
    }
    assert!(cluster.car_park.len() == cluster.calls.values().filter(|c| c.parked.is_some()).count());
}

fn run(operations: &[Operation], features: &Features) -> Vec<String> {
    let (mut cluster, mut heard) = (cluster(features.clone()), Heard::default());
    let mut told = Vec::new();
    for operation in operations {
        act(&mut cluster, *operation);
        told.extend(cluster.events.iter().map(|event| format!("{event:?}")));
        heard.hear(&mut cluster);
        check(&cluster, &heard);
    }
    let calls: Vec<CallKey> = cluster.calls.keys().copied().collect();
    calls.into_iter().for_each(|call| cluster.clear(call, CallStateCause::NORMALCALLCLEARING));
    heard.hear(&mut cluster);
    check(&cluster, &heard);
    assert!(heard.live.is_empty() && cluster.standing() == 0 && cluster.car_park.is_empty() && cluster.monitored.is_empty());
    assert!(cluster.devices().all(|(_, d)| d.state == DeviceState::IDLE && d.legs.is_empty()));
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn legs_end_once_and_all_is_quiet_in_the_end(
        operations in prop::collection::vec((0..40_u8, 1..=PHONES, 1..=PHONES, any::<u8>()), 1..120),
        auto_pickup in any::<bool>(),
        preserve_parked_call in any::<bool>(),
    ) {
        let features = Features { auto_pickup, preserve_parked_call, ..Features::default() };
        let told = run(&operations, &features);
        prop_assert_eq!(told, run(&operations, &features));
    }
}
