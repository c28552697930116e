//! Endpoints that come back: after a restart, after a pause, after the log went on without them; and what is sent again on purpose.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use callcast::cti::{Notice, Observer as _, SessionId};
use callcast::journal::{Cursor, Position};
use callcast::load::calls::Calls;
use callcast::sinks::webhook::Endpoint;
use callcast::sinks::webhook::control::{Control as _, Paused, State};
use callcast::time::Timestamp;

use crate::setup::{LOST, Receiver, config, until, webhooks, webhooks_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_endpoint_gets_what_it_missed() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let config = receiver.config("crm");
    webhooks.run(&config).await;
    let paused = Paused { by: "admin".into(), since: Timestamp::now() };
    webhooks.engine.set(Arc::new(Endpoint { config: config.clone(), paused: Some(paused), disabled: None }));
    until("it is paused", || webhooks.status("crm").state == State::Paused).await;
    let told = webhooks.play("in_answered");
    until("it lags", || webhooks.status("crm").lag_events >= told.len() as u64).await;
    assert_eq!(receiver.got().len(), 0);
    webhooks.set(&config);
    receiver.until_sent(told.len()).await;
    until("nothing more", || webhooks.status("crm").lag_events == 0).await;
    assert_eq!(receiver.got().len(), told.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_an_endpoint_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let config = receiver.config("crm");
    let first = {
        let webhooks = webhooks_in(folder.path());
        webhooks.run(&config).await;
        let told = webhooks.play("in_answered");
        receiver.until_sent(told.len()).await;
        until("all is done", || webhooks.status("crm").lag_events == 0).await;
        webhooks.engine.drain().await;
        told.len()
    };
    let missed = {
        // A run without that endpoint.
        let webhooks = webhooks_in(folder.path());
        let told = webhooks.play("in_abandoned");
        webhooks.engine.drain().await;
        told.len()
    };
    let webhooks = webhooks_in(folder.path());
    webhooks.set(&config);
    receiver.until_sent(first + missed).await;
    let told = webhooks.play("in_answered");
    receiver.until_sent(first + missed + told.len()).await;
    until("nothing more", || webhooks.status("crm").lag_events == 0).await;
    assert_eq!(receiver.got().len(), first + missed + told.len());
    webhooks.engine.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_a_range_again_and_nothing_else() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    webhooks.run(&receiver.config("crm")).await;
    let told = webhooks.play("in_answered");
    receiver.until_sent(told.len()).await;
    let place = |at: usize| told[at].0.split_once('-').unwrap().1.parse::<u64>().unwrap();
    webhooks.engine.replay("crm", place(2), place(5)).unwrap();
    receiver.until_sent(told.len() + 4).await;
    until("it is over", || webhooks.engine.replay("crm", place(2), place(2)).is_ok()).await;
    receiver.until_sent(told.len() + 5).await;
    let mut again: Vec<String> = receiver.ids().split_off(told.len());
    again.truncate(4);
    again.sort();
    let mut expected: Vec<String> = told[2..=5].iter().map(|(id, _)| id.clone()).collect();
    expected.sort();
    assert_eq!(again, expected);
    until("nothing is left of it", || webhooks.gateway.journal().cursors().names().unwrap() == ["webhook-crm"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_removed_is_sent_nothing_and_forgotten() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    webhooks.run(&receiver.config("crm")).await;
    webhooks.engine.remove("crm");
    until("its cursor is gone", || webhooks.gateway.journal().cursors().names().unwrap().is_empty()).await;
    webhooks.play("in_answered");
    assert_eq!(webhooks.engine.status("crm"), None);
    assert_eq!(receiver.got().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_when_we_stopped_is_answered_first() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    receiver.answers(|_, _| (200, Duration::from_millis(300)));
    webhooks.run(&receiver.config("crm")).await;
    webhooks.play("in_answered");
    receiver.until_sent(1).await;
    webhooks.engine.drain().await;
    let position = webhooks.gateway.journal().cursors().get("webhook-crm").unwrap().unwrap();
    let sent = receiver.got();
    assert!(!sent.is_empty());
    for got in sent {
        let place: u64 = got.id().split_once('-').unwrap().1.parse().unwrap();
        assert!(place <= position.reached.sequence && !position.parked.contains(&place), "{place} of {position:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_away_for_an_hour_of_calls_gets_all_of_it_in_order_and_once() {
    let webhooks = webhooks();
    let address = Receiver::start().await.address;
    let mut config = config("crm", address);
    config.delivery.deadlines_seconds = [("*".to_owned(), 72 * 3600)].into();
    (config.breaker.pause_seconds, config.breaker.pause_max_seconds) = (1, 1);
    webhooks.run(&config).await;
    let from = webhooks.gateway.reader().range().next;
    let observe = |at, notices: &[Notice<'_>]| webhooks.gateway.observe(SessionId(0), at, notices);
    let mut calls = Calls::new(40, 0.1).unwrap();
    calls.open(observe).unwrap();
    for read in calls.record(Duration::from_hours(1), Duration::from_mins(10)).unwrap() {
        let notices: Vec<Notice<'_>> = read.messages.iter().filter_map(|message| message.notice()).collect();
        observe(read.at, &notices);
    }
    let told = webhooks.logged(from);
    assert!(told.len() > 5000, "{}", told.len());
    assert_eq!(webhooks.status("crm").delivered, 0);

    let receiver = Receiver::at(address).await;
    // One answer in a hundred is lost.
    receiver.answers(|got, before| (if before == 0 && got.id().ends_with("77") { LOST } else { 200 }, Duration::ZERO));
    until("all is done", || webhooks.status("crm").lag_events == 0).await;
    assert_eq!(webhooks.status("crm").dead, 0);

    let mut sent = HashMap::<String, usize>::new();
    receiver.ids().into_iter().for_each(|id| *sent.entry(id).or_default() += 1);
    for (id, _) in &told {
        assert_eq!(sent.get(id), Some(&(1 + usize::from(id.ends_with("77")))), "{id}");
    }
    assert_eq!(sent.len(), told.len());
    let places: HashMap<&String, usize> = told.iter().enumerate().map(|(place, (id, _))| (id, place)).collect();
    for (call, ids) in receiver.by_call().into_iter().filter(|(call, _)| call.is_some()) {
        let mut seen = HashSet::new();
        let first: Vec<usize> = ids.iter().filter(|id| seen.insert(*id)).map(|id| places[id]).collect();
        assert!(first.is_sorted(), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_sent_although_a_power_cut_took_what_came_after_it() {
    let (webhooks, receiver) = (webhooks(), Receiver::start().await);
    let told = webhooks.play("in_answered");
    let place: u64 = told[3].0.split_once('-').unwrap().1.parse().unwrap();
    let newest = webhooks.gateway.reader().cursor(webhooks.gateway.reader().range().next - 1);
    let lost = Cursor { epoch: newest.epoch - 1, sequence: newest.sequence + 10, ..newest };
    let position = Position { parked: [place].into(), ..Position::new(lost) };
    webhooks.gateway.journal().cursors().set("webhook-crm", &position).unwrap();
    webhooks.set(&receiver.config("crm"));
    receiver.until_sent(1).await;
    let next = webhooks.play("in_abandoned");
    receiver.until_sent(1 + next.len()).await;
    assert_eq!(receiver.ids()[0], told[3].0);
}
