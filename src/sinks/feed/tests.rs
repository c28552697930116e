//! What a client is fed that the log has left behind.

use super::*;
use crate::calls::{CallModel, Ids};
use crate::cti::{Device, DeviceChange, DeviceKind, Notice, Observer as _, SessionId};
use crate::journal::{Journal, Options};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

const HOUR: u64 = 3600 * 1_000_000;
const LIMITS: Limits = Limits { subscriptions: 10, texts: 10, mailbox: 8, catch_up: Duration::from_secs(60) };

fn gateway(folder: &tempfile::TempDir) -> Arc<Gateway> {
    let options = Options { max_age: Duration::from_hours(1), ..Options::new(folder.path()) };
    let gateway = Gateway::new(CallModel::new(Ids::seeded(1), false), Journal::open(options).unwrap(), Metrics::new().unwrap());
    gateway.observe(SessionId(0), Timestamp::now(), &[Notice::Connected { manager: "cucm", cluster: "test" }]);
    Arc::new(gateway)
}

fn come_into_service(gateway: &Gateway, devices: std::ops::Range<u32>) {
    for i in devices {
        let device = Arc::new(Device {
            name: format!("SEP{i}"),
            model: "Cisco 8861".into(),
            kind: DeviceKind::Phone,
            owner: None,
            login_user: None,
            device_pool: None,
        });
        gateway.observe(SessionId(0), Timestamp::now(), &[Notice::Device { device: &device, change: DeviceChange::InService }]);
    }
}

/// The places of the events, and of each gap where it goes on and how many it passes over.
async fn fed(feed: &mut Feed) -> (Vec<Sequence>, Vec<(u64, Sequence)>) {
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    loop {
        for delivery in feed.next(64).await.unwrap() {
            match delivery {
                Delivery::Events(more) => events.extend(more.iter().map(|event| event.sequence)),
                Delivery::Gap { count, cursor } => gaps.push((count, cursor.sequence)),
                Delivery::Live { .. } => {}
            }
        }
        if !feed.has_more() {
            return (events, gaps);
        }
    }
}

#[tokio::test]
async fn a_client_that_the_log_left_behind_while_it_caught_up_is_told_how_much_it_misses() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let seen = gateway.newest();
    come_into_service(&gateway, 0..5);
    let mut feed = Feed::new(Arc::clone(&gateway), Arc::new(Scope::everything()), LIMITS);
    let began = feed.subscribe("1".into(), &Filter::everything(), Some(gateway.cursor_at(seen))).unwrap();
    assert!(matches!(began, Begins::Resumed));
    gateway.journal().retain(Timestamp(Timestamp::now().0 + 2 * HOUR));
    let kept = gateway.newest() + 1;
    come_into_service(&gateway, 5..7);
    assert_eq!(fed(&mut feed).await, ((kept..=gateway.newest()).collect(), vec![(kept - seen - 1, kept - 1)]));
}

#[tokio::test]
async fn a_client_whose_mailbox_was_full_is_told_what_the_log_no_longer_has() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let mut feed = Feed::new(Arc::clone(&gateway), Arc::new(Scope::everything()), LIMITS);
    feed.subscribe("1".into(), &Filter::everything(), None).unwrap();
    let before = gateway.newest();
    come_into_service(&gateway, 0..20);
    gateway.journal().retain(Timestamp(Timestamp::now().0 + 2 * HOUR));
    let kept = gateway.newest() + 1;
    come_into_service(&gateway, 20..22);
    let in_mailbox = before + LIMITS.mailbox as u64;
    let events = (before + 1..=in_mailbox).chain(kept..=gateway.newest()).collect();
    assert_eq!(fed(&mut feed).await, (events, vec![(kept - in_mailbox - 1, kept - 1)]));
}
