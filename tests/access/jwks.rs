//! Keys behind a URL: fetched, changed, and gone, with a server of our own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use callcast::access::{Access, Config, Denied, IssuerConfig};
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use jsonwebtoken::Algorithm;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::harness::LIMIT;
use crate::keys::{Signer, certificate, changed, issuer};

/// A server that answers every request with the same.
struct Publisher {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Publisher {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::<Mutex<String>>::default(), Arc::<AtomicUsize>::default());
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let running = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answers, count, tls) = (Arc::clone(&answers), Arc::clone(&count), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => one(stream, &answers, &count).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                one(stream, &answers, &count).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, answer, asked, running }
    }

    async fn with(keys: &[Json]) -> Self {
        let publisher = Self::start(None).await;
        publisher.publish(keys);
        publisher
    }

    fn publish(&self, keys: &[Json]) {
        self.answer("200 OK", "", &json!({"keys": keys}).to_string());
    }

    fn answer(&self, status: &str, headers: &str, body: &str) {
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Access by an issuer that publishes here.
    fn access(&self, change: impl FnOnce(&mut IssuerConfig)) -> (Access, Arc<Metrics>) {
        let mut config = IssuerConfig { jwks_url: Some(format!("http://{}/keys", self.address)), ..issuer(Algorithm::ES256) };
        change(&mut config);
        let metrics = Metrics::new().unwrap();
        let access = Access::new(&Config { issuers: vec![config], ..Config::default() }, Arc::clone(&metrics)).unwrap();
        (access, metrics)
    }
}

async fn one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &Mutex<String>, asked: &AtomicUsize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    asked.fetch_add(1, Ordering::Relaxed);
    let answer = answer.lock().unwrap().clone();
    // Whoever had enough hangs up.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// So many seconds after a beginning.
fn at(seconds: u64) -> Timestamp {
    Timestamp((1_800_000_000 + seconds) * 1_000_000)
}

/// A token that is good for a year from then.
fn token(signer: &Signer, id: &str) -> String {
    signer.sign_named(id, &changed("ann", "exp", json!(1_831_536_000)))
}

#[tokio::test]
async fn a_new_key_counts_without_a_restart_and_an_old_one_no_longer() {
    let (old, new) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let publisher = Publisher::with(&[old.jwk("old")]).await;
    let (access, _) = publisher.access(|_| {});
    assert_eq!(&*access.authenticate(&token(&old, "old"), at(0)).await.unwrap().account, "ann");
    // Both, while it changes; then the new one alone.
    publisher.publish(&[old.jwk("old"), new.jwk("new")]);
    access.authenticate(&token(&new, "new"), at(20)).await.unwrap();
    access.authenticate(&token(&old, "old"), at(20)).await.unwrap();
    publisher.publish(&[new.jwk("new")]);
    assert_eq!(access.authenticate(&token(&old, "unheard"), at(40)).await, Err(Denied::Key));
    assert_eq!(access.authenticate(&token(&old, "old"), at(40)).await, Err(Denied::Key));
    access.authenticate(&token(&new, "new"), at(40)).await.unwrap();
    // A name does not make a key.
    assert_eq!(access.authenticate(&token(&old, "new"), at(40)).await, Err(Denied::Signature));
}

#[tokio::test]
async fn tokens_with_unknown_keys_have_them_fetched_once_in_ten_seconds() {
    let signer = Signer::new(Algorithm::ES256);
    let publisher = Publisher::with(&[signer.jwk("known")]).await;
    let (access, _) = publisher.access(|_| {});
    let access = Arc::new(access);
    let unknown: Vec<String> = (0..20).map(|i| token(&signer, &format!("unknown {i}"))).collect();
    for (seconds, fetches) in [(0, 1), (9, 1), (10, 2)] {
        let asking = unknown.iter().map(|token| access.authenticate(token, at(seconds)));
        let denied = futures_util::future::join_all(asking).await;
        assert!(denied.iter().all(|denied| *denied == Err(Denied::Key)), "{denied:?}");
        assert_eq!(publisher.asked(), fetches, "after {seconds} s");
    }
    access.authenticate(&token(&signer, "known"), at(10)).await.unwrap();
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test]
async fn all_who_come_before_the_keys_wait_for_one_fetch() {
    let signer = Signer::new(Algorithm::ES256);
    let publisher = Publisher::with(&[signer.jwk("a")]).await;
    let (access, _) = publisher.access(|_| {});
    let token = token(&signer, "a");
    let asking = futures_util::future::join_all((0..20).map(|_| access.authenticate(&token, at(0))));
    assert!(asking.await.iter().all(Result::is_ok));
    assert_eq!(publisher.asked(), 1);
}

