//! The whole simulation without sockets or a clock: cluster, generator, sessions, and time that is brought from outside.
//!
//! Bytes of clients go in ([`Simulation::receive`]), time goes in ([`Simulation::advance`]), commands go in (`control`), and bytes for
//! clients come out ([`Simulation::take_output`]). What is due runs at the time when it was due, however late the driver comes, so that
//! the calls of a seed have the same times on the model's clock on any machine.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::{AccountState, AppearanceId, CallKey, Cluster, Counters, DeviceId, Timer, TimerKind};
use super::config::Config;
use super::credentials::Credentials;
use super::generator::{Generator, Plan};
use super::occurrence::Occurrence;
use super::play::{RecordedHandle, Recording};
use super::playing::{self, Play, PlayedLegs};
use super::schedule::Schedule;
use super::script::Script;
use super::session::{Session, Settings, World};
use super::steps::Step;
use crate::ctiqbe::names::DeviceRegisteredReason;
use crate::ctiqbe::{DecodeError, Frame};

/// The largest request that is taken, in bytes.
const REQUEST_LIMIT: usize = 64 << 10;
/// How long after its lines are open a recording is played to a client.
const PLAY_DELAY: Duration = Duration::from_millis(500);

/// A client that has opened no line for so long has opened all that it wants, as far as a script is concerned.
const SCRIPT_DELAY: Duration = Duration::from_secs(1);

/// A client's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

/// A CTIManager, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManagerId(pub usize);

/// Something that shall happen.
#[derive(Debug)]
enum Task {
    NextCall,
    Call(CallKey, Step),
    /// Something that a call waits for.
    Timer(Timer),
    Register(DeviceId, DeviceRegisteredReason),
    /// The event of the recording at this place, for this session.
    Play(SessionId, usize),
    /// A client may have opened all its lines, if there are still as many open.
    BeginScript(SessionId, usize),
    /// The line of the script at this place.
    Script(usize),
}

#[derive(Debug)]
struct Client {
    manager: ManagerId,
    session: Session,
    /// How far the recording was played to it, once that was begun.
    play: Option<Play>,
}

/// A session as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its CTIManager.
    pub manager: ManagerId,
    /// The user that logged in.
    pub user: String,
    /// Whether the provider is open.
    pub open: bool,
    /// Devices that it has open.
    pub devices: usize,
    /// Lines that it has open.
    pub lines: usize,
}

/// A simulated cluster with its clients.
#[derive(Debug)]
pub struct Simulation {
    pub(super) cluster: Cluster,
    pub(super) generator: Generator,
    credentials: Credentials,
    settings: Settings,
    recording: Recording,
    /// Plays that ended their session: they go on with the client that comes back.
    interrupted: Vec<Play>,
    played_legs: PlayedLegs,
    script: Script,
    script_begun: bool,
    ring_limit: Duration,
    forward_after: Duration,
    revert_after: Duration,
    schedule: Schedule<Task>,
    clients: BTreeMap<SessionId, Client>,
    next_session: u64,
    refusing: Vec<bool>,
    heartbeats: bool,
    /// CTIManagers that shall restart, and for how long each is down: for the driver.
    restarts: Vec<(ManagerId, Duration)>,
    now: Duration,
}

