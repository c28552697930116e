//! The options of `callcast simulate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::Error;
use super::cluster::Features;
use super::config::{AccountConfig, CallMix, Config, FeatureMix, ManagerConfig};
use super::play::Recording;
use super::script::Script;

/// How much of the cluster is in the application user's control list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlList {
    /// The first so many devices.
    First(u32),
    /// Every device.
    All,
}

impl FromStr for ControlList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::First(0)),
            number => number.parse().map(Self::First).map_err(|_| "give a number of devices, `all` or `none`".into()),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "give a share from 0 to 1".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    parsed.filter(|d| *d <= Duration::from_secs(86_400)).ok_or_else(|| "give seconds from 0 to 86400".into())
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate| (0.0..=10_000.0).contains(rate)).ok_or_else(|| "give calls a second from 0 to 10000".into())
}

/// Runs a simulated cluster: a CTIManager, or several, with phones that call each other.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Where a CTIManager listens; repeated, each is one of the same cluster. Cisco's own client always dials port 2748.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2748")]
    pub listen: Vec<SocketAddr>,
    /// Where the CTIManagers listen with TLS, in the order of --listen.
    #[arg(long, value_name = "ADDR")]
    pub tls_listen: Vec<SocketAddr>,
    /// How many phones: SEP000000000001 and on, with lines 100001 and on, of user1 and on.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub devices: u32,
    /// How many CTI ports: CTIPORT0001 and on, with lines 200001 and on.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9999))]
    pub cti_ports: u32,
    /// How many CTI route points: CTIRP0001 and on, with lines 300001 and on.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9999))]
    pub route_points: u32,
    /// How many lines are shared: phone 2i has the line of phone 2i - 1 as its second.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub shared_lines: u32,
    /// Calls a second, at random moments; 0 makes none. [default: 1, or 0 with --play or --script]
    #[arg(long, value_name = "R", value_parser = rate)]
    pub calls_per_second: Option<f64>,
    /// The seed: the same gives the same calls.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// The application user.
    #[arg(long, default_value = "callcast")]
    pub user: String,
    /// Its password.
    #[arg(long, default_value = "callcast")]
    pub password: String,
    /// How many devices, from the first, are in its control list: a number, `all` or `none`.
    #[arg(long, value_name = "N", default_value = "none")]
    pub control_list: ControlList,
    /// Takes the role 'Standard CTI Allow Control of All Devices' from it.
    #[arg(long)]
    pub no_super_provider: bool,
    /// Failed logins that lock the account.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub lock_after: u32,
    /// The mean time that a call rings.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub ring_seconds: Duration,
    /// The mean time that is talked.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub talk_seconds: Duration,
    /// The share of callers who give up.
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = share)]
    pub abandoned: f64,
    /// The share of calls that nobody answers.
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = share)]
    pub no_answer: f64,
    /// The share of calls to a busy line.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub busy: f64,
    /// The share of answered calls that are held once.
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = share)]
    pub held: f64,
    /// The share of calls with somebody outside of the cluster.
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = share)]
    pub external: f64,
    /// The share of calls to a line that talks already.
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = share)]
    pub waiting: f64,
    /// The share of callers who withhold their number.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub restricted: f64,
    /// The share of calls that are transferred after a consultation call.
    #[arg(long, value_name = "SHARE", default_value = "0.06", value_parser = share)]
    pub transferred: f64,
    /// The share of calls that are transferred without one.
    #[arg(long, value_name = "SHARE", default_value = "0.03", value_parser = share)]
    pub blind: f64,
    /// The share of calls that become a conference.
    #[arg(long, value_name = "SHARE", default_value = "0.03", value_parser = share)]
    pub conference: f64,
    /// The share of calls that are parked.
    #[arg(long, value_name = "SHARE", default_value = "0.03", value_parser = share)]
    pub parked: f64,
    /// The share of calls that are picked up by another phone.
    #[arg(long, value_name = "SHARE", default_value = "0.03", value_parser = share)]
    pub picked_up: f64,
    /// The share of calls that are forwarded: all, when busy, or when nobody answers.
    #[arg(long, value_name = "SHARE", default_value = "0.06", value_parser = share)]
    pub forwarded: f64,
    /// The share of calls to a hunt pilot.
    #[arg(long, value_name = "SHARE", default_value = "0.06", value_parser = share)]
    pub hunted: f64,
    /// Plain calls only: none of the seven shares above.
    #[arg(long)]
    pub plain: bool,
    /// How many hunt pilots: 400001 and on, with four phones each.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub hunt_pilots: u32,
    /// Lets a picked up call ring at the phone that takes it, instead of answering it at once.
    #[arg(long)]
    pub no_auto_pickup: bool,
    /// Keeps the global call id of a parked call when it is retrieved ('Preserve globalCallId for Parked Calls').
    #[arg(long)]
    pub preserve_parked_call: bool,
    /// The heartbeat interval, whole seconds, both ways.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub heartbeat: u32,
    /// Where to take commands, one a line: `help` lists them.
    #[arg(long, value_name = "ADDR")]
    pub control: Option<SocketAddr>,
    /// A flow file, or a recorded session (JSON lines), that is played to each client that has opened its lines.
    #[arg(long, value_name = "FILE")]
    pub play: Option<PathBuf>,
    /// A file of commands with times, carried out once the first client has opened its lines.
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Writes the phones and their users as CSV, the inventory that a gateway reads.
    #[arg(long, value_name = "FILE")]
    pub write_inventory: Option<PathBuf>,
    /// Starts with the generator paused; `generate on` of the control socket resumes it.
    #[arg(long)]
    pub paused: bool,
}

