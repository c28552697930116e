//! `/v1/calls`: calls that are up, calls that are over, their filters and pages; and the story of one.

use std::time::Duration;

use callcast::ctiqbe::names::CallState;
use callcast::time::Timestamp;
use serde_json::{Value, json};

use crate::ask::{found, pages, refused};
use crate::harness::{Edge, caller, edge};
use crate::playing::Playing;

/// Phone 1 talks, phone 2 rings; phone 1 had an answered and phone 2 a missed call before.
async fn four() -> Edge {
    let edge = edge(|_| {}).await;
    (1..=2).for_each(|i| edge.phone(i));
    edge.ring(1, 1, caller("1001", "Ann"));
    edge.state(1, 1, CallState::CONNECTED);
    edge.hang_up(1, 1);
    edge.ring(2, 2, caller("1002", "Ben"));
    edge.hang_up(2, 2);
    edge.ring(1, 3, caller("1003", "Cleo"));
    edge.state(1, 3, CallState::CONNECTED);
    edge.ring(2, 4, caller("1004", "Dan"));
    edge
}

/// The numbers that called, in the order of the calls.
fn callers(calls: &Value) -> String {
    let numbers = calls.as_array().unwrap().iter().map(|call| call["calling"]["number"].as_str().unwrap().trim_start_matches("100"));
    numbers.collect()
}

async fn listed(edge: &Edge, query: &str) -> String {
    callers(&found(edge, &format!("/v1/calls?{query}")).await["calls"])
}

#[tokio::test]
async fn calls_that_are_up_come_first_and_then_those_that_are_over_newest_first() {
    let edge = four().await;
    let answer = found(&edge, "/v1/calls").await;
    assert_eq!((callers(&answer["calls"]).as_str(), &answer["next"]), ("4321", &json!(null)));
    let [ringing, talking, missed, _] = answer["calls"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&ringing["live"], &ringing["state"], &talking["state"]), (&json!(true), &json!("alerting"), &json!("active")));
    assert_eq!(ringing["legs"][0]["data"]["call_id"], ringing["call_id"]);
    assert_eq!(
        (&missed["live"], &missed["outcome"], &missed["legs"][0]["direction"]),
        (&json!(false), &json!("missed"), &json!("inbound"))
    );
}

