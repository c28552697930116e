//! The task of one client: what it is fed goes out, what it asks is answered.
//!
//! An idle client is this future, a socket and an empty mailbox. What happens rarely may not make it larger: what a write or a snapshot
//! needs is allocated while it lasts, which is why those futures are boxed.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::sync::CancellationToken;

use super::frames;
use super::protocol::{self, Refused, Rejection, Request, Token};
use super::snapshot::Pieces;
use super::{Accepted, Edge, FELL_BEHIND, TOO_MANY_MESSAGES, UNAUTHENTICATED};
use crate::access::{Principal, Seat};
use crate::event::Filter;
use crate::gateway::{Outgoing, push_text};
use crate::journal::Cursor;
use crate::sinks::asked::Asked;
use crate::sinks::feed::{Begins, Delivery, Feed, FeedError};
use crate::stream::Stream;
use crate::telemetry::Occurrence;
use crate::time::Timestamp;

/// Events in one write: more saves nothing, and would make others wait for longer.
const BATCH: usize = 64;
/// How long a client that is closed has to answer the close: a socket dropped before takes the last frames with it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Never, as far as a connection can last.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

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
    /// It did not say who it is, its token was not taken, or is over.
    Unauthenticated(String),
    /// Too many messages came from it.
    TooManyMessages,
    /// It asks for what it may not have, in a protocol that has no word for that.
    Refused(String),
    /// It broke the rules of WebSocket.
    Violation(CloseCode, String),
    /// The log cannot be read.
    Unreadable,
    /// We stop.
    Stopping,
}

/// What is looked at when the client says something.
struct Seldom {
    peer: SocketAddr,
    messages: DefaultDirectRateLimiter,
}

struct Client {
    socket: WebSocketStream<Stream>,
    edge: Arc<Edge>,
    feed: Feed,
    /// Frames are events as they stand.
    is_bare: bool,
    /// Whose it is, once that is known.
    known: Option<Box<(Principal, Option<Seat>)>>,
    /// When it has to have said who it is, or said so again.
    deadline: Instant,
    seldom: Box<Seldom>,
    /// Something came from it since the last ping.
    heard: bool,
}

/// Serves a client whose handshake is done, to its end. When `stop` is cancelled, the client is sent what waits for it, and a close
/// frame.
pub async fn serve(accepted: Accepted, edge: Arc<Edge>, stop: CancellationToken) {
    let _counted = edge.gateway.metrics().websocket_client();
    let Accepted { stream, early, peer, protocol, principal, seat, query } = accepted;
    let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, Some(edge.config.protocol())).await;
    // Until it is known who it is, it may see nothing.
    let feed = Feed::new(Arc::clone(&edge.gateway), Arc::default(), edge.config.limits());
    let second = NonZeroU32::new(edge.config.messages_per_second).unwrap_or(NonZeroU32::MIN);
    let burst = second.saturating_add(second.get());
    let messages = RateLimiter::direct(Quota::per_second(second).allow_burst(burst));
    let seldom = Box::new(Seldom { peer, messages });
    let deadline = Instant::now() + edge.config.authenticate_timeout();
    let is_bare = !protocol.has_messages();
    let mut client = Client { socket, edge, feed, is_bare, known: None, deadline, seldom, heard: true };
    let end = match Box::pin(client.begin(principal, seat, query)).await {
        Ok(()) => client.run(&stop).await,
        Err(end) => end,
    };
    Box::pin(client.end(end)).await;
}

impl Client {
    async fn begin(&mut self, principal: Option<Box<Principal>>, seat: Option<Seat>, query: Option<String>) -> Result<(), End> {
        let principal = principal.map(|known| *known).or_else(|| (!self.edge.access.required()).then(Principal::anyone));
        if let Some(principal) = principal {
            self.may_see(principal, seat);
        }
        if !self.is_bare {
            return Ok(());
        }
        if self.known.is_none() {
            return Err(End::Unauthenticated("this subprotocol takes a token in the handshake alone".into()));
        }
        let Asked { filter, after } =
            Asked::parse(query.as_deref().unwrap_or_default()).map_err(|error| End::Refused(error.to_string()))?;
        match self.feed.subscribe(String::new(), &filter, after) {
            Ok(_) => Ok(()),
            Err(refused) => Err(End::Refused(refused.to_string())),
        }
    }

    /// It said who it is.
    fn enter(&mut self, principal: Principal) -> Result<(), Refused> {
        let seat = match self.known.take().map(|known| *known) {
            Some((known, seat)) if known.account != principal.account => {
                let refused = Refused::OtherAccount { known: known.account.to_string(), other: principal.account.to_string() };
                self.known = Some(Box::new((known, seat)));
                return Err(refused);
            }
            Some((_, seat)) => seat,
            // Where nobody is asked for a token, all are one account.
            None if !self.edge.access.required() => None,
            None => {
                let account = &principal.account;
                let too_many = |limit| Refused::TooManyConnections { account: account.to_string(), limit };
                Some(self.edge.accounts.enter(account).map_err(|error| too_many(error.0))?)
            }
        };
        self.may_see(principal, seat);
        Ok(())
    }