impl SimulateArgs {
    /// The configuration that they ask for.
    ///
    /// # Errors
    /// When a file cannot be read, or options contradict each other.
    pub fn config(&self) -> Result<Config, Error> {
        if self.tls_listen.len() > self.listen.len() {
            return Err(Error::TlsAddresses { tls: self.tls_listen.len(), plain: self.listen.len() });
        }
        let features = if self.plain { FeatureMix::NONE } else { self.features() };
        // A little over 1 is what shares that add up to it can come to.
        if features.sum() > 1.0 + 1e-9 {
            return Err(Error::Shares(features.sum()));
        }
        let quiet = self.play.is_some() || self.script.is_some();
        let manager = |(i, listen): (usize, &SocketAddr)| ManagerConfig { listen: *listen, tls_listen: self.tls_listen.get(i).copied() };
        let managers = self.listen.iter().enumerate().map(manager).collect();
        let control_list = match self.control_list {
            ControlList::All => u32::MAX,
            ControlList::First(number) => number,
        };
        Ok(Config {
            managers,
            devices: self.devices,
            cti_ports: self.cti_ports,
            route_points: self.route_points,
            shared_lines: self.shared_lines,
            accounts: vec![AccountConfig {
                user: self.user.clone(),
                password: self.password.clone(),
                control_any_device: !self.no_super_provider,
                control_list,
                ..AccountConfig::default()
            }],
            lock_after: self.lock_after,
            calls: CallMix {
                per_second: self.calls_per_second.unwrap_or(if quiet { 0.0 } else { 1.0 }),
                ring: self.ring_seconds,
                talk: self.talk_seconds,
                abandoned: self.abandoned,
                no_answer: self.no_answer,
                busy: self.busy,
                held: self.held,
                external: self.external,
                waiting: self.waiting,
                restricted: self.restricted,
                features,
            },
            hunt_pilots: self.hunt_pilots,
            features: Features {
                auto_pickup: !self.no_auto_pickup,
                preserve_parked_call: self.preserve_parked_call,
                ..Config::default().features
            },
            script: self.script.as_deref().map(Script::read).transpose()?.unwrap_or_default(),
            seed: self.seed,
            heartbeat: Duration::from_secs(self.heartbeat.into()),
            control: self.control,
            recording: self.play.as_deref().map(Recording::read).transpose()?,
            ..Config::default()
        })
    }

    fn features(&self) -> FeatureMix {
        FeatureMix {
            transferred: self.transferred,
            blind: self.blind,
            conference: self.conference,
            parked: self.parked,
            picked_up: self.picked_up,
            forwarded: self.forwarded,
            hunted: self.hunted,
        }
    }
}
