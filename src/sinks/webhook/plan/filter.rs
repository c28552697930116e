//! Which events an endpoint gets. What costs least is asked first: the type, then the keys, and only then the event itself is read.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use wildmatch::WildMatch;

use super::error::PlanError;
use super::template::{Context, Template};
use crate::event::{Direction, EventType, Types};
use crate::gateway::{keys, type_of};
use crate::journal::{Entry, Space};
use crate::sinks::webhook::config::FilterConfig;

/// Whether an endpoint wants an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Wanted,
    /// It does not, because of this: `type`, `user`, `device`, `line`, `direction`, `expression`, or `erased` when nothing of it is left.
    Unwanted(&'static str),
}

/// Which events an endpoint gets.
#[derive(Debug)]
pub struct Filter {
    types: Types,
    users: Vec<WildMatch>,
    devices: Vec<WildMatch>,
    lines: Vec<WildMatch>,
    direction: Option<Direction>,
    expression: Option<Template>,
    /// How often the expression failed.
    failed: AtomicU64,
}

impl Filter {
    /// The filter of the configuration; `usual` are the types when it names none. What is wrong with it is added to `problems`.
    pub fn new(config: &FilterConfig, usual: Option<&[&str]>, problems: &mut Vec<PlanError>) -> Self {
        let direction = Direction::ALL.iter().copied().find(|direction| direction.as_str() == config.direction);
        if direction.is_none() && !config.direction.is_empty() {
            problems.push(PlanError::Direction(config.direction.clone()));
        }
        let expression = Some(config.expression.as_str()).filter(|expression| !expression.trim().is_empty());
        let expression =
            expression.and_then(|source| Template::expression("filter.expression", source).map_err(|problem| problems.push(problem)).ok());
        let patterns = |texts: &[String]| texts.iter().map(|text| WildMatch::new(text)).collect();
        Self {
            types: types(&config.types, usual, problems),
            users: patterns(&config.users),
            devices: patterns(&config.devices),
            lines: patterns(&config.lines),
            direction,
            expression,
            failed: AtomicU64::new(0),
        }
    }

    /// Whether the endpoint gets this event.
    pub fn wants(&self, entry: &Entry) -> Verdict {
        match self.against(entry) {
            None => Verdict::Wanted,
            Some(why) => Verdict::Unwanted(why),
        }
    }

    /// How often the expression failed of an event, which was not wanted then.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn against(&self, entry: &Entry) -> Option<&'static str> {
        if entry.event.is_empty() {
            return Some("erased");
        }
        if !self.types.has_named(type_of(&entry.event)) {
            return Some("type");
        }
        for (patterns, space, word) in
            [(&self.users, keys::USER, "user"), (&self.devices, keys::DEVICE, "device"), (&self.lines, keys::LINE, "line")]
        {
            if !patterns.is_empty() && !any(entry, space, patterns) {
                return Some(word);
            }
        }
        if self.direction.is_some() && direction_of(&entry.event) != self.direction {
            return Some("direction");
        }
        self.expression.as_ref().filter(|expression| !self.holds(expression, entry)).map(|_| "expression")
    }

    fn holds(&self, expression: &Template, entry: &Entry) -> bool {
        let made = Context::new(&entry.event).ok().and_then(|context| expression.render(&context).ok());
        if made.is_none() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        made.is_some_and(|made| !made.is_empty())
    }
}

fn types(patterns: &[String], usual: Option<&[&str]>, problems: &mut Vec<PlanError>) -> Types {
    let patterns: Vec<String> = match (patterns, usual) {
        ([], Some(usual)) => usual.iter().map(|pattern| (*pattern).to_owned()).collect(),
        // What happens to webhooks is told to those who ask for it: an endpoint that gets news of its own failures makes more of them.
        ([], None) => EventType::ALL.iter().map(|kind| kind.short().to_owned()).filter(|kind| !kind.starts_with("webhook.")).collect(),
        _ => patterns.to_vec(),
    };
    Types::named(&patterns).unwrap_or_else(|(pattern, nearest)| {
        problems.push(PlanError::Type { place: "filter.types", pattern, nearest });
        Types::ALL
    })
}

fn any(entry: &Entry, space: Space, patterns: &[WildMatch]) -> bool {
    let mut texts = entry.keys.iter().filter(|(of, _)| *of == space).filter_map(|(_, text)| std::str::from_utf8(text).ok());
    texts.any(|text| patterns.iter().any(|pattern| pattern.matches(text)))
}

/// What of an event tells its direction.
#[derive(Deserialize)]
struct Directed<'a> {
    #[serde(borrow)]
    data: Parties<'a>,
}

#[derive(Deserialize)]
struct Parties<'a> {
    direction: Option<&'a str>,
    call_id: Option<&'a str>,
    first_calling: Option<Number>,
    calling: Option<Number>,
    line: Option<Dn>,
    lines: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Number {
    number: Option<String>,
}

#[derive(Deserialize)]
struct Dn {
    dn: String,
}

