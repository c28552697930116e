//! What the cluster says of a device: its model, who is logged in, its lines. It may come in several parts.

use std::sync::Arc;

use super::devices::{Entry, LineEntry, LineStage, Stage};
use super::inventory::Listed;
use super::provider::{Context, Provider};
use super::{Device, DeviceChange, DeviceKind, Finding, Line, LineChange};
use crate::ctiqbe::messages::{DeviceInfoStatic, DeviceLineInfoEvent, DeviceRegisteredEventWithLineInfo, DeviceRegistrationInfo, LineInfo};
use crate::ctiqbe::names::{DeviceControlFlagBitmask, DeviceLineInfoContent, DeviceRegistrationStatus};
use crate::ctiqbe::{Array, Text};

/// The bits of a device that is on the control list, by itself or by its extension-mobility user.
const ON_CONTROL_LIST: i32 =
    DeviceControlFlagBitmask::CONTROLLED.0 | DeviceControlFlagBitmask::USER_LOGGED_IN.0 | DeviceControlFlagBitmask::PROFILE_LOGGED_IN.0;

/// One part of what the cluster says of a device.
pub struct Description<'a> {
    name: String,
    controlled: bool,
    registered: bool,
    fixed: Option<DeviceInfoStatic<'a>>,
    registration: Option<DeviceRegistrationInfo<'a>>,
    lines: Option<Array<'a, LineInfo<'a>>>,
    more_lines: bool,
}

/// Characters that are kept of a name or description that the cluster sends.
const TEXT_LIMIT: usize = 256;

/// A text of the cluster, cut where it is longer than any that it has.
pub fn bounded(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    text.char_indices().nth(TEXT_LIMIT).and_then(|(at, _)| text.get(..at)).map(str::to_owned).unwrap_or(text)
}

impl<'a> From<DeviceLineInfoEvent<'a>> for Description<'a> {
    fn from(event: DeviceLineInfoEvent<'a>) -> Self {
        let content = event.event_content;
        Self {
            registered: event.device_registration_status != DeviceRegistrationStatus::UNREGISTERED,
            fixed: part(content, DeviceLineInfoContent::DEVICE_INFO_STATIC, event.device_info_static),
            more_lines: event.more_lines,
            ..Self::new(&event.device_name, event.control_mode_bit_map, content, event.device_registration_info, event.line_info)
        }
    }
}

impl<'a> From<DeviceRegisteredEventWithLineInfo<'a>> for Description<'a> {
    fn from(event: DeviceRegisteredEventWithLineInfo<'a>) -> Self {
        let (mask, content) = (event.control_mode_bit_map, event.event_content);
        let description = Self::new(&event.device_name, mask, content, event.device_registration_info, event.line_info);
        Self { more_lines: event.more_lines, ..description }
    }
}

impl<'a> Description<'a> {
    fn new(
        name: &Text<'_>,
        mask: DeviceControlFlagBitmask,
        content: DeviceLineInfoContent,
        registration: DeviceRegistrationInfo<'a>,
        lines: Array<'a, LineInfo<'a>>,
    ) -> Self {
        Self {
            name: bounded(name),
            controlled: mask.0 & ON_CONTROL_LIST != 0,
            registered: true,
            fixed: None,
            registration: part(content, DeviceLineInfoContent::DEVICE_REGISTRATION_INFO, registration),
            lines: part(content, DeviceLineInfoContent::LINE_INFO, lines),
            more_lines: false,
        }
    }
}

/// A part of a message that says which of its parts mean something.
fn part<T>(content: DeviceLineInfoContent, which: DeviceLineInfoContent, value: T) -> Option<T> {
    (content.0 & which.0 != 0).then_some(value)
}

