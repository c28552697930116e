//! What flows become, message by message.

use uuid::Uuid;

use super::*;
use crate::cti::{self, DeviceChange, DeviceKind, LineChange};
use crate::ctiqbe::messages::PartyDNInfo;
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, LineOutOfServiceReason};
use crate::ctiqbe::{FRAME_LIMIT, Text, VERSION_12_5, Wide, encode};
use crate::event::{CallBody, LegBody, LegState};

const A: LineHandle = LineHandle { call_manager: 1, line: 102 };
const B: LineHandle = LineHandle { call_manager: 1, line: 104 };
const C: LineHandle = LineHandle { call_manager: 1, line: 106 };

/// A model with three phones: 1000 of `alice`, 2000 of `bob`, and 2000 again on a second phone of `carol`.
struct Bench {
    model: CallModel,
    now: u64,
    told: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { model: CallModel::new(Ids::seeded(1), false), now: 1_000_000, told: Vec::new() };
        bench.connect();
        bench.told.clear();
        bench
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.now += 1_000_000;
        self.model.observe(SessionId(0), Timestamp(self.now), notice, &mut self.told).unwrap();
    }

    fn connect(&mut self) {
        self.notice(&Notice::Connected { manager: "cucm-pub", cluster: "test" });
        for (name, user, dn, handle) in lines() {
            let line = line(name, user, dn);
            self.notice(&Notice::Line { line: &line, change: LineChange::Opened(handle) });
        }
    }

    fn send<'a, M: crate::ctiqbe::Message<'a>>(&mut self, message: &M) {
        let mut bytes = Vec::new();
        encode(message, VERSION_12_5, &mut bytes);
        let frame = Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap();
        self.notice(&Notice::Message(frame));
    }

    fn new_call(&mut self, line: LineHandle, leg: i32, global: i32, state: CallState, origin: CallOrigin, parties: (&str, &str)) {
        self.send(&new_call(line, leg, global, state, origin, parties));
    }

    fn state(&mut self, line: LineHandle, leg: i32, state: CallState, cause: CallStateCause) {
        self.send(&CallStateChangedEvent_V2 {
            line_call_manager_id: line.call_manager,
            line_id: line.line,
            call_call_manager_id: 1,
            call_leg_id: leg,
            state,
            cause,
            reason: CallReason::DIRECTCALL,
            b_remote_in_use: state == CallState::REMOTEINUSE,
            ..Default::default()
        });
    }

    fn states(&mut self, line: LineHandle, leg: i32, states: &[CallState]) {
        states.iter().for_each(|state| self.state(line, leg, *state, CallStateCause::NOERROR));
    }

    fn hang_up(&mut self, line: LineHandle, leg: i32) {
        self.state(line, leg, CallState::DISCONNECTED, CallStateCause::NORMALCALLCLEARING);
        self.state(line, leg, CallState::IDLE, CallStateCause::NOERROR);
    }

    /// An answered call; then the session was lost, and is there again. With the id of the call; what was told until then is forgotten.
    fn after_a_break() -> (Self, Uuid) {
        let mut bench = Self::new();
        bench.ring();
        bench.answer();
        let before = bench.last_leg(EventType::LegConnected).call_id;
        bench.notice(&Notice::Lost { manager: "cucm-pub", reason: "test" });
        bench.connect();
        bench.told.clear();
        (bench, before)
    }

    /// 1000 calls 2000, which rings.
    fn ring(&mut self) {
        self.new_call(A, 1, 500, CallState::DIALTONE, CallOrigin::OUTBOUND, ("1000", ""));
        self.states(A, 1, &[CallState::DIALING]);
        self.send(&party_info(A, 1, ("1000", "2000")));
        self.states(A, 1, &[CallState::PROCEEDING]);
        self.new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDINTERNAL, ("1000", "2000"));
        self.states(B, 2, &[CallState::ACCEPTED]);
        self.states(A, 1, &[CallState::RINGBACK]);
    }

    fn answer(&mut self) {
        self.states(A, 1, &[CallState::CONNECTED]);
        self.states(B, 2, &[CallState::CONNECTED]);
    }

    /// The events told since the last time, as `leg.alerting 2000` and `call.started`.
    fn told(&mut self) -> Vec<String> {
        let words = self.told.drain(..).map(|event| {
            let kind = event.kind.as_str().trim_start_matches("callcast.");
            match &event.body {
                Body::Leg(leg) => format!("{kind} {}", &leg.line.dn),
                _ => kind.to_owned(),
            }
        });
        words.collect()
    }

    fn last_leg(&self, kind: EventType) -> LegBody {
        let found = self.told.iter().rev().find(|e| e.kind == kind).expect("no such event");
        match &found.body {
            Body::Leg(leg) => leg.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn call(&self, kind: EventType) -> CallBody {
        let found = self.told.iter().rev().find(|e| e.kind == kind).expect("no such event");
        match &found.body {
            Body::Call(call) => (**call).clone(),
            other => panic!("{other:?}"),
        }
    }

    fn is_empty(&self) -> bool {
        self.model.calls() == 0 && self.model.legs() == 0 && self.model.global_calls.is_empty()
    }
}

fn lines() -> [(&'static str, &'static str, &'static str, LineHandle); 3] {
    [("SEP1", "alice", "1000", A), ("SEP2", "bob", "2000", B), ("SEP3", "carol", "2000", C)]
}

fn line(name: &str, user: &str, dn: &str) -> Arc<cti::Line> {
    let device = cti::Device {
        name: name.into(),
        model: "Cisco 8861".into(),
        kind: DeviceKind::Phone,
        owner: Some(user.into()),
        login_user: None,
        device_pool: None,
    };
    Arc::new(cti::Line { device: Arc::new(device), dn: dn.into(), partition: "Internal-PT".into(), display_name: String::new() })
}

fn text(text: &str) -> Text<'_> {
    Text::new(text.as_bytes())
}

fn new_call<'a>(
    line: LineHandle,
    leg: i32,
    global: i32,
    state: CallState,
    origin: CallOrigin,
    (calling, called): (&'a str, &'a str),
) -> NewCallEvent<'a> {
    NewCallEvent {
        line_call_manager_id: line.call_manager,
        line_id: line.line,
        call_call_manager_id: 1,
        call_leg_id: leg,
        global_call_manager_id: 1,
        call_id: global,
        state,
        origin,
        reason: CallReason::DIRECTCALL,
        calling_party: text(calling),
        called_party: text(called),
        calling_party_pi: true,
        calling_party_name_pi: true,
        called_party_pi: true,
        called_party_name_pi: true,
        calling_party_dn_info: PartyDNInfo { partition: text("Internal-PT"), ..Default::default() },
        called_party_dn_info: PartyDNInfo { partition: text("Internal-PT"), ..Default::default() },
        ..Default::default()
    }
}

