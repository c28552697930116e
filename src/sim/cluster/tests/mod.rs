//! The cluster, by the stories that its events tell.

mod features;
mod random;

use super::*;
use crate::ctiqbe::names::{CallState, CallStateCause, DeviceRegisteredReason, DeviceState, DeviceUnregisteredReason};
use crate::sim::Config;

/// Phones 1 to 6; 2 has the line of 1 as its second.
fn cluster() -> Cluster {
    let config = Config { devices: 6, shared_lines: 1, ..Config::default() };
    Cluster::new(config.device_specs(), config.accounts(), 3)
}

/// The first line of a phone.
fn phone(cluster: &Cluster, number: u32) -> AppearanceId {
    cluster.device(cluster.device_at(number).unwrap()).appearances[0]
}

fn line(cluster: &Cluster, number: u32) -> Destination {
    Destination::Line(cluster.appearance(phone(cluster, number)).line)
}

fn call(cluster: &mut Cluster, from: u32, to: u32) -> CallKey {
    let (caller, called) = (Caller::Phone(phone(cluster, from), false), line(cluster, to));
    cluster.place(caller, &called).unwrap()
}

fn ring(cluster: &Cluster, device: u32) -> LegKey {
    cluster.find_leg(cluster.device_at(device).unwrap(), |l| l.state == CallState::ACCEPTED).unwrap()
}

fn answer(cluster: &mut Cluster, device: u32) -> LegKey {
    let key = ring(cluster, device);
    cluster.answer(key.call, Some(key.leg)).unwrap();
    key
}

/// What happened to calls, as "device:state", "device:new state" or "device:parties".
fn story(cluster: &mut Cluster) -> Vec<String> {
    let events: Vec<_> = std::iter::from_fn(|| cluster.next_event()).collect();
    let at = |id: AppearanceId| cluster.appearance(id).device.number();
    let tell = |event: &Event| match event {
        Event::NewCall(view) => Some(format!("{}:new {}", at(view.appearance), view.state.0)),
        Event::Parties(view) => Some(format!("{}:parties", at(view.appearance))),
        Event::CallChanged(view) => Some(format!("{}:call {}", at(view.appearance), view.call)),
        Event::TransferStarted(line, notice) => Some(format!("{}:transfer {} into {}", at(*line), notice.other, notice.surviving)),
        Event::ConferenceStarted(line, notice) => Some(format!("{}:conference {:?} into {}", at(*line), notice.others, notice.surviving)),
        Event::TransferEnded(line, _) | Event::ConferenceEnded(line, _) => Some(format!("{}:ended", at(*line))),
        Event::ConferenceChanged(line, _, _, change) => {
            let names = |p: &Participant| p.party.number.clone();
            let others: Vec<_> = change.others.iter().map(names).collect();
            Some(format!("{}:{} {} with {}", at(*line), change.status, change.changed.party.number, others.join(" ")))
        }
        Event::Park(line, notice) => Some(format!("{}:{} {} at {}", at(*line), notice.status, notice.parked.number, notice.number.number)),
        Event::Forwarding(line, to) => Some(format!("{}:forward {}", at(*line), to.as_ref().map_or("off", |to| &to.number))),
        Event::State { appearance, state, cause, remote_in_use, .. } => {
            let cause = if *cause == CallStateCause::NOERROR { String::new() } else { format!(" cause {}", cause.0) };
            let remote = if *remote_in_use { " remote" } else { "" };
            Some(format!("{}:{}{cause}{remote}", at(*appearance), state.0))
        }
        _ => None,
    };
    events.iter().filter_map(tell).collect()
}

fn state(cluster: &Cluster, device: u32) -> DeviceState {
    cluster.device_state(cluster.device_at(device).unwrap())
}

#[test]
fn an_internal_call_gives_the_events_of_the_recorded_one() {
    let mut cluster = cluster();
    let key = call(&mut cluster, 3, 4);
    assert_eq!(story(&mut cluster), ["3:new 4", "3:5", "3:parties", "3:9", "4:new 2", "4:3", "3:6"]);
    answer(&mut cluster, 4);
    assert_eq!(story(&mut cluster), ["3:8", "4:8"]);
    cluster.clear(key, CallStateCause::NORMALCALLCLEARING);
    assert_eq!(story(&mut cluster), ["3:14 cause 16", "3:1", "4:14 cause 16", "4:1"]);
    assert_eq!((cluster.counters().started, cluster.counters().ended, cluster.standing()), (1, 1, 0));
}

#[test]
fn both_legs_share_the_global_call_and_know_the_far_end() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    let views: Vec<_> = [3, 4].map(|n| cluster.standing_at(phone(&cluster, n)).remove(0)).into();
    assert_eq!(views[0].call, views[1].call);
    assert_ne!(views[0].leg, views[1].leg);
    assert_eq!(views[0].far_end, crate::ctiqbe::names::DestinationType::IN_CLUSTER);
}

