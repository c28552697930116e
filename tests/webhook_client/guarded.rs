//! Addresses that an endpoint may not have, however they come about.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callcast::sinks::webhook::client::{Client, Lookup, Resolver};
use callcast::sinks::webhook::{Config, Fault};
use tokio::io::AsyncWriteExt as _;

use crate::receiver::{OK, Receiver, config, post, read_request, wrong};

/// Gives one answer after the other; the last again and again.
#[derive(Debug)]
struct Changing {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Changing {
    fn new(answers: &[&[&'static str]]) -> Arc<Self> {
        Arc::new(Self { answers: answers.iter().map(|answer| answer.to_vec()).collect(), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Changing {
    fn resolve<'r>(&'r self, host: &'r str) -> Lookup<'r> {
        assert_eq!(host, "crm.example");
        let place = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let answer = self.answers[place].iter().map(|address| address.parse::<IpAddr>().unwrap()).collect();
        Box::pin(async move { io::Result::Ok(answer) })
    }
}

fn url(receiver: &Receiver) -> String {
    format!("http://crm.example:{}/", receiver.address.port())
}

/// An endpoint by name, with only that one address allowed.
fn by_name(receiver: &Receiver) -> Config {
    let mut config = config(&url(receiver));
    config.network.allow = vec!["127.0.0.1/32".into()];
    config
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_leads_nowhere() {
    // Who looked twice, once to check and once to connect, would be at 127.0.0.2.
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    })
    .await;
    let resolver = Changing::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let client = Client::with_resolver(&by_name(&receiver), Arc::clone(&resolver) as _).unwrap();
    let post = post(&url(&receiver));
    assert_eq!(client.send(|| Ok(post.clone())).await.unwrap().status, 200);
    assert_eq!((resolver.asked(), receiver.connections()), (1, 1));
    let failed = client.send(|| Ok(post.clone())).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Forbidden);
    assert!(failed.text.contains("127.0.0.2") && failed.text.contains("`network.allow`"), "{}", failed.text);
    assert_eq!((resolver.asked(), receiver.connections()), (2, 1));
}

#[tokio::test]
async fn an_open_connection_needs_no_lookup() {
    let receiver = Receiver::answering(OK).await;
    let resolver = Changing::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let client = Client::with_resolver(&by_name(&receiver), Arc::clone(&resolver) as _).unwrap();
    for _ in 0..3 {
        assert_eq!(client.send(|| Ok(post(&url(&receiver)))).await.unwrap().status, 200);
    }
    assert_eq!((resolver.asked(), receiver.connections()), (1, 1));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_are_allowed_are_tried() {
    let receiver = Receiver::answering(OK).await;
    let resolver = Changing::new(&[&["10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "127.0.0.1"]]);
    let client = Client::with_resolver(&by_name(&receiver), resolver).unwrap();
    assert_eq!(client.send(|| Ok(post(&url(&receiver)))).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_address_that_takes_no_connection_is_followed_by_the_next() {
    let receiver = Receiver::answering(OK).await;
    let resolver = Changing::new(&[&["127.0.0.2", "127.0.0.1"]]);
    let mut config = by_name(&receiver);
    config.network.allow = vec!["127.0.0.0/8".into()];
    let client = Client::with_resolver(&config, resolver).unwrap();
    assert_eq!(client.send(|| Ok(post(&url(&receiver)))).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_without_address_is_unresolved() {
    let receiver = Receiver::answering(OK).await;
    let client = Client::with_resolver(&by_name(&receiver), Changing::new(&[&[]])).unwrap();
    assert_eq!(client.send(|| Ok(post(&url(&receiver)))).await.unwrap_err().fault, Fault::Unresolved);
}

#[tokio::test]
async fn a_name_of_this_machine_is_refused_unless_allowed() {
    let receiver = Receiver::answering(OK).await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    let mut config = config(&url);
    config.network.allow.clear();
    let failed = Client::new(&config).unwrap().send(|| Ok(post(&url))).await.unwrap_err();
    assert_eq!((failed.fault, receiver.connections()), (Fault::Forbidden, 0));
}

#[test]
fn a_literal_address_is_refused_in_whatever_notation() {
    let notations = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "%31%32%37.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "0",
        "0.0.0.0",
        "[::]",
    ];
    for host in notations {
        for scheme in ["http", "https"] {
            let mut config = config(&format!("{scheme}://{host}/"));
            config.network.allow.clear();
            let wrong = wrong(&config);
            assert!(wrong.contains("which is not allowed"), "{host}: {wrong}");
        }
    }
}

#[test]
fn a_metadata_address_is_let_in_by_no_wider_network() {
    let mut config = config("http://169.254.169.254/");
    for wide in ["0.0.0.0/0", "169.254.0.0/16", "169.254.169.254/31"] {
        config.network.allow = vec![wide.into()];
        assert!(wrong(&config).contains("keeps credentials"), "{wide}");
    }
    for exact in ["169.254.169.254/32", "169.254.169.254"] {
        config.network.allow = vec![exact.into()];
        Client::new(&config).unwrap();
    }
}

#[test]
fn an_origin_has_to_be_written_out_and_holds_no_password() {
    for url in
        ["ftp://crm.example/", "crm.example/x", "http://", "https://{{ host }}/", "{{ scheme }}://x/", "http://crm.example:{{ port }}/"]
    {
        assert!(wrong(&config(url)).contains("`url` has to begin with"), "{url}: {}", wrong(&config(url)));
    }
    let wrong = wrong(&config("https://user:hunter2@crm.example/"));
    assert!(wrong.contains("`auth.basic`") && !wrong.contains("hunter2"), "{wrong}");
    for url in ["http://127.0.0.1/{{ event.id }}", "http://127.0.0.1?x={{ event.id }}", "http://127.0.0.1:8080#x"] {
        Client::new(&config(url)).unwrap();
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut config = config("nonsense");
    config.network.allow = vec!["10.0.0.0/99".into(), "lan".into()];
    (config.delivery.connect_seconds, config.delivery.whole_seconds, config.delivery.in_flight) = (0.0, f64::NAN, 0);
    let wrong = wrong(&config);
    for text in
        ["`url`", "10.0.0.0/99", "\"lan\"", "`delivery.connect_seconds` is 0", "`delivery.whole_seconds` is NaN", "`delivery.in_flight`"]
    {
        assert!(wrong.contains(text), "{text}: {wrong}");
    }
}
