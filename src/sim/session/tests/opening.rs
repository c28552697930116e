//! Logging in, staying alive, and requests that are none.

use super::*;

#[test]
fn a_wrong_password_is_refused() {
    let mut client = Client::connected(&quiet());
    let answer = client.log_in("callcast", "wrong");
    assert_eq!(names(&answer), ["ProviderOpenResponse", "ProviderOpenCompletedEvent", "ProviderClosedEvent"]);
    assert_eq!((&answer[0].1["result"], &answer[1].1["reason"]), (&json!(0), &code(CtiFailure::DIRECTORY_LOGIN_FAILED)));
    assert_eq!(answer[2].1["reason"], 4);
}

#[test]
fn a_user_without_cti_enabled_may_not_log_in() {
    let account = AccountConfig { cti_enabled: false, ..AccountConfig::default() };
    let mut client = Client::connected(&Config { accounts: vec![account], ..quiet() });
    let answer = client.log_in("callcast", "callcast");
    assert_eq!(answer[1].1["reason"], code(CtiFailure::DIRECTORY_LOGIN_NOT_ALLOWED));
}

#[test]
fn a_disabled_or_expired_account_is_told_so() {
    for (command, expected) in [
        ("disable callcast", CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_DISABLED),
        ("expire callcast", CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET),
        ("lock callcast", CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED),
    ] {
        let mut client = Client::connected(&quiet());
        client.command(command);
        assert_eq!(client.log_in("callcast", "callcast")[1].1["reason"], code(expected), "{command}");
    }
}

#[test]
fn a_sealed_password_is_good_for_its_own_nonce_only() {
    let mut client = Client::connected(&quiet());
    let first = client.ask(&ProviderInitRequest::default())[0].1["nonce"].clone();
    let second = client.ask(&ProviderInitRequest::default())[0].1["nonce"].clone();
    assert_ne!(first, second);
}

#[test]
fn a_ctimanager_that_refuses_sessions_says_that_it_has_too_many() {
    let mut client = Client::connected(&quiet());
    client.command("refuse on");
    let answer = client.ask(&ProviderInitRequest::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::MAX_NUMBER_OF_CTI_CONNECTIONS_REACHED));
}

#[test]
fn capabilities_name_the_super_right() {
    let mut client = Client::open(&quiet());
    let answer = client.ask(&ProviderGetCapabilitiesRequest { sequence_number: 5 });
    let info = &answer[0].1["providerCapabilitiesInfo"];
    assert_eq!((&info["controlAnyDevice"], &info["maxNumberOfDevicesOpen"]), (&json!(true), &json!(40_000)));
}

#[test]
fn an_unknown_request_is_refused_with_its_sequence_number_and_the_session_goes_on() {
    let mut client = Client::open(&quiet());
    let mut bytes = Vec::new();
    encode(&ProviderGetCapabilitiesRequest { sequence_number: 77 }, VERSION_12_5, &mut bytes);
    bytes[16..20].copy_from_slice(&9999_u32.to_le_bytes());
    let answer = client.ask_bytes(&bytes);
    assert_eq!((answer[0].0, &answer[0].1["sequenceNumber"]), ("FailureResponse", &json!(77)));
    assert_eq!(client.acquire(1), 0);
}

#[test]
fn a_request_that_is_not_simulated_is_refused_by_name() {
    let mut client = Client::open(&quiet());
    let answer = client.ask(&CallAnswerRequest { sequence_number: 12, ..CallAnswerRequest::default() });
    assert_eq!((answer[0].0, &answer[0].1["sequenceNumber"]), ("FailureResponse", &json!(12)));
    assert_eq!(answer[0].1["description"], "CallAnswerRequest is not simulated");
}

#[test]
fn a_malformed_request_is_refused_and_the_session_goes_on() {
    let mut client = Client::open(&quiet());
    let mut bytes = Vec::new();
    encode(&ProviderDeviceAcquireRequest { sequence_number: 78, device_name: Text::new(b"x") }, VERSION_12_5, &mut bytes);
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let answer = client.ask_bytes(&bytes);
    assert_eq!((&answer[0].1["sequenceNumber"], &answer[0].1["result"]), (&json!(78), &code(CtiFailure::ILLEGAL_MESSAGE_FORMAT)));
    assert_eq!(client.acquire(1), 0);
}

#[test]
fn a_request_before_the_provider_is_open_is_refused() {
    let mut client = Client::connected(&quiet());
    let answer = client.ask(&ProviderGetCapabilitiesRequest { sequence_number: 3 });
    assert_eq!(answer[0].1["result"], code(CtiFailure::PROVIDER_NOT_OPEN));
}

#[test]
fn bytes_that_are_not_ctiqbe_end_the_session() {
    let mut client = Client::connected(&quiet());
    assert!(client.simulation.receive(client.id, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").is_err());
    assert!(take(&mut client.simulation, client.id).1);
}

#[test]
fn a_super_provider_that_loses_its_right_is_told_and_closed() {
    let mut client = Client::open(&quiet());
    let heard = client.command("super callcast off");
    assert_eq!(names(&heard), ["ProviderUserChangedEvent", "ProviderClosedEvent"]);
    assert_eq!((&heard[0].1["typeOfNotification"], &heard[1].1["reason"]), (&json!(16), &json!(6)));
}

#[test]
fn a_user_who_loses_cti_enabled_is_closed() {
    let mut client = Client::open(&quiet());
    let heard = client.command("cti-enabled callcast off");
    assert_eq!((heard[0].0, &heard[0].1["reason"]), ("ProviderClosedEvent", &json!(12)));
}

#[test]
fn heartbeats_go_out_at_the_interval() {
    let mut client = Client::open(&Config { heartbeat: Duration::from_secs(5), ..quiet() });
    assert!(client.wait(4).is_empty());
    assert_eq!(names(&client.wait(1)), ["Heartbeat"]);
    client.command("heartbeats off");
    client.ask(&Heartbeat {});
    assert!(client.wait(5).is_empty());
}

#[test]
fn a_client_silent_for_twice_its_interval_is_closed() {
    let mut client = Client::open(&Config { heartbeat: Duration::from_secs(5), ..quiet() });
    client.wait(9);
    let heard = client.wait(1);
    assert_eq!((heard[0].0, &heard[0].1["reason"]), ("ProviderClosedEvent", &json!(1)));
}

#[test]
fn a_client_that_never_logs_in_is_dropped() {
    let mut client = Client::connected(&quiet());
    client.wait(60);
    client.simulation.execute(&"status".parse().unwrap()).unwrap();
    assert!(client.simulation.next_due().is_none());
}
