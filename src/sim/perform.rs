//! Carries out the commands for features.

use super::cluster::{CallError, Consultation, Destination, LineId, Party, Pilot};
use super::config::PARTITION;
use super::control::CommandError;
use super::feature::Feature;
use super::simulation::Simulation;
use crate::ctiqbe::names::{CallReason, CallState, CallStateCause};

/// Who records.
const RECORDER: &str = "490001";

impl Simulation {
    /// Carries out a command for a feature; its answer.
    pub(super) fn perform(&mut self, feature: &Feature) -> Result<String, CommandError> {
        let connected = |simulation: &Self, device: &str| simulation.leg(device, |l| l.state == CallState::CONNECTED);
        let ringing = |simulation: &Self, device: &str| simulation.leg(device, super::cluster::Leg::rings);
        match feature {
            Feature::Transfer { device, to } => self.consult(device, to, Consultation::Transfer)?,
            Feature::Confer { device, to } => self.consult(device, to, Consultation::Conference)?,
            Feature::Complete { device } => self.cluster.complete(self.device(device)?)?,
            Feature::Abandon { device } => self.cluster.abandon(self.device(device)?)?,
            Feature::Blind { device, to } => {
                let (leg, to) = (connected(self, device)?, self.destination(to)?);
                self.cluster.transfer_blind(leg, &to)?;
            }
            Feature::Direct { device } => self.cluster.transfer_directly(self.device(device)?)?,
            Feature::Join { device } => self.cluster.join(self.device(device)?)?,
            Feature::Remove { device, party } => self.cluster.remove_party(self.device(device)?, party)?,
            Feature::Redirect { device, to } => {
                let (leg, to) = (ringing(self, device)?, self.destination(to)?);
                self.cluster.redirect(leg, &to, CallReason::REDIRECT)?;
            }
            Feature::Divert { device, to } => {
                let (leg, to) = (ringing(self, device)?, self.destination(to)?);
                self.cluster.redirect(leg, &to, CallReason::IMMEDIATEDIVERT)?;
            }
            Feature::NoAnswer { device } => {
                let leg = ringing(self, device)?;
                if !self.cluster.give_up_ringing(leg.call) {
                    return Err(CommandError::NotForwarded(device.clone()));
                }
            }
            Feature::Park { device } => {
                let leg = connected(self, device)?;
                return Ok(format!("parked {}", self.cluster.park(leg)?));
            }
            Feature::Unpark { device, number } => _ = self.cluster.retrieve(self.phone(device)?, number)?,
            Feature::Revert { number } => {
                let call = self.cluster.parked_at(number).ok_or(CallError::NotParked)?;
                self.cluster.revert_parked(call);
            }
            Feature::Release { number } => {
                let call = self.cluster.parked_at(number).ok_or(CallError::NotParked)?;
                self.cluster.clear(call, CallStateCause::NORMALCALLCLEARING);
            }
            Feature::Pickup { device, from } => _ = self.cluster.pick_up(self.phone(device)?, self.line_of(from)?)?,
            Feature::Forward { device, kind, to } => {
                let line = self.line_of(device)?;
                let to = to.as_ref().map(|to| self.destination(to)).transpose()?;
                self.cluster.set_forward(line, *kind, to);
            }
            Feature::Hunt { pilot, members, then } => {
                let members = members.iter().map(|member| self.line_of(member)).collect::<Result<Vec<LineId>, _>>()?;
                let forward = then.as_ref().map(|to| self.destination(to)).transpose()?;
                self.cluster.set_pilot(Pilot { number: pilot.clone(), partition: PARTITION.into(), members, forward });
            }
            Feature::Barge { device, conference } => self.cluster.barge(self.device(device)?, *conference)?,
            Feature::Privacy { device, on } => self.cluster.set_private(self.device(device)?, *on)?,
            Feature::Intercom { from, to } => _ = self.cluster.intercom(self.phone(from)?, self.line_of(to)?)?,
            Feature::TalkBack { device } => self.cluster.talk_back(self.device(device)?)?,
            Feature::Monitor { supervisor, agent } => _ = self.cluster.monitor(self.phone(supervisor)?, self.device(agent)?)?,
            Feature::Record { device, on } => {
                let leg = connected(self, device)?;
                self.cluster.record(leg, &Party::inside(RECORDER, "", PARTITION), *on)?;
            }
        }
        Ok("ok".into())
    }

    fn consult(&mut self, device: &str, to: &str, purpose: Consultation) -> Result<(), CommandError> {
        let leg = self.leg(device, |l| l.state == CallState::CONNECTED)?;
        let to = self.destination(to)?;
        let call = self.cluster.consult(leg, &to, purpose)?;
        self.limit_ringing(call);
        Ok(())
    }

    /// Who a command wants to be called.
    pub(super) fn destination(&self, name: &str) -> Result<Destination, CommandError> {
        if name.starts_with('+') {
            return Ok(Destination::Outside(Party::outside(name, "")));
        }
        if let Some(pilot) = self.cluster.find_pilot(name) {
            return Ok(Destination::Pilot(pilot));
        }
        let line = self.line_of(name).map_err(|_| CommandError::NoDestination(name.into()))?;
        Ok(Destination::Line(line))
    }
}
