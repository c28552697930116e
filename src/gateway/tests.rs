//! What is told, in which order, and what happens while the log takes nothing.

use std::path::Path;
use std::sync::Condvar;
use std::time::{Duration, Instant};

use super::*;
use crate::access::Scope;
use crate::calls::Ids;
use crate::cti::Device;
use crate::cti::{DeviceChange, DeviceKind};
use crate::event::Filter;
use crate::hub::{Drained, Mailbox};
use crate::journal::{Disk, DiskFile, Options, RealDisk, SyncMode};

fn gateway() -> Arc<Gateway> {
    let calls = CallModel::new(Ids::seeded(1), false);
    let gateway = Gateway::new(calls, Journal::temporary().unwrap(), Metrics::new().unwrap());
    gateway.observe(SessionId(0), Timestamp(1), &[Notice::Connected { manager: "cucm", cluster: "test" }]);
    Arc::new(gateway)
}

fn device(name: &str, user: &str) -> Arc<Device> {
    Arc::new(Device {
        name: name.into(),
        model: "Cisco 8861".into(),
        kind: DeviceKind::Phone,
        owner: Some(user.into()),
        login_user: None,
        device_pool: None,
    })
}

fn in_service(gateway: &Gateway, device: &Arc<Device>) {
    gateway.observe(SessionId(0), Timestamp(2), &[Notice::Device { device, change: DeviceChange::InService }]);
}

fn texts(mailbox: &Mailbox<Outgoing>) -> Vec<String> {
    let mut frames = Vec::new();
    assert_eq!(mailbox.drain(&mut frames, 1000), Drained::Empty);
    frames.iter().map(|frame| frame.text()).collect()
}

fn everything(gateway: &Gateway) -> Arc<Mailbox<Outgoing>> {
    let mailbox = Arc::new(Mailbox::new(1000));
    gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), None).unwrap();
    mailbox
}

#[test]
fn what_is_told_is_in_the_log_byte_for_byte() {
    let gateway = gateway();
    let mailbox = everything(&gateway);
    in_service(&gateway, &device("SEP1", "bsmith"));
    let wanted = Wanted { filters: vec![Filter::everything()], without: Vec::new(), scope: Arc::new(Scope::everything()) };
    let missed = wanted.read(gateway.reader(), gateway.newest(), gateway.newest() + 1).unwrap();
    let kept: Vec<String> = missed.frames.iter().map(|frame| frame.text()).collect();
    assert_eq!(kept, texts(&mailbox));
}

#[test]
fn whoever_goes_on_where_it_was_gets_what_it_missed_and_then_what_comes() {
    let gateway = gateway();
    let seen = gateway.cursor_at(gateway.newest());
    in_service(&gateway, &device("SEP1", "bsmith"));
    let mailbox = Arc::new(Mailbox::new(1000));
    let opening = gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), Some(seen)).unwrap().1;
    let Opening::Resumed { from, until } = opening else { panic!("{opening:?}") };
    assert_eq!((from, until), (seen.sequence + 1, gateway.newest() + 1));
    in_service(&gateway, &device("SEP2", "zoe"));
    let live = texts(&mailbox);
    assert!(live.len() == 1 && live[0].contains("SEP2"), "{live:?}");
}

#[test]
fn a_cursor_of_another_log_or_from_the_future_gets_a_snapshot_and_the_reason() {
    let gateway = gateway();
    let now = gateway.cursor_at(gateway.newest());
    for (cursor, reason) in [
        (Cursor { journal: now.journal ^ 1, ..now }, Lost::Unknown),
        (Cursor { epoch: now.epoch + 1, ..now }, Lost::Unknown),
        (Cursor { sequence: now.sequence + 1, ..now }, Lost::Future),
    ] {
        let mailbox = Arc::new(Mailbox::new(10));
        let opening = gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), Some(cursor)).unwrap().1;
        assert!(matches!(opening, Opening::Snapshot { lost: Some(lost), .. } if lost == reason), "{cursor}");
    }
}

#[test]
fn a_limited_scope_is_refused_what_is_not_its_own_and_what_does_not_exist_alike() {
    let gateway = gateway();
    in_service(&gateway, &device("SEP1", "bsmith"));
    in_service(&gateway, &device("SEP2", "zoe"));
    let scope = Scope::of_user("bsmith");
    let ask = |filter: Filter| gateway.subscribe(&Arc::new(Mailbox::new(10)), &filter, &scope, None).map(|_| ());
    let devices = |name: &str| Filter { devices: vec![name.into()], ..Filter::default() };
    assert_eq!(ask(devices("SEP1")), Ok(()));
    let refused = |name: &str| Err(Forbidden { kind: "device", name: name.into() });
    assert_eq!(ask(devices("SEP2")), refused("SEP2"));
    assert_eq!(ask(devices("SEP3")), refused("SEP3"));
    assert!(ask(Filter { users: vec!["zoe".into()], ..Filter::default() }).is_err());
    assert!(ask(Filter { lines: vec!["2000".into()], ..Filter::default() }).is_err());
}

#[test]
fn everything_under_a_limited_scope_is_all_that_it_may_see() {
    let gateway = gateway();
    in_service(&gateway, &device("SEP1", "bsmith"));
    in_service(&gateway, &device("SEP2", "zoe"));
    let scope = Arc::new(Scope::of_user("bsmith"));
    let mailbox = Arc::new(Mailbox::new(10));
    mailbox.limit_to(&scope);
    let opening = gateway.subscribe(&mailbox, &Filter::everything(), &scope, None).unwrap().1;
    let Opening::Snapshot { snapshot, .. } = opening else { panic!("{opening:?}") };
    assert_eq!(snapshot.devices.iter().map(|(view, _)| &*view.device.name).collect::<Vec<_>>(), ["SEP1"]);
    in_service(&gateway, &device("SEP2", "zoe"));
    in_service(&gateway, &device("SEP1", "bsmith"));
    let live = texts(&mailbox);
    assert!(live.len() == 1 && live[0].contains("SEP1"), "{live:?}");
}

