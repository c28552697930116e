//! The listeners: they accept, hand over, and stop in order.
//!
//! There are two doors, the API's and the one for admins, each with its own address, limit and certificate. What happens to a connection
//! after it was accepted, a TLS handshake above all, happens in its own task: nobody waits for it but its client.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::{self, AdminConfig};
use super::config::Config;
use super::guard::Guard;
use super::health::Health;
use super::router::{self, Context, MetricsSource, READS};
use super::tls::{Certificate, TlsConfig, TlsError};
use crate::access::{Access, Accounts};
use crate::gateway::Gateway;
use crate::sinks::webhook::Registry;
use crate::sinks::websocket::Edge;
use crate::stream::Stream;
use crate::telemetry::Occurrence;

/// How long no connection is accepted after one could not be: files that ran out do not come back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head; hyper's default is 400 KiB. The longest token fits.
const HEAD: usize = 16 * 1024;

/// The HTTP server could not be set up.
#[derive(Debug, Error)]
pub enum BindError {
    /// The address is taken, not ours, or needs a right.
    #[error("cannot listen on {address}: {source}; choose another address or port ({key}), or stop what listens there")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The key of the configuration.
        key: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("[{table}]: {error}")]
    Tls {
        /// The table of the configuration.
        table: &'static str,
        /// Why.
        error: Box<TlsError>,
    },
}

/// What is behind a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Api,
    Admin,
}

/// A listener.
struct Door {
    kind: Kind,
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
    /// A permit per connection.
    connections: Arc<Semaphore>,
    certificate: Option<Arc<Certificate>>,
}

/// The HTTP server.
pub struct Server {
    doors: Vec<Door>,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    context: Context,
}

/// Has the certificates of a running server looked at again.
#[derive(Clone, Debug)]
pub struct Certificates(Vec<Arc<Certificate>>);

impl Certificates {
    /// They are read again soon. What cannot be used is logged, and leaves the old one.
    pub fn reload(&self) {
        self.0.iter().for_each(|certificate| certificate.look_soon());
    }
}

impl Server {
    /// Binds the API's listener. Connections wait until [`Server::run`]. No token is asked for unless [`Server::with_access`] says so.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the certificate cannot be used.
    pub async fn bind(config: Config, gateway: Arc<Gateway>, health: Arc<dyn Health>) -> Result<Self, BindError> {
        let limit = config.max_connections;
        let door = Door::bind(Kind::Api, config.listen, config.tls.as_ref(), limit, &config).await?;
        let address = door.address;
        let access = Arc::new(Access::open(Arc::clone(gateway.metrics())));
        let accounts = Accounts::new(config.websocket.max_clients_per_account);
        let context = Context {
            guard: Guard::new(&config, address),
            edge: Arc::new(Edge {
                gateway: Arc::clone(&gateway),
                config: config.websocket.clone(),
                access: Arc::clone(&access),
                accounts: Arc::clone(&accounts),
            }),
            clients: Arc::new(Semaphore::new(config.websocket.max_clients.min(Semaphore::MAX_PERMITS))),
            accounts,
            access,
            reads: Arc::new(Semaphore::new(READS)),
            webhooks: None,
            erasing: Arc::new(Semaphore::new(1)),
            config,
            gateway,
            health,
            metrics: Vec::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Ok(Self { doors: vec![door], address, admin_address: None, context })
    }

    /// Binds the listener for admins, when there is to be one.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the certificate cannot be used.
    pub async fn with_admin(mut self, config: &AdminConfig) -> Result<Self, BindError> {
        if let Some(listen) = config.listen {
            let door = Door::bind(Kind::Admin, listen, config.tls.as_ref(), admin::CONNECTIONS, &self.context.config).await?;
            self.admin_address = Some(door.address);
            self.doors.push(door);
        }
        Ok(self)
    }

    /// Asks for tokens as configured.
    #[must_use]
    pub fn with_access(mut self, access: Arc<Access>) -> Self {
        self.context.edge = Arc::new(self.context.edge.with_access(Arc::clone(&access)));
        self.context.access = access;
        self
    }

    /// Lets admins look after webhooks.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: Arc<Registry>) -> Self {
        self.context.webhooks = Some(webhooks);
        self
    }

