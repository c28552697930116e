//! One CTI session as a machine without clock or socket: connections, frames and time in; bytes, deadlines and findings out.
//!
//! It logs in (`login.rs`), keeps the provider's devices open (`provider.rs`), and when the session
//! ends it decides which CTIManager is tried next, and when. Time is a duration since the session's task began.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::connect::ConnectError;
use super::conversation::{Conversation, Request};
use super::credentials::Password;
use super::dispatch;
use super::heartbeat::Heartbeats;
use super::inventory::DeviceList;
use super::manager::{Failover, ManagerAddress};
use super::occurrence::Occurrence;
use super::provider::{Awaited, Context, Provider};
use super::refusal::{Refusal, RefusalKind, of_provider_close};
use super::status::{SessionState, Status};
use super::{Config, Finding, LineHandle, SessionId, asked};
use crate::ctiqbe::login::LoginError;
use crate::ctiqbe::messages::*;
use crate::ctiqbe::names::{CtiFailure, ProviderCloseReason};
use crate::ctiqbe::{DecodeError, Frame, Message, Side, VERSION_11_5, schema};
use crate::time::Timestamp;

/// Why a session ended, or could not be opened.
#[derive(Debug, Error)]
pub enum Ending {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// CTIManager refused the login, or took a right away.
    #[error("{0}")]
    Refused(Refusal),
    /// The stream is not CTIQBE (any more).
    #[error("{0}")]
    Decode(#[from] DecodeError),
    /// The password could not be sealed for CTIManager's certificate.
    #[error("the login cannot be encrypted: {0}; is this a CTIManager?")]
    Login(#[from] LoginError),
    /// A message that the login cannot do without has fields that cannot be read.
    #[error("{message} cannot be read ({fault}), and there is no session without it")]
    Unreadable {
        /// The message.
        message: &'static str,
        /// What is wrong with it.
        fault: DecodeError,
    },
    /// CTIManager is dead.
    #[error("ctimanager has been silent for {seconds} s, which is more than two of its heartbeats")]
    Silent {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// A request that everything depends on was not answered.
    #[error("ctimanager did not answer {request:?} in time{hint}")]
    NoAnswer {
        /// The request.
        request: Request,
        /// What to look at.
        hint: &'static str,
    },
    /// CTIManager closed the provider.
    #[error("ctimanager closed the provider: {0}")]
    ProviderClosed(ProviderCloseReason),
    /// The connection was closed.
    #[error("the connection was closed by the other side{hint}")]
    Closed {
        /// What to look at.
        hint: &'static str,
    },
    /// The connection broke.
    #[error("the connection broke: {error}{hint}")]
    Broken {
        /// How.
        error: String,
        /// What to look at.
        hint: &'static str,
    },
    /// We were told to end it.
    #[error("callcast ends")]
    Shutdown,
}

impl Ending {
    /// Whether the user's credentials were refused: a retry would count towards the lock-out of the account.
    pub fn is_credentials(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind() == RefusalKind::Credentials)
    }

    fn is_protocol_version(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind() == RefusalKind::Protocol)
    }
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing until then. A connection that is still there is closed.
    Wait(Duration),
    /// Connect to this CTIManager.
    Connect(ManagerAddress),
    /// Move bytes both ways.
    Talk,
    /// Send what is left, close the connection and end.
    Finish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting { until: Duration },
    Connecting,
    LoggingIn,
    Open { since: Duration },
    Finished,
}

/// The machine.
pub struct Session {
    pub(super) id: SessionId,
    pub(super) config: Config,
    pub(super) password: Password,
    pub(super) status: Arc<Status>,
    pub(super) talk: Conversation,
    pub(super) provider: Provider,
    pub(super) heartbeats: Option<Heartbeats>,
    pub(super) phase: Phase,
    pub(super) version: u32,
    /// The cluster's id, from the completion of the login.
    pub(super) cluster: Arc<str>,
    failover: Failover,
    /// The CTIManager that the provider was last open with.
    last_manager: Option<Arc<str>>,
    began: Timestamp,
}

impl Session {
    /// A session that will connect at once. `began` is the time of day at the zero of all durations.
    pub fn new(
        id: SessionId,
        config: Config,
        credentials: Password,
        inventory: DeviceList,
        failover: Failover,
        status: Arc<Status>,
        began: Timestamp,
    ) -> Self {
        Self {
            id,
            provider: Provider::new(id, &config, inventory, status.clone()),
            password: credentials,
            status,
            talk: Conversation::default(),
            heartbeats: None,
            phase: Phase::Connecting,
            version: config.protocol_version,
            cluster: "".into(),
            failover,
            last_manager: None,
            began,
            config,
        }
    }

