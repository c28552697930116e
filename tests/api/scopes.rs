//! Who sees what: everything is judged by what the token may see, and what may not be seen is not there.

use std::sync::Arc;

use callcast::access::{Access, Config, NewToken, TokenConfig};
use callcast::cti::{Device, DeviceChange, Notice};
use callcast::ctiqbe::names::CallState;
use serde_json::{Value, json};

use crate::ask::{Answer, request};
use crate::harness::{Edge, caller, edge_with};
use crate::playing::phone;

/// An edge with a token for each of these scopes.
struct Guarded {
    edge: Edge,
    tokens: Vec<(String, String)>,
}

impl Guarded {
    async fn new() -> Self {
        let ask = |name: &str, users: &[&str], devices: &[&str], lines: &[&str], everything| {
            let token = NewToken::random().unwrap();
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let config = TokenConfig {
                name: name.into(),
                sha256: token.sha256(),
                users: texts(users),
                devices: texts(devices),
                lines: texts(lines),
                everything,
                admin: false,
            };
            (config, (name.to_owned(), token.reveal().to_owned()))
        };
        let (configs, tokens) = [
            ask("one", &["user1"], &[], &[], false),
            ask("two", &["user2"], &[], &[], false),
            ask("device", &[], &["SEP000000000001"], &[], false),
            ask("line", &[], &[], &["100002"], false),
            ask("all", &[], &[], &[], true),
        ]
        .into_iter()
        .unzip();
        let access = Config { tokens: configs, ..Config::default() };
        Self {
            edge: edge_with(|_| {}, |server, metrics| server.with_access(Arc::new(Access::new(&access, metrics).unwrap()))).await,
            tokens,
        }
    }

    /// Two phones; each had a call and has one.
    async fn busy() -> Self {
        let guarded = Self::new().await;
        let edge = &guarded.edge;
        for i in 1..=2 {
            edge.phone(i);
            edge.ring(i, i, caller(&format!("100{i}"), "Zoë"));
            edge.hang_up(i, i);
            edge.ring(i, 10 + i, caller(&format!("200{i}"), "Ben"));
        }
        guarded
    }

    async fn ask(&self, who: &str, path: &str) -> Answer {
        let (_, token) = self.tokens.iter().find(|(name, _)| name == who).unwrap();
        request(&self.edge, "GET", path, &format!("Authorization: Bearer {token}\r\n")).await
    }

    async fn found(&self, who: &str, path: &str) -> Value {
        let answer = self.ask(who, path).await;
        assert_eq!(answer.status, 200, "{who} {path}: {}", answer.body);
        answer.json()
    }

    /// Phone `i` belongs to this user from now on.
    fn give(&self, i: i32, user: &str) {
        let name = format!("SEP{i:012X}");
        let device = Arc::new(Device { login_user: Some(user.into()), ..(*phone(&name, Some(&format!("user{i}")))).clone() });
        self.edge.tell(&Notice::Device { device: &device, change: DeviceChange::UserLoggedIn });
    }
}