    /// Adds what `source` writes to `/metrics`.
    #[must_use]
    pub fn with_metrics(mut self, source: MetricsSource) -> Self {
        self.context.metrics.push(source);
        self
    }

    /// Where the API listens: with the port that it was given, if it asked for any.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the listener for admins is, if there is one.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The certificates of its listeners.
    pub fn certificates(&self) -> Certificates {
        Certificates(self.doors.iter().filter_map(|door| door.certificate.clone()).collect())
    }

    /// Serves until `shutdown` is cancelled, and then until every client was told and left, or the time for that is over.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { doors, context, address, .. } = self;
        let context = Arc::new(context);
        if !address.ip().is_loopback() && !context.access.required() {
            context.gateway.metrics().emit(Occurrence::ListeningBeyondLoopback { address });
        }
        let certificates: Vec<_> = doors.iter().filter_map(|door| door.certificate.clone()).collect();
        let fresh = join_all(certificates.into_iter().map(|certificate| certificate.keep_fresh(context.gateway.metrics())));
        let serving = join_all(doors.into_iter().map(|door| door.serve(&context, &shutdown)));
        tokio::select! {
            _ = serving => {}
            () = async { fresh.await; std::future::pending().await } => {}
        }
        stop(&context).await;
    }
}

impl Door {
    async fn bind(kind: Kind, listen: SocketAddr, tls: Option<&TlsConfig>, limit: usize, config: &Config) -> Result<Self, BindError> {
        let (key, table) = match kind {
            Kind::Api => ("api.listen", "api.tls"),
            Kind::Admin => ("admin.listen", "admin.tls"),
        };
        let failed = |source| BindError::Listen { address: listen, key, source };
        let certificate = tls.map(Certificate::load).transpose().map_err(|error| BindError::Tls { table, error: error.into() })?;
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let guard = Guard::new(config, address);
        let connections = Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { kind, listener, address, guard, connections, certificate })
    }

    /// Accepts until `shutdown`.
    async fn serve(self, context: &Arc<Context>, shutdown: &CancellationToken) {
        let Self { kind, listener, guard, connections, certificate, .. } = self;
        let guard = Arc::new(guard);
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = accept(&listener, &connections) => accepted,
            };
            match accepted {
                Some(Ok((stream, peer, permit))) => {
                    let (context, guard, certificate) = (Arc::clone(context), Arc::clone(&guard), certificate.clone());
                    let tasks = context.tasks.clone();
                    tasks.spawn(async move {
                        if let Some(stream) = secured(stream, certificate, &context).await {
                            connection(stream, peer, kind, guard, context).await;
                        }
                        drop(permit);
                    });
                }
                Some(Err(error)) => {
                    context.gateway.metrics().emit(Occurrence::AcceptFailed { error: &error });
                    sleep(ACCEPT_PAUSE).await;
                }
                None => return,
            }
        }
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

/// The connection, behind its TLS handshake where there is to be one. None when the client did not manage that in time.
async fn secured(stream: TcpStream, certificate: Option<Arc<Certificate>>, context: &Context) -> Option<Stream> {
    // An event is one write: it is not to wait for the acknowledgement of the one before. Where it fails, events come later.
    let _ = stream.set_nodelay(true);
    let Some(certificate) = certificate else { return Some(Stream::Plain(stream)) };
    let handshake = timeout(header_timeout(&context.config), certificate.accept(stream));
    tokio::select! {
        done = handshake => Some(Stream::Tls(Box::new(done.ok()??))),
        () = context.stop.cancelled() => None,
    }
}

fn header_timeout(config: &Config) -> Duration {
    Duration::from_secs(u64::from(config.header_timeout_seconds.max(1)))
}

async fn connection(stream: Stream, peer: SocketAddr, kind: Kind, guard: Arc<Guard>, context: Arc<Context>) {
    let header_timeout = header_timeout(&context.config);
    let stop = context.stop.clone();
    let service = service_fn(move |request| {
        let (context, guard) = (Arc::clone(&context), Arc::clone(&guard));
        async move {
            Ok::<_, Infallible>(match kind {
                Kind::Api => router::answer(request, peer, &context).await,
                Kind::Admin => admin::answer(request, peer, &guard, &context).await,
            })
        }
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
