//! The simulated cluster over real sockets, seen by a client that speaks nothing but CTIQBE.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use callcast::ctiqbe::login::seal;
use callcast::ctiqbe::messages::*;
use callcast::ctiqbe::schema::message;
use callcast::ctiqbe::{FRAME_LIMIT, Frame, Message, Side, Text, VERSION_12_5, Wide, encode};
use callcast::sim::{CallMix, Config, Handle, ManagerAddrs, ManagerConfig, Simulator, Summary, phone_name};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    handle: Handle,
    addrs: Vec<ManagerAddrs>,
    control: Option<SocketAddr>,
    certificate: Vec<u8>,
    run: JoinHandle<Summary>,
    stop: DropGuard,
}

fn quiet() -> Config {
    Config { devices: 10, calls: CallMix { per_second: 0.0, ..CallMix::default() }, ..Config::default() }
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn start(config: Config) -> Running {
    let simulator = Simulator::bind(config).await.unwrap();
    let (handle, addrs, control) = (simulator.handle(), simulator.local_addrs(), simulator.control_addr());
    let certificate = simulator.certificate().to_vec();
    let token = CancellationToken::new();
    let run = tokio::spawn(simulator.run(token.clone()));
    Running { handle, addrs, control, certificate, run, stop: token.drop_guard() }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    sequence: i32,
}

/// A frame that was received.
struct Received(Vec<u8>);

impl Received {
    fn frame(&self) -> Frame<'_> {
        Frame::split(&self.0, FRAME_LIMIT).unwrap().unwrap()
    }

    fn name(&self) -> &'static str {
        message(self.frame().id).unwrap().name()
    }

    fn decode<'a, M: Message<'a>>(&'a self) -> M {
        self.frame().decode().unwrap()
    }

    /// The result of a response.
    fn result(&self) -> i32 {
        let frame = self.frame();
        let mut reader = frame.reader(Side::Server);
        reader.int().unwrap();
        reader.int().unwrap()
    }
}

