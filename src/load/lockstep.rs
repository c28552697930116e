//! A simulated cluster and a CTI session as machines, bytes between them, and a clock of its own: no socket, and no waiting.
//!
//! Everything between two moments takes no time, so that a seed gives the same bytes at the same times on any machine, as fast as it runs.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::cti::credentials::Password;
use crate::cti::inventory::DeviceList;
use crate::cti::manager::{Failover, ManagerError};
use crate::cti::session::{Plan, Session};
use crate::cti::{self, Finding, Notice, SessionId, Status};
use crate::ctiqbe::{DecodeError, FRAME_LIMIT, Frame};
use crate::sim::credentials::Credentials;
use crate::sim::simulation::{self, Simulation};
use crate::sim::{self, ManagerId};
use crate::time::Timestamp;

/// Why a cluster and a session cannot be brought together.
#[derive(Debug, Error)]
pub enum LockstepError {
    /// The cluster's key cannot be made or read.
    #[error(transparent)]
    Cluster(#[from] sim::Error),
    /// The session's managers are no addresses.
    #[error(transparent)]
    Manager(#[from] ManagerError),
}

/// A cluster with one session.
pub struct Lockstep {
    /// The cluster.
    pub simulation: Simulation,
    /// The session.
    pub session: Session,
    status: Arc<Status>,
    connection: Option<simulation::SessionId>,
    began: Timestamp,
    now: Duration,
}

impl Lockstep {
    /// A cluster, and a session that logs in to it as its first user and watches these devices.
    ///
    /// # Errors
    /// When the configurations are wrong.
    pub fn new(cluster: &sim::Config, session: cti::Config, inventory: DeviceList, began: Timestamp) -> Result<Self, LockstepError> {
        let credentials = Credentials::new(cluster.key_pem.as_deref(), cluster.nonce.clone())?;
        let password = cluster.accounts.first().map(|account| account.password.clone()).unwrap_or_default();
        let seconds = |s: u32| Duration::from_secs(s.into());
        // Half of the jitter is none: what is waited for is waited for exactly.
        let (first, max) = (seconds(session.retry.first), seconds(session.retry.max));
        let failover = Failover::new(session.manager_addresses()?, first, max, Box::new(|| 0.5));
        let status = Arc::new(Status::default());
        let session = Session::new(SessionId(0), session, Password::new(password), inventory, failover, Arc::clone(&status), began);
        let simulation = Simulation::new(cluster, credentials);
        Ok(Self { simulation, session, status, connection: None, began, now: Duration::ZERO })
    }

    /// How the session stands.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The time since the beginning.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The time of day.
    pub fn at(&self) -> Timestamp {
        Timestamp(self.began.0 + u64::try_from(self.now.as_micros()).unwrap_or(u64::MAX))
    }

    /// Goes on to the next moment at which anything is due, or to `limit`, and lets everything happen that can then. What the session
    /// finds is handed out.
    ///
    /// # Errors
    /// When one of the two sends what is not CTIQBE.
    pub fn step(&mut self, limit: Duration, mut observe: impl FnMut(Timestamp, &[Notice<'_>])) -> Result<(), DecodeError> {
        let due = [self.simulation.next_due(), self.session.deadline()].into_iter().flatten().filter(|due| *due > self.now);
        self.now = due.min().unwrap_or(limit).min(limit);
        self.simulation.advance(self.now);
        self.settle(&mut observe)
    }

    /// Lets everything happen that can without time going on.
    ///
    /// # Errors
    /// When one of the two sends what is not CTIQBE.
    pub fn settle(&mut self, observe: &mut impl FnMut(Timestamp, &[Notice<'_>])) -> Result<(), DecodeError> {
        loop {
            match self.session.plan(self.now) {
                Plan::Connect(_) => {
                    self.connection = Some(self.simulation.connect(ManagerId(0)));
                    self.session.connected(self.now);
                }
                Plan::Talk if self.exchange(observe)? => {}
                Plan::Talk => return Ok(()),
                Plan::Wait(_) | Plan::Finish => {
                    if let Some(connection) = self.connection.take() {
                        self.simulation.disconnect(connection);
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Moves what both have to say; whether that was anything.
    fn exchange(&mut self, observe: &mut impl FnMut(Timestamp, &[Notice<'_>])) -> Result<bool, DecodeError> {
        let Some(connection) = self.connection else { return Ok(false) };
        let mut asked = Vec::new();
        self.session.drain_to(&mut asked);
        self.simulation.receive(connection, &asked)?;
        let (mut told, mut closes) = (Vec::new(), false);
        self.simulation.take_output(|_, bytes, closing| (told, closes) = (bytes, closing));
        let mut findings = Vec::new();
        let mut rest = told.as_slice();
        while let Some(frame) = Frame::split(rest, FRAME_LIMIT)? {
            rest = rest.get(frame.len()..).unwrap_or_default();
            self.session.receive(self.now, frame, &mut findings);
        }
        self.session.tick(self.now, &mut findings);
        if closes {
            self.session.closed(self.now, &mut findings);
            self.simulation.disconnect(connection);
            self.connection = None;
        }
        let notices: Vec<Notice<'_>> = findings.iter().map(Finding::notice).collect();
        if !notices.is_empty() {
            observe(self.at(), &notices);
        }
        Ok(!asked.is_empty() || !told.is_empty() || closes)
    }
}
