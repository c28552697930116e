use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::ctiqbe::login::seal;
use crate::ctiqbe::messages::*;
use crate::ctiqbe::names::CtiFailure;
use crate::ctiqbe::{FRAME_LIMIT, Frame, Message, Text, VERSION_12_5, Wide, encode, json as json_form, value};
use crate::sim::config::{AccountConfig, CallMix, Config};
use crate::sim::credentials::Credentials;
use crate::sim::play::Recording;
use crate::sim::simulation::{ManagerId, SessionId, Simulation};

const KEY: &str = include_str!("../../../tests/fixtures/ctiqbe/transcripts/server-key.pem");
const BASIC: &str = include_str!("../../../tests/fixtures/ctiqbe/transcripts/basic.15.jsonl");
const PHONES: [&str; 7] =
    ["", "SEP000000000001", "SEP000000000002", "SEP000000000003", "SEP000000000004", "SEP000000000005", "SEP000000000006"];

fn quiet() -> Config {
    Config { devices: 6, calls: CallMix { per_second: 0.0, ..CallMix::default() }, key_pem: Some(KEY.into()), ..Config::default() }
}

fn simulation(config: &Config) -> Simulation {
    Simulation::new(config, Credentials::new(config.key_pem.as_deref(), config.nonce.clone()).unwrap())
}

