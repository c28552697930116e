//! The machine against a peer that is played by hand, message by message.

use super::*;
use crate::cti::{DeviceChange, LineChange};
use crate::ctiqbe::names::{
    DeviceCloseReason, DeviceControlFlagBitmask, DeviceLineInfoContent, DeviceRegistrationStatus, DeviceUnregisteredReason,
    LineCloseReason, ProviderUserNotifyType,
};
use crate::ctiqbe::{Array, FRAME_LIMIT, Text, VERSION_12_5, Wide, encode, value};

const PHONE: &str = "SEP000000000001";

struct Peer {
    session: Session,
    now: Duration,
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn peer(managers: &[&str], inventory: &str) -> Peer {
    paced_peer(managers, inventory, 0)
}

fn paced_peer(managers: &[&str], inventory: &str, devices_per_second: u32) -> Peer {
    let mut config = Config::new(managers.iter().map(|m| (*m).to_owned()).collect(), "ctiuser".into());
    config.pace.devices_per_second = devices_per_second;
    let failover = Failover::new(config.manager_addresses().unwrap(), secs(1), secs(30), Box::new(|| 0.5));
    let inventory = DeviceList::from_csv(inventory).unwrap();
    let password = Password::new("secret".into());
    let session = Session::new(SessionId(0), config, password, inventory, failover, Arc::default(), Timestamp(0));
    Peer { session, now: Duration::ZERO }
}

/// A peer whose provider is open and that was asked for the control list.
fn open_peer(inventory: &str) -> Peer {
    let mut peer = peer(&["cucm"], inventory);
    peer.open(true);
    peer
}

fn print(finding: &Finding<'_>) -> String {
    match finding {
        Finding::Device { device, change: DeviceChange::Refused { result, .. } } => format!("{} refused {result}", device.name),
        Finding::Device { device, change } => format!("{} {change:?}", device.name),
        Finding::Line { line, change: LineChange::Refused { result, .. } } => format!("{} refused {result}", line.dn),
        Finding::Line { line, change: LineChange::Opened(_) } => format!("{} opened", line.dn),
        Finding::Line { line, change } => format!("{} {change:?}", line.dn),
        Finding::Lost { reason, .. } => format!("lost: {reason}"),
        other => format!("{other:?}"),
    }
}

impl Peer {
    fn plan(&mut self) -> Plan {
        self.session.plan(self.now)
    }

    fn connected(&mut self) {
        assert!(matches!(self.plan(), Plan::Connect(_)));
        self.session.connected(self.now);
        assert_eq!(self.requests(), ["ProviderInitRequest"]);
    }

    /// What the session sent since it was last asked.
    fn frames(&mut self) -> Vec<(String, serde_json::Value)> {
        let mut sent = vec![];
        self.session.drain_to(&mut sent);
        let mut rest = sent.as_slice();
        let mut frames = vec![];
        while let Some(frame) = Frame::split(rest, FRAME_LIMIT).unwrap() {
            let (spec, fields) = value::decode(&frame).unwrap();
            assert!(spec.side() == Side::Client || spec.name() == "Heartbeat");
            frames.push((spec.name().to_owned(), serde_json::to_value(fields).unwrap()));
            rest = &rest[frame.len()..];
        }
        frames
    }

    fn requests(&mut self) -> Vec<String> {
        self.frames().into_iter().map(|(name, _)| name).collect()
    }

    fn raw(&mut self, bytes: &[u8]) -> Vec<String> {
        let frame = Frame::split(bytes, FRAME_LIMIT).unwrap().unwrap();
        let mut findings = vec![];
        self.session.receive(self.now, frame, &mut findings);
        self.session.tick(self.now, &mut findings);
        // Or a driver would spin.
        let due = self.session.deadline().filter(|at| *at <= self.now);
        assert!(due.is_none() || !self.session.is_talking(), "{due:?} at {:?}", self.now);
        findings.iter().map(print).collect()
    }

    fn send<'m, M: Message<'m>>(&mut self, message: &M) -> Vec<String> {
        let mut bytes = vec![];
        encode(message, VERSION_12_5, &mut bytes);
        self.raw(&bytes)
    }

