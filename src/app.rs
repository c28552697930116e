//! Build, run, drain: a gateway with its CTI sessions and its HTTP server.
//!
//! | task | waits for | tells |
//! | --- | --- | --- |
//! | one for each CTI session (`cti::run`) | its socket, its timers, a reload | the gateway, by call |
//! | the auditor (`auditor::run`) | its timer | the gateway, by call; the sessions, which devices to ask, without waiting |
//! | keys of issuers (`access::Access::run`) | its timer, a reload | whoever asks for them |
//! | the webhooks' thread (`sinks::webhook::Engine`) | the log's tail, receivers, timers | receivers; the gateway, by call |
//! | the HTTP server (`api::Server::run`) | connections, a reload of certificates | |
//! | one for each WebSocket client | its mailbox, its socket | its client |

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::{self, Access};
use crate::calls::{CallModel, Ids};
use crate::config::Config;
use crate::cti::{self, SessionId};
use crate::gateway::{Gateway, revive};
use crate::health::{self, Sessions};
use crate::journal::{Journal, JournalError};
use crate::numbers::{self, NumberPlan};
use crate::sinks::webhook::engine::GivenUp;
use crate::sinks::webhook::records::{Records, RecordsError};
use crate::sinks::webhook::store::{Store, StoreError};
use crate::sinks::webhook::{Engine, Registry};
use crate::telemetry::{Metrics, MetricsError};
use crate::time::Timestamp;
use crate::{api, auditor};

