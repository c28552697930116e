//! Nothing that a log takes, at its highest level, tells a number or name of a party; withheld ones not even masked.
//!
//! The gateway runs whole, from the socket of a simulated cluster to that of a client, while phones talk, lines are refused and sessions break.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use callcast::app::App;
use callcast::calls::{CallModel, Ids};
use callcast::config::{self, Config};
use callcast::cti::{self, Device, DeviceKind, Line, LineChange, LineHandle, Notice, Observer, SessionId};
use callcast::ctiqbe::messages::{CallPartyInfoChangedEvent, NewCallEvent};
use callcast::ctiqbe::names::{CallOrigin, CallState};
use callcast::ctiqbe::{FRAME_LIMIT, Frame, Message, Text, VERSION_12_5, Wide, encode};
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::sim::{self, Simulator};
use callcast::telemetry::{self, LogOptions, Metrics};
use callcast::time::Timestamp;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frames;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

/// A caller outside, who withholds number and name, and one who does not.
const WITHHELD: (&str, &str) = ("0198765432", "Nobody-knows-Zoë");
const SHOWN: (&str, &str) = ("0155557193", "Everybody-knows-Jan");

/// All that was logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The log of this process, with everything that anybody logs.
    fn of_all() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let start = || {
            let log = Log::default();
            let writer = log.clone();
            let options = LogOptions { level: Some("trace".into()), ..LogOptions::default() };
            telemetry::init_to(&options, &config::Log::default(), move || writer.clone()).unwrap();
            log
        };
        LOG.get_or_init(start).clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// That nothing of it tells a number or name of a party. `withheld` numbers are looked for masked, too.
    fn assert_tells_nobody(&self, numbers: &[&str], names: &[&str], withheld: &[&str]) {
        let log = self.text();
        let masked = withheld.iter().map(|number| format!("*{}", &number[number.len() - 2..]));
        for told in numbers.iter().chain(names).chain(withheld).map(|text| (*text).to_owned()).chain(masked) {
            let line = log.lines().find(|line| line.contains(&told));
            assert!(line.is_none(), "{told} in: {}", line.unwrap_or_default());
        }
    }
}

/// A client of the WebSocket, and all that it was sent.
struct Client {
    socket: WebSocketStream<TcpStream>,
    received: String,
}