    fn pass(&mut self, seconds: u64) -> Vec<String> {
        self.now += secs(seconds);
        let mut findings = vec![];
        self.session.tick(self.now, &mut findings);
        // Or a driver would spin.
        let due = self.session.deadline().filter(|at| *at <= self.now);
        assert!(due.is_none() || !self.session.is_talking(), "{due:?} at {:?}", self.now);
        findings.iter().map(print).collect()
    }

    /// As far as `ProviderOpenRequest`.
    fn init(&mut self) {
        self.connected();
        let certificate = certificate();
        self.send(&ProviderInitResponse { nonce: Text::new(b"0123456789abcdef"), certificate: &certificate, ..Default::default() });
        assert_eq!(self.requests(), ["ProviderOpenRequest"]);
    }

    fn open(&mut self, control_any_device: bool) {
        self.init();
        self.send(&ProviderOpenResponse { sequence_number: 1, client_heartbeat: 30, server_heartbeat: 30, ..Default::default() });
        self.send(&ProviderOpenCompletedEvent { sequence_number: 1, days_until_password_expiry: -1, ..Default::default() });
        assert_eq!(self.requests(), ["ProviderGetCapabilitiesRequest"]);
        let provider_capabilities_info = ProviderCapabilitiesInfo { control_any_device, ..Default::default() };
        self.send(&ProviderGetCapabilitiesResponse { sequence_number: 2, provider_capabilities_info, ..Default::default() });
        assert_eq!(self.requests(), ["ProviderGetAllDevicesAndLinesRequest"]);
    }

    fn refuse_open(&mut self, reason: CtiFailure) {
        self.init();
        self.send(&ProviderOpenResponse { sequence_number: 1, ..Default::default() });
        self.send(&ProviderOpenCompletedEvent { sequence_number: 1, reason, ..Default::default() });
    }

    /// The phone is on the control list, with these lines; it is the whole of the list.
    fn list(&mut self, lines: &[&str], registered: bool) -> Vec<String> {
        self.describe(3, lines, registered, false);
        self.send(&ProviderGetAllDevicesAndLinesCompletedEvent { request_id: 3, ..Default::default() })
    }

    fn describe(&mut self, request_id: i32, lines: &[&str], registered: bool, more_lines: bool) -> Vec<String> {
        let lines: Vec<LineInfo<'_>> = lines.iter().map(|dn| LineInfo { name: Text::new(dn.as_bytes()), ..LineInfo::default() }).collect();
        self.send(&DeviceLineInfoEvent {
            request_id,
            device_name: Text::new(PHONE.as_bytes()),
            device_registration_status: if registered {
                DeviceRegistrationStatus::REGISTERED
            } else {
                DeviceRegistrationStatus::UNREGISTERED
            },
            control_mode_bit_map: DeviceControlFlagBitmask::CONTROLLED,
            event_content: DeviceLineInfoContent(15),
            line_info: Array::from(lines.as_slice()),
            more_lines,
            ..DeviceLineInfoEvent::default()
        })
    }

    /// The phone is open.
    fn device_in_service(&mut self) {
        self.send(&DeviceOpenResponse { sequence_number: 4, call_manager_id: 1, device_id: 7, ..Default::default() });
        assert_eq!(self.requests(), [""; 0]);
        self.send(&DeviceInServiceEvent { device_call_manager_id: 1, device_id: 7, ..Default::default() });
    }