/// The messages for a client, by name and fields, and whether its session is closed after them.
fn take(simulation: &mut Simulation, id: SessionId) -> (Vec<(&'static str, Json)>, bool) {
    let (mut bytes, mut closed) = (Vec::new(), false);
    simulation.take_output(|to, output, closing| {
        if to == id {
            bytes.extend(output);
            closed = closing;
        }
    });
    let (mut messages, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some(frame) = Frame::split(rest, FRAME_LIMIT).unwrap() {
        let (spec, fields) = value::decode(&frame).unwrap();
        messages.push((spec.name(), serde_json::to_value(fields).unwrap()));
        rest = &rest[frame.len()..];
    }
    assert!(rest.is_empty());
    (messages, closed)
}

fn names(messages: &[(&'static str, Json)]) -> Vec<&'static str> {
    messages.iter().map(|(name, _)| *name).collect()
}

struct Client {
    simulation: Simulation,
    id: SessionId,
}

impl Client {
    fn connected(config: &Config) -> Self {
        let mut simulation = simulation(config);
        let id = simulation.connect(ManagerId(0));
        Self { simulation, id }
    }

    /// With an open provider that wants every event.
    fn open(config: &Config) -> Self {
        let mut client = Self::connected(config);
        let answer = client.log_in("callcast", "callcast");
        assert_eq!(names(&answer), ["ProviderOpenResponse", "ProviderOpenCompletedEvent"]);
        assert_eq!(answer[1].1["reason"], 0);
        client
    }

    fn ask<'m, M: Message<'m>>(&mut self, request: &M) -> Vec<(&'static str, Json)> {
        let mut bytes = Vec::new();
        encode(request, VERSION_12_5, &mut bytes);
        self.ask_bytes(&bytes)
    }

    fn ask_bytes(&mut self, bytes: &[u8]) -> Vec<(&'static str, Json)> {
        assert_eq!(self.simulation.receive(self.id, bytes), Ok(bytes.len()));
        self.heard()
    }

    fn heard(&mut self) -> Vec<(&'static str, Json)> {
        take(&mut self.simulation, self.id).0
    }

    fn log_in(&mut self, user: &str, password: &str) -> Vec<(&'static str, Json)> {
        let init = self.ask(&ProviderInitRequest { sequence_number: 0, ..ProviderInitRequest::default() });
        let certificate = json_form::from_hex(init[0].1["certificate"].as_str().unwrap()).unwrap();
        let sealed = seal(password, init[0].1["nonce"].as_str().unwrap().as_bytes(), &certificate).unwrap();
        self.ask(&ProviderOpenRequest {
            sequence_number: 1,
            login: Wide::Str(user),
            password: &sealed.password,
            encrypted_key_data: &sealed.encrypted_key,
            filter: ProviderEventFilter {
                device_registered: true,
                device_unregistered: true,
                directory_change_notify: true,
                device_config_change_notify: true,
                device_em_login_status_change_notify: true,
                device_multi_media_capability_changed_notify: true,
            },
            ..ProviderOpenRequest::default()
        })
    }

    fn acquire(&mut self, device: usize) -> Json {
        let name = Text::new(PHONES[device].as_bytes());
        self.ask(&ProviderDeviceAcquireRequest { sequence_number: 7, device_name: name })[0].1["result"].clone()
    }

    fn open_device(&mut self, device: usize, filter: DeviceEventFilter) -> Vec<(&'static str, Json)> {
        let device_name = Text::new(PHONES[device].as_bytes());
        self.ask(&DeviceOpenRequest { sequence_number: 8, device_name, filter, ..DeviceOpenRequest::default() })
    }

    fn open_line(&mut self, device: usize, filter: LineEventFilter) -> Vec<(&'static str, Json)> {
        let dn = (100_000 + device).to_string();
        self.ask(&LineOpenRequest {
            sequence_number: 9,
            device_name: Text::new(PHONES[device].as_bytes()),
            line_name: Text::new(dn.as_bytes()),
            partition: Text::new(b"Internal-PT"),
            filter,
            ..LineOpenRequest::default()
        })
    }

    /// Acquires and opens a device and its line.
    fn watch(&mut self, device: usize) {
        assert_eq!(self.acquire(device), 0);
        self.open_device(device, DeviceEventFilter::default());
        self.open_line(device, calls());
    }

    fn command(&mut self, line: &str) -> Vec<(&'static str, Json)> {
        self.simulation.execute(&line.parse().unwrap()).unwrap();
        self.heard()
    }

    fn wait(&mut self, seconds: u64) -> Vec<(&'static str, Json)> {
        let now = self.simulation.now() + Duration::from_secs(seconds);
        self.simulation.advance(now);
        self.heard()
    }
}

/// What call events need.
fn calls() -> LineEventFilter {
    LineEventFilter {
        call_state_changed: true,
        party_info_changed: true,
        b_new_call_event: true,
        b_existing_call_event: true,
        ..LineEventFilter::default()
    }
}

fn code(result: CtiFailure) -> Json {
    json!(result.0)
}

/// Feeds the client's side of a recorded session to a simulator with the recorded key and nonce. The simulator's answers, and the recorded.
fn feed(transcript: &str) -> (Vec<(&'static str, Json)>, Vec<(String, Json)>) {
    let account = AccountConfig { user: "ctiuser".into(), password: "secret".into(), ..AccountConfig::default() };
    let recording = Recording::parse(transcript).unwrap();
    let nonce = Some("abcdef0123456789".into());
    let mut client = Client::connected(&Config { devices: 0, accounts: vec![account], recording: Some(recording), nonce, ..quiet() });
    let (mut answers, mut recorded) = (Vec::new(), Vec::new());
    for line in transcript.lines() {
        let entry: Json = serde_json::from_str(line).unwrap();
        if entry["dir"] == "C>S" {
            answers.extend(client.ask_bytes(&json_form::from_hex(entry["hex"].as_str().unwrap()).unwrap()));
        } else {
            recorded.push((entry["message"].as_str().unwrap().to_owned(), entry["fields"].clone()));
        }
    }
    (answers, recorded)
}

/// Each answer with what it is to and its result: responses, and the events that complete them.
fn outcomes<N: AsRef<str>>(messages: &[(N, Json)]) -> Vec<(String, i64, i64)> {
    let number = |fields: &Json, name: &str| fields[name].as_i64().unwrap_or(-1);
    let outcome = |(name, fields): &(N, Json)| {
        let name = name.as_ref();
        match name {
            _ if name.ends_with("Response") => Some((name.into(), number(fields, "sequenceNumber"), number(fields, "result"))),
            "ProviderOpenCompletedEvent" => Some((name.into(), number(fields, "sequenceNumber"), number(fields, "reason"))),
            "ProviderClosedEvent" => Some((name.into(), 0, number(fields, "reason"))),
            "DeviceLineInfoEvent" => Some((name.into(), number(fields, "requestId"), number(fields, "controlModeBitMap"))),
            _ if name.ends_with("CompletedEvent") => Some((name.into(), number(fields, "requestId"), number(fields, "result"))),
            _ => None,
        }
    };
    messages.iter().filter_map(outcome).collect()
}

macro_rules! transcripts {
    ($($test:ident $file:literal)*) => {$(
        #[test]
        fn $test() {
            let (answers, recorded) = feed(include_str!(concat!("../../../tests/fixtures/ctiqbe/transcripts/", $file, ".jsonl")));
            assert_eq!(outcomes(&answers), outcomes(&recorded));
        }
    )*};
}

transcripts! {
    the_client_of_abandoned_is_understood "abandoned.15"
    the_client_of_basic_is_understood "basic.15"
    the_client_of_basic_11_5_is_understood "basic.11_5"
    the_client_of_blind_transfer_is_understood "blind_transfer.15"
    the_client_of_conference_is_understood "conference.15"
    the_client_of_consult_transfer_is_understood "consult_transfer.15"
    the_client_of_hold_is_understood "hold.15"
    the_client_of_login_failed_is_refused "login_failed.15"
    the_client_of_reset_device_is_understood "reset_device.15"
    the_client_of_restart_with_calls_is_understood "restart_with_calls.15"
    the_client_of_shared_line_is_understood "shared_line.15"
}

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
fn devices_of_the_control_list_come_unasked_and_others_are_acquired() {
    let account = AccountConfig { control_list: 2, ..AccountConfig::default() };
    let mut client = Client::open(&Config { accounts: vec![account], ..quiet() });
    let answer = client.ask(&ProviderGetAllDevicesAndLinesRequest { sequence_number: 4 });
    let listed: Vec<_> = answer.iter().filter(|(name, _)| *name == "DeviceLineInfoEvent").collect();
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[1].1["deviceName"], &listed[1].1["controlModeBitMap"]), (&json!(PHONES[2]), &json!(1)));
    assert_eq!(client.acquire(3), 0);
    let single = ProviderGetSingleDeviceAndLinesRequest { sequence_number: 5, device_name: Text::new(PHONES[3].as_bytes()) };
    let answer = client.ask(&single);
    assert_eq!(answer[1].1["controlModeBitMap"], 2);
    assert_eq!(answer[1].1["lineInfo"][0]["name"], "100003");
}

#[test]
fn an_unknown_device_is_refused_as_such() {
    let mut client = Client::open(&quiet());
    let name = Text::new(b"SEPFFFFFFFFFFFF");
    let answer = client.ask(&ProviderDeviceAcquireRequest { sequence_number: 7, device_name: name });
    assert_eq!(answer[0].1["result"], code(CtiFailure::CTIERR_INVALID_DEVICE_NAME));
}

#[test]
fn without_the_super_right_a_device_outside_the_control_list_is_denied() {
    let account = AccountConfig { control_any_device: false, ..AccountConfig::default() };
    let mut client = Client::open(&Config { accounts: vec![account], ..quiet() });
    assert_eq!(client.acquire(1), code(CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED));
    let answer = client.open_device(1, DeviceEventFilter::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED));
}

#[test]
fn a_device_that_was_not_acquired_cannot_be_opened() {
    let mut client = Client::open(&quiet());
    let answer = client.open_device(1, DeviceEventFilter::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED));
}

#[test]
fn a_de_acquired_device_is_closed_and_has_to_be_acquired_again() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    let name = Text::new(PHONES[1].as_bytes());
    let answer = client.ask(&ProviderDeviceDeAcquireRequest { sequence_number: 6, device_name: name });
    assert_eq!(answer[0].1["result"], 0);
    assert!(client.command("call 1 2").is_empty());
    assert_eq!(client.open_device(1, DeviceEventFilter::default())[0].1["result"], code(CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED));
}

#[test]
fn unticked_boxes_and_missing_registration_refuse_what_they_guard() {
    let mut client = Client::open(&quiet());
    (1..=3).for_each(|device| assert_eq!(client.acquire(device), 0));
    client.command("restrict-device 1 on");
    client.command("restrict-line 2 on");
    client.command("unregister 3");
    let device = |client: &mut Client, n| client.open_device(n, DeviceEventFilter::default())[0].1["result"].clone();
    assert_eq!(device(&mut client, 1), code(CtiFailure::CTIERR_DEVICE_RESTRICTED));
    assert_eq!(device(&mut client, 2), 0);
    assert_eq!(client.open_line(2, calls())[0].1["result"], code(CtiFailure::CTIERR_LINE_RESTRICTED));
    assert_eq!(device(&mut client, 3), code(CtiFailure::DEVICE_NOT_REGISTERED));
}

#[test]
fn a_box_that_is_unticked_closes_what_is_open() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    client.watch(2);
    let heard = client.command("restrict-device 1 on");
    assert_eq!(names(&heard), ["LineClosedEvent", "DeviceClosedEvent", "ProviderUserChangedEvent"]);
    assert_eq!((&heard[0].1["reason"], &heard[1].1["reason"]), (&json!(8), &json!(13)));
    let heard = client.command("restrict-line 2 on");
    assert_eq!(names(&heard), ["LineClosedEvent", "ProviderUserChangedEvent"]);
    assert_eq!(heard[1].1["providerCapabilitiesInfo"]["controlAnyDevice"], true);
}

