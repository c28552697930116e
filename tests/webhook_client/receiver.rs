//! Receivers of all kinds, good and bad, on sockets of loopback.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callcast::sinks::webhook::client::{Client, ClientError};
use callcast::sinks::webhook::{Config, Destination, Prepared};
use hyper::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// An answer that lets the connection be used again.
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Somebody who takes connections.
pub struct Receiver {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Hands each connection to `serve`, with its number from 0.
    pub async fn start<F, S>(serve: F) -> Self
    where
        F: Fn(usize, TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serve(counted.fetch_add(1, Ordering::SeqCst), stream);
                drop(tokio::spawn(serving));
            }
        });
        Self { address, connections, task }
    }

    /// Answers each request with the same bytes.
    pub async fn answering(answer: &'static [u8]) -> Self {
        Self::start(move |_, mut stream| async move {
            while read_request(&mut stream).await.is_some() {
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        })
        .await
    }

    /// How many connections were taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request as it came.
pub struct Got {
    pub head: String,
    pub body: Vec<u8>,
}

impl Got {
    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The next request; none when the connection was closed.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Got> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut got = Got { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    let length = got.header("content-length").map_or(0, |length| length.parse().unwrap());
    got.body = vec![0; length];
    stream.read_exact(&mut got.body).await.ok()?;
    Some(got)
}

/// An endpoint on loopback.
pub fn config(url: &str) -> Config {
    let mut config = Config { name: "crm".into(), url: url.into(), ..Config::default() };
    config.network.allow = vec!["127.0.0.0/8".into()];
    config
}

/// Its client.
pub fn client(url: &str) -> Client {
    Client::new(&config(url)).unwrap()
}

/// What is wrong with an endpoint.
pub fn wrong(config: &Config) -> String {
    Client::new(config).unwrap_err().iter().map(ClientError::to_string).collect::<Vec<_>>().join("\n")
}

/// A request with a small body.
pub fn post(url: &str) -> Prepared {
    let headers = [("content-type", "application/json"), ("webhook-id", "1-1")];
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let to = Destination::new(url.parse().unwrap()).unwrap();
    Prepared { method: Method::POST, to: Arc::new(to), headers, body: "{}".into() }
}
