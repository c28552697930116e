//! The task of one client: what waits in its mailbox goes out, what it asks is answered.
//!
//! An idle client is this future, a socket and an empty mailbox. What happens rarely may not make it larger: what a write or a snapshot
//! needs is allocated while it lasts, which is why those futures are boxed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::sync::CancellationToken;

use super::FELL_BEHIND;
use super::accepted::Accepted;
use super::config::Config;
use super::protocol::{self, Refused, Rejection, Request};
use super::snapshot::Pieces;
use super::subscriptions::Subscriptions;
use crate::gateway::{Gateway, Outgoing};
use crate::hub::{Drained, Mailbox};
use crate::stream::Stream;
use crate::telemetry::Occurrence;
use crate::time::Timestamp;

/// Events in one write: more saves nothing, and would make others wait for longer.
const BATCH: usize = 64;
/// How long a client that is closed has to answer the close: a socket dropped before takes the last frames with it.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a client's task ends.
enum End {
    /// The connection broke.
    Gone,
    /// The client closed.
    Left,
    /// It did not read in time.
    FellBehind,
    /// Nothing came from it between two pings.
    Silent,
    /// It broke the rules of WebSocket.
    Violation(CloseCode, String),
    /// We stop.
    Stopping,
}

struct Client {
    socket: WebSocketStream<Stream>,
    gateway: Arc<Gateway>,
    config: Arc<Config>,
    mailbox: Arc<Mailbox<Outgoing>>,
    subscriptions: Subscriptions,
    /// Something came from it since the last ping.
    heard: bool,
}

/// Serves a client whose handshake is done, to its end.
///
/// When `stop` is cancelled, the client is sent what waits for it, and a close frame.
pub async fn serve(accepted: Accepted, gateway: Arc<Gateway>, config: Arc<Config>, stop: CancellationToken) {
    let Accepted { stream, early, peer, seat: _seat, .. } = accepted;
    let _counted = gateway.metrics().websocket_client();
    let protocol = Some(config.protocol());
    let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, protocol).await;
    let mailbox = Arc::new(Mailbox::new(config.mailbox_frames));
    let subscriptions = Subscriptions::new(Arc::clone(&gateway), Arc::clone(&mailbox));
    let mut client = Client { socket, gateway, config, mailbox, subscriptions, heard: true };
    let end = client.run(&stop).await;
    Box::pin(client.end(end, peer)).await;
}