#[test]
fn the_caller_knows_nobody_while_there_is_dial_tone() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    let Some(Event::NewCall(view)) = std::iter::from_fn(|| cluster.next_event()).find(|e| matches!(e, Event::NewCall(_))) else {
        panic!("no new call");
    };
    assert_eq!((view.parties.called.as_ref(), view.parties.calling.as_ref().unwrap().number.as_str()), (None, "100003"));
}

#[test]
fn a_caller_who_gives_up_is_never_connected() {
    let mut cluster = cluster();
    let key = call(&mut cluster, 3, 4);
    story(&mut cluster);
    cluster.clear(key, CallStateCause::NORMALCALLCLEARING);
    assert_eq!(story(&mut cluster), ["3:14 cause 16", "3:1", "4:14 cause 16", "4:1"]);
}

#[test]
fn a_busy_line_gives_the_caller_cause_17_and_rings_nowhere() {
    let mut cluster = cluster();
    let Destination::Line(busy) = line(&cluster, 4) else { panic!("a line") };
    let key = cluster.place(Caller::Phone(phone(&cluster, 3), false), &Destination::BusyLine(busy)).unwrap();
    assert_eq!(story(&mut cluster), ["3:new 4", "3:5", "3:parties", "3:9", "3:14 cause 17"]);
    cluster.clear(key, CallStateCause::NORMALCALLCLEARING);
    assert_eq!(story(&mut cluster), ["3:1"]);
}

#[test]
fn a_second_call_waits_and_a_third_finds_the_line_busy() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    answer(&mut cluster, 4);
    call(&mut cluster, 5, 4);
    assert!(cluster.legs(ring(&cluster, 4).call).len() == 2);
    story(&mut cluster);
    call(&mut cluster, 6, 4);
    assert_eq!(story(&mut cluster).last().unwrap(), "6:14 cause 17");
}

#[test]
fn answering_a_second_call_holds_the_first() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    answer(&mut cluster, 4);
    call(&mut cluster, 5, 4);
    story(&mut cluster);
    answer(&mut cluster, 4);
    assert_eq!(story(&mut cluster), ["4:10", "5:8", "4:8"]);
}

#[test]
fn a_shared_line_rings_everywhere_and_is_in_use_elsewhere_once_answered() {
    let mut cluster = cluster();
    let key = call(&mut cluster, 3, 1);
    assert_eq!(story(&mut cluster)[4..], ["1:new 2", "1:3", "2:new 2", "2:3", "3:6"]);
    answer(&mut cluster, 2);
    assert_eq!(story(&mut cluster), ["2:8", "3:8", "1:16 remote"]);
    cluster.clear(key, CallStateCause::NORMALCALLCLEARING);
    assert_eq!(story(&mut cluster), ["1:1 remote", "3:14 cause 16", "3:1", "2:14 cause 16", "2:1"]);
}

#[test]
fn a_held_shared_line_can_be_resumed_on_the_other_device() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 1);
    let leg = answer(&mut cluster, 1);
    story(&mut cluster);
    cluster.hold(leg).unwrap();
    assert_eq!(story(&mut cluster), ["1:10", "2:10"]);
    let other = cluster.find_leg(cluster.device_at(2).unwrap(), |l| l.state == CallState::ONHOLD).unwrap();
    cluster.resume(other).unwrap();
    assert_eq!(story(&mut cluster), ["2:8", "1:16 remote"]);
}

#[test]
fn one_ringing_device_of_a_shared_line_can_go_without_ending_the_call() {
    let mut cluster = cluster();
    let key = call(&mut cluster, 3, 1);
    cluster.unregister(cluster.device_at(1).unwrap(), DeviceUnregisteredReason::DEVICE_RESET);
    assert_eq!(cluster.legs(key).len(), 2);
}

#[test]
fn a_device_is_active_before_alerting_before_held() {
    let mut cluster = cluster();
    assert_eq!(state(&cluster, 4), DeviceState::IDLE);
    call(&mut cluster, 3, 4);
    assert_eq!((state(&cluster, 3), state(&cluster, 4)), (DeviceState::ACTIVE, DeviceState::ALERTING));
    let first = answer(&mut cluster, 4);
    call(&mut cluster, 5, 4);
    assert_eq!(state(&cluster, 4), DeviceState::ACTIVE);
    cluster.hold(first).unwrap();
    assert_eq!(state(&cluster, 4), DeviceState::ALERTING);
    let second = ring(&cluster, 4);
    cluster.clear(second.call, CallStateCause::NORMALCALLCLEARING);
    assert_eq!(state(&cluster, 4), DeviceState::HELD);
}

