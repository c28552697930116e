//! `/v1/devices`: the list, its filters and pages, and one device.

use callcast::ctiqbe::names::CallState;
use serde_json::{Value, json};

use crate::ask::{found, get, pages, refused};
use crate::harness::{Edge, caller, edge};

/// Phone 1 rings, 2 talks, 3 holds, 4 is idle, 5 is refused.
async fn five() -> Edge {
    let edge = edge(|_| {}).await;
    (1..=4).for_each(|i| edge.phone(i));
    (1..=3).for_each(|i| edge.ring(i, i, caller("+33123", "Zoë")));
    edge.state(2, 2, CallState::CONNECTED);
    edge.state(3, 3, CallState::CONNECTED);
    edge.state(3, 3, CallState::ONHOLD);
    edge.refuse(5, "give the application user the role");
    edge
}

fn names(answer: &Value) -> Vec<&str> {
    answer["devices"].as_array().unwrap().iter().map(|device| device["device"]["name"].as_str().unwrap()).collect()
}

async fn listed(edge: &Edge, query: &str) -> String {
    let answer = found(edge, &format!("/v1/devices?{query}")).await;
    names(&answer).iter().map(|name| name.trim_start_matches("SEP").trim_start_matches('0')).collect()
}

#[tokio::test]
async fn devices_are_listed_by_name_and_as_a_snapshot_has_them() {
    let edge = five().await;
    let answer = found(&edge, "/v1/devices").await;
    let mut client = edge.client().await;
    let mut snapshot = client.ask(r#"{"op":"subscribe","id":"1","all":true}"#).await;
    let devices = snapshot["snapshot"].as_array_mut().unwrap();
    devices.sort_by_key(|device| device["device"]["name"].as_str().unwrap().to_owned());
    assert_eq!(answer["devices"].as_array().unwrap(), devices);
    assert_eq!((&answer["next"], &answer["cursor"]), (&json!(null), &snapshot["cursor"]));
}

#[tokio::test]
async fn a_device_is_what_the_list_has_of_it_with_a_cursor() {
    let edge = five().await;
    let mut device = found(&edge, "/v1/devices/SEP000000000001").await;
    assert_eq!((&device["state"], &device["legs"][0]["data"]["remote"]["name"]), (&json!("alerting"), &json!("Zoë")));
    let list = found(&edge, "/v1/devices").await;
    assert_eq!(device.as_object_mut().unwrap().remove("cursor").unwrap(), list["cursor"]);
    assert_eq!(device, list["devices"][0]);
}

#[tokio::test]
async fn a_list_may_be_narrowed() {
    let edge = five().await;
    for (query, expected) in [
        ("state=alerting", "1"),
        ("state=active", "2"),
        ("state=held", "3"),
        ("state=idle", "45"),
        ("in_service=true", "1234"),
        ("in_service=false", "5"),
        ("registered=false", "5"),
        ("user=user2", "2"),
        ("user=user2&state=idle", ""),
        ("line=100003", "3"),
        ("line=100003&user=user2", ""),
        ("q=sep00000000000", "12345"),
        ("q=USER4", "4"),
        ("q=0002", "2"),
        ("q=nothing", ""),
        ("limit=2", "12"),
    ] {
        assert_eq!(listed(&edge, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_have_every_device_once() {
    let edge = edge(|_| {}).await;
    // Not in the order of their names.
    [7, 3, 9, 1, 5, 8, 2].into_iter().for_each(|i| edge.phone(i));
    let pages = pages(&edge, "/v1/devices?", "devices", 3).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let names: Vec<&str> = pages.iter().flatten().map(|device| device["device"]["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() == 7, "{names:?}");
}

#[tokio::test]
async fn a_page_goes_on_after_the_last_device_whatever_came_in_between() {
    let edge = edge(|_| {}).await;
    [1, 3, 5].into_iter().for_each(|i| edge.phone(i));
    let first = found(&edge, "/v1/devices?limit=2").await;
    [2, 4].into_iter().for_each(|i| edge.phone(i));
    let next = format!("/v1/devices?limit=2&page={}", first["next"].as_str().unwrap());
    assert_eq!(names(&found(&edge, &next).await), ["SEP000000000004", "SEP000000000005"]);
}

#[tokio::test]
async fn a_device_that_is_not_there_is_said_so() {
    let edge = five().await;
    let (status, code, message) = refused(&edge, "/v1/devices/SEP00000000000F").await;
    assert_eq!((status, code.as_str()), (404, "no_such_device"));
    assert!(message.contains("SEP00000000000F") && message.contains("/v1/devices"), "{message}");
    assert_eq!(get(&edge, "/v1/devices/sep000000000001").await.status, 404);
}
