//! A flow over the wire without a wire: the simulated cluster and the session as machines, bytes between them, and a clock of our own.
//!
//! Everything between two moments takes no time, so that events have the times of the messages, exactly.

use std::sync::Arc;
use std::time::Duration;

use callcast::cti::credentials::Password;
use callcast::cti::inventory::DeviceList;
use callcast::cti::manager::Failover;
use callcast::cti::session::{Plan, Session};
use callcast::cti::{self, Finding, Notice, Observer, SessionId, SessionState, Status};
use callcast::ctiqbe::{FRAME_LIMIT, Frame};
use callcast::sim::credentials::Credentials;
use callcast::sim::simulation::{self, Simulation};
use callcast::sim::{Flow, ManagerId};
use callcast::time::Timestamp;
use serde_json::Value as Json;

use super::{Listener, PASSWORD, USER, cluster, inventory};

/// How often the gateway is told the time while nothing happens.
const STEP: Duration = Duration::from_millis(100);
/// How often devices are asked whose legs the gateway doubts.
const QUESTION: Duration = Duration::from_secs(5);
/// How long time goes on after the last message: calls may end late.
const AFTERWARDS: Duration = Duration::from_secs(15);
/// From the beginning of a session to its first message.
const OPENING: Duration = Duration::from_secs(1);
/// The time of day at which all flows begin.
const BEGAN: Timestamp = Timestamp(1_800_000_000_000_000);

struct Lockstep {
    simulation: Simulation,
    session: Session,
    connection: Option<simulation::SessionId>,
    status: Arc<Status>,
    listener: Listener,
    now: Duration,
}

/// What became of a flow.
pub struct Outcome {
    /// All events, from the first of the session.
    pub events: Vec<Json>,
    /// How the session stood at the end.
    pub state: SessionState,
}

/// Plays a flow to the end and beyond.
pub fn play(flow: &Flow) -> Outcome {
    let mut lockstep = Lockstep::new(flow);
    let last = flow.messages.last().map_or(Duration::ZERO, |message| message.at);
    lockstep.run(OPENING + last + AFTERWARDS);
    Outcome { events: lockstep.listener.events(), state: lockstep.status.summary().state }
}

impl Lockstep {
    fn new(flow: &Flow) -> Self {
        let config = cluster(flow);
        let credentials = Credentials::new(config.key_pem.as_deref(), None).unwrap();
        let mut session = cti::Config::new(vec!["cucm".into()], USER.into());
        session.pace.devices_per_second = 0;
        session.inventory.control_list_only = true;
        let seconds = |s: u32| Duration::from_secs(s.into());
        // Half of the jitter is none: what is waited for is waited for exactly.
        let (first, max) = (seconds(session.retry.first), seconds(session.retry.max));
        let failover = Failover::new(session.manager_addresses().unwrap(), first, max, Box::new(|| 0.5));
        let inventory = DeviceList::from_csv(&inventory(flow)).unwrap();
        let password = Password::new(PASSWORD.into());
        let status = Arc::new(Status::default());
        Self {
            simulation: Simulation::new(&config, credentials),
            session: Session::new(SessionId(0), session, password, inventory, failover, status.clone(), BEGAN),
            connection: None,
            status,
            listener: Listener::new(),
            now: Duration::ZERO,
        }
    }

    fn run(&mut self, until: Duration) {
        while self.now <= until {
            self.simulation.advance(self.now);
            self.settle();
            self.audit();
            let step = Duration::from_millis((self.now.as_millis() / STEP.as_millis() + 1) as u64 * STEP.as_millis() as u64);
            let due = [self.simulation.next_due(), self.session.deadline()].into_iter().flatten().filter(|due| *due > self.now);
            self.now = due.chain([step]).min().unwrap();
        }
    }

    /// Lets everything happen that can without time going on.
    fn settle(&mut self) {
        loop {
            match self.session.plan(self.now) {
                Plan::Connect(_) => {
                    self.connection = Some(self.simulation.connect(ManagerId(0)));
                    self.session.connected(self.now);
                }
                Plan::Talk => {
                    if !self.exchange() {
                        return;
                    }
                }
                Plan::Wait(_) | Plan::Finish => {
                    if let Some(connection) = self.connection.take() {
                        self.simulation.disconnect(connection);
                    }
                    return;
                }
            }
        }
    }

    /// Moves what both have to say; whether that was anything.
    fn exchange(&mut self) -> bool {
        let Some(connection) = self.connection else { return false };
        let mut asked = Vec::new();
        self.session.drain_to(&mut asked);
        assert_eq!(self.simulation.receive(connection, &asked).unwrap(), asked.len(), "a session sends whole frames");
        let (mut told, mut closes) = (Vec::new(), false);
        self.simulation.take_output(|_, bytes, closing| {
            told = bytes;
            closes = closing;
        });
        let mut findings = Vec::new();
        let mut rest = told.as_slice();
        while let Some(frame) = Frame::split(rest, FRAME_LIMIT).unwrap() {
            rest = &rest[frame.len()..];
            self.session.receive(self.now, frame, &mut findings);
        }
        assert!(rest.is_empty(), "the simulator sends whole frames");
        self.session.tick(self.now, &mut findings);
        if closes {
            self.session.closed(self.now, &mut findings);
            self.simulation.disconnect(connection);
            self.connection = None;
        }
        let notices: Vec<Notice<'_>> = findings.iter().map(Finding::notice).collect();
        if !notices.is_empty() {
            self.listener.gateway.observe(SessionId(0), self.at(), &notices);
        }
        !asked.is_empty() || !told.is_empty() || closes
    }

    /// What the auditor does while nothing comes from the cluster.
    fn audit(&mut self) {
        let gateway = &self.listener.gateway;
        gateway.advance(self.at());
        if self.now.as_millis().is_multiple_of(QUESTION.as_millis()) {
            let mut devices: Vec<Arc<str>> = gateway.doubts(self.at()).into_iter().map(|(_, device)| device).collect();
            devices.sort();
            self.session.ask_states(&devices);
            self.settle();
        }
    }

    fn at(&self) -> Timestamp {
        Timestamp(BEGAN.0 + u64::try_from(self.now.as_micros()).unwrap())
    }
}
