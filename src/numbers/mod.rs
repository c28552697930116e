//! Numbers as a cluster's phones show them, read as E.164 by the rules of their site.
//!
//! Sans-I/O, and knows nothing of CTI or events. [`NumberPlan::e164`] is a function of its arguments and the configuration alone.
//!
//! A number is never read wrongly for want of knowing better: it is read only when one reading is valid and no other is possible.
//! docs/numbers.md tells the rules.

mod cache;
mod config;
mod country;
mod e164;
mod explain;
mod extension;
mod rules;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub use config::{Config, ConfigError, Extension, OutsideAccessOn, Site as SiteConfig, Warning};
pub use e164::E164;
pub use extension::RuleError;

use cache::{Cache, Packed};
use rules::Rules;

/// Whose number it is, as far as the cluster says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// A directory number of the cluster.
    Internal,
    /// A party outside; the network delivered the number.
    Delivered,
    /// A party outside; the number is as it was dialled here.
    Dialled,
    /// A party outside; nobody says where the number comes from.
    Outside,
    /// Nobody says. A short number is then taken for a directory number.
    #[default]
    Unknown,
}

/// Where a number is seen: one of the sites of the configuration. The default is everywhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Site(u16);

/// A question, as it is remembered.
type Question = (Packed, Site, NumberKind);

/// The rules of all sites.
#[derive(Debug)]
pub struct NumberPlan {
    config: Config,
    /// There are no rules: what has no plus sign is not read.
    plus_only: bool,
    /// Those of `[numbers]`, and then those of each site.
    rules: Vec<Rules>,
    partitions: HashMap<String, Site>,
    device_pools: HashMap<String, Site>,
    cache: Mutex<Cache<Question, Option<E164>>>,
}

impl Default for NumberPlan {
    /// A plan without rules: it reads numbers with a plus sign.
    fn default() -> Self {
        Self::with_rules(Config::default(), vec![Rules::default()])
    }
}

impl NumberPlan {
    /// The plan of a configuration.
    ///
    /// # Errors
    /// All that [`Config::check`] tells.
    pub fn new(config: &Config) -> Result<Self, Vec<ConfigError>> {
        let rules = config.rules()?.into_iter().map(|(rules, _)| rules).collect();
        Ok(Self::with_rules(config.clone(), rules))
    }

    fn with_rules(config: Config, rules: Vec<Rules>) -> Self {
        let names = |of: fn(&SiteConfig) -> &Vec<String>| {
            config.sites.iter().zip(1..).flat_map(|(site, index)| of(site).iter().map(move |name| (name.clone(), Site(index)))).collect()
        };
        let (partitions, device_pools) = (names(|site| &site.partitions), names(|site| &site.device_pools));
        // The library reads its tables when it is first used: not while somebody waits for an event.
        country::international("1");
        let named = [&config.region, &config.international_prefix, &config.national_prefix, &config.outside_access];
        let plus_only = named.iter().all(|key| key.is_none()) && config.extensions.is_empty() && config.sites.is_empty();
        Self { config, plus_only, rules, partitions, device_pools, cache: Mutex::new(Cache::new(cache::GENERATION)) }
    }

    /// The site of a line: by the device pool of its device, where known, else by its partition. To be asked once for each line.
    pub fn site(&self, partition: &str, device_pool: Option<&str>) -> Site {
        let by_pool = device_pool.and_then(|pool| self.device_pools.get(pool));
        by_pool.or_else(|| self.partitions.get(partition)).copied().unwrap_or_default()
    }

    /// The number in E.164 form, when that is sure.
    ///
    /// `number` is as CTI tells it: digits, or digits behind `+` or `\+`. Anything else is no number. `at` is the site whose rules
    /// count: for a party of the cluster that of its own partition, for one outside that of the line that sees it. Costs a look-up,
    /// or for a number that was not asked for lately some ten microseconds; never waits.
    pub fn e164(&self, number: &str, at: Site, kind: NumberKind) -> Option<E164> {
        // Directory numbers are written with a backslash, because a plus alone is a wildcard in patterns.
        let number = number.strip_prefix('\\').filter(|rest| rest.starts_with('+')).unwrap_or(number);
        if self.plus_only && !number.starts_with('+') {
            return None;
        }
        let question = (Packed::of(number)?, at, kind);
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = lock().get(question) {
            return answer;
        }
        let answer = self.rules.get(usize::from(at.0)).and_then(|rules| rules.read(number, kind));
        lock().insert(question, answer);
        answer
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
