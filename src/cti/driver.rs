//! The task of one session: moves bytes and time between a socket and the [`Session`], and tells the observer.
//!
//! All frames of one read go to the session before the observer is told, once, of all that they brought. Writing never holds up
//! reading: what CTIManager does not take waits, up to a limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustls::ClientConfig;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::connect::{Stream, connect};
use super::credentials::{Password, PasswordError};
use super::inventory::{DeviceList, InventoryError};
use super::manager::{Failover, ManagerAddress, ManagerError};
use super::occurrence::Occurrence;
use super::session::{Plan, Session};
use super::status::Status;
use super::tls::{self, TlsError};
use super::{Config, Finding, Notice, Observer, SessionId};
use crate::ctiqbe::{FRAME_LIMIT, Frame};
use crate::time::Timestamp;

/// Room for one read, in bytes.
const READ: usize = 64 * 1024;
/// Bytes that may wait to be written before the session counts as broken. Requests in flight bound it far below this.
const WRITE_LIMIT: usize = 16 << 20;
/// How long nothing is looked at while nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a running session can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read the inventory, the password and the TLS files again. A session that waits tries again at once.
    Reload,
    /// Ask for the states of these devices, by name, where they are open. The answers come as [`DeviceChange::State`](super::DeviceChange),
    /// `asked`. A session that has no time for it, or is not in service, drops the question.
    AskStates(Vec<Arc<str>>),
}

/// Why a session cannot begin. While it runs it ends only when it is told to.
#[derive(Debug, Error)]
pub enum StartError {
    /// A CTIManager that is no address.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// No inventory.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// No password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What the task of the session is told.
enum Instruction {
    /// Files were read again.
    Reloaded(Result<Material, StartError>),
    /// See [`Command::AskStates`].
    AskStates(Vec<Arc<str>>),
}

/// What comes from files.
struct Material {
    inventory: DeviceList,
    password: Password,
    tls: Option<Arc<ClientConfig>>,
}

impl Material {
    fn load(config: &Config) -> Result<Self, StartError> {
        let inventory = config.inventory.file.as_deref().map(DeviceList::load).transpose()?.unwrap_or_default();
        let password = Password::load(config)?;
        let tls = config.tls.as_ref().map(tls::client).transpose()?;
        Ok(Self { inventory, password, tls })
    }
}

/// Runs a session until `shutdown`. Whatever happens to the connection, it goes on.
///
/// # Errors
/// When the configuration names files that cannot be used, before anything is connected.
pub async fn run(
    id: SessionId,
    config: Config,
    observer: Arc<dyn Observer>,
    commands: mpsc::Receiver<Command>,
    status: Arc<Status>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    let managers: Vec<ManagerAddress> = config.manager_addresses()?;
    let Material { inventory, password, tls } = Material::load(&config)?;
    let seconds = |s: u32| Duration::from_secs(s.into());
    let failover = Failover::new(managers, seconds(config.retry.first), seconds(config.retry.max), Box::new(fastrand::f64));
    let began = Timestamp::now();
    let session = Session::new(id, config.clone(), password, inventory, failover, status, began);
    let (sender, instructions) = mpsc::channel(1);
    let _instructor = AbortOnDropHandle::new(tokio::spawn(instruct(config.clone(), commands, sender)));
    Driver { id, config, tls, session, observer, instructions, shutdown, zero: Instant::now() }.run().await;
    Ok(())
}

/// Reads files aside: they may be slow, and the task that reads the socket waits for nothing.
async fn instruct(config: Config, mut commands: mpsc::Receiver<Command>, instructions: mpsc::Sender<Instruction>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Reload => {
                let config = config.clone();
                let Ok(loaded) = tokio::task::spawn_blocking(move || Material::load(&config)).await else { continue };
                if instructions.send(Instruction::Reloaded(loaded)).await.is_err() {
                    return;
                }
            }
            // A session that is busy connecting has no device to ask for; a reload must not wait behind such questions.
            Command::AskStates(devices) => drop(instructions.try_send(Instruction::AskStates(devices))),
        }
    }
}

struct Driver {
    id: SessionId,
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    session: Session,
    observer: Arc<dyn Observer>,
    instructions: mpsc::Receiver<Instruction>,
    shutdown: CancellationToken,
    /// When the session's time began.
    zero: Instant,
}

impl Driver {
    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    async fn run(mut self) {
        loop {
            match self.session.plan(self.now()) {
                Plan::Wait(until) => self.wait(until).await,
                Plan::Connect(manager) => self.connect(&manager).await,
                // The connection is served where it was made; here there is none any more.
                Plan::Talk => self.input(Session::closed),
                Plan::Finish => return,
            }
        }
    }

    async fn wait(&mut self, until: Duration) {
        tokio::select! {
            () = tokio::time::sleep_until(self.zero + until) => {}
            Some(instruction) = self.instructions.recv() => self.obey(instruction),
            () = self.shutdown.cancelled() => self.input(|session, now, findings| session.shut_down(now, findings)),
        }
    }

