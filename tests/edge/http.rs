//! Health, metrics, the page's files, and requests that are refused.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Edge, edge, edge_that_is};

/// The head and the body of the answer.
async fn request(edge: &Edge, method: &str, path: &str, headers: &str) -> (String, String) {
    request_at(edge.address, method, path, headers).await
}

async fn request_at(address: std::net::SocketAddr, method: &str, path: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    stream.write_all(format!("{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

async fn get(edge: &Edge, path: &str) -> (String, String) {
    request(edge, "GET", path, "").await
}

#[tokio::test]
async fn readiness_says_what_is_refused_and_how_to_cure_it() {
    let (head, body) = get(&edge(|_| {}).await, "/readyz").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["devices"]["refused"][0]["cure"], "correct its name");
    let (head, _) = get(&edge_that_is(false, |_| {}).await, "/readyz").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
}

#[tokio::test]
async fn health_does_not_depend_on_the_cluster() {
    let (head, body) = get(&edge_that_is(false, |_| {}).await, "/healthz").await;
    assert!(head.starts_with("http/1.1 200") && body.contains("true"), "{head}");
}

#[tokio::test]
async fn metrics_count_devices_by_state() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    edge.refuse(2, "");
    let (head, body) = request_at(edge.admin, "GET", "/metrics", "").await;
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    for line in ["callcast_device_states{state=\"idle\"} 1", "callcast_device_states{state=\"restricted\"} 1"] {
        assert!(body.contains(line), "{line} in {body}");
    }
}

#[tokio::test]
async fn metrics_and_admin_endpoints_are_not_on_the_listener_for_browsers() {
    let edge = edge(|_| {}).await;
    for path in ["/metrics", "/admin/v1/cursors"] {
        let (head, _) = get(&edge, path).await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_but_its_own_files() {
    let edge = edge(|_| {}).await;
    let (head, body) = get(&edge, "/").await;
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff") && !head.contains("unsafe-inline"), "{head}");
    assert!(!body.contains("style=") && !body.contains("onclick"), "inline code or style");
    let files = body.split('"').filter(|text| text.starts_with('/') && text.contains('.'));
    for file in files {
        let (head, _) = get(&edge, file).await;
        assert!(head.starts_with("http/1.1 200"), "{file}: {head}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let edge = edge(|_| {}).await;
    let (head, _) = get(&edge, "/main.js").await;
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let (head, body) = request(&edge, "GET", "/main.js", &format!("If-None-Match: {etag}\r\n")).await;
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_refused() {
    let edge = edge(|config| config.public_host_names = vec!["callcast.example".into()]).await;
    let (head, body) = request(&edge, "GET", "/", "Host: evil.example\r\n").await;
    assert!(head.starts_with("http/1.1 421") && body.contains("public_host_names"), "{head}");
    let (head, _) = request(&edge, "GET", "/", "Host: callcast.example\r\n").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let edge = edge(|_| {}).await;
    for (method, path, status) in [("GET", "/nothing", 404), ("POST", "/healthz", 405), ("GET", "/v1/ws", 426)] {
        let (head, body) = request(&edge, method, path, "").await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{path}: {head}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body["error"]["message"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn every_schema_of_the_index_is_there_under_the_id_that_events_name() {
    let edge = edge(|_| {}).await;
    let (head, body) = get(&edge, "/schemas/").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/json"), "{head}");
    let index: Value = serde_json::from_str(&body).unwrap();
    let mut ids = Vec::new();
    for listed in index["schemas"].as_array().unwrap() {
        let (head, body) = get(&edge, listed["path"].as_str().unwrap()).await;
        assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/schema+json"), "{head}");
        assert!(head.contains("cache-control: public, max-age=3600"), "{head}");
        let schema: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(schema["$id"], listed["id"]);
        ids.push(schema["$id"].clone());
    }
    for kind in index["types"].as_array().unwrap() {
        assert!(ids.contains(&kind["dataschema"]), "{kind}");
    }
}

#[tokio::test]
async fn a_schema_can_be_asked_after_without_being_sent() {
    let edge = edge(|_| {}).await;
    let (head, body) = request(&edge, "HEAD", "/schemas/leg.json", "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: ") && body.is_empty(), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let (head, body) = request(&edge, "GET", "/schemas/leg.json", &format!("If-None-Match: {etag}\r\n")).await;
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
}

#[tokio::test]
async fn who_asks_for_a_schema_that_is_not_there_is_told_which_are() {
    let edge = edge(|_| {}).await;
    for path in ["/schemas/legs.json", "/schemas/leg", "/schemas/.json", "/schemas/../leg.json"] {
        let (head, body) = get(&edge, path).await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
        assert!(body.contains(path) && body.contains("/schemas/leg.json") && body.contains("/schemas/event.json"), "{body}");
    }
    let (head, _) = get(&edge, "/schemasx").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}