impl Client {
    fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new(), sequence: 0 }
    }

    async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    async fn open(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        assert_eq!(client.log_in("callcast").await.decode::<ProviderOpenCompletedEvent>().reason.0, 0);
        client
    }

    async fn send<'m, M: Message<'m>>(&mut self, request: &M) {
        let mut bytes = Vec::new();
        encode(request, VERSION_12_5, &mut bytes);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next frame; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Received> {
        loop {
            if let Some(frame) = Frame::split(&self.buffer, FRAME_LIMIT).unwrap() {
                let length = frame.len();
                return Some(Received(self.buffer.drain(..length).collect()));
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("something to read");
            if matches!(read, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    /// The next frame of this name; others are passed over.
    async fn wait_for(&mut self, name: &str) -> Received {
        loop {
            let received = self.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if received.name() == name {
                return received;
            }
        }
    }

    async fn ask<'m, M: Message<'m>>(&mut self, request: &M, answer: &str) -> Received {
        self.send(request).await;
        self.wait_for(answer).await
    }

    fn sequence(&mut self) -> i32 {
        self.sequence += 1;
        self.sequence
    }

    async fn log_in(&mut self, password: &str) -> Received {
        let init = self.ask(&ProviderInitRequest::default(), "ProviderInitResponse").await;
        let init: ProviderInitResponse = init.decode();
        let sealed = seal(password, init.nonce.as_bytes(), init.certificate).unwrap();
        let request = ProviderOpenRequest {
            login: Wide::Str("callcast"),
            password: &sealed.password,
            encrypted_key_data: &sealed.encrypted_key,
            ..ProviderOpenRequest::default()
        };
        self.ask(&request, "ProviderOpenCompletedEvent").await
    }

    /// Acquires and opens a phone with its line, for calls.
    async fn watch(&mut self, number: u32) {
        let (name, dn) = (phone_name(number), (100_000 + number).to_string());
        let device_name = Text::new(name.as_bytes());
        let sequence_number = self.sequence();
        let acquired = self.ask(&ProviderDeviceAcquireRequest { sequence_number, device_name }, "ProviderDeviceAcquireResponse").await;
        assert_eq!(acquired.result(), 0);
        let open = DeviceOpenRequest { sequence_number, device_name, ..DeviceOpenRequest::default() };
        assert_eq!(self.ask(&open, "DeviceOpenResponse").await.result(), 0);
        let filter = LineEventFilter {
            call_state_changed: true,
            b_new_call_event: true,
            b_existing_call_event: true,
            b_existing_call_completed: true,
            ..LineEventFilter::default()
        };
        let line_name = Text::new(dn.as_bytes());
        let open = LineOpenRequest { sequence_number, device_name, line_name, filter, ..LineOpenRequest::default() };
        assert_eq!(self.ask(&open, "LineOpenResponse").await.result(), 0);
    }
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_client_that_opened_a_line_hears_of_its_calls() {
    let running = start(quiet()).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    client.watch(2).await;
    running.handle.command("external 2 +33123401000 \"Zoë Martin\"").unwrap();
    let offered = client.wait_for("NewCallEvent").await;
    let offered: NewCallEvent = offered.decode();
    assert_eq!(
        (offered.calling_party.to_string(), offered.unicode_calling_party_name.to_string()),
        ("+33123401000".into(), "Zoë Martin".into())
    );
}

#[tokio::test]
async fn a_client_with_a_wrong_password_is_told_and_disconnected() {
    let running = start(quiet()).await;
    let mut client = Client::connect(running.addrs[0].plain).await;
    let refused = client.log_in("wrong").await;
    assert_eq!(refused.decode::<ProviderOpenCompletedEvent>().reason.0.cast_unsigned(), 0x8ccc_0060);
    assert_eq!(client.next().await.unwrap().name(), "ProviderClosedEvent");
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn a_client_can_come_over_tls() {
    let managers = vec![ManagerConfig { listen: any_port(), tls_listen: Some(any_port()) }];
    let running = start(Config { managers, ..quiet() }).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(running.certificate.clone())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(running.addrs[0].tls.unwrap()).await.unwrap();
    let stream = connector.connect(ServerName::try_from("cucm-pub.example").unwrap(), stream).await.unwrap();
    let mut client = Client::over(stream);
    assert_eq!(client.log_in("callcast").await.decode::<ProviderOpenCompletedEvent>().reason.0, 0);
}

#[tokio::test]
async fn calls_survive_the_loss_of_a_ctimanager() {
    let manager = ManagerConfig { listen: any_port(), tls_listen: None };
    let running = start(Config { managers: vec![manager, manager], ..quiet() }).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    client.watch(2).await;
    running.handle.command("call 1 2").unwrap();
    let call = client.wait_for("NewCallEvent").await.decode::<NewCallEvent>().call_id;
    running.handle.command("restart 0 60").unwrap();
    while client.next().await.is_some() {}

    let mut client = Client::open(running.addrs[1].plain).await;
    client.watch(2).await;
    let standing = client.wait_for("ExistingCallEvent").await;
    assert_eq!(standing.decode::<ExistingCallEvent>().call_id, call);
}

#[tokio::test]
async fn a_restarted_cluster_is_away_and_comes_back_without_its_calls() {
    let running = start(quiet()).await;
    let address = running.addrs[0].plain;
    running.handle.command("call 1 2").unwrap();
    running.handle.command("restart-cluster 0.3").unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "the listener closes");
    }
    while TcpStream::connect(address).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the listener opens again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut client = Client::open(address).await;
    client.watch(2).await;
    assert_eq!(client.wait_for("ExistingCallCompletedEvent").await.name(), "ExistingCallCompletedEvent");
    assert_eq!(running.handle.counters().lost, 1);
}

#[tokio::test]
async fn a_dropped_session_ends_without_a_word() {
    let running = start(quiet()).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    running.handle.command("drop").unwrap();
    assert!(client.next().await.is_none());
    until("the session is gone", || running.handle.sessions().is_empty()).await;
}

#[tokio::test]
async fn a_silent_client_is_closed_and_one_with_heartbeats_is_not() {
    let running = start(Config { heartbeat: Duration::from_secs(1), ..quiet() }).await;
    let mut silent = Client::open(running.addrs[0].plain).await;
    let mut alive = Client::open(running.addrs[0].plain).await;
    for _ in 0..3 {
        assert_eq!(alive.next().await.unwrap().name(), "Heartbeat");
        alive.send(&Heartbeat {}).await;
    }
    assert_eq!(silent.wait_for("ProviderClosedEvent").await.decode::<ProviderClosedEvent>().reason.0, 1);
    assert!(silent.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_others_go_on() {
    let running = start(Config { output_limit: 256 << 10, ..quiet() }).await;
    let mut deaf = Client::open(running.addrs[0].plain).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    client.watch(2).await;
    let request = ProviderGetSingleDeviceAndLinesRequest { sequence_number: 1, device_name: Text::new(b"SEP000000000001") };
    let acquire = ProviderDeviceAcquireRequest { sequence_number: 1, device_name: Text::new(b"SEP000000000001") };
    let mut bytes = Vec::new();
    encode(&acquire, VERSION_12_5, &mut bytes);
    (0..1000).for_each(|_| encode(&request, VERSION_12_5, &mut bytes));
    let flood = async { while deaf.stream.write_all(&bytes).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, flood).await.expect("the client that does not read is dropped");
    running.handle.command("call 1 2").unwrap();
    client.wait_for("NewCallEvent").await;
}

#[tokio::test]
async fn bytes_that_are_not_ctiqbe_end_their_own_session_only() {
    let running = start(quiet()).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    let mut stranger = Client::connect(running.addrs[0].plain).await;
    stranger.stream.write_all(b"GET / HTTP/1.1\r\nHost: cucm-pub\r\n\r\n").await.unwrap();
    assert!(stranger.next().await.is_none());
    client.watch(1).await;
}

#[tokio::test]
async fn garbage_reaches_the_client() {
    let running = start(quiet()).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    running.handle.command("garbage").unwrap();
    tokio::time::timeout(PATIENCE, client.stream.read_buf(&mut client.buffer)).await.unwrap().unwrap();
    assert!(Frame::split(&client.buffer, FRAME_LIMIT).is_err());
}

#[tokio::test]
async fn a_thousand_devices_can_be_asked_for_at_once() {
    let running = start(Config { devices: 1000, ..quiet() }).await;
    let mut client = Client::open(running.addrs[0].plain).await;
    let mut bytes = Vec::new();
    for number in 1..=1000_u32 {
        let (name, dn) = (phone_name(number), (100_000 + number).to_string());
        let (device_name, line_name) = (Text::new(name.as_bytes()), Text::new(dn.as_bytes()));
        let sequence_number = number.cast_signed();
        encode(&ProviderDeviceAcquireRequest { sequence_number, device_name }, VERSION_12_5, &mut bytes);
        encode(&ProviderGetSingleDeviceAndLinesRequest { sequence_number, device_name }, VERSION_12_5, &mut bytes);
        encode(&DeviceOpenRequest { sequence_number, device_name, ..DeviceOpenRequest::default() }, VERSION_12_5, &mut bytes);
        encode(&LineOpenRequest { sequence_number, device_name, line_name, ..LineOpenRequest::default() }, VERSION_12_5, &mut bytes);
    }
    client.stream.write_all(&bytes).await.unwrap();
    for number in 1..=1000 {
        let opened = client.wait_for("LineOpenResponse").await;
        let opened: LineOpenResponse = opened.decode();
        assert_eq!((opened.sequence_number, opened.result.0), (number, 0));
    }
    assert_eq!((running.handle.sessions()[0].devices, running.handle.sessions()[0].lines), (1000, 1000));
}

#[tokio::test]
async fn the_control_socket_gives_one_answer_for_each_line() {
    let running = start(Config { control: Some(any_port()), ..quiet() }).await;
    let mut stream = BufReader::new(TcpStream::connect(running.control.unwrap()).await.unwrap());
    let mut answers = String::new();
    for line in ["call 1 2\n", "anser 2\n", "unregister 99\n", "window 1 10\n", "status\n"] {
        stream.write_all(line.as_bytes()).await.unwrap();
        stream.read_line(&mut answers).await.unwrap();
    }
    let expected = [
        "ok",
        "error: no command `anser`; did you mean `answer`? `help` lists them all",
        "error: no device 99: give its number from 1, its name, or its directory number",
        "window began 0 ended 0",
        "calls started 1 ended 0 lost 0 standing 1 generator paused",
    ];
    assert_eq!(answers.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_was_started_and_ended_is_summed_up_at_the_end() {
    let running = start(quiet()).await;
    running.handle.command("call 1 2").unwrap();
    running.handle.command("call 3 4").unwrap();
    running.handle.command("hangup 1").unwrap();
    drop(running.stop);
    assert_eq!(running.run.await.unwrap(), Summary { started: 2, ended: 1 });
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let running = start(quiet()).await;
    let listen = running.addrs[0].plain;
    let error = Simulator::bind(Config { managers: vec![ManagerConfig { listen, tls_listen: None }], ..quiet() }).await.unwrap_err();
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}

#[tokio::test]
async fn the_command_says_when_it_is_ready_and_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.csv");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_callcast"))
        .args(["simulate", "--listen", "127.0.0.1:0", "--devices", "2", "--calls-per-second", "0", "--write-inventory"])
        .arg(&inventory)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.next_line().await.unwrap().unwrap();
    Client::open(ready.strip_prefix("ready ").unwrap().parse().unwrap()).await;
    let expected = "device,user\nSEP000000000001,user1\nSEP000000000002,user2\n";
    assert_eq!(std::fs::read_to_string(&inventory).unwrap(), expected);

    let pid = child.id().unwrap().to_string();
    tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "calls started 0 ended 0");
    assert!(child.wait().await.unwrap().success());
}
