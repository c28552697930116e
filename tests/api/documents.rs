//! OpenAPI and AsyncAPI: they are well-formed, and real answers and frames are what they say, and have nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callcast::access::{self, Access, NewToken, TokenConfig};
use callcast::journal::{Journal, Options};
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::admin_documents as admins;
use crate::ask::{Answer, found, get, request, request_at};
use crate::disk::SmallDisk;
use crate::harness::{Client, Edge, LIMIT, caller, edge, edge_on, edge_that_is, edge_with};

/// A validator of a schema of a document's components, which knows no members but those that are described.
pub fn validator(document: &Value, name: &str) -> Validator {
    assert!(document["components"]["schemas"].get(name).is_some(), "{name} is not among the schemas");
    let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": {"schemas": closed(document["components"]["schemas"].clone())}});
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

/// The schema, but for members that a later version may add: those are refused.
fn closed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if members.get("additionalProperties") == Some(&json!(true)) {
                members.insert("additionalProperties".into(), json!(false));
            }
            members.values_mut().for_each(|member| *member = closed(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = closed(item.take())),
        _ => {}
    }
    schema
}

fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

/// Every reference of a document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_reference_of_the_documents_leads_somewhere_and_every_schema_is_one_and_is_used() {
    let edge = edge(|_| {}).await;
    for path in ["/openapi.json", "/asyncapi.json"] {
        let document = found(&edge, path).await;
        let references = references(&document);
        for reference in &references {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{path}: {reference}");
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert!(jsonschema::draft202012::meta::is_valid(schema), "{path}: {name}");
            assert!(jsonschema::draft7::meta::is_valid(schema), "{path}: {name}: tools for AsyncAPI take draft 7");
            assert!(references.contains(&format!("#/components/schemas/{name}").as_str()), "{path}: nothing refers to {name}");
        }
    }
}

