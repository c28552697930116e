//! A cluster that runs, a session that runs, and what it told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callcast::cti::{Command, Config, Device, DeviceChange, Line, LineChange, Notice, Observer, SessionId, SessionState, Status, run};
use callcast::ctiqbe::schema;
use callcast::sim::{self, Simulator, phone_name};
use callcast::time::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// How long anything may take. Only what is broken takes as long.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Keeps what it is told, a line each.
#[derive(Default)]
pub struct Recorder {
    told: Mutex<Vec<String>>,
    more: Notify,
}

impl Observer for Recorder {
    fn observe(&self, _: SessionId, _: Timestamp, notices: &[Notice<'_>]) {
        self.told.lock().unwrap().extend(notices.iter().map(print));
        self.more.notify_waiters();
    }
}

fn print(notice: &Notice<'_>) -> String {
    let device = |device: &Device| {
        let pool = device.device_pool.as_ref().map(|pool| format!(", {pool}")).unwrap_or_default();
        format!("{}({}{pool})", device.name, device.user().unwrap_or("-"))
    };
    let line = |line: &Line| format!("{}/{}", line.device.name, line.dn);
    match notice {
        Notice::Connected { cluster, .. } => format!("connected to {cluster}"),
        Notice::Lost { reason, .. } => format!("lost: {reason}"),
        Notice::FailedOver { .. } => "failed over".into(),
        Notice::Device { device: d, change: DeviceChange::Refused { result, .. } } => format!("{} refused {result}", device(d)),
        Notice::Device { device: d, change } => format!("{} {change:?}", device(d)),
        Notice::Line { line: l, change: LineChange::Refused { result, .. } } => format!("{} refused {result}", line(l)),
        Notice::Line { line: l, change: LineChange::Opened(_) } => format!("{} opened", line(l)),
        Notice::Line { line: l, change } => format!("{} {change:?}", line(l)),
        Notice::Message(frame) => schema::message(frame.id).unwrap().name().into(),
        other => format!("{other:?}"),
    }
}

/// A cluster that runs.
pub struct Cluster {
    pub handle: sim::Handle,
    pub managers: Vec<sim::ManagerAddrs>,
    pub certificate: Vec<u8>,
    _shutdown: tokio_util::sync::DropGuard,
}

pub async fn cluster(change: impl FnOnce(&mut sim::Config)) -> Cluster {
    let mut config = sim::Config { devices: 3, ..sim::Config::default() };
    config.calls.per_second = 0.0;
    change(&mut config);
    let simulator = Simulator::bind(config).await.unwrap();
    let shutdown = CancellationToken::new();
    let cluster = Cluster {
        handle: simulator.handle(),
        managers: simulator.local_addrs(),
        certificate: simulator.certificate().to_vec(),
        _shutdown: shutdown.clone().drop_guard(),
    };
    tokio::spawn(simulator.run(shutdown));
    cluster
}

impl Cluster {
    pub fn command(&self, line: &str) {
        self.handle.command(line).unwrap();
    }
}

/// A session that runs.
pub struct Running {
    recorder: Arc<Recorder>,
    pub status: Arc<Status>,
    commands: mpsc::Sender<Command>,
    folder: tempfile::TempDir,
    pub shutdown: CancellationToken,
    pub task: tokio::task::JoinHandle<()>,
}

pub fn inventory(devices: u32) -> String {
    "device,user\n".to_owned() + &(1..=devices).map(|i| format!("{},user{i}\n", phone_name(i))).collect::<String>()
}

pub fn start(managers: &[SocketAddr], change: impl FnOnce(&mut Config, &std::path::Path)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(managers.iter().map(SocketAddr::to_string).collect(), "callcast".into());
    config.password_file = Some(folder.path().join("password"));
    std::fs::write(folder.path().join("password"), "callcast\n").unwrap();
    config.inventory.file = Some(folder.path().join("devices.csv"));
    std::fs::write(folder.path().join("devices.csv"), inventory(3)).unwrap();
    config.pace.devices_per_second = 0;
    change(&mut config, folder.path());
    let (commands, receiver) = mpsc::channel(1);
    let (recorder, status, shutdown) = (Arc::new(Recorder::default()), Arc::new(Status::default()), CancellationToken::new());
    let session = run(SessionId(0), config, recorder.clone(), receiver, status.clone(), shutdown.clone());
    let task = tokio::spawn(async { session.await.unwrap() });
    Running { recorder, status, commands, folder, shutdown, task }
}

pub fn plain(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.managers.iter().map(|m| m.plain).collect()
}

impl Running {
    pub fn told(&self) -> Vec<String> {
        self.recorder.told.lock().unwrap().clone()
    }

    pub fn count(&self, line: &str) -> usize {
        self.told().iter().filter(|t| t.starts_with(line)).count()
    }

    /// Waits until it was told so many lines that begin like this.
    pub async fn until_told(&self, line: &str, times: usize) {
        let told = async {
            loop {
                let more = self.recorder.more.notified();
                if self.count(line) >= times {
                    return;
                }
                more.await;
            }
        };
        if tokio::time::timeout(LIMIT, told).await.is_err() {
            panic!("{line:?} was not told {times} times, but {:#?}; {:#?}", self.told(), self.status.summary());
        }
    }

    pub async fn in_service(&self) {
        self.until_told("Resynced", 1).await;
    }

    /// Waits until the session waits, and says why it does.
    pub async fn waits(&self) -> String {
        let waits = async {
            loop {
                if let SessionState::Waiting { reason, .. } = self.status.state() {
                    return reason;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, waits).await.unwrap()
    }

    pub async fn reload(&self) {
        self.commands.send(Command::Reload).await.unwrap();
    }

    pub async fn ask_states(&self, devices: &[u32]) {
        let devices = devices.iter().map(|number| phone_name(*number).into()).collect();
        self.commands.send(Command::AskStates(devices)).await.unwrap();
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }
}
