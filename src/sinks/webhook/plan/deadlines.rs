//! How long an event is worth delivering, by its type.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::PlanError;
use crate::event::{EventType, Types};
use crate::sinks::webhook::config::DeliveryConfig;

/// For types that no pattern names, and for types that a later version knows: three days.
const ELSE: Duration = Duration::from_secs(72 * 3600);
/// The most, in seconds: a year.
const MAX: u64 = 366 * 24 * 3600;

/// How long each type of event is worth delivering.
#[derive(Debug)]
pub struct Deadlines {
    times: Vec<(&'static str, Duration)>,
    other: Duration,
}

impl Deadlines {
    /// The deadlines of the configuration: the most exact pattern counts, `leg.alerting` before `leg.*` before `*`. What is wrong with it is
    /// added to `problems`. `usual` is what a ready template has in place of the defaults.
    pub fn new(patterns: &BTreeMap<String, u64>, usual: Option<Duration>, problems: &mut Vec<PlanError>) -> Self {
        if let Some(other) = usual.filter(|_| *patterns == DeliveryConfig::default().deadlines_seconds) {
            return Self { times: Vec::new(), other };
        }
        let mut known: Vec<(Types, &str, Duration)> = Vec::new();
        for (pattern, &seconds) in patterns {
            if seconds == 0 || seconds > MAX {
                problems.push(PlanError::Deadline { pattern: pattern.clone(), seconds, max: MAX });
            }
            match Types::named(std::slice::from_ref(pattern)) {
                Ok(types) => known.push((types, pattern.strip_prefix("callcast.").unwrap_or(pattern), Duration::from_secs(seconds))),
                Err((pattern, nearest)) => problems.push(PlanError::Type { place: "delivery.deadlines_seconds", pattern, nearest }),
            }
        }
        // A whole name has no star, and of two families the longer name is the more exact one.
        known.sort_by_key(|(_, pattern, _)| (pattern.ends_with('*'), usize::MAX - pattern.len()));
        let other = known.iter().find(|(_, pattern, _)| *pattern == "*").map_or(ELSE, |(_, _, time)| *time);
        let time = |kind: EventType| known.iter().find(|(types, _, _)| types.has(kind)).map_or(other, |(_, _, time)| *time);
        Self { times: EventType::ALL.iter().map(|kind| (kind.as_str(), time(*kind))).collect(), other }
    }

    /// How long an event of this type is worth delivering.
    pub fn of(&self, kind: &str) -> Duration {
        self.times.iter().find(|(name, _)| *name == kind).map_or(self.other, |(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadlines(patterns: &[(&str, u64)]) -> Result<Deadlines, String> {
        let patterns = patterns.iter().map(|(pattern, seconds)| ((*pattern).to_owned(), *seconds)).collect();
        let mut problems = Vec::new();
        let deadlines = Deadlines::new(&patterns, None, &mut problems);
        problems.first().map_or(Ok(deadlines), |problem| Err(problem.to_string()))
    }

    #[test]
    fn the_most_exact_pattern_counts() {
        let deadlines = deadlines(&[("*", 9), ("leg.*", 5), ("callcast.leg.held", 1)]).unwrap();
        let seconds = |kind| deadlines.of(kind).as_secs();
        assert_eq!(
            (seconds("callcast.leg.held"), seconds("callcast.leg.resumed"), seconds("callcast.call.ended"), seconds("new")),
            (1, 5, 9, 9)
        );
    }

    #[test]
    fn a_screen_pop_is_worth_a_minute_and_a_call_three_days_by_default() {
        let deadlines = Deadlines::new(&DeliveryConfig::default().deadlines_seconds, None, &mut Vec::new());
        assert_eq!((deadlines.of("callcast.pop.offered").as_secs(), deadlines.of("callcast.call.ended").as_secs()), (60, 72 * 3600));
    }

    #[test]
    fn a_ready_template_has_a_deadline_of_its_own_unless_others_are_given() {
        let of = |patterns: &BTreeMap<String, u64>| {
            Deadlines::new(patterns, Some(Duration::from_secs(7)), &mut Vec::new()).of("callcast.leg.held").as_secs()
        };
        assert_eq!(of(&DeliveryConfig::default().deadlines_seconds), 7);
        assert_eq!(of(&[("*".to_owned(), 9)].into()), 9);
    }

    #[test]
    fn a_type_that_is_not_known_is_refused_with_the_nearest() {
        assert!(deadlines(&[("leg.alertin", 5)]).unwrap_err().contains("did you mean \"leg.alerting\""));
    }

    #[test]
    fn a_deadline_that_is_none_is_refused() {
        assert!(deadlines(&[("*", 0)]).unwrap_err().contains("give 1 to"));
        assert!(deadlines(&[("*", u64::MAX)]).is_err());
    }
}
