//! What a plan does, in words, by examples.

use super::config::OutsideAccessOn;
use super::rules::Rules;
use super::{NumberKind, NumberPlan, Site};

impl NumberPlan {
    /// What the plan does, a line each: for every site its rules, and how numbers would be read there.
    pub fn explain(&self) -> Vec<String> {
        let sites = self.rules.iter().enumerate();
        sites.flat_map(|(index, rules)| self.explain_site(index, rules)).collect()
    }

    fn explain_site(&self, index: usize, rules: &Rules) -> Vec<String> {
        let place = match index.checked_sub(1).and_then(|i| self.config.sites.get(i)) {
            None if self.config.sites.is_empty() => "numbers".to_owned(),
            None => "numbers of all other lines".to_owned(),
            Some(site) => {
                let lines = [("partitions", &site.partitions), ("device pools", &site.device_pools)];
                let lines = lines.iter().filter(|(_, names)| !names.is_empty()).map(|(key, names)| format!("{key} {}", names.join(", ")));
                let lines = lines.collect::<Vec<_>>().join(" and ");
                if site.name.is_empty() { format!("numbers of {lines}") } else { format!("numbers at {} ({lines})", site.name) }
            }
        };
        let at = Site(u16::try_from(index).unwrap_or_default());
        let read = |number: &str, kind: NumberKind| match self.e164(number, at, kind) {
            Some(e164) => format!("{number} is {e164}"),
            None => format!("{number} is not read"),
        };
        let mut lines = vec![format!("{place}: {}", rules.summary())];
        let examples: Vec<String> = rules.examples().iter().map(|(number, kind, of)| format!("{of} {}", read(number, *kind))).collect();
        if !examples.is_empty() {
            lines.push(format!("  {}", examples.join("; ")));
        }
        if !rules.extensions.is_empty() {
            let extensions: Vec<String> = rules.extensions.iter().map(ToString::to_string).collect();
            lines.push(format!("  directory numbers: {}", extensions.join(", ")));
        }
        lines
    }
}

impl Rules {
    fn summary(&self) -> String {
        let Some(country) = &self.country else {
            return "no region, so only those with a plus sign are read, and directory numbers by their rules".into();
        };
        let mut words = vec![format!("country code +{}", country.calling_code())];
        let prefix = |name: &str, value: &Option<String>| value.as_ref().map(|digits| format!("{name} {digits}"));
        words.extend(prefix("international prefix", &self.international_prefix));
        words.extend(prefix("national prefix", &self.national_prefix));
        if self.bare_national_numbers {
            words.push("national also without prefix".into());
        }
        if let Some(access) = &self.outside_access {
            let on = match self.outside_access_on {
                OutsideAccessOn::SomeNumbers => "some numbers",
                OutsideAccessOn::DialledNumbers => "dialled numbers",
                OutsideAccessOn::AllNumbers => "all numbers",
            };
            words.push(format!("outside access {access} on {on}"));
        }
        words.join(", ")
    }

    /// A number of the country as it is delivered and as it is dialled, with and without prefix, and with how to call each.
    fn examples(&self) -> Vec<(String, NumberKind, &'static str)> {
        let Some((mut national, bare)) = self.country.as_ref().and_then(|c| c.example()) else { return Vec::new() };
        if let Some(prefix) = &self.national_prefix {
            national = format!("{prefix}{bare}");
        }
        let access = self.outside_access.as_deref().unwrap_or_default();
        let mut examples = vec![(national.clone(), NumberKind::Delivered, "delivered")];
        if !access.is_empty() {
            examples.push((format!("{access}{national}"), NumberKind::Delivered, "delivered"));
            examples.push((format!("{access}{national}"), NumberKind::Dialled, "dialled"));
        }
        if bare != national {
            examples.push((bare, NumberKind::Delivered, "delivered"));
        }
        examples
    }
}
