//! How devices stand now, for who asks once, and what of it a scope may see.
//!
//! Live state is judged by whose the device is now, a leg by its own stamp: a call that began when the device was another user's is not
//! shown to the new one. A line's scope sees of a device that line alone.

use std::sync::Arc;

use super::Gateway;
use crate::access::Scope;
use crate::event::Filter;
use crate::journal::Cursor;
use crate::state::{DeviceIndex, DeviceState, DeviceView, LiveLeg};

/// A device as it stood at one moment.
pub type Seen = (Arc<DeviceView>, DeviceState);

/// Devices that are looked at under one lock: the telling of events waits for so many at most.
const AT_ONCE: usize = 1024;

impl Gateway {
    /// The last event that everything shown from now on knows of.
    pub fn cursor(&self) -> Cursor {
        self.reader.cursor(self.told().durable)
    }

    /// The devices that a filter asks for and whose state is wanted, in the order in which they were first seen. Each stands as it did at
    /// one moment, all of them not at the same.
    pub fn devices(&self, filter: &Filter, wanted: impl Fn(&DeviceState) -> bool) -> Vec<Seen> {
        let indexes = if filter.all { self.all() } else { self.told().directory.matching(filter) };
        // Read without a lock; what changes in between is looked at again below.
        let of_interest = |index: &DeviceIndex| self.table.read(*index).is_some_and(|state| wanted(&state));
        let indexes: Vec<DeviceIndex> = indexes.into_iter().filter(of_interest).collect();
        let mut found = Vec::with_capacity(indexes.len());
        for some in indexes.chunks(AT_ONCE) {
            let told = self.told();
            let view = |index: &DeviceIndex| Some((Arc::clone(told.directory.get(*index)?), self.table.read(*index)?));
            found.extend(some.iter().filter_map(view).filter(|(_, state)| wanted(state)));
        }
        found
    }

    fn all(&self) -> Vec<DeviceIndex> {
        (0..u32::try_from(self.table.len()).unwrap_or(u32::MAX)).map(DeviceIndex).collect()
    }
}

/// A filter that asks for all devices that a scope may see.
pub fn all_of(scope: &Scope) -> Filter {
    let texts = |texts: &[Box<str>]| texts.iter().map(|text| text.clone().into_string()).collect();
    Filter {
        devices: texts(&scope.devices),
        lines: texts(&scope.lines),
        users: texts(&scope.users),
        all: scope.everything,
        ..Filter::default()
    }
}

/// What a scope may see of a device; `None` when that is nothing.
pub fn seen(scope: &Scope, (mut view, mut state): Seen) -> Option<Seen> {
    if scope.everything {
        return Some((view, state));
    }
    let device = &view.device;
    if !scope.allows_device(&device.name, device.user.as_deref()) {
        if !view.lines.iter().any(|line| has_line(scope, &line.dn)) {
            return None;
        }
        let view = Arc::make_mut(&mut view);
        view.lines.retain(|line| has_line(scope, &line.dn));
        view.retain_legs(|leg| has_line(scope, &leg.line.dn));
        // What it does on other lines is not told, not even by a sum.
        state.calls_state = view.aggregate();
        state.calls = u16::try_from(view.legs().len()).unwrap_or(u16::MAX);
        state.since = view.legs().iter().map(|leg| leg.began).min().unwrap_or_default();
    } else if !view.legs().iter().all(|leg| allows_leg(scope, leg)) {
        Arc::make_mut(&mut view).retain_legs(|leg| allows_leg(scope, leg));
    }
    Some((view, state))
}

/// Whether a leg may be seen, of a device that may be: by whose its device was when it began.
fn allows_leg(scope: &Scope, leg: &LiveLeg) -> bool {
    scope.allows_device(&leg.line.device.name, leg.line.device.user.as_deref()) || has_line(scope, &leg.line.dn)
}

fn has_line(scope: &Scope, dn: &str) -> bool {
    scope.lines.iter().any(|known| **known == *dn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Device, Line};

    /// A device with two lines, of ann.
    fn phone() -> Seen {
        let device = Arc::new(Device::new(0, "SEP1", "Cisco 8861", "phone", Some("ann")));
        let line = |dn| Arc::new(Line::new(Arc::clone(&device), dn, "P"));
        let view = DeviceView::new(Arc::clone(&device), vec![line("2000"), line("2001")]);
        (Arc::new(view), DeviceState { calls: 7, in_service: true, ..DeviceState::default() })
    }

    #[test]
    fn a_device_is_seen_by_its_name_and_by_whose_it_is_now() {
        let by_name = Scope { devices: vec!["SEP1".into()], ..Scope::default() };
        for scope in [Scope::everything(), Scope::of_user("ann"), by_name] {
            assert_eq!(seen(&scope, phone()).unwrap().0.lines.len(), 2);
        }
        assert!(seen(&Scope::of_user("ben"), phone()).is_none());
    }

    #[test]
    fn a_scope_of_a_line_sees_that_line_alone() {
        let scope = Scope { lines: vec!["2001".into()], ..Scope::default() };
        let (view, state) = seen(&scope, phone()).unwrap();
        assert_eq!(view.lines.iter().map(|line| line.dn.as_str()).collect::<Vec<_>>(), ["2001"]);
        assert_eq!((state.calls, state.in_service), (0, true));
    }
}
