//! Makes calls: who calls whom, when, and what becomes of it. All of it is drawn from the seed, on the model's clock.

use std::time::Duration;

use super::cluster::{CallError, CallKey, Caller, Cluster, Destination, DeviceId, DeviceKind, Leg, LegKey, Party};
use super::config::CallMix;
use crate::ctiqbe::names::{CallState, CallStateCause, DeviceState};

/// Something that happens to a call at a time that was drawn when it began.
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
}

/// A call that was placed, and what shall become of it, by time since it was placed.
#[derive(Debug)]
pub struct Planned {
    /// The call.
    pub call: CallKey,
    /// What happens, in order.
    pub steps: Vec<(Duration, Step)>,
}

/// How often a device is drawn before the call is given up because all are busy.
const DRAWS: usize = 16;
/// How long the busy tone is listened to.
const BUSY_TONE: Duration = Duration::from_millis(1500);
/// A call that nobody answers ends after so many mean ring times.
const NO_ANSWER_RINGS: u32 = 3;

/// Nothing that is drawn lasts longer.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Names of people outside. Some try those who print them.
const NAMES: &[&str] = &[
    "Zoë Martin",
    "Ana Núñez",
    "Bjørn Håkansson",
    "Łukasz Żak",
    "山田 太郎",
    "Олена Коваль",
    "",
    "O'Brien & Sons",
    "Müller GmbH",
    "Dr. Who?",
];

/// Makes calls.
#[derive(Debug)]
pub struct Generator {
    mix: CallMix,
    random: fastrand::Rng,
    phones: Vec<DeviceId>,
    paused: bool,
}

impl Generator {
    /// A generator of calls between the phones of a cluster.
    pub fn new(mix: CallMix, seed: u64, cluster: &Cluster) -> Self {
        let phones = cluster.devices().filter(|(_, d)| d.kind == DeviceKind::Phone).map(|(id, _)| id).collect();
        let paused = mix.per_second <= 0.0;
        Self { mix, random: fastrand::Rng::with_seed(seed), phones, paused }
    }

    /// Pauses or resumes. Calls that stand go on. Without a rate there is nothing to resume.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused || self.mix.per_second <= 0.0;
    }

    /// Whether it makes no calls at present.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The time to the next call.
    pub fn next_gap(&mut self) -> Duration {
        self.exponential(1.0 / self.mix.per_second)
    }

    /// Places the next call, unless no phone is free for it.
    pub fn place(&mut self, cluster: &mut Cluster) -> Option<Planned> {
        let mix = self.mix.clone();
        let mut random = || self.random.f64();
        let (busy, waiting) = (random() < mix.busy, random() < mix.waiting);
        let (external, incoming) = (random() < mix.external && !busy, random() < 0.5);
        let restricted = random() < mix.restricted;
        let fate = random();
        let hold = random() < mix.held;
        let ring = mix.ring.mul_f64(0.5 + random());

        let outside = Party::outside(&self.outside_number(), self.random.choice(NAMES).copied().unwrap_or_default());
        let placed = match (external, incoming) {
            (true, true) => {
                let to = self.draw(cluster, None, waiting)?;
                let caller = if restricted { outside.restricted() } else { outside };
                cluster.place(Caller::Outside(caller), &self.line_of(cluster, to, false)?)
            }
            (true, false) => {
                let from = self.draw(cluster, None, false)?;
                let appearance = *cluster.device(from).appearances.first()?;
                cluster.place(Caller::Phone(appearance, restricted), &Destination::Outside(outside))
            }
            (false, _) => {
                let from = self.draw(cluster, None, false)?;
                let to = self.draw(cluster, Some(from), waiting)?;
                let appearance = *cluster.device(from).appearances.first()?;
                cluster.place(Caller::Phone(appearance, restricted), &self.line_of(cluster, to, busy)?)
            }
        };
        let call = placed.ok()?;
        let rings = cluster.legs(call).iter().any(|l| matches!(l.state, CallState::ACCEPTED | CallState::RINGBACK));
        let steps = if !rings {
            vec![(BUSY_TONE, Step::HangUp)]
        } else if fate < mix.abandoned {
            vec![(ring, Step::HangUp)]
        } else if fate < mix.abandoned + mix.no_answer {
            vec![(mix.ring * NO_ANSWER_RINGS, Step::NoAnswer)]
        } else {
            self.conversation(ring, hold)
        };
        Some(Planned { call, steps })
    }

    /// An answered call: talk, perhaps a hold in its middle third, talk.
    fn conversation(&mut self, ring: Duration, hold: bool) -> Vec<(Duration, Step)> {
        let talk = self.exponential(self.mix.talk.as_secs_f64());
        let mut steps = vec![(ring, Step::Answer)];
        if hold {
            steps.push((ring + talk / 3, Step::Hold));
            steps.push((ring + talk * 2 / 3, Step::Resume));
        }
        steps.push((ring + talk, Step::HangUp));
        steps
    }

    /// A phone that is registered and free, or (`waiting`) one that talks.
    fn draw(&mut self, cluster: &Cluster, except: Option<DeviceId>, waiting: bool) -> Option<DeviceId> {
        let talks = |id: DeviceId| cluster.find_leg(id, |l| l.state == CallState::CONNECTED).is_some();
        let free = |id: DeviceId| cluster.device_state(id) == DeviceState::IDLE;
        let suits = |id: &DeviceId| {
            let line = cluster.device(*id).appearances.first().map(|a| cluster.line(cluster.appearance(*a).line));
            // A phone does not call a line that it has itself.
            let own = line.is_some_and(|l| l.appearances.iter().any(|a| Some(cluster.appearance(*a).device) == except));
            cluster.device(*id).registered && !own && if waiting { talks(*id) } else { free(*id) }
        };
        let drawn = (0..DRAWS).find_map(|_| self.random.choice(&self.phones).copied().filter(suits));
        if drawn.is_none() && waiting { self.draw(cluster, except, false) } else { drawn }
    }

    fn line_of(&self, cluster: &Cluster, device: DeviceId, busy: bool) -> Option<Destination> {
        let line = cluster.appearance(*cluster.device(device).appearances.first()?).line;
        Some(if busy { Destination::BusyLine(line) } else { Destination::Line(line) })
    }

    /// A number of the range that the French regulator keeps free for fiction.
    fn outside_number(&mut self) -> String {
        format!("+331990{:05}", self.random.u32(0..100_000))
    }

    fn exponential(&mut self, mean_seconds: f64) -> Duration {
        let uniform = 1.0 - self.random.f64();
        Duration::try_from_secs_f64(-uniform.ln() * mean_seconds).unwrap_or(LONGEST).min(LONGEST)
    }
}