    /// The phone is open, with one line, and all is settled.
    fn settle(&mut self) {
        self.list(&["2000"], true);
        assert_eq!(self.requests(), ["DeviceOpenRequest"]);
        self.device_in_service();
        assert_eq!(self.requests(), ["LineOpenRequest"]);
        self.send(&LineOpenResponse { sequence_number: 5, line_call_manager_id: 1, line_id: 8, ..Default::default() });
        self.send(&LineInServiceEvent { line_call_manager_id: 1, line_id: 8, ..Default::default() });
        let told = self.send(&ExistingCallCompletedEvent { line_call_manager_id: 1, line_id: 8 });
        assert_eq!(told.last().unwrap(), "Resynced { in_service: 1, refused: 0 }");
    }
}

/// The certificate of the recorded logins.
fn certificate() -> Vec<u8> {
    let text = std::fs::read_to_string("tests/fixtures/ctiqbe/transcripts/basic.15.jsonl").unwrap();
    let response: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    crate::ctiqbe::json::from_hex(response["fields"]["certificate"].as_str().unwrap()).unwrap()
}

#[test]
fn result_0_can_be_followed_by_a_refusal() {
    let mut peer = peer(&["a", "b"], "device,user\n");
    peer.refuse_open(CtiFailure::MAX_NUMBER_OF_CTI_CONNECTIONS_REACHED);
    let Plan::Connect(next) = peer.plan() else { panic!("{:?}", peer.plan()) };
    assert_eq!(next.host, "b");
}

#[test]
fn refused_credentials_are_not_tried_on_the_next_manager() {
    let mut peer = peer(&["a", "b"], "device,user\n");
    peer.refuse_open(CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED);
    assert_eq!(peer.plan(), Plan::Wait(secs(300)));
    peer.session.reload(peer.now, DeviceList::default(), Password::new("other".into()), &mut vec![]);
    assert!(matches!(peer.plan(), Plan::Connect(_)));
}

#[test]
fn an_incompatible_protocol_version_is_answered_with_the_older_one_on_the_same_manager() {
    let mut peer = peer(&["a", "b"], "device,user\n");
    peer.connected();
    peer.send(&ProviderInitResponse { result: CtiFailure::INCOMPATIBLE_PROTOCOL_VERSION, ..Default::default() });
    let Plan::Connect(again) = peer.plan() else { panic!("{:?}", peer.plan()) };
    assert_eq!(again.host, "a");
    peer.session.connected(peer.now);
    let mut sent = vec![];
    peer.session.drain_to(&mut sent);
    assert_eq!(Frame::split(&sent, FRAME_LIMIT).unwrap().unwrap().version, VERSION_11_5);
    peer.send(&FailureResponse { result: CtiFailure::INCOMPATIBLE_PROTOCOL_VERSION, ..Default::default() });
    let Plan::Connect(next) = peer.plan() else { panic!("{:?}", peer.plan()) };
    assert_eq!(next.host, "b");
}

#[test]
fn a_certificate_that_is_none_ends_the_login() {
    let mut peer = peer(&["a"], "device,user\n");
    peer.connected();
    peer.send(&ProviderInitResponse { certificate: b"nothing", ..Default::default() });
    assert_eq!(peer.plan(), Plan::Wait(secs(1)));
}

#[test]
fn a_login_that_is_not_answered_goes_to_the_next_manager() {
    let mut peer = peer(&["a", "b"], "device,user\n");
    peer.init();
    peer.pass(199);
    assert_eq!(peer.plan(), Plan::Talk);
    peer.pass(1);
    assert!(matches!(peer.plan(), Plan::Connect(next) if next.host == "b"));
}

#[test]
fn lines_may_come_in_several_parts() {
    let mut peer = open_peer("device,user\n");
    peer.describe(3, &["2000"], true, true);
    assert_eq!(peer.requests(), [""; 0]);
    peer.describe(3, &["2001"], true, false);
    assert_eq!(peer.requests(), ["DeviceOpenRequest"]);
    peer.device_in_service();
    let lines: Vec<_> = peer.frames().into_iter().map(|(_, fields)| fields["lineName"].clone()).collect();
    assert_eq!(lines, ["2000", "2001"]);
}

#[test]
fn no_media_and_no_digits_are_asked_for() {
    let mut peer = open_peer("device,user\n");
    peer.list(&["2000"], true);
    let (_, device) = peer.frames().remove(0);
    peer.device_in_service();
    let (_, line) = peer.frames().remove(0);
    let asked = |fields: &serde_json::Value| -> usize {
        let filter = fields["filter"].as_object().unwrap();
        filter.values().filter(|v| **v == serde_json::Value::Bool(true)).count()
    };
    assert_eq!((asked(&device), asked(&line)), (6, 28));
    for unwanted in ["dtmf", "ring"] {
        assert_eq!(line["filter"][unwanted], false);
    }
    assert_eq!((&line["filter"]["toneChanged"], &line["filter"]["bExistingCallCompleted"]), (&0.into(), &true.into()));
}

#[test]
fn a_device_that_is_not_registered_is_opened_when_it_registers() {
    let mut peer = open_peer("device,user\n");
    let told = peer.list(&["2000"], false);
    assert_eq!(told, ["Resynced { in_service: 0, refused: 0 }"]);
    assert_eq!(peer.requests(), [""; 0]);
    let told = peer.send(&DeviceRegisteredEvent {
        device_info: DeviceInfo { name: Text::new(PHONE.as_bytes()), ..Default::default() },
        ..Default::default()
    });
    assert_eq!(told, ["SEP000000000001 Registered"]);
    // That event does not say which lines it has now.
    assert_eq!(peer.requests(), ["ProviderGetSingleDeviceAndLinesRequest"]);
}

#[test]
fn a_device_that_the_cluster_closed_is_opened_again_soon() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    let told = peer.send(&DeviceClosedEvent { device_call_manager_id: 1, device_id: 7, reason: DeviceCloseReason::CALL_MANAGER_FAILURE });
    assert_eq!(told, ["2000 Closed", "SEP000000000001 OutOfService(1 CALL_MANAGER_FAILURE)"]);
    assert_eq!(peer.requests(), [""; 0]);
    // Heartbeats keep the session alive meanwhile.
    peer.pass(30);
    assert_eq!(peer.requests(), ["Heartbeat", "DeviceOpenRequest"]);
}

