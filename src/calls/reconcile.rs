//! What a break left unknown, and legs that the cluster seems to have forgotten.
//!
//! A leg that a break parted from us waits until its line is open again: it goes on, or is closed as *unobserved*. A leg whose end was
//! never told is closed when its own device says that it is idle, asked for that if need be; never by its age.

use std::sync::Arc;

use crate::cti::{DeviceChange, LineChange, LineHandle, Notice, SessionId};
use crate::ctiqbe::names::DeviceState;
use crate::event::{LegState, Line};
use crate::time::Timestamp;

use super::clock::Doing;
use super::leg::{Leg, LegKey};
use super::legs::NewLeg;
use super::parted::Found;
use super::{CallModel, Output};

/// How long after the cluster says that a device is idle its legs have to be gone, in microseconds: order is not promised.
const GRACE: u64 = 2_000_000;
/// A leg that rings or is being dialled is asked about when nothing was heard of it for so long, in microseconds.
const QUIET_BEFORE_ANSWER: u64 = 180_000_000;
/// The same of one that talks or is held.
const QUIET: u64 = 3_600_000_000;
/// Devices that are doubted at a time.
const AT_ONCE: usize = 100;

impl CallModel {
    pub(super) fn session_notice(&mut self, session: SessionId, notice: &Notice<'_>, out: &mut Output<'_>) {
        // Which legs a device has is known before it is told that it is gone.
        let parting = match notice {
            Notice::Lost { .. } => self.legs_of_session(session),
            Notice::Line { line, change: LineChange::OutOfService(_) | LineChange::Closed } => {
                self.legs_at(session, &line.device.name, Some((&line.dn, &line.partition)))
            }
            Notice::Device {
                device,
                change: DeviceChange::OutOfService(_) | DeviceChange::Unregistered(_) | DeviceChange::Removed | DeviceChange::Refused { .. },
            } => self.legs_at(session, &device.name, None),
            _ => Vec::new(),
        };
        self.sessions.tell(session, notice, out);
        self.part(parting, out.at);
        match notice {
            Notice::Line { line, change: LineChange::Opened(_) } => self.adopt(session, line),
            Notice::Line { line, change: LineChange::Refused { .. } } => {
                self.give_up(session, &line.device.name, Some((&line.dn, &line.partition)), out);
            }
            Notice::Device { device, change: DeviceChange::Removed | DeviceChange::Refused { .. } } => {
                self.give_up(session, &device.name, None, out);
            }
            Notice::Device { device, change: DeviceChange::State { state, asked } } => {
                self.device_state(session, &device.name, *state, *asked, out);
            }
            Notice::Resynced { .. } => {
                let open = self.sessions.open_parted(session);
                self.close_unobserved(open, out);
                self.heard(session, out);
            }
            _ => {}
        }
    }

    /// In the order of their handles, so that the same input gives the same events.
    fn legs_of_session(&self, session: SessionId) -> Vec<LegKey> {
        let mut legs: Vec<LegKey> = self.legs.keys().filter(|key| key.session == session).copied().collect();
        legs.sort_unstable_by_key(|key| (key.line.call_manager, key.line.line, key.leg));
        legs
    }

    fn legs_at(&self, session: SessionId, device: &str, line: Option<(&str, &str)>) -> Vec<LegKey> {
        let here = |leg: &Leg| line.is_none_or(|(dn, partition)| leg.line.dn == dn && leg.line.partition == partition);
        let on_device = self.sessions.legs_on(session, device).iter();
        on_device.filter(|key| self.legs.get(key).is_some_and(here)).copied().collect()
    }

    /// Legs that are no longer observed: they wait to be found again.
    fn part(&mut self, parting: Vec<LegKey>, at: Timestamp) {
        for key in parting {
            if let Some(mut leg) = self.legs.remove(&key) {
                leg.clock.hide(at);
                if let Some(call) = self.calls.get_mut(&leg.call) {
                    call.hide(at, leg.state);
                }
                self.sessions.left(key, &leg.line);
                self.sessions.keep(key, leg);
            }
        }
    }

