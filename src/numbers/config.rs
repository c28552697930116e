//! `[numbers]` of the configuration: how numbers are written at the sites of the company. Plain data, and what is wrong with it.

use std::collections::HashMap;

use serde::Deserialize;
use thiserror::Error;

use super::country::Country;
use super::extension::{ExtensionRule, RuleError};
use super::rules::Rules;

/// Digits of a prefix at most.
const MAX_PREFIX: usize = 8;
/// Sites at most.
const MAX_SITES: usize = 10_000;

/// `[numbers]`: the rules of every line, but for those of sites that have others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The country, as `FR` (ISO 3166-1). Without it only numbers with a plus sign are read. No default.
    pub region: Option<String>,
    /// What stands before numbers of other countries. Default: the country's own, as 00 or 011.
    pub international_prefix: Option<String>,
    /// What stands before national numbers. Default: the country's own trunk prefix, as 0.
    pub national_prefix: Option<String>,
    /// Whether numbers without that prefix are national ones even where they might be local ones. Default false.
    pub bare_national_numbers: Option<bool>,
    /// What is dialled to get an outside line, as 0 or 9. Default: nothing.
    pub outside_access: Option<String>,
    /// Which numbers carry it. Default `some`.
    pub outside_access_on: Option<OutsideAccessOn>,
    /// Directory numbers of the cluster. Default: none has an E.164 number, unless it is one.
    #[serde(rename = "extension")]
    pub extensions: Vec<Extension>,
    /// Sites with other rules.
    #[serde(rename = "site")]
    pub sites: Vec<Site>,
}

/// Which numbers of parties outside carry the digits of outside access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutsideAccessOn {
    /// Some do: both readings are tried, and a number that has two is not read.
    #[default]
    #[serde(rename = "some")]
    SomeNumbers,
    /// Those that were dialled here do, those that the network delivered do not.
    #[serde(rename = "dialled")]
    DialledNumbers,
    /// All do: delivered numbers are prefixed with it, so that they can be called back.
    #[serde(rename = "all")]
    AllNumbers,
}

/// `[[numbers.extension]]`: what becomes of directory numbers of a pattern. The first that fits counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Digits, and x for any digit.
    pub pattern: String,
    /// The number, with an x for each of the pattern, or the main number without any. None: they have no E.164 number.
    #[serde(default)]
    pub e164: Option<String>,
}

/// `[[numbers.site]]`: lines with rules of their own. What is not named is as in `[numbers]`; but a site with a `region` has that
/// country's own prefixes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// For messages. Default: none.
    pub name: String,
    /// Partitions of its directory numbers.
    pub partitions: Vec<String>,
    /// Device pools of its devices, as the inventory has them. They go before partitions.
    pub device_pools: Vec<String>,
    /// As in [`Config`].
    pub region: Option<String>,
    /// As in [`Config`].
    pub international_prefix: Option<String>,
    /// As in [`Config`].
    pub national_prefix: Option<String>,
    /// As in [`Config`].
    pub bare_national_numbers: Option<bool>,
    /// As in [`Config`]; empty for none where `[numbers]` has one.
    pub outside_access: Option<String>,
    /// As in [`Config`].
    pub outside_access_on: Option<OutsideAccessOn>,
    /// As in [`Config`]; the list takes the place of that one.
    #[serde(rename = "extension")]
    pub extensions: Vec<Extension>,
}

