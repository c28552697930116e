//! The listener for admins.

use callcast::access::Config;

use crate::harness::{edge, get};
use crate::keys::api_token;

const ADMIN: &str = "/admin/v1/nothing";

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
async fn where_no_access_is_configured_there_is_nobody_who_may() {
    let edge = edge(Config::default(), |_| {}).await;
    let answer = get(edge.admin, ADMIN, Some("x")).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "no_access"));
    assert!(answer.body.contains("callcast token new"), "{}", answer.body);
    assert_eq!(get(edge.admin, "/metrics", None).await.status, 200);
}
