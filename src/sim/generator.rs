//! Makes calls: who calls whom, when, and what becomes of it. All of it is drawn from the seed, on the model's clock.

use std::time::Duration;

use super::cluster::{AppearanceId, CallError, CallKey, Caller, Cluster, Destination, DeviceId, DeviceKind, ForwardKind, Party};
use super::config::CallMix;
use super::steps::Step;
use crate::ctiqbe::names::{CallState, DeviceState};

/// What shall become of calls: when, counted from now, which call, and what.
pub type Plan = Vec<(Duration, CallKey, Step)>;

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

/// What a call meets beside plain calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meets {
    Transfer,
    Blind,
    Conference,
    Park,
    Pickup,
    Forward,
    Hunt,
}

/// Makes calls.
#[derive(Debug)]
pub struct Generator {
    pub(super) mix: CallMix,
    pub(super) random: fastrand::Rng,
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

    /// Places the next call, unless no phone is free for it; what shall become of it.
    pub fn place(&mut self, cluster: &mut Cluster) -> Option<Plan> {
        let mix = self.mix.clone();
        let mut random = || self.random.f64();
        let (busy, waiting) = (random() < mix.busy, random() < mix.waiting);
        let (external, incoming) = (random() < mix.external && !busy, random() < 0.5);
        let restricted = random() < mix.restricted;
        let fate = random();
        let hold = random() < mix.held;
        let ring = mix.ring.mul_f64(0.5 + random());
        let meets = self.meets().filter(|_| !busy);

        let outside = Party::outside(&self.outside_number(), self.random.choice(NAMES).copied().unwrap_or_default());
        // What happens to a call before it is answered happens to a line of the cluster.
        let incoming = incoming || matches!(meets, Some(Meets::Pickup | Meets::Forward | Meets::Hunt));
        let placed = match (external, incoming) {
            (true, true) => {
                let caller = if restricted { outside.restricted() } else { outside };
                self.call(cluster, Caller::Outside(caller), (busy, waiting), meets)
            }
            (true, false) => {
                let from = self.draw(cluster, None, false)?;
                let appearance = *cluster.device(from).appearances.first()?;
                cluster.place(Caller::Phone(appearance, restricted), &Destination::Outside(outside))
            }
            (false, _) => {
                let from = self.draw(cluster, None, false)?;
                let appearance = *cluster.device(from).appearances.first()?;
                self.call(cluster, Caller::Phone(appearance, restricted), (busy, waiting), meets)
            }
        };
        let call = placed.ok()?;
        let rings = cluster.legs(call).iter().any(|l| matches!(l.state, CallState::ACCEPTED | CallState::RINGBACK));
        Some(if !rings {
            vec![(BUSY_TONE, call, Step::HangUp)]
        } else if fate < mix.abandoned {
            vec![(ring, call, Step::HangUp)]
        } else if fate < mix.abandoned + mix.no_answer {
            vec![(mix.ring * NO_ANSWER_RINGS, call, Step::NoAnswer)]
        } else {
            self.conversation(call, ring, hold, meets)
        })
    }

    /// Which feature the next call meets. Without any, nothing is drawn: plain calls are those of the same seed without features.
    fn meets(&mut self) -> Option<Meets> {
        let mix = self.mix.features;
        if mix.sum() <= 0.0 {
            return None;
        }
        let mut drawn = self.random.f64();
        let shares = [
            (mix.transferred, Meets::Transfer),
            (mix.blind, Meets::Blind),
            (mix.conference, Meets::Conference),
            (mix.parked, Meets::Park),
            (mix.picked_up, Meets::Pickup),
            (mix.forwarded, Meets::Forward),
            (mix.hunted, Meets::Hunt),
        ];
        shares.into_iter().find_map(|(share, meets)| {
            let met = drawn < share;
            drawn -= share;
            met.then_some(meets)
        })
    }

    /// Calls a phone that is drawn, or what else the feature wants to be called.
    fn call(
        &mut self,
        cluster: &mut Cluster,
        caller: Caller,
        (busy, waiting): (bool, bool),
        meets: Option<Meets>,
    ) -> Result<CallKey, CallError> {
        let from = match caller {
            Caller::Phone(appearance, _) => Some(cluster.appearance(appearance).device),
            Caller::Outside(_) => None,
        };
        if meets == Some(Meets::Hunt) {
            let pilots: Vec<_> = cluster.pilots().collect();
            if let Some(pilot) = self.random.choice(&pilots) {
                return cluster.place(caller, &Destination::Pilot(*pilot));
            }
        }
        let to = self.draw(cluster, from, waiting).and_then(|to| first_line(cluster, to)).ok_or(CallError::Busy)?;
        let line = cluster.appearance(to).line;
        let destination = if busy { Destination::BusyLine(line) } else { Destination::Line(line) };
        if meets != Some(Meets::Forward) {
            return cluster.place(caller, &destination);
        }
        let (kind, destination) = match self.random.u8(0..3) {
            0 => (ForwardKind::All, destination),
            1 => (ForwardKind::Busy, Destination::BusyLine(line)),
            // Those who do not answer are forwarded when they have rung: see `Step::ForwardNoAnswer`.
            _ => return cluster.place(caller, &destination),
        };
        let target = self.third_party(cluster, from).ok_or(CallError::Busy)?;
        cluster.set_forward(line, kind, Some(target));
        let placed = cluster.place(caller, &destination);
        cluster.set_forward(line, kind, None);
        placed
    }

