//! `callcast run`: the gateway, until SIGTERM or SIGINT. SIGHUP reads API tokens, inventories, credentials, keys of issuers and certificates
//! again.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::CommandError;
use crate::app::{App, Reload};
use crate::config::Config;
use crate::telemetry::{self, LogOptions};

/// Runs the gateway that the file describes.
pub async fn run(path: &Path, log: LogOptions) -> Result<(), CommandError> {
    let config = Config::load(path).map_err(|error| CommandError::Config(vec![error]))?;
    let warnings = config.check().map_err(CommandError::Config)?;
    telemetry::init(&log, &config.log)?;
    for warning in warnings {
        warn!("{warning}");
    }
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;
    let app = App::build(config).await?;
    reload_on_signal(path.to_owned(), app.reload())?;
    info!(address = %app.local_addr(), admin = app.admin_addr().map(tracing::field::display), "callcast listens");
    app.run(shutdown).await?;
    Ok(())
}

/// Cancels `shutdown` on SIGTERM or SIGINT.
pub fn stop_on_signal(shutdown: CancellationToken) -> Result<(), CommandError> {
    let (mut terminate, mut interrupt) = (wait_for(SignalKind::terminate())?, wait_for(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

fn reload_on_signal(path: PathBuf, reload: Reload) -> Result<(), CommandError> {
    let mut hangup = wait_for(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let config = Config::load(&path).inspect_err(|error| warn!(%error, "the API tokens stay as they were"));
            reload.all(config.ok().map(|config| config.access));
        }
    });
    Ok(())
}

fn wait_for(kind: SignalKind) -> Result<Signal, CommandError> {
    signal(kind).map_err(CommandError::Signals)
}