    fn may_see(&mut self, principal: Principal, seat: Option<Seat>) {
        self.feed.limit_to(Arc::clone(&principal.scope));
        let left = principal.expires.map_or(NEVER, |expires| expires.since(Timestamp::now()).min(NEVER));
        self.deadline = Instant::now() + left;
        self.known = Some(Box::new((principal, seat)));
    }

    async fn run(&mut self, stop: &CancellationToken) -> End {
        let interval = self.edge.config.ping_interval();
        // Clients that came together are not to be pinged together.
        let mut next_ping = Instant::now() + interval.mul_f64(0.5 + fastrand::f64() / 2.0);
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => Err(End::Stopping),
                message = self.socket.next() => Box::pin(self.heard(message)).await,
                () = self.feed.ready() => Box::pin(self.deliver()).await,
                () = sleep_until(next_ping.min(self.deadline)) => {
                    if Instant::now() >= self.deadline {
                        return End::Unauthenticated(self.overdue());
                    }
                    next_ping = Instant::now() + interval;
                    Box::pin(self.ping()).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn overdue(&self) -> String {
        let text = if self.known.is_some() { "token expired: authenticate again" } else { "no token came: authenticate first" };
        text.into()
    }

    /// Writes what is next, as one.
    async fn deliver(&mut self) -> Result<(), End> {
        let deliveries = self.feed.next(BATCH).await.map_err(|error| match error {
            FeedError::FellBehind => End::FellBehind,
            FeedError::Journal(_) => End::Unreadable,
        })?;
        for delivery in deliveries {
            match delivery {
                Delivery::Events(events) => {
                    let Some(oldest) = events.first().map(|outgoing| outgoing.time) else { continue };
                    let frames = events.len();
                    self.write_events(&events).await?;
                    let metrics = self.edge.gateway.metrics();
                    metrics.websocket_frames.inc_by(frames as u64);
                    metrics.delivery.observe(Timestamp::now().since(oldest).as_secs_f64());
                }
                // Those who get bare events see by their sequence that some are missing.
                Delivery::Gap { .. } | Delivery::Live { .. } if self.is_bare => {}
                Delivery::Gap { count, cursor } => self.write([Message::text(protocol::gap(count, cursor))]).await?,
                Delivery::Live { id, cursor } => self.write([Message::text(protocol::live(&id, cursor))]).await?,
            }
        }
        Ok(())
    }

    async fn heard(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        self.heard = true;
        if matches!(message, Some(Ok(_))) && self.seldom.messages.check().is_err() {
            return Err(End::TooManyMessages);
        }
        match message {
            Some(Ok(Message::Text(_) | Message::Binary(_))) if self.is_bare => {
                Err(End::Refused("this subprotocol takes nothing from clients: say in the URL what is wanted".into()))
            }
            Some(Ok(Message::Text(text))) => match Request::parse(&text, &self.edge.config) {
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
            Request::Authenticate(token) => self.authenticate(token).await,
            Request::Ping => self.write([Message::text(protocol::pong())]).await,
            Request::Subscribe { id, .. } | Request::Unsubscribe { id } if self.known.is_none() => {
                self.reject(&Rejection { id: Some(id), refused: Refused::Unauthenticated }).await
            }
            Request::Subscribe { id, filter, after } => self.subscribe(id, &filter, after).await,
            Request::Unsubscribe { id } => match self.feed.unsubscribe(&id) {
                Ok(()) => self.write([Message::text(protocol::unsubscribed(&id))]).await,
                Err(refused) => self.reject(&Rejection { id: Some(id), refused: refused.into() }).await,
            },
        }
    }

    async fn authenticate(&mut self, Token(token): Token) -> Result<(), End> {
        match self.edge.access.admit(&token, self.seldom.peer, Timestamp::now()).await {
            Ok(principal) => {
                let answer = protocol::authenticated(&principal);
                match self.enter(principal) {
                    Ok(()) => self.write([Message::text(answer)]).await,
                    Err(refused) => self.reject(&Rejection { id: None, refused }).await,
                }
            }
            Err(denied) => {
                self.reject(&Rejection { id: None, refused: Refused::Denied(denied.to_string()) }).await?;
                Err(End::Unauthenticated("token denied".into()))
            }
        }
    }

    async fn subscribe(&mut self, id: String, filter: &Filter, after: Option<Cursor>) -> Result<(), End> {
        let snapshot = match self.feed.subscribe(id.clone(), filter, after) {
            Ok(Begins::Snapshot(snapshot, lost)) => (snapshot, lost),
            Ok(Begins::Resumed) => {
                let after = after.unwrap_or_else(|| self.edge.gateway.cursor_at(0));
                return self.write([Message::text(protocol::resumed(&id, after))]).await;
            }
            Err(refused) => return self.reject(&Rejection { id: Some(id), refused: refused.into() }).await,
        };
        let (snapshot, lost) = snapshot;
        let cursor = snapshot.cursor;
        for piece in Pieces::new(&id, snapshot, lost) {
            self.write([Message::text(piece)]).await?;
        }
        self.write([Message::text(protocol::live(&id, cursor))]).await
    }

    async fn reject(&mut self, rejection: &Rejection) -> Result<(), End> {
        self.write([Message::text(protocol::error(rejection))]).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.known.as_ref().is_some_and(|known| known.0.revocation.is_revoked()) {
            return Err(End::Unauthenticated("token taken back: show another".into()));
        }
        if !std::mem::take(&mut self.heard) {
            return Err(End::Silent);
        }
        self.write([Message::Ping(Bytes::new())]).await
    }

    /// Writes events as one, and waits for the client no longer than the limit.
    async fn write_events(&mut self, events: &[Outgoing]) -> Result<(), End> {
        let mut bare = Vec::new();
        if self.is_bare {
            events.iter().for_each(|event| push_text(&mut bare, event.event()));
        }
        let frames = if self.is_bare { vec![bare.as_slice()] } else { Outgoing::frames(events) };
        let limit = self.edge.config.write_timeout();
        let socket = &mut self.socket;
        let written = timeout(limit, async move {
            // What tungstenite has begun to write comes first: the answer to a ping.
            socket.flush().await?;
            let stream = socket.get_mut();
            frames::write_all(stream, frames).await?;
            // TLS may hold a part of it back.
            stream.flush().await?;
            Ok::<(), Error>(())
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::FellBehind),
        }
    }

    /// Writes the messages as one, and waits for the client no longer than the limit.
    async fn write(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), End> {
        let limit = self.edge.config.write_timeout();
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

    async fn end(self, end: End) {
        let (word, code, reason) = match end {
            End::Gone => return,
            End::Left => return self.close(None).await,
            End::FellBehind => ("fell_behind", CloseCode::from(FELL_BEHIND), FeedError::FellBehind.to_string()),
            End::Silent => ("silent", CloseCode::Away, "no answer to a ping".into()),
            End::Unauthenticated(reason) => ("unauthenticated", CloseCode::from(UNAUTHENTICATED), reason),
            End::TooManyMessages => {
                let limit = self.edge.config.messages_per_second;
                let reason = format!("more than {limit} messages a second (messages_per_second)");
                ("too_many_messages", CloseCode::from(TOO_MANY_MESSAGES), reason)
            }
            End::Refused(reason) => ("refused", CloseCode::Policy, reason),
            End::Violation(code, reason) => ("violation", code, reason),
            End::Unreadable => ("unreadable", CloseCode::Error, "the log cannot be read; see the gateway's own log".into()),
            End::Stopping => return self.stop().await,
        };
        self.edge.gateway.metrics().emit(Occurrence::WebSocketClosed { peer: self.seldom.peer, reason: word });
        self.close(Some((code, reason))).await;
    }

    async fn stop(mut self) {
        while self.deliver().await.is_ok() && self.feed.has_more() {}
        self.close(Some((CloseCode::Away, "the gateway is stopping: connect again".into()))).await;
    }

    /// Says goodbye, or answers the client's, and waits for it to have read that.
    async fn close(self, goodbye: Option<(CloseCode, String)>) {
        let Self { mut socket, feed, .. } = self;
        // It is sent nothing more, so that nothing is kept for it.
        drop(feed);
        let farewell = async {
            match goodbye {
                Some((code, reason)) => socket.close(Some(CloseFrame { code, reason: within_close_frame(reason).into() })).await?,
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

/// A close frame carries at most 123 bytes of reason.
fn within_close_frame(mut reason: String) -> String {
    while reason.len() > 123 {
        reason.pop();
    }
    reason
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
        Error::Protocol(problem) => End::Violation(CloseCode::Protocol, problem.to_string()),
        _ => End::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Serve<F> = fn(Accepted, Arc<Edge>, CancellationToken) -> F;

    fn size<F: Future>(_: Serve<F>) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_client_is_a_small_future() {
        let size = size(serve);
        assert!(size <= 1536, "{size} bytes for each client that does nothing");
    }

    #[test]
    fn a_reason_fits_into_a_close_frame_and_stays_text() {
        assert_eq!(within_close_frame("é".repeat(100)).len(), 122);
    }
}
