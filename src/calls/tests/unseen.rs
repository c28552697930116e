//! What is not told: ends that are lost, calls that go on out of sight, ids that come back.

use super::*;
use crate::ctiqbe::names::DeviceState;

impl Bench {
    fn device_state(&mut self, name: &str, state: DeviceState, asked: bool) {
        let (_, user, dn, _) = lines().into_iter().find(|(known, ..)| *known == name).unwrap();
        let line = line(name, user, dn);
        self.notice(&Notice::Device { device: &line.device, change: DeviceChange::State { state, asked } });
    }

    fn doubted(&mut self) -> Vec<String> {
        let at = Timestamp(self.now);
        let mut doubted: Vec<String> = self.model.doubts(at).into_iter().map(|(_, device)| device.to_string()).collect();
        doubted.sort();
        doubted
    }

    fn wait(&mut self, seconds: u64) {
        self.now += seconds * 1_000_000;
        self.model.advance(Timestamp(self.now), &mut self.told);
    }

    pub(super) fn global_call(&mut self, line: LineHandle, leg: i32, global: i32, reason: CallReason) {
        self.send(&GlobalCallHandleChangedEvent {
            line_call_manager_id: line.call_manager,
            line_id: line.line,
            call_call_manager_id: 1,
            call_leg_id: leg,
            new_global_call_manager_id: 1,
            new_global_call_id: global,
            reason,
            ..Default::default()
        });
    }
}

#[test]
fn a_leg_whose_end_was_never_told_is_closed_when_its_device_answers_that_it_is_idle() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.hang_up(A, 1);
    bench.told();
    bench.device_state("SEP2", DeviceState::IDLE, false);
    assert!(bench.doubted().is_empty(), "the end may still be on its way");
    bench.wait(3);
    assert_eq!(bench.doubted(), ["SEP2"]);
    bench.told();
    bench.device_state("SEP2", DeviceState::IDLE, true);
    assert_eq!(bench.told(), ["leg.disconnected 2000", "call.ended"], "that the device is idle was told before");
    assert!(bench.is_empty());
}

#[test]
fn a_long_call_is_asked_about_and_goes_on_while_its_device_is_active() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.wait(2 * 3600);
    assert_eq!(bench.doubted(), ["SEP1", "SEP2"]);
    bench.device_state("SEP1", DeviceState::ACTIVE, true);
    bench.device_state("SEP2", DeviceState::ACTIVE, true);
    bench.wait(20 * 3600);
    assert_eq!(bench.model.legs(), 2, "age closes nothing");
}

#[test]
fn a_receiver_that_is_lifted_begins_a_call_although_its_global_id_was_given_before() {
    let (mut bench, before) = Bench::after_a_break();
    bench.new_call(C, 9, 500, CallState::DIALTONE, CallOrigin::OUTBOUND, ("2000", ""));
    assert_ne!(bench.last_leg(EventType::LegInitiated).call_id, before);
    bench.hang_up(C, 9);
    bench.send(&completed(A));
    bench.send(&completed(B));
    assert!(bench.is_empty());
}

#[test]
fn calls_that_change_into_each_other_are_merged_once_and_never_into_themselves() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.new_call(B, 3, 501, CallState::DIALTONE, CallOrigin::OUTBOUNDCONFERENCE, ("2000", ""));
    bench.global_call(B, 3, 500, CallReason::CONFERENCE);
    bench.global_call(A, 1, 501, CallReason::CONFERENCE);
    bench.global_call(B, 3, 501, CallReason::CONFERENCE);
    bench.send(&party_info(B, 3, ("2000", "3000")));
    let merged = bench.told().iter().filter(|event| *event == "call.merged").count();
    assert_eq!((merged, bench.model.calls(), bench.model.legs()), (1, 1, 3));
    bench.hang_up(A, 1);
    bench.hang_up(B, 2);
    bench.hang_up(B, 3);
    assert!(bench.is_empty());
}

#[test]
fn a_leg_that_is_found_again_by_its_parties_goes_on() {
    let (mut bench, before) = Bench::after_a_break();
    // Another leg handle and another global call: the call went on at another node.
    bench.send(&existing_call(B, 77, 900, CallState::ONHOLD, ("1000", "2000")));
    assert_eq!(bench.last_leg(EventType::LegHeld).call_id, before);
}

#[test]
fn a_call_that_rings_between_the_parties_of_one_that_was_answered_before_a_break_is_another() {
    let (mut bench, before) = Bench::after_a_break();
    bench.send(&existing_call(B, 77, 900, CallState::ACCEPTED, ("1000", "2000")));
    assert_ne!(bench.last_leg(EventType::LegAlerting).call_id, before);
}

#[test]
fn a_caller_from_outside_who_is_passed_from_one_hunt_member_to_the_next_stays_one_call() {
    let mut bench = Bench::new();
    bench.new_call(A, 1, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("+15551234", "5000"));
    bench.states(A, 1, &[CallState::ACCEPTED, CallState::IDLE]);
    bench.new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("+15551234", "5000"));
    bench.states(B, 2, &[CallState::ACCEPTED, CallState::CONNECTED]);
    bench.hang_up(B, 2);
    let told = bench.told();
    let of = |kind: &str| told.iter().filter(|event| *event == kind).count();
    assert_eq!([of("call.started"), of("call.missed"), of("call.answered"), of("call.ended")], [1, 0, 1, 1], "{told:?}");
}

#[test]
fn a_hunt_call_from_outside_that_nobody_takes_is_missed_where_it_rang_last() {
    let mut bench = Bench::new();
    bench.new_call(A, 1, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("+15551234", "5000"));
    bench.states(A, 1, &[CallState::ACCEPTED, CallState::IDLE]);
    bench.new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("+15551234", "5000"));
    bench.states(B, 2, &[CallState::ACCEPTED, CallState::IDLE]);
    bench.wait(6);
    let missed = bench.call(EventType::CallMissed);
    assert_eq!(missed.missed_by.iter().map(|line| line.subject.as_str()).collect::<Vec<_>>(), ["SEP2/2000"]);
    assert!(bench.is_empty());
}
