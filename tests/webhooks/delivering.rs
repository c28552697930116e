//! What is sent while all is well.

use std::collections::HashSet;
use std::time::Duration;

use callcast::sinks::webhook::config::Mode;
use callcast::sinks::webhook::control::{Control as _, Standing};

use crate::setup::{LIMIT, Receiver, until, webhooks};

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_sent_once_and_those_of_a_call_in_order() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    // Answers of very different length: what may overtake would.
    receiver.answers(|got, _| (200, Duration::from_millis(u64::from(got.body.len() % 7 == 0) * 20)));
    webhooks.run(&receiver.config("crm")).await;
    let mut told = webhooks.play("consult_transfer");
    told.extend(webhooks.play("park_retrieved"));
    receiver.until_sent(told.len()).await;
    let sent = receiver.ids();
    assert_eq!(sent.iter().collect::<HashSet<_>>(), told.iter().map(|(id, _)| id).collect(), "each and nothing else");
    assert_eq!(sent.len(), told.len(), "once");
    let place = |id: &String| told.iter().position(|(told, _)| told == id).unwrap();
    for (call, ids) in receiver.by_call().into_iter().filter(|(call, _)| call.is_some()) {
        assert!(ids.iter().map(place).is_sorted(), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_filter_wants_is_sent_and_the_rest_can_be_asked_about() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let mut config = receiver.config("crm");
    config.filter.types = vec!["call.ended".into()];
    webhooks.run(&config).await;
    webhooks.play("in_answered");
    receiver.until_sent(1).await;
    until("all is done", || webhooks.status("crm").lag_events == 0).await;
    assert!(receiver.got().iter().all(|got| got.json()["type"] == "callcast.call.ended"));
    let first = webhooks.gateway.reader().get(webhooks.gateway.reader().range().oldest).unwrap().unwrap();
    assert_eq!(webhooks.engine.why("crm", &first), Some(Standing::Unwanted("type")));
    assert_eq!(webhooks.engine.why("erp", &first), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_several_events_in_order() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let mut config = receiver.config("crm");
    (config.body.mode, config.delivery.in_flight) = (Mode::Batch, 1);
    receiver.answers(|_, _| (200, Duration::from_millis(50)));
    webhooks.run(&config).await;
    let told = webhooks.play("consult_transfer");
    let events = || receiver.got().iter().flat_map(|got| got.json().as_array().unwrap().clone()).collect::<Vec<_>>();
    until("all events", || events().len() >= told.len()).await;
    let ids: Vec<String> = events().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len());
    assert!(receiver.got().len() < told.len() / 2, "{} requests for {} events", receiver.got().len(), told.len());
    assert!(receiver.got().iter().all(|got| got.headers["content-type"] == "application/cloudevents-batch+json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_endpoints_get_the_same_events_under_the_same_ids() {
    let (webhooks, one, other) = (webhooks(), Receiver::start().await, Receiver::start().await);
    webhooks.run(&one.config("one")).await;
    webhooks.run(&other.config("other")).await;
    let told = webhooks.play("in_answered").len();
    one.until_sent(told).await;
    other.until_sent(told).await;
    let sorted = |receiver: &Receiver| {
        let mut ids = receiver.ids();
        ids.sort();
        ids
    };
    assert_eq!(sorted(&one), sorted(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_a_second_than_allowed() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let mut config = receiver.config("crm");
    config.delivery.per_second = 20;
    webhooks.run(&config).await;
    let began = std::time::Instant::now();
    webhooks.play("in_answered");
    receiver.until_sent(6).await;
    assert!(began.elapsed() >= Duration::from_millis(200), "six requests, fifty milliseconds apart: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_at_once_and_says_how_it_went() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    receiver.answers(|_, _| (418, Duration::ZERO));
    webhooks.run(&receiver.config("crm")).await;
    let tested = tokio::time::timeout(LIMIT, webhooks.engine.test("crm")).await.unwrap();
    assert_eq!((tested.status, tested.fault), (Some(418), None));
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].json()["test"], "true");
    assert_eq!(got[0].json()["id"], got[0].headers["webhook-id"].to_str().unwrap());
    assert!(got[0].headers.contains_key("webhook-signature"));
}
