//! Flows and recorded sessions as what a session tells of them: their phones, and then their messages.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use callcast::cti::{Device, DeviceChange, DeviceKind, Line, LineChange, LineHandle, Notice};
use callcast::ctiqbe::VERSION_12_5;
use callcast::sim::Recording;
use callcast::sim::play::RecordedHandle;

pub struct Playing {
    recording: Recording,
    handles: HashMap<RecordedHandle, i32>,
}

impl Playing {
    /// A flow or recorded session; the path begins at the top of the repository.
    pub fn read(path: &str) -> Self {
        let recording = Recording::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{error}"));
        let handles = recording.opened().cloned().zip(1..).collect();
        Self { recording, handles }
    }

    /// The phones that are watched.
    pub fn phones(&self) -> Vec<Arc<Device>> {
        self.recording.devices().iter().map(|spec| phone(&spec.name, spec.owner.as_deref())).collect()
    }

    /// Tells that the phones are in service, with their lines.
    pub fn open(&self, tell: impl Fn(&Notice<'_>)) {
        for (spec, device) in self.recording.devices().iter().zip(self.phones()) {
            tell(&Notice::Device { device: &device, change: DeviceChange::Registered });
            tell(&Notice::Device { device: &device, change: DeviceChange::InService });
            for at in &spec.lines {
                let line = line(&device, &at.dn, &at.partition);
                let handle = self.handles[&RecordedHandle::Line(spec.name.clone(), at.dn.clone(), at.partition.clone())];
                tell(&Notice::Line { line: &line, change: LineChange::Opened(LineHandle { call_manager: 1, line: handle }) });
                tell(&Notice::Line { line: &line, change: LineChange::InService });
            }
        }
        tell(&Notice::Resynced { in_service: self.recording.devices().len(), refused: 0 });
    }

    /// The bytes of the messages, each with its time.
    pub fn messages(&self) -> impl Iterator<Item = (Duration, Vec<u8>)> {
        let own = |handle: &RecordedHandle| self.handles.get(handle).copied();
        self.recording.events().iter().map(move |event| (event.at, self.recording.frame(event, VERSION_12_5, own).unwrap()))
    }
}

pub fn phone(name: &str, owner: Option<&str>) -> Arc<Device> {
    let (name, model, owner) = (name.into(), "Cisco 8861".into(), owner.map(Into::into));
    Arc::new(Device { name, model, kind: DeviceKind::Phone, owner, login_user: None, device_pool: None })
}

pub fn line(device: &Arc<Device>, dn: &str, partition: &str) -> Arc<Line> {
    Arc::new(Line { device: Arc::clone(device), dn: dn.into(), partition: partition.into(), display_name: String::new() })
}
