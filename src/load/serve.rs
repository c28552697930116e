//! `callcast load serve`: a gateway with phones whose calls go on when they are told to.
//!
//! For each line on `--play` one event more is told, as soon as can be: the next messages of a simulated cluster's calls are put through
//! [`Gateway::observe`] as if a CTI session had read them. After each batch of lines it answers with a line: how many events were told.
//! The clock of events is the machine's, so that whoever reads one can say how old it is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::LoadError;
use super::player::Player;
use crate::app::App;
use crate::config::Config;

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
    let mut told = Told { player: Player::new(gateway, args.devices, args.calls_per_second)?, asked: 0 };
    let stop = CancellationToken::new();
    let served = tokio::spawn(app.run(stop.clone()));
    println!("ready");
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.map_err(|source| LoadError::Listen { address: args.play, source })?,
            _ = tokio::signal::ctrl_c() => break,
        };
        // A connection that breaks has nothing more to play.
        drop(told.follow(stream).await);
    }
    stop.cancel();
    served.await.ok().transpose().map_err(|error| LoadError::Gateway(error.to_string()))?;
    Ok(())
}

/// Tells events when it is told to.
struct Told {
    player: Player,
    /// Events that lines asked for.
    asked: u64,
}

impl Told {
    async fn follow(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut chunk = vec![0; 64 * 1024];
        while let count @ 1.. = stream.read(&mut chunk).await? {
            self.asked += chunk.iter().take(count).filter(|byte| **byte == b'\n').count() as u64;
            if !self.play().await {
                return Ok(());
            }
            stream.write_all(format!("{}\n", self.player.told()).as_bytes()).await?;
        }
        Ok(())
    }

    /// Tells what was asked for; false when the cluster has nothing more.
    async fn play(&mut self) -> bool {
        let mut turn = 0;
        while self.player.told() < self.asked {
            if !self.player.tell() {
                return false;
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        true
    }
}