fn callers(answer: &Value) -> Vec<&str> {
    answer["calls"].as_array().unwrap().iter().map(|call| call["calling"]["number"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn without_a_token_nothing_of_the_cluster_is_told() {
    let guarded = Guarded::busy().await;
    for path in ["/v1/devices", "/v1/devices/SEP000000000001", "/v1/users/user1", "/v1/calls", "/v1/calls/17", "/v1/me"] {
        for headers in ["", "Authorization: Bearer callcast_0000\r\n"] {
            let answer = request(&guarded.edge, "GET", path, headers).await;
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("bearer"), "{}", answer.head);
        }
    }
    let config = request(&guarded.edge, "GET", "/v1/config", "").await;
    assert_eq!((config.status, &config.json()["access"]), (200, &json!({"required": true})));
}

#[tokio::test]
async fn a_list_has_what_the_token_may_see() {
    let guarded = Guarded::busy().await;
    for (who, devices, calls) in [
        ("one", vec!["SEP000000000001"], vec!["2001", "1001"]),
        ("two", vec!["SEP000000000002"], vec!["2002", "1002"]),
        ("device", vec!["SEP000000000001"], vec!["2001", "1001"]),
        ("line", vec!["SEP000000000002"], vec!["2002", "1002"]),
        ("all", vec!["SEP000000000001", "SEP000000000002"], vec!["2002", "2001", "1002", "1001"]),
    ] {
        let answer = guarded.found(who, "/v1/devices").await;
        let names: Vec<&str> = answer["devices"].as_array().unwrap().iter().map(|d| d["device"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, devices, "{who}");
        assert_eq!(callers(&guarded.found(who, "/v1/calls").await), calls, "{who}");
        assert_eq!(guarded.found(who, "/v1/me").await["account"], who);
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_answered_as_what_is_not_there() {
    let guarded = Guarded::busy().await;
    let calls = guarded.found("two", "/v1/calls").await;
    let of_two = calls["calls"].as_array().unwrap().iter().map(|call| format!("/v1/calls/{}", call["call_id"].as_str().unwrap()));
    let hidden: Vec<String> = ["/v1/devices/SEP000000000002".to_owned(), "/v1/users/user2".to_owned()].into_iter().chain(of_two).collect();
    let absent = ["/v1/devices/SEP00000000000F", "/v1/users/user9", "/v1/calls/01a20778-ffa0-71be-91b6-cdbd33a83dfe"];
    for path in &hidden {
        let kind = path.rsplit_once('/').unwrap().0;
        let other = absent.iter().find(|absent| absent.starts_with(kind)).unwrap();
        let (answer, absent) = (guarded.ask("one", path).await, guarded.ask("one", other).await);
        assert_eq!((answer.status, absent.status), (404, 404), "{path}");
        let name = |path: &str| path.rsplit_once('/').unwrap().1.to_owned();
        assert_eq!(answer.body.replace(&name(path), ""), absent.body.replace(&name(other), ""));
        assert_eq!(guarded.ask("two", path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn no_filter_reaches_past_the_token() {
    let guarded = Guarded::busy().await;
    for query in [
        "user=user2",
        "device=SEP000000000002",
        "line=100002",
        "user=user2&live=false",
        "device=SEP000000000002&direction=inbound&live=false",
    ] {
        assert_eq!(callers(&guarded.found("one", &format!("/v1/calls?{query}")).await), Vec::<&str>::new(), "{query}");
    }
    for query in ["user=user2", "line=100002", "q=0002"] {
        assert_eq!(guarded.found("one", &format!("/v1/devices?{query}")).await["devices"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn nobody_reads_the_calls_of_whoever_sat_there_before() {
    let guarded = Guarded::busy().await;
    guarded.give(1, "user2");
    assert_eq!(guarded.ask("one", "/v1/devices/SEP000000000001").await.status, 404);
    let device = guarded.found("two", "/v1/devices/SEP000000000001").await;
    assert_eq!((&device["user"]["id"], &device["legs"]), (&json!("user2"), &json!([])), "the call began when the device was another's");
    assert_eq!(callers(&guarded.found("two", "/v1/calls").await), ["2002", "1002"]);
    assert_eq!(callers(&guarded.found("one", "/v1/calls?live=false").await), ["1001"], "what was theirs stays theirs");
    guarded.edge.ring(1, 21, caller("3001", "Ann"));
    assert_eq!(callers(&guarded.found("two", "/v1/calls?live=true").await), ["3001", "2002"]);
    assert_eq!(callers(&guarded.found("one", "/v1/calls?live=true").await), Vec::<&str>::new());
}

#[tokio::test]
async fn a_token_for_a_line_sees_of_a_device_that_line_alone() {
    let guarded = Guarded::busy().await;
    let device = guarded.found("line", "/v1/devices/SEP000000000002").await;
    assert_eq!((&device["lines"], &device["calls"]), (&json!([{"dn": "100002", "partition": "Internal-PT"}]), &json!(1)));
    guarded.edge.state(2, 12, CallState::CONNECTED);
    assert_eq!(guarded.found("line", "/v1/calls?live=true").await["calls"][0]["state"], "active");
}

#[tokio::test]
async fn a_user_who_has_no_device_now_is_still_there_for_their_own_token() {
    let guarded = Guarded::new().await;
    let user = guarded.found("one", "/v1/users/user1").await;
    assert_eq!((&user["id"], &user["devices"], &user["calls"]), (&json!("user1"), &json!([]), &json!([])));
    assert_eq!(guarded.ask("all", "/v1/users/user1").await.status, 404);
    guarded.edge.phone(1);
    assert_eq!(guarded.found("all", "/v1/users/user1").await["devices"].as_array().unwrap().len(), 1);
}