#[test]
fn a_limit_on_open_devices_is_kept() {
    let mut client = Client::open(&Config { max_devices_open: 1, ..quiet() });
    client.watch(1);
    assert_eq!(client.acquire(2), 0);
    let answer = client.open_device(2, DeviceEventFilter::default());
    assert_eq!(answer[0].1["result"], code(CtiFailure::CANNOT_OPEN_DEVICE));
}

#[test]
fn a_line_is_in_service_after_its_response_and_gets_both_parties() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    assert_eq!(client.acquire(2), 0);
    let opened = client.open_device(2, DeviceEventFilter::default());
    assert_eq!(names(&opened), ["DeviceOpenResponse", "DeviceInServiceEvent"]);
    assert_eq!(names(&client.open_line(2, calls())), ["LineOpenResponse", "LineInServiceEvent"]);
    let heard = client.command("call 1 2");
    let offered = &heard.iter().filter(|(name, _)| *name == "NewCallEvent").nth(1).unwrap().1;
    assert_eq!((&offered["callingParty"], &offered["calledParty"]), (&json!("100001"), &json!("100002")));
    assert_eq!((&offered["farEndpointType"], &offered["callingPartyDNInfo"]["partition"]), (&json!(1), &json!("Internal-PT")));
    assert_eq!((&offered["callingPartyPi"], &offered["lastRedirectingParty"]), (&json!(true), &json!("")));
}