impl Client {
    async fn run(&mut self, stop: &CancellationToken) -> End {
        let interval = self.config.ping_interval();
        // Clients that came together are not to be pinged together.
        let mut next_ping = Instant::now() + interval.mul_f64(0.5 + fastrand::f64() / 2.0);
        let mailbox = Arc::clone(&self.mailbox);
        let mut more = false;
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => Err(End::Stopping),
                message = self.socket.next() => Box::pin(self.heard(message)).await,
                () = filled(&mailbox, more) => self.deliver().await.map(|drained| more = drained == Drained::More),
                () = sleep_until(next_ping) => {
                    next_ping = Instant::now() + interval;
                    Box::pin(self.ping()).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Writes at most [`BATCH`] of the events that wait, as one.
    async fn deliver(&mut self) -> Result<Drained, End> {
        let mut batch = Vec::new();
        let drained = self.mailbox.drain(&mut batch, BATCH);
        if drained == Drained::Overflowed {
            return Err(End::FellBehind);
        }
        let Some(oldest) = batch.first().map(|outgoing| outgoing.time) else { return Ok(drained) };
        let frames = batch.len();
        self.write(batch.into_iter().map(|outgoing| Message::Text(outgoing.text))).await?;
        let metrics = self.gateway.metrics();
        metrics.websocket_frames.inc_by(frames as u64);
        metrics.delivery.observe(Timestamp::now().since(oldest).as_secs_f64());
        Ok(drained)
    }

    async fn heard(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        self.heard = true;
        match message {
            Some(Ok(Message::Text(text))) => match Request::parse(&text, &self.config) {
                Ok(request) => self.answer(request).await,
                Err(rejection) => self.reject(&rejection).await,
            },
            Some(Ok(Message::Binary(_))) => self.reject(&Rejection { id: None, refused: Refused::Binary }).await,
            // tungstenite has queued the answer; a flush sends it.
            Some(Ok(Message::Ping(_))) => self.write(None).await,
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(_))) => Err(End::Left),
            None => Err(End::Gone),
            Some(Err(error)) => Err(violation(&error)),
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), End> {
        match request {
            Request::Subscribe { id, filter } => match self.subscriptions.subscribe(id.clone(), filter, &self.config) {
                Ok(snapshot) => {
                    for piece in Pieces::new(&id, snapshot) {
                        self.write([Message::text(piece)]).await?;
                    }
                    Ok(())
                }
                Err(refused) => self.reject(&Rejection { id: Some(id), refused }).await,
            },
            Request::Unsubscribe { id } => match self.subscriptions.unsubscribe(&id) {
                Ok(()) => self.write([Message::text(protocol::unsubscribed(&id))]).await,
                Err(refused) => self.reject(&Rejection { id: Some(id), refused }).await,
            },
        }
    }

    async fn reject(&mut self, rejection: &Rejection) -> Result<(), End> {
        self.write([Message::text(protocol::error(rejection))]).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        if !std::mem::take(&mut self.heard) {
            return Err(End::Silent);
        }
        self.write([Message::Ping(Bytes::new())]).await
    }

    /// Writes the messages as one, and waits for the client no longer than the limit.
    async fn write(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), End> {
        let limit = self.config.write_timeout();
        let socket = &mut self.socket;
        let written = timeout(limit, async move {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::FellBehind),
        }
    }

    async fn end(self, end: End, peer: SocketAddr) {
        let (word, code, reason) = match end {
            End::Gone => return,
            End::Left => return self.close(None).await,
            End::FellBehind => ("fell_behind", CloseCode::from(FELL_BEHIND), "fell behind: subscribe again".into()),
            End::Silent => ("silent", CloseCode::Away, "no answer to a ping".into()),
            End::Violation(code, reason) => ("violation", code, reason),
            End::Stopping => return self.stop().await,
        };
        self.gateway.metrics().emit(Occurrence::WebSocketClosed { peer, reason: word });
        self.close(Some(CloseFrame { code, reason: reason.into() })).await;
    }

    async fn stop(mut self) {
        while let Ok(Drained::More) = self.deliver().await {}
        self.close(Some(CloseFrame { code: CloseCode::Away, reason: "the gateway is stopping: connect again".into() })).await;
    }

    /// Says goodbye, or answers the client's, and waits for it to have read that.
    async fn close(self, goodbye: Option<CloseFrame>) {
        let Self { mut socket, subscriptions, .. } = self;
        // It is sent nothing more, so that nothing is kept for it.
        drop(subscriptions);
        let farewell = async {
            match goodbye {
                Some(goodbye) => socket.close(Some(goodbye)).await?,
                // tungstenite has queued the answer.
                None => socket.flush().await?,
            }
            while let Some(message) = socket.next().await {
                message?;
            }
            // A socket that is dropped with something unread in it is reset.
            let stream = socket.get_mut();
            stream.shutdown().await?;
            let mut unread = [0; 512];
            while stream.read(&mut unread).await? > 0 {}
            Ok::<(), Error>(())
        };
        // It is closed in any case: that it did not answer changes nothing.
        drop(timeout(FAREWELL, farewell).await);
    }
}

async fn filled(mailbox: &Mailbox<Outgoing>, more: bool) {
    if !more {
        mailbox.filled().await;
    }
}

fn violation(error: &Error) -> End {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            End::Violation(CloseCode::Size, format!("a message of {size} bytes is longer than {max_size}"))
        }
        Error::Capacity(_) => End::Violation(CloseCode::Size, "the message is too long".into()),
        Error::Utf8(_) => End::Violation(CloseCode::Invalid, "a text frame is not UTF-8".into()),
        // It left without a word, as browsers do when the machine sleeps.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        Error::Protocol(problem) => {
            let mut reason = problem.to_string();
            // A close frame carries at most 123 bytes of reason; the texts are ASCII.
            reason.truncate(120);
            End::Violation(CloseCode::Protocol, reason)
        }
        _ => End::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Serve<F> = fn(Accepted, Arc<Gateway>, Arc<Config>, CancellationToken) -> F;

    fn size<F: Future>(_: Serve<F>) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_client_is_a_small_future() {
        let size = size(serve);
        assert!(size <= 1536, "{size} bytes for each client that does nothing");
    }
}
