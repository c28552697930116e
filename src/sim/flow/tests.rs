//! What flow files say, and what is said of those that say nothing sensible.

use super::*;
use crate::ctiqbe::messages::{CallPartyInfoChangedEvent, CallStateChangedEvent_V2, LineTransferStartedEvent, NewCallEvent};
use crate::ctiqbe::names::{CallReason, CallState, CallStateCause, DestinationType};
use crate::ctiqbe::{FRAME_LIMIT, Frame, VERSION_12_5};

const FLOW: &str = include_str!("tests/example.flow");

fn flow(messages: &str) -> Flow {
    parse(messages).unwrap()
}

fn parse(messages: &str) -> Result<Flow, FlowError> {
    let head = "basis constructed\nphone A 1000 \"Ann\"\nphone B 2000 \"Zoë\" partition=P\nphone C 3000\nline B2 2001 on B\n";
    Flow::parse(&format!("{head}messages\n{messages}\nexpect\n"))
}

/// The message at this place, decoded from its frame.
fn frame(flow: &Flow, at: usize) -> Vec<u8> {
    flow.messages[at].frame(7, 8, VERSION_12_5)
}

fn decoded<'b, M: crate::ctiqbe::Message<'b>>(bytes: &'b [u8]) -> M {
    Frame::split(bytes, FRAME_LIMIT).unwrap().unwrap().decode().unwrap()
}

fn fault(messages: &str) -> String {
    parse(messages).unwrap_err().to_string()
}

#[test]
fn the_parts_of_a_flow_are_read() {
    let flow = Flow::parse(FLOW).unwrap();
    assert_eq!((flow.basis, flow.locked, flow.phones.len(), flow.messages.len()), (Basis::Documented, false, 2, 5));
    assert_eq!(flow.phones[1], Phone { device: "SEP000000000002".into(), user: "bsmith".into(), login: Some("carol".into()) });
    let (device, dn) = (flow.places[2].phone, flow.places[2].dn.as_str());
    assert_eq!((device, dn, flow.places[2].partition.as_str()), (1, "2001", "Other-PT"));
    assert_eq!(flow.expect, "call 1: 1000 -> 2000\n  0.0 started\n");
    assert_eq!(flow.devices()[1].lines.len(), 2);
}

#[test]
fn what_is_left_out_is_filled_in_by_the_rule() {
    let flow = flow("0.0 B NewCallEvent callLegID=1 callID=5 state=OFFERING callingParty=1000 calledParty=2000 lastRedirectingParty=0301");
    let bytes = frame(&flow, 0);
    let new: NewCallEvent<'_> = decoded(&bytes);
    assert_eq!((new.line_call_manager_id, new.line_id, new.global_call_manager_id, new.call_id), (1, 8, 1, 5));
    assert_eq!((new.reason, new.call_presentable, new.calling_party_pi, new.b_remote_in_use), (CallReason::DIRECTCALL, true, true, false));
    assert_eq!((new.calling_party_name.to_string(), new.called_party_name.to_string()), ("Ann".into(), "Zoë".into()));
    assert_eq!(new.unicode_called_party_name.to_string(), "Zoë");
    assert_eq!((new.un_modified_called_party.to_string(), new.called_party_dn_info.partition.to_string()), ("2000".into(), "P".into()));
    assert_eq!(
        (new.un_modified_last_redirecting_party.to_string(), new.last_redirecting_party_name.to_string()),
        ("0301".into(), "".into())
    );
    assert_eq!((new.far_endpoint_type, new.device_name.to_string()), (DestinationType::IN_CLUSTER, "SEP000000000002".into()));
}

