//! How a connection comes about: a name is looked up once, its addresses go past the guard, and one of those very addresses is connected to.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::header::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::address::Guard;
use super::stream::Stream;
use super::tls;
use crate::sinks::webhook::{Failed, Fault};

/// How long an address may take before the next one is tried beside it (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
/// So many addresses of a name are tried.
const ADDRESSES: usize = 8;

/// So many names of an endpoint are looked up at a time.
const LOOKUPS: usize = 2;

/// What a name's lookup becomes.
pub type Lookup<'r> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'r>>;

/// What knows the addresses of names.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of `host`, best first.
    fn resolve<'r>(&'r self, host: &'r str) -> Lookup<'r>;
}

/// The operating system's. It takes a thread for each lookup, for as long as that takes, whoever still waits for it: a few at a time.
#[derive(Clone, Debug)]
pub struct System {
    lookups: Arc<Semaphore>,
}

impl Default for System {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

impl Resolver for System {
    fn resolve<'r>(&'r self, host: &'r str) -> Lookup<'r> {
        Box::pin(async move {
            let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
            let host = host.to_owned();
            let lookup = tokio::task::spawn_blocking(move || {
                let found = (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect());
                drop(permit);
                found
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}

/// Where requests go: the part of a URL that is no secret.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    host: Host<String>,
    port: u16,
    /// For TLS; none without.
    name: Option<ServerName<'static>>,
    /// As `Host` says it.
    pub(super) authority: HeaderValue,
}

impl Origin {
    /// Of a URL of HTTP or HTTPS.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host = url.host()?.to_owned();
        let name = match (url.scheme(), &host) {
            ("http", _) => None,
            ("https", Host::Domain(name)) => Some(ServerName::try_from(name.clone()).ok()?),
            ("https", Host::Ipv4(address)) => Some(ServerName::IpAddress(IpAddr::V4(*address).into())),
            ("https", Host::Ipv6(address)) => Some(ServerName::IpAddress(IpAddr::V6(*address).into())),
            _ => return None,
        };
        let authority = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        Some(Self { port: url.port_or_known_default()?, name, authority: HeaderValue::try_from(authority).ok()?, host })
    }

    /// Whether a URL leads here.
    pub(super) fn has(&self, url: &Url) -> bool {
        let host = match (&self.host, url.host()) {
            (Host::Domain(ours), Some(Host::Domain(its))) => ours == its,
            (Host::Ipv4(ours), Some(Host::Ipv4(its))) => *ours == its,
            (Host::Ipv6(ours), Some(Host::Ipv6(its))) => *ours == its,
            _ => false,
        };
        host && url.port_or_known_default() == Some(self.port) && url.scheme() == if self.is_tls() { "https" } else { "http" }
    }

    /// Whether it is one of HTTPS.
    pub(super) fn is_tls(&self) -> bool {
        self.name.is_some()
    }

    /// Its address, when it is one.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some((*address).into()),
        }
    }
}

/// The host alone.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}

/// What makes connections to one origin.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) origin: Origin,
    pub(super) guard: Guard,
    pub(super) resolver: Arc<dyn Resolver>,
    /// How TLS is spoken. There is always one when the origin wants it.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// How long all of it may take.
    pub(super) limit: Duration,
    /// Without TLS, only addresses of networks that are allowed by name.
    pub(super) clear_only_if_named: bool,
}

impl Connector {
    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Stream, Failed> {
        timeout(self.limit, self.attempt()).await.unwrap_or_else(|_| Err(self.late()))
    }

    /// What is said when there was none in time.
    pub(super) fn late(&self) -> Failed {
        self.failed(Fault::ConnectTimeout, format!("no connection within {:?}; is it up, and can callcast reach it?", self.limit))
    }

    async fn attempt(&self) -> Result<Stream, Failed> {
        let stream = self.reach(self.addresses().await?).await?;
        // Requests are written whole: there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let Some(name) = &self.origin.name else { return Ok(Stream::clear(stream)) };
        let Some(tls) = &self.tls else { return Err(self.failed(Fault::Tls, "TLS is not set up")) };
        let secured = TlsConnector::from(Arc::clone(tls)).connect(name.clone(), stream).await;
        secured.map(Stream::tls).map_err(|error| self.failed(Fault::Tls, tls::explain(&error)))
    }

    /// Those that may be connected to.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failed> {
        let found = match &self.origin.host {
            Host::Domain(name) => {
                let unknown = |why: &dyn fmt::Display| {
                    self.failed(Fault::Unresolved, format!("its name has no address: {why}; is it spelled right?"))
                };
                let found = self.resolver.resolve(name).await.map_err(|error| unknown(&error))?;
                if found.is_empty() { Err(unknown(&"there is none"))? } else { found }
            }
            Host::Ipv4(address) => vec![(*address).into()],
            Host::Ipv6(address) => vec![(*address).into()],
        };
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.judge(address) {
                Ok(()) => allowed.push(SocketAddr::new(address, self.origin.port)),
                Err(kind) => refused = refused.or(Some((address, kind))),
            }
        }
        if let (true, Some((address, kind))) = (allowed.is_empty(), refused) {
            let text = format!("its address {address} is not allowed: {kind}; if that is meant, name its network in `network.allow`");
            return Err(self.failed(Fault::Forbidden, text));
        }
        allowed.truncate(ADDRESSES);
        Ok(allowed)
    }

    /// Whether `address` may be connected to.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn judge(&self, address: IpAddr) -> Result<(), &'static str> {
        self.guard.judge(address)?;
        let is_safe = self.origin.is_tls() || !self.clear_only_if_named || self.guard.names(address);
        if is_safe { Ok(()) } else { Err("a credential would go there in the clear") }
    }

    /// The first of them that takes a connection.
    async fn reach(&self, addresses: Vec<SocketAddr>) -> Result<TcpStream, Failed> {
        let mut left = addresses.into_iter();
        let mut tries = FuturesUnordered::new();
        let mut fault = None;
        loop {
            if let Some(address) = left.next() {
                tries.push(async move { TcpStream::connect(address).await.map_err(|error| (address, error)) });
            } else if tries.is_empty() {
                let why = fault.map_or_else(String::new, |(address, error)| format!(" at {address} ({error})"));
                return Err(self.failed(Fault::Unreachable, format!("nobody takes connections{why}; is it up, and is the port right?")));
            }
            let has_more = left.len() > 0;
            tokio::select! {
                Some(done) = tries.next() => match done {
                    Ok(stream) => return Ok(stream),
                    Err(error) => fault = Some(error),
                },
                () = sleep(STAGGER), if has_more => {}
            }
        }
    }

    /// A failure, with the host before it.
    pub(super) fn failed(&self, fault: Fault, text: impl fmt::Display) -> Failed {
        Failed { fault, text: format!("{}: {text}", self.origin) }
    }
}