/// Numbers that cannot be read like this.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A country that is none.
    #[error("{place}: `region` is {value:?}; it is the code of a country in two capital letters, as \"FR\"")]
    Region {
        /// Where.
        place: String,
        /// The value.
        value: String,
    },
    /// A prefix that is none.
    #[error("{place}: `{key}` is {value:?}; it is made of 1 to {MAX_PREFIX} digits, or left out")]
    Prefix {
        /// Where.
        place: String,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// A rule for directory numbers that is none.
    #[error("{place}, extension {number}: {error}")]
    Extension {
        /// Where.
        place: String,
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        error: RuleError,
    },
    /// A site without lines.
    #[error("{place} has no lines: name its `partitions` or its `device_pools`")]
    NoLines {
        /// Where.
        place: String,
    },
    /// Lines of two sites.
    #[error("{place}: `{key}` names {value:?}, which {other} has already")]
    Twice {
        /// Where.
        place: String,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The other site.
        other: String,
    },
    /// More than are kept.
    #[error("there are {0} [[numbers.site]]; {MAX_SITES} are the most")]
    TooManySites(usize),
}

/// Numbers that can be read, but hardly as they should.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Warning {
    /// A prefix that nothing comes after.
    #[error("{place}: `{key}` is {value:?}, but without a `region` no national number is read")]
    NoRegion {
        /// Where.
        place: String,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// Most numbers have two readings.
    #[error(
        "{place}: `outside_access` is {value:?} and `outside_access_on` is \"some\": in {region} most numbers that begin with it can be \
         read in two ways and get no e164; say \"dialled\" when delivered numbers do not carry it, \"all\" when they do"
    )]
    OpenNumbering {
        /// Where.
        place: String,
        /// `outside_access`
        value: String,
        /// `region`
        region: String,
    },
    /// A rule that is never used.
    #[error("{place}, extension {number}: `pattern` {pattern:?} is never used, because extension {other} comes first")]
    Covered {
        /// Where.
        place: String,
        /// Which, from 1.
        number: usize,
        /// `pattern`
        pattern: String,
        /// The one that is used, from 1.
        other: usize,
    },
}

/// The keys that `[numbers]` and its sites share.
struct Keys<'a> {
    region: Option<&'a str>,
    international_prefix: Option<&'a str>,
    national_prefix: Option<&'a str>,
    bare_national_numbers: Option<bool>,
    outside_access: Option<&'a str>,
    outside_access_on: Option<OutsideAccessOn>,
    extensions: &'a [Extension],
}

macro_rules! keys {
    ($from:expr) => {
        Keys {
            region: $from.region.as_deref(),
            international_prefix: $from.international_prefix.as_deref(),
            national_prefix: $from.national_prefix.as_deref(),
            bare_national_numbers: $from.bare_national_numbers,
            outside_access: $from.outside_access.as_deref(),
            outside_access_on: $from.outside_access_on,
            extensions: &$from.extensions,
        }
    };
}

impl Config {
    /// What is valid but unwise, in the order of the file.
    ///
    /// # Errors
    /// Everything that cannot work.
    pub fn check(&self) -> Result<Vec<Warning>, Vec<ConfigError>> {
        self.rules().map(|sites| sites.into_iter().flat_map(|(_, warnings)| warnings).collect())
    }

    /// How a place of the configuration is called: 0 for `[numbers]`, then the sites.
    pub(super) fn place(&self, index: usize) -> String {
        let Some(site) = index.checked_sub(1).and_then(|i| self.sites.get(i)) else { return "[numbers]".into() };
        if site.name.is_empty() { format!("[[numbers.site]] {index}") } else { format!("[[numbers.site]] {index} ({})", site.name) }
    }

