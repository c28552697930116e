//! One client's connection: a reader that brings requests, a writer that takes all that waits in one write.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::driver::{Driver, Outbox};
use super::occurrence::Occurrence;
use super::simulation::{ManagerId, SessionId};

/// What is read at a time, in bytes.
const READ_SIZE: usize = 16 << 10;
/// A buffer that grew beyond this in a burst is given back, in bytes.
const KEPT_CAPACITY: usize = 1 << 20;
/// How long a client that was told goodbye may take to read it.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a client until either side ends it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite>(driver: Arc<Driver>, manager: ManagerId, stream: S, peer: SocketAddr) {
    let Some((id, outbox)) = driver.connect(manager) else { return };
    // Leaves the simulation however this ends, by being cancelled too.
    let _registered = Registered { driver: &driver, id, peer };
    Occurrence::Connected { peer }.emit();
    let (mut reader, writer) = tokio::io::split(stream);
    let closed = tokio::select! {
        () = read(&driver, id, peer, &mut reader) => false,
        closed = write(&outbox, writer) => closed,
        () = outbox.given_up() => false,
    };
    if closed {
        // Closing with requests unread would reset the connection, and the client would never read why.
        let mut rest = tokio::io::sink();
        let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut reader, &mut rest)).await;
    }
}

struct Registered<'a> {
    driver: &'a Driver,
    id: SessionId,
    peer: SocketAddr,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.driver.disconnect(self.id);
        Occurrence::Disconnected { peer: self.peer }.emit();
    }
}

/// Ends when the client closes, or sends what is not CTIQBE.
async fn read<R: AsyncRead + Unpin>(driver: &Driver, id: SessionId, peer: SocketAddr, reader: &mut R) {
    let mut buffer = BytesMut::with_capacity(READ_SIZE);
    while let Ok(1..) = reader.read_buf(&mut buffer).await {
        match driver.receive(id, &buffer) {
            Ok(consumed) => buffer.advance(consumed),
            Err(error) => return Occurrence::NotCtiqbe { peer, error: &error }.emit(),
        }
        buffer.reserve(READ_SIZE);
    }
}

/// Ends when the session does (`true`), or the client is gone.
async fn write<W: AsyncWrite + Unpin>(outbox: &Outbox, mut writer: W) -> bool {
    let mut buffer = Vec::new();
    loop {
        let closing = outbox.next(&mut buffer).await;
        if writer.write_all(&buffer).await.is_err() {
            return false;
        }
        if closing {
            return writer.shutdown().await.is_ok();
        }
        buffer.clear();
        buffer.shrink_to(KEPT_CAPACITY);
    }
}
