//! The simulated cluster on the network: binds, runs, and is steered through a handle.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::cluster::{Counters, DeviceKind};
use super::config::Config;
use super::connection::serve;
use super::control::{Command, CommandError};
use super::credentials::Credentials;
use super::driver::Driver;
use super::occurrence::Occurrence;
use super::simulation::{ManagerId, SessionInfo, Simulation};

/// How many restarts of a CTIManager can wait for their turn.
const RESTART_QUEUE: usize = 8;
/// How long a client may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait before an accept or a bind that failed is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The longest line of a command, in bytes.
const COMMAND_LIMIT: u64 = 4096;

/// How many calls there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Calls that began.
    pub started: u64,
    /// Calls that ended.
    pub ended: u64,
}

/// A device of the simulated cluster, as an inventory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The user that owns it.
    pub user: Option<String>,
    /// Its directory numbers, in the order of its buttons.
    pub lines: Vec<String>,
}

/// Where a CTIManager listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagerAddrs {
    /// In the clear.
    pub plain: SocketAddr,
    /// With TLS, if it does.
    pub tls: Option<SocketAddr>,
}

/// Steers a running simulator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    driver: Arc<Driver>,
}

impl Handle {
    /// Carries out a command, see [`Command`].
    ///
    /// # Errors
    /// When it names something that there is not, or cannot be done now.
    pub fn execute(&self, command: &Command) -> Result<String, CommandError> {
        self.driver.with(|simulation| simulation.execute(command))
    }

    /// Carries out a command given as text.
    ///
    /// # Errors
    /// As [`Handle::execute`], and when it cannot be parsed.
    pub fn command(&self, line: &str) -> Result<String, CommandError> {
        self.execute(&line.parse()?)
    }

    /// How many calls there were.
    pub fn counters(&self) -> Counters {
        self.driver.with(|simulation| simulation.cluster.counters())
    }

    /// The clients' sessions.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.driver.with(|simulation| simulation.sessions())
    }

    /// The devices with their users and lines.
    pub fn devices(&self) -> Vec<DeviceRecord> {
        self.driver.with(|simulation| {
            let cluster = &simulation.cluster;
            let lines = |appearances: &[super::cluster::AppearanceId]| {
                appearances.iter().map(|id| cluster.line(cluster.appearance(*id).line).dn.clone()).collect()
            };
            let record = |device: &super::cluster::Device| DeviceRecord {
                name: device.name.clone(),
                kind: device.kind,
                user: device.owner.clone(),
                lines: lines(&device.appearances),
            };
            cluster.devices().map(|(_, device)| record(device)).collect()
        })
    }
}

#[derive(Debug)]
struct Manager {
    id: ManagerId,
    plain: TcpListener,
    tls: Option<TcpListener>,
    addrs: ManagerAddrs,
    restarts: mpsc::Receiver<Duration>,
}

/// A simulated cluster that listens and is ready to run.
pub struct Simulator {
    driver: Arc<Driver>,
    managers: Vec<Manager>,
    control: Option<TcpListener>,
    certificate: Vec<u8>,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("managers", &self.managers).finish_non_exhaustive()
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = async { TcpListener::bind(address).await.and_then(|l| l.local_addr().map(|addr| (l, addr))) };
    bound.await.map_err(|source| Error::Listen { address, source })
}

