//! The session against the server's side of sessions that were recorded with Cisco's own client.
//!
//! The peer answers each request of ours with what the recorded server answered to the same request of Cisco's client, under our
//! sequence number. What the server sent later, unasked, follows once the session is settled.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use super::credentials::Password;
use super::inventory::DeviceList;
use super::manager::{Failover, ManagerAddress};
use super::session::{Plan, Session};
use super::{Config, DeviceChange, Finding, LineChange, SessionId, Status};
use crate::ctiqbe::{FRAME_LIMIT, Frame, Side, json, schema, value};
use crate::time::Timestamp;

/// What was recorded more than this after the request before it was sent unasked, in seconds.
const UNASKED_AFTER: f64 = 0.5;

struct Recording {
    /// What the server sent to a request.
    answers: HashMap<String, Vec<(String, Vec<u8>)>>,
    unasked: Vec<(String, Vec<u8>)>,
}

/// The request without what differs between clients and devices' handles.
fn key(message: &str, fields: &Json) -> String {
    format!("{message} {} {}", fields["deviceName"], fields["lineName"])
}

impl Recording {
    fn read(flow: &str) -> Self {
        let path = Path::new("tests/fixtures/ctiqbe/transcripts").join(flow).with_added_extension("jsonl");
        let mut recording = Self { answers: HashMap::new(), unasked: vec![] };
        let mut request = (String::new(), 0.0);
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let (message, at) = (line["message"].as_str().unwrap(), line["t"].as_f64().unwrap());
            if line["dir"] == "C>S" {
                request = (key(message, &line["fields"]), at);
                recording.answers.entry(request.0.clone()).or_default();
                continue;
            }
            let sent = (message.to_owned(), json::from_hex(line["hex"].as_str().unwrap()).unwrap());
            if at > request.1 + UNASKED_AFTER {
                recording.unasked.push(sent);
            } else {
                recording.answers.get_mut(&request.0).unwrap().push(sent);
            }
        }
        recording
    }
}

/// Puts our sequence number where a server repeats it.
fn renumber(message: &str, bytes: &mut [u8], sequence: i32) {
    let at = match message {
        "ProviderOpenCompletedEvent" => 36,
        "DeviceLineInfoEvent" => 32,
        _ if message.ends_with("Response") || message.ends_with("AndLinesCompletedEvent") => 32,
        _ => return,
    };
    bytes[at..at + 4].copy_from_slice(&sequence.to_le_bytes());
}

struct Play {
    session: Session,
    recording: Recording,
    now: Duration,
    /// What the session found out, a line each.
    told: Vec<String>,
}

impl Play {
    fn new(flow: &str, inventory: &str) -> Self {
        let mut config = Config::new(vec!["127.0.0.1".into()], "ctiuser".into());
        config.pace.devices_per_second = 0;
        let managers = vec![ManagerAddress::parse("127.0.0.1", false).unwrap()];
        let failover = Failover::new(managers, Duration::from_secs(1), Duration::from_secs(30), Box::new(|| 0.5));
        let inventory = DeviceList::from_csv(inventory).unwrap();
        let password = Password::new("secret".into());
        let session = Session::new(SessionId(0), config, password, inventory, failover, Status::default().into(), Timestamp(0));
        Self { session, recording: Recording::read(flow), now: Duration::ZERO, told: vec![] }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let frame = Frame::split(bytes, FRAME_LIMIT).unwrap().unwrap();
        let mut findings = vec![];
        self.session.receive(self.now, frame, &mut findings);
        self.session.tick(self.now, &mut findings);
        self.told.extend(findings.iter().map(print));
    }

