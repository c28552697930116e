//! What a simulated cluster is made of. All of it is data with sensible defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::cluster::{Account, Cluster, Destination, DeviceKind, DeviceSpec, Features, LineSpec, Pilot};
use super::play::Recording;
use super::script::Script;

/// The partition of all lines.
pub const PARTITION: &str = "Internal-PT";

/// A CTIManager of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagerConfig {
    /// Where it listens in the clear; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where it listens with TLS, if it does.
    pub tls_listen: Option<SocketAddr>,
}

/// An application user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// The user id.
    pub user: String,
    /// The password.
    pub password: String,
    /// Role 'Standard CTI Enabled'.
    pub cti_enabled: bool,
    /// Role 'Standard CTI Allow Control of All Devices'.
    pub control_any_device: bool,
    /// How many devices, from the first, are in its control list.
    pub control_list: u32,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self { user: "callcast".into(), password: "callcast".into(), cti_enabled: true, control_any_device: true, control_list: 0 }
    }
}

/// The calls that the generator makes. Shares are of all calls, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct CallMix {
    /// Calls a second on the average, at random moments; 0 makes none.
    pub per_second: f64,
    /// The mean time that a call rings; each rings between half and one and a half of it.
    pub ring: Duration,
    /// The mean time that is talked, exponentially distributed.
    pub talk: Duration,
    /// Callers who give up while it rings.
    pub abandoned: f64,
    /// Calls that are never answered and end after three ring times.
    pub no_answer: f64,
    /// Calls from a phone to a line that is busy.
    pub busy: f64,
    /// Answered calls that are put on hold once.
    pub held: f64,
    /// Calls with a party outside of the cluster, half of them incoming.
    pub external: f64,
    /// Calls to a line that talks already.
    pub waiting: f64,
    /// Callers who withhold their number.
    pub restricted: f64,
    /// Calls to which more happens than that.
    pub features: FeatureMix,
}

/// The features that generated calls meet, at most one each. Shares are of all calls, from 0 to 1, and so is their sum. A call that is
/// never answered cannot be transferred, conferred or parked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureMix {
    /// Transferred after a consultation call; some of these are completed while it rings, some given up.
    pub transferred: f64,
    /// Transferred without one.
    pub blind: f64,
    /// Made a conference of three, and some of four.
    pub conference: f64,
    /// Parked: retrieved, called back, or hung up while parked.
    pub parked: f64,
    /// Picked up by another phone.
    pub picked_up: f64,
    /// Forwarded: all calls, when busy or when not answered.
    pub forwarded: f64,
    /// To a hunt pilot.
    pub hunted: f64,
}

impl FeatureMix {
    /// Plain calls only.
    pub const NONE: Self = Self { transferred: 0.0, blind: 0.0, conference: 0.0, parked: 0.0, picked_up: 0.0, forwarded: 0.0, hunted: 0.0 };

    /// All shares together.
    pub fn sum(&self) -> f64 {
        self.transferred + self.blind + self.conference + self.parked + self.picked_up + self.forwarded + self.hunted
    }
}

impl Default for FeatureMix {
    fn default() -> Self {
        Self { transferred: 0.06, blind: 0.03, conference: 0.03, parked: 0.03, picked_up: 0.03, forwarded: 0.06, hunted: 0.06 }
    }
}

impl Default for CallMix {
    fn default() -> Self {
        Self {
            per_second: 1.0,
            ring: Duration::from_secs(3),
            talk: Duration::from_secs(10),
            abandoned: 0.1,
            no_answer: 0.02,
            busy: 0.05,
            held: 0.1,
            external: 0.3,
            waiting: 0.02,
            restricted: 0.05,
            features: FeatureMix::default(),
        }
    }
}

