//! Carries out commands on the simulation.

use std::time::Duration;

use super::cluster::{AccountId, AccountState, AppearanceId, CALL_MANAGER, CallError, Caller, Destination, DeviceId, Leg, LegKey, Party};
use super::control::{Command, CommandError, help};
use super::simulation::{ManagerId, Simulation};
use crate::ctiqbe::names::{CallState, CallStateCause, DeviceRegisteredReason, DeviceUnregisteredReason};

/// How long a phone is away while a user logs in or out by Extension Mobility.
const LOGIN_TIME: Duration = Duration::from_secs(1);
/// What `garbage` sends: long enough for a header, and none.
const GARBAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

impl Simulation {
    /// Carries out a command; its answer, of one or more lines.
    ///
    /// # Errors
    /// When it names something that there is not, or cannot be done now.
    pub fn execute(&mut self, command: &Command) -> Result<String, CommandError> {
        match command {
            Command::Help => return Ok(help()),
            Command::Status => return Ok(self.status()),
            Command::Sessions => return Ok(self.describe_sessions()),
            Command::Window { devices } => return self.count(*devices),
            Command::Ended => return Ok(self.ended()),
            Command::Feature(feature) => {
                let answer = self.perform(feature);
                self.deliver();
                return answer;
            }
            Command::Generate { on } => self.set_paused(!on),
            Command::Call { from, to, restricted } => {
                let destination = self.destination(to)?;
                self.place(Caller::Phone(self.phone(from)?, *restricted), destination)?;
            }
            Command::Busy { from, to } => {
                let destination = Destination::BusyLine(self.line_of(to)?);
                self.place(Caller::Phone(self.phone(from)?, false), destination)?;
            }
            Command::External { to, number, name, restricted } => {
                let party = Party::outside(number, name);
                let caller = Caller::Outside(if *restricted { party.restricted() } else { party });
                let destination = Destination::Line(self.line_of(to)?);
                self.place(caller, destination)?;
            }
            Command::Dial { from, number, name } => {
                let destination = Destination::Outside(Party::outside(number, name));
                self.place(Caller::Phone(self.phone(from)?, false), destination)?;
            }
            Command::Answer { device } => self.answer(device)?,
            Command::Hold { device } => {
                let leg = self.leg(device, |l| l.state == CallState::CONNECTED)?;
                self.cluster.hold(leg)?;
            }
            Command::Resume { device } => {
                let leg = self.leg(device, |l| l.state == CallState::ONHOLD)?;
                self.cluster.resume(leg)?;
            }
            Command::HangUp { device } => {
                let leg = self.leg(device, |l| !l.remote_in_use)?;
                self.cluster.hang_up(leg, CallStateCause::NORMALCALLCLEARING);
            }
            Command::Unregister { device } => {
                let id = self.device(device)?;
                self.cluster.unregister(id, DeviceUnregisteredReason::DEVICE_RESET);
            }
            Command::Register { device } => {
                let id = self.device(device)?;
                self.cluster.register(id, DeviceRegisteredReason::DEVICE_RESET);
            }
            Command::Login { device, user } => self.change_login(device, Some(user))?,
            Command::Logout { device } => self.change_login(device, None)?,
            Command::RestrictDevice { device, on } => {
                let id = self.device(device)?;
                self.cluster.restrict_device(id, *on);
            }
            Command::RestrictLine { device, on } => {
                let id = self.phone(device)?;
                self.cluster.restrict_line(id, *on);
            }
            Command::Lock { user } => self.set_account(user, AccountState::Locked)?,
            Command::Unlock { user } => self.set_account(user, AccountState::Usable)?,
            Command::Disable { user } => self.set_account(user, AccountState::Disabled)?,
            Command::Expire { user } => self.set_account(user, AccountState::Expired)?,
            Command::SuperRight { user, on } => {
                let id = self.account(user)?;
                self.cluster.set_super_right(id, *on);
            }
            Command::CtiEnabled { user, on } => {
                let id = self.account(user)?;
                self.cluster.set_cti_enabled(id, *on);
            }
            Command::Refuse { on, manager } => self.set_refusing(self.manager(*manager)?, *on),
            Command::Drop { manager } => self.drop_sessions(self.manager(*manager)?),
            Command::Heartbeats { on } => self.set_heartbeats(*on),
            Command::Garbage => self.send_garbage(GARBAGE),
            Command::Restart { manager, down } => {
                let manager = self.manager(Some(*manager))?;
                self.restart(manager, *down);
            }
            Command::RestartCluster { down } => {
                self.lose_calls();
                self.restart(None, *down);
            }
        }
        self.deliver();
        Ok("ok".into())
    }