    async fn connect(&mut self, manager: &ManagerAddress) {
        let server_name = self.config.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        let timeout = Duration::from_secs(self.config.timeouts.connect.into());
        let connected = tokio::select! {
            connected = connect(manager, self.tls.as_ref(), server_name, timeout) => connected,
            () = self.shutdown.cancelled() => {
                return self.input(|session, now, findings| session.shut_down(now, findings));
            }
        };
        match connected {
            Ok(stream) => {
                self.session.connected(self.now());
                let (reader, writer) = tokio::io::split(stream);
                self.talk(reader, writer).await;
            }
            Err(error) => self.input(|session, now, findings| session.disconnected(now, error.into(), findings)),
        }
    }

    /// Moves bytes until the session does not want this connection any more.
    async fn talk(&mut self, mut reader: ReadHalf<Stream>, mut writer: WriteHalf<Stream>) {
        let mut arrived = BytesMut::with_capacity(READ);
        let mut leaving: Vec<u8> = vec![];
        let mut written = 0;
        let mut flushed = true;
        let mut reusable: Vec<Finding<'static>> = vec![];
        let mut alarm = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        while self.session.is_talking() {
            if written == leaving.len() {
                leaving.clear();
                written = 0;
            }
            self.session.drain_to(&mut leaving);
            if leaving.len() - written > WRITE_LIMIT {
                let stuck = std::io::Error::new(std::io::ErrorKind::TimedOut, "ctimanager does not read what we send");
                self.input(|session, now, findings| session.broken(now, stuck, findings));
                break;
            }
            let due = match self.session.deadline() {
                Some(at) => self.zero + at,
                None if alarm.is_elapsed() => Instant::now() + IDLE,
                None => alarm.deadline(),
            };
            if due != alarm.deadline() {
                alarm.as_mut().reset(due);
            }
            arrived.reserve(READ);
            let waiting = leaving.get(written..).unwrap_or_default();
            tokio::select! {
                read = reader.read_buf(&mut arrived) => match read {
                    Ok(0) => self.input(Session::closed),
                    Ok(_) => {
                        let (consumed, emptied) = self.take(&arrived, std::mem::take(&mut reusable));
                        reusable = emptied;
                        arrived.advance(consumed);
                    }
                    Err(error) => self.input(|session, now, findings| session.broken(now, error, findings)),
                },
                sent = send(&mut writer, waiting), if !waiting.is_empty() || !flushed => match sent {
                    Ok(count) => {
                        flushed = count == 0;
                        written += count;
                    }
                    Err(error) => self.input(|session, now, findings| session.broken(now, error, findings)),
                },
                () = alarm.as_mut() => self.input(Session::tick),
                Some(instruction) = self.instructions.recv() => self.obey(instruction),
                () = self.shutdown.cancelled() => self.input(|session, now, findings| session.shut_down(now, findings)),
            }
        }
        leaving.drain(..written.min(leaving.len()));
        self.session.drain_to(&mut leaving);
        // The goodbye, if there is one. Whether it arrives changes nothing any more.
        let goodbye = async {
            let _ = writer.write_all(&leaving).await;
            let _ = writer.shutdown().await;
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    /// Takes all whole frames of `arrived`. How many bytes they were, and the emptied list of findings for the next read.
    fn take(&mut self, arrived: &[u8], reusable: Vec<Finding<'static>>) -> (usize, Vec<Finding<'static>>) {
        let now = self.now();
        let at = Timestamp::now();
        let mut findings: Vec<Finding<'_>> = reusable;
        let mut consumed = 0;
        loop {
            match Frame::split(arrived.get(consumed..).unwrap_or_default(), FRAME_LIMIT) {
                Ok(Some(frame)) => {
                    consumed += frame.len();
                    self.session.receive(now, frame, &mut findings);
                }
                Ok(None) => break,
                Err(fault) => {
                    self.session.disconnected(now, fault.into(), &mut findings);
                    break;
                }
            }
        }
        self.session.tick(now, &mut findings);
        self.tell(at, &findings);
        // None of them is kept: this gives their memory back for a read buffer of another lifetime.
        findings.clear();
        (consumed, findings.into_iter().map_while(|_| None).collect())
    }

    /// Anything but a read.
    fn input(&mut self, apply: impl FnOnce(&mut Session, Duration, &mut Vec<Finding<'_>>)) {
        let mut findings = vec![];
        let now = self.now();
        apply(&mut self.session, now, &mut findings);
        self.tell(Timestamp::now(), &findings);
    }

    fn tell(&self, at: Timestamp, findings: &[Finding<'_>]) {
        if findings.is_empty() {
            return;
        }
        let notices: Vec<Notice<'_>> = findings.iter().map(Finding::notice).collect();
        self.observer.observe(self.id, at, &notices);
    }

    fn obey(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Reloaded(loaded) => self.reload(loaded),
            Instruction::AskStates(devices) => self.input(|session, now, findings| {
                session.ask_states(&devices);
                session.tick(now, findings);
            }),
        }
    }

    fn reload(&mut self, loaded: Result<Material, StartError>) {
        let Material { inventory, password, tls } = match loaded {
            Ok(material) => material,
            Err(error) => return Occurrence::ReloadFailed { error: &error }.emit(self.id),
        };
        self.tls = tls;
        self.input(|session, now, findings| {
            session.reload(now, inventory, password, findings);
            session.tick(now, findings);
        });
    }
}

/// Writes some of `waiting`, or flushes when there is nothing to write: TLS keeps bytes back until then.
async fn send(writer: &mut WriteHalf<Stream>, waiting: &[u8]) -> std::io::Result<usize> {
    if waiting.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(waiting).await? {
        0 => Err(std::io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}