fn existing_call<'a>(line: LineHandle, leg: i32, global: i32, state: CallState, parties: (&'a str, &'a str)) -> ExistingCallEvent<'a> {
    let new = new_call(line, leg, global, state, CallOrigin::INBOUNDINTERNAL, parties);
    ExistingCallEvent {
        line_call_manager_id: new.line_call_manager_id,
        line_id: new.line_id,
        call_call_manager_id: new.call_call_manager_id,
        call_leg_id: new.call_leg_id,
        global_call_manager_id: new.global_call_manager_id,
        call_id: new.call_id,
        state,
        origin: new.origin,
        calling_party: new.calling_party,
        called_party: new.called_party,
        calling_party_pi: true,
        called_party_pi: true,
        ..Default::default()
    }
}

fn party_info<'a>(line: LineHandle, leg: i32, (calling, called): (&'a str, &'a str)) -> CallPartyInfoChangedEvent<'a> {
    CallPartyInfoChangedEvent {
        line_call_manager_id: line.call_manager,
        line_id: line.line,
        call_call_manager_id: 1,
        call_leg_id: leg,
        calling_party: text(calling),
        called_party: text(called),
        calling_party_pi: true,
        called_party_pi: true,
        ..Default::default()
    }
}

fn completed(line: LineHandle) -> ExistingCallCompletedEvent {
    ExistingCallCompletedEvent { line_call_manager_id: line.call_manager, line_id: line.line }
}

