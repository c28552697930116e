//! The client library in a real browser, over a wire that is cut and that goes dead.

use std::collections::HashSet;
use std::sync::Arc;

use callcast::access::{self, Access, NewToken, TokenConfig};
use callcast::ctiqbe::names::CallState;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::browser::{Browser, browser};
use crate::harness::{Edge, caller, edge, edge_with, until};
use crate::relay::Relay;

/// A page with nothing on it but the library, which keeps what its handlers are told.
async fn library(browser: &Browser, address: std::net::SocketAddr, options: &str, filters: &[&str]) {
    browser.client.goto(&format!("http://{address}/healthz")).await.unwrap();
    let subscribe = filters.iter().enumerate().map(|(i, filter)| format!("subscribe({i}, {filter});")).collect::<String>();
    let script = format!(
        "const done = arguments[arguments.length - 1];
         import('/callcast.js').then(({{ Callcast }}) => {{
             const client = (window.client = new Callcast({options}));
             window.told = [];
             window.states = [];
             client.addEventListener('state', ({{ detail }}) => window.states.push(detail));
             const subscribe = (i, filter) => {{
                 const tell = (what) => (...values) => window.told.push([i, what, ...values]);
                 (window.subscriptions ??= [])[i] = client.subscribe(filter, Object.fromEntries(['snapshot', 'event', 'live', 'gap', 'error'].map((what) => [what, tell(what)])));
             }};
             {subscribe}
             done();
         }});"
    );
    browser.client.execute_async(&script, vec![]).await.unwrap();
}

async fn state(browser: &Browser, wanted: &str) {
    until(wanted, || async { (browser.script("return client.state.state").await == wanted).then_some(()) }).await;
}

/// What a handler of subscription `i` was told.
async fn told(browser: &Browser, i: usize, handler: &str) -> Vec<Value> {
    let script = format!("return told.filter(([i, what]) => i === {i} && what === {handler:?}).map(([, , ...values]) => values)");
    browser.script(&script).await.as_array().unwrap().clone()
}

/// The ids of the events that it was told, which are in order and come once.
async fn events(browser: &Browser, i: usize) -> Vec<String> {
    let events = told(browser, i, "event").await;
    let ids: Vec<String> = events.iter().map(|event| event[0]["id"].as_str().unwrap().to_owned()).collect();
    let sequences: Vec<u64> = events.iter().map(|event| event[0]["sequence"].as_str().unwrap().parse().unwrap()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "out of order, or twice: {sequences:?}");
    ids
}

/// Phone `i` has a call from ring to end.
fn call(edge: &Edge, i: i32, call: i32) {
    edge.ring(i, call, caller("2000", "Zoë"));
    edge.state(i, call, CallState::CONNECTED);
    edge.hang_up(i, call);
}

