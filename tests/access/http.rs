//! Tokens on the HTTP API.

use callcast::access::Config;
use jsonwebtoken::Algorithm;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;

use crate::harness::{edge, request};
use crate::keys::{Signer, api_token, changed, claims, now_seconds};

/// Access by a token of ann's alone.
fn ann() -> (String, Config) {
    let (token, table) = api_token("ann's phone book", |table| table.users = vec!["ann".into()]);
    (token, Config { tokens: vec![table], ..Config::default() })
}

fn names(devices: &Json) -> Vec<&str> {
    devices["devices"].as_array().unwrap().iter().filter_map(|device| device["device"]["name"].as_str()).collect()
}

#[tokio::test]
async fn without_a_token_nothing_of_anybody_is_told() {
    let edge = edge(ann().1, |_| {}).await;
    for path in ["/v1/devices", "/v1/devices/SEP1", "/v1/users/ann", "/v1/calls", "/v1/calls/x", "/v1/me", "/v1/events?all=true"] {
        let answer = edge.get(path, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{path}");
        assert!(answer.head.contains("www-authenticate: bearer realm=\"callcast\"\r\n"), "{}", answer.head);
    }
    for path in ["/", "/v1/config", "/healthz", "/schemas/"] {
        assert_eq!(edge.get(path, None).await.status, 200, "{path}");
    }
    assert_eq!(edge.get("/v1/config", None).await.json()["access"], json!({"required": true}));
}

#[tokio::test]
async fn a_token_shows_its_own_users_devices_and_no_others() {
    let (token, access) = ann();
    let edge = edge(access, |_| {}).await;
    assert_eq!(names(&edge.get("/v1/devices", Some(&token)).await.json()), ["SEP1"]);
    assert_eq!(edge.get("/v1/devices/SEP1", Some(&token)).await.status, 200);
    // What may not be seen is answered as what is not there.
    let (other, none) = (edge.get("/v1/devices/SEP2", Some(&token)).await, edge.get("/v1/devices/SEP9", Some(&token)).await);
    assert_eq!((other.status, none.status), (404, 404));
    assert_eq!(other.body.replace("SEP2", "SEP9"), none.body);
    assert_ne!(edge.get("/v1/users/ben", Some(&token)).await.status, 200);
}

#[tokio::test]
async fn a_jwt_shows_its_own_users_devices_and_says_until_when() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::ES256);
    let edge = edge(Config { issuers: vec![signer.configured(folder.path())], ..Config::default() }, |_| {}).await;
    let token = signer.sign(&claims("ben"));
    assert_eq!(names(&edge.get("/v1/devices", Some(&token)).await.json()), ["SEP2"]);
    let me = edge.get("/v1/me", Some(&token)).await.json();
    assert_eq!((&me["account"], &me["scope"]["users"], &me["admin"]), (&json!("ben"), &json!(["ben"]), &json!(false)));
    assert!(me["expires"].as_str().unwrap().ends_with('Z'), "{me}");

    let expired = signer.sign(&changed("ben", "exp", json!(now_seconds() - 60)));
    let answer = edge.get("/v1/devices", Some(&expired)).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "denied"));
    assert!(answer.body.contains("expired") && answer.head.contains("error=\"invalid_token\""), "{}", answer.head);
}

#[tokio::test]
async fn a_token_in_the_url_is_refused_with_why_and_taken_only_where_that_is_configured() {
    let (token, mut access) = ann();
    let path = format!("/v1/devices?access_token={token}");
    let strict = edge(access.clone(), |_| {}).await;
    let answer = strict.get(&path, None).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "token_in_url"));
    assert!(answer.body.contains("Authorization: Bearer") && !answer.body.contains(&token), "{}", answer.body);
    assert_eq!(strict.get(&path, Some(&token)).await.status, 400);

    access.token_in_url = true;
    let lax = edge(access, |_| {}).await;
    assert_eq!(names(&lax.get(&path, None).await.json()), ["SEP1"]);
    assert_eq!(lax.get(&path, Some(&token)).await.code(), "two_tokens");
}

#[tokio::test]
async fn another_scheme_is_told_which_is_understood() {
    let edge = edge(ann().1, |_| {}).await;
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let answer = request(stream, &edge.address.to_string(), "/v1/me", "Authorization: Basic YTpi\r\n").await;
    assert!(answer.status == 401 && answer.body.contains("Bearer"), "{}", answer.body);
}

#[tokio::test]
async fn an_address_with_too_many_failures_is_told_so_and_a_good_token_still_counts() {
    let (token, mut access) = ann();
    access.failures_per_minute = 3;
    let edge = edge(access, |_| {}).await;
    for _ in 0..3 {
        assert_eq!(edge.get("/v1/me", Some("wrong")).await.status, 401);
    }
    for _ in 0..3 {
        let answer = edge.get("/v1/me", Some("wrong")).await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_failures"));
        assert!(answer.head.contains("retry-after: 60"), "{}", answer.head);
    }
    assert_eq!(edge.get("/v1/me", Some(&token)).await.status, 200);
    assert_eq!(edge.get("/v1/me", None).await.status, 401);
    edge.metric("callcast_tokens_denied_total{reason=\"unknown\"} 3").await;
}

#[tokio::test]
async fn where_no_access_is_configured_everybody_sees_everything() {
    let edge = edge(Config::default(), |_| {}).await;
    assert_eq!(names(&edge.get("/v1/devices", None).await.json()), ["SEP1", "SEP2"]);
    assert_eq!(names(&edge.get("/v1/devices", Some("whatever")).await.json()), ["SEP1", "SEP2"]);
    assert_eq!(edge.get("/v1/config", None).await.json()["access"], json!({"required": false}));
}

#[tokio::test]
async fn a_stream_of_events_is_of_ones_own_devices_alone() {
    let (token, access) = ann();
    let edge = edge(access, |_| {}).await;
    for wanted in ["device=SEP2", "user=ben", "line=2002", "device=SEP1&device=SEP2", "device=SEP9"] {
        let answer = edge.get(&format!("/v1/events?{wanted}"), Some(&token)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{wanted}");
    }
}