/// A gateway that could not be built, or ended before it was told to.
#[derive(Debug, Error)]
pub enum AppError {
    /// Access cannot work.
    #[error(transparent)]
    Access(#[from] access::ConfigError),
    /// The HTTP listener cannot be had.
    #[error(transparent)]
    Bind(#[from] api::BindError),
    /// The rules of numbers are wrong.
    #[error(transparent)]
    Numbers(#[from] numbers::ConfigError),
    /// The log cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}; raise the limit on processes (TasksMax, ulimit -u)")]
    Thread(std::io::Error),
    /// What is kept of webhooks cannot be read.
    #[error(transparent)]
    Webhooks(#[from] StoreError),
    /// What was done about webhooks cannot be kept.
    #[error(transparent)]
    WebhookRecords(#[from] RecordsError),
    /// Metrics cannot be set up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A session has nothing to log in with, or nothing to watch.
    #[error("[[session]] {number}: {error}")]
    Session {
        /// Which, from 1.
        number: usize,
        /// What is missing.
        error: cti::StartError,
    },
}

/// A gateway that listens and is ready to run.
pub struct App {
    config: Config,
    gateway: Arc<Gateway>,
    sessions: Sessions,
    server: api::Server,
    access: Arc<Access>,
    webhooks: Webhooks,
    orders: Vec<mpsc::Sender<cti::Command>>,
    commands: Vec<mpsc::Receiver<cti::Command>>,
}

/// The endpoints that events are sent to.
struct Webhooks {
    engine: Arc<Engine>,
    registry: Arc<Registry>,
    given_up: mpsc::UnboundedReceiver<GivenUp>,
}

impl Webhooks {
    fn new(config: &Config, gateway: &Arc<Gateway>) -> Result<Self, AppError> {
        let folder = gateway.journal().directory();
        let records = Arc::new(Records::open(folder, &config.webhook_common, Arc::clone(gateway.metrics()))?);
        let (engine, given_up) = Engine::start(Arc::clone(gateway), Arc::clone(&records)).map_err(AppError::Thread)?;
        let store = Store::open(folder, &config.webhooks, &config.path)?;
        let control = Arc::clone(&engine);
        let registry = Arc::new(Registry::new(store, control, records, Arc::clone(gateway.metrics())));
        Ok(Self { engine, registry, given_up })
    }

    /// Runs them until `stop`, and then until what is on its way was answered.
    async fn run(mut self, stop: CancellationToken) {
        self.registry.start();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(GivenUp { name, disabled }) = self.given_up.recv() => {
                    let registry = Arc::clone(&self.registry);
                    // What cannot be written down is told by whoever finds that out; it is given up again after the next start.
                    let _ = tokio::task::spawn_blocking(move || registry.disable(&name, disabled).is_ok()).await;
                }
            }
        }
        self.engine.drain().await;
    }
}

/// Commands that may wait for a session: one question for devices, and one reload.
const COMMANDS: usize = 2;

/// Tells a running gateway to read its files again: API tokens, inventories, credentials, keys of issuers, certificates.
#[derive(Clone, Debug)]
pub struct Reload {
    sessions: Vec<mpsc::Sender<cti::Command>>,
    access: Arc<Access>,
    certificates: api::Certificates,
}

impl Reload {
    /// All is read again, and the API tokens are taken from the configuration, if that could be read. A session that has not yet obeyed is
    /// not asked again and again.
    pub fn all(&self, config: Option<access::Config>) {
        for session in &self.sessions {
            let _ = session.try_send(cti::Command::Reload);
        }
        self.certificates.reload();
        let access = Arc::clone(&self.access);
        tokio::task::spawn_blocking(move || {
            if let Some(config) = config {
                access.renew(&config);
            }
            access.reload();
        });
    }
}

impl App {
    /// Builds the gateway and binds its listener. The configuration was checked before.
    ///
    /// # Errors
    /// When the listener cannot be had, or the log cannot be opened.
    pub async fn build(config: Config) -> Result<Self, AppError> {
        let journal = if config.journal.temporary { Journal::temporary()? } else { Journal::open(config.journal.options())? };
        // The first mistake is enough: `check` tells them all, and comes before.
        let first = |mut wrong: Vec<numbers::ConfigError>| wrong.swap_remove(0);
        let numbers = NumberPlan::new(&config.numbers).map_err(first)?;
        let mut calls = CallModel::new(Ids::random(), config.privacy.reveal_withheld).with_numbers(Arc::new(numbers));
        let past = revive::read(journal.reader(), journal.reader().checkpoint()?)?;
        past.revive(&mut calls, config.sessions.len(), Timestamp::now());
        let gateway = Arc::new(Gateway::new(calls, journal, Metrics::new()?));
        let first = |mut wrong: Vec<access::ConfigError>| wrong.swap_remove(0);
        let access = Arc::new(Access::new(&config.access, Arc::clone(gateway.metrics())).map_err(first)?);
        let sessions = Sessions::new(config.sessions.len(), config.ready.devices_in_service);
        let server = api::Server::bind(config.api.clone(), Arc::clone(&gateway), Arc::new(sessions.clone())).await?;
        let server = server.with_access(Arc::clone(&access)).with_admin(&config.admin).await?;
        let server = server.with_metrics(health::metrics(sessions.clone(), Arc::clone(&gateway)));
        let webhooks = Webhooks::new(&config, &gateway)?;
        let server = server.with_webhooks(Arc::clone(&webhooks.registry));
        let (orders, commands) = config.sessions.iter().map(|_| mpsc::channel(COMMANDS)).unzip();
        Ok(Self { config, gateway, sessions, server, access, webhooks, orders, commands })
    }

    /// Where it listens for browsers.
    pub fn local_addr(&self) -> std::net::SocketAddr {
        self.server.local_addr()
    }

    /// What its sessions tell.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Where it listens for admins, if it does.
    pub fn admin_addr(&self) -> Option<std::net::SocketAddr> {
        self.server.admin_addr()
    }

    /// How the sessions stand.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// What makes it read its files again.
    pub fn reload(&self) -> Reload {
        let (access, certificates) = (Arc::clone(&self.access), self.server.certificates());
        Reload { sessions: self.orders.clone(), access, certificates }
    }

    /// Runs until `shutdown`, and then until every client was told.
    ///
    /// # Errors
    /// When a session cannot even begin: what it needs from files is missing. One that loses its cluster is no error.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), AppError> {
        let Self { config, gateway, sessions, server, access, webhooks, orders, commands } = self;
        // When it goes, at the end of this, all that was found is written.
        let _writer = gateway.start_writer().map_err(AppError::Thread)?;
        let mut tasks = JoinSet::new();
        for ((session, status), (commands, id)) in config.sessions.into_iter().zip(sessions.statuses()).zip(commands.into_iter().zip(0..)) {
            let (gateway, status, stop) = (Arc::clone(&gateway), Arc::clone(status), shutdown.clone());
            tasks.spawn(async move {
                let ended = cti::run(SessionId(id), session, gateway, commands, status, stop).await;
                ended.map_err(|error| AppError::Session { number: usize::from(id) + 1, error })
            });
        }
        let auditor = tokio::spawn(auditor::run(gateway, orders, shutdown.clone()));
        let stop = shutdown.clone();
        let keys = tokio::spawn(async move { access.run(stop).await });
        // The server outlives the sessions: their last events still reach its clients.
        let stop_server = CancellationToken::new();
        let server = tokio::spawn(server.run(stop_server.clone()));
        let webhooks = tokio::spawn(webhooks.run(stop_server.clone()));
        let mut failed = Ok(());
        while let Some(ended) = tasks.join_next().await {
            if let Ok(Err(error)) = ended {
                failed = failed.and(Err(error));
                shutdown.cancel();
            }
        }
        shutdown.cancelled().await;
        stop_server.cancel();
        // A task of ours does not panic; were it to, there would be nothing left to wait for.
        let _ = tokio::join!(auditor, keys, server, webhooks);
        failed
    }
}