    /// What the driver has to do now.
    pub fn plan(&mut self, now: Duration) -> Plan {
        if let Phase::Waiting { until } = self.phase {
            if now < until {
                return Plan::Wait(until);
            }
            self.phase = Phase::Connecting;
        }
        match (self.phase, self.failover.current()) {
            (Phase::Connecting, Some(manager)) => {
                let label = manager.label.clone();
                self.status.update(|s| (s.state, s.manager) = (SessionState::Connecting, Some(label)));
                Occurrence::Connecting { address: &manager.to_string() }.emit(self.id);
                Plan::Connect(manager.clone())
            }
            (Phase::LoggingIn | Phase::Open { .. }, _) => Plan::Talk,
            (Phase::Waiting { .. } | Phase::Connecting | Phase::Finished, _) => Plan::Finish,
        }
    }

    /// The CTIManager in use, or to be tried.
    pub(super) fn manager(&self) -> Option<&ManagerAddress> {
        self.failover.current()
    }

    fn manager_label(&self) -> Arc<str> {
        self.manager().map_or_else(|| "".into(), |m| m.label.clone())
    }

    /// How it stands.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Whether bytes are to be moved.
    pub fn is_talking(&self) -> bool {
        matches!(self.phase, Phase::LoggingIn | Phase::Open { .. })
    }

    /// Moves the bytes that shall be sent to the end of `to`.
    pub fn drain_to(&mut self, to: &mut Vec<u8>) {
        self.talk.drain_to(to);
    }

    /// When [`tick`](Self::tick) is due, if nothing comes before.
    pub fn deadline(&mut self) -> Option<Duration> {
        let request = self.talk.deadline();
        let heartbeat = self.heartbeats.map(|beats| beats.deadline());
        let provider = self.provider.deadline(self.talk.in_flight());
        [request, heartbeat, provider].into_iter().flatten().min()
    }

    /// The connection stands: begins the login.
    pub fn connected(&mut self, now: Duration) {
        self.talk.restart(self.version);
        self.heartbeats = None;
        self.phase = Phase::LoggingIn;
        self.status.set_state(SessionState::LoggingIn);
        self.send_init(now);
    }

    pub(super) fn context<'c, 'f>(talk: &'c mut Conversation, findings: &'c mut Vec<Finding<'f>>, now: Duration) -> Context<'c, 'f> {
        Context { now, talk, findings }
    }

    /// A frame came. All frames of one read share `now`; [`tick`](Self::tick) follows the last of them.
    #[inline]
    pub fn receive<'f>(&mut self, now: Duration, frame: Frame<'f>, findings: &mut Vec<Finding<'f>>) {
        if !self.is_talking() {
            return; // the session ended with an earlier frame of the same read
        }
        self.status.count(frame.id);
        if let Some(beats) = &mut self.heartbeats {
            beats.heard(now);
        }
        if asked::is_about_calls(frame.id) {
            self.about_calls(now, frame, findings);
        } else if let Err(fault) = self.control(now, &frame, findings) {
            self.malformed(now, frame.id, fault, findings);
        }
    }