    /// Answers everything that the session asks, until it asks nothing more.
    fn answer_all(&mut self) {
        loop {
            let mut sent = vec![];
            self.session.drain_to(&mut sent);
            if sent.is_empty() {
                return;
            }
            let mut rest = sent.as_slice();
            while let Some(frame) = Frame::split(rest, FRAME_LIMIT).unwrap() {
                rest = &rest[frame.len()..];
                let (spec, fields) = value::decode(&frame).unwrap();
                let fields = serde_json::to_value(fields).unwrap();
                assert_eq!(spec.side(), Side::Client);
                let answers = self.recording.answers.get(&key(spec.name(), &fields)).cloned();
                let answers = answers.unwrap_or_else(|| panic!("nothing recorded for {}", key(spec.name(), &fields)));
                for (message, mut bytes) in answers {
                    renumber(&message, &mut bytes, fields["sequenceNumber"].as_i64().unwrap() as i32);
                    self.feed(&bytes);
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut findings = vec![];
        self.session.tick(self.now, &mut findings);
        self.told.extend(findings.iter().map(print));
    }

    /// Logs in, opens everything, and lets the wait for calls that stand pass: the recorded server was not asked to say that there are none.
    fn open(&mut self) -> Vec<String> {
        assert!(matches!(self.session.plan(self.now), Plan::Connect(_)));
        self.session.connected(self.now);
        self.answer_all();
        self.pass(Duration::from_secs(15));
        std::mem::take(&mut self.told)
    }

    fn play_unasked(&mut self) -> Vec<String> {
        for (_, bytes) in std::mem::take(&mut self.recording.unasked) {
            self.feed(&bytes);
            self.answer_all();
        }
        std::mem::take(&mut self.told)
    }
}

fn print(finding: &Finding<'_>) -> String {
    match finding {
        Finding::Connected { manager, cluster } => format!("connected {manager} {cluster}"),
        Finding::Lost { reason, .. } => format!("lost: {reason}"),
        Finding::Resynced { in_service, refused } => format!("resynced {in_service} {refused}"),
        Finding::Device { device, change: DeviceChange::Refused { result, .. } } => format!("{} refused {result}", device.name),
        Finding::Device { device, change } => format!("{} {change:?}", device.name),
        Finding::Line { line, change: LineChange::Opened(_) } => format!("{} opened", line.dn),
        Finding::Line { line, change } => format!("{} {change:?}", line.dn),
        Finding::Message(frame) => schema::message(frame.id).unwrap().name().to_owned(),
        other => format!("{other:?}"),
    }
}

const THREE: &str = "device,user\nSEP000000000002,bsmith\nSEP000000000003,\n";

#[test]
fn a_recorded_login_and_opening_brings_every_device_in_service() {
    let mut play = Play::new("basic.15", THREE);
    let told = play.open();
    assert_eq!(told.first().unwrap(), "connected 127.0.0.1 StandAloneCluster");
    for device in 1..=3 {
        assert!(told.contains(&format!("SEP00000000000{device} InService")), "{told:?}");
        assert!(told.contains(&format!("{device}000 opened")) && told.contains(&format!("{device}000 InService")), "{told:?}");
    }
    assert_eq!(told.last().unwrap(), "resynced 3 0");
    let summary = play.session.status().summary();
    assert_eq!((summary.devices, summary.in_service, summary.lines_in_service), (3, 3, 3));
    assert_eq!((summary.days_until_password_expiry, summary.cluster.as_deref()), (Some(90), Some("StandAloneCluster")));
}

#[test]
fn every_recorded_message_about_a_call_goes_through_in_order() {
    for flow in [
        "abandoned.15",
        "basic.11_5",
        "basic.15",
        "blind_transfer.15",
        "conference.15",
        "consult_transfer.15",
        "hold.15",
        "restart_with_calls.15",
        "shared_line.15",
    ] {
        let mut play = Play::new(flow, THREE);
        let told = play.open();
        let expected: Vec<String> = play.recording.unasked.iter().map(|(message, _)| message.clone()).collect();
        assert!(told.last().unwrap().starts_with("resynced"), "{flow}: {told:?}");
        assert!(!expected.is_empty(), "{flow}");
        assert_eq!(play.play_unasked().into_iter().filter(|t| !t.contains(' ')).collect::<Vec<_>>(), expected, "{flow}");
    }
}

#[test]
fn a_device_that_resets_goes_and_comes_back_under_the_same_handles() {
    let mut play = Play::new("reset_device.15", THREE);
    play.open();
    let told = play.play_unasked();
    assert_eq!(
        told,
        [
            "2000 OutOfService(2 REHOME_TO_HIGHER_PRIORITY_CM)",
            "SEP000000000002 OutOfService(2 REHOME_TO_HIGHER_PRIORITY_CM)",
            "SEP000000000002 Unregistered(1 DEVICE_RESET)",
            "SEP000000000002 Registered",
            "SEP000000000002 InService",
            "2000 InService",
        ]
    );
    assert_eq!(play.session.status().summary().in_service, 3);
}

#[test]
fn a_recorded_refusal_of_the_login_waits_five_minutes() {
    let mut play = Play::new("login_failed.15", "device,user\n");
    play.session.plan(play.now);
    play.session.connected(play.now);
    play.answer_all();
    assert_eq!(play.told, [""; 0]);
    assert_eq!(play.session.plan(play.now), Plan::Wait(Duration::from_secs(300)));
}
