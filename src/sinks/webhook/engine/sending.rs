//! One request: its events from the log where they are not at hand, its body, its answer.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::live::Live;
use crate::journal::{Entry, JournalError, Reader, Sequence};
use crate::sinks::webhook::schedule::{Load, LoadId, Settled};
use crate::sinks::webhook::{Failed, Fault, PlanFault};
use crate::telemetry::{Metrics, Occurrence, Skip};
use crate::time::Timestamp;

/// How long a log that cannot be read is left alone.
pub const PAUSE: Duration = Duration::from_secs(1);

/// What requests are made and sent with.
pub struct Sender {
    pub live: Arc<Live>,
    pub reader: Reader,
    pub metrics: Arc<Metrics>,
}

/// What became of a load.
pub struct Sent {
    pub load: LoadId,
    /// Events that the log no longer has.
    pub lost: Vec<Sequence>,
    /// How it went; none when nothing was sent.
    pub settled: Option<Settled>,
}

impl Sender {
    /// Sends a load.
    pub async fn send(self: Rc<Self>, load: Load) -> Sent {
        let id = load.id;
        let (entries, lost) = self.entries(load).await;
        let sent = Timestamp::now();
        let began = Instant::now();
        if entries.is_empty() {
            self.live.metrics.skipped(Skip::Gone, lost.len() as u64);
            return Sent { load: id, lost, settled: None };
        }
        let prepare = || self.live.plan.prepare(&entries, sent);
        let mut first = Some(prepare());
        if matches!(first, Some(Err(PlanFault::Nothing))) {
            self.live.metrics.skipped(Skip::Empty, entries.len() as u64);
            return Sent { load: id, lost, settled: None };
        }
        let template = |fault: PlanFault| Failed { fault: Fault::Template, text: fault.to_string() };
        let result = self.live.client.send(|| first.take().unwrap_or_else(prepare).map_err(template)).await;
        let settled = Settled { result, sent, took: began.elapsed(), random: fastrand::f64() };
        Sent { load: id, lost, settled: Some(settled) }
    }

    /// The events of a load, and those of it that are gone. A log that cannot be read is waited for: what is in it is not gone.
    async fn entries(&self, load: Load) -> (Vec<Arc<Entry>>, Vec<Sequence>) {
        if load.events.iter().all(|(_, body)| body.is_some()) {
            return (load.events.into_iter().filter_map(|(_, body)| body).collect(), Vec::new());
        }
        loop {
            let (reader, events) = (self.reader.clone(), load.events.clone());
            match tokio::task::spawn_blocking(move || found(&reader, events)).await {
                Ok(Ok(found)) => return found,
                Ok(Err(error)) => {
                    self.metrics.emit(Occurrence::LogUnreadable { error: &error });
                    tokio::time::sleep(PAUSE).await;
                }
                // The runtime ends.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

fn found(reader: &Reader, events: Vec<(Sequence, Option<Arc<Entry>>)>) -> Result<(Vec<Arc<Entry>>, Vec<Sequence>), JournalError> {
    let (mut entries, mut lost) = (Vec::new(), Vec::new());
    for (sequence, body) in events {
        let entry = match body {
            Some(entry) => Some(entry),
            None => reader.get(sequence)?.map(Arc::new),
        };
        match entry.filter(|entry| !entry.event.is_empty()) {
            Some(entry) => entries.push(entry),
            None => lost.push(sequence),
        }
    }
    Ok((entries, lost))
}
