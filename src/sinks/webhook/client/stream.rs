//! A connection's bytes, in the clear or with TLS, and how many of them may still come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a connection has read, and how much more it may. Shared by the stream, which counts, and who uses it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    read: AtomicU64,
    limit: AtomicU64,
}

impl Meter {
    /// Bytes that came so far.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Lets `more` bytes come from here on, whatever was left.
    pub(super) fn allow(&self, more: u64) {
        self.limit.store(self.read().saturating_add(more), Ordering::Relaxed);
    }

    /// Lets `more` bytes come beside those that may already.
    pub(super) fn add(&self, more: u64) {
        self.limit.fetch_add(more, Ordering::Relaxed);
    }
}

/// Bytes up to which what comes in pieces is written as one: to copy it costs less than to have the system, or TLS, gather it.
const TOGETHER: usize = 4096;

enum Kind {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Kind {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }
}

/// A connection.
pub(super) struct Stream {
    kind: Kind,
    meter: Arc<Meter>,
    /// Pieces that are written as one.
    together: Vec<u8>,
}

impl Stream {
    /// In the clear.
    pub(super) fn clear(stream: TcpStream) -> Self {
        Self { kind: Kind::Clear(stream), meter: Arc::default(), together: Vec::new() }
    }

    /// With TLS.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { kind: Kind::Tls(Box::new(stream)), meter: Arc::default(), together: Vec::new() }
    }

    /// What it has read and may.
    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Whether HTTP/2 was agreed on.
    pub(super) fn is_http2(&self) -> bool {
        matches!(&self.kind, Kind::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match &mut self.kind {
            Kind::Clear(stream) => ready!(Pin::new(stream).poll_read(cx, buffer))?,
            Kind::Tls(stream) => ready!(Pin::new(stream).poll_read(cx, buffer))?,
        }
        let came = buffer.filled().len().saturating_sub(before) as u64;
        let read = self.meter.read.fetch_add(came, Ordering::Relaxed).saturating_add(came);
        if read > self.meter.limit.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other("it sends more than an answer may have")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.kind.poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Self { kind, together, .. } = &mut *self;
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() <= TOGETHER {
            together.clear();
            pieces.iter().for_each(|piece| together.extend_from_slice(piece));
            return kind.poll_write(cx, together);
        }
        match kind {
            Kind::Clear(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Kind::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Clear(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Writes two pieces, of which the first has 4000 bytes, and sees to it that they come. How many bytes were put together.
    async fn written(second: usize) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        let mut stream = Stream::clear(ours);
        let (first, second) = ([1; 4000], vec![2; second]);
        let count = stream.write_vectored(&[io::IoSlice::new(&first), io::IoSlice::new(&second)]).await.unwrap();
        let rest = [&first[..], &second].concat().split_off(count);
        stream.write_all(&rest).await.unwrap();
        let together = stream.together.len();
        drop(stream);
        let mut came = Vec::new();
        theirs.read_to_end(&mut came).await.unwrap();
        assert_eq!(came, [&first[..], &second].concat());
        together
    }

    #[tokio::test]
    async fn pieces_of_as_much_as_is_put_together_are_written_as_one() {
        assert_eq!(written(TOGETHER - 4000).await, TOGETHER);
    }

    #[tokio::test]
    async fn pieces_of_more_are_written_from_where_they_lie() {
        for more in [1, 100_000] {
            assert_eq!(written(TOGETHER - 4000 + more).await, 0);
        }
    }
}
