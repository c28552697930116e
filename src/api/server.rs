//! The listener: accepts, hands over, stops in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::guard::Guard;
use super::health::Health;
use super::router::{Context, MetricsSource, answer};
use crate::access::{Access, Accounts};
use crate::gateway::Gateway;
use crate::sinks::websocket::Edge;
use crate::telemetry::Occurrence;

/// How long no connection is accepted after one could not be: files that ran out do not come back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head; hyper's default is 400 KiB.
const HEAD: usize = 16 * 1024;

/// The HTTP server could not be set up.
#[derive(Debug, Error)]
pub enum BindError {
    /// The address is taken, not ours, or needs a right.
    #[error("cannot listen on {address}: {source}; choose another address or port (api.listen), or stop what listens there")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The HTTP server.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    context: Context,
}

impl Server {
    /// Binds the listener. Connections wait until [`Server::run`].
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(config: Config, gateway: Arc<Gateway>, health: Arc<dyn Health>) -> Result<Self, BindError> {
        let failed = |source| BindError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if !address.ip().is_loopback() {
            gateway.metrics().emit(Occurrence::ListeningBeyondLoopback { address });
        }
        let context = Context {
            guard: Guard::new(&config, address),
            edge: Arc::new(Edge {
                gateway: Arc::clone(&gateway),
                config: config.websocket.clone(),
                access: Arc::new(Access::open()),
                accounts: Accounts::new(config.websocket.max_clients_per_account),
            }),
            clients: Arc::new(Semaphore::new(config.websocket.max_clients.min(Semaphore::MAX_PERMITS))),
            config,
            gateway,
            health,
            metrics: Vec::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Ok(Self { listener, address, context })
    }

    /// Adds what `source` writes to `/metrics`.
    #[must_use]
    pub fn with_metrics(mut self, source: MetricsSource) -> Self {
        self.context.metrics.push(source);
        self
    }

    /// Where it listens: with the port that it was given, if it asked for any.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled, and then until every client was told and left, or the time for that is over.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { listener, context, .. } = self;
        let context = Arc::new(context);
        let connections = Arc::new(Semaphore::new(context.config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = accept(&listener, &connections) => accepted,
            };
            match accepted {
                Some(Ok((stream, peer, permit))) => {
                    let context = Arc::clone(&context);
                    let tasks = context.tasks.clone();
                    tasks.spawn(async move {
                        connection(stream, peer, context).await;
                        drop(permit);
                    });
                }
                Some(Err(error)) => {
                    context.gateway.metrics().emit(Occurrence::AcceptFailed { error: &error });
                    sleep(ACCEPT_PAUSE).await;
                }
                None => break,
            }
        }
        drop(listener);
        stop(&context).await;
    }
}

/// The next connection; it is not taken before there is room for it. `None` never comes while the semaphore is open.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)>> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    Some(listener.accept().await.map(|(stream, peer)| (stream, peer, permit)))
}

async fn connection(stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    // An event is one write: it is not to wait for the acknowledgement of the one before. Where it fails, events come later.
    let _ = stream.set_nodelay(true);
    let header_timeout = Duration::from_secs(u64::from(context.config.header_timeout_seconds.max(1)));
    let stop = context.stop.clone();
    let service = service_fn(move |request| {
        let response = answer(request, peer, &context);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    // A client that breaks its connection harms nobody but itself: errors are not told.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn stop(context: &Context) {
    let metrics = context.gateway.metrics();
    metrics.emit(Occurrence::EdgeDraining { clients: metrics.websocket_clients() });
    context.stop.cancel();
    context.tasks.close();
    let limit = Duration::from_secs(u64::from(context.config.drain_seconds));
    if timeout(limit, context.tasks.wait()).await.is_err() {
        metrics.emit(Occurrence::EdgeDrainTimedOut { left: context.tasks.len() });
    }
}
