//! hyper alone, as anybody would use it: what webhooks are measured against.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};

use super::cpu;
use crate::load::LoadError;

/// What its thread is called.
pub const THREAD: &str = "bare";
/// As long as ours, so that as many bytes are on the wire.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json")),
    (HeaderName::from_static("webhook-signature"), HeaderValue::from_static("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")),
    (HeaderName::from_static("webhook-timestamp"), HeaderValue::from_static("1800000000")),
    (HeaderName::from_static("webhook-id"), HeaderValue::from_static("1800000000-100000")),
    (USER_AGENT, HeaderValue::from_static("callcast/0.1.0")),
];

/// A connection on which one request is sent after the other.
pub struct Bare {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Bare {
    /// Connects.
    ///
    /// # Errors
    /// When nobody takes the connection.
    pub async fn connect(address: SocketAddr) -> Result<Self, LoadError> {
        let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let host = HeaderValue::try_from(address.to_string()).map_err(|error| failed(&error))?;
        Ok(Self { sender, host })
    }

    /// Sends a body, and reads the answer.
    ///
    /// # Errors
    /// When there is none, or it is no success.
    pub async fn post(&mut self, body: Bytes) -> Result<(), LoadError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static("/events");
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().extend(HEADERS);
        self.sender.ready().await.map_err(|error| failed(&error))?;
        let answer = self.sender.send_request(request).await.map_err(|error| failed(&error))?;
        if !answer.status().is_success() {
            return Err(failed(&answer.status()));
        }
        answer.into_body().collect().await.map(drop).map_err(|error| failed(&error))
    }
}

/// Sends all bodies over so many connections, on a thread of its own; how long that was on a core. Waits for it.
///
/// # Errors
/// When one of them is not taken.
pub fn post_all(address: SocketAddr, bodies: Arc<[Bytes]>, connections: usize) -> Result<Duration, LoadError> {
    let (done, told) = std::sync::mpsc::channel();
    let thread = super::on_thread(THREAD, move || async move {
        let next = Rc::new(Cell::new(0));
        let local = LocalSet::new();
        let sent = local.run_until(async {
            let mut connected = JoinSet::new();
            for _ in 0..connections {
                let (bodies, next) = (Arc::clone(&bodies), Rc::clone(&next));
                connected.spawn_local(async move {
                    let mut bare = Bare::connect(address).await?;
                    while let Some(body) = bodies.get(next.replace(next.get() + 1)) {
                        bare.post(body.clone()).await?;
                    }
                    Ok(())
                });
            }
            connected.join_all().await.into_iter().collect::<Result<(), LoadError>>()
        });
        let sent = sent.await;
        let _ = done.send(sent.and_then(|()| cpu::of_this_thread()));
    })?;
    let spent = told.recv().map_err(|error| failed(&error))?;
    // A thread of ours does not panic.
    let _ = thread.join();
    spent
}

/// What `callcast load webhook-bare` is told.
#[derive(Debug, Args)]
pub struct BareArgs {
    /// Where it reads.
    #[arg(long, default_value = "127.0.0.1:18097")]
    listen: SocketAddr,
    /// Where it posts.
    #[arg(long, default_value = "127.0.0.1:18098")]
    to: SocketAddr,
}

/// Bytes of what it reads, about those of a CTI message: the number of the post, the length of its body, and nothing.
pub const FRAME: usize = 160;

/// A frame that has this posted.
pub fn frame(number: u64, body: u32) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    for (to, from) in frame.iter_mut().zip(number.to_be_bytes().into_iter().chain(body.to_be_bytes())) {
        *to = from;
    }
    frame
}

/// The number of a post, by its body.
pub fn number(body: &[u8]) -> Option<u64> {
    body.first_chunk().map(|number| u64::from_be_bytes(*number))
}

/// Posts as soon as it has read, on one thread, until it is ended.
///
/// # Errors
/// When it cannot listen.
pub async fn run(args: &BareArgs) -> Result<(), LoadError> {
    let (address, to) = (args.listen, args.to);
    let listener = std::net::TcpListener::bind(address).map_err(|source| LoadError::Listen { address, source })?;
    listener.set_nonblocking(true).map_err(|source| LoadError::Listen { address, source })?;
    let posting = super::on_thread(THREAD, move || async move {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever reads the answers notices what is missing.
            drop(LocalSet::new().run_until(post_what_comes(stream, to)).await);
        }
    })?;
    tokio::task::spawn_blocking(|| posting.join()).await.map(drop).map_err(|error| failed(&error))
}

async fn post_what_comes(mut stream: TcpStream, to: SocketAddr) -> Result<(), LoadError> {
    let idle: Rc<RefCell<Vec<Bare>>> = Rc::default();
    let mut frame = [0; FRAME];
    loop {
        stream.read_exact(&mut frame).await.map_err(|error| failed(&error))?;
        let length = frame.get(8..).and_then(|rest| rest.first_chunk()).map_or(0, |length| u32::from_be_bytes(*length));
        let mut body = vec![b' '; length as usize];
        body.iter_mut().zip(frame).take(8).for_each(|(to, from)| *to = from);
        let idle = Rc::clone(&idle);
        tokio::task::spawn_local(async move {
            let before = idle.borrow_mut().pop();
            let mut bare = match before {
                Some(bare) => bare,
                None => Bare::connect(to).await?,
            };
            bare.post(body.into()).await?;
            idle.borrow_mut().push(bare);
            Ok::<(), LoadError>(())
        });
    }
}

fn failed(error: &dyn std::fmt::Display) -> LoadError {
    LoadError::Gateway(format!("the bare client came to nothing: {error}"))
}
