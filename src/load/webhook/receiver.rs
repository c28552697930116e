//! A receiver of webhooks that costs as little as can be: one thread, which looks at two headers and answers 200 with nothing in it.
//!
//! What it measures is measured here: when the first byte of a request was there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::journal::Sequence;
use crate::load::LoadError;

/// What its thread is called.
pub const THREAD: &str = "receiver";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A request that came.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// The event's place, by its `webhook-id`; 0 without one.
    pub sequence: Sequence,
    /// When its first byte was read.
    pub first_byte: Instant,
    /// What it says.
    pub body: &'a [u8],
}

/// An address, how long a request takes there, and who is told of it.
pub struct Door {
    listener: std::net::TcpListener,
    pause: Duration,
    told: Box<dyn Fn(Came<'_>) + Send + Sync>,
}

impl Door {
    /// At `address`; with port 0 at any.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn new(address: SocketAddr, pause: Duration, told: impl Fn(Came<'_>) + Send + Sync + 'static) -> Result<Self, LoadError> {
        let failed = |source| LoadError::Listen { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, pause, told: Box::new(told) })
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> Result<SocketAddr, LoadError> {
        self.listener.local_addr().map_err(|error| LoadError::Gateway(format!("the receiver has no address: {error}")))
    }
}

/// A thread that takes requests, until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Takes what comes at these doors.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(doors: Vec<Door>) -> Result<Self, LoadError> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = super::on_thread(THREAD, move || async move {
            for door in doors {
                tokio::spawn(accept(door));
            }
            stopped.cancelled().await;
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
        // A thread of ours does not panic.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn accept(door: Door) {
    let Door { listener, pause, told } = door;
    let (Ok(listener), told) = (TcpListener::from_std(listener), Arc::new(told)) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let told = Arc::clone(&told);
        // A connection that breaks has nothing more to say.
        tokio::spawn(async move { drop(serve(stream, pause, &**told).await) });
    }
}

async fn serve(mut stream: TcpStream, pause: Duration, told: &(dyn Fn(Came<'_>) + Send + Sync)) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut began = None;
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let first_byte = *began.get_or_insert_with(Instant::now);
        while let Some(Parts { sequence, head, whole }) = split(&buffer) {
            told(Came { sequence, first_byte, body: buffer.get(head..whole).unwrap_or_default() });
            buffer.drain(..whole);
            began = None;
            if !pause.is_zero() {
                sleep(pause).await;
            }
            stream.write_all(ANSWER).await?;
        }
    }
}

/// Where the parts of a request end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    sequence: Sequence,
    head: usize,
    whole: usize,
}

/// The parts of a request that is there whole.
fn split(bytes: &[u8]) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut length = 0;
    loop {
        let rest = bytes.get(parts.head..)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        parts.head += end + 1;
        let line = rest.get(..end)?.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        // hyper writes names in small letters.
        if let Some(value) = line.strip_prefix(b"content-length:") {
            length = number(value) as usize;
        } else if let Some(value) = line.strip_prefix(b"webhook-id:") {
            parts.sequence = value.iter().position(|byte| *byte == b'-').and_then(|at| value.get(at + 1..)).map_or(0, number);
        }
    }
    parts.whole = parts.head + length;
    (bytes.len() >= parts.whole).then_some(parts)
}

fn number(text: &[u8]) -> u64 {
    let digits = text.trim_ascii().iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// All that came, in its order.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Vec<(Sequence, Instant)>>);

impl Seen {
    /// Notes a request.
    pub fn note(&self, came: &Came<'_>) {
        self.lock().push((came.sequence, came.first_byte));
    }

    /// How many came since the last time.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<(Sequence, Instant)> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Sequence, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST /a HTTP/1.1\r\nwebhook-id: 7-42\r\ncontent-length: 5\r\n\r\nhello";

    #[test]
    fn a_request_is_split_when_it_is_there_whole() {
        assert_eq!(split(REQUEST), Some(Parts { sequence: 42, head: REQUEST.len() - 5, whole: REQUEST.len() }));
        for end in 0..REQUEST.len() {
            assert_eq!(split(&REQUEST[..end]), None);
        }
    }

    #[test]
    fn what_came_is_told_and_answered() {
        use std::io::{Read as _, Write as _};
        let seen = Arc::new(Seen::default());
        let telling = Arc::clone(&seen);
        let door = Door::new((std::net::Ipv4Addr::LOCALHOST, 0).into(), Duration::ZERO, move |came| telling.note(&came)).unwrap();
        let address = door.address().unwrap();
        let _receiver = Receiver::start(vec![door]).unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut answer = [0; ANSWER.len()];
        for half in REQUEST.chunks(20) {
            stream.write_all(half).unwrap();
        }
        stream.read_exact(&mut answer).unwrap();
        assert_eq!((answer.as_slice(), seen.take().first().map(|came| came.0)), (ANSWER, Some(42)));
    }
}