#[test]
fn the_past_of_a_phone_stays_with_whom_it_belonged_to_then() {
    let gateway = gateway();
    in_service(&gateway, &device("SEP1", "bsmith"));
    in_service(&gateway, &device("SEP1", "zoe"));
    let missed = |user: &str| {
        let filter = Filter { devices: vec!["SEP1".into()], ..Filter::default() };
        let wanted = Wanted { filters: vec![filter], without: Vec::new(), scope: Arc::new(Scope::of_user(user)) };
        let missed = wanted.read(gateway.reader(), 2, gateway.newest() + 1).unwrap();
        missed.frames.iter().map(|frame| frame.text()).collect::<Vec<_>>()
    };
    let (old, new) = (missed("bsmith"), missed("zoe"));
    assert!(old.len() == 1 && old[0].contains("\"bsmith\""), "{old:?}");
    assert!(new.len() == 1 && new[0].contains("\"zoe\""), "{new:?}");
}

#[test]
fn with_a_writer_all_is_told_in_order_and_nothing_is_left_when_it_stops() {
    let gateway = gateway();
    let mailbox = everything(&gateway);
    let writer = gateway.start_writer().unwrap();
    for i in 0..500 {
        in_service(&gateway, &device(&format!("SEP{i}"), "bsmith"));
    }
    drop(writer);
    let told = texts(&mailbox);
    assert_eq!(told.len(), 500);
    assert!(told.iter().enumerate().all(|(i, text)| text.contains(&format!("\"SEP{i}\""))));
}

#[test]
fn only_who_may_see_everything_is_told_of_webhooks() {
    let gateway = gateway();
    let all = everything(&gateway);
    let some = Arc::new(Mailbox::new(1000));
    gateway.subscribe(&some, &Filter::everything(), &Scope::of_user("bsmith"), None).unwrap();
    let body = WebhookBody { webhook: "crm".into(), reason: "503".into(), since: None, failures: 1 };
    gateway.webhook_changed(EventType::WebhookDisabled, Timestamp(3), body);
    assert!(texts(&all).last().unwrap().contains("\"type\":\"callcast.webhook.disabled\",\"subject\":\"webhook/crm\""));
    assert!(texts(&some).is_empty());

    let read = |scope: Scope| {
        let wanted = Wanted { filters: vec![Filter::everything()], without: Vec::new(), scope: Arc::new(scope) };
        let missed = wanted.read(gateway.reader(), gateway.newest(), gateway.newest() + 1).unwrap();
        missed.frames.len()
    };
    assert_eq!((read(Scope::everything()), read(Scope::of_user("bsmith"))), (1, 0));
}

/// A disk that waits in the middle of a write when it is told to.
#[derive(Clone, Debug, Default)]
struct Slow(Arc<(Mutex<Waits>, Condvar)>);

#[derive(Debug, Default)]
struct Waits {
    wanted: bool,
    now: bool,
}

impl Slow {
    fn set(&self, wanted: bool) {
        self.0.0.lock().unwrap().wanted = wanted;
        self.0.1.notify_all();
    }

    fn until_it_waits(&self) {
        let waits = self.0.0.lock().unwrap();
        let (_waits, limit) = self.0.1.wait_timeout_while(waits, Duration::from_secs(60), |waits| !waits.now).unwrap();
        assert!(!limit.timed_out());
    }
}

impl Disk for Slow {
    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SlowFile(RealDisk.create(path)?, self.clone())))
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> std::io::Result<()> {
        RealDisk.sync_folder(path)
    }
}

#[derive(Debug)]
struct SlowFile(Box<dyn DiskFile>, Slow);

impl DiskFile for SlowFile {
    fn write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        let (waits, changed) = &*self.1.0;
        let mut waits = waits.lock().unwrap();
        waits.now = waits.wanted;
        changed.notify_all();
        drop(changed.wait_while(waits, |waits| waits.wanted).unwrap());
        self.0.write(bytes)
    }

    fn set_len(&self, length: u64) -> std::io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
}

#[test]
fn after_a_write_that_took_too_long_a_tail_does_not_pass_over_what_it_wrote() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), Slow::default());
    let options = Options { sync: SyncMode::Never, ..Options::new(folder.path()) };
    let journal = Journal::open_on(options, Arc::new(disk.clone())).unwrap();
    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), journal, Metrics::new().unwrap()));
    gateway.observe(SessionId(0), Timestamp(1), &[Notice::Connected { manager: "cucm", cluster: "test" }]);
    let tail = gateway.tail(1_000_000);
    let writer = gateway.start_writer().unwrap();
    disk.set(true);
    in_service(&gateway, &device("SEP1", "bsmith"));
    disk.until_it_waits();
    gateway.take_over("a write to the log takes too long");
    let late = gateway.newest();
    disk.set(false);
    let began = Instant::now();
    while gateway.reader().range().next <= late {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
    let mut at = Timestamp::now();
    let first = loop {
        at.0 += 60_000_000;
        gateway.retry(at);
        if let Some(first) = tail.take().pop_front() {
            break first;
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    };
    assert_eq!(first.after, late);
    drop(writer);
}
