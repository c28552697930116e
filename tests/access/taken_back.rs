//! API tokens that are taken back while they are in use.

use callcast::access::Config;
use serde_json::json;

use crate::harness::{Edge, edge};
use crate::keys::api_token;
use crate::websocket::{Client, UNAUTHENTICATED, everything};

/// A gateway that knows two tokens, and how it is configured without the first.
async fn two_tokens() -> (Edge, [String; 2], Config) {
    let (first, its) = api_token("first", |table| table.everything = true);
    let (second, table) = api_token("second", |table| table.everything = true);
    let config = Config { tokens: vec![its, table.clone()], ..Config::default() };
    let edge = edge(config, |config| config.websocket.ping_interval_seconds = 1).await;
    (edge, [first, second], Config { tokens: vec![table], ..Config::default() })
}

#[tokio::test]
async fn a_token_that_is_no_longer_configured_opens_nothing_and_another_does() {
    let (edge, [first, second], without) = two_tokens().await;
    assert_eq!(edge.get("/v1/devices", Some(&first)).await.status, 200);
    edge.access.renew(&without);
    let refused = edge.get("/v1/devices", Some(&first)).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "denied"));
    assert_eq!(edge.get("/v1/devices", Some(&second)).await.status, 200);
}

#[tokio::test]
async fn a_socket_whose_token_is_taken_back_is_closed_and_others_stay() {
    let (edge, [first, second], without) = two_tokens().await;
    let (mut closes, mut stays) = (Client::of(&edge, &first).await, Client::of(&edge, &second).await);
    edge.access.renew(&without);
    let (code, reason) = closes.closed().await;
    assert!(code == UNAUTHENTICATED && reason.contains("taken back"), "{code} {reason}");
    assert_eq!(stays.subscribe(everything()).await.unwrap(), ["SEP1", "SEP2"]);
}

#[tokio::test]
async fn a_stream_whose_token_is_taken_back_is_told_nothing_more() {
    let (edge, [first, _], without) = two_tokens().await;
    // It ends with the first thing that there would be to tell.
    let (answer, ()) = tokio::join!(edge.get("/v1/events?all=true", Some(&first)), async {
        while edge.gateway.subscriptions() == 0 {
            tokio::task::yield_now().await;
        }
        edge.access.renew(&without);
        edge.refuses("SEP1");
    });
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("callcast.device.refused"), "{}", answer.body);
}

#[tokio::test]
async fn a_gateway_never_opens_because_its_last_token_went() {
    let (edge, [first, _], _) = two_tokens().await;
    edge.access.renew(&Config::default());
    assert_eq!(edge.get("/v1/devices", None).await.status, 401);
    assert_eq!(edge.get("/v1/devices", Some(&first)).await.status, 200, "the tokens stay as they were");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_leaves_the_tokens() {
    let (edge, [first, _], mut without) = two_tokens().await;
    without.tokens[0].sha256 = "short".into();
    edge.access.renew(&without);
    assert_eq!(edge.get("/v1/devices", Some(&first)).await.status, 200);
}

#[tokio::test]
async fn a_gateway_that_asked_nobody_does_not_begin_to() {
    let (token, table) = api_token("new", |table| table.everything = true);
    let edge = edge(Config::default(), |_| {}).await;
    edge.access.renew(&Config { tokens: vec![table], ..Config::default() });
    assert_eq!(edge.get("/v1/me", None).await.json()["account"], json!("anyone"));
    assert_eq!(edge.get("/v1/me", Some(&token)).await.json()["account"], json!("anyone"));
}
