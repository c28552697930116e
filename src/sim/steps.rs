//! What becomes of a generated call, step by step. A step that meets a feature draws what it needs then, and plans what follows.

use std::time::Duration;

use super::cluster::{CallError, CallKey, Cluster, Consultation, Destination, DeviceId, ForwardKind, Leg, LegKey};
use super::generator::{Generator, Plan, first_line};
use crate::ctiqbe::names::{CallState, CallStateCause, DeviceState};

/// Something that happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The called side answers.
    Answer,
    /// A side puts the other on hold.
    Hold,
    /// It resumes.
    Resume,
    /// A side hangs up.
    HangUp,
    /// The cluster gives up: nobody answered.
    NoAnswer,
    /// A side consults somebody, to hand the other over.
    Transfer,
    /// A side consults somebody, to make a conference.
    Confer,
    /// Who consults does what the consultation is for.
    Complete,
    /// Who consults goes back to the call on hold.
    Abandon,
    /// A side hands the other over unasked.
    Blind,
    /// Somebody leaves a conference.
    Leave,
    /// A side parks the other.
    Park,
    /// Somebody retrieves who is parked.
    Retrieve,
    /// Who is parked rings where it was parked.
    Revert,
    /// Another phone takes what rings.
    PickUp,
    /// The line that rings forwards the call, because nobody answers.
    ForwardNoAnswer,
    /// The next member of the hunt pilot rings.
    HuntOn,
}

/// How long whoever has to think before pressing the next key.
const THOUGHT: Duration = Duration::from_secs(1);

impl Generator {
    /// Takes a step of a call; what follows from it. A call that has gone another way meanwhile is left alone, or ends as it would have.
    pub fn take(&mut self, step: Step, call: CallKey, cluster: &mut Cluster) -> Plan {
        let followed = match step {
            Step::Transfer => self.consult(call, cluster, Consultation::Transfer),
            Step::Confer => self.consult(call, cluster, Consultation::Conference),
            Step::Blind => self.blind(call, cluster),
            Step::Park => self.park(call, cluster),
            Step::Retrieve => self.retrieve(call, cluster),
            Step::PickUp => self.pick_up(call, cluster),
            Step::Leave => {
                self.leave(call, cluster);
                Ok(vec![])
            }
            Step::ForwardNoAnswer => {
                self.forward_no_answer(call, cluster);
                Ok(vec![])
            }
            plain => {
                // A call that was hung up, held or answered on demand goes its own way.
                let _ = take_plain(plain, call, cluster);
                Ok(vec![])
            }
        };
        // What was to end by the feature has to end without it.
        followed.unwrap_or_else(|_| vec![(self.talk(), call, Step::HangUp)])
    }

    fn consult(&mut self, call: CallKey, cluster: &mut Cluster, purpose: Consultation) -> Result<Plan, CallError> {
        let controller = with_state(cluster, call, CallState::CONNECTED)?;
        let device = device_of(cluster, controller);
        let to = self.third_party(cluster, device).ok_or(CallError::Busy)?;
        let consulting = cluster.consult(controller, &to, purpose)?;
        let (ring, thought, talk) = (self.ringing(), self.ringing(), self.talk());
        let (style, done) = (self.random.f64(), ring + thought);
        let mut plan = match style {
            // Only a transfer can be completed before somebody answers.
            ..0.15 if purpose == Consultation::Transfer => vec![(ring / 2, consulting, Step::Complete), (ring, call, Step::Answer)],
            ..0.25 => vec![(ring, consulting, Step::Answer), (done, consulting, Step::Abandon)],
            _ => vec![(ring, consulting, Step::Answer), (done, consulting, Step::Complete)],
        };
        match purpose {
            Consultation::Conference if style > 0.85 => plan.push((done + talk / 2, call, Step::Confer)),
            Consultation::Conference => plan.extend([(done + talk / 2, call, Step::Leave), (done + talk, call, Step::HangUp)]),
            Consultation::Transfer => plan.push((done + talk, call, Step::HangUp)),
        }
        // If it has not merged into the other by then.
        plan.push((done + THOUGHT, consulting, Step::HangUp));
        Ok(plan)
    }

    fn blind(&mut self, call: CallKey, cluster: &mut Cluster) -> Result<Plan, CallError> {
        let controller = with_state(cluster, call, CallState::CONNECTED)?;
        let device = device_of(cluster, controller);
        let to = self.third_party(cluster, device).ok_or(CallError::Busy)?;
        cluster.transfer_blind(controller, &to)?;
        Ok(self.answered(call))
    }

    /// Rings again, is answered and ends.
    fn answered(&mut self, call: CallKey) -> Plan {
        let (ring, talk) = (self.ringing(), self.talk());
        vec![(ring, call, Step::Answer), (ring + talk, call, Step::HangUp)]
    }

