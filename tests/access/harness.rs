//! A gateway with its HTTP server that asks for tokens, and clients of all kinds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use callcast::access::{Access, Config};
use callcast::api::{self, AdminConfig, Health, Report, Server};
use callcast::calls::{CallModel, Ids};
use callcast::cti::{DeviceChange, LineChange, LineHandle, Notice, Observer, SessionId};
use callcast::ctiqbe::names::CtiFailure;
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, http};
use tokio_util::sync::CancellationToken;

use crate::playing::{line, phone};

/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(30);

pub struct Edge {
    pub gateway: Arc<Gateway>,
    pub access: Arc<Access>,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub certificates: api::Certificates,
    pub stop: CancellationToken,
}

struct Healthy;

impl Health for Healthy {
    fn report(&self) -> Report {
        Report { ready: true, ..Report::default() }
    }
}

/// The phones that there are, and whose.
const PHONES: [(&str, &str); 2] = [("SEP1", "ann"), ("SEP2", "ben")];

/// A gateway with two phones, SEP1 of ann and SEP2 of ben.
pub async fn edge(access: Config, change: impl FnOnce(&mut api::Config)) -> Edge {
    let mut config = api::Config { listen: "127.0.0.1:0".parse().unwrap(), ..api::Config::default() };
    change(&mut config);
    let metrics = Metrics::new().unwrap();
    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), Journal::temporary().unwrap(), Arc::clone(&metrics)));
    let access = Arc::new(Access::new(&access, metrics).unwrap());
    let server = Server::bind(config, Arc::clone(&gateway), Arc::new(Healthy)).await.unwrap().with_access(Arc::clone(&access));
    let admin = AdminConfig { listen: Some("127.0.0.1:0".parse().unwrap()), tls: None };
    let server = server.with_admin(&admin).await.unwrap();
    let (address, admin) = (server.local_addr(), server.admin_addr().unwrap());
    let (certificates, stop) = (server.certificates(), CancellationToken::new());
    tokio::spawn(server.run(stop.clone()));
    let edge = Edge { gateway, access, address, admin, certificates, stop };
    edge.tell(&Notice::Connected { manager: "cucm-pub", cluster: "test" });
    for (i, (name, user)) in (1..).zip(PHONES) {
        let device = phone(name, Some(user));
        let line = line(&device, &format!("200{i}"), "Internal-PT");
        edge.tell(&Notice::Device { device: &device, change: DeviceChange::Registered });
        edge.tell(&Notice::Device { device: &device, change: DeviceChange::InService });
        edge.tell(&Notice::Line { line: &line, change: LineChange::Opened(LineHandle { call_manager: 1, line: i }) });
        edge.tell(&Notice::Line { line: &line, change: LineChange::InService });
    }
    edge
}

impl Edge {
    fn tell(&self, notice: &Notice<'_>) {
        self.gateway.observe(SessionId(0), Timestamp::now(), std::slice::from_ref(notice));
    }

    /// The cluster refuses a phone: something to be told of it.
    pub fn refuses(&self, name: &str) {
        let (name, user) = PHONES.into_iter().find(|(known, _)| *known == name).unwrap();
        let change = DeviceChange::Refused { result: CtiFailure(-1), cure: "" };
        self.tell(&Notice::Device { device: &phone(name, Some(user)), change });
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        get(self.address, path, token).await
    }

    /// A WebSocket with these subprotocols offered, or the status and body of the refusal.
    pub async fn open(&self, path: &str, offered: &str, headers: &[(&str, &str)]) -> Result<Socket, (u16, Json)> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        open(stream, &format!("ws://{}{path}", self.address), offered, headers).await
    }

    /// Waits until a metric has this value.
    pub async fn metric(&self, line: &str) {
        let wait = async {
            while !self.gateway.metrics().text().unwrap().lines().any(|l| l == line) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{line} in\n{}", self.gateway.metrics().text().unwrap()));
    }
}

pub type Socket<S = TcpStream> = (WebSocketStream<S>, http::Response<Option<Vec<u8>>>);

pub async fn open<S>(stream: S, url: &str, offered: &str, headers: &[(&str, &str)]) -> Result<Socket<S>, (u16, Json)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers.iter().copied().chain([("sec-websocket-protocol", offered)]) {
        request.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok(socket) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err((response.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
        }
        Err(other) => panic!("{other}"),
    }
}

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub async fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Answer {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    request(TcpStream::connect(address).await.unwrap(), &address.to_string(), path, &authorization).await
}

pub async fn request(stream: impl AsyncRead + AsyncWrite + Unpin, host: &str, path: &str, headers: &str) -> Answer {
    answer(stream, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n")).await
}

/// The answer to a request with JSON.
pub async fn send(address: SocketAddr, method: &str, path: &str, token: Option<&str>, json: &str) -> Answer {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = json.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Length: {length}\r\nConnection: close");
    answer(TcpStream::connect(address).await.unwrap(), &format!("{head}\r\n\r\n{json}")).await
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, asked: &str) -> Answer {
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head: head.to_ascii_lowercase(), body: body.to_owned() }
}
