//! Certificates of an authority of our own, and receivers that speak TLS.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callcast::sinks::webhook::Config;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData as _};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::receiver::Receiver;

/// An authority, one below it, and a folder for files.
pub struct Authority {
    folder: TempDir,
    pub root: CertifiedIssuer<'static, KeyPair>,
    pub middle: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Issued {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

fn params(name: &str, is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

impl Authority {
    pub fn new() -> Self {
        let root = CertifiedIssuer::self_signed(params("root", true), KeyPair::generate().unwrap()).unwrap();
        let middle = CertifiedIssuer::signed_by(params("middle", true), KeyPair::generate().unwrap(), &root).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), root, middle }
    }

    /// A certificate for a name, from the authority in the middle.
    pub fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.into()]).unwrap();
        change(&mut params);
        Issued { certificate: params.signed_by(&key, &self.middle).unwrap(), key }
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An endpoint that trusts this authority.
    pub fn config(&self, url: &str) -> Config {
        let mut config = crate::receiver::config(url);
        config.network.ca_file = Some(self.file("root.pem", &self.root.pem()));
        config
    }

    /// The server's side, with its whole chain and maybe more.
    pub fn server(&self, issued: &Issued, more: &[&rcgen::Certificate], protocols: &[&str]) -> ServerConfig {
        let mut chain = vec![issued.certificate.der().clone(), self.middle.der().clone()];
        chain.extend(more.iter().map(|certificate| certificate.der().clone()));
        let key = PrivateKeyDer::Pkcs8(issued.key.serialize_der().into());
        let mut config = builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    /// The same, for those alone who have a certificate of this authority.
    pub fn mutual(&self, issued: &Issued) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let chain = vec![issued.certificate.der().clone(), self.middle.der().clone()];
        let key = PrivateKeyDer::Pkcs8(issued.key.serialize_der().into());
        builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

/// The pin of a key.
pub fn pin(key: &KeyPair) -> String {
    format!("sha256/{}", STANDARD.encode(digest(&SHA256, &key.subject_public_key_info())))
}

/// What a receiver with hyper has seen.
#[derive(Default)]
pub struct Seen {
    pub http2: AtomicUsize,
    pub http1: AtomicUsize,
    pub now: AtomicUsize,
    pub most: AtomicUsize,
}

impl Seen {
    /// Counts a request for as long as it is answered.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let version = if request.version() == Version::HTTP_2 { &self.http2 } else { &self.http1 };
        version.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        Response::new(Full::from("ok"))
    }
}

/// Hands each connection to `serve` after the handshake.
pub async fn tls_receiver<F, S>(config: ServerConfig, serve: F) -> Receiver
where
    F: Fn(usize, TlsStream<TcpStream>) -> S + Clone + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Receiver::start(move |number, stream| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(number, stream).await;
            }
        }
    })
    .await
}

/// One with hyper: HTTP/2 or 1.1, as was agreed; at most so many streams at once.
pub async fn http_receiver(config: ServerConfig, streams: u32) -> (Receiver, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let counted = Arc::clone(&seen);
    let receiver = tls_receiver(config, move |_, stream| {
        let seen = Arc::clone(&counted);
        async move {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request| {
                let seen = Arc::clone(&seen);
                async move { Ok::<_, std::convert::Infallible>(seen.answer(request).await) }
            });
            let stream = TokioIo::new(stream);
            if is_http2 {
                let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = builder.max_concurrent_streams(streams).serve_connection(stream, service).await;
            } else {
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
            }
        }
    })
    .await;
    (receiver, seen)
}

/// The URL of a receiver, by a name that certificates can have.
pub fn https(receiver: &Receiver) -> String {
    format!("https://localhost:{}/hook", receiver.address.port())
}
