//! What a token opens on the WebSocket, and when it closes it.

use callcast::access::{Config, IssuerConfig};
use callcast::api;
use callcast::time::Timestamp;
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::Algorithm;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Edge, LIMIT, edge};
use crate::keys::{Signer, api_token, changed, claims, now_seconds};

pub const UNAUTHENTICATED: u16 = 4001;
const POLICY: u16 = 1008;

/// A client that speaks `callcast.v1`, or hears CloudEvents.
pub struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn new(edge: &Edge, offered: &str) -> Self {
        Self(edge.open("/v1/ws", offered, &[]).await.unwrap().0)
    }

    /// With a token in the handshake.
    pub async fn of(edge: &Edge, token: &str) -> Self {
        Self::new(edge, &format!("callcast.v1, bearer.{token}")).await
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(LIMIT, self.0.next()).await.expect("no frame came").expect("the socket ended").unwrap()
    }

    async fn json(&mut self) -> Json {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn ask(&mut self, request: Json) -> Json {
        self.0.send(Message::text(request.to_string())).await.unwrap();
        self.json().await
    }

    async fn authenticate(&mut self, token: &str) -> Json {
        self.ask(json!({"op": "authenticate", "token": token})).await
    }

    /// The names of the devices in the snapshot of a subscription.
    pub async fn subscribe(&mut self, request: Json) -> Result<Vec<String>, String> {
        let mut answer = self.ask(request).await;
        if answer["op"] == "error" {
            return Err(answer["code"].as_str().unwrap().to_owned());
        }
        let mut names = Vec::new();
        loop {
            let snapshot = answer["snapshot"].as_array().unwrap();
            names.extend(snapshot.iter().map(|device| device["device"]["name"].as_str().unwrap().to_owned()));
            if answer["more"] != true {
                break;
            }
            answer = self.json().await;
        }
        assert_eq!(self.json().await["op"], "live");
        Ok(names)
    }

    /// Reads to the close frame.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.next().await {
                let frame = frame.expect("a close frame without a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }
}

pub fn everything() -> Json {
    json!({"op": "subscribe", "id": "all", "all": true})
}

/// A gateway with an issuer, and who signs for it.
async fn with_issuer(issuer: impl FnOnce(&mut IssuerConfig), change: impl FnOnce(&mut api::Config)) -> (Edge, Signer) {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::EdDSA);
    let mut config = signer.configured(folder.path());
    issuer(&mut config);
    (edge(Config { issuers: vec![config], ..Config::default() }, change).await, signer)
}

#[tokio::test]
async fn another_users_device_is_forbidden_and_so_is_one_that_is_not_there() {
    let (edge, signer) = with_issuer(|_| {}, |_| {}).await;
    let mut ann = Client::of(&edge, &signer.sign(&claims("ann"))).await;
    for wanted in [
        json!({"devices": ["SEP2"]}),
        json!({"devices": ["SEP1", "SEP2"]}),
        json!({"lines": ["2002"]}),
        json!({"users": ["ben"]}),
        json!({"devices": ["SEP9"]}),
        json!({"users": ["nobody"]}),
    ] {
        let mut request = json!({"op": "subscribe", "id": "1"});
        request.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
        assert_eq!(ann.subscribe(request).await, Err("forbidden".into()), "{wanted}");
    }
    assert_eq!(ann.subscribe(json!({"op": "subscribe", "id": "1", "users": ["ann"]})).await.unwrap(), ["SEP1"]);
}

#[tokio::test]
async fn all_is_all_that_the_token_may_see() {
    let (wall, walls) = api_token("wall", |table| table.everything = true);
    let (desk, desks) = api_token("desk", |table| table.devices = vec!["SEP2".into()]);
    let (ops, admins) = api_token("ops", |table| table.admin = true);
    let edge = edge(Config { tokens: vec![walls, desks, admins], ..Config::default() }, |_| {}).await;
    let mut seen = Vec::new();
    for token in [&wall, &desk, &ops] {
        seen.push(Client::of(&edge, token).await.subscribe(everything()).await.unwrap());
    }
    assert_eq!(seen, [vec!["SEP1", "SEP2"], vec!["SEP2"], vec![]]);
}

#[tokio::test]
async fn a_token_in_the_first_message_opens_what_was_closed_before() {
    let (edge, signer) = with_issuer(|_| {}, |_| {}).await;
    let mut client = Client::new(&edge, "callcast.v1").await;
    assert_eq!(client.subscribe(everything()).await, Err("unauthenticated".into()));
    let answer = client.authenticate(&signer.sign(&claims("ben"))).await;
    assert_eq!((&answer["op"], &answer["account"], &answer["admin"]), (&json!("authenticated"), &json!("ben"), &json!(false)));
    assert_eq!(answer["scope"], json!({"everything": false, "users": ["ben"], "devices": [], "lines": []}));
    assert!(answer["expires"].as_str().unwrap().ends_with('Z'), "{answer}");
    assert_eq!(client.subscribe(everything()).await.unwrap(), ["SEP2"]);
}

#[tokio::test]
async fn who_sends_no_token_is_closed_after_a_while() {
    let (edge, _) = with_issuer(|_| {}, |config| config.websocket.authenticate_seconds = 1).await;
    let mut client = Client::new(&edge, "callcast.v1").await;
    assert_eq!(client.closed().await.0, UNAUTHENTICATED);
}

