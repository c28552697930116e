//! A receiver that is no better than others: mostly it takes what it is sent at once, at times late, or it refuses, or is gone before it has
//! answered. It notes what came, and what it answered when.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

/// How long a connection stays open with half an answer.
const BREAK: Duration = Duration::from_millis(5);

/// A moment: its place among all that was noted, and its time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub place: usize,
    pub time: Instant,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Got {
    /// To which endpoint, and by which life of the gateway, as its URL says.
    pub endpoint: String,
    pub life: usize,
    /// The ids of its events.
    pub events: Vec<String>,
    pub came: Moment,
    /// When it was taken: from then on the gateway may know.
    pub taken: Option<Moment>,
    /// What becomes of it.
    pub mood: Mood,
}

/// All that came, in its order.
#[derive(Debug, Default)]
pub struct Book {
    pub got: Vec<Got>,
    moments: usize,
    /// The ids of events that were taken, by endpoint.
    taken: HashMap<String, HashSet<String>>,
    /// Bodies that are no events.
    pub faults: Vec<String>,
}

impl Book {
    fn moment(&mut self) -> Moment {
        self.moments += 1;
        Moment { place: self.moments, time: Instant::now() }
    }

    fn take(&mut self, at: usize) {
        let moment = self.moment();
        let got = &mut self.got[at];
        got.taken = Some(moment);
        self.taken.entry(got.endpoint.clone()).or_default().extend(got.events.iter().cloned());
    }

    /// How many events an endpoint has taken, each counted once.
    pub fn taken(&self, endpoint: &str) -> usize {
        self.taken.get(endpoint).map_or(0, HashSet::len)
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    Takes,
    TakesLate(Duration),
    /// It takes it, but for a body that ends too soon.
    Breaks,
    Refuses,
    Leaves,
}

impl Mood {
    fn random() -> Self {
        match fastrand::u32(..100) {
            0..4 => Self::TakesLate(Duration::from_millis(fastrand::u64(20..400))),
            4..6 => Self::Breaks,
            6..8 => Self::Refuses,
            8..10 => Self::Leaves,
            _ => Self::Takes,
        }
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::<Mutex<Book>>::default();
        let task = tokio::spawn(listen(listener, Arc::clone(&book)));
        Self { address, book, task }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// Events that all endpoints have taken so far.
    pub fn taken(&self) -> usize {
        self.book().taken.values().map(HashSet::len).sum()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, book: Arc<Mutex<Book>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, Arc::clone(&book)));
    }
}

/// Serves a connection, until the gateway closes it, or we do.
async fn serve(stream: TcpStream, book: Arc<Mutex<Book>>) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(move |request| answer(request, Arc::clone(&book)));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, book: Arc<Mutex<Book>>) -> io::Result<Response<Answer>> {
    let path = request.uri().path().to_owned();
    // A gateway that is killed may leave half a body behind.
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let mood = Mood::random();
    let at = {
        let mut book = book.lock().unwrap();
        let Some((endpoint, life)) = path.trim_start_matches('/').split_once('/') else { panic!("nobody was told to post to {path}") };
        let events = ids(&body).unwrap_or_else(|error| {
            book.faults.push(format!("no event, {error}: {}", String::from_utf8_lossy(&body)));
            Vec::new()
        });
        let came = book.moment();
        book.got.push(Got { endpoint: endpoint.to_owned(), life: life.parse().unwrap(), events, came, taken: None, mood });
        book.got.len() - 1
    };
    let (status, body) = match mood {
        Mood::Takes => (200, Answer::Whole(Full::default())),
        Mood::TakesLate(pause) => {
            tokio::time::sleep(pause).await;
            (202, Answer::Whole(Full::from("{}")))
        }
        Mood::Breaks => (200, Answer::Part(None)),
        Mood::Refuses => (500, Answer::Whole(Full::from("no"))),
        Mood::Leaves => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    if status < 300 {
        book.lock().unwrap().take(at);
    }
    Ok(Response::builder().status(status).body(body).unwrap())
}

/// The ids of the events in a body: one, or several.
fn ids(body: &[u8]) -> serde_json::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    let events = if body.starts_with(b"[") { serde_json::from_slice(body)? } else { vec![serde_json::from_slice::<Event>(body)?] };
    Ok(events.into_iter().map(|event| event.id).collect())
}

/// The body of an answer.
enum Answer {
    Whole(Full<Bytes>),
    /// It promises more than comes until the connection breaks: a moment after its head was sent, so that the gateway knows of that.
    Part(Option<Pin<Box<Sleep>>>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never: Infallible| match never {}),
            Self::Part(Some(pause)) => pause.as_mut().poll(context).map(|()| Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            Self::Part(pause) => {
                // It is asked again at once if that is over already, but not before the head was sent.
                if pause.insert(Box::pin(tokio::time::sleep(BREAK))).as_mut().poll(context).is_ready() {
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Part(_) => SizeHint::with_exact(100),
        }
    }
}
