//! A gateway with its HTTP server, phones that ring when told to, and a WebSocket client.

use std::sync::Arc;
use std::time::Duration;

use callcast::api::{self, Health, RefusalReport, Report, Server, SessionReport};
use callcast::calls::{CallModel, Ids};
use callcast::cti::{Device, DeviceChange, LineChange, LineHandle, Notice, Observer, SessionId};
use callcast::ctiqbe::messages::{CallStateChangedEvent_V2, NewCallEvent};
use callcast::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiFailure};
use callcast::ctiqbe::{FRAME_LIMIT, Frame, Message, Text, VERSION_12_5, Wide, encode};
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message as Frames};
use tokio_util::sync::CancellationToken;

use crate::playing::{Playing, line, phone};

/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(30);

pub struct Edge {
    pub gateway: Arc<Gateway>,
    pub address: std::net::SocketAddr,
    pub admin: std::net::SocketAddr,
    pub stop: CancellationToken,
    pub running: JoinHandle<()>,
}

struct Healthy(bool);

impl Health for Healthy {
    fn report(&self) -> Report {
        let refusal =
            RefusalReport { cause: "no_such_device".into(), cure: "correct its name".into(), count: 1, examples: vec!["SEP9".into()] };
        let session = SessionReport { session: 0, manager: Some("cucm-pub".into()), state: "in_service".into(), reason: None };
        Report {
            ready: self.0,
            sessions: vec![session],
            devices: api::DevicesReport { total: 2, in_service: 1, refused: vec![refusal] },
            ..Report::default()
        }
    }
}

pub async fn edge(change: impl FnOnce(&mut api::Config)) -> Edge {
    edge_that_is(true, change).await
}

pub async fn edge_that_is(ready: bool, change: impl FnOnce(&mut api::Config)) -> Edge {
    made(ready, change, |server, _| server).await
}

/// A gateway whose server is made otherwise, as one that asks for tokens.
pub async fn edge_with(change: impl FnOnce(&mut api::Config), make: impl FnOnce(Server, Arc<Metrics>) -> Server) -> Edge {
    made(true, change, make).await
}

/// A gateway with this log.
pub async fn edge_on(journal: Journal) -> Edge {
    made_on(journal, true, |_| {}, |server, _| server).await
}

async fn made(ready: bool, change: impl FnOnce(&mut api::Config), make: impl FnOnce(Server, Arc<Metrics>) -> Server) -> Edge {
    made_on(Journal::temporary().unwrap(), ready, change, make).await
}

/// Any of these.
pub async fn made_on(
    journal: Journal,
    ready: bool,
    change: impl FnOnce(&mut api::Config),
    make: impl FnOnce(Server, Arc<Metrics>) -> Server,
) -> Edge {
    let mut config = api::Config { listen: "127.0.0.1:0".parse().unwrap(), ..api::Config::default() };
    change(&mut config);
    let calls = CallModel::new(Ids::seeded(1), false);
    let gateway = Arc::new(Gateway::new(calls, journal, Metrics::new().unwrap()));
    let server = Server::bind(config, Arc::clone(&gateway), Arc::new(Healthy(ready))).await.unwrap();
    let admin = api::AdminConfig { listen: Some("127.0.0.1:0".parse().unwrap()), tls: None };
    let server = make(server.with_admin(&admin).await.unwrap(), Arc::clone(gateway.metrics()));
    let (address, admin) = (server.local_addr(), server.admin_addr().unwrap());
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.run(stop.clone()));
    let edge = Edge { gateway, address, admin, stop, running };
    edge.tell(&Notice::Connected { manager: "cucm-pub", cluster: "test" });
    edge
}

/// Who calls.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    pub number: &'a str,
    pub name: &'a str,
    pub shows_number: bool,
}

pub fn caller<'a>(number: &'a str, name: &'a str) -> Caller<'a> {
    Caller { number, name, shows_number: true }
}

fn device(i: i32) -> Arc<Device> {
    phone(&format!("SEP{i:012X}"), Some(&format!("user{i}")))
}

impl Edge {
    pub fn tell(&self, notice: &Notice<'_>) {
        self.gateway.observe(SessionId(0), Timestamp::now(), std::slice::from_ref(notice));
    }

    /// Phone `i`, with the line 100000 + i, of `user` i.
    pub fn phone(&self, i: i32) {
        let device = device(i);
        let line = line(&device, &(100_000 + i).to_string(), "Internal-PT");
        self.tell(&Notice::Device { device: &device, change: DeviceChange::Registered });
        self.tell(&Notice::Device { device: &device, change: DeviceChange::InService });
        self.tell(&Notice::Line { line: &line, change: LineChange::Opened(LineHandle { call_manager: 1, line: i }) });
        self.tell(&Notice::Line { line: &line, change: LineChange::InService });
    }

