//! Devices and lines, made once from their specifications.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{
    Account, Appearance, AppearanceId, Cluster, Counters, Device, DeviceId, DeviceKind, FIRST_CALL, FIRST_LEG, Features, Line, LineId,
};
use crate::ctiqbe::names::DeviceState;

/// A line on a device that shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSpec {
    /// The directory number. The same number and partition on two devices is a shared line.
    pub dn: String,
    /// Its partition.
    pub partition: String,
    /// The display name.
    pub display: String,
}

/// A device that shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The user that owns it, if any.
    pub owner: Option<String>,
    /// Its lines.
    pub lines: Vec<LineSpec>,
}

impl Cluster {
    /// A cluster of these devices. A device whose name was there before is passed over.
    ///
    /// `lock_after` is how many failed logins lock an account.
    pub fn new(specs: Vec<DeviceSpec>, accounts: Vec<Account>, lock_after: u32) -> Self {
        let mut cluster = Self {
            devices: Vec::with_capacity(specs.len()),
            lines: Vec::with_capacity(specs.len()),
            appearances: Vec::with_capacity(specs.len()),
            by_name: HashMap::with_capacity_and_hasher(specs.len(), FixedState::default()),
            by_dn: HashMap::with_capacity_and_hasher(specs.len(), FixedState::default()),
            accounts,
            lock_after,
            calls: HashMap::default(),
            next_key: 0,
            next_call: FIRST_CALL,
            next_leg: FIRST_LEG,
            counters: Counters::default(),
            window: None,
            events: std::collections::VecDeque::new(),
            timers: vec![],
            features: Features::default(),
            pilots: vec![],
            car_park: std::collections::BTreeMap::new(),
            next_parking: 0,
            next_transaction: 0,
            monitored: HashMap::default(),
        };
        let mut known = HashMap::new();
        for spec in specs {
            cluster.add(spec, &mut known);
        }
        cluster
    }

    fn add(&mut self, spec: DeviceSpec, known: &mut HashMap<(String, String), LineId>) {
        if self.by_name.contains_key(&spec.name) {
            return;
        }
        let device = DeviceId(self.device_count());
        let mut appearances = Vec::with_capacity(spec.lines.len());
        for (line_spec, instance) in spec.lines.into_iter().zip(1..) {
            let key = (line_spec.dn.clone(), line_spec.partition.clone());
            let line = *known.entry(key).or_insert_with(|| {
                let line = LineId(self.lines.len() as u32);
                self.by_dn.entry(line_spec.dn.clone()).or_insert(line);
                let LineSpec { dn, partition, display } = line_spec;
                self.lines.push(Line { dn, partition, display, restricted: false, appearances: vec![], forwards: Default::default() });
                line
            });
            let appearance = AppearanceId(self.appearances.len() as u32);
            self.appearances.push(Appearance { device, line, instance });
            self.line_mut(line).appearances.push(appearance);
            appearances.push(appearance);
        }
        self.by_name.insert(spec.name.clone(), device);
        self.devices.push(Device {
            name: spec.name,
            kind: spec.kind,
            owner: spec.owner,
            login_user: None,
            registered: true,
            restricted: false,
            appearances,
            legs: vec![],
            state: DeviceState::IDLE,
        });
    }
}