#[test]
fn a_line_whose_box_is_unticked_is_refused_and_tried_again_slowly() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    let told = peer.send(&LineClosedEvent { line_call_manager_id: 1, line_id: 8, reason: LineCloseReason::LINE_RESTRICTED });
    assert_eq!(told, ["2000 Closed", "2000 refused 0x8ccc00d3 CTIERR_LINE_RESTRICTED"]);
    assert_eq!(peer.session.status().summary().refusals(), 1);
    for _ in 0..19 {
        peer.pass(30);
        peer.send(&Heartbeat::default());
        assert_eq!(peer.requests(), ["Heartbeat"]);
    }
    peer.pass(30);
    assert_eq!(peer.requests(), ["Heartbeat", "LineOpenRequest"]);
}

#[test]
fn a_refusal_that_is_repeated_is_told_once() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    peer.send(&LineClosedEvent { line_call_manager_id: 1, line_id: 8, reason: LineCloseReason::LINE_RESTRICTED });
    for _ in 0..20 {
        peer.pass(30);
        peer.send(&Heartbeat::default());
    }
    let again = LineOpenResponse { sequence_number: 6, result: CtiFailure::CTIERR_LINE_RESTRICTED, ..Default::default() };
    assert_eq!(peer.send(&again), [""; 0]);
    assert_eq!(peer.session.status().summary().refusals(), 1);
}

#[test]
fn an_answer_that_comes_too_late_is_undone() {
    let mut peer = open_peer("device,user\n");
    peer.list(&["2000"], true);
    peer.requests();
    let told = peer.pass(15);
    assert_eq!(told[0], "SEP000000000001 refused 0x8ccc0001 TIMEOUT");
    peer.send(&DeviceOpenResponse { sequence_number: 4, device_id: 7, ..Default::default() });
    assert_eq!(peer.requests(), ["DeviceCloseRequest"]);
}

#[test]
fn a_device_that_is_removed_while_it_is_opened_is_closed_when_it_is_open() {
    let mut peer = open_peer("device,user\n");
    peer.list(&["2000"], true);
    peer.requests();
    let device_info = DeviceInfo { name: Text::new(PHONE.as_bytes()), ..Default::default() };
    peer.send(&ProviderUserChangedEvent { type_of_notification: ProviderUserNotifyType::DEVICEREMOVE, device_info, ..Default::default() });
    let told = peer.send(&DeviceOpenResponse { sequence_number: 4, device_id: 7, ..Default::default() });
    assert!(told.contains(&"SEP000000000001 Removed".to_owned()), "{told:?}");
    assert_eq!(peer.requests(), ["DeviceCloseRequest"]);
}

