//! What one client would read of many generated calls, without sockets and as fast as the model runs: for benchmarks and tests.

use std::time::Duration;

use super::Error;
use super::cluster::{AppearanceId, DeviceKind};
use super::config::Config;
use super::credentials::Credentials;
use super::simulation::{ManagerId, SessionId, Simulation};
use crate::ctiqbe::login::seal;
use crate::ctiqbe::messages::{
    DeviceEventFilter, DeviceOpenRequest, Heartbeat, LineEventFilter, LineOpenRequest, LineOpenResponse, ProviderDeviceAcquireRequest,
    ProviderInitRequest, ProviderInitResponse, ProviderOpenRequest,
};
use crate::ctiqbe::{FRAME_LIMIT, Frame, Message, Text, VERSION_12_5, Wide, encode};

/// How far the model's clock is brought at a time.
const STEP: Duration = Duration::from_secs(5);
/// Calls that do not end by themselves within this are a mistake.
const PATIENCE: u32 = 20_000;

/// A line that the client has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedLine {
    /// The device.
    pub device: String,
    /// The directory number.
    pub dn: String,
    /// Its partition.
    pub partition: String,
    /// The handle, `lineID`, that events name; the other half is 1.
    pub handle: i32,
}

/// What a client reads.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The lines of all phones, which it has open.
    pub lines: Vec<CapturedLine>,
    /// The frames about calls, from the first call's beginning to the last one's end, without heartbeats.
    pub calls: Vec<u8>,
    /// How many calls there were.
    pub count: u64,
}

/// Makes at least `calls` generated calls with a client that has all phones open and asks for every event of lines, and of devices their
/// states. The seed of the configuration decides everything.
///
/// # Errors
/// When there is no key, or the first account cannot open the phones.
pub fn capture(config: &Config, calls: u64) -> Result<Capture, Error> {
    let credentials = Credentials::new(config.key_pem.as_deref(), config.nonce.clone())?;
    let mut client = Client::new(Simulation::new(config, credentials));
    client.simulation.set_paused(true);
    client.log_in(config)?;
    let lines = client.open_phones()?;
    client.simulation.set_paused(false);
    let mut bytes = Vec::new();
    for _ in 0..PATIENCE {
        let enough = client.simulation.cluster.counters().started >= calls;
        client.simulation.set_paused(enough);
        if enough && client.simulation.cluster.standing() == 0 {
            let count = client.simulation.cluster.counters().started;
            return Ok(Capture { lines, calls: bytes, count });
        }
        client.ask(&Heartbeat {});
        let now = client.simulation.now() + STEP;
        client.simulation.advance(now);
        client.read(&mut bytes);
    }
    Err(Error::Capture("finish its calls: is there a rate of calls, and a phone for each end?"))
}

struct Client {
    simulation: Simulation,
    id: SessionId,
}

impl Client {
    fn new(mut simulation: Simulation) -> Self {
        simulation.set_heartbeats(false);
        let id = simulation.connect(ManagerId(0));
        Self { simulation, id }
    }

    fn read(&mut self, into: &mut Vec<u8>) {
        let id = self.id;
        self.simulation.take_output(|to, mut bytes, _| {
            if to == id {
                into.append(&mut bytes);
            }
        });
    }

    /// Sends a request; the bytes of what comes.
    fn ask<'m, M: Message<'m>>(&mut self, request: &M) -> Vec<u8> {
        let (mut bytes, mut answer) = (Vec::new(), Vec::new());
        encode(request, VERSION_12_5, &mut bytes);
        // A request of ours is a sound frame.
        let _ = self.simulation.receive(self.id, &bytes);
        self.read(&mut answer);
        answer
    }

    fn log_in(&mut self, config: &Config) -> Result<(), Error> {
        let refused = || Error::Capture("log in: the first account must be allowed to");
        let account = config.accounts.first().ok_or_else(refused)?;
        let answer = self.ask(&ProviderInitRequest::default());
        let init: ProviderInitResponse<'_> = first(&answer).ok_or_else(refused)?;
        let sealed = seal(&account.password, init.nonce.as_bytes(), init.certificate).map_err(|_| refused())?;
        let open = ProviderOpenRequest {
            login: Wide::Str(&account.user),
            password: &sealed.password,
            encrypted_key_data: &sealed.encrypted_key,
            ..Default::default()
        };
        self.ask(&open);
        if self.simulation.sessions().iter().any(|session| session.open) { Ok(()) } else { Err(refused()) }
    }