#[test]
fn an_answered_call_is_told_from_both_lines() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.hang_up(A, 1);
    bench.hang_up(B, 2);
    let expected = [
        "call.started",
        "leg.initiated 1000",
        "leg.dialing 1000",
        "leg.party_changed 1000",
        "leg.offered 2000",
        "pop.offered",
        "leg.alerting 2000",
        "leg.ringback 1000",
        "leg.connected 1000",
        "leg.connected 2000",
        "call.answered",
        "leg.disconnected 1000",
        "leg.disconnected 2000",
        "call.ended",
    ];
    assert_eq!(bench.told(), expected);
    assert!(bench.is_empty());
}

#[test]
fn the_legs_of_an_internal_call_are_one_call() {
    let mut bench = Bench::new();
    bench.ring();
    assert_eq!(bench.last_leg(EventType::LegAlerting).call_id, bench.last_leg(EventType::LegRingback).call_id);
}

#[test]
fn the_remote_party_is_the_other_end_from_either_side() {
    let mut bench = Bench::new();
    bench.ring();
    let remote = |leg: LegBody| leg.parties.remote().number.clone();
    assert_eq!(remote(bench.last_leg(EventType::LegAlerting)).as_deref(), Some("1000"));
    assert_eq!(remote(bench.last_leg(EventType::LegRingback)).as_deref(), Some("2000"));
}

#[test]
fn the_summary_says_who_answered_and_how_long_it_took() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.hang_up(A, 1);
    bench.hang_up(B, 2);
    let ended = bench.call(EventType::CallEnded);
    assert_eq!(ended.answered_by.as_ref().and_then(|l| l.device.user.as_deref()), Some("bob"));
    assert_eq!(ended.durations, crate::event::Durations { ring: 3_000_000, talk: 4_000_000, hold: 0 });
    assert_eq!(ended.cause.map(|c| c.code), Some(16));
    assert!(ended.missed_by.is_empty());
}

#[test]
fn a_caller_who_gives_up_leaves_a_missed_call() {
    let mut bench = Bench::new();
    bench.ring();
    bench.hang_up(A, 1);
    bench.hang_up(B, 2);
    let missed = bench.call(EventType::CallMissed);
    assert_eq!(missed.missed_by.iter().map(|l| l.subject.as_str()).collect::<Vec<_>>(), ["SEP2/2000"]);
    assert_eq!(bench.told().iter().rev().take(2).collect::<Vec<_>>(), ["call.ended", "call.missed"]);
}

#[test]
fn a_busy_line_ends_the_call_unmissed_with_the_cause() {
    let mut bench = Bench::new();
    bench.new_call(A, 1, 500, CallState::DIALTONE, CallOrigin::OUTBOUND, ("1000", "2000"));
    bench.states(A, 1, &[CallState::DIALING, CallState::PROCEEDING]);
    bench.state(A, 1, CallState::BUSY, CallStateCause::USERBUSY);
    bench.state(A, 1, CallState::DISCONNECTED, CallStateCause::USERBUSY);
    let leg = bench.last_leg(EventType::LegDisconnected);
    assert_eq!((leg.previous_state, leg.cause.map(|c| c.name)), (Some(LegState::Busy), Some("user_busy")));
    assert_eq!(bench.told(), ["call.started", "leg.initiated 1000", "leg.dialing 1000", "leg.disconnected 1000", "call.ended"]);
}

