//! `/v1/users/{id}` and `/v1/me`.

use serde_json::json;

use crate::ask::{found, refused};
use crate::harness::{caller, edge};

#[tokio::test]
async fn a_user_has_devices_and_the_calls_that_are_up_on_them() {
    let edge = edge(|_| {}).await;
    (1..=2).for_each(|i| edge.phone(i));
    edge.ring(1, 1, caller("+33123", "Zoë"));
    edge.ring(2, 2, caller("+33456", "Ben"));
    let user = found(&edge, "/v1/users/user1").await;
    assert_eq!((&user["id"], &user["cursor"]), (&json!("user1"), &found(&edge, "/v1/devices").await["cursor"]));
    assert_eq!(user["devices"], json!([found(&edge, "/v1/devices").await["devices"][0]]));
    assert_eq!(user["calls"], found(&edge, "/v1/calls?user=user1").await["calls"]);
    assert_eq!((user["calls"].as_array().unwrap().len(), &user["calls"][0]["calling"]["name"]), (1, &json!("Zoë")));
}

#[tokio::test]
async fn a_user_of_whom_nothing_is_known_is_not_there() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let (status, code, message) = refused(&edge, "/v1/users/nobody").await;
    assert_eq!((status, code.as_str()), (404, "no_such_user"));
    assert!(message.contains("nobody"), "{message}");
}

#[tokio::test]
async fn where_no_access_is_configured_everybody_sees_everything() {
    let edge = edge(|_| {}).await;
    let scope = json!({"everything": true, "users": [], "devices": [], "lines": []});
    assert_eq!(found(&edge, "/v1/me").await, json!({"account": "anyone", "scope": scope, "admin": false, "expires": null}));
    assert_eq!(found(&edge, "/v1/config").await["access"], json!({"required": false}));
}
