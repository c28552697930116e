//! How we say who we are, and that nobody else learns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callcast::sinks::webhook::client::{Client, Lookup, Resolver};
use callcast::sinks::webhook::config::{BasicConfig, Oauth2Config};
use callcast::sinks::webhook::{Config, Fault};
use flate2::read::GzDecoder;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::receiver::{Got, OK, Receiver, config, post, read_request, wrong};

/// Tells what it is asked, and answers with what `answer` makes of it.
async fn asked(answer: impl Fn(usize, &Got) -> String + Send + Sync + 'static) -> (Receiver, mpsc::UnboundedReceiver<Got>) {
    let (told, got) = mpsc::unbounded_channel();
    let (answer, number) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let receiver = Receiver::start(move |_, mut stream| {
        let (told, answer, number) = (told.clone(), Arc::clone(&answer), Arc::clone(&number));
        async move {
            while let Some(request) = read_request(&mut stream).await {
                let answer = answer(number.fetch_add(1, Ordering::SeqCst), &request);
                let _ = told.send(request);
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    })
    .await;
    (receiver, got)
}

fn ok(_: usize, _: &Got) -> String {
    String::from_utf8(OK.to_vec()).unwrap()
}

fn json(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A token that tells its number.
fn token(number: usize, expires: &str) -> String {
    json("200 OK", &format!(r#"{{"access_token":"token-{number}","token_type":"bearer"{expires}}}"#))
}

/// An endpoint and where its tokens come from.
fn oauth2(endpoint: &Receiver, tokens: &Receiver) -> Config {
    let mut config = config(&endpoint.url("/"));
    config.auth.oauth2 = Some(Oauth2Config {
        token_url: tokens.url("/token?tenant=1"),
        client_id: "call cast".into(),
        client_secret: "hush:hush".into(),
        scope: "calls write".into(),
        ..Oauth2Config::default()
    });
    config
}

async fn authorization(config: &Config) -> Option<String> {
    let (receiver, mut got) = asked(ok).await;
    let mut config = config.clone();
    config.url = receiver.url("/").as_str().into();
    let client = Client::new(&config).unwrap();
    assert_eq!(client.send(|| Ok(post(&receiver.url("/")))).await.unwrap().status, 200);
    got.recv().await.unwrap().header("authorization").map(str::to_owned)
}

#[tokio::test]
async fn basic_and_bearer_are_sent_as_they_should() {
    let mut config = config("");
    config.auth.basic = Some(BasicConfig { user: "Aladdin".into(), password: "open sesame".into() });
    assert_eq!(authorization(&config).await.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    config.auth.basic = None;
    config.auth.bearer = "abc".into();
    assert_eq!(authorization(&config).await.as_deref(), Some("Bearer abc"));
}

#[test]
fn credentials_that_cannot_be_sent_are_refused_and_not_shown() {
    let mut config = config("http://127.0.0.1/");
    config.auth.bearer = "hunter2\r\nx: y".into();
    let text = wrong(&config);
    assert!(text.contains("`auth.bearer`") && !text.contains("hunter2"), "{text}");
    config.auth.basic = Some(BasicConfig { user: "a:b".into(), password: "x".into() });
    assert!(wrong(&config).contains("only one of"), "{}", wrong(&config));
    config.auth.bearer = callcast::sinks::webhook::Secret::None;
    assert!(wrong(&config).contains("`auth.basic.user`"), "{}", wrong(&config));
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_until_it_expires() {
    let (endpoint, mut got) = asked(ok).await;
    let (tokens, mut fetches) = asked(|number, _| token(number, r#","expires_in":3600"#)).await;
    let client = Arc::new(Client::new(&oauth2(&endpoint, &tokens)).unwrap());
    let sends = (0..10).map(|_| {
        let (client, url) = (Arc::clone(&client), endpoint.url("/"));
        tokio::spawn(async move { client.send(|| Ok(post(&url))).await.unwrap().status })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.unwrap(), 200);
        assert_eq!(got.recv().await.unwrap().header("authorization"), Some("Bearer token-0"));
    }
    let fetch = fetches.recv().await.unwrap();
    assert!(fetch.head.starts_with("POST /token?tenant=1 HTTP/1.1\r\n"), "{}", fetch.head);
    assert_eq!(fetch.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(String::from_utf8(fetch.body.clone()).unwrap(), "grant_type=client_credentials&scope=calls+write");
    // `call+cast:hush%3Ahush`: both are encoded before they are joined.
    assert_eq!(fetch.header("authorization"), Some("Basic Y2FsbCtjYXN0Omh1c2glM0FodXNo"));
    assert!(fetches.try_recv().is_err());
}

#[tokio::test]
async fn a_token_that_is_as_good_as_expired_is_fetched_again() {
    let (endpoint, mut got) = asked(ok).await;
    let (tokens, _fetches) = asked(|number, _| token(number, r#","expires_in":"0""#)).await;
    let client = Client::new(&oauth2(&endpoint, &tokens)).unwrap();
    for expected in ["Bearer token-0", "Bearer token-1"] {
        assert_eq!(client.send(|| Ok(post(&endpoint.url("/")))).await.unwrap().status, 200);
        assert_eq!(got.recv().await.unwrap().header("authorization"), Some(expected));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_dropped_and_the_refusal_told() {
    let refuse_first = |number, _: &Got| json(if number == 0 { "401 Unauthorized" } else { "200 OK" }, "{}");
    let (endpoint, mut got) = asked(refuse_first).await;
    let (tokens, _fetches) = asked(|number, _| token(number, "")).await;
    let client = Client::new(&oauth2(&endpoint, &tokens)).unwrap();
    for (status, header) in [(401, "Bearer token-0"), (200, "Bearer token-1"), (200, "Bearer token-1")] {
        assert_eq!(client.send(|| Ok(post(&endpoint.url("/")))).await.unwrap().status, status);
        assert_eq!(got.recv().await.unwrap().header("authorization"), Some(header));
    }
}

#[tokio::test]
async fn the_secret_goes_into_the_body_when_that_is_asked_for() {
    let (endpoint, _got) = asked(ok).await;
    let (tokens, mut fetches) = asked(|number, _| token(number, "")).await;
    let mut config = oauth2(&endpoint, &tokens);
    let oauth2 = config.auth.oauth2.as_mut().unwrap();
    (oauth2.secret_in_body, oauth2.scope, oauth2.audience) = (true, String::new(), "https://crm.example".into());
    assert_eq!(Client::new(&config).unwrap().send(|| Ok(post(&endpoint.url("/")))).await.unwrap().status, 200);
    let fetch = fetches.recv().await.unwrap();
    assert_eq!(fetch.header("authorization"), None);
    let form = "grant_type=client_credentials&audience=https%3A%2F%2Fcrm.example&client_id=call+cast&client_secret=hush%3Ahush";
    assert_eq!(String::from_utf8(fetch.body).unwrap(), form);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_no_secret_is_told() {
    let (endpoint, mut got) = asked(ok).await;
    for (answer, told) in [
        (json("401 Unauthorized", r#"{"error":"invalid_client","error_description":"hush:hush"}"#), "(invalid_client)"),
        (json("400 Bad Request", r#"{"error":"hush:hush is wrong"}"#), "400 Bad Request;"),
        (json("200 OK", r#"{"access_token":"a","token_type":"mac"}"#), "another type"),
        (json("200 OK", r#"{"access_token":"a\nb"}"#), "cannot be put in a header"),
        (json("200 OK", "hush:hush"), "no JSON"),
        (json("302 Found", ""), "302 Found"),
        (format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(100_000)), "too long"),
        ("SSH-2.0-x\r\n".into(), "127.0.0.1"),
    ] {
        let (tokens, _fetches) = asked(move |_, _| answer.clone()).await;
        let failed = Client::new(&oauth2(&endpoint, &tokens)).unwrap().send(|| Ok(post(&endpoint.url("/")))).await.unwrap_err();
        assert_eq!(failed.fault, Fault::Token);
        assert!(failed.text.contains(told), "{told}: {}", failed.text);
        assert!(!failed.text.contains("hush") && !failed.text.contains("tenant"), "{}", failed.text);
    }
    assert!(got.try_recv().is_err());
}

#[tokio::test]
async fn who_waited_for_a_fetch_that_failed_does_not_try_again() {
    let (endpoint, _got) = asked(ok).await;
    let (tokens, mut fetches) = asked(|_, _| json("503 Busy", "")).await;
    let client = Arc::new(Client::new(&oauth2(&endpoint, &tokens)).unwrap());
    let sends = (0..10).map(|_| {
        let (client, url) = (Arc::clone(&client), endpoint.url("/"));
        tokio::spawn(async move { client.send(|| Ok(post(&url))).await.unwrap_err().fault })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.unwrap(), Fault::Token);
    }
    assert!(fetches.recv().await.is_some() && fetches.try_recv().is_err());
    // The next one does.
    assert_eq!(client.send(|| Ok(post(&endpoint.url("/")))).await.unwrap_err().fault, Fault::Token);
    assert!(fetches.recv().await.is_some());
}

/// An endpoint with tokens from somewhere.
fn tokens_from(url: &str, token_url: &str) -> Config {
    let mut config = config(url);
    config.auth.oauth2 = Some(Oauth2Config {
        token_url: token_url.into(),
        client_id: "callcast".into(),
        client_secret: "hush".into(),
        ..Oauth2Config::default()
    });
    config
}

/// Every name has the same address, of the public Internet.
#[derive(Debug)]
struct Public;

impl Resolver for Public {
    fn resolve<'r>(&'r self, _: &'r str) -> Lookup<'r> {
        Box::pin(async { Ok(vec!["198.51.101.1".parse().unwrap()]) })
    }
}

#[tokio::test]
async fn a_token_is_fetched_in_the_clear_only_from_a_network_that_is_allowed_by_name() {
    let (endpoint, _got) = asked(ok).await;
    let config = tokens_from(&endpoint.url("/"), "http://login.example/token");
    let client = Client::with_resolver(&config, Arc::new(Public)).unwrap();
    let failed = client.send(|| Ok(post(&endpoint.url("/")))).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Token);
    assert!(failed.text.contains("in the clear"), "{}", failed.text);
}

#[test]
fn an_address_from_which_no_token_may_be_fetched_in_the_clear_is_refused_at_once() {
    let mut config = tokens_from("http://127.0.0.1/", "http://8.8.8.8/token");
    let told = wrong(&config);
    assert!(told.contains("`auth.oauth2.token_url` leads to 8.8.8.8") && told.contains("in the clear"), "{told}");
    config.network.allow.push("8.8.8.8".into());
    assert!(Client::new(&config).is_ok());
}

#[test]
fn the_guard_holds_for_where_tokens_come_from() {
    let config = tokens_from("http://127.0.0.1/", "https://10.1.2.3/token");
    assert!(wrong(&config).contains("`auth.oauth2.token_url` leads to 10.1.2.3"), "{}", wrong(&config));
}

#[tokio::test]
async fn a_body_is_compressed_when_that_is_wanted_and_worth_it() {
    let (receiver, mut got) = asked(ok).await;
    let url = receiver.url("/");
    let mut config = config(&url);
    config.delivery.gzip = true;
    let client = Client::new(&config).unwrap();
    // Small; on this thread; on another.
    for (length, is_packed) in [(1024, false), (1025, true), (100_000, true)] {
        let mut post = post(&url);
        post.body = (0..length).map(|place| b"abcdefg"[place % 7]).collect();
        assert_eq!(client.send(|| Ok(post.clone())).await.unwrap().status, 200);
        let got = got.recv().await.unwrap();
        assert_eq!(got.header("content-encoding"), is_packed.then_some("gzip"));
        let mut unpacked = Vec::new();
        if is_packed {
            std::io::Read::read_to_end(&mut GzDecoder::new(&*got.body), &mut unpacked).unwrap();
        } else {
            unpacked = got.body;
        }
        assert!(unpacked == post.body, "{length}");
    }
}

#[test]
fn what_waits_to_be_compressed_waits_no_longer_than_all_may_take() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (receiver, _got) = asked(ok).await;
        let url = receiver.url("/");
        let mut config = config(&url);
        (config.delivery.gzip, config.delivery.whole_seconds) = (true, 0.1);
        let client = Client::new(&config).unwrap();
        let (done, free) = std::sync::mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || free.recv()));
        let mut large = post(&url);
        large.body = vec![b'x'; 100_000].into();
        let sent = tokio::time::timeout(Duration::from_secs(10), client.send(|| Ok(large.clone()))).await;
        drop(done);
        assert_eq!(sent.unwrap().unwrap_err().fault, Fault::WholeTimeout);
    });
}

#[tokio::test]
async fn a_client_shows_no_secret() {
    let (endpoint, _got) = asked(ok).await;
    let (tokens, _fetches) = asked(|number, _| token(number, "")).await;
    let client = Client::new(&oauth2(&endpoint, &tokens)).unwrap();
    let shown = format!("{client:?}");
    assert!(shown.contains("127.0.0.1") && !shown.contains("hush") && !shown.contains("tenant"), "{shown}");
}
