//! Sessions, by what a client sends and hears. Here is the client; the tests stand beside it.

mod calls;
mod devices;
mod flows;
mod opening;
mod transcripts;

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

const KEY: &str = include_str!("../../../../tests/fixtures/ctiqbe/transcripts/server-key.pem");
const BASIC: &str = include_str!("../../../../tests/fixtures/ctiqbe/transcripts/basic.15.jsonl");
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
