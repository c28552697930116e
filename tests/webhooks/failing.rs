//! What is done when a receiver does not take what it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callcast::sinks::webhook::control::{Breaker, Control as _, NotAgain, Paused, State};
use callcast::sinks::webhook::{Death, Endpoint, Outcome};

use crate::setup::{Receiver, config, until, webhooks};

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_again_under_the_same_id_and_signed_anew() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    receiver.answers(|_, before| (if before < 2 { 500 } else { 200 }, Duration::ZERO));
    webhooks.run(&receiver.config("crm")).await;
    let told = webhooks.play("in_answered");
    receiver.until_sent(told.len() * 3).await;
    for (id, _) in &told {
        assert_eq!(receiver.ids().iter().filter(|sent| *sent == id).count(), 3, "{id}");
    }
    until("all is written down", || {
        webhooks.records.flush();
        let (epoch, sequence) = told[0].0.split_once('-').unwrap();
        let event = (epoch.parse().unwrap(), sequence.parse().unwrap());
        let of_event = webhooks.records.endpoint("crm").unwrap().of_event(event, 10, now()).unwrap();
        let outcomes: Vec<Outcome> = of_event.attempts.iter().map(|attempt| attempt.outcome).collect();
        outcomes == [Outcome::Delivered, Outcome::Retry, Outcome::Retry]
    })
    .await;
}

