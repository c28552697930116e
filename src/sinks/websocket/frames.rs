//! Frames onto a client's connection.
//!
//! Events are written past tungstenite, which copies all that it is given into a buffer of its own and keeps that buffer's room for as long
//! as the client stays: a burst would make an idle client of 4 KB one of 128. Their frames lie ready, made once for all clients.

use std::io::{self, IoSlice};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Writes these pieces, one after the other.
///
/// # Errors
/// Those of the stream; also when it takes nothing any more.
pub async fn write_all(stream: &mut (impl AsyncWrite + Unpin), pieces: Vec<&[u8]>) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.into_iter().map(IoSlice::new).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match stream.write_vectored(rest).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut rest, written),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn pieces_follow_each_other_however_little_is_taken_at_once() {
        for at_once in [1, 2, 3, 5, 100] {
            let (mut near, mut far) = tokio::io::duplex(at_once);
            let writing = async move { write_all(&mut near, vec![b"one", b"t", b"three"]).await.unwrap() };
            let mut arrived = String::new();
            let ((), read) = tokio::join!(writing, far.read_to_string(&mut arrived));
            read.unwrap();
            assert_eq!(arrived, "onetthree", "{at_once}");
        }
    }
}