/// Takes a step of a call. A call that has gone another way meanwhile is left alone.
///
/// # Errors
/// When the call is not in a state that allows it.
pub fn take(step: Step, call: CallKey, cluster: &mut Cluster) -> Result<(), CallError> {
    let legs = cluster.legs(call);
    let with_state = |state: CallState| legs.iter().rev().find(|l| l.state == state).map(|l| LegKey { call, leg: l.id });
    match step {
        Step::Answer => {
            // Of the phones of a shared line, one that does nothing else.
            let ringing = || legs.iter().rev().filter(|l| l.state == CallState::ACCEPTED);
            let free = |l: &&Leg| cluster.device_state(cluster.appearance(l.appearance).device) == DeviceState::ALERTING;
            let leg = ringing().find(free).or_else(|| ringing().next()).map(|l| l.id);
            cluster.answer(call, leg)
        }
        Step::Hold => cluster.hold(with_state(CallState::CONNECTED).ok_or(CallError::State)?),
        Step::Resume => cluster.resume(with_state(CallState::ONHOLD).ok_or(CallError::State)?),
        Step::HangUp => {
            cluster.clear(call, CallStateCause::NORMALCALLCLEARING);
            Ok(())
        }
        Step::NoAnswer if with_state(CallState::CONNECTED).is_none() && with_state(CallState::ONHOLD).is_none() => {
            cluster.clear(call, CallStateCause::NOANSWERFROMUSER);
            Ok(())
        }
        Step::NoAnswer => Err(CallError::State),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::config::Config;

    fn calls(seed: u64) -> Vec<String> {
        let config = Config { devices: 40, shared_lines: 5, ..Config::default() };
        let mut cluster = Cluster::new(config.device_specs(), config.accounts(), 3);
        let mut generator = Generator::new(CallMix::default(), seed, &cluster);
        (0..200)
            .map(|_| {
                let gap = generator.next_gap();
                let planned = generator.place(&mut cluster);
                if let Some(planned) = &planned {
                    cluster.clear(planned.call, CallStateCause::NORMALCALLCLEARING);
                }
                let events: Vec<_> = std::iter::from_fn(|| cluster.next_event()).collect();
                format!("{gap:?} {planned:?} {events:?}")
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_calls() {
        assert_eq!(calls(7), calls(7));
    }

    #[test]
    fn another_seed_gives_other_calls() {
        assert_ne!(calls(7), calls(8));
    }
}
