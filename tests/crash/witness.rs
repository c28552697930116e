//! A WebSocket client that keeps all that it is told, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callcast::journal::Cursor;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// What a client was told.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether it could go on where it was; `None` until that was answered.
    pub recovered: Option<bool>,
    /// Where it began.
    pub began: Option<String>,
    /// The events, each in its frame.
    pub frames: Vec<Utf8Bytes>,
    /// Events that say that a session was resynced.
    resynced: usize,
    /// What is no event and was not asked for: nothing, as a rule.
    pub others: Vec<String>,
}

/// The cursor and the bytes of the event in a frame.
pub fn parts(frame: &str) -> Option<(Cursor, &[u8])> {
    let rest = frame.strip_prefix("{\"op\":\"event\",\"cursor\":\"")?;
    let (cursor, rest) = rest.split_once("\",\"event\":")?;
    Some((cursor.parse().ok()?, rest.strip_suffix('}')?.as_bytes()))
}

impl Seen {
    /// Where to go on after it.
    pub fn last_cursor(&self) -> Option<String> {
        let last = self.frames.last().and_then(|frame| parts(frame)).map(|(cursor, _)| cursor.to_string());
        last.or_else(|| self.began.clone())
    }

    fn take(&mut self, text: Utf8Bytes) {
        if text.starts_with("{\"op\":\"event\"") {
            // It stands near the beginning.
            let head = text.get(..400).unwrap_or(&text);
            self.resynced += usize::from(head.contains("callcast.session.resynced"));
            self.frames.push(text);
            return;
        }
        let answer: Value = serde_json::from_str(&text).unwrap();
        match answer["op"].as_str() {
            Some("subscribed") => {
                self.recovered = Some(answer["recovered"] == true);
                self.began = answer["cursor"].as_str().map(str::to_owned);
            }
            Some("live") => {}
            _ => self.others.push(text.to_string()),
        }
    }
}

pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    reading: JoinHandle<()>,
}

impl Witness {
    /// Subscribes to everything, after a cursor if there is one. A gateway that is killed before it answers is no mistake.
    pub async fn attend(address: SocketAddr, after: Option<String>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let socket = connect(address).await;
        let reading = tokio::spawn(read(socket, after, Arc::clone(&seen)));
        Self { seen, reading }
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().frames.len()
    }

    /// Waits until the gateway says that all devices are open.
    pub async fn until_resynced(&self, limit: Duration) {
        let began = Instant::now();
        while self.seen.lock().unwrap().resynced == 0 {
            assert!(!self.reading.is_finished(), "the socket was closed: {:?}", self.seen.lock().unwrap().others);
            assert!(began.elapsed() < limit, "the devices are not open in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Reads what is left, to the end of the socket.
    pub async fn leave(self, limit: Duration) -> Seen {
        tokio::time::timeout(limit, self.reading).await.expect("the socket does not end").unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn connect(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}/v1/ws").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "callcast.v1".parse().unwrap());
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn read(mut socket: WebSocketStream<TcpStream>, after: Option<String>, seen: Arc<Mutex<Seen>>) {
    let mut subscription = json!({"op": "subscribe", "id": "all", "all": true});
    if let Some(after) = after {
        subscription["after"] = after.into();
    }
    let _ = socket.send(Message::text(subscription.to_string())).await;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => seen.lock().unwrap().take(text),
            Message::Close(Some(frame)) if u16::from(frame.code) != 1001 => seen.lock().unwrap().others.push(format!("{frame:?}")),
            _ => {}
        }
    }
}