/// A simulated cluster.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its CTIManagers, the first being the primary.
    pub managers: Vec<ManagerConfig>,
    /// How many phones: number i, from 1, is `SEP` and i in twelve hexadecimal digits, with line 100000 + i, of user `user` and i.
    pub devices: u32,
    /// How many CTI ports: `CTIPORT` and i in four digits, line 200000 + i.
    pub cti_ports: u32,
    /// How many CTI route points: `CTIRP` and i in four digits, line 300000 + i.
    pub route_points: u32,
    /// How many lines are shared: phone 2i has the line of phone 2i - 1 as its second, for i up to this.
    pub shared_lines: u32,
    /// How many hunt pilots: number 400000 + i, whose members are four phones each, from the first. Every second one sends on to the last
    /// phone what nobody answers.
    pub hunt_pilots: u32,
    /// How calls are parked and picked up.
    pub features: Features,
    /// How long a line that forwards, or a member of a hunt pilot, rings before the call goes on.
    pub forward_after: Duration,
    /// How long a call is parked before it rings where it was parked.
    pub revert_after: Duration,
    /// The application users.
    pub accounts: Vec<AccountConfig>,
    /// Failed logins that lock an account.
    pub lock_after: u32,
    /// The calls that are made.
    pub calls: CallMix,
    /// How long a call rings that nobody answers and that was placed on demand.
    pub ring_limit: Duration,
    /// The seed of everything random: the same gives the same calls at the same times.
    pub seed: u64,
    /// The heartbeat interval, both ways; whole seconds, 1 at least.
    pub heartbeat: Duration,
    /// What `maxNumberOfDevicesOpen` says.
    pub max_devices_open: u32,
    /// Bytes that may wait for a client to read them; one that lets more pile up is dropped.
    pub output_limit: usize,
    /// Where to take commands, if anywhere.
    pub control: Option<SocketAddr>,
    /// Commands to be carried out once the first client has opened its lines.
    pub script: Script,
    /// A recorded flow to be played to each client that has opened its lines. Its devices and control list become part of the cluster.
    pub recording: Option<Recording>,
    /// The cluster's RSA key, PKCS#8 in PEM; a new one when there is none.
    pub key_pem: Option<String>,
    /// The nonce of every login; a new one each time when there is none.
    pub nonce: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            managers: vec![ManagerConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls_listen: None }],
            devices: 10,
            cti_ports: 0,
            route_points: 0,
            shared_lines: 0,
            hunt_pilots: 2,
            features: Features { partition: PARTITION.into(), ..Features::default() },
            forward_after: Duration::from_secs(12),
            revert_after: Duration::from_secs(60),
            accounts: vec![AccountConfig::default()],
            lock_after: 10,
            calls: CallMix::default(),
            ring_limit: Duration::from_secs(60),
            seed: 1,
            heartbeat: Duration::from_secs(30),
            max_devices_open: 40_000,
            output_limit: 64 << 20,
            control: None,
            script: Script::default(),
            recording: None,
            key_pem: None,
            nonce: None,
        }
    }
}

/// The name of the `number`th phone, from 1.
pub fn phone_name(number: u32) -> String {
    format!("SEP{number:012X}")
}

impl Config {
    /// The devices of the cluster, those of the recording first.
    pub(super) fn device_specs(&self) -> Vec<DeviceSpec> {
        let line = |number: u32, display: String| LineSpec { dn: number.to_string(), partition: PARTITION.into(), display };
        let own_line = |i: u32| line(100_000 + i, format!("User {i}"));
        let phone = |i: u32| {
            let shares = i.is_multiple_of(2) && i / 2 <= self.shared_lines;
            let lines = if shares { vec![own_line(i), own_line(i - 1)] } else { vec![own_line(i)] };
            DeviceSpec { name: phone_name(i), kind: DeviceKind::Phone, owner: Some(format!("user{i}")), lines }
        };
        let application = |kind: DeviceKind, name: String, number: u32| {
            let display = name.clone();
            DeviceSpec { name, kind, owner: None, lines: vec![line(number, display)] }
        };
        let recorded = self.recording.iter().flat_map(|r| r.devices().iter().cloned());
        let ports = (1..=self.cti_ports).map(|i| application(DeviceKind::CtiPort, format!("CTIPORT{i:04}"), 200_000 + i));
        let points = (1..=self.route_points).map(|i| application(DeviceKind::RoutePoint, format!("CTIRP{i:04}"), 300_000 + i));
        recorded.chain((1..=self.devices).map(phone)).chain(ports).chain(points).collect()
    }

    /// The hunt pilots of a cluster of these devices.
    pub(super) fn pilots(&self, cluster: &Cluster) -> Vec<Pilot> {
        let line = |number: u32| cluster.find_line(&(100_000 + number).to_string());
        let pilot = |i: u32| Pilot {
            number: (400_000 + i).to_string(),
            partition: PARTITION.into(),
            members: (4 * i - 3..=4 * i).filter(|number| *number <= self.devices).filter_map(line).collect(),
            forward: line(self.devices).filter(|_| i.is_multiple_of(2)).map(Destination::Line),
        };
        (1..=self.hunt_pilots).map(pilot).filter(|pilot| !pilot.members.is_empty()).collect()
    }

    pub(super) fn accounts(&self) -> Vec<Account> {
        let account = |a: &AccountConfig| Account::new(&a.user, &a.password, a.cti_enabled, a.control_any_device);
        self.accounts.iter().map(account).collect()
    }
}
