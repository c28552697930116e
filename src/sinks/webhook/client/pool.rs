//! The connections of an endpoint: those of HTTP/1.1 that are idle, or the one of HTTP/2 that all share.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::connect::Connector;
use super::lane::Lane;
use super::multi::Multi;
use crate::sinks::webhook::{Failed, Fault};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(60);
/// How often idle ones are looked at: is one too old, or did the other side close it?
const LOOK: Duration = Duration::from_secs(5);

/// A way to send a request.
pub(super) enum Way {
    /// A connection of its own.
    Own(Lane),
    /// One that is shared.
    Shared(Multi),
}

/// Connections to one origin.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Mutex<Idle>>,
    /// So many idle ones are kept.
    most: usize,
    /// What is known of how the other side speaks. Only where HTTP/2 is offered.
    spoken: Option<Spoken>,
}

#[derive(Default)]
struct Idle {
    /// The one used last is the last.
    lanes: Vec<Lane>,
    /// Whether somebody looks at them.
    is_watched: bool,
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Spoken {
    now: Mutex<Version>,
    /// Held by who opens the connection that all wait for.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
enum Version {
    #[default]
    Unknown,
    Http1,
    Http2(Multi),
}

impl Pool {
    pub(super) fn new(connector: Connector, most: usize, http2: bool) -> Self {
        let spoken = (http2 && connector.origin.is_tls()).then(Spoken::default);
        Self { connector, idle: Arc::default(), most, spoken }
    }

    /// What connects.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A way to send a request that needs no waiting; on a `fresh` connection there is only a shared one.
    pub(super) fn at_hand(&self, fresh: bool) -> Option<Way> {
        match self.spoken.as_ref().map(|spoken| self.known(spoken)) {
            Some(Some(Version::Http2(multi))) => Some(Way::Shared(multi)),
            Some(None) => None,
            _ if fresh => None,
            _ => self.take().map(Way::Own),
        }
    }

    /// A way to send a request; on a new connection, if it is to be `fresh`.
    pub(super) async fn get(&self, fresh: bool) -> Result<Way, Failed> {
        let Some(spoken) = &self.spoken else { return self.own(fresh).await };
        if let Some(known) = self.known(spoken) {
            return match known {
                Version::Http2(multi) => Ok(Way::Shared(multi)),
                _ => self.own(fresh).await,
            };
        }
        // One opens it, the others wait for that one: as long as they would for a connection of their own.
        let limit = self.connector.limit;
        let Ok(_opening) = timeout(limit, spoken.opening.lock()).await else { return Err(self.connector.late()) };
        match self.known(spoken) {
            Some(Version::Http2(multi)) => Ok(Way::Shared(multi)),
            Some(_) => self.own(fresh).await,
            None => self.open().await,
        }
    }

    /// What is known, unless it is out of date.
    fn known(&self, spoken: &Spoken) -> Option<Version> {
        let mut now = lock(&spoken.now);
        match &mut *now {
            Version::Unknown => None,
            Version::Http1 => Some(Version::Http1),
            Version::Http2(multi) if multi.is_usable(IDLE) => Some(Version::Http2(multi.clone())),
            Version::Http2(_) => {
                *now = Version::Unknown;
                None
            }
        }
    }

    async fn own(&self, fresh: bool) -> Result<Way, Failed> {
        match if fresh { None } else { self.take() } {
            Some(lane) => Ok(Way::Own(lane)),
            None => self.open().await,
        }
    }

    /// The one used last. Whether the other side closed it meanwhile is seen when it is used, before anything is sent.
    fn take(&self) -> Option<Lane> {
        lock(&self.idle).lanes.pop()
    }

    async fn open(&self) -> Result<Way, Failed> {
        let stream = self.connector.connect().await?;
        let broken = |text: String| self.connector.failed(Fault::Broken, text);
        if stream.is_http2() {
            let multi = Multi::new(stream).await.map_err(broken)?;
            self.learn(Version::Http2(multi.clone()));
            return Ok(Way::Shared(multi));
        }
        self.learn(Version::Http1);
        Ok(Way::Own(Lane::new(stream).await.map_err(broken)?))
    }

    fn learn(&self, version: Version) {
        if let Some(spoken) = &self.spoken {
            *lock(&spoken.now) = version;
        }
    }

    /// Lets nobody else use a connection. Who uses it goes on.
    pub(super) fn forget(&self, multi: &Multi) {
        if let Some(spoken) = &self.spoken {
            let mut now = lock(&spoken.now);
            if matches!(&*now, Version::Http2(known) if known.is(multi)) {
                *now = Version::Unknown;
            }
        }
    }

    /// Keeps a connection for the next request. It is idle from now on.
    pub(super) fn put(&self, mut lane: Lane) {
        lane.since = Instant::now();
        let mut idle = lock(&self.idle);
        if idle.lanes.len() >= self.most {
            return;
        }
        idle.lanes.push(lane);
        if !idle.is_watched {
            idle.is_watched = true;
            drop(tokio::spawn(watch(Arc::downgrade(&self.idle))));
        }
    }
}

/// Closes idle connections that are too old, and those that the other side closed, for as long as there are any.
async fn watch(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(LOOK).await;
        let Some(idle) = idle.upgrade() else { return };
        let is_over = poll_fn(|cx| {
            let mut idle = lock(&idle);
            idle.lanes.retain_mut(|lane| lane.since.elapsed() < IDLE && lane.poll_usable(cx));
            idle.is_watched = !idle.lanes.is_empty();
            Poll::Ready(!idle.is_watched)
        });
        if is_over.await {
            return;
        }
    }
}

/// What is under the lock is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::webhook::{Client, Config};

    #[tokio::test]
    async fn a_connection_is_idle_from_when_it_is_put_by() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut config = Config { url: url.as_str().into(), ..Config::default() };
        config.network.allow = vec!["127.0.0.0/8".into()];
        let pool = Client::new(&config).unwrap().pool;
        let Ok(Way::Own(mut lane)) = pool.get(true).await else { panic!("no connection") };
        // A request that took as long as that.
        lane.since = Instant::now().checked_sub(IDLE).unwrap();
        pool.put(lane);
        assert!(pool.take().unwrap().since.elapsed() < IDLE / 2);
    }
}