    /// A phone that is free, or now and then somebody outside.
    pub(super) fn third_party(&mut self, cluster: &Cluster, except: Option<DeviceId>) -> Option<Destination> {
        if self.random.f64() < self.mix.external / 2.0 {
            return Some(Destination::Outside(Party::outside(&self.outside_number(), "")));
        }
        let drawn = self.draw(cluster, except, false)?;
        Some(Destination::Line(cluster.appearance(first_line(cluster, drawn)?).line))
    }

    /// A call that is answered, and what happens to it.
    fn conversation(&mut self, call: CallKey, ring: Duration, hold: bool, meets: Option<Meets>) -> Plan {
        let talk = self.talk();
        let answered = |then: Step| vec![(ring, call, Step::Answer), (ring + talk / 2, call, then)];
        match meets {
            // What becomes of it then is planned then.
            Some(Meets::Transfer) => answered(Step::Transfer),
            Some(Meets::Blind) => answered(Step::Blind),
            Some(Meets::Conference) => answered(Step::Confer),
            Some(Meets::Park) => answered(Step::Park),
            Some(Meets::Pickup) => vec![(ring, call, Step::PickUp)],
            Some(Meets::Forward) => {
                vec![(ring, call, Step::ForwardNoAnswer), (ring * 2, call, Step::Answer), (ring * 2 + talk, call, Step::HangUp)]
            }
            Some(Meets::Hunt) => {
                let late = self.random.f64() < 0.4;
                let on = late.then_some((ring / 2, call, Step::HuntOn));
                on.into_iter().chain([(ring, call, Step::Answer), (ring + talk, call, Step::HangUp)]).collect()
            }
            // Talk, perhaps a hold in its middle third, talk.
            None => {
                let held = [(ring + talk / 3, call, Step::Hold), (ring + talk * 2 / 3, call, Step::Resume)];
                let held = held.into_iter().filter(|_| hold);
                std::iter::once((ring, call, Step::Answer)).chain(held).chain([(ring + talk, call, Step::HangUp)]).collect()
            }
        }
    }

    /// How long is talked.
    pub(super) fn talk(&mut self) -> Duration {
        self.exponential(self.mix.talk.as_secs_f64())
    }

    /// How long it rings.
    pub(super) fn ringing(&mut self) -> Duration {
        self.mix.ring.mul_f64(0.5 + self.random.f64())
    }

    /// A phone that is registered and free, or (`waiting`) one that talks.
    pub(super) fn draw(&mut self, cluster: &Cluster, except: Option<DeviceId>, waiting: bool) -> Option<DeviceId> {
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

    /// A number of the range that the French regulator keeps free for fiction.
    fn outside_number(&mut self) -> String {
        format!("+331990{:05}", self.random.u32(0..100_000))
    }

    fn exponential(&mut self, mean_seconds: f64) -> Duration {
        let uniform = 1.0 - self.random.f64();
        Duration::try_from_secs_f64(-uniform.ln() * mean_seconds).unwrap_or(LONGEST).min(LONGEST)
    }
}

/// The line that a phone calls from, and is called at.
pub(super) fn first_line(cluster: &Cluster, device: DeviceId) -> Option<AppearanceId> {
    cluster.device(device).appearances.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctiqbe::names::CallStateCause;
    use crate::sim::config::Config;

    fn calls(seed: u64) -> Vec<String> {
        let config = Config { devices: 40, shared_lines: 5, ..Config::default() };
        let mut cluster = Cluster::new(config.device_specs(), config.accounts(), 3);
        let mut generator = Generator::new(CallMix::default(), seed, &cluster);
        (0..200)
            .map(|_| {
                let gap = generator.next_gap();
                let planned = generator.place(&mut cluster);
                if let Some((_, call, _)) = planned.iter().flatten().next() {
                    cluster.clear(*call, CallStateCause::NORMALCALLCLEARING);
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
