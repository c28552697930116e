//! Which devices and lines may be opened: the include and exclude patterns, and the rule for CTI ports and route points.

use wildmatch::WildMatch;

use super::config::{Config, Patterns};
use super::{Device, DeviceKind};

/// The compiled patterns.
#[derive(Debug)]
pub struct Selection {
    include: Compiled,
    exclude: Compiled,
}

#[derive(Debug)]
struct Compiled {
    devices: Vec<WildMatch>,
    directory_numbers: Vec<WildMatch>,
    partitions: Vec<WildMatch>,
}

impl Compiled {
    fn new(patterns: &Patterns) -> Self {
        let compile = |list: &[String]| list.iter().map(|p| WildMatch::new(p)).collect();
        Self {
            devices: compile(&patterns.devices),
            directory_numbers: compile(&patterns.directory_numbers),
            partitions: compile(&patterns.partitions),
        }
    }
}

fn any(patterns: &[WildMatch], text: &str) -> bool {
    patterns.iter().any(|p| p.matches(text))
}

fn allowed(include: &[WildMatch], exclude: &[WildMatch], text: &str) -> bool {
    (include.is_empty() || any(include, text)) && !any(exclude, text)
}

impl Selection {
    /// The patterns of a session.
    pub fn new(config: &Config) -> Self {
        Self { include: Compiled::new(&config.include), exclude: Compiled::new(&config.exclude) }
    }

    /// Whether a device of this name may be asked for at all.
    pub fn allows_name(&self, device: &str) -> bool {
        allowed(&self.include.devices, &self.exclude.devices, device)
    }

    /// Whether this device may be opened. CTI ports and route points belong to other applications (contact centre, voicemail, IVR):
    /// they are opened only when the inventory names them.
    pub fn allows_device(&self, device: &Device, named_in_inventory: bool) -> bool {
        (device.kind == DeviceKind::Phone || named_in_inventory) && self.allows_name(&device.name)
    }

    /// Whether a line may be opened.
    pub fn allows_line(&self, dn: &str, partition: &str) -> bool {
        allowed(&self.include.directory_numbers, &self.exclude.directory_numbers, dn)
            && allowed(&self.include.partitions, &self.exclude.partitions, partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(change: impl FnOnce(&mut Config)) -> Selection {
        let mut config = Config::new(vec![], String::new());
        change(&mut config);
        Selection::new(&config)
    }

    fn device(name: &str, kind: DeviceKind) -> Device {
        Device { name: name.into(), model: String::new(), kind, owner: None, login_user: None, device_pool: None }
    }

    #[test]
    fn without_patterns_every_phone_is_opened() {
        let all = selection(|_| {});
        assert!(all.allows_device(&device("SEP1", DeviceKind::Phone), false) && all.allows_line("2000", ""));
    }

    #[test]
    fn a_cti_port_is_opened_only_when_the_inventory_names_it() {
        let all = selection(|_| {});
        for kind in [DeviceKind::CtiPort, DeviceKind::RoutePoint] {
            assert!(!all.allows_device(&device("CUE1", kind), false));
            assert!(all.allows_device(&device("CUE1", kind), true));
        }
    }

    #[test]
    fn exclude_wins_over_include() {
        let some = selection(|c| {
            c.include.devices = vec!["SEP*".into()];
            c.exclude.devices = vec!["SEP00??".into()];
            c.exclude.partitions = vec!["Lobby-*".into()];
            c.include.directory_numbers = vec!["2*".into()];
        });
        assert!(some.allows_name("SEP1100") && !some.allows_name("SEP0011") && !some.allows_name("CSF1"));
        assert!(some.allows_line("2000", "Internal-PT") && !some.allows_line("2000", "Lobby-PT") && !some.allows_line("3000", ""));
    }
}
