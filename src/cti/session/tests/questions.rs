//! Devices that are asked for their state.

use super::*;
use crate::ctiqbe::names::DeviceState;

impl Peer {
    fn ask_states(&mut self, devices: &[&str]) {
        self.session.ask_states(&devices.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>());
        self.pass(0);
    }
}

/// The phone is open and was asked for its state.
fn asked_peer() -> Peer {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    peer.ask_states(&[PHONE, "SEP00000000000F"]);
    let requests = peer.frames();
    let (name, fields) = &requests[0];
    assert_eq!((requests.len(), name.as_str()), (1, "DeviceGetDeviceStateRequest"));
    assert_eq!((&fields["callManagerID"], &fields["deviceID"]), (&1.into(), &7.into()));
    peer
}

fn state_of(device_id: i32, result: CtiFailure) -> DeviceGetDeviceStateResponse {
    DeviceGetDeviceStateResponse { sequence_number: 6, result, call_manager_id: 1, device_id, device_state: DeviceState::IDLE }
}

#[test]
fn a_device_that_is_asked_for_its_state_tells_it() {
    let mut peer = asked_peer();
    assert_eq!(peer.send(&state_of(7, CtiFailure::OK)), ["SEP000000000001 State { state: 0 IDLE, asked: true }"]);
    // Told unasked it is not an answer.
    let idle = DeviceStateIdleEvent { device_call_manager_id: 1, device_id: 7 };
    assert_eq!(peer.send(&idle), ["SEP000000000001 State { state: 0 IDLE, asked: false }"]);
}

#[test]
fn a_question_for_a_state_is_put_once_until_it_is_answered() {
    let mut peer = asked_peer();
    peer.ask_states(&[PHONE, PHONE]);
    assert_eq!(peer.requests(), [""; 0]);
    peer.send(&state_of(7, CtiFailure::OK));
    peer.ask_states(&[PHONE, PHONE]);
    assert_eq!(peer.requests(), ["DeviceGetDeviceStateRequest"]);
}

#[test]
fn a_question_for_a_state_that_is_refused_or_not_answered_is_no_news() {
    let mut peer = asked_peer();
    assert_eq!(peer.send(&state_of(7, CtiFailure::ILLEGAL_HANDLE)), [""; 0]);
    peer.ask_states(&[PHONE]);
    assert_eq!(peer.requests(), ["DeviceGetDeviceStateRequest"]);
    assert_eq!(peer.pass(15), [""; 0]);
    peer.ask_states(&[PHONE]);
    assert_eq!(peer.requests(), ["DeviceGetDeviceStateRequest"]);
    let refused = FailureResponse { sequence_number: 8, result: CtiFailure::ILLEGAL_HANDLE, ..Default::default() };
    assert_eq!(peer.send(&refused), [""; 0]);
    peer.ask_states(&[PHONE]);
    assert_eq!(peer.requests(), ["DeviceGetDeviceStateRequest"]);
    assert_eq!(peer.session.status().summary().refusals(), 0);
}

#[test]
fn an_answer_about_another_device_or_one_that_was_closed_is_no_news() {
    let mut peer = asked_peer();
    assert_eq!(peer.send(&state_of(9, CtiFailure::OK)), [""; 0]);
    let mut peer = asked_peer();
    peer.send(&DeviceClosedEvent { device_call_manager_id: 1, device_id: 7, reason: DeviceCloseReason::CALL_MANAGER_FAILURE });
    assert_eq!(peer.send(&state_of(7, CtiFailure::OK)), [""; 0]);
}

#[test]
fn nothing_is_asked_for_its_state_before_all_is_settled_or_after_the_session() {
    let mut peer = open_peer("device,user\n");
    peer.list(&["2000"], true);
    peer.requests();
    peer.device_in_service();
    peer.requests();
    peer.ask_states(&[PHONE]);
    assert_eq!(peer.requests(), [""; 0]);
    let mut peer = asked_peer();
    peer.session.closed(peer.now, &mut vec![]);
    peer.ask_states(&[PHONE]);
    peer.now += secs(2);
    peer.open(true);
    peer.settle();
    // The question of the session before is forgotten with it.
    peer.ask_states(&[PHONE]);
    assert_eq!(peer.requests(), ["DeviceGetDeviceStateRequest"]);
}

#[test]
fn questions_for_states_are_requests_in_flight_as_all() {
    let mut peer = open_peer(&inventory_of_200());
    peer.send(&ProviderGetAllDevicesAndLinesCompletedEvent { request_id: 3, ..Default::default() });
    // Each device is open at once, has no line, and all is settled.
    let (mut open, mut next) = (0, 4);
    while open < 200 {
        for (name, fields) in peer.frames() {
            let device_name = fields["deviceName"].as_str().unwrap().to_owned();
            let device_name = Text::new(device_name.as_bytes());
            match name.as_str() {
                "ProviderDeviceAcquireRequest" => {
                    peer.send(&ProviderDeviceAcquireResponse { sequence_number: next, ..Default::default() });
                }
                "ProviderGetSingleDeviceAndLinesRequest" => {
                    peer.send(&DeviceLineInfoEvent {
                        request_id: next,
                        device_name,
                        device_registration_status: DeviceRegistrationStatus::REGISTERED,
                        event_content: DeviceLineInfoContent(15),
                        ..Default::default()
                    });
                    peer.send(&ProviderGetSingleDeviceAndLinesCompletedEvent { request_id: next, ..Default::default() });
                }
                _ => {
                    open += 1;
                    let device_id = open;
                    peer.send(&DeviceOpenResponse { sequence_number: next, call_manager_id: 1, device_id, ..Default::default() });
                    peer.send(&DeviceInServiceEvent { device_call_manager_id: 1, device_id, ..Default::default() });
                }
            }
            next += 1;
        }
    }
    let names: Vec<String> = (0..200).map(|i| format!("SEP{i}")).collect();
    peer.ask_states(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(peer.requests().len(), 50);
    peer.send(&DeviceGetDeviceStateResponse { sequence_number: next, call_manager_id: 1, device_id: 1, ..Default::default() });
    assert_eq!(peer.requests().len(), 1);
}
