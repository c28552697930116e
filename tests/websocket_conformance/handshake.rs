//! The opening handshake: which are taken, which are refused, and what is not one.

use crate::case::echoing;
use crate::client::{ACCEPT, KEY, Raw, Received, TEXT, frame};
use crate::harness::{Edge, edge};

/// A request as parts that a case changes.
#[derive(Clone)]
struct Opening {
    line: String,
    headers: Vec<(String, String)>,
    body: &'static str,
}

fn opening(edge: &Edge) -> Opening {
    let headers = [
        ("Host", edge.address.to_string().as_str()),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "callcast.v1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Opening { line: "GET /v1/ws HTTP/1.1".into(), headers: headers.into(), body: "" }
}

impl Opening {
    fn line(mut self, line: &str) -> Self {
        self.line = line.into();
        self
    }

    fn set(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn names(mut self, change: impl Fn(&str) -> String) -> Self {
        self.headers.iter_mut().for_each(|(name, _)| *name = change(name));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n{}", self.line, self.body).into_bytes()
    }
}

/// The status and the head of the answer; `None` when the connection just ends.
async fn answer(edge: &Edge, bytes: &[u8]) -> Option<(u16, String)> {
    let mut client = Raw::connect(edge.address).await;
    client.send(bytes).await;
    client.finish().await;
    let head = client.head().await?;
    Some((head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase()))
}

#[tokio::test]
async fn an_accepted_handshake_is_answered_as_the_rfc_wants() {
    let edge = edge(|_| {}).await;
    let (status, head) = answer(&edge, &opening(&edge).bytes()).await.unwrap();
    assert_eq!(status, 101);
    for line in ["upgrade: websocket", "connection: upgrade", "sec-websocket-protocol: callcast.v1"] {
        assert_eq!(head.lines().filter(|l| *l == line).count(), 1, "{line} in {head}");
    }
    assert!(head.contains(&format!("sec-websocket-accept: {}\r\n", ACCEPT.to_ascii_lowercase())), "{head}");
    assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
}

#[tokio::test]
async fn a_handshake_in_another_shape_is_taken() {
    let edge = edge(|_| {}).await;
    let good = || opening(&edge);
    for (what, opening) in [
        ("lower case", good().names(str::to_ascii_lowercase)),
        ("upper case", good().names(str::to_ascii_uppercase)),
        ("as Firefox", good().set("Connection", "keep-alive, Upgrade")),
        ("two Connection headers", good().set("Connection", "keep-alive").and("Connection", "Upgrade")),
        ("WebSocket", good().set("Upgrade", "WebSocket")),
        ("several protocols", good().set("Upgrade", "h2c, websocket")),
        ("several subprotocols", good().set("Sec-WebSocket-Protocol", "other, callcast.v1 ,third")),
        ("several subprotocol headers", good().set("Sec-WebSocket-Protocol", "other").and("Sec-WebSocket-Protocol", "callcast.v1")),
        ("spaces", good().set("Sec-WebSocket-Version", "  13 \t")),
        ("a query", good().line("GET /v1/ws?x=1 HTTP/1.1")),
        ("the whole address", good().line(&format!("GET http://{}/v1/ws HTTP/1.1", edge.address))),
        ("an own origin", good().and("Origin", &format!("http://{}", edge.address))),
        ("a cookie", good().and("Cookie", "a=b")),
    ] {
        assert_eq!(answer(&edge, &opening.bytes()).await.unwrap().0, 101, "{what}");
    }
}

#[tokio::test]
async fn sections_12_and_13_an_offer_of_compression_is_accepted_without_it() {
    let edge = edge(|_| {}).await;
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; client_max_window_bits, permessage-deflate",
        "permessage-bzip2, x-webkit-deflate-frame",
        "not;;a,list==",
    ] {
        let mut client = Raw::connect(edge.address).await;
        client.send(&opening(&edge).and("Sec-WebSocket-Extensions", offer).bytes()).await;
        let head = client.head().await.unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 ") && !head.contains("sec-websocket-extensions"), "{offer}: {head}");
        client.send(&frame(TEXT, echoing("plain")).bytes()).await;
        assert!(matches!(client.receive().await, Received::Text(_)), "{offer}");
        // A compressed frame all the same: its reserved bit means nothing here.
        client.send(&frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00").rsv(4).bytes()).await;
        assert!(matches!(client.receive().await, Received::Close(1002, _)), "{offer}");
    }
}

#[tokio::test]
async fn a_handshake_sent_byte_by_byte_is_taken() {
    let edge = edge(|_| {}).await;
    let mut client = Raw::connect(edge.address).await;
    for byte in opening(&edge).bytes() {
        client.send(&[byte]).await;
    }
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 101 "));
}

#[tokio::test]
async fn a_handshake_that_is_wrong_is_refused() {
    const BAD: &[u16] = &[400, 426];
    let edge = edge(|_| {}).await;
    let good = || opening(&edge);
    let key = "Sec-WebSocket-Key";
    let (bodied, chunked) = (
        Opening { body: "hello", ..good().and("Content-Length", "5") },
        Opening { body: "5\r\nhello\r\n0\r\n\r\n", ..good().and("Transfer-Encoding", "chunked") },
    );
    for (what, opening, statuses) in [
        ("no key", good().without(key), BAD),
        ("an empty key", good().set(key, ""), BAD),
        ("a key of 15 bytes", good().set(key, "AAAAAAAAAAAAAAAAAAAA"), BAD),
        ("a key of 17 bytes", good().set(key, "AAAAAAAAAAAAAAAAAAAAAAA="), BAD),
        ("a key of 18 bytes", good().set(key, "AAAAAAAAAAAAAAAAAAAAAAAA"), BAD),
        ("a key that is not base64", good().set(key, "!!!!!!!!!!!!!!!!!!!!!!=="), BAD),
        ("a key that is no text", good().set(key, "äöüäöüäöüäöü"), BAD),
        ("two keys", good().and(key, KEY), BAD),
        ("no version", good().without("Sec-WebSocket-Version"), BAD),
        ("version 12", good().set("Sec-WebSocket-Version", "12"), BAD),
        ("version 8", good().set("Sec-WebSocket-Version", "8"), BAD),
        ("version 14", good().set("Sec-WebSocket-Version", "14"), BAD),
        ("versions in a list", good().set("Sec-WebSocket-Version", "13, 8"), BAD),
        ("two versions", good().and("Sec-WebSocket-Version", "12"), BAD),
        ("no upgrade", good().without("Upgrade"), BAD),
        ("an upgrade to h2c", good().set("Upgrade", "h2c"), BAD),
        ("no connection header", good().without("Connection"), BAD),
        ("connection: close", good().set("Connection", "close"), BAD),
        ("no subprotocol", good().without("Sec-WebSocket-Protocol"), BAD),
        ("another subprotocol", good().set("Sec-WebSocket-Protocol", "callcast.v2"), BAD),
        ("a body", bodied, BAD),
        ("a body in chunks", chunked, BAD),
        ("no host", good().without("Host"), &[400, 421]),
        ("two hosts", good().and("Host", "evil.example"), BAD),
        ("another host", good().set("Host", "evil.example"), &[421]),
        ("another origin", good().and("Origin", "https://evil.example"), &[403]),
        ("two origins", good().and("Origin", &format!("http://{}", edge.address)).and("Origin", "https://evil.example"), BAD),
        ("POST", good().line("POST /v1/ws HTTP/1.1"), &[405]),
        ("PUT", good().line("PUT /v1/ws HTTP/1.1"), &[405]),
        ("HEAD", good().line("HEAD /v1/ws HTTP/1.1"), &[400, 405, 426]),
        ("OPTIONS", good().line("OPTIONS /v1/ws HTTP/1.1"), &[405]),
        ("HTTP/1.0", good().line("GET /v1/ws HTTP/1.0"), &[400, 426, 505]),
        ("HTTP/3.0", good().line("GET /v1/ws HTTP/3.0"), &[400, 426, 505]),
        ("a path beside it", good().line("GET /v1/ws/ HTTP/1.1"), &[404]),
        ("a header of 20 KB", good().and("X-Long", &"x".repeat(20_000)), &[400, 431]),
        ("200 headers", (0..200).fold(good(), |opening, i| opening.and(&format!("X-{i}"), "x")), &[400, 431]),
        ("an address of 70 KB", good().line(&format!("GET /v1/ws?{} HTTP/1.1", "x".repeat(70_000))), &[400, 414, 431]),
        ("a header without a name", good().and("", "x"), &[400]),
        ("a header with a space in its name", good().and("Sec WebSocket", "x"), &[400]),
        ("a NUL in a header", good().and("X-Nul", "a\0b"), &[400]),
    ] {
        match answer(&edge, &opening.bytes()).await {
            Some((status, head)) => {
                assert!(statuses.contains(&status), "{what}: {head}");
                // As section 4.4 wants it, so that the client can choose a version that is spoken.
                assert!(status != 426 || head.contains("sec-websocket-version: 13"), "{what}: {head}");
            }
            None => panic!("{what}: no answer"),
        }
    }
}

#[tokio::test]
async fn what_is_no_http_gets_no_websocket() {
    let edge = edge(|_| {}).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\r\nhello\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x81\x85\x00\x00\x00\x00hello",
        &[0xFF; 40_000],
        &[b'\n'; 40_000],
    ] {
        let answered = answer(&edge, bytes).await;
        assert!(answered.as_ref().is_none_or(|(status, _)| *status >= 400), "{answered:?}");
    }
}

#[tokio::test]
async fn half_a_handshake_is_closed_after_the_header_timeout_and_keeps_nobody_out() {
    let edge = edge(|config| config.header_timeout_seconds = 1).await;
    let whole = opening(&edge).bytes();
    let halves = [0, 1, 16, whole.len() / 2, whole.len() - 1];
    let mut held = Vec::new();
    for half in halves.iter().cycle().take(50) {
        let mut client = Raw::connect(edge.address).await;
        client.send(&whole[..*half]).await;
        held.push(client);
    }
    let mut good = Raw::open(edge.address).await;
    good.send(&frame(TEXT, echoing("good")).bytes()).await;
    assert!(matches!(good.receive().await, Received::Text(_)));
    for mut client in held {
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

#[tokio::test]
async fn a_handshake_that_trickles_is_closed_too() {
    let edge = edge(|config| config.header_timeout_seconds = 1).await;
    let mut client = Raw::connect(edge.address).await;
    client.send(b"GET /v1/ws HTTP/1.1\r\nX-Slow: ").await;
    // Each byte comes soon after the one before: what counts is the whole head.
    while client.send(b"x").await {
        if client.ended_within(std::time::Duration::from_millis(50)).await {
            return;
        }
    }
}