impl Simulation {
    /// A cluster as configured, at time 0.
    pub fn new(config: &Config, credentials: Credentials) -> Self {
        let mut cluster = Cluster::new(config.device_specs(), config.accounts(), config.lock_after);
        cluster.set_features(config.features.clone());
        for pilot in config.pilots(&cluster) {
            cluster.set_pilot(pilot);
        }
        let recording = config.recording.clone().unwrap_or_default();
        for account in &config.accounts {
            let recorded = recording.control_list().iter().filter_map(|name| cluster.find_device(name));
            let list = recorded.chain((1..=account.control_list).map_while(|n| cluster.device_at(n))).collect();
            if let Some(id) = cluster.find_account(&account.user) {
                cluster.set_control_list(id, list);
                if recording.is_locked() {
                    cluster.set_account_state(id, AccountState::Locked);
                }
            }
        }
        for (device, user) in recording.logins() {
            if let Some(id) = cluster.find_device(device) {
                cluster.know(id, true, Some(user.clone()));
            }
        }
        let generator = Generator::new(config.calls.clone(), config.seed, &cluster);
        let settings = Settings {
            heartbeat: config.heartbeat.max(Duration::from_secs(1)),
            max_devices_open: config.max_devices_open,
            cluster_name: "StandAloneCluster".into(),
            password_days: 90,
        };
        let mut simulation = Self {
            cluster,
            generator,
            credentials,
            settings,
            recording,
            interrupted: vec![],
            played_legs: PlayedLegs::default(),
            script: config.script.clone(),
            script_begun: false,
            ring_limit: config.ring_limit,
            forward_after: config.forward_after,
            revert_after: config.revert_after,
            schedule: Schedule::new(),
            clients: BTreeMap::new(),
            next_session: 0,
            refusing: vec![false; config.managers.len()],
            heartbeats: true,
            restarts: vec![],
            now: Duration::ZERO,
        };
        simulation.schedule_next_call();
        simulation
    }

    /// Key and certificate.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The time on the model's clock.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Does all that is due.
    pub fn advance(&mut self, now: Duration) {
        while let Some((at, task)) = self.schedule.pop(now) {
            self.now = self.now.max(at);
            self.run(task);
            self.deliver();
        }
        self.now = self.now.max(now);
        for client in self.clients.values_mut() {
            client.session.advance(self.now, &self.settings);
        }
    }

    /// When there is something to do again.
    pub fn next_due(&self) -> Option<Duration> {
        let sessions = self.clients.values().filter(|c| !c.session.is_closing()).map(|c| c.session.deadline(&self.settings));
        sessions.chain(self.schedule.next_due()).min()
    }

    fn run(&mut self, task: Task) {
        match task {
            Task::NextCall if self.generator.is_paused() => {}
            Task::NextCall => {
                let plan = self.generator.place(&mut self.cluster);
                self.follow(plan.unwrap_or_default());
                self.schedule_next_call();
            }
            Task::Call(call, step) => {
                let plan = self.generator.take(step, call, &mut self.cluster);
                self.follow(plan);
            }
            Task::Timer(timer) => self.cluster.expire(timer),
            Task::Register(device, reason) => self.cluster.register(device, reason),
            Task::Play(session, index) => self.play(session, index),
            Task::BeginScript(session, lines) => self.begin_script(session, lines),
            Task::Script(index) => self.run_line(index),
        }
    }

    fn follow(&mut self, plan: Plan) {
        for (after, call, step) in plan {
            self.schedule.add(self.now + after, Task::Call(call, step));
        }
    }

    fn schedule_next_call(&mut self) {
        if !self.generator.is_paused() {
            let gap = self.generator.next_gap();
            self.schedule.add(self.now + gap, Task::NextCall);
        }
    }

    /// Pauses or resumes the generator.
    pub fn set_paused(&mut self, paused: bool) {
        if self.generator.is_paused() != paused {
            self.schedule.retain(|task| !matches!(task, Task::NextCall));
            self.generator.set_paused(paused);
            self.schedule_next_call();
        }
    }

    /// Ends a call that nobody answers, after a while.
    pub(super) fn limit_ringing(&mut self, call: CallKey) {
        self.schedule.add(self.now + self.ring_limit, Task::Call(call, Step::NoAnswer));
    }

    /// Registers a device after a while.
    pub(super) fn register_later(&mut self, device: DeviceId, after: Duration, reason: DeviceRegisteredReason) {
        self.schedule.add(self.now + after, Task::Register(device, reason));
    }