#[derive(Deserialize)]
struct Named {
    line: Dn,
}

/// Inbound or outbound, of a leg, a pop or a call; none of what is neither.
fn direction_of(event: &[u8]) -> Option<Direction> {
    let data = serde_json::from_slice::<Directed<'_>>(event).ok()?.data;
    if let Some(word) = data.direction {
        return Direction::ALL.iter().copied().find(|direction| direction.as_str() == word);
    }
    // Pops and calls do not say it: they are outbound when the line, or the call's first line, is the one that called.
    data.call_id?;
    let line = data.line.or_else(|| data.lines?.into_iter().next().map(|named| named.line))?;
    let calling = data.first_calling.or(data.calling).and_then(|party| party.number);
    Some(if calling.as_ref() == Some(&line.dn) { Direction::Outbound } else { Direction::Inbound })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::webhook::plan::material::{call, entry, leg, of_line, pop};

    fn filter(config: &FilterConfig) -> Result<Filter, String> {
        let mut problems = Vec::new();
        let filter = Filter::new(config, None, &mut problems);
        problems.first().map_or(Ok(filter), |problem| Err(problem.to_string()))
    }

    fn of_types(types: &[&str]) -> FilterConfig {
        FilterConfig { types: types.iter().map(|kind| (*kind).to_owned()).collect(), ..FilterConfig::default() }
    }

    fn verdict(config: &FilterConfig, entry: &Entry) -> Verdict {
        filter(config).unwrap().wants(entry)
    }

    #[test]
    fn without_types_all_are_wanted_but_those_of_webhooks() {
        assert_eq!(verdict(&FilterConfig::default(), &leg("inbound", "100")), Verdict::Wanted);
        assert_eq!(verdict(&FilterConfig::default(), &entry("callcast.webhook.disabled", "{}", &[])), Verdict::Unwanted("type"));
    }

    #[test]
    fn types_are_patterns() {
        assert_eq!(verdict(&of_types(&["leg.*"]), &leg("inbound", "100")), Verdict::Wanted);
        assert_eq!(verdict(&of_types(&["call.*", "pop.offered"]), &leg("inbound", "100")), Verdict::Unwanted("type"));
    }

    #[test]
    fn a_type_that_is_not_known_is_refused_with_the_nearest() {
        assert!(
            filter(&of_types(&["cal.ended"]))
                .err()
                .unwrap()
                .contains("filter.types: there is no type of event \"cal.ended\"; did you mean \"call.ended\"?")
        );
    }

    #[test]
    fn keys_are_matched_by_patterns_and_all_kinds_have_to_fit() {
        let leg = leg("inbound", "100");
        let with = |users: &str, devices: &str, lines: &str| FilterConfig {
            users: vec![users.into()],
            devices: vec!["x".into(), devices.into()],
            lines: vec![lines.into()],
            ..FilterConfig::default()
        };
        assert_eq!(verdict(&with("ann", "SEP*", "20?0"), &leg), Verdict::Wanted);
        assert_eq!(verdict(&with("SEP*", "SEP*", "2000"), &leg), Verdict::Unwanted("user"));
        assert_eq!(verdict(&with("ann", "SEP", "2000"), &leg), Verdict::Unwanted("device"));
        assert_eq!(verdict(&with("ann", "SEP*", "2?"), &leg), Verdict::Unwanted("line"));
    }

    #[test]
    fn direction_is_told_of_legs_pops_and_calls() {
        let inbound = FilterConfig { direction: "inbound".into(), ..FilterConfig::default() };
        for (entry, is) in [
            (leg("inbound", "100"), true),
            (leg("outbound", "2000"), false),
            (pop("100"), true),
            (pop("2000"), false),
            (call("100"), true),
            (call("2000"), false),
            (of_line(), false),
        ] {
            assert_eq!(verdict(&inbound, &entry) == Verdict::Wanted, is, "{entry:?}");
        }
        assert!(filter(&FilterConfig { direction: "in".into(), ..FilterConfig::default() }).err().unwrap().contains("\"inbound\""));
    }

    #[test]
    fn an_expression_that_fails_does_not_want_the_event_and_is_counted() {
        let with = |expression: &str| FilterConfig { expression: expression.into(), ..FilterConfig::default() };
        assert_eq!(verdict(&with("data.remote.number == '100'"), &leg("inbound", "100")), Verdict::Wanted);
        assert_eq!(verdict(&with("data.remote.number == '100'"), &leg("inbound", "101")), Verdict::Unwanted("expression"));
        let failing = filter(&with("data.cause.code + 1 > 2")).unwrap();
        assert_eq!(failing.wants(&leg("inbound", "100")), Verdict::Unwanted("expression"));
        assert_eq!(failing.failed(), 1);
    }

    #[test]
    fn what_was_erased_is_wanted_by_nobody() {
        let erased = Entry { event: bytes::Bytes::new(), ..leg("inbound", "100") };
        assert_eq!(verdict(&FilterConfig::default(), &erased), Verdict::Unwanted("erased"));
    }
}
