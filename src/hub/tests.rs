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
    assert_ne!(mailbox.drain(&mut taken, 100), Drained::Overflowed);
    taken
}

fn filter(devices: &[&str], lines: &[&str], users: &[&str]) -> Filter {
    let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    Filter { devices: owned(devices), lines: owned(lines), users: owned(users), all: false }
}

#[test]
fn a_client_gets_what_concerns_its_device_line_or_user_and_nothing_else() {
    for wanted in [filter(&["SEP1"], &[], &[]), filter(&[], &["2000"], &[]), filter(&[], &[], &["bsmith"])] {
        let hub = Hub::default();
        let mailbox = Arc::new(Mailbox::new(10));
        hub.subscribe(&mailbox, &wanted);
        hub.publish(&line_event("SEP1", "2000", "bsmith"), 1, &11);
        hub.publish(&line_event("SEP2", "3000", "zoe"), 2, &12);
        assert_eq!(drained(&mailbox), [11], "{wanted:?}");
    }
}

#[test]
fn an_event_that_matches_twice_comes_once() {
    let hub = Hub::default();
    let mailbox = Arc::new(Mailbox::new(10));
    hub.subscribe(&mailbox, &Filter { all: true, ..filter(&["SEP1"], &["2000"], &["bsmith"]) });
    hub.publish(&line_event("SEP1", "2000", "bsmith"), 1, &11);
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
    hub.publish(&event(EventType::SessionLost, Body::Session(body)), 1, &11);
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
    hub.publish(&event(EventType::DeviceInService, Body::Device(body)), 1, &11);
    assert_eq!(drained(&mailbox), [11]);
}

#[test]
fn after_unsubscribing_nothing_comes_and_nothing_is_kept() {
    let hub = Hub::default();
    let mailbox = Arc::new(Mailbox::new(10));
    let wanted = filter(&["SEP1"], &["2000"], &[]);
    hub.subscribe(&mailbox, &wanted);
    hub.unsubscribe(&mailbox, &wanted);
    hub.publish(&line_event("SEP1", "2000", "bsmith"), 1, &11);
    assert_eq!(drained(&mailbox), [0; 0]);
    let indexes = hub.lock();
    assert!(indexes.everybody.is_empty() && indexes.devices.is_empty() && indexes.lines.is_empty());
}

#[test]
fn a_client_that_does_not_read_overflows_alone() {
    let hub = Hub::default();
    let (slow, quick) = (Arc::new(Mailbox::new(2)), Arc::new(Mailbox::new(2)));
    let wanted = Filter { all: true, ..Filter::default() };
    hub.subscribe(&slow, &wanted);
    hub.subscribe(&quick, &wanted);
    for sequence in 1..=5 {
        hub.publish(&line_event("SEP1", "2000", "bsmith"), sequence, &7);
        assert_eq!(drained(&quick), [7]);
    }
    assert_eq!(slow.drain(&mut Vec::new(), 10), Drained::Overflowed);
}
