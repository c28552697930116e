//! Tells `callcast load serve` to go on: so many events as soon as can be, or so many a second.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::LoadError;

/// Events that are asked for at once when they are to come as soon as can be.
const BATCH: u64 = 500;

/// The connection to the one who plays.
#[derive(Debug)]
pub struct Play {
    answers: BufReader<OwnedReadHalf>,
    lines: OwnedWriteHalf,
    address: SocketAddr,
    asked: u64,
}

/// Events that come at a rate, until this is stopped.
#[derive(Debug)]
pub struct Paced(JoinHandle<Play>, tokio_util::sync::CancellationToken);

impl Play {
    /// Connects.
    ///
    /// # Errors
    /// When nobody plays there.
    pub async fn connect(address: SocketAddr) -> Result<Self, LoadError> {
        let stream = TcpStream::connect(address).await.map_err(|source| LoadError::Play { address, source })?;
        stream.set_nodelay(true).map_err(|source| LoadError::Play { address, source })?;
        let (answers, lines) = stream.into_split();
        Ok(Self { answers: BufReader::new(answers), lines, address, asked: 0 })
    }

    /// So many events more, as soon as can be; how many were told in all.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn events(&mut self, count: u64) -> Result<u64, LoadError> {
        let (mut left, mut told) = (count, 0);
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            told = self.batch(batch).await.map_err(|source| LoadError::Play { address: self.address, source })?;
        }
        Ok(told)
    }

    async fn batch(&mut self, count: u64) -> std::io::Result<u64> {
        self.asked += count;
        self.lines.write_all(&vec![b'\n'; count as usize]).await?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim().parse() {
                Ok(told) if told >= self.asked => return Ok(told),
                _ => {}
            }
        }
    }

    /// Events at an even rate from now on.
    pub fn paced(mut self, per_second: f64) -> Paced {
        let stop = tokio_util::sync::CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut due = Instant::now();
            while !stopped.is_cancelled() {
                due += Duration::from_secs_f64(1.0 / per_second.max(0.001));
                sleep_until(due).await;
                if self.batch(1).await.is_err() {
                    break;
                }
            }
            self
        });
        Paced(task, stop)
    }
}

impl Paced {
    /// No more of them.
    ///
    /// # Errors
    /// When the task that paced them broke.
    pub async fn stop(self) -> Result<Play, LoadError> {
        self.1.cancel();
        self.0.await.map_err(|error| LoadError::Gateway(error.to_string()))
    }
}
