//! One connection of HTTP/2 that all requests share.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, BODY, HEAD};
use super::lane::{Fell, Until};
use super::stream::{Meter, Stream};
use crate::sinks::webhook::Answer;

/// How often a connection in use is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// How long it may take to say so.
const PONG: Duration = Duration::from_secs(10);
/// What may come on a connection before its first answer.
const BEGIN: u64 = 64 * 1024;

/// A handle on such a connection. The last one that goes closes it.
#[derive(Clone)]
pub(super) struct Multi {
    sender: SendRequest<Full<Bytes>>,
    meter: Arc<Meter>,
    used: Arc<Mutex<Instant>>,
}

impl std::fmt::Debug for Multi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multi").field("is_closed", &self.sender.is_closed()).finish_non_exhaustive()
    }
}

impl Multi {
    /// On a new connection.
    pub(super) async fn new(stream: Stream) -> Result<Self, String> {
        let meter = stream.meter();
        meter.allow(BEGIN);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .max_header_list_size(HEAD as u32)
            .initial_stream_window_size(BODY as u32);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| answer::explain(&error))?;
        // It says what went wrong to those who wait for an answer.
        drop(tokio::spawn(async move { drop(connection.await) }));
        Ok(Self { sender, meter, used: Arc::new(Mutex::new(Instant::now())) })
    }

    /// Whether it is the same connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.meter, &other.meter)
    }

    /// Whether it is open, and was used within `idle`. Marks it as used.
    pub(super) fn is_usable(&self, idle: Duration) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_young = now.duration_since(*used) < idle;
        *used = now;
        is_young && !self.sender.is_closed()
    }

    /// Sends a request and reads its answer. After an error, whether the connection is of no more use.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>, until: Until) -> Result<Answer, (Fell, bool)> {
        self.meter.add(HEAD + BODY * 2);
        let sent = timeout_at(until.head(), self.sender.send_request(request)).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(fell(&error)),
            // The whole connection may be dead: the next request finds out on another.
            Err(_) => return Err((Fell { failed: until.late(), unseen: false }, true)),
        };
        let answer = answer::of(&response);
        // What is not read is cancelled, for this request alone.
        let _ = timeout_at(until.whole, finish(response.into_body())).await;
        Ok(answer)
    }
}

async fn finish(mut body: Incoming) {
    let mut left = BODY;
    while !body.is_end_stream() {
        let Some(Ok(frame)) = Pin::new(&mut body).frame().await else { return };
        let came = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(came) else { return };
        left = rest;
    }
}

/// What an error means: a stream that was refused, or a connection that the other side closed in good order, did nothing with the request.
fn fell(error: &hyper::Error) -> (Fell, bool) {
    let cause = answer::causes(error).filter_map(|cause| cause.downcast_ref::<h2::Error>()).last();
    let reason = cause.and_then(h2::Error::reason);
    let is_refused = reason == Some(h2::Reason::REFUSED_STREAM);
    let is_good_bye = cause.is_some_and(h2::Error::is_go_away) && reason == Some(h2::Reason::NO_ERROR);
    let is_of_stream = cause.is_some_and(|cause| cause.is_reset() && cause.is_remote());
    let unseen = error.is_canceled() || is_refused || is_good_bye;
    (Fell { failed: answer::failed(error), unseen }, !is_of_stream)
}
