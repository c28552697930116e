//! TLS on the listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use callcast::access::Config;
use callcast::api::TlsConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Edge, LIMIT, edge, open, request};
use crate::keys::certificate;

/// A gateway behind a certificate, and where the certificate and its key are.
async fn secured(folder: &Path, header_timeout_seconds: u32) -> (Edge, PathBuf, PathBuf) {
    let (certificate_file, key_file) = certificate(folder, "used");
    let tls = TlsConfig { certificate_file: certificate_file.clone(), key_file: key_file.clone() };
    let edge = edge(Config::default(), |config| {
        config.tls = Some(tls);
        config.header_timeout_seconds = header_timeout_seconds;
    });
    (edge.await, certificate_file, key_file)
}

/// A client that trusts this certificate and no other.
async fn connect(edge: &Edge, trusted: &Path) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(edge.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn the_api_and_the_websocket_are_served_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, trusted, _) = secured(folder.path(), 10).await;
    let stream = connect(&edge, &trusted).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = request(stream, "localhost", "/healthz", "").await;
    assert_eq!(answer.status, 200);
    let url = format!("wss://localhost:{}/v1/ws", edge.address.port());
    let (_socket, response) = open(connect(&edge, &trusted).await.unwrap(), &url, "callcast.v1", &[]).await.unwrap();
    assert_eq!(response.status(), 101);
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_bad_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, certificate_file, key_file) = secured(folder.path(), 10).await;
    let before = folder.path().join("before.pem");
    std::fs::copy(&certificate_file, &before).unwrap();
    let (new, new_key) = certificate(folder.path(), "new");
    let old_connection = connect(&edge, &before).await.unwrap();

    // The new certificate with the old key.
    std::fs::copy(&new, &certificate_file).unwrap();
    edge.certificates.reload();
    edge.metric("callcast_certificate_refused_total 1").await;
    connect(&edge, &before).await.unwrap();
    assert!(connect(&edge, &new).await.is_err());

    std::fs::copy(&new_key, &key_file).unwrap();
    edge.certificates.reload();
    let shown = async { while connect(&edge, &new).await.is_err() {} };
    tokio::time::timeout(LIMIT, shown).await.expect("the new certificate is not shown");
    assert!(connect(&edge, &before).await.is_err());
    // Who was there before stays.
    assert_eq!(request(old_connection, "localhost", "/healthz", "").await.status, 200);
}

#[tokio::test]
async fn handshakes_that_take_their_time_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, trusted, _) = secured(folder.path(), 3600).await;
    let mut slow = Vec::new();
    for i in 0..100 {
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        if i % 2 == 0 {
            // The head of a ClientHello that does not come.
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        slow.push(stream);
    }
    let answer = request(connect(&edge, &trusted).await.unwrap(), "localhost", "/healthz", "").await;
    assert_eq!(answer.status, 200);
    edge.stop.cancel();
}

#[tokio::test]
async fn half_a_tls_handshake_is_not_held_open() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, ..) = secured(folder.path(), 1).await;
    for half in [&[][..], &[22, 3, 1], &[22, 3, 1, 2, 0, 1, 0]] {
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        stream.write_all(half).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("it is held open").unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_so_and_gets_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, ..) = secured(folder.path(), 10).await;
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let answer = request(stream, &edge.address.to_string(), "/v1/devices", "").await;
    assert!(answer.status == 400 && answer.body.contains("https://"), "{} {}", answer.status, answer.body);
}

#[tokio::test]
async fn who_does_not_trust_the_certificate_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, trusted, _) = secured(folder.path(), 10).await;
    let (other, _) = certificate(folder.path(), "other");
    assert!(connect(&edge, &other).await.is_err());
    assert_eq!(request(connect(&edge, &trusted).await.unwrap(), "localhost", "/healthz", "").await.status, 200);
}