    fn open_phones(&mut self) -> Result<Vec<CapturedLine>, Error> {
        let cluster = &self.simulation.cluster;
        let phones = cluster.devices().filter(|(_, d)| d.kind == DeviceKind::Phone);
        let phones: Vec<(String, Vec<AppearanceId>)> = phones.map(|(_, d)| (d.name.clone(), d.appearances.clone())).collect();
        let mut lines = Vec::new();
        for (device, appearances) in phones {
            let device_name = Text::new(device.as_bytes());
            self.ask(&ProviderDeviceAcquireRequest { device_name, ..Default::default() });
            self.ask(&DeviceOpenRequest { device_name, filter: device_states(), ..Default::default() });
            for appearance in appearances {
                let line = self.simulation.cluster.line(self.simulation.cluster.appearance(appearance).line).clone();
                let answer = self.ask(&LineOpenRequest {
                    device_name,
                    line_name: Text::new(line.dn.as_bytes()),
                    partition: Text::new(line.partition.as_bytes()),
                    filter: all_events(),
                    ..Default::default()
                });
                let opened = first::<LineOpenResponse>(&answer).filter(|response| response.result.is_ok());
                let opened = opened.ok_or(Error::Capture("open a phone: the first account must control all"))?;
                let device = device.clone();
                lines.push(CapturedLine { device, dn: line.dn, partition: line.partition, handle: opened.line_id });
            }
        }
        Ok(lines)
    }
}

/// The first message, when it is this one.
fn first<'a, M: Message<'a>>(bytes: &'a [u8]) -> Option<M> {
    Frame::split(bytes, FRAME_LIMIT).ok()??.decode().ok()
}

fn device_states() -> DeviceEventFilter {
    DeviceEventFilter {
        device_idle_state: true,
        device_active_state: true,
        device_alerting_state: true,
        device_hold_state: true,
        device_whisper_state: true,
        ..Default::default()
    }
}

fn all_events() -> LineEventFilter {
    LineEventFilter {
        call_state_changed: true,
        global_call_handle_changed: true,
        party_info_changed: true,
        b_existing_call_event: true,
        b_new_call_event: true,
        b_line_cfwd_all_status: true,
        b_transfer_started: true,
        b_transfer_ended: true,
        b_conference_started: true,
        b_conference_ended: true,
        b_barge_started: true,
        b_barge_ended: true,
        b_c_barge_started: true,
        b_c_barge_ended: true,
        b_privacy_changed: true,
        b_monitoring_started: true,
        b_monitoring_ended: true,
        b_recording_started: true,
        b_recording_ended: true,
        b_call_attribute_info: true,
        b_park_status_event: true,
        b_line_hunt_call_status_event: true,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::CallMix;

    const KEY: &str = include_str!("../../tests/fixtures/ctiqbe/transcripts/server-key.pem");

    #[test]
    fn many_calls_are_captured_whole_and_the_same_for_the_same_seed() {
        let calls = CallMix { per_second: 20.0, ..CallMix::default() };
        let config = Config { devices: 200, shared_lines: 10, calls, key_pem: Some(KEY.into()), ..Config::default() };
        let captured = capture(&config, 1000).unwrap();
        assert_eq!((captured.lines.len(), captured.count >= 1000), (210, true));
        let (mut rest, mut frames) = (captured.calls.as_slice(), 0);
        while let Some(frame) = Frame::split(rest, FRAME_LIMIT).unwrap() {
            rest = &rest[frame.len()..];
            frames += 1;
        }
        assert!(rest.is_empty() && frames > 10_000, "{frames}");
        assert!(captured.calls == capture(&config, 1000).unwrap().calls);
    }

    #[test]
    fn without_a_rate_nothing_is_captured() {
        let calls = CallMix { per_second: 0.0, ..CallMix::default() };
        let config = Config { devices: 2, calls, key_pem: Some(KEY.into()), ..Config::default() };
        assert!(capture(&config, 1).is_err());
    }
}