    pub fn refuse(&self, i: i32, cure: &str) {
        self.tell(&Notice::Device {
            device: &device(i),
            change: DeviceChange::Refused { result: CtiFailure(0x8CCC_0001_u32 as i32), cure },
        });
    }

    fn send<'a, M: Message<'a>>(&self, message: &M) {
        let mut bytes = Vec::new();
        encode(message, VERSION_12_5, &mut bytes);
        self.tell(&Notice::Message(Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap()));
    }

    /// Phone `i` rings with call `call`.
    pub fn ring(&self, i: i32, call: i32, from: Caller<'_>) {
        let called = (100_000 + i).to_string();
        self.send(&NewCallEvent {
            line_call_manager_id: 1,
            line_id: i,
            call_call_manager_id: 1,
            call_leg_id: call,
            global_call_manager_id: 1,
            call_id: call,
            state: CallState::OFFERING,
            origin: CallOrigin::INBOUNDEXTERNAL,
            reason: CallReason::DIRECTCALL,
            calling_party: Text::new(from.number.as_bytes()),
            unicode_calling_party_name: Wide::Str(from.name),
            called_party: Text::new(called.as_bytes()),
            calling_party_pi: from.shows_number,
            calling_party_name_pi: true,
            called_party_pi: true,
            called_party_name_pi: true,
            ..Default::default()
        });
        self.state(i, call, CallState::ACCEPTED);
    }

    pub fn state(&self, i: i32, call: i32, state: CallState) {
        self.send(&CallStateChangedEvent_V2 {
            line_call_manager_id: 1,
            line_id: i,
            call_call_manager_id: 1,
            call_leg_id: call,
            state,
            cause: CallStateCause::NOERROR,
            reason: CallReason::DIRECTCALL,
            b_remote_in_use: state == CallState::REMOTEINUSE,
            ..Default::default()
        });
    }

    pub fn hang_up(&self, i: i32, call: i32) {
        self.state(i, call, CallState::IDLE);
    }

    /// Lets a flow go on until this time of it; `from` is where it is.
    pub fn play(&self, playing: &Playing, from: Duration, until: Duration) {
        for (_, bytes) in playing.messages().filter(|(at, _)| (from..until).contains(at)) {
            self.tell(&Notice::Message(Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap()));
        }
    }

    pub async fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(self.request(Some("callcast.v1"), None), stream).await.unwrap();
        Client(socket)
    }

    /// A client of another subprotocol, with this query.
    pub async fn client_of(&self, subprotocol: &str, query: &str) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!("ws://{}/v1/ws{query}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Client(socket)
    }

    /// The whole answer to a request.
    pub async fn request_whole(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}connection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The status and body with which a handshake is refused.
    pub async fn refused_handshake(&self, subprotocol: Option<&str>, origin: Option<&str>) -> (u16, String) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(self.request(subprotocol, origin), stream).await {
            Err(Error::Http(response)) => {
                let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
                (response.status().as_u16(), body)
            }
            other => panic!("{other:?}"),
        }
    }

    fn request(&self, subprotocol: Option<&str>, origin: Option<&str>) -> hyper::Request<()> {
        let mut request = format!("ws://{}/v1/ws", self.address).into_client_request().unwrap();
        for (name, value) in [("sec-websocket-protocol", subprotocol), ("origin", origin)] {
            value.map(|value| request.headers_mut().insert(name, value.parse().unwrap()));
        }
        request
    }

    /// Waits until a metric has this value.
    pub async fn metric(&self, name: &str, value: u64) {
        let line = format!("{name} {value}");
        until(&line, || async { self.gateway.metrics().text().unwrap().lines().any(|l| l == line).then_some(()) }).await;
    }
}

/// Waits until there is something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, found).await.unwrap_or_else(|_| panic!("waited {LIMIT:?} in vain for: {what}"))
}

pub struct Client(WebSocketStream<TcpStream>);

impl Client {
    pub async fn send(&mut self, text: &str) {
        self.0.send(Frames::text(text)).await.unwrap();
    }

    pub async fn next(&mut self) -> Frames {
        tokio::time::timeout(LIMIT, self.0.next()).await.expect("no frame came").expect("the socket ended").unwrap()
    }

    pub async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Frames::Text(text) => return text.to_string(),
                Frames::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    pub async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.json().await
    }

    /// The next event of this type, as it came.
    pub async fn event(&mut self, kind: &str) -> String {
        loop {
            let text = self.text().await;
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["event"]["type"] == format!("callcast.{kind}") {
                return text;
            }
        }
    }

    /// Reads to the close frame.
    pub async fn close(&mut self) -> CloseFrame {
        loop {
            if let Frames::Close(frame) = self.next().await {
                return frame.expect("a close frame without a code");
            }
        }
    }
}