#[test]
fn hold_and_resume_are_told_and_counted() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.told.clear();
    bench.states(B, 2, &[CallState::ONHOLD, CallState::CONNECTED]);
    assert_eq!(bench.told(), ["leg.held 2000", "leg.resumed 2000"]);
    bench.hang_up(A, 1);
    bench.hang_up(B, 2);
    assert_eq!(bench.call(EventType::CallEnded).durations, crate::event::Durations { ring: 3_000_000, talk: 5_000_000, hold: 1_000_000 });
}

#[test]
fn two_calls_on_a_line_are_two_calls() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.new_call(B, 3, 501, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("5551234", "2000"));
    bench.states(B, 3, &[CallState::ACCEPTED]);
    let (waiting, first) = (bench.last_leg(EventType::LegAlerting), bench.last_leg(EventType::LegConnected));
    assert_ne!(waiting.call_id, first.call_id);
    assert_eq!(waiting.parties.remote().number.as_deref(), Some("5551234"));
    bench.hang_up(B, 3);
    assert_eq!(bench.model.calls(), 1);
}

#[test]
fn a_shared_line_is_one_call_and_is_not_missed_where_it_was_not_answered() {
    let mut bench = Bench::new();
    bench.ring();
    bench.new_call(C, 3, 500, CallState::OFFERING, CallOrigin::INBOUNDINTERNAL, ("1000", "2000"));
    assert_eq!(*bench.last_leg(EventType::LegOffered).shared_with, ["SEP2".into()]);
    bench.states(C, 3, &[CallState::ACCEPTED, CallState::CONNECTED]);
    bench.states(A, 1, &[CallState::CONNECTED]);
    bench.told.clear();
    bench.states(B, 2, &[CallState::REMOTEINUSE, CallState::IDLE]);
    assert_eq!(bench.told(), ["leg.remote_in_use 2000", "pop.withdrawn", "leg.disconnected 2000"]);
    bench.hang_up(A, 1);
    bench.hang_up(C, 3);
    let ended = bench.call(EventType::CallEnded);
    assert_eq!(ended.answered_by.as_ref().map(|l| l.subject.as_str()), Some("SEP3/2000"));
    assert!(!bench.told().contains(&"call.missed".to_owned()));
}

#[test]
fn calls_found_standing_are_recovered_and_not_answered_anew() {
    let mut bench = Bench::new();
    bench.send(&existing_call(B, 2, 500, CallState::CONNECTED, ("1000", "2000")));
    assert!(bench.last_leg(EventType::LegConnected).recovered);
    assert_eq!(bench.told(), ["call.started", "leg.connected 2000"]);
    bench.hang_up(B, 2);
    assert_eq!(bench.told(), ["leg.disconnected 2000", "call.ended"]);
}

#[test]
fn a_leg_that_is_found_again_after_a_break_goes_on() {
    let (mut bench, before) = Bench::after_a_break();
    bench.send(&existing_call(A, 1, 500, CallState::CONNECTED, ("1000", "2000")));
    bench.send(&existing_call(B, 2, 500, CallState::ONHOLD, ("1000", "2000")));
    assert_eq!(bench.told(), ["leg.held 2000"]);
    bench.states(B, 2, &[CallState::CONNECTED]);
    assert_eq!(bench.last_leg(EventType::LegResumed).call_id, before);
}