    /// A client connected to a CTIManager.
    pub fn connect(&mut self, manager: ManagerId) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let mut session = Session::new(self.now);
        session.set_heartbeats(self.heartbeats);
        if let Some(play) = self.interrupted.last() {
            let lines = playing::tells_standing_calls(&self.recording, play.next);
            lines.filter_map(|handle| appearance(handle, &self.cluster)).for_each(|line| session.leave_to_play(line));
        }
        self.clients.insert(id, Client { manager, session, play: None });
        id
    }

    /// A client's connection is gone.
    pub fn disconnect(&mut self, id: SessionId) {
        self.clients.remove(&id);
    }

    /// Takes bytes of a client and answers the requests that are whole; how many bytes they had.
    ///
    /// # Errors
    /// When the bytes are not CTIQBE: the stream is lost, and the session closes.
    pub fn receive(&mut self, id: SessionId, bytes: &[u8]) -> Result<usize, DecodeError> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(bytes.len()) };
        let mut world = World {
            cluster: &mut self.cluster,
            credentials: &self.credentials,
            settings: &self.settings,
            refusing: self.refusing.get(client.manager.0).copied().unwrap_or(false),
            now: self.now,
        };
        let mut consumed = 0;
        while let Some(rest) = bytes.get(consumed..) {
            match Frame::split(rest, REQUEST_LIMIT) {
                Ok(Some(frame)) => {
                    client.session.receive(&frame, &mut world);
                    consumed += frame.len();
                }
                Ok(None) => break,
                Err(error) => {
                    client.session.drop_connection();
                    return Err(error);
                }
            }
        }
        self.deliver();
        self.begin_play(id);
        self.expect_script(id);
        Ok(consumed)
    }

    /// The sessions that have something to say, with it, and whether they end then.
    pub fn take_output(&mut self, mut write: impl FnMut(SessionId, Vec<u8>, bool)) {
        for (id, client) in &mut self.clients {
            if client.session.has_output() {
                write(*id, client.session.take_output(), client.session.is_closing());
            }
        }
    }

    /// Hands the cluster's events to the sessions, and waits for what is to be waited for.
    pub(super) fn deliver(&mut self) {
        for timer in self.cluster.take_timers() {
            let after = match timer.kind {
                TimerKind::NoAnswer => self.forward_after,
                TimerKind::Reversion => self.revert_after,
            };
            self.schedule.add(self.now + after, Task::Timer(timer));
        }
        while let Some(event) = self.cluster.next_event() {
            for client in self.clients.values_mut() {
                client.session.deliver(&event, &self.cluster, &self.settings);
            }
        }
    }

    /// The sessions.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let info = |client: &Client| {
            let (devices, lines) = client.session.open_counts();
            let (manager, user, open) = (client.manager, client.session.user().to_owned(), client.session.is_open());
            SessionInfo { manager, user, open, devices, lines }
        };
        self.clients.values().map(info).collect()
    }

    /// Drops the sessions of a CTIManager (of all when `None`) without a word.
    pub fn drop_sessions(&mut self, manager: Option<ManagerId>) {
        for client in self.clients.values_mut().filter(|c| manager.is_none_or(|m| m == c.manager)) {
            client.session.drop_connection();
        }
    }

    /// Makes a CTIManager (all when `None`) refuse new sessions, or take them again.
    pub fn set_refusing(&mut self, manager: Option<ManagerId>, refusing: bool) {
        for (index, slot) in self.refusing.iter_mut().enumerate() {
            if manager.is_none_or(|m| m.0 == index) {
                *slot = refusing;
            }
        }
    }

    /// Stops or resumes the heartbeats of all CTIManagers.
    pub fn set_heartbeats(&mut self, on: bool) {
        self.heartbeats = on;
        for client in self.clients.values_mut() {
            client.session.set_heartbeats(on);
        }
    }

    /// Sends every client bytes that are not CTIQBE.
    pub fn send_garbage(&mut self, bytes: &[u8]) {
        for client in self.clients.values_mut() {
            client.session.say(bytes);
        }
    }

    /// How many calls there were.
    pub fn counters(&self) -> Counters {
        self.cluster.counters()
    }

    /// How many calls there are.
    pub fn standing(&self) -> usize {
        self.cluster.standing()
    }

    /// How many CTIManagers there are.
    pub fn manager_count(&self) -> usize {
        self.refusing.len()
    }

    /// Restarts a CTIManager (all when `None`): its sessions are dropped now, and the driver closes its listener for a time.
    pub fn restart(&mut self, manager: Option<ManagerId>, down: Duration) {
        self.drop_sessions(manager);
        let managers = (0..self.manager_count()).map(ManagerId).filter(|m| manager.is_none_or(|wanted| wanted == *m));
        self.restarts.extend(managers.map(|m| (m, down)));
    }

    /// The CTIManagers that shall restart.
    pub fn take_restarts(&mut self) -> Vec<(ManagerId, Duration)> {
        std::mem::take(&mut self.restarts)
    }

    /// The calls of the cluster are lost without a word.
    pub fn lose_calls(&mut self) {
        self.cluster.lose_calls();
        self.schedule.retain(|task| !matches!(task, Task::Call(..) | Task::Timer(_)));
    }

    /// The script begins when a client has opened its lines. How many those are only it knows: it has when no more are opened for a while.
    fn expect_script(&mut self, id: SessionId) {
        if self.script_begun || self.script.is_empty() {
            return;
        }
        let lines = self.clients.get(&id).map_or(0, |client| client.session.open_counts().1);
        if lines > 0 {
            self.schedule.add(self.now + SCRIPT_DELAY, Task::BeginScript(id, lines));
        }
    }

    fn begin_script(&mut self, id: SessionId, lines: usize) {
        let open = self.clients.get(&id).map_or(0, |client| client.session.open_counts().1);
        if self.script_begun || open != lines {
            return;
        }
        self.script_begun = true;
        for (index, (at, ..)) in self.script.lines().iter().enumerate() {
            self.schedule.add(self.now + *at, Task::Script(index));
        }
    }

    fn run_line(&mut self, index: usize) {
        let Some((_, line, command)) = self.script.lines().get(index).cloned() else { return };
        if let Err(error) = self.execute(&command) {
            Occurrence::Script { line, error: &error }.emit();
        }
    }

    fn begin_play(&mut self, id: SessionId) {
        let Some(client) = self.clients.get_mut(&id).filter(|c| c.play.is_none()) else { return };
        let own = |handle: &RecordedHandle| own_handle(handle, &client.session, &self.cluster);
        if self.recording.events().is_empty() || !self.recording.opened().all(|handle| own(handle).is_some()) {
            return;
        }
        let play = self.interrupted.pop().unwrap_or(Play { start: self.now + PLAY_DELAY, next: 0 });
        client.play = Some(play);
        for (index, event) in self.recording.events().iter().enumerate().skip(play.next) {
            self.schedule.add(self.now.max(play.start + event.at), Task::Play(id, index));
        }
    }

    fn play(&mut self, id: SessionId, index: usize) {
        let (Some(client), Some(event)) = (self.clients.get_mut(&id), self.recording.events().get(index)) else { return };
        let own = |handle: &RecordedHandle| own_handle(handle, &client.session, &self.cluster);
        if let Some(bytes) = self.recording.frame(event, client.session.version(), own) {
            client.session.say(&bytes);
        }
        let Some(play) = &mut client.play else { return };
        play.next = index + 1;
        if playing::ends_session(event) {
            self.interrupted.push(*play);
            client.session.drop_connection();
            self.schedule.retain(|task| !matches!(task, Task::Play(of, _) if *of == id));
        }
        playing::take_over(event, &mut self.cluster);
        self.played_legs.take(event, &self.recording, &mut self.cluster);
    }
}

/// A client's own handle for what was recorded under another.
fn own_handle(handle: &RecordedHandle, session: &Session, cluster: &Cluster) -> Option<i32> {
    match handle {
        RecordedHandle::Device(name) => session.device_handle(cluster.find_device(name)?),
        RecordedHandle::Line(..) => session.line_handle(appearance(handle, cluster)?),
    }
}

/// The line that a recorded handle stands for.
fn appearance(handle: &RecordedHandle, cluster: &Cluster) -> Option<AppearanceId> {
    match handle {
        RecordedHandle::Device(_) => None,
        RecordedHandle::Line(device, dn, partition) => cluster.find_appearance(cluster.find_device(device)?, dn, partition),
    }
}