#[test]
fn a_user_who_logs_in_makes_another_device_of_it() {
    let mut peer = open_peer("device,user\nSEP000000000001,bsmith\n");
    peer.settle();
    let registered = |user: &'static str| DeviceRegisteredEventWithLineInfo {
        device_name: Text::new(PHONE.as_bytes()),
        event_content: DeviceLineInfoContent::DEVICE_REGISTRATION_INFO,
        device_registration_info: DeviceRegistrationInfo { unicode_login_user_id: Wide::Str(user), ..Default::default() },
        ..Default::default()
    };
    let told = peer.send(&registered("zoe"));
    assert_eq!(told, ["SEP000000000001 UserLoggedIn", "2000 opened", "SEP000000000001 Registered"]);
    let told = peer.send(&registered(""));
    assert!(told[0].contains("UserLoggedOut") && told[0].contains("zoe") && told[0].contains("bsmith"), "{told:?}");
}

#[test]
fn a_device_that_registers_and_was_never_described_is_not_opened_before_its_type_is_known() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    let lines = [LineInfo { name: Text::new(b"3000"), ..LineInfo::default() }];
    peer.send(&DeviceRegisteredEventWithLineInfo {
        device_name: Text::new(b"CUE1"),
        control_mode_bit_map: DeviceControlFlagBitmask::CONTROLLED,
        event_content: DeviceLineInfoContent::LINE_INFO,
        line_info: Array::from(lines.as_slice()),
        ..Default::default()
    });
    assert_eq!(peer.requests(), ["ProviderGetSingleDeviceAndLinesRequest"]);
}

#[test]
fn a_line_that_is_gone_after_a_registration_is_closed_and_a_new_one_opened() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    let lines = [LineInfo { name: Text::new(b"3000"), ..LineInfo::default() }];
    let told = peer.send(&DeviceRegisteredEventWithLineInfo {
        device_name: Text::new(PHONE.as_bytes()),
        event_content: DeviceLineInfoContent::LINE_INFO,
        line_info: Array::from(lines.as_slice()),
        ..Default::default()
    });
    assert_eq!(told, ["2000 Closed", "SEP000000000001 Registered"]);
    assert_eq!(peer.requests(), ["LineCloseRequest", "LineOpenRequest"]);
}

#[test]
fn a_message_that_cannot_be_read_is_counted_and_skipped() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    let mut bytes = vec![];
    encode(&DeviceUnregisteredEvent { reason: DeviceUnregisteredReason::LOGIN, ..Default::default() }, VERSION_12_5, &mut bytes);
    let length_of_device_info = 36;
    bytes[length_of_device_info + 3] = 0x7f;
    assert_eq!(peer.raw(&bytes), [""; 0]);
    assert_eq!(peer.session.status().malformed().collect::<Vec<_>>(), [("DeviceUnregisteredEvent", 1)]);
    assert_eq!(peer.plan(), Plan::Talk);
}

#[test]
fn a_message_of_an_unknown_id_is_counted_and_skipped() {
    let mut peer = open_peer("device,user\n");
    let mut bytes = vec![];
    encode(&Heartbeat::default(), VERSION_12_5, &mut bytes);
    bytes[16..20].copy_from_slice(&99_999_u32.to_le_bytes());
    assert_eq!(peer.raw(&bytes), [""; 0]);
    assert_eq!((peer.session.status().unknown(), peer.plan()), (1, Plan::Talk));
}

fn inventory_of_200() -> String {
    "device,user\n".to_owned() + &(0..200).map(|i| format!("SEP{i},\n")).collect::<String>()
}

#[test]
fn no_more_devices_are_begun_in_a_second_than_allowed() {
    let mut peer = paced_peer(&["cucm"], &inventory_of_200(), 10);
    peer.open(true);
    peer.send(&ProviderGetAllDevicesAndLinesCompletedEvent { request_id: 3, ..Default::default() });
    assert_eq!(peer.requests().len(), 1);
    let mut findings = vec![];
    for _ in 0..200 {
        peer.now += Duration::from_millis(10);
        peer.session.tick(peer.now, &mut findings);
    }
    let begun = peer.requests().len();
    assert!((18..=20).contains(&begun), "{begun}");
}