#[test]
fn a_field_keeps_what_the_leg_was_told_before() {
    let flow = flow(
        "0.0 A NewCallEvent callLegID=1 callID=5 state=DIALTONE callingParty=1000 callingPartyPi=false reason=PARK\n\
         0.1 A NewCallEvent callLegID=2 callID=6 state=DIALTONE callingParty=1000\n\
         0.2 A CallPartyInfoChangedEvent callLegID=1 calledParty=2000\n\
         0.3 A CallPartyInfoChangedEvent callLegID=1 calledParty=9 calledPartyName=Zed\n\
         0.4 A CallPartyInfoChangedEvent callLegID=1 lastRedirectingParty=2000 reason=BLINDTRANSFER\n\
         0.5 A CallStateChangedEvent_V2 callLegID=1 state=CONNECTED",
    );
    let (told, far, last, state) = (frame(&flow, 2), frame(&flow, 3), frame(&flow, 4), frame(&flow, 5));
    let told: CallPartyInfoChangedEvent<'_> = decoded(&told);
    assert_eq!((told.calling_party.to_string(), told.calling_party_pi, told.called_party_pi), ("1000".into(), false, true));
    assert_eq!((told.reason, told.called_party_name.to_string()), (CallReason::PARK, "Zoë".into()));
    let far: CallPartyInfoChangedEvent<'_> = decoded(&far);
    assert_eq!((far.far_end_point_type, far.unicode_called_party_name.to_string()), (DestinationType::EXTERNAL, "".into()));
    assert_eq!(far.called_party_dn_info.partition.to_string(), "");
    let last: CallPartyInfoChangedEvent<'_> = decoded(&last);
    assert_eq!((last.called_party.to_string(), last.called_party_name.to_string()), ("9".into(), "Zed".into()));
    let state: CallStateChangedEvent_V2<'_> = decoded(&state);
    assert_eq!((state.state, state.reason, state.cause), (CallState::CONNECTED, CallReason::BLINDTRANSFER, CallStateCause(0)));
}

#[test]
fn a_new_call_on_a_leg_that_was_there_before_begins_anew() {
    let flow = flow(
        "0.0 A NewCallEvent callLegID=1 callID=5 state=DIALTONE calledParty=2000\n\
         0.1 A NewCallEvent callLegID=1 callID=6 state=DIALTONE",
    );
    assert_eq!(decoded::<NewCallEvent<'_>>(&frame(&flow, 1)).called_party.to_string(), "");
}

#[test]
fn structures_and_arrays_are_reached_by_paths() {
    let flow = flow(
        "0.0 A CallConferenceStateChangedEvent callLegID=1 changedParticipantInfo.participantNumber=2000 \
         otherParticipantsInfo[0].participantNumber=1000 otherParticipantsInfo[1].participantNumber=9\n\
         0.1 A LineConferenceStartedEvent survivingGCCID=500 otherGCIDs[0].callID=501 otherGCIDs[1].callID=502 secondaryCallTypes[0]=3\n\
         0.2 B LineTransferStartedEvent survivingGCCID=500 otherGCCID=501 controllerNumber=2000",
    );
    let state = serde_json::to_value(&flow.messages[0].fields).unwrap();
    let changed = &state["changedParticipantInfo"];
    assert_eq!((&changed["participantName"], &changed["numberPI"], &changed["endpointType"]), (&"Zoë".into(), &true.into(), &1.into()));
    assert_eq!((&changed["participantDNInfo"]["partition"], &changed["callManagerID"]), (&"P".into(), &1.into()));
    let others = &state["otherParticipantsInfo"];
    assert_eq!((&others[0]["participantName"], &others[1]["endpointType"]), (&"Ann".into(), &2.into()));
    let conference = serde_json::to_value(&flow.messages[1].fields).unwrap();
    assert_eq!(conference["otherGCIDs"][1], serde_json::json!({"callManagerID": 1, "callID": 502}));
    assert_eq!(conference["secondaryCallTypes"], serde_json::json!([3]));
    let bytes = frame(&flow, 2);
    let transfer: LineTransferStartedEvent<'_> = decoded(&bytes);
    assert_eq!((transfer.surviving_gcmid, transfer.other_gccid, transfer.controller_name.to_string()), (1, 501, "Zoë".into()));
}

#[test]
fn a_message_about_a_device_has_its_handle_and_name() {
    let flow =
        flow("0.0 B2 DeviceOutOfServiceEvent reason=CALL_MANAGER_FAILURE\n0.1 A DeviceUnregisteredEvent\n0.2 provider ProviderClosedEvent");
    let state = |at: usize| serde_json::to_value(crate::ctiqbe::value::decode(&split(&frame(&flow, at))).unwrap().1).unwrap();
    assert_eq!((&state(0)["deviceID"], &state(1)["deviceInfo"]["name"]), (&7.into(), &"SEP000000000001".into()));
    assert_eq!(flow.messages[2].place, None);
}

fn split(bytes: &[u8]) -> Frame<'_> {
    Frame::split(bytes, FRAME_LIMIT).unwrap().unwrap()
}

