//! What a consumer asks for.

use super::EventType;

/// Some of the types of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Types(u64);

const _: () = assert!(EventType::ALL.len() <= 64, "a bit for each type");

impl Types {
    /// All types.
    pub const ALL: Self = Self(u64::MAX);

    /// Those that any of the patterns names: `leg.alerting`, `callcast.leg.alerting`, `leg.*` or `*`. No pattern means all.
    ///
    /// # Errors
    /// The first pattern that names no type, and the type or pattern that it is nearest to.
    pub fn named(patterns: &[String]) -> Result<Self, (String, String)> {
        if patterns.is_empty() {
            return Ok(Self::ALL);
        }
        let mut types = 0;
        for pattern in patterns {
            let short = pattern.strip_prefix("callcast.").unwrap_or(pattern);
            let family = short.strip_suffix('*');
            let fits = |name: &str| {
                family.map_or(name == short, |family| (family.is_empty() || family.ends_with('.')) && name.starts_with(family))
            };
            let named = EventType::ALL.iter().filter(|kind| fits(kind.short())).fold(0, |types, kind| types | Self::bit(*kind));
            if named == 0 {
                return Err((pattern.chars().take(80).collect(), nearest(short)));
            }
            types |= named;
        }
        Ok(Self(types))
    }

    /// Whether it is among them.
    pub fn has(self, kind: EventType) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Whether the type of this name is among them; one that is not known is when all are.
    pub fn has_named(self, name: &str) -> bool {
        self == Self::ALL || EventType::ALL.iter().any(|kind| kind.as_str() == name && self.has(*kind))
    }

    fn bit(kind: EventType) -> u64 {
        1 << (kind as u64)
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

fn nearest(name: &str) -> String {
    let name: String = name.chars().take(80).collect();
    let known = EventType::ALL.iter().map(|kind| kind.short());
    known.min_by_key(|known| strsim::damerau_levenshtein(&name, known)).unwrap_or_default().to_owned()
}

/// Everything that concerns any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of devices.
    pub devices: Vec<String>,
    /// Directory numbers.
    pub lines: Vec<String>,
    /// Ids of users.
    pub users: Vec<String>,
    /// Everything.
    pub all: bool,
    /// Of these types alone.
    pub types: Types,
}

impl Filter {
    /// Everything.
    pub fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// How many texts it has: what a limit on subscriptions counts.
    pub fn len(&self) -> usize {
        self.devices.len() + self.lines.len() + self.users.len() + usize::from(self.all)
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(patterns: &[&str]) -> Result<Types, (String, String)> {
        Types::named(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_type_is_named_with_and_without_its_prefix() {
        for name in ["leg.alerting", "callcast.leg.alerting"] {
            let types = named(&[name]).unwrap();
            assert!(types.has(EventType::LegAlerting) && !types.has(EventType::LegConnected), "{name}");
        }
    }

    #[test]
    fn a_family_is_named_by_its_star() {
        let types = named(&["pop.*", "call.ended"]).unwrap();
        assert!(types.has(EventType::PopMoved) && types.has(EventType::CallEnded) && !types.has(EventType::CallStarted));
        assert!(named(&["*"]).unwrap().has(EventType::JournalGap));
    }

    #[test]
    fn no_pattern_means_all() {
        assert_eq!(named(&[]).unwrap(), Types::ALL);
    }

    #[test]
    fn a_pattern_that_names_nothing_is_told_with_the_nearest_type() {
        assert_eq!(named(&["leg.alertin"]).unwrap_err(), ("leg.alertin".to_owned(), "leg.alerting".to_owned()));
        assert!(named(&["le*"]).is_err() && named(&[""]).is_err());
    }

    #[test]
    fn a_name_from_the_log_is_judged_like_the_type() {
        let types = named(&["leg.*"]).unwrap();
        assert!(types.has_named("callcast.leg.held") && !types.has_named("callcast.call.ended") && !types.has_named("other"));
    }
}