#[test]
fn a_withheld_number_is_on_the_wire_with_its_flag() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    let heard = client.command("external 2 +33123401000 \"Zoë <script>\" restricted");
    let offered = &heard[0].1;
    assert_eq!((&offered["callingParty"], &offered["callingPartyPi"]), (&json!("+33123401000"), &json!(false)));
    assert_eq!((&offered["unicodeCallingPartyName"], &offered["origin"]), (&json!("Zoë <script>"), &json!(3)));
    assert_eq!(offered["globalizedCallingParty"], "+33123401000");
}

#[test]
fn a_client_hears_only_of_what_it_opened_and_asked_for() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    assert_eq!(client.acquire(3), 0);
    client.open_device(3, DeviceEventFilter { device_alerting_state: true, ..DeviceEventFilter::default() });
    client.open_line(3, LineEventFilter { b_new_call_event: true, ..LineEventFilter::default() });
    assert_eq!(names(&client.command("call 1 3")), ["NewCallEvent", "DeviceStateAlertingEvent"]);
    assert!(client.command("answer 3").is_empty());
}

#[test]
fn a_changed_filter_takes_effect() {
    let mut client = Client::open(&quiet());
    assert_eq!(client.acquire(1), 0);
    client.open_device(1, DeviceEventFilter::default());
    let line_id = client.open_line(1, LineEventFilter::default())[0].1["lineID"].as_i64().unwrap() as i32;
    let request = LineChangeEventFilterRequest { sequence_number: 3, line_call_manager_id: 1, line_id, filter: calls() };
    assert_eq!(client.ask(&request)[0].1["result"], 0);
    assert!(!client.command("call 1 2").is_empty());
}

#[test]
fn calls_that_stand_are_told_when_a_line_opens_and_completed_only_when_asked_for() {
    let mut client = Client::open(&quiet());
    client.command("call 1 2");
    client.command("answer 2");
    (1..=2).for_each(|device| {
        assert_eq!(client.acquire(device), 0);
        client.open_device(device, DeviceEventFilter::default());
    });
    let heard = client.open_line(1, calls());
    assert_eq!(names(&heard), ["LineOpenResponse", "LineInServiceEvent", "ExistingCallEvent"]);
    assert_eq!((&heard[2].1["state"], &heard[2].1["origin"], &heard[2].1["calledParty"]), (&json!(8), &json!(4), &json!("100002")));
    let heard = client.open_line(2, LineEventFilter { b_existing_call_completed: true, ..calls() });
    assert_eq!(names(&heard)[2..], ["ExistingCallEvent", "ExistingCallCompletedEvent"]);
}

