//! What is told, in which order, and what happens while the log takes nothing.

use super::*;
use crate::access::Scope;
use crate::calls::Ids;
use crate::cti::Device;
use crate::cti::{DeviceChange, DeviceKind};
use crate::event::Filter;
use crate::hub::{Drained, Mailbox};

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