/// Waits until the library has seen as many ends of calls.
async fn ended(browser: &Browser, i: usize, calls: usize) {
    until("the end of every call", || async {
        let events = told(browser, i, "event").await;
        (events.iter().filter(|event| event[0]["type"] == "callcast.call.ended").count() == calls).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_break_loses_nothing_and_tells_nothing_twice() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    (1..=3).for_each(|i| edge.phone(i));
    let relay = Relay::to(edge.address).await;
    library(&browser, relay.address, "{ firstWait: 50 }", &["{ users: ['user1'] }", "{ devices: ['SEP000000000002'], lines: ['100001'] }"])
        .await;
    state(&browser, "live").await;
    call(&edge, 1, 1);
    ended(&browser, 0, 1).await;
    for breaks in 0..3 {
        relay.cut();
        state(&browser, "offline").await;
        (1..=3).for_each(|i| call(&edge, i, 10 * breaks + i + 1));
        relay.wake();
        state(&browser, "live").await;
        (1..=3).for_each(|i| call(&edge, i, 100 + 10 * breaks + i + 1));
    }
    ended(&browser, 0, 7).await;
    ended(&browser, 1, 13).await;
    let (first, both) = (events(&browser, 0).await, events(&browser, 1).await);
    assert!(both.len() > first.len() && first.iter().all(|id| both.contains(id)), "{first:?} {both:?}");
    assert_eq!(told(&browser, 0, "snapshot").await.len(), 1, "a snapshot although everything was there");
    assert_eq!(told(&browser, 1, "gap").await, [] as [Value; 0]);
    browser.quit().await;
}

#[tokio::test]
async fn a_laptop_that_slept_notices_it_and_misses_nothing() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(1);
    let relay = Relay::to(edge.address).await;
    library(&browser, relay.address, "{ firstWait: 50 }", &["{ users: ['user1'] }"]).await;
    state(&browser, "live").await;
    browser.dev_tools("Page.setWebLifecycleState", json!({ "state": "frozen" })).await;
    relay.sleep();
    (1..=20).for_each(|i| call(&edge, 1, i));
    relay.wake();
    browser.dev_tools("Page.setWebLifecycleState", json!({ "state": "active" })).await;
    ended(&browser, 0, 20).await;
    assert_eq!(events(&browser, 0).await.into_iter().collect::<HashSet<_>>().len(), told(&browser, 0, "event").await.len());
    assert_eq!(told(&browser, 0, "snapshot").await.len(), 1, "a snapshot although everything was there");
    browser.quit().await;
}

#[tokio::test]
async fn a_gateway_that_knows_nothing_of_before_sends_a_snapshot_and_says_so() {
    let first = edge(|_| {}).await;
    first.phone(1);
    let (address, browser) = (first.address, browser(true).await);
    library(&browser, address, "{ firstWait: 50 }", &["{ users: ['user1'] }"]).await;
    state(&browser, "live").await;
    call(&first, 1, 1);
    ended(&browser, 0, 1).await;
    first.stop.cancel();
    first.running.await.unwrap();
    state(&browser, "offline").await;
    let second = edge(|config| config.listen = address).await;
    second.phone(1);
    state(&browser, "live").await;
    let snapshots = told(&browser, 0, "snapshot").await;
    assert_eq!((&snapshots[0][1]["recovered"], &snapshots[1][1]["recovered"]), (&json!(true), &json!(false)), "{snapshots:?}");
    call(&second, 1, 1);
    ended(&browser, 0, 2).await;
    browser.quit().await;
}

#[tokio::test]
async fn where_no_websocket_can_be_opened_events_come_by_a_stream_and_nothing_is_lost_either() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    (1..=2).for_each(|i| edge.phone(i));
    let relay = Relay::to(edge.address).await;
    let broken = "(window.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006, reason: '' })); } close() {} }, { firstWait: 50 })";
    library(&browser, relay.address, broken, &["{ users: ['user1'] }"]).await;
    state(&browser, "live").await;
    assert_eq!(browser.script("return client.state.transport").await, "sse");
    call(&edge, 1, 1);
    ended(&browser, 0, 1).await;
    relay.cut();
    state(&browser, "offline").await;
    call(&edge, 1, 2);
    relay.wake();
    ended(&browser, 0, 2).await;
    // One more subscription is told how things stand, and the first keeps its place.
    browser
        .script(
            "subscriptions[1] = client.subscribe({ users: ['user2'] }, {
                 snapshot: (...values) => told.push([1, 'snapshot', ...values]),
                 event: (...values) => told.push([1, 'event', ...values]),
             })",
        )
        .await;
    call(&edge, 1, 3);
    until("the snapshot of the second", || async { (!told(&browser, 1, "snapshot").await.is_empty()).then_some(()) }).await;
    state(&browser, "live").await;
    call(&edge, 2, 4);
    ended(&browser, 1, 1).await;
    ended(&browser, 0, 3).await;
    events(&browser, 0).await;
    assert_eq!(told(&browser, 0, "snapshot").await.len(), 1, "a snapshot although everything was there");
    browser.quit().await;
}