#[test]
fn two_clients_have_handles_of_their_own() {
    let mut client = Client::open(&quiet());
    client.watch(1);
    client.watch(2);
    let first = client.id;
    client.id = client.simulation.connect(ManagerId(0));
    client.log_in("callcast", "callcast");
    client.watch(2);
    client.simulation.execute(&"external 2 1".parse().unwrap()).unwrap();
    let mut handles = Vec::new();
    client.simulation.take_output(|id, bytes, _| {
        let frame = Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap();
        handles.push((id == first, frame.decode::<NewCallEvent>().unwrap().line_id));
    });
    assert_eq!(handles, [(true, 104), (false, 102)]);
}

#[test]
fn a_device_can_be_asked_for_its_state() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    client.command("call 1 2");
    let request = DeviceGetDeviceStateRequest { sequence_number: 3, call_manager_id: 1, device_id: 101 };
    assert_eq!(client.ask(&request)[0].1["deviceState"], 2);
}

#[test]
fn a_reset_device_comes_back_under_its_handles() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    let heard = client.command("unregister 2");
    assert_eq!(names(&heard), ["LineOutOfServiceEvent", "DeviceOutOfServiceEvent", "DeviceUnregisteredEvent"]);
    let heard = client.command("register 2");
    assert_eq!(names(&heard), ["DeviceRegisteredEventWithLineInfo", "DeviceInServiceEvent", "LineInServiceEvent"]);
    assert_eq!((&heard[1].1["deviceID"], &heard[2].1["lineID"]), (&json!(101), &json!(102)));
}

#[test]
fn a_login_by_extension_mobility_unregisters_and_names_the_user() {
    let mut client = Client::open(&quiet());
    client.watch(2);
    let heard = client.command("login 2 bob");
    assert_eq!((heard[2].0, &heard[2].1["reason"]), ("DeviceUnregisteredEvent", &json!(2)));
    assert_eq!((heard[3].0, &heard[3].1["EMStatus"]), ("ProviderDeviceEMLoginStatusChangedEvent", &json!(1)));
    let heard = client.wait(1);
    assert_eq!((&heard[0].1["registerReason"], &heard[0].1["deviceRegistrationInfo"]["unicodeLoginUserID"]), (&json!(2), &json!("bob")));
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

#[test]
fn a_recorded_flow_is_played_to_a_client_that_opened_its_lines() {
    let mut client = Client::open(&Config { devices: 0, recording: Some(Recording::parse(BASIC).unwrap()), ..quiet() });
    for (device, dn) in [(1, "1000"), (2, "2000"), (3, "3000")] {
        client.acquire(device);
        client.open_device(device, DeviceEventFilter::default());
        let device_name = Text::new(PHONES[device].as_bytes());
        client.ask(&LineOpenRequest { device_name, line_name: Text::new(dn.as_bytes()), ..LineOpenRequest::default() });
    }
    let heard = client.wait(5);
    assert_eq!(heard.len(), 13);
    assert_eq!((heard[0].0, &heard[0].1["lineID"], &heard[0].1["callID"]), ("NewCallEvent", &json!(102), &json!(500)));
}

#[test]
fn the_same_seed_says_the_same_to_a_client_however_late_the_clock_is_brought() {
    let config = Config { devices: 6, calls: CallMix { per_second: 5.0, ..CallMix::default() }, ..quiet() };
    let run = |step_ms: u64| {
        let mut client = Client::open(&config);
        (1..=6).for_each(|device| client.watch(device));
        let mut heard = Vec::new();
        while client.simulation.now() < Duration::from_secs(40) {
            let now = client.simulation.now() + Duration::from_millis(step_ms);
            client.simulation.advance(now);
            let calls = client.heard().into_iter().filter(|(name, _)| *name != "Heartbeat");
            heard.extend(calls.map(|(name, fields)| format!("{name} {} {} {}", fields["lineID"], fields["callLegID"], fields["state"])));
        }
        heard
    };
    let heard = run(10);
    assert!(heard.len() > 100, "{}", heard.len());
    assert_eq!(heard, run(4000));
}