    /// An existing call that is a leg from before the break.
    pub(super) fn found_again(&mut self, new: &NewLeg<'_>, candidate: &Leg, out: &mut Output<'_>) -> bool {
        if !new.recovered {
            return false;
        }
        let Leg { direction, state, ref parties, .. } = *candidate;
        let found = Found { global_call: new.global_call, direction, state, parties };
        let Some((old_key, mut leg)) = self.sessions.take_parted(new.key, &found) else { return false };
        self.supersede(new.key, out);
        let meanwhile = leg.clock.show(out.at, Doing::of(candidate.state));
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.rename(old_key, new.key, &candidate.line);
            // What it does now it is told of next.
            call.show(out.at, leg.state, meanwhile);
        }
        leg.line = Arc::clone(&candidate.line);
        leg.recovered = true;
        let revived = std::mem::take(&mut leg.revived);
        if revived {
            (leg.origin, leg.ends, leg.site) = (candidate.origin, candidate.ends, candidate.site);
        }
        self.sessions.joined(new.key, &leg.line);
        self.legs.insert(new.key, leg);
        let told = out.events.len();
        if revived {
            self.consults_again(new.key);
        }
        self.told_again(new, out);
        if revived {
            self.tell_revived(new.key, told, out);
        }
        true
    }

    /// A key names a new leg: the one that it named before a break is over. So a key never names two legs.
    pub(super) fn supersede(&mut self, key: LegKey, out: &mut Output<'_>) {
        if let Some(leg) = self.sessions.parted_as(key) {
            self.close_unobserved(vec![(key, leg)], out);
        }
    }

    /// All calls that stand on a line were told: a leg that was not among them is over.
    pub(super) fn existing_calls_told(&mut self, session: SessionId, handle: LineHandle, out: &mut Output<'_>) {
        let gone = self.sessions.parted_on(session, handle);
        self.close_unobserved(gone, out);
    }

    /// A device or line that will not come back: its legs are over, as far as can be known.
    fn give_up(&mut self, session: SessionId, device: &str, line: Option<(&str, &str)>, out: &mut Output<'_>) {
        let gone = self.sessions.parted_at(session, device, line);
        self.close_unobserved(gone, out);
    }

    pub(super) fn close_unobserved(&mut self, legs: Vec<(LegKey, Leg)>, out: &mut Output<'_>) {
        for (key, leg) in legs {
            if let Some(call) = self.calls.get_mut(&leg.call) {
                call.show(out.at, leg.state, 0);
            }
            self.legs.insert(key, leg);
            self.lose_leg(key, out);
        }
    }

    /// The cluster says what a device does. One that is idle has no leg: what we know of is forgotten by the cluster, unless its end is
    /// still on the way. So only the answer to a question closes legs, and only those of which nothing was heard since before it.
    fn device_state(&mut self, session: SessionId, device: &str, state: DeviceState, asked: bool, out: &mut Output<'_>) {
        let Some(doubt) = self.sessions.doubt_mut(session, device) else { return };
        if state != DeviceState::IDLE {
            doubt.idle_since = None;
            return;
        }
        doubt.idle_since.get_or_insert(out.at);
        if !asked {
            return;
        }
        let forgotten: Vec<LegKey> =
            self.legs_at(session, device, None).into_iter().filter(|key| self.is_forgotten(*key, out.at)).collect();
        for key in forgotten {
            self.lose_leg(key, out);
        }
    }

    /// Whether a leg on a device that is idle is none any more.
    fn is_forgotten(&self, key: LegKey, at: Timestamp) -> bool {
        let Some(leg) = self.legs.get(&key).filter(|leg| leg.touched.0 + GRACE <= at.0) else { return false };
        // A device whose shared line is in use elsewhere is idle, and the leg stands as long as somebody talks on that line.
        let in_use = |(other, line): &(LegKey, Arc<Line>)| {
            *other != key && line.dn == leg.line.dn && self.legs.get(other).is_some_and(|l| l.state != LegState::RemoteInUse)
        };
        leg.state != LegState::RemoteInUse || !self.calls.get(&leg.call).is_some_and(|call| call.legs.iter().any(in_use))
    }

    /// Devices to be asked for their state: the cluster says that they are idle while legs are up on them, or nothing was heard of a leg
    /// for long. Each is asked again after a while. At most a hundred at a time.
    pub fn doubts(&mut self, at: Timestamp) -> Vec<(SessionId, Arc<str>)> {
        let legs = &self.legs;
        let quiet = |key: &LegKey| {
            legs.get(key).is_some_and(|leg| {
                let talks = matches!(leg.state, LegState::Connected | LegState::Held | LegState::RemoteInUse);
                leg.touched.0 + if talks { QUIET } else { QUIET_BEFORE_ANSWER } <= at.0
            })
        };
        let mut doubted = Vec::new();
        for (session, device, keys, doubt) in self.sessions.devices_with_legs() {
            let idle = doubt.idle_since.is_some_and(|since| since.0 + GRACE <= at.0);
            let again = if idle { GRACE } else { QUIET_BEFORE_ANSWER };
            let may_ask = doubt.asked.is_none_or(|asked| asked.0 + again <= at.0);
            if may_ask && (idle || keys.iter().any(quiet)) {
                doubt.asked = Some(at);
                doubted.push((session, Arc::clone(device)));
                if doubted.len() >= AT_ONCE {
                    break;
                }
            }
        }
        doubted
    }
}
