//! Whom we trust, and who trusts us: authorities, pins, our own certificate.

use callcast::sinks::webhook::client::Client;
use callcast::sinks::webhook::{Config, Failed, Fault};
use rcgen::{CertificateParams, KeyPair};

use crate::receiver::{OK, Receiver, config, post, wrong};
use crate::secured::{Authority, Issued, http_receiver, https, pin};

async fn send(config: &Config, url: &str) -> Result<u16, Failed> {
    Client::new(config).unwrap().send(|| Ok(post(url))).await.map(|answer| answer.status)
}

async fn refused(config: &Config, url: &str) -> String {
    let failed = send(config, url).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Tls, "{}", failed.text);
    failed.text
}

#[tokio::test]
async fn a_certificate_of_a_private_authority_is_trusted_when_that_is_named() {
    let authority = Authority::new();
    let (receiver, _) = http_receiver(authority.server(&authority.issue("localhost", |_| ()), &[], &[]), 100).await;
    let url = https(&receiver);
    assert_eq!(send(&authority.config(&url), &url).await, Ok(200));
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused_with_the_cure() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (receiver, _) = http_receiver(other.server(&other.issue("localhost", |_| ()), &[], &[]), 100).await;
    let url = https(&receiver);
    let text = refused(&ours.config(&url), &url).await;
    assert!(text.contains("localhost") && text.contains("`network.ca_file`"), "{text}");
    if let Ok(client) = Client::new(&config(&url)) {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap_err().fault, Fault::Tls);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let (receiver, _) = http_receiver(authority.server(&authority.issue("crm.example", |_| ()), &[], &[]), 100).await;
    let url = https(&receiver);
    let text = refused(&authority.config(&url), &url).await;
    assert!(text.contains("crm.example"), "{text}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let expired = authority.issue("localhost", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let (receiver, _) = http_receiver(authority.server(&expired, &[], &[]), 100).await;
    let url = https(&receiver);
    let text = refused(&authority.config(&url), &url).await;
    assert!(text.contains("expired"), "{text}");
}

#[tokio::test]
async fn a_pin_may_be_of_any_certificate_of_the_chain_that_was_verified() {
    let authority = Authority::new();
    let issued = authority.issue("localhost", |_| ());
    let (receiver, _) = http_receiver(authority.server(&issued, &[], &[]), 100).await;
    let url = https(&receiver);
    for key in [&issued.key, authority.middle.key(), authority.root.key()] {
        let mut config = authority.config(&url);
        config.network.pins = vec![pin(&KeyPair::generate().unwrap()), pin(key)];
        assert_eq!(send(&config, &url).await, Ok(200));
    }
}

#[tokio::test]
async fn a_chain_without_a_pinned_key_is_refused_whoever_signed_it() {
    let authority = Authority::new();
    let (receiver, _) = http_receiver(authority.server(&authority.issue("localhost", |_| ()), &[], &[]), 100).await;
    let url = https(&receiver);
    let mut config = authority.config(&url);
    config.network.pins = vec![pin(&KeyPair::generate().unwrap())];
    let text = refused(&config, &url).await;
    assert!(text.contains("`network.pins`"), "{text}");
}

#[tokio::test]
async fn a_pinned_certificate_that_is_sent_along_but_verifies_nothing_does_not_count() {
    let authority = Authority::new();
    let pinned = Authority::new().issue("localhost", |_| ());
    let receiver = authority.server(&authority.issue("localhost", |_| ()), &[&pinned.certificate], &[]);
    let (receiver, _) = http_receiver(receiver, 100).await;
    let url = https(&receiver);
    let mut config = authority.config(&url);
    config.network.pins = vec![pin(&pinned.key)];
    refused(&config, &url).await;
}

#[tokio::test]
async fn a_pin_makes_nobody_trusted() {
    let authority = Authority::new();
    let other = Authority::new();
    let issued = other.issue("localhost", |_| ());
    let (receiver, _) = http_receiver(other.server(&issued, &[], &[]), 100).await;
    let url = https(&receiver);
    let mut config = authority.config(&url);
    config.network.pins = vec![pin(&issued.key)];
    refused(&config, &url).await;
}

#[tokio::test]
async fn our_certificate_is_shown_to_who_asks_for_it() {
    let authority = Authority::new();
    let (receiver, _) = http_receiver(authority.mutual(&authority.issue("localhost", |_| ())), 100).await;
    let url = https(&receiver);
    let mut config = authority.config(&url);
    let text = refused(&config, &url).await;
    assert!(text.contains("`network.certificate_file`"), "{text}");
    let Issued { certificate, key } = authority.issue("callcast", |_| ());
    config.network.certificate_file = Some(authority.file("ours.pem", &(certificate.pem() + &authority.middle.pem())));
    config.network.key_file = Some(authority.file("ours.key", &key.serialize_pem()));
    assert_eq!(send(&config, &url).await, Ok(200));
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told_of_as_such() {
    let authority = Authority::new();
    let receiver = Receiver::answering(OK).await;
    let url = https(&receiver);
    let mut config = authority.config(&url);
    config.delivery.connect_seconds = 0.2;
    // One that waits for the end of a request line, and one that answers at once.
    assert_eq!(send(&config, &url).await.unwrap_err().fault, Fault::ConnectTimeout);
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await;
    })
    .await;
    let url = https(&receiver);
    let text = refused(&authority.config(&url), &url).await;
    assert!(text.contains("port of HTTPS"), "{text}");
}

#[test]
fn what_cannot_be_used_of_tls_is_named_with_its_key() {
    let authority = Authority::new();
    let url = "https://crm.example/";
    let mut config = authority.config(url);
    let Issued { certificate, key } = authority.issue("callcast", |_| ());
    config.network.certificate_file = Some(authority.file("ours.pem", &certificate.pem()));
    assert!(wrong(&config).contains("`network.key_file` is not"), "{}", wrong(&config));
    config.network.key_file = Some(authority.file("other.key", &KeyPair::generate().unwrap().serialize_pem()));
    assert!(wrong(&config).contains("is not the key"), "{}", wrong(&config));
    config.network.key_file = Some(authority.file("ours.key", &key.serialize_pem()));
    config.network.pins = vec!["sha1/abc".into()];
    assert!(wrong(&config).contains("sha1/abc"), "{}", wrong(&config));
    config.network.pins.clear();
    config.network.ca_file = Some(authority.file("empty.pem", "nothing"));
    assert!(wrong(&config).contains("empty.pem"), "{}", wrong(&config));
}

#[test]
fn what_belongs_to_tls_is_refused_without_it() {
    let mut config = config("http://127.0.0.1/");
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["x".into()]).unwrap().self_signed(&key).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.pem()).unwrap();
    (config.network.ca_file, config.network.pins) = (Some(file.path().into()), vec![pin(&key)]);
    let wrong = wrong(&config);
    assert!(wrong.contains("`network.ca_file`") && wrong.contains("`network.pins`"), "{wrong}");
}