    fn park(&mut self, call: CallKey, cluster: &mut Cluster) -> Result<Plan, CallError> {
        cluster.park(with_state(cluster, call, CallState::CONNECTED)?)?;
        let wait = self.ringing();
        let then = self.random.f64();
        Ok(match then {
            ..0.15 => vec![(wait, call, Step::HangUp)],
            ..0.3 => {
                let answered = self.answered(call).into_iter().map(|(after, call, step)| (wait + after, call, step));
                std::iter::once((wait, call, Step::Revert)).chain(answered).collect()
            }
            _ => vec![(wait, call, Step::Retrieve)],
        })
    }

    fn retrieve(&mut self, call: CallKey, cluster: &mut Cluster) -> Result<Plan, CallError> {
        let number = cluster.park_number_of(call).ok_or(CallError::NotParked)?;
        let at = self.draw(cluster, None, false).and_then(|device| first_line(cluster, device)).ok_or(CallError::Busy)?;
        // The call that they are in may be another.
        let call = cluster.retrieve(at, &number)?;
        Ok(vec![(self.talk(), call, Step::HangUp)])
    }

    fn pick_up(&mut self, call: CallKey, cluster: &mut Cluster) -> Result<Plan, CallError> {
        let ringing = cluster.legs(call).into_iter().find(Leg::rings).ok_or(CallError::State)?;
        let from = cluster.appearance(ringing.appearance);
        let at = self.draw(cluster, Some(from.device), false).and_then(|device| first_line(cluster, device)).ok_or(CallError::Busy)?;
        // Another call may ring there too, and be the one that is taken.
        let taken = cluster.pick_up(at, from.line)?;
        // With auto pickup it is answered already.
        let talk = self.talk();
        let own = (taken != call).then(|| self.answered(call));
        let mut plan = vec![(THOUGHT, taken, Step::Answer), (THOUGHT + talk, taken, Step::HangUp)];
        plan.extend(own.into_iter().flatten());
        Ok(plan)
    }

    fn leave(&mut self, call: CallKey, cluster: &mut Cluster) {
        let up: Vec<i32> = cluster.legs(call).iter().filter(|l| l.is_up()).map(|l| l.id).collect();
        if let (true, Some(leg)) = (up.len() > 2, self.random.choice(&up)) {
            cluster.hang_up(LegKey { call, leg: *leg }, CallStateCause::NORMALCALLCLEARING);
        }
    }

    fn forward_no_answer(&mut self, call: CallKey, cluster: &mut Cluster) {
        let Some(ringing) = cluster.legs(call).into_iter().find(Leg::rings) else { return };
        let line = cluster.appearance(ringing.appearance).line;
        let device = cluster.appearance(ringing.appearance).device;
        let Some(target) = self.third_party(cluster, Some(device)).filter(|to| *to != Destination::Line(line)) else { return };
        cluster.set_forward(line, ForwardKind::NoAnswer, Some(target));
        cluster.give_up_ringing(call);
        cluster.set_forward(line, ForwardKind::NoAnswer, None);
    }
}

/// The newest leg of a call that is in a state.
fn with_state(cluster: &Cluster, call: CallKey, state: CallState) -> Result<LegKey, CallError> {
    let leg = cluster.legs(call).iter().rev().find(|l| l.state == state).map(|l| LegKey { call, leg: l.id });
    leg.ok_or(CallError::State)
}

fn device_of(cluster: &Cluster, key: LegKey) -> Option<DeviceId> {
    let leg = cluster.legs(key.call).into_iter().find(|l| l.id == key.leg)?;
    Some(cluster.appearance(leg.appearance).device)
}

/// The steps that need nothing drawn.
fn take_plain(step: Step, call: CallKey, cluster: &mut Cluster) -> Result<(), CallError> {
    let consulting = |cluster: &Cluster| cluster.consulting_device(call).ok_or(CallError::OneCall);
    match step {
        Step::Answer => {
            // Of the phones of a shared line, one that does nothing else.
            let legs = cluster.legs(call);
            let ringing = || legs.iter().rev().filter(|l| l.rings());
            let free = |l: &&Leg| cluster.device_state(cluster.appearance(l.appearance).device) == DeviceState::ALERTING;
            let leg = ringing().find(free).or_else(|| ringing().next()).map(|l| l.id);
            cluster.answer(call, leg)
        }
        Step::Hold => cluster.hold(with_state(cluster, call, CallState::CONNECTED)?),
        Step::Resume => cluster.resume(with_state(cluster, call, CallState::ONHOLD)?),
        Step::NoAnswer if cluster.legs(call).iter().any(Leg::is_up) => Err(CallError::State),
        Step::NoAnswer => {
            cluster.clear(call, CallStateCause::NOANSWERFROMUSER);
            Ok(())
        }
        Step::Complete => cluster.complete(consulting(cluster)?),
        Step::Abandon => cluster.abandon(consulting(cluster)?),
        Step::Revert => {
            cluster.revert_parked(call);
            Ok(())
        }
        Step::HuntOn => {
            cluster.give_up_ringing(call);
            Ok(())
        }
        _ => {
            cluster.clear(call, CallStateCause::NORMALCALLCLEARING);
            Ok(())
        }
    }
}
