//! Tokens and limits at the WebSocket's handshake.

use callcast::access::Config;
use jsonwebtoken::Algorithm;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Edge, LIMIT, edge};
use crate::keys::{Signer, api_token, changed, now_seconds};

const V1: &str = "callcast.v1";
const BARE: &str = "cloudevents.json";

/// Access by a token that sees everything, and by one that sees ann's devices.
fn two() -> (String, String, Config) {
    let (all, alls) = api_token("wall", |table| table.everything = true);
    let (ann, anns) = api_token("ann", |table| table.users = vec!["ann".into()]);
    (all, ann, Config { tokens: vec![alls, anns], ..Config::default() })
}

fn code(refused: &(u16, Json)) -> (u16, &str) {
    (refused.0, refused.1["error"]["code"].as_str().unwrap_or_default())
}

async fn refused(edge: &Edge, path: &str, offered: &str, headers: &[(&str, &str)]) -> (u16, Json) {
    match edge.open(path, offered, headers).await {
        Ok(_) => panic!("{path} with {offered} was let in"),
        Err(refused) => refused,
    }
}

#[tokio::test]
async fn a_token_comes_by_header_or_by_subprotocol_and_is_never_sent_back() {
    let (token, _, access) = two();
    let edge = edge(access, |_| {}).await;
    let bearer = format!("Bearer {token}");
    let as_offered = |protocol: &str| [format!("{protocol}, bearer.{token}"), format!("bearer.{token},{protocol}")];
    for protocol in [V1, BARE] {
        let (_socket, response) = edge.open("/v1/ws?all=true", protocol, &[("authorization", &bearer)]).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        for offered in as_offered(protocol) {
            let (_socket, response) = edge.open("/v1/ws?all=true", &offered, &[]).await.unwrap();
            assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
            assert!(!format!("{:?}", response.headers()).contains(&token));
        }
    }
}

#[tokio::test]
async fn who_cannot_send_a_token_later_needs_one_at_the_handshake() {
    let edge = edge(two().2, |_| {}).await;
    edge.open("/v1/ws", V1, &[]).await.unwrap();
    let refused = refused(&edge, "/v1/ws?all=true", BARE, &[]).await;
    assert_eq!(code(&refused), (401, "unauthenticated"));
}

#[tokio::test]
async fn a_token_that_is_not_taken_ends_the_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::EdDSA);
    let edge = edge(Config { issuers: vec![signer.configured(folder.path())], ..Config::default() }, |_| {}).await;
    let expired = signer.sign(&changed("ann", "exp", json!(now_seconds() - 100)));
    for (token, says) in [("wrong", "not known"), (&*expired, "expired")] {
        let refused = refused(&edge, "/v1/ws", &format!("{V1}, bearer.{token}"), &[]).await;
        assert_eq!(code(&refused), (401, "denied"));
        let text = refused.1["error"]["message"].as_str().unwrap();
        assert!(text.contains(says) && !text.contains(token), "{text}");
    }
}

#[tokio::test]
async fn two_tokens_or_one_in_the_url_are_refused() {
    let (all, ann, access) = two();
    let edge = edge(access, |_| {}).await;
    let bearer = format!("Bearer {all}");
    let both = refused(&edge, "/v1/ws", &format!("{V1}, bearer.{ann}"), &[("authorization", &bearer)]).await;
    assert_eq!(code(&both), (400, "two_tokens"));
    let twice = refused(&edge, "/v1/ws", &format!("{V1}, bearer.{ann}, bearer.{all}"), &[]).await;
    assert_eq!(code(&twice), (400, "two_tokens"));
    let in_url = refused(&edge, &format!("/v1/ws?access_token={all}"), V1, &[]).await;
    assert_eq!(code(&in_url), (400, "token_in_url"));
}

#[tokio::test]
async fn a_foreign_page_is_refused_whatever_token_it_has() {
    let (token, _, access) = two();
    let edge = edge(access, |config| config.allowed_origins = vec!["https://crm.example".into()]).await;
    let offered = format!("{V1}, bearer.{token}");
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let refused = refused(&edge, "/v1/ws", &offered, &[("origin", origin)]).await;
        assert_eq!(code(&refused), (403, "origin"), "{origin}");
    }
    for origin in ["https://crm.example".to_owned(), format!("http://{}", edge.address)] {
        edge.open("/v1/ws", &offered, &[("origin", &origin)]).await.unwrap();
    }
}

#[tokio::test]
async fn one_account_has_so_many_sockets_and_takes_none_from_others() {
    let (all, ann, access) = two();
    let edge = edge(access, |config| config.websocket.max_clients_per_account = 2).await;
    let offered = |token: &str| format!("{V1}, bearer.{token}");
    let first = edge.open("/v1/ws", &offered(&ann), &[]).await.unwrap();
    let _second = edge.open("/v1/ws", &offered(&ann), &[]).await.unwrap();
    let third = refused(&edge, "/v1/ws", &offered(&ann), &[]).await;
    assert_eq!(code(&third), (429, "too_many_connections"));
    assert!(third.1.to_string().contains("max_clients_per_account"), "{}", third.1);
    let _other = edge.open("/v1/ws", &offered(&all), &[]).await.unwrap();
    drop(first);
    let again = async { while edge.open("/v1/ws", &offered(&ann), &[]).await.is_err() {} };
    tokio::time::timeout(LIMIT, again).await.expect("the seat of who left stays taken");
}

#[tokio::test]
async fn where_no_access_is_configured_all_are_no_one_account() {
    let edge = edge(Config::default(), |config| config.websocket.max_clients_per_account = 1).await;
    let _first = edge.open("/v1/ws", V1, &[]).await.unwrap();
    let _second = edge.open("/v1/ws", V1, &[]).await.unwrap();
}

#[tokio::test]
async fn half_a_handshake_is_not_held_open() {
    let edge = edge(Config::default(), |config| config.header_timeout_seconds = 1).await;
    for half in ["", "GET /v1/ws HTT", "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"] {
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("it is held open").unwrap();
    }
}
