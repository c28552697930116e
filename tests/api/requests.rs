//! Requests that are wrong, and what holds of all.

use crate::ask::{get, refused, request};
use crate::harness::edge;

#[tokio::test]
async fn a_query_that_is_wrong_is_refused_with_what_is_right() {
    let edge = edge(|_| {}).await;
    let long = format!("/v1/devices?q={}", "x".repeat(600));
    for (path, code, cure) in [
        ("/v1/devices?stat=idle", "unknown_parameter", "\"state\""),
        ("/v1/devices?state=ringing", "bad_word", "alerting"),
        ("/v1/devices?registered=1", "bad_flag", "true or false"),
        ("/v1/devices?limit=many", "bad_limit", "1 to 1000"),
        ("/v1/devices?page=2", "bad_page", "begin again"),
        ("/v1/devices?q=", "empty_parameter", "leave it out"),
        ("/v1/devices?user=a&user=b", "repeated_parameter", "once"),
        (long.as_str(), "too_long", "512"),
        ("/v1/devices/SEP1?limit=1", "unknown_parameter", "takes none"),
        ("/v1/calls?from=yesterday", "bad_time", "RFC 3339"),
        ("/v1/calls?page=00", "bad_page", "begin again"),
        ("/v1/calls?outcome=won", "bad_word", "answered"),
        ("/v1/me?x=1", "unknown_parameter", "takes none"),
    ] {
        let (status, told, message) = refused(&edge, path).await;
        assert_eq!((status, told.as_str()), (400, code), "{path}");
        assert!(message.contains(cure), "{path}: {message}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let edge = edge(|_| {}).await;
    for path in ["/v1", "/v1/", "/v2/devices", "/v1/devices/", "/v1/devices/a/b", "/v1/devices/%zz", "/v1/users/%ff", "/v1/nothing"] {
        let (status, code, message) = refused(&edge, path).await;
        assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
        assert!(message.contains("/v1/devices/{name}") && message.contains("/openapi.json"), "{message}");
    }
}

#[tokio::test]
async fn another_method_is_told_which_are_understood() {
    let edge = edge(|_| {}).await;
    for path in ["/v1/devices", "/v1/devices/SEP1", "/v1/calls", "/healthz", "/", "/schemas/leg.json"] {
        let answer = request(&edge, "POST", path, "Content-Length: 0\r\n").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")), "{path}");
        assert_eq!(answer.json()["error"]["code"], "method_not_allowed");
    }
}

#[tokio::test]
async fn a_head_has_the_length_and_no_body() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let (whole, head) = (get(&edge, "/v1/devices/SEP000000000001").await, request(&edge, "HEAD", "/v1/devices/SEP000000000001", "").await);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some(whole.body.len().to_string().as_str()));
}

#[tokio::test]
async fn garbage_in_an_address_is_refused_and_harms_nobody() {
    let edge = edge(|_| {}).await;
    for path in [
        "/v1/devices?%",
        "/v1/devices?=",
        "/v1/devices?&&&",
        "/v1/devices?q=%ff%00",
        "/v1/calls/%00",
        "/v1/users/%2e%2e%2f",
        "/%2e%2e/etc/passwd",
    ] {
        let answer = get(&edge, path).await;
        assert!((200..500).contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(get(&edge, "/healthz").await.status, 200);
}
