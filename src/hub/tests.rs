//! Who gets what.

use super::*;
use crate::event::{Device, DeviceBody, EventType, SessionBody};
use crate::time::Timestamp;

fn device(name: &str, user: &str) -> Arc<Device> {
    Arc::new(Device::new(0, name, "Cisco 8861", "phone", Some(user)))
}

fn event(kind: EventType, body: Body) -> Event {
    Event { time: Timestamp(1), kind, source: "/cucm/test".into(), body }
}

fn line_event(name: &str, dn: &str, user: &str) -> Event {
    let line = Arc::new(Line::new(device(name, user), dn, "Internal-PT"));
    event(EventType::LineInService, Body::Line(crate::event::LineBody { line, reason: None, result: None, cure: None, forward_all: None }))
}

fn drained(mailbox: &Mailbox<u32>) -> Vec<u32> {
    let mut taken = Vec::new();
    assert_eq!(mailbox.drain(&mut taken, 100), Drained::Empty);
    taken
}

fn publish(hub: &Hub<u32>, event: Event, first: Sequence, payload: u32) {
    hub.publish(Publication { events: &[event], first, payloads: &[payload] });
}

fn filter(devices: &[&str], lines: &[&str], users: &[&str]) -> Filter {
    let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    Filter { devices: owned(devices), lines: owned(lines), users: owned(users), ..Filter::default() }
}

#[test]
fn a_client_gets_what_concerns_its_device_line_or_user_and_nothing_else() {
    for wanted in [filter(&["SEP1"], &[], &[]), filter(&[], &["2000"], &[]), filter(&[], &[], &["bsmith"])] {
        let hub = Hub::default();
        let mailbox = Arc::new(Mailbox::new(10));
        hub.subscribe(&mailbox, &wanted);
        publish(&hub, line_event("SEP1", "2000", "bsmith"), 1, 11);
        publish(&hub, line_event("SEP2", "3000", "zoe"), 2, 12);
        assert_eq!(drained(&mailbox), [11], "{wanted:?}");
    }
}

#[test]
fn an_event_that_matches_twice_comes_once() {
    let hub = Hub::default();
    let mailbox = Arc::new(Mailbox::new(10));
    hub.subscribe(&mailbox, &Filter { all: true, ..filter(&["SEP1"], &["2000"], &["bsmith"]) });
    publish(&hub, line_event("SEP1", "2000", "bsmith"), 1, 11);
    assert_eq!(drained(&mailbox), [11]);
}

#[test]
fn everybody_is_told_of_a_lost_session() {
    let hub = Hub::default();
    let mailbox = Arc::new(Mailbox::new(10));
    hub.subscribe(&mailbox, &filter(&["SEP1"], &[], &[]));
    let body = SessionBody {
        session: 0,
        manager: None,
        previous_manager: None,
        reason: None,
        devices_in_service: None,
        refused: None,
        control_any_device: None,
    };
    publish(&hub, event(EventType::SessionLost, Body::Session(body)), 1, 11);
    assert_eq!(drained(&mailbox), [11]);
}

#[test]
fn a_device_event_reaches_its_user() {
    let hub = Hub::default();
    let mailbox = Arc::new(Mailbox::new(10));
    hub.subscribe(&mailbox, &filter(&[], &[], &["bsmith"]));
    let body = DeviceBody {
        device: device("SEP1", "bsmith"),
        reason: None,
        result: None,
        cure: None,
        login_user: None,
        state: None,
        removed: false,
    };
    publish(&hub, event(EventType::DeviceInService, Body::Device(body)), 1, 11);
    assert_eq!(drained(&mailbox), [11]);
}

#[test]
fn after_unsubscribing_nothing_comes_and_nothing_is_kept() {
    let hub = Hub::default();
    let mailbox = Arc::new(Mailbox::new(10));
    let wanted = filter(&["SEP1"], &["2000"], &[]);
    hub.subscribe(&mailbox, &wanted);
    hub.unsubscribe(&mailbox, &wanted);
    publish(&hub, line_event("SEP1", "2000", "bsmith"), 1, 11);
    assert_eq!(drained(&mailbox), [0; 0]);
    let indexes = hub.lock();
    assert!(indexes.everybody.is_empty() && indexes.devices.is_empty() && indexes.lines.is_empty());
}

