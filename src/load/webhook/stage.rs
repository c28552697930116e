//! A gateway with a log on disk and webhooks, whose simulated phones call as fast as is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::calls::{CallModel, Ids};
use crate::gateway::{Gateway, Writer};
use crate::journal::{Entry, Journal, Limit, Options, Position, Selection, Sequence};
use crate::load::LoadError;
use crate::load::player::Player;
use crate::sinks::webhook::control::{Control as _, Status};
use crate::sinks::webhook::records::Records;
use crate::sinks::webhook::{Common, Config, Endpoint, Engine};
use crate::telemetry::Metrics;

/// The thread of webhooks.
pub const WEBHOOKS: &str = "webhooks";
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// A gateway with webhooks.
pub struct Stage {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The webhooks.
    pub engine: Arc<Engine>,
    /// Its phones.
    pub player: Player,
    /// The last event before the first call.
    pub before: Sequence,
    /// Events that were told before it.
    told_before: u64,
    _writer: Option<Writer>,
    /// It goes last.
    _folder: TempDir,
}

impl Stage {
    /// With so many phones, all in service. With a thread that writes the log, as a gateway has it, or without: then all that is told is in the
    /// log at once.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn new(phones: u32, calls_per_second: f64, with_writer: bool) -> Result<Self, LoadError> {
        let folder = tempfile::Builder::new().prefix("callcast-load-").tempdir().map_err(|error| failed(&error))?;
        let journal = Journal::open(Options::new(folder.path())).map_err(|error| failed(&error))?;
        let metrics = Metrics::new().map_err(|error| failed(&error))?;
        let gateway = Arc::new(Gateway::new(CallModel::new(Ids::random(), false), journal, Arc::clone(&metrics)));
        let player = Player::new(Arc::clone(&gateway), phones, calls_per_second)?;
        let (before, told_before) = (gateway.newest(), gateway.told_since_start().0);
        let writer = if with_writer { Some(gateway.start_writer().map_err(|error| failed(&error))?) } else { None };
        let records = Records::open(folder.path(), &Common::default(), metrics).map_err(|error| failed(&error))?;
        let (engine, _) = Engine::start(Arc::clone(&gateway), Arc::new(records)).map_err(|error| failed(&error))?;
        Ok(Self { gateway, engine, player, before, told_before, _writer: writer, _folder: folder })
    }

    /// Stops the webhooks, which would still write to the folder while it is removed.
    pub async fn end(self) {
        self.engine.drain().await;
    }

    /// Tells at least so many events, as soon as can be.
    ///
    /// # Errors
    /// When the cluster has no more.
    pub fn tell(&mut self, events: u64) -> Result<(), LoadError> {
        let wanted = self.next() + events;
        while self.next() < wanted {
            self.tell_one()?;
        }
        Ok(())
    }

    /// Tells the next message, which becomes any number of events.
    ///
    /// # Errors
    /// When the cluster has no more.
    pub fn tell_one(&mut self) -> Result<(), LoadError> {
        if self.player.tell() { Ok(()) } else { Err(LoadError::Cluster("it has no more calls".into())) }
    }

    /// The place of the next event.
    pub fn next(&self) -> Sequence {
        self.before + 1 + self.gateway.told_since_start().0 - self.told_before
    }

    /// All events of calls that are in the log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn events(&self) -> Result<Vec<Entry>, LoadError> {
        let limit = Limit { entries: usize::MAX, bytes: usize::MAX };
        let page = self.gateway.reader().read(&Selection::Everything, self.before + 1, Sequence::MAX, limit);
        Ok(page.map_err(|error| failed(&error))?.entries)
    }

    /// Has an endpoint run that begins with the first call, whatever was told since.
    ///
    /// # Errors
    /// When its place cannot be written down.
    pub fn run_from_the_first(&self, config: Config) -> Result<(), LoadError> {
        let position = Position::new(self.gateway.reader().cursor(self.before));
        let set = self.gateway.journal().cursors().set(&format!("webhook-{}", config.name), &position);
        set.map_err(|error| failed(&error))?;
        self.run(config);
        Ok(())
    }

    /// Has an endpoint run that begins with the next event.
    pub fn run(&self, config: Config) {
        self.engine.set(Arc::new(Endpoint { config, paused: None, disabled: None }));
    }

    /// Waits until an endpoint stands like this.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn until(&self, name: &str, what: &str, mut is_so: impl FnMut(&Status) -> bool) -> Result<(), LoadError> {
        until(what, || self.engine.status(name).is_some_and(|status| is_so(&status))).await
    }
}

/// Waits until something is so.
///
/// # Errors
/// When that takes too long.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), LoadError> {
    let limit = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > limit {
            return Err(LoadError::Gateway(format!("after {} s not {what}", PATIENCE.as_secs())));
        }
        // What is measured is measured elsewhere: this only has to cost little.
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// An endpoint that is signed, and whose events are worth delivering for long.
pub fn endpoint(name: impl Into<String>, address: SocketAddr) -> Config {
    let mut config = Config { name: name.into(), url: format!("http://{address}/events").as_str().into(), ..Config::default() };
    config.signing.secrets = vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()];
    config.network.allow = vec!["127.0.0.0/8".into()];
    config.delivery.deadlines_seconds = [("*".into(), 72 * 3600)].into();
    config
}

/// The bodies of these events.
pub fn bodies(events: &[Entry]) -> Arc<[Bytes]> {
    events.iter().map(|entry| entry.event.clone()).collect()
}

fn failed(error: &dyn std::fmt::Display) -> LoadError {
    LoadError::Gateway(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::ANY;
    use super::super::receiver::{Door, Receiver, Seen};
    use super::*;
    use crate::sinks::webhook::schedule::Lane;

    #[tokio::test]
    async fn an_endpoint_gets_what_was_told_before_it_ran_and_the_folder_is_gone_at_the_end() {
        let seen = Arc::new(Seen::default());
        let noting = Arc::clone(&seen);
        let door = Door::new(ANY, Duration::ZERO, move |came| noting.note(&came)).unwrap();
        let mut stage = Stage::new(10, 2.0, false).unwrap();
        let folder = stage._folder.path().to_owned();
        stage.tell(50).unwrap();
        let events = stage.events().unwrap();
        stage.run_from_the_first(endpoint("crm", door.address().unwrap())).unwrap();
        let _receiver = Receiver::start(vec![door]).unwrap();
        until("all delivered", || seen.count() >= events.len()).await.unwrap();
        assert!(events.iter().any(|entry| matches!(Lane::of(entry), Lane::Call(_))), "calls");
        stage.end().await;
        assert!(!folder.exists());
    }
}
