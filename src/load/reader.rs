//! A WebSocket client on a thread of its own that counts the events it is sent, at as little cost as can be.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::LoadError;
use crate::sinks::websocket::SUBPROTOCOL;

const EVENT: &[u8] = br#"{"op":"event""#;
/// A pong without payload; the key of its mask is 0.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// What it counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events.
    pub events: AtomicU64,
    /// Bytes of their frames.
    pub bytes: AtomicU64,
}

/// Subscribes to everything, and reads until the connection ends.
///
/// # Errors
/// When the gateway does not take it.
pub fn read_all(gateway: SocketAddr, counts: &Arc<Counts>) -> Result<(), LoadError> {
    let failed = |source: std::io::Error| LoadError::Client { client: 1, gateway, reason: source.to_string() };
    let mut stream = TcpStream::connect(gateway).map_err(failed)?;
    let request = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {gateway}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut unread = Vec::new();
    let mut chunk = vec![0; 256 * 1024];
    while !unread.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).map_err(failed)?;
        unread.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if count == 0 {
            return Err(LoadError::Client { client: 1, gateway, reason: "no answer to the handshake".into() });
        }
    }
    let head = unread.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    unread.drain(..head);
    let subscribe = br#"{"op":"subscribe","id":"1","all":true}"#;
    let mut frame = vec![0x81, 0x80 | subscribe.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(subscribe);
    stream.write_all(&frame).map_err(failed)?;
    let counts = Arc::clone(counts);
    std::thread::spawn(move || {
        // What begins in one read and ends in another is moved to the front; nothing else is copied.
        let mut kept = unread.len();
        let mut buffer = unread;
        buffer.resize(kept + chunk.len(), 0);
        while let Some(Ok(count @ 1..)) = buffer.get_mut(kept..).map(|room| stream.read(room)) {
            let whole = kept + count;
            let (used, events, pings) = count_frames(buffer.get(..whole).unwrap_or_default());
            buffer.copy_within(used..whole, 0);
            kept = whole - used;
            if buffer.len() - kept < chunk.len() / 2 {
                buffer.resize(kept + chunk.len(), 0);
            }
            counts.bytes.fetch_add(used as u64, Ordering::Relaxed);
            counts.events.fetch_add(events, Ordering::Release);
            for _ in 0..pings {
                drop(stream.write_all(&PONG));
            }
        }
    });
    Ok(())
}

/// How many bytes are whole frames, and how many of those are events and pings.
fn count_frames(bytes: &[u8]) -> (usize, u64, u64) {
    let (mut used, mut events, mut pings) = (0, 0, 0);
    while let Some((opcode, head, length)) = bytes.get(used..).and_then(frame) {
        let Some(payload) = bytes.get(used + head..used + head + length) else { break };
        match opcode {
            1 if payload.starts_with(EVENT) => events += 1,
            9 => pings += 1,
            _ => {}
        }
        used += head + length;
    }
    (used, events, pings)
}

fn frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (head, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?),
        length => (2, usize::from(length)),
    };
    Some((first & 15, head, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_frames_are_counted_and_half_ones_wait() {
        let mut bytes = vec![0x81, 126, 0, 200];
        bytes.extend_from_slice(EVENT);
        bytes.resize(4 + 200, b' ');
        bytes.extend([0x89, 0, 0x81, 5, b'{']);
        assert_eq!(count_frames(&bytes), (206, 1, 1));
    }
}