impl Client {
    async fn subscribed(address: std::net::SocketAddr) -> Self {
        let mut request = format!("ws://{address}/v1/ws").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "callcast.v1".parse().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        socket.send(Frames::text(r#"{"op":"subscribe","id":"1","all":true}"#)).await.unwrap();
        Self { socket, received: String::new() }
    }

    /// Waits for so many events of this type that are like this. The data of the last.
    async fn events(&mut self, kind: &str, times: usize, like: impl Fn(&Json) -> bool) -> Json {
        let mut seen = 0;
        let wait = async {
            loop {
                let Frames::Text(text) = self.socket.next().await.expect("the socket ended").unwrap() else { continue };
                self.received.push_str(&text);
                let frame: Json = serde_json::from_str(&text).unwrap();
                let event = &frame["event"];
                if event["type"] == format!("callcast.{kind}") && like(&event["data"]) {
                    seen += 1;
                    if seen == times {
                        return event["data"].clone();
                    }
                }
            }
        };
        let waited = tokio::time::timeout(LIMIT, wait).await;
        waited.unwrap_or_else(|_| panic!("{kind} did not come {times} times, but\n{}", self.received))
    }
}

#[tokio::test]
async fn a_gateway_that_runs_logs_no_party() {
    let log = Log::of_all();
    let mut cluster = sim::Config { devices: 3, ..sim::Config::default() };
    cluster.calls.per_second = 0.0;
    let simulator = Simulator::bind(cluster).await.unwrap();
    let (handle, manager) = (simulator.handle(), simulator.local_addrs()[0].plain.to_string());
    let shutdown = CancellationToken::new();
    let running_cluster = tokio::spawn(simulator.run(shutdown.clone()));

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "callcast").unwrap();
    std::fs::write(folder.path().join("devices.csv"), "device,user\nSEP000000000001,u1\nSEP000000000002,u2\nSEP000000000003,u3\n").unwrap();
    let mut session = cti::Config::new(vec![manager], "callcast".into());
    session.password_file = Some(folder.path().join("password"));
    session.inventory.file = Some(folder.path().join("devices.csv"));
    session.pace.devices_per_second = 0;
    let mut config = Config { sessions: vec![session], ..Config::default() };
    config.api.listen = "127.0.0.1:0".parse().unwrap();
    config.admin.listen = None;
    config.journal.temporary = true;
    let app = App::build(config).await.unwrap();
    let address = app.local_addr();
    let running = tokio::spawn(app.run(shutdown.clone()));
    let mut client = Client::subscribed(address).await;
    let command = |line: &str| handle.command(line).unwrap();
    let any = |_: &Json| true;

    client.events("session.resynced", 1, any).await;
    command(&format!("external 1 {} {} restricted", WITHHELD.0, WITHHELD.1));
    let rings = client.events("leg.alerting", 1, any).await;
    assert_eq!((&rings["calling"]["presentation"], &rings["calling"]["number"]), (&"restricted".into(), &Json::Null));
    command("answer 1");
    command("hold 1");
    command("resume 1");
    client.events("leg.resumed", 1, any).await;
    command(&format!("external 2 {} {}", SHOWN.0, SHOWN.1));
    client.events("leg.alerting", 1, |leg| leg["calling"]["number"] == SHOWN.0).await;
    // The calls stand while the session breaks, and are told again.
    command("drop");
    client.events("session.resynced", 1, any).await;
    command("garbage");
    client.events("session.resynced", 1, any).await;
    command("hangup 1");
    command("hangup 2");
    client.events("call.ended", 2, any).await;
    command("call 2 3 restricted");
    client.events("leg.alerting", 1, |leg| leg["calling"]["presentation"] == "restricted").await;
    command("hangup 2");
    client.events("call.ended", 1, any).await;
    command("restrict-line 3 on");
    client.events("line.restricted", 1, any).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    running_cluster.await.unwrap();

    assert!(!client.received.contains(WITHHELD.0) && !client.received.contains(WITHHELD.1));
    let text = log.text();
    for logged in ["cti session is in service", "cti session ended", "line=****03"] {
        assert!(text.contains(logged), "{logged} is missing in\n{text}");
    }
    let withheld = [WITHHELD.0, "100002"];
    log.assert_tells_nobody(&[SHOWN.0, "100001", "100003"], &[WITHHELD.1, SHOWN.1, "User 1", "User 2", "User 3"], &withheld);
}

/// Tells a gateway of a message whose bytes were changed.
fn observe_changed<'m, M: Message<'m>>(gateway: &Gateway, message: &M, change: impl Fn(&mut Vec<u8>, usize)) {
    let mut sound = Vec::new();
    encode(message, VERSION_12_5, &mut sound);
    for at in 32..sound.len() {
        let mut bytes = sound.clone();
        change(&mut bytes, at);
        if let Ok(Some(frame)) = Frame::split(&bytes, FRAME_LIMIT) {
            gateway.observe(SessionId(0), Timestamp(0), &[Notice::Message(frame)]);
        }
    }
}

#[test]
fn a_message_that_cannot_be_read_logs_no_party() {
    let log = Log::of_all();
    let metrics = Metrics::new().unwrap();
    let gateway = Gateway::new(CallModel::new(Ids::seeded(1), false), Journal::temporary().unwrap(), Arc::clone(&metrics));
    let (name, model) = ("SEP000000000001".to_owned(), "Cisco 8861".to_owned());
    let device = Arc::new(Device { name, model, kind: DeviceKind::Phone, owner: None, login_user: None, device_pool: None });
    let line = Arc::new(Line { device, dn: "200001".into(), partition: String::new(), display_name: String::new() });
    let opened = Notice::Line { line: &line, change: LineChange::Opened(LineHandle { call_manager: 1, line: 7 }) };
    gateway.observe(SessionId(0), Timestamp(0), &[Notice::Connected { manager: "cucm", cluster: "C" }, opened]);
    let (number, name) = (Text::new(WITHHELD.0.as_bytes()), Wide::Str(WITHHELD.1));
    let new_call = NewCallEvent {
        line_call_manager_id: 1,
        line_id: 7,
        state: CallState::OFFERING,
        origin: CallOrigin::INBOUNDEXTERNAL,
        calling_party: number,
        un_modified_calling_party: number,
        unicode_calling_party_name: name,
        called_party: Text::new(b"200001"),
        ..NewCallEvent::default()
    };
    let party_info = CallPartyInfoChangedEvent {
        line_call_manager_id: 1,
        line_id: 7,
        calling_party: number,
        unicode_calling_party_name: name,
        last_redirecting_party: number,
        ..CallPartyInfoChangedEvent::default()
    };
    let spoil = |bytes: &mut Vec<u8>, at: usize| bytes[at] ^= 0x7f;
    // The part behind is pulled into the one before it: texts stand where numbers and flags belong.
    let shift = |bytes: &mut Vec<u8>, at: usize| {
        bytes.remove(at);
        bytes.push(0);
    };
    observe_changed(&gateway, &new_call, spoil);
    observe_changed(&gateway, &new_call, shift);
    observe_changed(&gateway, &party_info, spoil);
    observe_changed(&gateway, &party_info, shift);
    assert!(log.text().contains("a CTI message was passed over"));
    log.assert_tells_nobody(&["200001"], &[WITHHELD.1], &[WITHHELD.0]);
}
