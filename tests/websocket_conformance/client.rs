//! A WebSocket client that may send anything, and takes nothing that the RFC forbids a server.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::LIMIT;

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The key of the RFC's own example, and what has to be answered.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MASK: [u8; 4] = [0xA5, 0x00, 0xFF, 0x3C];

/// A frame that is to be sent.
#[derive(Clone)]
pub struct Frame {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub masked: bool,
    pub payload: Vec<u8>,
}

pub fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { fin: true, rsv: 0, opcode, masked: true, payload: payload.as_ref().to_vec() }
}

impl Frame {
    pub fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    pub fn rsv(self, rsv: u8) -> Self {
        Self { rsv, ..self }
    }

    pub fn unmasked(self) -> Self {
        Self { masked: false, ..self }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = head(self.fin, self.rsv, self.opcode, self.masked, self.payload.len() as u64);
        let mask = if self.masked { MASK } else { [0; 4] };
        out.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }
}

/// The head of a frame, whatever follows it.
pub fn head(fin: bool, rsv: u8, opcode: u8, masked: bool, length: u64) -> Vec<u8> {
    let mut out = vec![u8::from(fin) << 7 | rsv << 4 | opcode];
    let masked_bit = u8::from(masked) << 7;
    match length {
        0..126 => out.push(masked_bit | length as u8),
        126..=0xFFFF => {
            out.push(masked_bit | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked_bit | 127);
            out.extend(length.to_be_bytes());
        }
    }
    if masked {
        out.extend(MASK);
    }
    out
}

/// A message in frames of at most `size` bytes.
pub fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<Frame> {
    let mut frames: Vec<Frame> = payload.chunks(size).map(|chunk| frame(CONTINUATION, chunk).unfinished()).collect();
    frames[0].opcode = opcode;
    frames.last_mut().unwrap().fin = true;
    frames
}

/// What came from the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code, 1005 where there is none.
    Close(u16, String),
    /// The server ended the connection in order.
    End,
    /// It broke the connection: what it sent last may be lost on the way.
    Reset,
}

pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
    /// A message of the server that is not finished.
    begun: Option<Vec<u8>>,
}

/// The request that opens a WebSocket.
pub fn request(address: SocketAddr) -> String {
    format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: callcast.v1\r\n\r\n"
    )
}

impl Raw {
    /// Connected, and nothing more.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new(), begun: None }
    }

    /// With an open WebSocket.
    pub async fn open(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        client.send(request(address).as_bytes()).await;
        let head = client.head().await.expect("no answer to the handshake");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// Sends bytes; whether the server still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(LIMIT, self.stream.write_all(bytes)).await.expect("the server does not read").is_ok()
    }

    /// Says that nothing more comes.
    pub async fn finish(&mut self) {
        drop(self.stream.shutdown().await);
    }

    /// What came by now; `None` for nothing.
    pub async fn received(&mut self) -> Option<Received> {
        timeout(Duration::ZERO, self.receive()).await.ok()
    }

    /// Whether the server ends the connection in this time. What it says is passed over.
    pub async fn ended_within(&mut self, time: Duration) -> bool {
        timeout(time, async { while matches!(self.read().await, Ok(true)) {} }).await.is_ok()
    }

    /// The head of an HTTP response; `None` when the connection ends before one is whole.
    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                return Some(String::from_utf8(self.unread.drain(..at + 4).collect()).unwrap());
            }
            if !self.read().await.ok()? {
                return None;
            }
        }
    }

    /// Everything to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while matches!(self.read().await, Ok(true)) {}
        std::mem::take(&mut self.unread)
    }

    /// The next message or control frame.
    pub async fn receive(&mut self) -> Received {
        loop {
            while let Some((fin, opcode, payload)) = self.take_frame() {
                match (opcode, self.begun.take()) {
                    (TEXT, None) if fin => return Received::Text(String::from_utf8(payload).expect("text that is not UTF-8")),
                    (TEXT, None) => self.begun = Some(payload),
                    (CONTINUATION, Some(mut begun)) => {
                        begun.extend(payload);
                        if fin {
                            return Received::Text(String::from_utf8(begun).expect("text that is not UTF-8"));
                        }
                        self.begun = Some(begun);
                    }
                    (CLOSE | PING | PONG, begun) => {
                        self.begun = begun;
                        assert!(fin && payload.len() <= 125, "a control frame of {} bytes, fin {fin}", payload.len());
                        return match opcode {
                            PING => Received::Ping(payload),
                            PONG => Received::Pong(payload),
                            _ => closed(&payload),
                        };
                    }
                    (opcode, begun) => panic!("a frame of opcode {opcode} inside {begun:?}"),
                }
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => {
                    assert!(self.unread.is_empty(), "half a frame at the end: {:?}", self.unread);
                    return Received::End;
                }
                Err(ErrorKind::ConnectionReset) => return Received::Reset,
                Err(kind) => panic!("{kind}"),
            }
        }
    }

    /// A frame that is there as a whole, as the RFC wants a server's.
    fn take_frame(&mut self) -> Option<(bool, u8, Vec<u8>)> {
        let (&[first, second], rest) = self.unread.split_first_chunk::<2>()?;
        assert_eq!(first & 0x70, 0, "reserved bits");
        assert_eq!(second & 0x80, 0, "a masked frame");
        let (length, rest) = match second {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = u16::from_be_bytes(*length);
                assert!(length >= 126, "the length {length} has a shorter form");
                (u64::from(length), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = u64::from_be_bytes(*length);
                assert!(length > 0xFFFF, "the length {length} has a shorter form");
                (length, rest)
            }
            length => (u64::from(length), rest),
        };
        let payload = rest.get(..usize::try_from(length).unwrap())?.to_vec();
        let used = self.unread.len() - rest.len() + payload.len();
        self.unread.drain(..used);
        Some((first & 0x80 != 0, first & 0x0F, payload))
    }

    /// Whether anything came before the end.
    async fn read(&mut self) -> Result<bool, ErrorKind> {
        let read = timeout(LIMIT, self.stream.read_buf(&mut self.unread)).await.expect("nothing came");
        read.map(|count| count > 0).map_err(|error| error.kind())
    }
}

fn closed(payload: &[u8]) -> Received {
    let Some((code, reason)) = payload.split_first_chunk() else {
        assert!(payload.is_empty(), "a close frame of one byte");
        return Received::Close(1005, String::new());
    };
    Received::Close(u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("a reason that is not UTF-8"))
}
