//! `callcast load serve`: a gateway with phones whose calls go on when they are told to.
//!
//! For each line on `--play` one event more is told, as soon as can be: the next messages of a simulated cluster's calls are put through
//! [`Gateway::observe`] as if a CTI session had read them. After each batch of lines it answers with a line: how many events were told.
//! The clock of events is the machine's, so that whoever reads one can say how old it is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::LoadError;
use super::calls::{Calls, Message, Read};
use crate::app::App;
use crate::config::Config;
use crate::cti::{Observer as _, SessionId};
use crate::gateway::Gateway;
use crate::time::Timestamp;

/// Messages between two moments at which others have their turn.
const TURN: u32 = 64;

/// What to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The gateway's configuration; its sessions are not used.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The gateway's HTTP address, unless the configuration says it.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where lines are taken.
    #[arg(long, default_value = "127.0.0.1:8090")]
    play: SocketAddr,
    /// How many phones.
    #[arg(long, default_value_t = 1000)]
    devices: u32,
    /// Calls a second on the simulated clock: how many go on beside each other.
    #[arg(long, default_value_t = 20.0)]
    calls_per_second: f64,
}

pub(super) async fn run(args: &ServeArgs) -> Result<(), LoadError> {
    let mut config = match &args.config {
        Some(path) => Config::load(path).map_err(|error| LoadError::Gateway(error.to_string()))?,
        None => super::pipeline::temporary(),
    };
    config.sessions.clear();
    config.api.listen = args.listen.unwrap_or(config.api.listen);
    config.admin.listen = None;
    let app = App::build(config).await.map_err(|error| LoadError::Gateway(error.to_string()))?;
    let gateway = Arc::clone(app.gateway());
    let listener = TcpListener::bind(args.play).await.map_err(|source| LoadError::Listen { address: args.play, source })?;
    let mut player = Player::new(gateway, args.devices, args.calls_per_second)?;
    let stop = CancellationToken::new();
    let served = tokio::spawn(app.run(stop.clone()));
    println!("ready");
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.map_err(|source| LoadError::Listen { address: args.play, source })?,
            _ = tokio::signal::ctrl_c() => break,
        };
        // A connection that breaks has nothing more to play.
        drop(player.follow(stream).await);
    }
    stop.cancel();
    served.await.ok().transpose().map_err(|error| LoadError::Gateway(error.to_string()))?;
    Ok(())
}

/// Tells events when it is told to.
struct Player {
    gateway: Arc<Gateway>,
    calls: Calls,
    reads: VecDeque<Read>,
    messages: VecDeque<Message>,
    /// Events that were told before the first line, and that lines asked for since.
    first: u64,
    asked: u64,
    told: u64,
}

impl Player {
    fn new(gateway: Arc<Gateway>, devices: u32, per_second: f64) -> Result<Self, LoadError> {
        let mut calls = Calls::new(devices, per_second)?;
        calls.open(|_, notices| gateway.observe(SessionId(0), Timestamp::now(), notices))?;
        calls.begin(true);
        let first = gateway.told_since_start().0;
        Ok(Self { gateway, calls, reads: VecDeque::new(), messages: VecDeque::new(), first, asked: 0, told: 0 })
    }

    async fn follow(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut chunk = vec![0; 64 * 1024];
        while let count @ 1.. = stream.read(&mut chunk).await? {
            self.asked += chunk.iter().take(count).filter(|byte| **byte == b'\n').count() as u64;
            if !self.play().await {
                return Ok(());
            }
            stream.write_all(format!("{}\n", self.told).as_bytes()).await?;
        }
        Ok(())
    }

    /// Tells what was asked for; false when the cluster has nothing more.
    async fn play(&mut self) -> bool {
        let mut turn = 0;
        while self.told < self.asked {
            let Some(message) = self.next() else { return false };
            let Some(notice) = message.notice() else { continue };
            self.gateway.observe(SessionId(0), Timestamp::now(), &[notice]);
            self.told = self.gateway.told_since_start().0 - self.first;
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        true
    }

    fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            match self.reads.pop_front() {
                Some(read) => self.messages = read.messages.into(),
                None => self.calls.step(Duration::MAX, &mut self.reads).ok()?,
            }
        }
    }
}