impl Simulator {
    /// Builds the cluster and binds its addresses.
    ///
    /// # Errors
    /// When an address cannot be had, or the key not be used.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        if config.managers.is_empty() {
            return Err(Error::NoManager);
        }
        let credentials = Credentials::new(config.key_pem.as_deref(), config.nonce.clone())?;
        let certificate = credentials.certificate().to_vec();
        let acceptor = acceptor(&credentials)?;
        let (mut managers, mut senders) = (Vec::new(), Vec::new());
        for (index, manager) in config.managers.iter().enumerate() {
            let (plain, plain_addr) = listen(manager.listen).await?;
            let tls = match manager.tls_listen {
                Some(address) => Some(listen(address).await?),
                None => None,
            };
            let (tls, tls_addr) = tls.unzip();
            let (sender, restarts) = mpsc::channel(RESTART_QUEUE);
            senders.push(sender);
            let addrs = ManagerAddrs { plain: plain_addr, tls: tls_addr };
            managers.push(Manager { id: ManagerId(index), plain, tls, addrs, restarts });
        }
        let control = match config.control {
            Some(address) => Some(listen(address).await?.0),
            None => None,
        };
        let driver = Driver::new(Simulation::new(&config, credentials), config.output_limit, senders);
        Ok(Self { driver, managers, control, certificate, acceptor })
    }

    /// Where each CTIManager listens.
    pub fn local_addrs(&self) -> Vec<ManagerAddrs> {
        self.managers.iter().map(|m| m.addrs).collect()
    }

    /// Where commands are taken, if anywhere.
    pub fn control_addr(&self) -> Option<SocketAddr> {
        self.control.as_ref().and_then(|c| c.local_addr().ok())
    }

    /// The certificate of all CTIManagers, in DER. It serves the logins and TLS alike.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// A handle that steers it, before and while it runs.
    pub fn handle(&self) -> Handle {
        Handle { driver: Arc::clone(&self.driver) }
    }

    /// Runs until `shutdown`; how many calls there were.
    ///
    /// It holds one task for the clock, one for each CTIManager, one for the control socket, and one for each client.
    pub async fn run(self, shutdown: CancellationToken) -> Summary {
        let Self { driver, managers, control, acceptor, .. } = self;
        let mut tasks = JoinSet::new();
        for manager in managers {
            tasks.spawn(run_manager(Arc::clone(&driver), manager, acceptor.clone()));
        }
        if let Some(control) = control {
            tasks.spawn(run_control(Handle { driver: Arc::clone(&driver) }, control));
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = driver.keep_time() => {}
        }
        // Ends the clients with it: they are tasks of these tasks.
        tasks.shutdown().await;
        let Counters { started, ended, .. } = driver.with(|simulation| simulation.cluster.counters());
        Summary { started, ended }
    }
}

fn acceptor(credentials: &Credentials) -> Result<TlsAcceptor, Error> {
    let chain = vec![CertificateDer::from(credentials.certificate().to_vec())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(credentials.private_der().to_vec()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(Error::Tls)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts a CTIManager's clients, and restarts it.
async fn run_manager(driver: Arc<Driver>, manager: Manager, acceptor: TlsAcceptor) {
    let Manager { id, mut plain, mut tls, addrs, mut restarts } = manager;
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = plain.accept() => match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    clients.spawn(serve(Arc::clone(&driver), id, stream, peer));
                }
                Err(error) => pause_after(&error).await,
            },
            accepted = accept_if(tls.as_ref()) => match accepted {
                Ok((stream, peer)) => {
                    clients.spawn(serve_tls(Arc::clone(&driver), id, acceptor.clone(), stream, peer));
                }
                Err(error) => pause_after(&error).await,
            },
            Some(down) = restarts.recv() => {
                Occurrence::Down { address: addrs.plain, down }.emit();
                drop((plain, tls));
                // What connected between the command and now.
                driver.with(|simulation| simulation.drop_sessions(Some(id)));
                tokio::time::sleep(down).await;
                plain = listen_again(addrs.plain).await;
                tls = match addrs.tls {
                    Some(address) => Some(listen_again(address).await),
                    None => None,
                };
                Occurrence::Up { address: addrs.plain }.emit();
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn accept_if(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Out of file descriptors, for one: trying again at once would spin.
async fn pause_after(error: &std::io::Error) {
    Occurrence::Accept { error }.emit();
    tokio::time::sleep(RETRY_DELAY).await;
}

async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => Occurrence::StillDown { address, error: &error }.emit(),
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn serve_tls(driver: Arc<Driver>, id: ManagerId, acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve(driver, id, stream, peer).await,
        Ok(Err(error)) => Occurrence::Handshake { peer, error: &error }.emit(),
        Err(elapsed) => Occurrence::Handshake { peer, error: &elapsed.into() }.emit(),
    }
}

/// Takes commands: one a line, one answer a line (`help` has several).
async fn run_control(handle: Handle, listener: TcpListener) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = clients.spawn(serve_control(handle.clone(), stream)),
                Err(error) => pause_after(&error).await,
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn serve_control(handle: Handle, stream: TcpStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    // A line over the limit is taken in pieces, none of which is a command.
    while (&mut reader).take(COMMAND_LIMIT).read_line(&mut line).await? > 0 {
        let answer = handle.command(&line).unwrap_or_else(|error| format!("error: {error}"));
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