    /// The rules of `[numbers]`, and then those of each site.
    pub(super) fn rules(&self) -> Result<Vec<(Rules, Vec<Warning>)>, Vec<ConfigError>> {
        let mut errors = self.errors_of_sites();
        let common = keys!(self);
        // What a site has from `[numbers]` is wrong only there.
        let own = std::iter::once(keys!(self)).chain(self.sites.iter().map(|site| keys!(site)));
        for (keys, index) in own.take(MAX_SITES + 1).zip(0..) {
            errors.extend(keys.rules(&self.place(index)).err().unwrap_or_default());
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (place, common_rules) = (self.place(0), common.rules(&self.place(0))?);
        let told = common.warnings(&place, &common_rules);
        let mut rules = vec![(common_rules, told.clone())];
        for (site, index) in self.sites.iter().zip(1..) {
            let keys = keys!(site).or(&common);
            let site_rules = keys.rules(&self.place(index))?;
            // And unwise only there, too.
            let again = keys.warnings(&place, &site_rules);
            let warnings = keys.warnings(&self.place(index), &site_rules).into_iter().zip(again);
            let warnings = warnings.filter(|(_, again)| !told.contains(again)).map(|(warning, _)| warning).collect();
            rules.push((site_rules, warnings));
        }
        Ok(rules)
    }

    fn errors_of_sites(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.sites.len() > MAX_SITES {
            errors.push(ConfigError::TooManySites(self.sites.len()));
        }
        let mut named = HashMap::new();
        for (site, index) in self.sites.iter().take(MAX_SITES).zip(1..) {
            let place = self.place(index);
            if site.partitions.is_empty() && site.device_pools.is_empty() {
                errors.push(ConfigError::NoLines { place: place.clone() });
            }
            for (key, names) in [("partitions", &site.partitions), ("device_pools", &site.device_pools)] {
                for name in names {
                    if let Some(other) = named.insert((key, name), index) {
                        let (place, other) = (place.clone(), self.place(other));
                        errors.push(ConfigError::Twice { place, key, value: name.clone(), other });
                    }
                }
            }
        }
        errors
    }
}

impl<'a> Keys<'a> {
    /// These, and where they say nothing those of `[numbers]`.
    fn or(self, common: &Self) -> Self {
        let same_country = self.region.is_none();
        let of_country = |own: Option<&'a str>, common: Option<&'a str>| own.or(common.filter(|_| same_country));
        Self {
            region: self.region.or(common.region),
            international_prefix: of_country(self.international_prefix, common.international_prefix),
            national_prefix: of_country(self.national_prefix, common.national_prefix),
            bare_national_numbers: self.bare_national_numbers.or(common.bare_national_numbers.filter(|_| same_country)),
            outside_access: self.outside_access.or(common.outside_access),
            outside_access_on: self.outside_access_on.or(common.outside_access_on),
            extensions: if self.extensions.is_empty() { common.extensions } else { self.extensions },
        }
    }

