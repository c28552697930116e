//! A gateway with its webhooks, and a receiver that notes what it is sent and answers as it is told to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callcast::calls::{CallModel, Ids};
use callcast::cti::{Notice, Observer, SessionId};
use callcast::ctiqbe::{FRAME_LIMIT, Frame};
use callcast::gateway::{Gateway, Writer, keys, type_of};
use callcast::journal::{Journal, Options, SyncMode};
use callcast::sinks::webhook::control::{Control, Status};
use callcast::sinks::webhook::engine::GivenUp;
use callcast::sinks::webhook::records::Records;
use callcast::sinks::webhook::{Common, Config, Endpoint, Engine};
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::playing::Playing;

/// Instead of a status: the connection ends without an answer.
pub const LOST: u16 = 0;
/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(30);

pub struct Webhooks {
    pub gateway: Arc<Gateway>,
    pub engine: Arc<Engine>,
    pub records: Arc<Records>,
    pub given_up: UnboundedReceiver<GivenUp>,
    /// The place of the first event of this run.
    first: u64,
    _writer: Writer,
    _folder: Option<tempfile::TempDir>,
}

pub fn webhooks() -> Webhooks {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = webhooks_in(folder.path());
    Webhooks { _folder: Some(folder), ..webhooks }
}

/// On a log that stays.
pub fn webhooks_in(folder: &Path) -> Webhooks {
    let journal = Journal::open(Options { sync: SyncMode::Never, ..Options::new(folder) }).unwrap();
    let first = journal.reader().range().next;
    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), journal, Metrics::new().unwrap()));
    let records = Records::open(gateway.journal().directory(), &Common::default(), Arc::clone(gateway.metrics())).unwrap();
    let records = Arc::new(records);
    let (engine, given_up) = Engine::start(Arc::clone(&gateway), Arc::clone(&records)).unwrap();
    let writer = gateway.start_writer().unwrap();
    Webhooks { gateway, engine, records, given_up, first, _writer: writer, _folder: None }
}

impl Webhooks {
    pub fn set(&self, config: &Config) {
        self.engine.set(Arc::new(Endpoint { config: config.clone(), paused: None, disabled: None }));
    }

    /// Waits until the endpoint runs: what is told from now on is for it.
    pub async fn run(&self, config: &Config) {
        self.set(config);
        let cursor = format!("webhook-{}", config.name);
        until("it runs", || self.gateway.journal().cursors().get(&cursor).unwrap().is_some()).await;
    }

    pub fn status(&self, name: &str) -> Status {
        self.engine.status(name).unwrap()
    }

    /// Plays a flow, all at once; returns the ids of events that are told of it, with their call.
    pub fn play(&self, flow: &str) -> Vec<(String, Option<String>)> {
        let playing = Playing::read(&format!("tests/flows/{flow}.flow"));
        let from = self.gateway.reader().range().next;
        let tell = |notice: &Notice<'_>| self.gateway.observe(SessionId(0), Timestamp::now(), std::slice::from_ref(notice));
        tell(&Notice::Connected { manager: "cucm-pub", cluster: "test" });
        playing.open(tell);
        for (_, bytes) in playing.messages() {
            tell(&Notice::Message(Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap()));
        }
        self.logged(from)
    }

    /// The ids of the events from a place on, once all that was told is in the log, and their call.
    pub fn logged(&self, from: u64) -> Vec<(String, Option<String>)> {
        let began = Instant::now();
        while self.gateway.reader().range().next < self.first + self.gateway.told_since_start().0 {
            assert!(began.elapsed() < LIMIT, "the log does not take what is told");
            std::thread::yield_now();
        }
        let next = self.gateway.reader().range().next;
        let entries = (from..next).filter_map(|place| self.gateway.reader().get(place).unwrap());
        // What becomes of webhooks is told among them, and not sent to who does not ask for it.
        let entries = entries.filter(|entry| !type_of(&entry.event).starts_with("callcast.webhook."));
        entries
            .map(|entry| {
                let call = entry.keys.iter().find(|(space, _)| *space == keys::CALL).map(|(_, call)| format!("{call:?}"));
                (format!("{}-{}", entry.epoch, entry.sequence), call)
            })
            .collect()
    }
}

/// Waits for a condition, with a limit.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Got {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn call(&self) -> Option<String> {
        self.json()["partitionkey"].as_str().map(str::to_owned)
    }
}

type Answer = Box<dyn Fn(&Got, usize) -> (u16, Duration) + Send + Sync>;

/// What came, and how often each id.
#[derive(Default)]
struct Noted {
    requests: Vec<Got>,
    times: HashMap<String, usize>,
}

/// A receiver.
pub struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Noted>>,
    answer: Arc<Mutex<Answer>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Noted>>::default();
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(|_, _| (200, Duration::ZERO))));
        let (noted, answers) = (Arc::clone(&got), Arc::clone(&answer));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (noted, answers) = (Arc::clone(&noted), Arc::clone(&answers));
                connections.spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (noted, answers) = (Arc::clone(&noted), Arc::clone(&answers));
                        async move {
                            let headers = request.headers().clone();
                            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                            let one = Got { headers, body };
                            let (status, pause) = {
                                let mut noted = noted.lock().unwrap();
                                let seen = noted.times.entry(one.id()).or_default();
                                let before = std::mem::replace(seen, *seen + 1);
                                noted.requests.push(one.clone());
                                answers.lock().unwrap()(&one, before)
                            };
                            tokio::time::sleep(pause).await;
                            if status == LOST {
                                return Err(std::io::Error::other("it took it, and the answer is lost"));
                            }
                            let answer = Response::builder().status(status).body(Full::<Bytes>::default());
                            Ok(answer.unwrap())
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, got, answer, task }
    }

    /// From now on it answers so; the number is how often it had the same before.
    pub fn answers(&self, answer: impl Fn(&Got, usize) -> (u16, Duration) + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().requests.clone()
    }

    pub fn ids(&self) -> Vec<String> {
        self.got().iter().map(Got::id).collect()
    }

    /// An endpoint that leads here, with short pauses.
    pub fn config(&self, name: &str) -> Config {
        config(name, self.address)
    }

    /// Waits until it was sent so many.
    pub async fn until_sent(&self, count: usize) {
        until(&format!("{count} requests"), || self.got.lock().unwrap().requests.len() >= count).await;
    }

    /// The ids that came, by call, in their order.
    pub fn by_call(&self) -> HashMap<Option<String>, Vec<String>> {
        let mut calls = HashMap::<_, Vec<String>>::new();
        self.got().iter().for_each(|got| calls.entry(got.call()).or_default().push(got.id()));
        calls
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn config(name: &str, address: SocketAddr) -> Config {
    let mut config = Config { name: name.into(), url: format!("http://{address}/hook").as_str().into(), ..Config::default() };
    config.network.allow = vec!["127.0.0.0/8".into()];
    config.signing.secrets = vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()];
    config.retry.pauses_seconds = vec![0];
    (config.breaker.pause_seconds, config.breaker.pause_max_seconds) = (0, 0);
    config
}