fn now() -> callcast::time::Timestamp {
    callcast::time::Timestamp::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_that_fails_holds_back_no_other() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let mut config = receiver.config("crm");
    config.retry.pauses_seconds = vec![3600];
    config.filter.types = vec!["call.*".into()];
    webhooks.run(&config).await;
    webhooks.play("in_answered");
    receiver.until_sent(1).await;
    let poison = receiver.got()[0].call();
    receiver.answers({
        let poison = poison.clone();
        move |got, _| (if got.call() == poison { 500 } else { 200 }, Duration::ZERO)
    });
    webhooks.play("park_retrieved");
    until("all others are done", || {
        let status = webhooks.status("crm");
        receiver.by_call().len() > 1 && status.in_flight == 0 && status.waiting == status.parked
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_is_a_dead_letter_and_its_call_goes_on() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    receiver.answers(|got, _| (if got.json()["type"] == "callcast.call.answered" { 422 } else { 200 }, Duration::ZERO));
    webhooks.run(&receiver.config("crm")).await;
    let told = webhooks.play("in_answered");
    receiver.until_sent(told.len()).await;
    until("all is done", || webhooks.status("crm").lag_events == 0).await;
    webhooks.records.flush();
    let dead = webhooks.records.endpoint("crm").unwrap().dead_letters(None, 10, now()).unwrap().items;
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].letter.death, dead[0].letter.status), (Death::Refused, 422));
    assert_eq!(webhooks.status("crm").dead, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_once_more_when_somebody_asks_for_it() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    receiver.answers(|_, before| (if before == 0 { 400 } else { 200 }, Duration::ZERO));
    webhooks.run(&receiver.config("crm")).await;
    let told = webhooks.play("in_answered");
    until("all are dead", || webhooks.status("crm").dead == told.len() as u64).await;
    let place = told[0].0.split_once('-').unwrap().1.parse().unwrap();
    webhooks.engine.redeliver("crm", vec![place]).unwrap();
    until("it was taken", || webhooks.status("crm").delivered == 1).await;
    assert_eq!(receiver.ids().last(), Some(&told[0].0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_while_an_endpoint_starts_is_sent() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    webhooks.run(&receiver.config("crm")).await;
    let told = webhooks.play("in_answered");
    until("all were taken", || webhooks.status("crm").delivered == told.len() as u64).await;
    let places = told.iter().map(|(id, _)| id.split_once('-').unwrap().1.parse().unwrap());
    webhooks.set(&receiver.config("crm"));
    webhooks.engine.redeliver("crm", places.collect()).unwrap();
    receiver.until_sent(2 * told.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_once_more_to_an_endpoint_that_gets_nothing() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let paused = Some(Paused { by: "ann".into(), since: now() });
    webhooks.engine.set(Arc::new(Endpoint { config: receiver.config("crm"), paused, disabled: None }));
    assert_eq!(webhooks.engine.redeliver("crm", vec![1]), Err(NotAgain::NotRunning));
    assert_eq!(webhooks.engine.replay("crm", 1, 2), Err(NotAgain::NotRunning));
    // It was not taken for one that is under way.
    webhooks.run(&receiver.config("crm")).await;
    webhooks.engine.replay("crm", 1, 2).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_with_the_name_of_one_that_was_removed_begins_anew() {
    let (webhooks, old, new) = (webhooks(), Receiver::start().await, Receiver::start().await);
    old.answers(|_, _| (200, Duration::from_secs(1)));
    webhooks.run(&old.config("crm")).await;
    let before = webhooks.play("in_answered");
    old.until_sent(1).await;
    webhooks.engine.remove("crm");
    webhooks.set(&new.config("crm"));
    until("it runs", || {
        webhooks.play("in_answered");
        !new.ids().is_empty()
    })
    .await;
    assert!(!before.iter().any(|(id, _)| new.ids().contains(id)));
    assert!(webhooks.gateway.journal().cursors().get("webhook-crm").unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_away_is_left_alone_and_told_of_and_gets_everything_when_it_is_back() {
    let webhooks = webhooks();
    let address = Receiver::start().await.address;
    let mut config = config("crm", address);
    (config.breaker.failures, config.breaker.pause_seconds, config.breaker.pause_max_seconds) = (3, 1, 1);
    // The watcher sees what is told of webhooks, which nobody gets who does not ask for it.
    let watcher = Receiver::start().await;
    let mut watching = watcher.config("watcher");
    watching.filter.types = vec!["webhook.*".into()];
    webhooks.run(&watching).await;
    webhooks.run(&config).await;
    let told = webhooks.play("in_answered");
    until("it is left alone", || webhooks.status("crm").breaker == Breaker::Open).await;
    assert!(webhooks.status("crm").lag_events >= told.len() as u64);
    let receiver = Receiver::at(address).await;
    receiver.until_sent(told.len()).await;
    until("it is well again", || webhooks.status("crm").breaker == Breaker::Closed).await;
    watcher.until_sent(2).await;
    let types: Vec<_> = watcher.got().iter().map(|got| got.json()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["callcast.webhook.breaker_opened", "callcast.webhook.breaker_closed"]);
    assert_eq!(watcher.got()[0].json()["data"]["webhook"], "crm");
    assert!(!receiver.got().iter().any(|got| got.json()["type"].as_str().unwrap().contains("webhook")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_given_up_and_keeps_its_events() {
    let (mut webhooks, receiver) = (webhooks(), Receiver::start().await);
    receiver.answers(|_, _| (410, Duration::ZERO));
    webhooks.run(&receiver.config("crm")).await;
    let told = webhooks.play("in_answered");
    let given_up = tokio::time::timeout(crate::setup::LIMIT, webhooks.given_up.recv()).await.unwrap().unwrap();
    assert_eq!((given_up.name.as_str(), given_up.disabled.reason.as_str()), ("crm", "it answers 410"));
    let disabled = Endpoint { config: receiver.config("crm"), paused: None, disabled: Some(given_up.disabled) };
    webhooks.engine.set(Arc::new(disabled));
    until("it gets nothing", || webhooks.status("crm").state == State::Disabled && webhooks.status("crm").in_flight == 0).await;
    receiver.answers(|_, _| (200, Duration::ZERO));
    webhooks.set(&receiver.config("crm"));
    until("all is done", || {
        let ids: std::collections::HashSet<_> = receiver.ids().into_iter().collect();
        told.iter().all(|(id, _)| ids.contains(id))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_long_and_one_that_is_away_hold_back_no_other() {
    let (webhooks, healthy, slow) = (webhooks(), Receiver::start().await, Receiver::start().await);
    let away = Receiver::start().await.address;
    let released = Arc::new(AtomicBool::new(false));
    slow.answers({
        let released = Arc::clone(&released);
        move |_, _| (200, if released.load(Ordering::SeqCst) { Duration::ZERO } else { Duration::from_secs(20) })
    });
    webhooks.run(&slow.config("slow")).await;
    webhooks.run(&config("away", away)).await;
    webhooks.run(&healthy.config("healthy")).await;
    let told = webhooks.play("consult_transfer");
    healthy.until_sent(told.len()).await;
    assert!(webhooks.status("slow").lag_events > 0 && webhooks.status("away").lag_events > 0);
    released.store(true, Ordering::SeqCst);
}