    fn rules(&self, place: &str) -> Result<Rules, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let country = self.region.and_then(|code| {
            let country = Country::of(code);
            if country.is_none() {
                errors.push(ConfigError::Region { place: place.into(), value: code.into() });
            }
            country
        });
        let outside_access = self.outside_access.filter(|digits| !digits.is_empty());
        let prefixes = [
            ("international_prefix", self.international_prefix),
            ("national_prefix", self.national_prefix),
            ("outside_access", outside_access),
        ];
        for (key, value) in prefixes {
            let is_prefix = |digits: &str| (1..=MAX_PREFIX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            if let Some(value) = value.filter(|digits| !is_prefix(digits)) {
                errors.push(ConfigError::Prefix { place: place.into(), key, value: value.into() });
            }
        }
        let mut extensions = Vec::with_capacity(self.extensions.len());
        for (Extension { pattern, e164 }, number) in self.extensions.iter().zip(1..) {
            match ExtensionRule::new(pattern, e164.as_deref()) {
                Ok(rule) => extensions.push(rule),
                Err(error) => errors.push(ConfigError::Extension { place: place.into(), number, error }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Rules {
            country,
            international_prefix: self.international_prefix.map(str::to_owned),
            national_prefix: self.national_prefix.map(str::to_owned),
            bare_national_numbers: self.bare_national_numbers.unwrap_or_default(),
            outside_access: outside_access.map(str::to_owned),
            outside_access_on: self.outside_access_on.unwrap_or_default(),
            extensions,
        })
    }

    fn warnings(&self, place: &str, rules: &Rules) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if rules.country.is_none() {
            let useless = [("national_prefix", &rules.national_prefix), ("outside_access", &rules.outside_access)];
            for (key, value) in useless {
                let warning = |value: &String| Warning::NoRegion { place: place.into(), key, value: value.clone() };
                warnings.extend(value.as_ref().map(warning));
            }
        }
        if let (Some(country), Some(access)) = (&rules.country, &rules.outside_access) {
            let is_trunk = country.has_open_numbering() && country.trunk().starts_with(access);
            if is_trunk && rules.outside_access_on == OutsideAccessOn::SomeNumbers {
                let region = self.region.unwrap_or_default().to_owned();
                warnings.push(Warning::OpenNumbering { place: place.into(), value: access.clone(), region });
            }
        }
        for (number, rule) in rules.extensions.iter().enumerate() {
            if let Some(other) = rules.extensions.iter().take(number).position(|former| former.covers(rule)) {
                let pattern = self.extensions.get(number).map(|e| e.pattern.clone()).unwrap_or_default();
                warnings.push(Warning::Covered { place: place.into(), number: number + 1, pattern, other: other + 1 });
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    fn errors(text: &str) -> Vec<String> {
        config(text).check().unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn warnings(text: &str) -> Vec<String> {
        config(text).check().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_at_all_is_valid() {
        assert_eq!(warnings(""), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_value() {
        let text = "region = 'France'\noutside_access = '0-'\n[[extension]]\npattern = '1xxx'\ne164 = '33'\n\
                    [[site]]\nname = 'Rome'\nregion = 'IT'\npartitions = ['P']\nnational_prefix = ''\n[[site]]\npartitions = ['P']\n[[site]]\n";
        let errors = errors(text);
        for expected in [
            "[numbers]: `region` is \"France\"",
            "[numbers]: `outside_access` is \"0-\"",
            "[numbers], extension 1: `e164` is \"33\"",
            "[[numbers.site]] 1 (Rome): `national_prefix` is \"\"",
            "[[numbers.site]] 2: `partitions` names \"P\", which [[numbers.site]] 1 (Rome) has already",
            "[[numbers.site]] 3 has no lines",
        ] {
            assert!(errors.iter().any(|e| e.starts_with(expected)), "{expected} is missing in {errors:#?}");
        }
    }

    #[test]
    fn what_a_site_has_from_the_common_rules_is_told_once() {
        let sites = "[[site]]\npartitions = ['P']\n[[site]]\npartitions = ['Q']\nextension = [{ pattern = '1' }, { pattern = '1' }]\n";
        assert_eq!(errors(&format!("region = 'XX'\noutside_access = 'x'\n{sites}")).len(), 2);
        let told =
            warnings(&format!("region = 'DE'\noutside_access = '0'\nextension = [{{ pattern = 'x' }}, {{ pattern = 'x' }}]\n{sites}"));
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[2].starts_with("[[numbers.site]] 2, extension 2"), "{told:#?}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("contry = 'FR'").is_err());
        assert!(toml::from_str::<Config>("[[site]]\nregoin = 'FR'").is_err());
    }

    #[test]
    fn what_is_unwise_is_told() {
        let told = warnings("outside_access = '9'");
        assert!(told[0].contains("without a `region`"), "{told:?}");
        let told = warnings("region = 'DE'\noutside_access = '0'");
        assert!(told[0].contains("\"dialled\"") && told[0].contains("in DE"), "{told:?}");
        assert_eq!(warnings("region = 'DE'\noutside_access = '0'\noutside_access_on = 'all'"), [""; 0]);
        assert_eq!(warnings("region = 'FR'\noutside_access = '0'"), [""; 0]);
        let told = warnings("extension = [{ pattern = '1xxx' }, { pattern = '12xx', e164 = '+33123401000' }]");
        assert!(told[0].contains("extension 2") && told[0].contains("extension 1 comes first"), "{told:?}");
    }
}
