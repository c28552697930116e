//! Stands between a CTIManager and the gateway, and notes when which change of a leg was written to the gateway.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use foldhash::fast::RandomState;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::ctiqbe::messages::{CallStateChangedEvent_V2, NewCallEvent};
use crate::ctiqbe::names::CallState;
use crate::ctiqbe::{FRAME_LIMIT, Frame, Message as _};

/// A leg, as events name it (`1/9002`), and the last part of the type of the event that its change becomes.
type Change = (String, &'static str);

/// An event, as far as it says which change it came of.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    leg_id: Option<String>,
}

/// The change that an event came of, by the last part of its type; `None` for one that is not measured.
fn change_of(event: &str) -> Option<&'static str> {
    // The cluster's word for a resumed leg is that it is connected.
    let event = if event == "resumed" { "connected" } else { event };
    ["offered", "alerting", "ringback", "connected", "held"].into_iter().find(|known| *known == event)
}

/// The changes that were written and whose events were not read yet.
#[derive(Debug, Default)]
pub struct Written {
    changes: Mutex<HashMap<Change, Instant, RandomState>>,
}

impl Written {
    /// Notes changes that are about to be written.
    pub fn note(&self, changes: impl IntoIterator<Item = Change>, at: Instant) {
        let mut known = self.lock();
        for change in changes {
            // The first counts: what follows changes nothing and becomes no event.
            known.entry(change).or_insert(at);
        }
    }

    /// When the change that became this event was written; none if it came of none that is measured.
    pub fn take(&self, event: Event<'_>) -> Option<Instant> {
        let change = change_of(event.kind.strip_prefix("callcast.leg.")?)?;
        self.lock().remove(&(event.data.leg_id?, change))
    }

    /// Forgets what nobody read.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Change, Instant, RandomState>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Relays every connection to `manager`, for ever.
pub async fn relay(listener: TcpListener, manager: SocketAddr, written: Arc<Written>) {
    while let Ok((gateway, _)) = listener.accept().await {
        let Ok(manager) = TcpStream::connect(manager).await else { continue };
        // Where it fails, what is measured is slower, and nothing else.
        let _ = (gateway.set_nodelay(true), manager.set_nodelay(true));
        let (mut from_gateway, to_gateway) = gateway.into_split();
        let (from_manager, mut to_manager) = manager.into_split();
        tokio::spawn(async move { copy(&mut from_gateway, &mut to_manager).await });
        tokio::spawn(observe(from_manager, to_gateway, Arc::clone(&written)));
    }
}

/// Passes on what the CTIManager says, to the end of either.
async fn observe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, written: Arc<Written>) {
    let mut chunk = vec![0; 64 * 1024];
    let mut unread = Vec::new();
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let bytes = chunk.get(..count).unwrap_or_default();
        unread.extend_from_slice(bytes);
        let changes = take_changes(&mut unread);
        written.note(changes, Instant::now());
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// The changes in all frames that are complete. What is no frame ends the looking, not the relaying.
fn take_changes(unread: &mut Vec<u8>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut used = 0;
    while let Ok(Some(frame)) = Frame::split(unread.get(used..).unwrap_or_default(), FRAME_LIMIT) {
        changes.extend(change(&frame));
        used += frame.len();
    }
    unread.drain(..used);
    changes
}

fn change(frame: &Frame<'_>) -> Option<Change> {
    let (manager, leg, state) = match frame.id {
        NewCallEvent::ID => frame.decode::<NewCallEvent<'_>>().ok().map(|m| (m.call_call_manager_id, m.call_leg_id, m.state))?,
        CallStateChangedEvent_V2::ID => {
            frame.decode::<CallStateChangedEvent_V2<'_>>().ok().map(|m| (m.call_call_manager_id, m.call_leg_id, m.state))?
        }
        _ => return None,
    };
    let event = match state {
        CallState::OFFERING => "offered",
        CallState::ACCEPTED => "alerting",
        CallState::RINGBACK => "ringback",
        CallState::CONNECTED => "connected",
        CallState::ONHOLD => "held",
        _ => return None,
    };
    Some((format!("{}/{}", manager as u32, leg as u32), event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctiqbe::{VERSION_12_5, encode};

    #[test]
    fn a_change_in_two_halves_is_seen_when_it_is_whole() {
        let message =
            CallStateChangedEvent_V2 { call_call_manager_id: 1, call_leg_id: 9002, state: CallState::ACCEPTED, ..Default::default() };
        let mut bytes = Vec::new();
        encode(&message, VERSION_12_5, &mut bytes);
        let second = bytes.split_off(10);
        assert_eq!(take_changes(&mut bytes), []);
        bytes.extend(second);
        assert_eq!(take_changes(&mut bytes), [("1/9002".to_owned(), "alerting")]);
        assert!(bytes.is_empty());
    }
}