#[test]
fn a_leg_with_another_handle_after_a_break_is_found_by_its_global_call() {
    let mut bench = Bench::new();
    bench.ring();
    bench.answer();
    bench.notice(&Notice::Lost { manager: "cucm-pub", reason: "test" });
    bench.connect();
    bench.told.clear();
    bench.send(&existing_call(B, 77, 500, CallState::CONNECTED, ("1000", "2000")));
    bench.send(&completed(B));
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[test]
fn a_leg_that_is_gone_after_a_break_is_closed_as_unobserved() {
    let mut bench = Bench::new();
    bench.ring();
    bench.notice(&Notice::Lost { manager: "cucm-pub", reason: "test" });
    bench.connect();
    bench.told.clear();
    bench.send(&completed(A));
    bench.notice(&Notice::Resynced { in_service: 3, refused: 0 });
    assert!(bench.last_leg(EventType::LegDisconnected).unobserved);
    assert!(bench.call(EventType::CallEnded).unobserved);
    assert!(!bench.told().contains(&"call.missed".to_owned()), "nobody knows whether it was answered");
    assert!(bench.is_empty());
}

#[test]
fn a_leg_on_a_device_that_is_gone_for_good_is_closed() {
    let mut bench = Bench::new();
    bench.ring();
    for (name, user, dn, _) in lines() {
        let line = line(name, user, dn);
        bench.notice(&Notice::Device { device: &line.device, change: DeviceChange::Removed });
    }
    assert!(bench.is_empty());
}

#[test]
fn a_withheld_number_and_name_are_told_as_withheld() {
    let mut bench = Bench::new();
    let mut call = new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("5551234", "2000"));
    (call.calling_party_pi, call.calling_party_name_pi) = (false, false);
    call.unicode_calling_party_name = Wide::Str("Zoë");
    call.globalized_calling_party = text("+15551234");
    bench.send(&call);
    let leg = bench.last_leg(EventType::LegOffered);
    let json = leg.parties.json();
    assert!(!json.contains("5551234") && !json.contains("Zo"), "{json}");
    assert_eq!(leg.parties.remote().presentation, crate::event::Presentation::Restricted);
}

#[test]
fn an_empty_party_is_not_a_withheld_one() {
    let mut bench = Bench::new();
    let mut call = new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("", "2000"));
    call.calling_party_pi = false;
    bench.send(&call);
    assert!(bench.last_leg(EventType::LegOffered).parties.calling().is_unknown());
}

#[test]
fn the_globalized_number_is_the_e164_form_and_stays() {
    let mut bench = Bench::new();
    let mut call = new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("0123401000", "2000"));
    call.globalized_calling_party = text("+33123401000");
    bench.send(&call);
    bench.send(&party_info(B, 2, ("0123401000", "2001")));
    let leg = bench.last_leg(EventType::LegPartyChanged);
    assert_eq!(leg.parties.remote().e164.as_deref(), Some("+33123401000"));
}

#[test]
fn a_message_for_a_line_or_leg_that_is_not_known_changes_nothing() {
    let mut bench = Bench::new();
    bench.new_call(LineHandle { call_manager: 9, line: 9 }, 1, 500, CallState::OFFERING, CallOrigin::INBOUNDINTERNAL, ("1", "2"));
    bench.state(B, 99, CallState::CONNECTED, CallStateCause::NOERROR);
    bench.send(&party_info(B, 99, ("1", "2")));
    assert_eq!(bench.told(), Vec::<String>::new());
    assert!(bench.is_empty());
}

#[test]
fn an_unknown_state_leaves_the_leg_as_it_is() {
    let mut bench = Bench::new();
    bench.ring();
    bench.told.clear();
    bench.states(B, 2, &[CallState::UNKNOWN, CallState(77)]);
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.hang_up(B, 2);
    bench.hang_up(A, 1);
    assert!(bench.is_empty());
}

#[test]
fn a_leg_that_moves_to_another_global_call_goes_with_it() {
    let mut bench = Bench::new();
    bench.ring();
    bench.new_call(B, 3, 501, CallState::OFFERING, CallOrigin::INBOUNDEXTERNAL, ("5551234", "2000"));
    bench.global_call(B, 3, 500, CallReason::DIRECTCALL);
    assert_eq!(bench.model.calls(), 1);
    bench.hang_up(A, 1);
    bench.hang_up(B, 2);
    bench.hang_up(B, 3);
    assert!(bench.is_empty());
}