#[tokio::test]
async fn a_token_that_is_refused_closes_the_socket_and_is_counted() {
    let (edge, signer) = with_issuer(|_| {}, |_| {}).await;
    let mut client = Client::new(&edge, "callcast.v1").await;
    let expired = signer.sign(&changed("ann", "exp", json!(now_seconds() - 100)));
    let answer = client.authenticate(&expired).await;
    assert_eq!((&answer["op"], &answer["code"]), (&json!("error"), &json!("denied")));
    assert!(answer["message"].as_str().unwrap().contains("expired"), "{answer}");
    assert_eq!(client.closed().await.0, UNAUTHENTICATED);
    edge.metric("callcast_tokens_denied_total{reason=\"expired\"} 1").await;
}

#[tokio::test]
async fn a_token_that_expires_closes_the_socket() {
    let (edge, signer) = with_issuer(|issuer| issuer.leeway_seconds = 0, |_| {}).await;
    let mut client = Client::of(&edge, &signer.sign(&changed("ann", "exp", json!(now_seconds() + 2)))).await;
    let (code, reason) = client.closed().await;
    assert!(code == UNAUTHENTICATED && reason.contains("expired"), "{code} {reason}");
}

#[tokio::test]
async fn a_token_that_is_renewed_in_time_keeps_the_socket_open() {
    let (edge, signer) = with_issuer(|issuer| issuer.leeway_seconds = 0, |_| {}).await;
    let ends = now_seconds() + 5;
    let mut client = Client::of(&edge, &signer.sign(&changed("ann", "exp", json!(ends)))).await;
    assert_eq!(client.authenticate(&signer.sign(&claims("ann"))).await["op"], "authenticated");
    while Timestamp::now().0 <= (ends + 1) * 1_000_000 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(client.subscribe(everything()).await.unwrap(), ["SEP1"]);
}

#[tokio::test]
async fn a_socket_stays_its_accounts() {
    let (edge, signer) = with_issuer(|_| {}, |_| {}).await;
    let mut client = Client::of(&edge, &signer.sign(&claims("ann"))).await;
    let answer = client.authenticate(&signer.sign(&claims("ben"))).await;
    assert_eq!((&answer["op"], &answer["code"]), (&json!("error"), &json!("other_account")));
    assert_eq!(client.subscribe(everything()).await.unwrap(), ["SEP1"]);
}

#[tokio::test]
async fn a_token_that_says_less_than_the_one_before_closes_what_it_does_not_say() {
    let (edge, signer) = with_issuer(|issuer| issuer.trust_scope = true, |_| {}).await;
    let more = signer.sign(&changed("ann", "callcast", json!({"everything": true})));
    let mut client = Client::of(&edge, &more).await;
    assert_eq!(client.subscribe(everything()).await.unwrap(), ["SEP1", "SEP2"]);
    client.authenticate(&signer.sign(&claims("ann"))).await;
    assert_eq!(client.subscribe(json!({"op": "subscribe", "id": "2", "devices": ["SEP2"]})).await, Err("forbidden".into()));
    // What is told of SEP2 goes past it; what is told of SEP1 comes.
    for name in ["SEP2", "SEP1"] {
        edge.refuses(name);
    }
    let frame = client.json().await;
    assert_eq!(frame["event"]["data"]["device"]["name"], "SEP1", "{frame}");
}

#[tokio::test]
async fn a_subscription_over_the_limit_is_refused() {
    let limits = |config: &mut api::Config| (config.websocket.max_subscriptions, config.websocket.max_texts) = (2, 3);
    let (edge, signer) = with_issuer(|_| {}, limits).await;
    let mut client = Client::of(&edge, &signer.sign(&claims("ann"))).await;
    let ann = |id: &str, users: usize| json!({"op": "subscribe", "id": id, "users": vec!["ann"; users]});
    client.subscribe(everything()).await.unwrap();
    let four = json!({"op": "subscribe", "id": "2", "users": ["ann"], "devices": ["a", "b", "c"]});
    assert_eq!(client.subscribe(four).await, Err("too_many_texts".into()));
    client.subscribe(ann("2", 1)).await.unwrap();
    assert_eq!(client.subscribe(ann("3", 1)).await, Err("too_many_subscriptions".into()));
}

#[tokio::test]
async fn one_account_has_so_many_sockets_however_it_says_who_it_is() {
    let (edge, signer) = with_issuer(|_| {}, |config| config.websocket.max_clients_per_account = 1).await;
    let token = signer.sign(&claims("ann"));
    let _first = Client::of(&edge, &token).await;
    let mut second = Client::new(&edge, "callcast.v1").await;
    assert_eq!(second.authenticate(&token).await["code"], "too_many_connections");
    assert_eq!(second.subscribe(everything()).await, Err("unauthenticated".into()));
    assert_eq!(second.authenticate(&signer.sign(&claims("ben"))).await["op"], "authenticated");
}

#[tokio::test]
async fn bare_events_are_those_that_the_token_may_see() {
    let (edge, signer) = with_issuer(|_| {}, |_| {}).await;
    let offered = format!("cloudevents.json, bearer.{}", signer.sign(&claims("ann")));
    let mut other = Client(edge.open("/v1/ws?device=SEP2", &offered, &[]).await.unwrap().0);
    assert_eq!(other.closed().await.0, POLICY);
    let mut all = Client(edge.open("/v1/ws?all=true", &offered, &[]).await.unwrap().0);
    // A ping is answered only after it has subscribed.
    all.0.send(Message::Ping("x".into())).await.unwrap();
    assert!(matches!(all.next().await, Message::Pong(_)));
    for name in ["SEP2", "SEP1"] {
        edge.refuses(name);
    }
    assert_eq!(all.json().await["data"]["device"]["name"], "SEP1");
}