#[test]
fn a_withheld_number_is_in_the_call_all_the_same() {
    let mut cluster = cluster();
    let caller = Party::outside("+33123401000", "Zoë").restricted();
    cluster.place(Caller::Outside(caller), &line(&cluster, 4)).unwrap();
    let view = cluster.standing_at(phone(&cluster, 4)).remove(0);
    let calling = view.parties.calling.clone().unwrap();
    assert_eq!((calling.number.as_str(), calling.number_allowed, calling.name_allowed), ("+33123401000", false, false));
    assert_eq!(view.parties.globalized_calling(), "+33123401000");
    assert_eq!(view.origin, crate::ctiqbe::names::CallOrigin::INBOUNDEXTERNAL);
}

#[test]
fn a_call_to_somebody_outside_is_answered_there() {
    let mut cluster = cluster();
    let key = cluster.place(Caller::Phone(phone(&cluster, 3), false), &Destination::Outside(Party::outside("0199000000", ""))).unwrap();
    story(&mut cluster);
    cluster.answer(key, None).unwrap();
    assert_eq!(story(&mut cluster), ["3:8"]);
}

#[test]
fn a_phone_that_loses_power_ends_its_calls_before_it_unregisters() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    answer(&mut cluster, 4);
    let device = cluster.device_at(4).unwrap();
    cluster.unregister(device, DeviceUnregisteredReason::DEVICE_RESET);
    assert_eq!(cluster.standing(), 0);
    let last = std::iter::from_fn(|| cluster.next_event()).last().unwrap();
    assert!(matches!(last, Event::Unregistered(id, DeviceUnregisteredReason::DEVICE_RESET) if id == device));
    let caller = Caller::Phone(phone(&cluster, 4), false);
    assert_eq!(cluster.place(caller, &line(&cluster, 3)), Err(CallError::NotRegistered));
}

#[test]
fn a_user_who_logs_in_is_the_devices_login_user() {
    let mut cluster = cluster();
    let device = cluster.device_at(4).unwrap();
    cluster.change_login(device, Some("bob".into()));
    assert!(!cluster.device(device).registered);
    cluster.register(device, DeviceRegisteredReason::LOGIN);
    assert_eq!((cluster.device(device).registered, cluster.device(device).login_user.as_deref()), (true, Some("bob")));
}

#[test]
fn an_unticked_line_is_restricted_on_all_its_devices() {
    let mut cluster = cluster();
    cluster.restrict_line(phone(&cluster, 1), true);
    let concerned = std::iter::from_fn(|| cluster.next_event()).count();
    assert_eq!(concerned, 2);
}

#[test]
fn numbers_come_back_after_a_restart_of_the_cluster() {
    let mut cluster = cluster();
    call(&mut cluster, 3, 4);
    let before = cluster.standing_at(phone(&cluster, 4)).remove(0);
    cluster.lose_calls();
    assert_eq!((cluster.standing(), cluster.counters().lost, state(&cluster, 4)), (0, 1, DeviceState::IDLE));
    call(&mut cluster, 3, 4);
    let after = cluster.standing_at(phone(&cluster, 4)).remove(0);
    assert_eq!((before.call, before.leg), (after.call, after.leg));
}

#[test]
fn too_many_wrong_passwords_lock_the_account() {
    use crate::ctiqbe::names::CtiFailure;
    let mut cluster = cluster();
    for _ in 0..3 {
        assert_eq!(cluster.log_in("callcast", Some("wrong")), Err(CtiFailure::DIRECTORY_LOGIN_FAILED));
    }
    assert_eq!(cluster.log_in("callcast", Some("callcast")), Err(CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED));
    let account = cluster.find_account("callcast").unwrap();
    cluster.set_account_state(account, AccountState::Usable);
    assert_eq!(cluster.log_in("callcast", Some("callcast")), Ok(account));
}

#[test]
fn a_window_counts_the_calls_that_touch_its_devices() {
    let mut cluster = cluster();
    let (first, last) = (cluster.device_at(3).unwrap(), cluster.device_at(4).unwrap());
    cluster.open_window(first, last);
    let inside = call(&mut cluster, 3, 5);
    call(&mut cluster, 6, 1);
    cluster.clear(inside, CallStateCause::NORMALCALLCLEARING);
    let window = cluster.window().unwrap();
    assert_eq!((window.began, window.ended), (1, 1));
}

#[test]
fn a_caller_cannot_answer_for_the_phone_that_rings() {
    let mut cluster = cluster();
    let key = call(&mut cluster, 3, 4);
    assert_eq!(cluster.answer(key, None), Err(CallError::State));
}