#[test]
fn no_more_requests_are_in_flight_than_allowed() {
    let mut peer = open_peer(&inventory_of_200());
    peer.send(&ProviderGetAllDevicesAndLinesCompletedEvent { request_id: 3, ..Default::default() });
    assert_eq!(peer.requests().len(), 50);
    peer.send(&ProviderDeviceAcquireResponse { sequence_number: 4, ..Default::default() });
    // A device that is begun is finished before another is begun.
    assert_eq!(peer.requests(), ["ProviderGetSingleDeviceAndLinesRequest"]);
}

#[test]
fn a_right_that_is_taken_away_ends_the_session_without_a_retry() {
    let mut peer = open_peer("device,user\n");
    let told = peer.send(&ProviderClosedEvent { reason: ProviderCloseReason::STANDARD_CTI_ENABLED_PERMISSIONS_REMOVED });
    assert!(told[0].contains("'Standard CTI Enabled'"), "{told:?}");
    assert_eq!(peer.plan(), Plan::Wait(secs(300)));
}

#[test]
fn what_was_open_is_opened_again_with_the_next_session() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    let mut findings = vec![];
    peer.session.closed(peer.now, &mut findings);
    assert!(matches!(findings.as_slice(), [Finding::Lost { .. }]));
    assert_eq!(peer.session.status().summary().in_service, 0);
    peer.now += secs(2);
    peer.open(true);
    peer.settle();
    assert_eq!(peer.session.status().summary().reconnects, 1);
}

#[test]
fn a_device_that_left_the_control_list_between_sessions_is_removed() {
    let mut peer = open_peer("device,user\n");
    peer.settle();
    peer.session.closed(peer.now, &mut vec![]);
    peer.now += secs(2);
    peer.open(true);
    let told = peer.send(&ProviderGetAllDevicesAndLinesCompletedEvent { request_id: 3, ..Default::default() });
    assert_eq!(told, ["SEP000000000001 Removed", "Resynced { in_service: 0, refused: 0 }"]);
}

mod questions;

mod hostile {
    use proptest::prelude::*;

    use super::*;

    /// The messages that Cisco's client was shown.
    fn recorded() -> Vec<Vec<u8>> {
        let text = std::fs::read_to_string("tests/fixtures/ctiqbe/vectors/server.jsonl").unwrap();
        let hex = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["hex"].as_str().and_then(crate::ctiqbe::json::from_hex)
        };
        text.lines().filter_map(hex).collect()
    }

    /// Which recorded message, which of our handles or requests it is about, and bytes that are changed in it.
    type Change = (prop::sample::Index, Option<(i32, i32)>, Vec<(usize, u8)>);

    fn change() -> impl Strategy<Value = Change> {
        let about = prop::option::of(prop_oneof![Just((1, 7)), Just((1, 8)), (0..10, Just(0))]);
        (any::<prop::sample::Index>(), about, prop::collection::vec((32_usize..400, any::<u8>()), 0..4))
    }

    proptest! {
        #[test]
        fn no_message_of_a_server_panics_it(settled: bool, changes in prop::collection::vec(change(), 1..60)) {
            let messages = recorded();
            let mut peer = open_peer(if settled { "device,user\n" } else { "device,user\nSEP000000000002,bsmith\n" });
            if settled {
                peer.settle();
            }
            for (which, about, bytes) in changes {
                let mut message = which.get(&messages).clone();
                let about = about.map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()].concat()).unwrap_or_default();
                let about = about.into_iter().enumerate().map(|(at, byte)| (32 + at, byte));
                for (at, byte) in about.chain(bytes) {
                    if let Some(slot) = message.get_mut(at) {
                        *slot = byte;
                    }
                }
                peer.raw(&message);
                peer.pass(1);
                peer.frames();
            }
        }
    }
}