#[tokio::test]
async fn openapi_has_what_the_specification_asks_for() {
    let edge = edge(|_| {}).await;
    let document = found(&edge, "/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "servers") {
            assert!(["get", "post", "put", "delete"].contains(&method.as_str()), "{path}: {method}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}: its id is another's too");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let names: BTreeSet<(&str, &str)> =
                parameters.iter().map(|p| (p["in"].as_str().unwrap(), p["name"].as_str().unwrap())).collect();
            assert_eq!(names.len(), parameters.len(), "{path}: a parameter stands there twice");
            let in_path: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
            let described: Vec<&str> = names.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name).collect();
            assert_eq!(in_path, described, "{path}");
            assert!(parameters.iter().all(|p| p["schema"].is_object() && p["description"].is_string()), "{path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(status.len() == 3 && response["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn asyncapi_has_what_the_specification_asks_for() {
    let edge = edge(|_| {}).await;
    let document = found(&edge, "/asyncapi.json").await;
    assert_eq!(document["asyncapi"], "3.0.0");
    for (name, operation) in document["operations"].as_object().unwrap() {
        assert!(["send", "receive"].contains(&operation["action"].as_str().unwrap()), "{name}");
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        let messages =
            operation["messages"].as_array().unwrap().iter().chain(operation["reply"]["messages"].as_array().into_iter().flatten());
        for message in messages {
            assert!(
                message["$ref"].as_str().unwrap().starts_with(&format!("{channel}/messages/")),
                "{name}: {message} is on another channel"
            );
        }
    }
    let used = references(&document);
    for (channel, described) in document["channels"].as_object().unwrap() {
        for message in described["messages"].as_object().unwrap().keys() {
            let reference = format!("#/channels/{channel}/messages/{message}");
            assert!(used.contains(&reference.as_str()), "no operation has {reference}");
        }
    }
}

#[tokio::test]
async fn a_document_that_the_client_has_is_not_sent_again() {
    let edge = edge(|_| {}).await;
    for path in ["/openapi.json", "/asyncapi.json"] {
        let whole = get(&edge, path).await;
        assert_eq!(whole.header("content-type"), Some("application/json"));
        let etag = whole.header("etag").unwrap();
        let again = request(&edge, "GET", path, &format!("If-None-Match: {etag}\r\n")).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
    }
}

/// Checks an answer against what the document says of an operation, which is a method and a path.
pub fn holds(document: &Value, (method, path): (&str, &str), answer: &Answer) {
    let response = &document["paths"][path][method]["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{path}: {} is not described: {}", answer.status, answer.body);
    let Some(content) = response["content"].as_object() else {
        assert_eq!(answer.body, "", "{path}");
        return;
    };
    let (kind, media) = content.iter().next().unwrap();
    assert!(answer.header("content-type").unwrap().starts_with(kind), "{path}: {}", answer.head);
    let Some(name) = media["schema"]["$ref"].as_str().and_then(|schema| schema.strip_prefix("#/components/schemas/")) else { return };
    assert_eq!(faults(&validator(document, name), &answer.json()), Vec::<String>::new(), "{path}: {}", answer.body);
}

/// A phone that rings, one that is refused, and calls that are over.
async fn busy() -> Edge {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    edge.refuse(2, "give the application user the role");
    for call in 1..=3 {
        edge.ring(1, call, caller("+33123401000", "Zoë"));
        edge.hang_up(1, call);
    }
    edge.ring(1, 4, caller("2000", "Ben"));
    edge
}

#[tokio::test]
async fn every_operation_answers_as_openapi_says() {
    let edge = busy().await;
    let document = found(&edge, "/openapi.json").await;
    let calls = found(&edge, "/v1/calls").await["calls"].clone();
    let (live, over) = (calls[0]["call_id"].as_str().unwrap(), calls[1]["call_id"].as_str().unwrap());
    let (live, over) = (format!("/v1/calls/{live}"), format!("/v1/calls/{over}"));
    let mut asked = BTreeSet::new();
    for (pattern, path) in [
        ("/v1/devices", "/v1/devices"),
        ("/v1/devices", "/v1/devices?limit=1"),
        ("/v1/devices", "/v1/devices?limit=x"),
        ("/v1/devices/{name}", "/v1/devices/SEP000000000001"),
        ("/v1/devices/{name}", "/v1/devices/SEP000000000002"),
        ("/v1/devices/{name}", "/v1/devices/SEP3"),
        ("/v1/devices/{name}", "/v1/devices/SEP3?x=1"),
        ("/v1/users/{id}", "/v1/users/user1"),
        ("/v1/users/{id}", "/v1/users/nobody"),
        ("/v1/calls", "/v1/calls"),
        ("/v1/calls", "/v1/calls?limit=2"),
        ("/v1/calls", "/v1/calls?to=never"),
        ("/v1/calls/{call_id}", live.as_str()),
        ("/v1/calls/{call_id}", over.as_str()),
        ("/v1/calls/{call_id}", "/v1/calls/01a20778-ffa0-71be-91b6-cdbd33a83dfe"),
        ("/v1/calls/{call_id}", "/v1/calls/17"),
        ("/v1/me", "/v1/me"),
        ("/v1/me", "/v1/me?x=1"),
        ("/v1/ws", "/v1/ws"),
        ("/v1/events", "/v1/events"),
        ("/v1/events", "/v1/events?devices=SEP1"),
        ("/v1/config", "/v1/config"),
        ("/openapi.json", "/openapi.json"),
        ("/asyncapi.json", "/asyncapi.json"),
        ("/schemas/", "/schemas/"),
        ("/schemas/{file}", "/schemas/leg.json"),
        ("/schemas/{file}", "/schemas/nothing.json"),
        ("/healthz", "/healthz"),
        ("/readyz", "/readyz"),
    ] {
        holds(&document, ("get", pattern), &get(&edge, path).await);
        asked.insert(("get", pattern));
    }
    holds(&document, ("get", "/v1/me"), &request(&edge, "GET", "/v1/me", "Host: evil.example\r\n").await);
    let edge = edge_that_is(false, |_| {}).await;
    holds(&document, ("get", "/readyz"), &get(&edge, "/readyz").await);
    let metrics = request_at(edge.admin, "GET", "/metrics", "").await;
    holds(&document, ("get", "/metrics"), &metrics);
    asked.insert(("get", "/metrics"));
    asked.extend(admins::ADMINS.map(|(method, pattern, ..)| (method, pattern)));
    assert_eq!(asked, described(&document).collect(), "an operation is not tried here");
}

/// Every operation of a document.
pub fn described(document: &Value) -> impl Iterator<Item = (&str, &str)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().filter(|method| *method != "servers");
        methods.map(move |method| (method.as_str(), path.as_str()))
    })
}

/// Checks frames, and remembers which came.
struct Frames {
    document: Value,
    validators: BTreeMap<String, Validator>,
    seen: BTreeSet<String>,
}

impl Frames {
    async fn of(edge: &Edge) -> Self {
        Self { document: found(edge, "/asyncapi.json").await, validators: BTreeMap::new(), seen: BTreeSet::new() }
    }

    fn check(&mut self, frame: &Value) {
        let op = frame["op"].as_str().unwrap();
        let document = &self.document;
        let validator = self.validators.entry(op.to_owned()).or_insert_with(|| validator(document, &format!("frame_{op}")));
        assert_eq!(faults(validator, frame), Vec::<String>::new(), "{frame}");
        self.seen.insert(op.to_owned());
    }

    /// Sends this, and checks it and what comes until one frame is the last.
    async fn talk(&mut self, client: &mut Client, request: &Value, last: impl Fn(&Value) -> bool) -> Value {
        self.check(request);
        client.send(&request.to_string()).await;
        self.hear(client, last).await
    }

    async fn hear(&mut self, client: &mut Client, last: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = client.json().await;
            self.check(&frame);
            if last(&frame) {
                return frame;
            }
        }
    }

    fn came(&self, ops: &[&str]) {
        ops.iter().for_each(|op| assert!(self.seen.contains(*op), "{op} did not come: {:?}", self.seen));
    }
}