#[test]
fn a_fault_is_told_with_its_line_and_what_was_probably_meant() {
    let cases = [
        ("0.0 A NewCalEvent", "line 7: no message is named `NewCalEvent`; did you mean `NewCallEvent`?"),
        ("0.0 A NewCallEvent callLegId=1", "line 7: NewCallEvent has no field `callLegId`; did you mean `callLegID`?"),
        (
            "0.0 A NewCallEvent callLegID=1 state=OFERING",
            "line 7: `state` takes a name of CALLSTATE or its number, not `OFERING`; did you mean `OFFERING`?",
        ),
        ("0.0 A NewCallEvent callLegID=x", "line 7: `callLegID` takes a number, not `x`"),
        ("0.0 A NewCallEvent callLegID=1 callingPartyPi=0", "line 7: `callingPartyPi` takes true or false, not `0`"),
        ("0.0 A NewCallEvent state=OFFERING", "line 7: NewCallEvent is about a leg: name it by `callLegID=`"),
        ("0.0 A NewCallEvent callLegID=1 callLegID=2", "line 7: `callLegID` was given before: once is enough"),
        ("0.0 A LineOpenRequest", "line 7: LineOpenRequest is no event: only what CTIManager sends unasked can be played"),
        (
            "0.0 provider LineInServiceEvent",
            "line 7: LineInServiceEvent is about a line or device: give the label of one in place of `provider`",
        ),
        ("0.0 D LineInServiceEvent", "line 7: no phone or line has the label `D`; the labels are A, B, C, B2, provider"),
        ("0.05 A LineInServiceEvent", "line 7: `0.05` is no time: give seconds since the first message with at most one decimal, as `2.0`"),
        (
            "1 A LineInServiceEvent\n\n0.9 A LineInServiceEvent",
            "line 9: the time 0.9 is before that of the message above, 1.0: messages stand in the order in which they are sent",
        ),
        (
            "0 A NewCallEvent callLegID=1 callingPartyDNInfo=1",
            "line 7: `callingPartyDNInfo` does not name a value: it is a structure: name a field of it after a dot",
        ),
        (
            "0 A LineConferenceStartedEvent otherGCIDs[1].callID=1",
            "line 7: `otherGCIDs[1].callID` does not name a value: the elements of an array are named in order, from 0",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(fault(line), expected);
    }
    let fault = |text: &str| Flow::parse(text).unwrap_err().to_string();
    assert!(fault("fone A 1000").contains("did you mean `phone`?"));
    assert!(fault("phone A 1000 usr=x").contains("did you mean `user`?"));
    assert!(fault("phone provider 1").starts_with("line 1: `provider` cannot be a label"));
    assert!(fault("basis constructed\nmessages\nexpect\n").contains("without any message"));
    assert!(fault("").contains("without `basis documented`"));
}

#[test]
fn a_locked_account_needs_no_messages() {
    let flow = Flow::parse("basis documented\naccount locked\nmessages\nexpect\n").unwrap();
    assert!(flow.locked && flow.messages.is_empty());
}

/// Every cut, every deleted and many a changed character: a flow or an error, never a panic.
#[test]
fn a_mutilated_file_is_a_flow_or_an_error() {
    let check = |text: &str| {
        if let Ok(flow) = Flow::parse(text) {
            flow.messages.iter().for_each(|m| assert!(!m.frame(1, 2, VERSION_12_5).is_empty()));
        }
    };
    let mut random = fastrand::Rng::with_seed(1);
    let chars: Vec<char> = FLOW.chars().collect();
    for cut in 0..chars.len() {
        check(&chars[..cut].iter().collect::<String>());
        let mut without = chars.clone();
        without.remove(cut);
        check(&without.iter().collect::<String>());
        let mut changed = chars.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..changed.len());
            changed[at] = random.choice(['"', '\\', '=', '.', '[', ']', '#', '\n', ' ', '0', '9', '-', 'A', '€', '\0']).unwrap();
        }
        check(&changed.iter().collect::<String>());
    }
    check(&"[".repeat(10_000));
    check(&format!("basis constructed\nphone A 1\nmessages\n0 A LineConferenceStartedEvent otherGCIDs[{}].callID=1", usize::MAX));
}
