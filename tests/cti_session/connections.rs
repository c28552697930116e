//! Connections: TLS, and what is not a CTIManager.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callcast::cti::config::Tls;
use callcast::sim::ManagerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Cluster, cluster, plain, start};

async fn tls_cluster() -> Cluster {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    cluster(|c| c.managers = vec![ManagerConfig { listen, tls_listen: Some(listen) }]).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted() {
    let cluster = tls_cluster().await;
    let fingerprint = hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &cluster.certificate).as_ref());
    let session = start(&[cluster.managers[0].tls.unwrap()], |config, _| {
        config.tls = Some(Tls { pinned_sha256: Some(fingerprint), ..Tls::default() });
    });
    session.in_service().await;
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused() {
    let cluster = tls_cluster().await;
    let session = start(&[cluster.managers[0].tls.unwrap()], |config, _| {
        config.tls = Some(Tls { pinned_sha256: Some("00".repeat(32)), ..Tls::default() });
    });
    let reason = session.waits().await;
    assert!(reason.contains("not the pinned one") && reason.contains("tls.pinned_sha256"), "{reason}");
}

/// A server with TLS that hangs up after the first request, and asks for this client certificate; its own certificate,
/// self-signed for `cucm-pub.example`, in PEM.
async fn tls_server(client: Option<CertificateDer<'static>>) -> (SocketAddr, String) {
    let issued = rcgen::generate_simple_self_signed(vec!["cucm-pub.example".into()]).unwrap();
    let certificate = issued.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match client {
        Some(client) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(client).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        }
        None => config.with_no_client_auth(),
    };
    let config = config.with_single_cert(vec![certificate], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let address = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut client) = acceptor.accept(stream).await {
                assert!(client.read(&mut [0; 4096]).await.unwrap() > 0);
                client.shutdown().await.unwrap();
            }
        }
    })
    .await;
    (address, issued.cert.pem())
}

fn file(folder: &Path, name: &str, text: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    Some(path)
}

#[tokio::test]
async fn a_certificate_is_pinned_by_its_file() {
    let (address, certificate) = tls_server(None).await;
    let session = start(&[address], |config, folder| {
        config.tls = Some(Tls { pinned_certificate_file: file(folder, "pin.pem", &certificate), ..Tls::default() });
    });
    let reason = session.waits().await;
    assert!(reason.contains("before the login was complete"), "{reason}");
}

#[tokio::test]
async fn a_missing_client_certificate_is_told() {
    let client = rcgen::generate_simple_self_signed(vec!["callcast".into()]).unwrap();
    let (address, certificate) = tls_server(Some(client.cert.der().clone())).await;
    let session = start(&[address], |config, folder| {
        config.tls = Some(Tls { pinned_certificate_file: file(folder, "pin.pem", &certificate), ..Tls::default() });
    });
    let reason = session.waits().await;
    assert!(reason.contains("client certificate"), "{reason}");
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let client = rcgen::generate_simple_self_signed(vec!["callcast".into()]).unwrap();
    let (address, certificate) = tls_server(Some(client.cert.der().clone())).await;
    let session = start(&[address], |config, folder| {
        config.tls = Some(Tls {
            pinned_certificate_file: file(folder, "pin.pem", &certificate),
            client_certificate_file: file(folder, "client.pem", &client.cert.pem()),
            client_key_file: file(folder, "client.key", &client.signing_key.serialize_pem()),
            ..Tls::default()
        });
    });
    let reason = session.waits().await;
    assert!(reason.contains("before the login was complete"), "{reason}");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_with_the_names_it_has() {
    let (address, certificate) = tls_server(None).await;
    let session = start(&[address], |config, folder| {
        config.tls =
            Some(Tls { ca_file: file(folder, "ca.pem", &certificate), server_name: Some("cucm-sub.example".into()), ..Tls::default() });
    });
    let reason = session.waits().await;
    assert!(reason.contains("cucm-pub.example") && reason.contains("not for cucm-sub.example"), "{reason}");
    assert!(reason.contains("tls.server_name"), "{reason}");
}

#[tokio::test]
async fn tls_towards_a_port_in_the_clear_is_told() {
    let cluster = cluster(|_| {}).await;
    let session = start(&plain(&cluster), |config, _| {
        config.tls = Some(Tls { pinned_sha256: Some("00".repeat(32)), ..Tls::default() });
    });
    let reason = session.waits().await;
    assert!(reason.contains("2749"), "{reason}");
}

/// A server that does `answer` with each connection.
async fn serve<F: Future<Output = ()> + Send + 'static>(answer: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

#[tokio::test]
async fn a_port_that_is_not_ctiqbe_is_told() {
    let address = serve(async |mut stream: tokio::net::TcpStream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // It is kept open, so that what it said is what is told.
        std::future::pending::<()>().await;
    })
    .await;
    let reason = start(&[address], |_, _| {}).waits().await;
    assert!(reason.contains("not CTIQBE") && reason.contains("2748"), "{reason}");
}

#[tokio::test]
async fn a_port_that_closes_at_once_is_told() {
    let address = serve(async |stream| drop(stream)).await;
    let reason = start(&[address], |_, _| {}).waits().await;
    assert!(reason.contains("2748"), "{reason}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_at_is_told() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let reason = start(&[address], |_, _| {}).waits().await;
    assert!(reason.contains("refused the connection") && reason.contains("Cisco CTIManager"), "{reason}");
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_told() {
    let session = start(&[], |config, _| config.managers = vec!["no-such-host.invalid".into()]);
    let reason = session.waits().await;
    assert!(reason.contains("no-such-host.invalid") && reason.contains("`managers`"), "{reason}");
}