impl Provider {
    /// Takes one part. The device's name, when it is one of ours and its description is complete.
    pub(super) fn describe(&mut self, cx: &mut Context<'_, '_>, part: Description<'_>, in_control_list: bool) -> Option<Arc<str>> {
        let controlled = part.controlled || in_control_list;
        let known = self.devices.get(&part.name).is_some();
        if part.name.is_empty() || !(known || controlled) {
            return None;
        }
        let Listed { user: owner, device_pool } = self.inventory.listed(&part.name);
        let named = self.inventory.contains(&part.name);
        let Some(entry) = self.devices.get_or_add(&part.name) else {
            self.table_full(&part.name);
            return None;
        };
        entry.named = named;
        entry.listed |= controlled;
        entry.registered = part.registered;
        let mut device = Device { owner, device_pool, ..Device::clone(&entry.device) };
        if let Some(fixed) = &part.fixed {
            device.kind = DeviceKind::of(fixed.device_type);
            device.model = bounded(&fixed.device_type_name);
        }
        if let Some(registration) = &part.registration {
            device.login_user = Some(bounded(&registration.unicode_login_user_id)).filter(|user| !user.is_empty());
        }
        replace_device(entry, device, cx.findings);
        entry.known |= part.fixed.is_some();
        let fits = part.lines.as_ref().is_none_or(|lines| take_lines(entry, lines));
        let all_lines = part.lines.is_some() && !part.more_lines;
        // Without its type it might be a CTI port, which is not opened unasked.
        entry.described |= all_lines && entry.known;
        entry.more_lines = part.more_lines;
        let name = entry.name.clone();
        if !fits {
            self.table_full(&part.name);
        }
        if all_lines {
            self.drop_unseen_lines(cx, &name);
        }
        (!part.more_lines).then_some(name)
    }

    fn drop_unseen_lines(&mut self, cx: &mut Context<'_, '_>, name: &str) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        let (seen, gone): (Vec<LineEntry>, Vec<LineEntry>) = std::mem::take(&mut entry.lines).into_iter().partition(|l| l.seen);
        entry.lines = seen;
        for mut line in gone {
            if let LineStage::Open(handle) = line.stage {
                self.devices.line_closed(handle);
            }
            self.release_line(cx, &mut line);
        }
    }

    /// The inventory may say something else of the device's user or device pool now.
    pub(super) fn listed_changed(&mut self, cx: &mut Context<'_, '_>, name: &str) {
        let Listed { user: owner, device_pool } = self.inventory.listed(name);
        let Some(entry) = self.devices.get_mut(name) else { return };
        if entry.device.owner == owner && entry.device.device_pool == device_pool {
            return;
        }
        let device = Device { owner, device_pool, ..Device::clone(&entry.device) };
        replace_device(entry, device, cx.findings);
        if entry.in_service {
            cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::InService });
        }
    }
}

/// The device is told of in another way from now on. Who logged in or out is said, and open lines are told again, with the new device.
fn replace_device(entry: &mut Entry, device: Device, findings: &mut Vec<Finding<'_>>) {
    if *entry.device == device {
        return;
    }
    let former = std::mem::replace(&mut entry.device, Arc::new(device));
    if entry.known && former.login_user != entry.device.login_user {
        if let Some(user) = former.login_user.clone() {
            findings.push(Finding::UserLoggedOut { device: entry.device.clone(), user });
        }
        if entry.device.login_user.is_some() {
            findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::UserLoggedIn });
        }
    }
    for line in &mut entry.lines {
        line.line = Arc::new(Line { device: entry.device.clone(), ..Line::clone(&line.line) });
        if let (Stage::Open(_), LineStage::Open(handle)) = (entry.stage, line.stage) {
            findings.push(Finding::Line { line: line.line.clone(), change: LineChange::Opened(handle) });
        }
    }
}

/// Takes the lines of one part; `false` when the device has too many.
fn take_lines(entry: &mut Entry, lines: &Array<'_, LineInfo<'_>>) -> bool {
    if !entry.more_lines {
        entry.lines.iter_mut().for_each(|l| l.seen = false);
    }
    let device = entry.device.clone();
    lines.iter().all(|info| {
        let display_name =
            if info.unicode_display_name.is_empty() { bounded(&info.display_name) } else { bounded(&info.unicode_display_name) };
        let (dn, partition) = (bounded(&info.name), bounded(&info.partition));
        let line = Line { device: device.clone(), dn, partition, display_name };
        let Some(known) = entry.lines.iter_mut().find(|l| l.line.dn == line.dn && l.line.partition == line.partition) else {
            return entry.add_line(Arc::new(line));
        };
        known.seen = true;
        if *known.line != line {
            known.line = Arc::new(line);
        }
        true
    })
}