#[tokio::test]
async fn a_list_may_be_narrowed() {
    let edge = four().await;
    for (query, expected) in [
        ("live=true", "43"),
        ("live=false", "21"),
        ("user=user1", "31"),
        ("user=user1&live=false", "1"),
        ("device=SEP000000000002", "42"),
        ("line=100001", "31"),
        ("line=100001&user=user2", ""),
        ("outcome=missed", "2"),
        ("outcome=answered", "1"),
        ("outcome=answered&live=true", ""),
        ("direction=inbound", "4321"),
        ("direction=outbound", ""),
        ("direction=inbound&user=user2", "42"),
        ("user=nobody", ""),
    ] {
        assert_eq!(listed(&edge, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_list_may_be_of_a_time() {
    let edge = four().await;
    let now = Timestamp::now().0;
    let minute = Duration::from_secs(60).as_micros() as u64;
    let (before, after) = (Timestamp(now - minute), Timestamp(now + minute));
    for (query, expected) in [
        (format!("from={before}"), "4321"),
        (format!("from={after}"), "43"),
        (format!("to={before}"), ""),
        (format!("to={after}"), "4321"),
        (format!("from={before}&to={after}&live=false"), "21"),
    ] {
        assert_eq!(listed(&edge, &query).await, expected, "{query}");
    }
    let ended = found(&edge, "/v1/calls?live=false&limit=1").await["calls"][0]["ended"].as_str().unwrap().to_owned();
    assert_eq!(listed(&edge, &format!("live=false&from={ended}")).await, "2");
    assert_eq!(listed(&edge, &format!("live=false&to={ended}")).await, "1");
}

#[tokio::test]
async fn pages_have_every_call_once() {
    let edge = four().await;
    for limit in 1..=5 {
        let pages = pages(&edge, "/v1/calls?", "calls", limit).await;
        assert!(pages.iter().all(|page| page.len() <= limit), "{pages:?}");
        assert_eq!(callers(&pages.concat().into()), "4321", "{limit}");
    }
}

#[tokio::test]
async fn a_page_goes_on_after_the_last_call_whatever_came_in_between() {
    let edge = four().await;
    let first = found(&edge, "/v1/calls?live=false&limit=1").await;
    edge.hang_up(2, 4);
    edge.hang_up(1, 3);
    assert_eq!(listed(&edge, &format!("live=false&page={}", first["next"].as_str().unwrap())).await, "1");
    assert_eq!(listed(&edge, "live=false").await, "3421");
}

#[tokio::test]
async fn a_story_is_all_that_was_told_of_a_call_in_order() {
    let edge = four().await;
    let over = found(&edge, "/v1/calls?user=user1&live=false").await["calls"][0].clone();
    let story = found(&edge, &format!("/v1/calls/{}", over["call_id"].as_str().unwrap())).await;
    assert_eq!((&story["call_id"], &story["live"], &story["truncated"]), (&over["call_id"], &json!(false), &json!(false)));
    let types: Vec<&str> = story["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!((types.first(), types.last()), (Some(&"callcast.call.started"), Some(&"callcast.call.ended")), "{types:?}");
    assert!(story["events"].as_array().unwrap().iter().map(|event| event["sequence"].as_str().unwrap()).is_sorted());
    let mut summary = story["summary"].clone();
    summary["live"] = json!(false);
    assert_eq!(summary, over);
}

#[tokio::test]
async fn the_story_of_a_call_that_is_up_has_no_summary() {
    let edge = four().await;
    let live = found(&edge, "/v1/calls?live=true&limit=1").await["calls"][0].clone();
    let story = found(&edge, &format!("/v1/calls/{}", live["call_id"].as_str().unwrap())).await;
    assert_eq!((&story["live"], &story["summary"]), (&json!(true), &json!(null)));
    assert_eq!(story["events"][0]["time"], live["since"]);
}

#[tokio::test]
async fn a_call_that_became_part_of_another_names_it_and_is_named_by_it() {
    let edge = edge(|_| {}).await;
    let flow = Playing::read("tests/events/examples/transfer.flow");
    flow.open(|notice| edge.tell(notice));
    edge.play(&flow, Duration::ZERO, Duration::from_secs(100));
    let calls = found(&edge, "/v1/calls?live=false").await["calls"].clone();
    assert_eq!(calls.as_array().unwrap().len(), 1, "what was merged has not ended");
    let whole = found(&edge, &format!("/v1/calls/{}", calls[0]["call_id"].as_str().unwrap())).await;
    let part = found(&edge, &format!("/v1/calls/{}", whole["merged_from"][0].as_str().unwrap())).await;
    assert_eq!((&part["merged_into"], &part["merged_from"], &part["live"]), (&whole["call_id"], &json!([]), &json!(false)));
    assert_eq!((&part["summary"], &whole["merged_into"]), (&json!(null), &json!(null)));
    assert_eq!(part["events"].as_array().unwrap().last().unwrap()["type"], "callcast.call.merged");
}

#[tokio::test]
async fn a_call_that_is_not_there_is_said_so() {
    let edge = four().await;
    let (status, code, _) = refused(&edge, "/v1/calls/01a20778-ffa0-71be-91b6-cdbd33a83dfe").await;
    assert_eq!((status, code.as_str()), (404, "no_such_call"));
    let (status, code, message) = refused(&edge, "/v1/calls/17").await;
    assert_eq!((status, code.as_str()), (400, "bad_call_id"));
    assert!(message.contains("UUID"), "{message}");
}