#[test]
fn a_client_that_does_not_read_falls_behind_alone_and_keeps_what_it_had() {
    let hub = Hub::default();
    let (slow, quick) = (Arc::new(Mailbox::new(2)), Arc::new(Mailbox::new(2)));
    let wanted = Filter { all: true, ..Filter::default() };
    hub.subscribe(&slow, &wanted);
    hub.subscribe(&quick, &wanted);
    for sequence in 1..=5 {
        publish(&hub, line_event("SEP1", "2000", "bsmith"), sequence, 7);
        assert_eq!(drained(&quick), [7]);
    }
    let mut kept = Vec::new();
    assert_eq!((slow.drain(&mut kept, 10), kept), (Drained::Behind(3), vec![7, 7]));
}

#[test]
fn whoever_read_the_log_gets_what_comes_after_it() {
    let (hub, mailbox) = (Hub::default(), Arc::new(Mailbox::new(1)));
    hub.subscribe(&mailbox, &Filter::everything());
    for sequence in 1..=3 {
        publish(&hub, line_event("SEP1", "2000", "bsmith"), sequence, 10 + sequence as u32);
    }
    let mut taken = Vec::new();
    assert_eq!(mailbox.drain(&mut taken, 10), Drained::Behind(2));
    mailbox.rejoin(3);
    publish(&hub, line_event("SEP1", "2000", "bsmith"), 3, 13);
    publish(&hub, line_event("SEP1", "2000", "bsmith"), 4, 14);
    assert_eq!(drained(&mailbox), [14]);
}

#[test]
fn only_the_types_that_are_asked_for_come() {
    let (hub, mailbox) = (Hub::default(), Arc::new(Mailbox::new(10)));
    let types = Types::named(&["line.out_of_service".to_owned()]).unwrap();
    hub.subscribe(&mailbox, &Filter { types, ..Filter::everything() });
    publish(&hub, line_event("SEP1", "2000", "bsmith"), 1, 11);
    assert_eq!(drained(&mailbox), [0; 0]);
    let Event { body, .. } = line_event("SEP1", "2000", "bsmith");
    publish(&hub, event(EventType::LineOutOfService, body), 2, 12);
    assert_eq!(drained(&mailbox), [12]);
}

#[test]
fn everything_of_some_types_and_a_device_of_all_come_in_order() {
    let (hub, mailbox) = (Hub::default(), Arc::new(Mailbox::new(10)));
    let types = Types::named(&["line.out_of_service".to_owned()]).unwrap();
    hub.subscribe(&mailbox, &Filter { types, ..Filter::everything() });
    hub.subscribe(&mailbox, &filter(&["SEP1"], &[], &[]));
    let Event { body, .. } = line_event("SEP2", "3000", "zoe");
    let events = [line_event("SEP1", "2000", "bsmith"), event(EventType::LineOutOfService, body)];
    hub.publish(Publication { events: &events, first: 1, payloads: &[11, 12] });
    assert_eq!(drained(&mailbox), [11, 12]);
}

#[test]
fn what_a_client_may_not_see_does_not_reach_it_however_it_asks() {
    let (hub, mailbox) = (Hub::default(), Arc::new(Mailbox::new(10)));
    mailbox.limit_to(&Arc::new(crate::access::Scope::of_user("zoe")));
    hub.subscribe(&mailbox, &filter(&["SEP1"], &["2000"], &["bsmith", "zoe"]));
    publish(&hub, line_event("SEP1", "2000", "bsmith"), 1, 11);
    publish(&hub, line_event("SEP1", "2000", "zoe"), 2, 12);
    assert_eq!(drained(&mailbox), [12]);
}
