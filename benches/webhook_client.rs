//! What sending a webhook costs: our client, a bare hyper connection, and hyper-util's pool, against the same receiver, in turns.
//!
//! Each has one thread and as many connections; the receiver has a thread of its own. The processor's time is that of the sending thread.

#![expect(clippy::unwrap_used, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use callcast::sinks::webhook::client::Client;
use callcast::sinks::webhook::{Config, Destination, Prepared};
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 16;
/// As large as an event of a leg.
const BODY: usize = 1000;
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Takes requests that all are of the same length, and answers them.
fn receiver() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(answer(stream)));
            }
        });
    }));
    port
}

async fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut bytes = vec![0; 16 * 1024];
    let mut filled = 0;
    while let Ok(read @ 1..) = stream.read(&mut bytes[filled..]).await {
        filled += read;
        // The body is the last that comes, and its last byte is one that is nowhere else.
        if bytes[filled - 1] == b'~' {
            filled = 0;
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

fn prepared(port: u16) -> Prepared {
    let mut body = vec![b'x'; BODY];
    body[BODY - 1] = b'~';
    let headers = [
        ("content-type", "application/cloudevents+json"),
        ("user-agent", "callcast/0.1.0"),
        ("webhook-id", "1764075600000000-123456"),
        ("webhook-timestamp", "1764075600"),
        ("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
    ];
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let to = Destination::new(format!("http://127.0.0.1:{port}/hooks/crm?key=1").parse().unwrap()).unwrap();
    Prepared { method: Method::POST, to: Arc::new(to), headers, body: body.into() }
}

fn request(prepared: &Prepared, uri: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(prepared.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.parse().unwrap();
    let mut headers: HeaderMap = prepared.headers.clone();
    headers.insert("host", "127.0.0.1".parse().unwrap());
    *request.headers_mut() = headers;
    request
}

/// Nanoseconds that this thread was on a processor.
fn on_core() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// Sends as fast as the connections let, and tells requests a second and µs of the processor a request.
fn measure<F, S>(send: F) -> (f64, f64)
where
    F: Fn() -> S,
    S: AsyncSend + 'static,
{
    runtime().block_on(async {
        let sent = Arc::new(AtomicU64::new(0));
        let end = Instant::now() + TIME;
        let (begun, cpu) = (Instant::now(), on_core());
        let mut tasks = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (mut send, sent) = (send(), Arc::clone(&sent));
            tasks.spawn(async move {
                while Instant::now() < end {
                    send.send().await;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        let sent = sent.load(Ordering::Relaxed) as f64;
        (sent / begun.elapsed().as_secs_f64(), (on_core() - cpu) as f64 / 1000.0 / sent)
    })
}

trait AsyncSend: Send {
    fn send(&mut self) -> impl Future<Output = ()> + Send;
}

struct Ours(Arc<Client>, Prepared);

impl AsyncSend for Ours {
    async fn send(&mut self) {
        assert_eq!(self.0.send(|| Ok(self.1.clone())).await.unwrap().status, 204);
    }
}

struct Bare(Option<hyper::client::conn::http1::SendRequest<Full<Bytes>>>, Prepared);

impl AsyncSend for Bare {
    async fn send(&mut self) {
        if self.0.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.1.to.url().port().unwrap())).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            drop(tokio::spawn(connection));
            self.0 = Some(sender);
        }
        let sender = self.0.as_mut().unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request(&self.1, "/hooks/crm?key=1")).await.unwrap();
        assert_eq!(response.status(), 204);
        drop(response.into_body().collect().await.unwrap());
    }
}

type Pool = hyper_util::client::legacy::Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

struct Pooled(Pool, Prepared);

impl AsyncSend for Pooled {
    async fn send(&mut self) {
        let response = self.0.request(request(&self.1, self.1.to.url().as_str())).await.unwrap();
        assert_eq!(response.status(), 204);
        drop(response.into_body().collect().await.unwrap());
    }
}

fn main() {
    let port = receiver();
    let mut config = Config { name: "crm".into(), url: format!("http://127.0.0.1:{port}/").as_str().into(), ..Config::default() };
    config.network.allow = vec!["127.0.0.0/8".into()];
    for _ in 0..ROUNDS {
        let bare = measure(|| Bare(None, prepared(port)));
        let client = Arc::new(Client::new(&config).unwrap());
        let ours = measure(|| Ours(Arc::clone(&client), prepared(port)));
        let mut connector = hyper_util::client::legacy::connect::HttpConnector::new();
        connector.set_nodelay(true);
        let pool: Pool = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        let pooled = measure(|| Pooled(pool.clone(), prepared(port)));
        // Where others work on the same cores, the time on one says more than the rate.
        for (name, (rate, cost)) in [("bare hyper", bare), ("ours", ours), ("hyper-util's pool", pooled)] {
            println!(
                "{name:>17}: {rate:>7.0} requests a second, {cost:>5.2} µs of one core each, {:>3.0} % of bare",
                rate / bare.0 * 100.0
            );
        }
    }
}