fn is(op: &'static str) -> impl Fn(&Value) -> bool {
    move |frame| frame["op"] == op
}

#[tokio::test]
async fn frames_are_what_asyncapi_says() {
    let edge = edge(|_| {}).await;
    let mut frames = Frames::of(&edge).await;
    (1..=501).for_each(|i| edge.phone(i));
    edge.refuse(502, "give the application user the role");
    edge.ring(1, 1, caller("2000", "Ben"));
    let mut client = edge.client().await;
    frames.talk(&mut client, &json!({"op": "subscribe", "id": "1", "all": true}), is("live")).await;
    frames.talk(&mut client, &json!({"op": "subscribe", "id": "1", "devices": ["SEP000000000001"], "lines": []}), is("error")).await;
    frames.talk(&mut client, &json!({"op": "subscribe", "id": "3", "users": ["user1"], "types": ["pop.*"]}), is("live")).await;
    frames.talk(&mut client, &json!({"op": "unsubscribe", "id": "3"}), is("unsubscribed")).await;
    frames.talk(&mut client, &json!({"op": "ping"}), is("pong")).await;
    edge.ring(1, 2, caller("3000", "Ann"));
    edge.hang_up(1, 2);
    frames.hear(&mut client, |frame| frame["event"]["type"] == "callcast.call.ended").await;
    frames.came(&["subscribed", "snapshot", "live", "unsubscribed", "event", "error"]);
}

#[tokio::test]
async fn frames_of_events_that_no_log_took_are_what_asyncapi_says() {
    let (disk, folder) = (SmallDisk::default(), tempfile::tempdir().unwrap());
    let edge = edge_on(Journal::open_on(Options::new(folder.path()), Arc::new(disk.clone())).unwrap()).await;
    let mut frames = Frames::of(&edge).await;
    edge.phone(1);
    let mut client = edge.client().await;
    frames.talk(&mut client, &json!({"op": "subscribe", "id": "1", "all": true}), is("live")).await;
    disk.set_full(true);
    edge.ring(1, 1, caller("2000", "Ben"));
    let told = frames.hear(&mut client, is("event")).await;
    assert_eq!((&told["durable"], told.get("cursor")), (&json!(false), None), "{told}");
}

#[tokio::test]
async fn a_stream_is_what_asyncapi_says() {
    let edge = edge(|_| {}).await;
    let mut frames = Frames::of(&edge).await;
    let event = validator(&frames.document, "event");
    edge.phone(1);
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let head = format!("GET /v1/events?all=true HTTP/1.1\r\nHost: {}\r\n\r\n", edge.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut events = 0;
    while events < 3 {
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("nothing came").unwrap().expect("the stream ended");
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let data: Value = serde_json::from_str(data).unwrap();
        if data["op"].is_string() {
            frames.check(&data);
            if data["op"] == "live" {
                edge.ring(1, 1, caller("2000", "Ben"));
            }
        } else {
            assert_eq!(faults(&event, &data), Vec::<String>::new(), "{data}");
            events += 1;
        }
    }
    frames.came(&["subscribed", "live"]);
}

#[tokio::test]
async fn frames_of_a_subscription_that_goes_on_are_what_asyncapi_says() {
    let edge = edge(|_| {}).await;
    let mut frames = Frames::of(&edge).await;
    edge.phone(1);
    let cursor = found(&edge, "/v1/devices").await["cursor"].clone();
    edge.ring(1, 1, caller("2000", "Ben"));
    let mut client = edge.client().await;
    frames.talk(&mut client, &json!({"op": "subscribe", "id": "1", "all": true, "after": cursor}), is("live")).await;
    frames.came(&["subscribed", "event", "live"]);
    let lost = json!({"op": "subscribe", "id": "2", "all": true, "after": "00000000.1.1"});
    let answer = frames.talk(&mut client, &lost, is("subscribed")).await;
    assert_eq!((&answer["recovered"], &answer["more"]), (&json!(false), &json!(false)), "{answer}");
}

#[tokio::test]
async fn frames_of_who_says_who_it_is_are_what_asyncapi_says() {
    let token = NewToken::random().unwrap();
    let config = TokenConfig { name: "crm".into(), sha256: token.sha256(), users: vec!["user1".into()], ..TokenConfig::default() };
    let access = access::Config { tokens: vec![config], ..access::Config::default() };
    let edge = edge_with(|_| {}, |server, metrics| server.with_access(Arc::new(Access::new(&access, metrics).unwrap()))).await;
    let mut frames = Frames::of(&edge).await;
    let mut client = edge.client().await;
    frames.talk(&mut client, &json!({"op": "subscribe", "id": "1", "all": true}), is("error")).await;
    let answer = frames.talk(&mut client, &json!({"op": "authenticate", "token": token.reveal()}), is("authenticated")).await;
    assert_eq!(answer["account"], "crm");
}