#[tokio::test]
async fn old_keys_are_kept_while_the_issuer_is_down_for_so_long() {
    let signer = Signer::new(Algorithm::ES256);
    let publisher = Publisher::with(&[signer.jwk("a")]).await;
    let (access, metrics) = publisher.access(|config| config.keep_keys_hours = 2);
    access.authenticate(&token(&signer, "a"), at(0)).await.unwrap();
    publisher.running.abort();
    let _ = (&mut { publisher.running }).await;
    assert_eq!(access.authenticate(&token(&signer, "b"), at(60)).await, Err(Denied::Key));
    access.authenticate(&token(&signer, "a"), at(7200)).await.unwrap();
    assert_eq!(access.authenticate(&token(&signer, "a"), at(7201)).await, Err(Denied::NoKeys));
    assert!(metrics.text().unwrap().contains("callcast_keys_refused_total{issuer=\"https://login.example.com/\"} 2"));
}

#[tokio::test]
async fn an_answer_that_is_no_set_of_keys_leaves_the_old_ones() {
    let (signer, evil) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let publisher = Publisher::with(&[signer.jwk("a")]).await;
    let elsewhere = Publisher::with(&[evil.jwk("b")]).await;
    let (access, _) = publisher.access(|_| {});
    access.authenticate(&token(&signer, "a"), at(0)).await.unwrap();
    let keys = json!({"keys": [evil.jwk("b")]}).to_string();
    let padded = format!("{keys}{}", " ".repeat(1024 * 1024));
    let redirect = format!("location: http://{}/keys\r\n", elsewhere.address);
    let sealing = json!({"keys": [{"kty": "EC", "use": "enc"}]}).to_string();
    let answers = [
        ("404 Not Found", "", &*keys),
        ("302 Found", &*redirect, ""),
        ("200 OK", "", &*padded),
        ("200 OK", "", "<html>"),
        ("200 OK", "", &*sealing),
    ];
    for ((status, headers, body), seconds) in answers.into_iter().zip((20..).step_by(20)) {
        publisher.answer(status, headers, body);
        assert_eq!(access.authenticate(&token(&evil, "b"), at(seconds)).await, Err(Denied::Key), "{status}");
        access.authenticate(&token(&signer, "a"), at(seconds)).await.unwrap();
    }
    assert_eq!((publisher.asked(), elsewhere.asked()), (6, 0));
}

#[tokio::test]
async fn keys_are_there_before_anybody_asks_and_a_reload_fetches_them_again() {
    let (old, new) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let publisher = Publisher::with(&[old.jwk("old")]).await;
    let (access, _) = publisher.access(|_| {});
    let access = Arc::new(access);
    let (stop, running) = (CancellationToken::new(), Arc::clone(&access));
    let ended = stop.clone();
    let task = tokio::spawn(async move { running.run(ended).await });
    let until = |signer: Signer, id: &'static str| {
        let access = Arc::clone(&access);
        async move {
            let token = signer.sign_named(id, &changed("ann", "exp", json!(u32::MAX)));
            let wait = async {
                while access.authenticate_now(&token, Timestamp::now()).is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("the key {id} did not come"));
        }
    };
    until(old, "old").await;
    publisher.publish(&[new.jwk("new")]);
    access.reload();
    until(new, "new").await;
    stop.cancel();
    task.await.unwrap();
}

fn acceptor(certificate: &Path, key: &Path) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()).into()
}

#[tokio::test]
async fn over_https_its_certificate_has_to_be_of_an_authority_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, key) = certificate(folder.path(), "ours");
    let (other, _) = certificate(folder.path(), "other");
    let signer = Signer::new(Algorithm::ES256);
    let publisher = Publisher::start(Some(acceptor(&ours, &key))).await;
    publisher.publish(&[signer.jwk("a")]);
    let url = Some(format!("https://{}/keys", publisher.address));
    for (ca, is_trusted) in [(ours, true), (other, false)] {
        let (access, _) = publisher.access(|config| (config.jwks_url, config.ca_file) = (url.clone(), Some(ca)));
        let found = access.authenticate(&token(&signer, "a"), at(0)).await;
        assert_eq!(found.map(|principal| principal.account.to_string()), if is_trusted { Ok("ann".into()) } else { Err(Denied::NoKeys) });
    }
}