#[test]
fn any_one_message_may_be_missing_without_wedging_a_call() {
    type Step = Box<dyn Fn(&mut Bench)>;
    let script: Vec<Step> = vec![
        Box::new(|b| b.new_call(A, 1, 500, CallState::DIALTONE, CallOrigin::OUTBOUND, ("1000", ""))),
        Box::new(|b| b.state(A, 1, CallState::DIALING, CallStateCause::NOERROR)),
        Box::new(|b| b.send(&party_info(A, 1, ("1000", "2000")))),
        Box::new(|b| b.new_call(B, 2, 500, CallState::OFFERING, CallOrigin::INBOUNDINTERNAL, ("1000", "2000"))),
        Box::new(|b| b.state(B, 2, CallState::ACCEPTED, CallStateCause::NOERROR)),
        Box::new(|b| b.state(A, 1, CallState::CONNECTED, CallStateCause::NOERROR)),
        Box::new(|b| b.state(B, 2, CallState::CONNECTED, CallStateCause::NOERROR)),
        Box::new(|b| b.state(A, 1, CallState::DISCONNECTED, CallStateCause::NORMALCALLCLEARING)),
        Box::new(|b| b.state(A, 1, CallState::IDLE, CallStateCause::NOERROR)),
        Box::new(|b| b.state(B, 2, CallState::DISCONNECTED, CallStateCause::NORMALCALLCLEARING)),
        Box::new(|b| b.state(B, 2, CallState::IDLE, CallStateCause::NOERROR)),
    ];
    for missing in 0..script.len() {
        let mut bench = Bench::new();
        script.iter().enumerate().filter(|(i, _)| *i != missing).for_each(|(_, step)| step(&mut bench));
        assert!(bench.is_empty(), "without message {missing}");
        let ended = bench.told().iter().filter(|e| *e == "call.ended").count();
        assert_eq!(ended, 1, "without message {missing}");
    }
}

#[test]
fn a_handle_that_names_a_new_leg_after_a_break_ends_the_old_one() {
    let mut bench = Bench::new();
    bench.new_call(A, 1, 500, CallState::CONNECTED, CallOrigin::OUTBOUND, ("1000", "2000"));
    let (line, change) = (line("SEP1", "alice", "1000"), LineChange::OutOfService(LineOutOfServiceReason(0)));
    bench.notice(&Notice::Line { line: &line, change });
    bench.told();
    bench.new_call(A, 1, 501, CallState::CONNECTED, CallOrigin::OUTBOUND, ("1000", "2000"));
    assert_eq!(bench.told(), ["leg.disconnected 1000", "call.ended", "call.started", "leg.connected 1000", "call.answered"]);
    bench.hang_up(A, 1);
    assert!(bench.is_empty());
}

#[test]
fn messages_about_a_device_that_was_removed_mean_nothing() {
    let mut bench = Bench::new();
    let line = line("SEP1", "alice", "1000");
    bench.notice(&Notice::Device { device: &line.device, change: DeviceChange::Removed });
    bench.told();
    bench.new_call(A, 1, 500, CallState::CONNECTED, CallOrigin::OUTBOUND, ("1000", "2000"));
    assert_eq!(bench.told(), [""; 0]);
    assert!(bench.is_empty());
}

#[test]
fn a_handle_given_to_another_line_stays_with_that_when_the_one_before_closes() {
    let mut bench = Bench::new();
    let (before, now) = (line("SEP1", "alice", "1000"), line("SEP2", "bob", "2000"));
    bench.notice(&Notice::Line { line: &now, change: LineChange::Opened(A) });
    bench.notice(&Notice::Line { line: &before, change: LineChange::Closed });
    bench.told();
    bench.new_call(A, 1, 500, CallState::CONNECTED, CallOrigin::INBOUNDINTERNAL, ("1000", "2000"));
    assert_eq!(bench.told(), ["call.started", "leg.connected 2000", "call.answered", "pop.offered"]);
}

#[test]
fn the_same_messages_give_the_same_events() {
    let run = || {
        let mut bench = Bench::new();
        bench.ring();
        bench.answer();
        bench.hang_up(A, 1);
        bench.hang_up(B, 2);
        format!("{:?}", bench.told)
    };
    assert_eq!(run(), run());
}

mod unseen;