    fn status(&self) -> String {
        let counters = self.cluster.counters();
        let generator = if self.generator.is_paused() { "paused" } else { "running" };
        format!(
            "calls started {} ended {} lost {} standing {} generator {generator}",
            counters.started,
            counters.ended,
            counters.lost,
            self.cluster.standing()
        )
    }

    fn describe_sessions(&self) -> String {
        let describe = |s: super::SessionInfo| {
            let state = if s.open { "open" } else { "opening" };
            format!("manager {} user {} {state} devices {} lines {}", s.manager.0, s.user.escape_debug(), s.devices, s.lines)
        };
        let sessions: Vec<_> = self.sessions().into_iter().map(describe).collect();
        if sessions.is_empty() { "no sessions".into() } else { sessions.join("; ") }
    }

    fn count(&mut self, devices: Option<(u32, u32)>) -> Result<String, CommandError> {
        if let Some((first, last)) = devices {
            let at = |number: u32| self.cluster.device_at(number).ok_or_else(|| CommandError::NoDevice(number.to_string()));
            let (first, last) = (at(first)?, at(last)?);
            self.cluster.open_window(first, last);
        }
        Ok(match self.cluster.window() {
            Some(window) => format!("window began {} ended {}", window.began, window.ended),
            None => "no window".into(),
        })
    }

    /// The numbers of the global calls that ended in the window, in order, as clients have them.
    fn ended(&self) -> String {
        let Some(window) = self.cluster.window() else { return "no window".into() };
        let mut calls = window.ended_calls().to_vec();
        calls.sort_unstable();
        let calls: Vec<String> = calls.iter().map(|call| format!("{call}/{CALL_MANAGER}")).collect();
        format!("ended {} {}", calls.len(), calls.join(" ")).trim_end().to_owned()
    }

    pub(super) fn device(&self, name: &str) -> Result<DeviceId, CommandError> {
        let by_number = || name.parse().ok().and_then(|number| self.cluster.device_at(number));
        let by_dn = || {
            let line = self.cluster.line(self.cluster.find_line(name)?);
            line.appearances.first().map(|id| self.cluster.appearance(*id).device)
        };
        let found = self.cluster.find_device(name).or_else(by_number).or_else(by_dn);
        found.ok_or_else(|| CommandError::NoDevice(name.into()))
    }

    /// A line of a device: the first, or the one after `/`.
    pub(super) fn phone(&self, name: &str) -> Result<AppearanceId, CommandError> {
        let (device, line) = name.split_once('/').unwrap_or((name, "1"));
        let at = line.parse::<usize>().ok().and_then(|line| line.checked_sub(1));
        let appearances = &self.cluster.device(self.device(device)?).appearances;
        at.and_then(|at| appearances.get(at)).copied().ok_or_else(|| CommandError::NoDevice(name.into()))
    }

    pub(super) fn line_of(&self, name: &str) -> Result<super::cluster::LineId, CommandError> {
        self.phone(name).map(|id| self.cluster.appearance(id).line)
    }

    fn account(&self, user: &str) -> Result<AccountId, CommandError> {
        self.cluster.find_account(user).ok_or_else(|| CommandError::NoUser(user.into()))
    }

    fn set_account(&mut self, user: &str, state: AccountState) -> Result<(), CommandError> {
        let id = self.account(user)?;
        self.cluster.set_account_state(id, state);
        Ok(())
    }

    fn manager(&self, manager: Option<ManagerId>) -> Result<Option<ManagerId>, CommandError> {
        match manager {
            Some(ManagerId(index)) if index >= self.manager_count() => Err(CommandError::NoManager(index)),
            manager => Ok(manager),
        }
    }

    pub(super) fn leg(&self, device: &str, wanted: impl Fn(&Leg) -> bool) -> Result<LegKey, CommandError> {
        let id = self.device(device)?;
        Ok(self.cluster.find_leg(id, wanted).ok_or(CallError::State)?)
    }

    fn place(&mut self, caller: Caller, destination: Destination) -> Result<(), CommandError> {
        let call = self.cluster.place(caller, &destination)?;
        self.limit_ringing(call);
        Ok(())
    }

    fn answer(&mut self, device: &str) -> Result<(), CommandError> {
        let ringing = self.leg(device, Leg::rings);
        let (key, leg) = match ringing {
            Ok(key) => (key, Some(key.leg)),
            Err(_) => (self.leg(device, |l| l.state == CallState::RINGBACK)?, None),
        };
        Ok(self.cluster.answer(key.call, leg)?)
    }

    fn change_login(&mut self, device: &str, user: Option<&String>) -> Result<(), CommandError> {
        let id = self.device(device)?;
        let reason = if user.is_some() { DeviceRegisteredReason::LOGIN } else { DeviceRegisteredReason::LOGOUT };
        self.cluster.change_login(id, user.cloned());
        self.register_later(id, LOGIN_TIME, reason);
        Ok(())
    }
}