    #[inline]
    fn about_calls<'f>(&mut self, now: Duration, frame: Frame<'f>, findings: &mut Vec<Finding<'f>>) {
        if self.provider.resync.is_some()
            && let Ok(event) = frame.decode::<ExistingCallCompletedEvent>()
        {
            let handle = LineHandle { call_manager: event.line_call_manager_id, line: event.line_id };
            self.provider.no_longer_awaited(Awaited::Calls(handle));
            self.provider.progress(now);
        }
        findings.push(Finding::Message(frame));
    }

    fn malformed(&mut self, now: Duration, id: u32, fault: DecodeError, findings: &mut Vec<Finding<'_>>) {
        let message = schema::message(id).map_or("", |m| m.name());
        if self.status.count_malformed(id) {
            Occurrence::Malformed { message, fault: &fault }.emit(self.id);
        }
        if self.phase == Phase::LoggingIn {
            self.end(now, Ending::Unreadable { message, fault }, findings);
        }
    }

    /// Messages about the session, devices and lines. Those that nothing is done about are only counted.
    fn control(&mut self, now: Duration, frame: &Frame<'_>, findings: &mut Vec<Finding<'_>>) -> Result<(), DecodeError> {
        if self.phase == Phase::LoggingIn {
            return self.login_message(now, frame, findings);
        }
        self.provider.progress(now);
        match frame.id {
            ProviderClosedEvent::ID => {
                let reason = frame.decode::<ProviderClosedEvent>()?.reason;
                self.provider_closed(now, reason, findings);
            }
            FailureResponse::ID => {
                let failure = frame.decode::<FailureResponse<'_>>()?;
                if let Some(request) = self.talk.answered(failure.sequence_number) {
                    self.failed(now, request, failure.result, findings);
                }
            }
            ProviderGetAllDevicesAndLinesResponse::ID | ProviderGetSingleDeviceAndLinesResponse::ID => {
                let (sequence, result) = answer(frame)?;
                self.partly_answered(now, sequence, result, findings);
            }
            ProviderGetAllDevicesAndLinesCompletedEvent::ID | ProviderGetSingleDeviceAndLinesCompletedEvent::ID => {
                let (sequence, result) = answer(frame)?;
                self.completed(now, sequence, result, findings);
            }
            _ => {
                let cx = &mut Self::context(&mut self.talk, findings, now);
                return dispatch::devices_message(&mut self.provider, cx, frame);
            }
        }
        Ok(())
    }

    /// A request that is answered by a response and then completed by an event.
    fn partly_answered(&mut self, now: Duration, sequence: i32, result: CtiFailure, findings: &mut Vec<Finding<'_>>) {
        if result.is_ok() {
            return self.talk.renew(sequence, self.provider.deadline_of_request(now));
        }
        self.completed(now, sequence, result, findings);
    }

    fn completed(&mut self, now: Duration, sequence: i32, result: CtiFailure, findings: &mut Vec<Finding<'_>>) {
        match self.talk.answered_if(sequence, |r| matches!(r, Request::List | Request::Describe(_))) {
            Some(Request::List) if result.is_ok() => self.provider.listed(&mut Self::context(&mut self.talk, findings, now)),
            Some(Request::Describe(name)) => {
                self.provider.described(&mut Self::context(&mut self.talk, findings, now), &name, result);
            }
            Some(request) => self.failed(now, request, result, findings),
            None => {}
        }
    }

    /// A request was refused, or not answered in time.
    pub(super) fn failed(&mut self, now: Duration, request: Request, result: CtiFailure, findings: &mut Vec<Finding<'_>>) {
        match request {
            Request::Init | Request::Open | Request::Capabilities | Request::List => {
                let ending = if result == CtiFailure::TIMEOUT {
                    let hint = if request == Request::Init { "; is this the port of a CTIManager (2748, or 2749 with TLS)?" } else { "" };
                    Ending::NoAnswer { request, hint }
                } else {
                    Ending::Refused(Refusal::of_session(result, String::new()))
                };
                self.end(now, ending, findings);
            }
            _ => self.provider.failed(&mut Self::context(&mut self.talk, findings, now), &request, result),
        }
    }

    pub(super) fn provider_closed(&mut self, now: Duration, reason: ProviderCloseReason, findings: &mut Vec<Finding<'_>>) {
        let ending = match of_provider_close(reason) {
            Some(result) => Ending::Refused(Refusal::of_session(result, reason.to_string())),
            None => Ending::ProviderClosed(reason),
        };
        self.end(now, ending, findings);
    }

    /// The login is complete: devices follow.
    pub(super) fn opened(&mut self, now: Duration, capabilities: &ProviderCapabilitiesInfo, findings: &mut Vec<Finding<'_>>) {
        let manager = self.manager_label();
        self.phase = Phase::Open { since: now };
        let control_any_device = capabilities.control_any_device;
        let device_limit = capabilities.max_number_of_devices_open;
        Occurrence::Connected { manager: &manager, cluster: &self.cluster, control_any_device, device_limit }.emit(self.id);
        findings.push(Finding::Connected { manager: manager.clone(), cluster: self.cluster.clone() });
        let former = self.last_manager.replace(manager.clone());
        self.status.update(|s| {
            s.state = SessionState::Opening;
            s.cluster = Some(self.cluster.clone());
            s.reconnects += u64::from(former.is_some());
        });
        if let Some(from) = former.filter(|from| *from != manager) {
            findings.push(Finding::FailedOver { from, to: manager });
        }
        self.provider.begin(&mut Self::context(&mut self.talk, findings, now), control_any_device, device_limit);
    }

    /// What is due is done: heartbeats, requests that were not answered, devices that the pace allows.
    pub fn tick(&mut self, now: Duration, findings: &mut Vec<Finding<'_>>) {
        if !self.is_talking() {
            return;
        }
        if let Some(beats) = &mut self.heartbeats {
            if let Some(silence) = beats.dead(now) {
                return self.end(now, Ending::Silent { seconds: silence.as_secs() }, findings);
            }
            if beats.due(now) {
                self.talk.heartbeat();
            }
        }
        while let Some(request) = self.talk.expired(now) {
            self.failed(now, request, CtiFailure::TIMEOUT, findings);
        }
        if matches!(self.phase, Phase::Open { .. }) {
            self.provider.tick(&mut Self::context(&mut self.talk, findings, now));
        }
    }

    /// The connection could not be made, was closed, broke, or brought what is not CTIQBE.
    pub fn disconnected(&mut self, now: Duration, ending: Ending, findings: &mut Vec<Finding<'_>>) {
        if self.is_talking() || self.phase == Phase::Connecting {
            self.end(now, ending, findings);
        }
    }

    /// The other side closed the connection.
    pub fn closed(&mut self, now: Duration, findings: &mut Vec<Finding<'_>>) {
        let hint = self.hint();
        self.disconnected(now, Ending::Closed { hint }, findings);
    }

    /// The connection broke.
    pub fn broken(&mut self, now: Duration, error: std::io::Error, findings: &mut Vec<Finding<'_>>) {
        // What breaks a TLS connection may be that our certificate was not accepted.
        let (error, hint) = if self.config.tls.is_some() { (super::tls::explain(&error), "") } else { (error.to_string(), self.hint()) };
        self.disconnected(now, Ending::Broken { error, hint }, findings);
    }

    /// Before the login was answered the cause is often the wrong port.
    fn hint(&self) -> &'static str {
        match (self.phase, &self.config.tls) {
            (Phase::LoggingIn, None) => {
                ", before the login was complete; is this the port of a CTIManager in the clear (2748), or is it 2749, which needs the table `tls`?"
            }
            (Phase::LoggingIn, Some(_)) => ", before the login was complete; is this the port of a CTIManager with TLS (2749)?",
            _ => "",
        }
    }

    pub(super) fn end(&mut self, now: Duration, ending: Ending, findings: &mut Vec<Finding<'_>>) {
        let manager = self.manager_label();
        if let Phase::Open { since } = self.phase {
            self.failover.lasted(now.saturating_sub(since));
            findings.push(Finding::Lost { manager: manager.clone(), reason: ending.to_string() });
        }
        self.provider.lost();
        self.heartbeats = None;
        let older = ending.is_protocol_version() && self.version != VERSION_11_5;
        let wait = if ending.is_credentials() {
            // Neither the next CTIManager: they share the count of failed logins.
            Duration::from_secs(self.config.retry.credentials_pause.into())
        } else if older {
            self.version = VERSION_11_5;
            Occurrence::OlderProtocol { version: self.version }.emit(self.id);
            Duration::ZERO
        } else {
            if ending.is_protocol_version() {
                self.version = self.config.protocol_version;
            }
            self.failover.failed()
        };
        Occurrence::Ended { manager: &manager, ending: &ending, retry_in: wait }.emit(self.id);
        let until = now + wait;
        self.phase = Phase::Waiting { until };
        let until_at = Timestamp(self.began.0.saturating_add(u64::try_from(until.as_micros()).unwrap_or(u64::MAX)));
        self.status.set_state(SessionState::Waiting { reason: ending.to_string(), until: until_at });
    }

    /// The inventory and the password were read again. A session that waits tries again at once.
    pub fn reload(&mut self, now: Duration, inventory: DeviceList, password: Password, findings: &mut Vec<Finding<'_>>) {
        Occurrence::Reloaded { devices: inventory.len() }.emit(self.id);
        self.password = password;
        let talking = matches!(self.phase, Phase::Open { .. });
        self.provider.reload(&mut Self::context(&mut self.talk, findings, now), inventory, talking);
        if let Phase::Waiting { .. } = self.phase {
            self.phase = Phase::Waiting { until: now };
        }
    }

    /// Asks for the states of those of these devices that are open; [`tick`](Self::tick) sends the questions. The answers come as
    /// [`DeviceChange::State`](super::DeviceChange), `asked`. A session that is not in service drops the question: it may be put again.
    pub fn ask_states(&mut self, devices: &[Arc<str>]) {
        if matches!(self.phase, Phase::Open { .. }) {
            self.provider.ask_states(devices);
        }
    }

    /// Ends the session in good order: CTIManager is told.
    pub fn shut_down(&mut self, now: Duration, findings: &mut Vec<Finding<'_>>) {
        if let Phase::Open { .. } = self.phase {
            let manager = self.manager_label();
            findings.push(Finding::Lost { manager, reason: Ending::Shutdown.to_string() });
            let deadline = self.provider.deadline_of_request(now);
            self.talk.ask(Request::Release, deadline, |sequence_number| ProviderCloseRequest { sequence_number });
        }
        self.provider.lost();
        self.phase = Phase::Finished;
        self.status.set_state(SessionState::Stopped);
    }
}

/// What all responses, and the events that complete a request, begin with.
fn answer(frame: &Frame<'_>) -> Result<(i32, CtiFailure), DecodeError> {
    let mut reader = frame.reader(Side::Server);
    Ok((reader.int()?, CtiFailure(reader.int()?)))
}

#[cfg(test)]
mod tests;