#[tokio::test]
async fn a_subscription_that_is_refused_tells_its_owner_and_leaves_the_others_alone() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    edge.phone(1);
    library(&browser, edge.address, "{}", &["{}", "{ users: ['user1'] }"]).await;
    let refused = until("a refusal", || async { told(&browser, 0, "error").await.first().cloned() }).await;
    drop(refused);
    assert_eq!(browser.script("return told.find(([i, what]) => what === 'error')[2].code").await, "empty_filter");
    state(&browser, "live").await;
    call(&edge, 1, 1);
    ended(&browser, 1, 1).await;
    assert_eq!(told(&browser, 0, "event").await, [] as [Value; 0]);
    browser.quit().await;
}

#[tokio::test]
async fn the_types_name_what_the_library_has() {
    let (edge, browser) = (edge(|_| {}).await, browser(true).await);
    library(&browser, edge.address, "{}", &["{ all: true }"]).await;
    let script = "
        const done = arguments[arguments.length - 1];
        const members = (of) => Object.getOwnPropertyNames(of).filter((name) => name !== 'constructor').sort();
        Promise.all([import('/callcast.js'), fetch('/callcast.d.ts').then((response) => response.text())]).then(([library, types]) => {
            const named = (text, pattern) => [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].sort();
            const body = (head) => types.slice(types.indexOf(head)).split(/^}/m)[0];
            done({
                exported: Object.keys(library).sort(),
                declared: named(types, /^export declare (?:class|function|const) (\\w+)/gm),
                members: members(library.Callcast.prototype),
                declaredMembers: named(body('export declare class Callcast extends'), /^  (?:get )?(\\w+)\\(/gm).filter((name) => !(name in EventTarget.prototype) && name !== 'constructor'),
                states: states.map(({ state, ...others }) => Object.keys({ state, ...others }).sort().join()),
                declaredState: named(body('export interface State {'), /^  (\\w+)\\??:/gm).join(),
                subscription: named(body('export interface Subscription {'), /^  (?:readonly )?(\\w+)[(:]/gm).filter((name) => !(name in subscriptions[0])),
            });
        });";
    let found = browser.client.execute_async(script, vec![]).await.unwrap();
    assert_eq!(found["exported"], found["declared"]);
    assert_eq!(found["members"], found["declaredMembers"]);
    for state in found["states"].as_array().unwrap() {
        assert_eq!(state, &found["declaredState"]);
    }
    assert_eq!(found["subscription"], json!([]), "not in the library");
    browser.quit().await;
}

#[tokio::test]
async fn the_example_of_the_documentation_works_on_a_page_of_another_origin() {
    let token = NewToken::random().unwrap();
    let known = TokenConfig { name: "crm".into(), sha256: token.sha256(), users: vec!["user7".into()], ..TokenConfig::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let crm = listener.local_addr().unwrap();
    let edge = edge_with(
        |config| config.allowed_origins = vec![format!("http://{crm}")],
        |server, metrics| {
            let config = access::Config { tokens: vec![known], ..access::Config::default() };
            server.with_access(Arc::new(Access::new(&config, metrics).unwrap()))
        },
    )
    .await;
    edge.phone(7);
    let documentation = std::fs::read_to_string("docs/client.md").unwrap();
    let example = documentation.split("```js\n").nth(1).unwrap().split("```").next().unwrap();
    let example = example.replace("https://callcast.example.com", &format!("http://{}", edge.address)).replace("bsmith", "user7");
    let kept = "<script>window.said = []; console.log = (...words) => said.push(words.join(' '))</script>";
    let page = format!("<!doctype html><meta charset=utf-8>{kept}<script type=module>{example}</script>");
    let token = token.reveal().to_owned();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap_or_default();
            let body = if request[..read].starts_with(b"GET /callcast-token ") { &token } else { &page };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(socket.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    let browser = browser(true).await;
    browser.client.goto(&format!("http://{crm}/")).await.unwrap();
    let said = |what: &'static str| {
        let browser = &browser;
        until(what, move || async move {
            browser.script("return said").await.as_array()?.iter().any(|said| said.as_str().unwrap().contains(what)).then_some(())
        })
    };
    said("live").await;
    edge.ring(7, 1, caller("2000", "Zoë"));
    said("Zoë calls 100007").await;
    edge.hang_up(7, 1);
    said("no longer: abandoned").await;
    browser.quit().await;
}
