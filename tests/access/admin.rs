//! The listener for admins.

use callcast::access::Config;

use crate::harness::{edge, get, send};
use crate::keys::api_token;

const ADMIN: &str = "/admin/v1/nothing";

/// What admins may do: method, path, JSON, and the status of what is done.
const UPKEEP: [(&str, &str, &str, u16); 5] = [
    ("PUT", "/admin/v1/cursors/crm", r#"{"from":"2026-01-01T00:00:00Z"}"#, 200),
    ("GET", "/admin/v1/cursors", "", 200),
    ("GET", "/admin/v1/cursors/crm", "", 200),
    ("POST", "/admin/v1/erase", r#"{"users":["ann"]}"#, 200),
    ("DELETE", "/admin/v1/cursors/crm", "", 204),
];

#[tokio::test]
async fn metrics_and_health_are_open_and_on_the_listener_for_admins() {
    let (_, table) = api_token("ops", |table| table.admin = true);
    let edge = edge(Config { tokens: vec![table], ..Config::default() }, |_| {}).await;
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(get(edge.admin, path, None).await.status, 200, "{path}");
    }
    assert_eq!(get(edge.address, "/metrics", None).await.status, 404);
    for path in ["/", "/v1/devices", "/v1/ws"] {
        assert_eq!(get(edge.admin, path, None).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn admin_endpoints_need_a_token_with_admin_rights() {
    let (admin, admins) = api_token("ops", |table| table.admin = true);
    let (user, users) = api_token("wall", |table| table.everything = true);
    let edge = edge(Config { tokens: vec![admins, users], ..Config::default() }, |_| {}).await;
    for (token, status, code) in
        [(None, 401, "unauthenticated"), (Some("x"), 401, "denied"), (Some(&*user), 403, "forbidden"), (Some(&*admin), 404, "not_found")]
    {
        let answer = get(edge.admin, ADMIN, token).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{token:?}");
    }
    assert_eq!(get(edge.address, ADMIN, Some(&admin)).await.status, 404);
    // To be an admin is not to see everybody's calls.
    assert_eq!(get(edge.address, "/v1/devices", Some(&admin)).await.json()["devices"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn only_an_admin_looks_after_the_log_and_only_on_the_listener_for_admins() {
    let (admin, admins) = api_token("ops", |table| table.admin = true);
    let (user, users) = api_token("wall", |table| table.everything = true);
    let edge = edge(Config { tokens: vec![admins, users], ..Config::default() }, |_| {}).await;
    for (method, path, json, done) in UPKEEP {
        for (token, status, code) in [(None, 401, "unauthenticated"), (Some("x"), 401, "denied"), (Some(&*user), 403, "forbidden")] {
            let answer = send(edge.admin, method, path, token, json).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path} {token:?}");
        }
        let elsewhere = send(edge.address, method, path, Some(&admin), json).await;
        assert_eq!(elsewhere.status, 404, "{method} {path} on the API's listener");
        let cursor = edge.gateway.journal().cursors().get("crm").unwrap();
        assert_eq!(cursor.is_none(), method == "PUT", "{method} {path} was done all the same");
        assert_eq!(send(edge.admin, method, path, Some(&admin), json).await.status, done, "{method} {path}");
    }
}

#[tokio::test]
async fn where_no_access_is_configured_there_is_nobody_who_may() {
    let edge = edge(Config::default(), |_| {}).await;
    for (method, path, json, _) in UPKEEP {
        let answer = send(edge.admin, method, path, Some("x"), json).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "no_access"), "{method} {path}");
    }
    let answer = get(edge.admin, ADMIN, Some("x")).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "no_access"));
    assert!(answer.body.contains("callcast token new"), "{}", answer.body);
    assert_eq!(get(edge.admin, "/metrics", None).await.status, 200);
}
