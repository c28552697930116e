//! Events as server-sent events (text/event-stream): for `curl`, and for browsers behind proxies that break WebSockets.
//!
//! ```text
//! event: subscribed        how things stand, as on the WebSocket; `snapshot` while there is more
//! data: {"op":"subscribed",…}
//!
//! id: 0000002a.6922c4d2.7b the cursor: the browser hands it back as Last-Event-ID
//! event: callcast.leg.alerting
//! data: {"specversion":"1.0",…}
//! ```
//! `live` and `gap` are told as on the WebSocket. An event that is not in the log has no `id`. A comment comes when nothing else does.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::feed::{Begins, Delivery, Feed};
use super::websocket::{protocol, snapshot::Pieces};
use crate::access::Revocation;
use crate::gateway::{Outgoing, type_of};
use crate::journal::Cursor;

/// Events in one chunk.
const BATCH: usize = 64;
/// How long nothing comes before a comment does: proxies cut what is silent for longer.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a client has for a chunk.
const PATIENCE: Duration = Duration::from_secs(10);
/// The name of the one subscription of a stream.
const ID: &str = "events";

/// A stream that began.
pub struct Stream {
    /// What it is fed.
    pub feed: Feed,
    /// With what it begins.
    pub begins: Begins,
    /// Where it goes on, when it was told to.
    pub after: Option<Cursor>,
    /// When its token is over.
    pub deadline: Option<Instant>,
    /// Whether it was taken back.
    pub revocation: Revocation,
}

impl Stream {
    /// Sends chunks until the client leaves, its token is over, it falls behind, or `stop`. Dropping the sender ends the response.
    pub async fn run(self, out: mpsc::Sender<Bytes>, stop: CancellationToken) {
        let Self { mut feed, begins, after, deadline, revocation } = self;
        let send = async |chunk: Bytes| out.send_timeout(chunk, PATIENCE).await.is_ok();
        match begins {
            Begins::Snapshot(snapshot, lost) => {
                let cursor = snapshot.cursor;
                for (piece, first) in Pieces::new(ID, snapshot, lost).zip(std::iter::once(true).chain(std::iter::repeat(false))) {
                    if !send(message(if first { "subscribed" } else { "snapshot" }, &piece)).await {
                        return;
                    }
                }
                if !send(message("live", &protocol::live(ID, cursor))).await {
                    return;
                }
            }
            Begins::Resumed => {
                let Some(after) = after else { return };
                if !send(message("subscribed", &protocol::resumed(ID, after))).await {
                    return;
                }
            }
        }
        let over = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(365 * 24 * 3600));
        let mut comment = Instant::now() + SILENCE;
        loop {
            let chunk = tokio::select! {
                () = stop.cancelled() => return,
                () = out.closed() => return,
                () = sleep_until(over) => return,
                () = sleep_until(comment) => Bytes::from_static(b": nothing\n\n"),
                () = feed.ready() => match feed.next(BATCH).await {
                    Ok(deliveries) => chunk(deliveries, &feed),
                    Err(error) => {
                        let reason = serde_json::json!({ "op": "error", "id": null, "code": "fell_behind", "message": error.to_string() });
                        send(message("error", &reason.to_string())).await;
                        return;
                    }
                },
            };
            if revocation.is_revoked() || (!chunk.is_empty() && !send(chunk).await) {
                return;
            }
            comment = Instant::now() + SILENCE;
        }
    }
}

fn chunk(deliveries: Vec<Delivery>, feed: &Feed) -> Bytes {
    let mut out = BytesMut::new();
    for delivery in deliveries {
        match delivery {
            Delivery::Events(events) => events.iter().for_each(|event| push_event(&mut out, event, feed)),
            Delivery::Gap { count, cursor } => out.extend_from_slice(&message("gap", &protocol::gap(count, cursor))),
            Delivery::Live { id, cursor } => out.extend_from_slice(&message("live", &protocol::live(&id, cursor))),
        }
    }
    out.freeze()
}

fn push_event(out: &mut BytesMut, event: &Outgoing, feed: &Feed) {
    if let Some(cursor) = feed.cursor_of(event) {
        out.put_slice(format!("id: {cursor}\n").as_bytes());
    }
    // JSON of ours has no line break in it.
    let event = event.event();
    out.put_slice(b"event: ");
    out.put_slice(type_of(event).as_bytes());
    out.put_slice(b"\ndata: ");
    out.put_slice(event);
    out.put_slice(b"\n\n");
}

fn message(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_an_empty_line() {
        assert_eq!(message("live", "{}"), "event: live\ndata: {}\n\n");
    }
}
