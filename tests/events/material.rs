//! Real events of every type: flows and recorded sessions that are played, and what else may happen to a session.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use callcast::cti::{Device, DeviceChange, LineChange, Notice};
use callcast::ctiqbe::names::{CtiFailure, DeviceOutOfServiceReason, DeviceState, DeviceUnregisteredReason, LineOutOfServiceReason};
use callcast::event::{EventType, WebhookBody};
use callcast::journal::{Journal, Options};
use callcast::time::Timestamp;

use super::disk::SmallDisk;
use super::playing::{Playing, line, phone};
use super::stage::{BEGAN, Stage, Told};

/// The events from which the documentation's examples are taken: a few calls, and what else may happen.
pub fn examples() -> Vec<Told> {
    let flows = ["transfer", "forward", "park", "conference"].map(|name| format!("tests/events/examples/{name}.flow"));
    flows.iter().flat_map(|flow| play(flow)).chain(other_than_calls()).chain(full_disk()).chain(webhooks()).collect()
}

/// All that there is: the examples, the flows of the catalogue and the recorded sessions.
pub fn everything() -> Vec<Told> {
    let files = files("tests/flows", ".flow").into_iter().chain(files("tests/fixtures/ctiqbe/transcripts", ".15.jsonl"));
    examples().into_iter().chain(files.flat_map(|file| play(&file))).chain(unobserved()).collect()
}

fn play(file: &str) -> Vec<Told> {
    let mut stage = Stage::new();
    stage.play(&Playing::read(file));
    stage.told()
}

/// A call whose end nobody sees: its phone is no longer watched.
fn unobserved() -> Vec<Told> {
    let (mut stage, ringing) = (Stage::new(), Playing::read("tests/events/examples/ringing.flow"));
    stage.play(&ringing);
    ringing.phones().iter().for_each(|device| stage.notice(&Notice::Device { device, change: DeviceChange::Removed }));
    stage.told()
}

/// The log takes nothing for a while.
fn full_disk() -> Vec<Told> {
    let (disk, folder) = (SmallDisk::default(), tempfile::tempdir().unwrap());
    let journal = Journal::open_on(Options::new(folder.path()), Arc::new(disk.clone())).unwrap();
    let mut stage = Stage::with_journal(journal);
    disk.set_full(true);
    stage.notice(&Notice::PermissionChanged { control_any_device: true });
    stage.notice(&Notice::PermissionChanged { control_any_device: false });
    disk.set_full(false);
    stage.wait(Duration::from_secs(2));
    stage.told()
}

/// A webhook fails, is well again, and is given up.
fn webhooks() -> Vec<Told> {
    let stage = Stage::new();
    let body = |reason: &str, since, failures| WebhookBody { webhook: "crm".into(), reason: reason.into(), since, failures };
    let since = Some(Timestamp(BEGAN.0 - 60_000_000));
    stage.webhook(EventType::WebhookBreakerOpened, body("the answer was 503 Service Unavailable", since, 10));
    stage.webhook(EventType::WebhookBreakerClosed, body("the answer was 200 OK", since, 12));
    stage.webhook(EventType::WebhookDisabled, body("the answer was 410 Gone: it asks for no more events", None, 0));
    stage.told()
}

fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} in {folder}");
    files
}

/// What happens to sessions, devices and lines.
fn other_than_calls() -> Vec<Told> {
    let stage = Stage::new();
    let bob = phone("SEP00000000000B", Some("bsmith"));
    let devices = |change| stage.notice(&Notice::Device { device: &bob, change });
    let number = line(&bob, "2000", "Internal-PT");
    let lines = |change| stage.notice(&Notice::Line { line: &number, change });
    let cure = "untick 'Restricted' on the device, or give the application user the right to watch such phones";

    devices(DeviceChange::Registered);
    devices(DeviceChange::InService);
    lines(LineChange::InService);
    for (value, ..) in DeviceState::VOCABULARY.values {
        devices(DeviceChange::State { state: DeviceState(*value), asked: false });
    }
    lines(LineChange::OutOfService(LineOutOfServiceReason::CALL_MANAGER_FAILURE));
    lines(LineChange::Closed);
    devices(DeviceChange::OutOfService(DeviceOutOfServiceReason::CALL_MANAGER_FAILURE));
    devices(DeviceChange::Unregistered(DeviceUnregisteredReason::DEVICE_RESET));
    devices(DeviceChange::Refused { result: CtiFailure::CTIERR_DEVICE_RESTRICTED, cure });
    lines(LineChange::Refused { result: CtiFailure::CTIERR_LINE_RESTRICTED, cure });
    // A code without a name.
    devices(DeviceChange::Refused { result: CtiFailure(-1), cure });

    let visited = Arc::new(Device { login_user: Some("jdoe".into()), ..(*bob).clone() });
    stage.notice(&Notice::Device { device: &visited, change: DeviceChange::UserLoggedIn });
    devices(DeviceChange::UserLoggedOut { user: "jdoe" });
    devices(DeviceChange::Removed);

    stage.notice(&Notice::PermissionChanged { control_any_device: true });
    stage.notice(&Notice::Lost { manager: "cucm-sub1.example.com", reason: "the connection was closed" });
    stage.notice(&Notice::Connected { manager: "cucm-sub2.example.com", cluster: "StandAloneCluster" });
    stage.notice(&Notice::FailedOver { from: "cucm-sub1.example.com", to: "cucm-sub2.example.com" });
    stage.notice(&Notice::Resynced { in_service: 1, refused: 0 });
    stage.told()
}
