//! One connection of HTTP/1.1, driven by who uses it: no task of its own has to be woken for each request.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::answer::{self, BODY, HEAD};
use super::stream::{Meter, Stream};
use super::timer::Timer;
use crate::sinks::webhook::{Answer, Failed, Fault};

type Connection = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// A connection on which nothing is under way.
pub(super) struct Lane {
    sender: SendRequest<Full<Bytes>>,
    /// None when it is over.
    connection: Option<Box<Connection>>,
    meter: Arc<Meter>,
    timer: Timer,
    /// Whether an answer came on it.
    pub(super) is_used: bool,
    /// Since when it is idle.
    pub(super) since: Instant,
}

/// A request that came to nothing.
pub(super) struct Fell {
    /// What is said of it.
    pub(super) failed: Failed,
    /// Whether the other side closed the connection as if it had never seen the request.
    pub(super) unseen: bool,
}

impl Lane {
    /// On a new connection.
    pub(super) async fn new(stream: Stream) -> Result<Self, String> {
        let meter = stream.meter();
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD as usize);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| answer::explain(&error))?;
        Ok(Self { sender, connection: Some(Box::new(connection)), meter, timer: Timer::new(), is_used: false, since: Instant::now() })
    }

    /// Whether a request may be sent on it. Looks whether the other side closed it.
    pub(super) fn poll_usable(&mut self, cx: &mut Context<'_>) -> bool {
        drive(&mut self.connection, cx);
        self.is_usable()
    }

    fn is_usable(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request and reads its answer. The lane comes back when it may be used again.
    pub(super) async fn exchange(mut self, request: Request<Full<Bytes>>, until: Until) -> Result<(Answer, Option<Self>), Fell> {
        let response = self.head(request, until).await?;
        let answer = answer::of(&response);
        let reusable = self.finish(response, until).await;
        Ok((answer, reusable.then_some(self)))
    }

    /// Sends a request and reads its answer whole, if that is not longer than an answer may be.
    pub(super) async fn fetch(mut self, request: Request<Full<Bytes>>, until: Until) -> Result<(StatusCode, Bytes), Failed> {
        let response = self.head(request, until).await.map_err(|fell| fell.failed)?;
        let status = response.status();
        self.meter.allow(BODY * 2);
        let mut body = pin!(Limited::new(response.into_body(), BODY as usize).collect());
        let connection = &mut self.connection;
        let both = poll_fn(|cx| {
            drive(connection, cx);
            body.as_mut().poll(cx)
        });
        let body = self.timer.within(until.whole, both).await.ok_or_else(|| until.late())?;
        let broken = |error| Failed { fault: Fault::Broken, text: format!("its answer broke off, or is too long: {error}") };
        Ok((status, body.map_err(broken)?.to_bytes()))
    }

    /// Sends a request and waits for the answer's head.
    async fn head(&mut self, request: Request<Full<Bytes>>, until: Until) -> Result<Response<Incoming>, Fell> {
        let before = self.meter.read();
        self.meter.allow(HEAD);
        let mut sent = pin!(self.sender.send_request(request));
        let connection = &mut self.connection;
        let both = poll_fn(|cx| {
            drive(connection, cx);
            // What it waits for comes from the line above: to be woken by it would be to be polled twice.
            sent.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        match self.timer.within(until.head(), both).await {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => {
                // It may have been closed, or have sent what nobody asked for, since it was put by.
                let unseen = self.is_used && (self.meter.read() == before || error.is_canceled());
                Err(Fell { failed: answer::failed(&error), unseen })
            }
            None => Err(Fell { failed: until.late(), unseen: false }),
        }
    }

    /// Reads the rest of an answer and throws it away. Whether the connection may be used again.
    async fn finish(&mut self, response: Response<Incoming>, until: Until) -> bool {
        let is_switch = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let mut body = response.into_body();
        if !body.is_end_stream() {
            if is_switch || body.size_hint().lower() > BODY {
                return false;
            }
            self.meter.allow(BODY * 2);
            let connection = &mut self.connection;
            let mut left = BODY;
            let rest = poll_fn(|cx| {
                // As with the head: what comes is brought by `drive`.
                let unwoken = &mut Context::from_waker(Waker::noop());
                loop {
                    let frame = match Pin::new(&mut body).poll_frame(unwoken) {
                        Poll::Pending => {
                            drive(connection, cx);
                            Pin::new(&mut body).poll_frame(unwoken)
                        }
                        ready => ready,
                    };
                    let Some(frame) = std::task::ready!(frame) else { return Poll::Ready(true) };
                    let came = frame.as_ref().map_or(u64::MAX, |frame| frame.data_ref().map_or(0, Bytes::len) as u64);
                    let Some(rest) = left.checked_sub(came) else { return Poll::Ready(false) };
                    left = rest;
                }
            });
            if !self.timer.within(until.whole, rest).await.unwrap_or(false) {
                return false;
            }
        }
        self.is_used = true;
        self.is_usable() || poll_fn(|cx| Poll::Ready(self.poll_usable(cx))).await
    }
}

/// Lets a connection do what it can. It is dropped when it is over, so that who waits for it learns of it.
fn drive(connection: &mut Option<Box<Connection>>, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && Pin::new(&mut **open).poll(cx).is_ready()
    {
        *connection = None;
    }
}

/// Until when what has to be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    /// The answer's head.
    pub(super) first_byte: Instant,
    /// All.
    pub(super) whole: Instant,
}

impl Until {
    /// Until when the answer's head has to be there.
    pub(super) fn head(&self) -> Instant {
        self.first_byte.min(self.whole)
    }

    /// What is said when it is not.
    pub(super) fn late(&self) -> Failed {
        let (fault, text) = if self.first_byte <= self.whole {
            (Fault::FirstByteTimeout, "it took the request and did not answer in time")
        } else {
            (Fault::WholeTimeout, "all of it took too long")
        };
        Failed { fault, text: text.into() }
    }
}
