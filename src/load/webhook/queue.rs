//! `callcast load webhook-queue`: what events that wait for an endpoint that is dead cost in memory.
//!
//! The log's index grows with the events, whoever waits for them: the same without `--endpoint` is what it is to be compared with.

use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::isolation::free;
use super::stage::{self, Stage};
use crate::load::LoadError;
use crate::load::memory::resident;
use crate::sinks::webhook::control::Control as _;

const PHONES: u32 = 1000;
const CALLS_PER_SECOND: f64 = 20.0;
/// Events before memory is looked at: calls are up, and whatever is kept for reuse is there.
const WARM_UP: u64 = 100_000;
/// How long all that writes and frees may take.
const SETTLED: Duration = Duration::from_secs(3);

/// What to measure.
#[derive(Debug, Args)]
pub struct QueueArgs {
    /// Events that wait.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// For a dead endpoint; else for nobody.
    #[arg(long)]
    endpoint: bool,
}

/// Measures, and prints a line.
///
/// # Errors
/// When it cannot be measured.
pub async fn run(args: &QueueArgs) -> Result<(), LoadError> {
    const NAME: &str = "dead";
    let mut stage = Stage::new(PHONES, CALLS_PER_SECOND, false)?;
    if args.endpoint {
        stage.run(stage::endpoint(NAME, free()?));
        stage.until(NAME, "begun", |_| true).await?;
    }
    stage.tell(WARM_UP)?;
    sleep(SETTLED).await;
    let before = resident(std::process::id())?;
    stage.tell(args.events)?;
    sleep(SETTLED).await;
    let after = resident(std::process::id())?;
    let status = stage.engine.status(NAME).unwrap_or_default();
    println!(
        "webhook-queue endpoint={} events={} waiting={} read_and_set_aside={} resident_kib_before={before} resident_kib_after={after} \
         grown_kib={}",
        args.endpoint,
        args.events,
        status.lag_events,
        status.waiting,
        after as i64 - before as i64,
    );
    stage.end().await;
    Ok(())
}
