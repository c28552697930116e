//! What is sent, and on which connections.

use std::sync::Arc;
use std::time::Duration;

use callcast::journal::{Entry, Keys};
use callcast::sinks::webhook::client::Client;
use callcast::sinks::webhook::{Answer, Fault, Plan};
use callcast::time::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::receiver::{OK, Receiver, client, config, post, read_request};

#[tokio::test]
async fn a_request_is_sent_as_it_was_prepared() {
    let (told, mut got) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let told = told.clone();
        async move {
            let _ = told.send(read_request(&mut stream).await.unwrap());
            let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let url = receiver.url("/a%20b/c?key=1&x=%26#part");
    let answer = client(&url).send(|| Ok(post(&url))).await.unwrap();
    assert_eq!(answer, Answer { status: 503, retry_after: Some(Duration::from_secs(7)) });
    let got = got.recv().await.unwrap();
    assert!(got.head.starts_with("POST /a%20b/c?key=1&x=%26 HTTP/1.1\r\n"), "{}", got.head);
    assert_eq!(got.header("host"), Some(receiver.address.to_string().as_str()));
    assert_eq!((got.header("webhook-id"), got.header("content-type")), (Some("1-1"), Some("application/json")));
    assert_eq!((got.header("authorization"), got.header("expect"), got.header("content-encoding")), (None, None, None));
    assert_eq!(got.body, b"{}");
}

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let receiver = Receiver::answering(OK).await;
    let url = receiver.url("/");
    let client = client(&url);
    for _ in 0..20 {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn requests_at_once_have_a_connection_each() {
    let receiver = Receiver::answering(OK).await;
    let url = receiver.url("/");
    let client = Arc::new(client(&url));
    for _ in 0..2 {
        let sends = (0..5).map(|_| {
            let (client, url) = (Arc::clone(&client), url.clone());
            tokio::spawn(async move { client.send(|| Ok(post(&url))).await.unwrap().status })
        });
        for send in sends.collect::<Vec<_>>() {
            assert_eq!(send.await.unwrap(), 200);
        }
    }
    assert!(receiver.connections() <= 5, "{}", receiver.connections());
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_noticed_or_the_request_sent_once_more() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(OK).await;
        // Closed without a word, as servers do that had enough.
    })
    .await;
    let url = receiver.url("/");
    let client = client(&url);
    for _ in 0..50 {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 50);
}

#[tokio::test]
async fn a_used_connection_that_is_closed_on_a_request_unanswered_is_given_one_more_chance_on_a_fresh_one() {
    let receiver = Receiver::start(|number, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(OK).await;
        // The first takes one more request and goes.
        if read_request(&mut stream).await.is_some() && number > 0 {
            let _ = stream.write_all(OK).await;
        }
    })
    .await;
    let url = receiver.url("/");
    let client = client(&url);
    for _ in 0..2 {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_request_that_is_made_twice_is_the_same_one() {
    let (told, mut got) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |number, mut stream| {
        let told = told.clone();
        async move {
            let mut requests = 0;
            while let Some(request) = read_request(&mut stream).await {
                let _ = told.send(request);
                requests += 1;
                // The first takes one more request and goes.
                if (number, requests) == (0, 2) {
                    return;
                }
                let _ = stream.write_all(OK).await;
            }
        }
    })
    .await;
    let mut config = config(&receiver.url("/"));
    config.delivery.gzip = true;
    config.signing.secrets = vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()];
    let (plan, client) = (Plan::new(&config).unwrap(), Client::new(&config).unwrap());
    let event =
        format!(r#"{{"specversion":"1.0","id":"17-42","type":"callcast.leg.alerting","data":{{"name":"{}"}}}}"#, "Zoë".repeat(1000));
    let now = Timestamp::now();
    let entry = Entry { epoch: 17, sequence: 42, time: now, keys: Keys::default(), event: event.into() };
    for _ in 0..2 {
        assert_eq!(client.send(|| Ok(plan.prepare(&[&entry], now).unwrap())).await.unwrap().status, 200);
    }
    let (_, once, again) = (got.recv().await.unwrap(), got.recv().await.unwrap(), got.recv().await.unwrap());
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "content-encoding", "content-type", "content-length"] {
        assert_eq!((once.header(name), once.header(name).is_some()), (again.header(name), true), "{name}");
    }
    assert_eq!((once.header("content-encoding"), receiver.connections()), (Some("gzip"), 2));
    assert!(once.body == again.body);
}

#[tokio::test]
async fn a_fresh_connection_that_is_closed_unanswered_is_a_failure() {
    let receiver = Receiver::start(|_, mut stream| async move { drop(read_request(&mut stream).await) }).await;
    let url = receiver.url("/secret/path?token=hush");
    let failed = client(&url).send(|| Ok(post(&url))).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Broken);
    assert!(failed.text.starts_with("127.0.0.1: ") && !failed.text.contains("secret") && !failed.text.contains("hush"), "{}", failed.text);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_used_connection_that_breaks_within_an_answer_is_a_failure() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(OK).await;
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 2").await;
    })
    .await;
    let url = receiver.url("/");
    let client = client(&url);
    assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    assert_eq!(client.send(|| Ok(post(&url))).await.unwrap_err().fault, Fault::Broken);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn who_takes_no_connection_is_unreachable() {
    let receiver = Receiver::answering(OK).await;
    let url = receiver.url("/");
    drop(receiver);
    let client = client(&url);
    // The listener is closed when its task has ended.
    let failed = loop {
        match client.send(|| Ok(post(&url))).await {
            Err(failed) if failed.fault == Fault::Unreachable => break failed,
            _ => tokio::task::yield_now().await,
        }
    };
    assert!(failed.text.contains("127.0.0.1"), "{}", failed.text);
}

#[tokio::test]
async fn each_limit_of_time_has_a_fault_of_its_own() {
    let silent = Receiver::start(|_, mut stream| async move { while read_request(&mut stream).await.is_some() {} }).await;
    let url = silent.url("/");
    let fault = async |first_byte, whole| {
        let mut config = config(&url);
        (config.delivery.first_byte_seconds, config.delivery.whole_seconds) = (first_byte, whole);
        Client::new(&config).unwrap().send(|| Ok(post(&url))).await.unwrap_err().fault
    };
    assert_eq!(fault(0.05, 30.0).await, Fault::FirstByteTimeout);
    assert_eq!(fault(15.0, 0.05).await, Fault::WholeTimeout);
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection() {
    let (told, mut closed) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |_, mut stream| {
        let told = told.clone();
        async move {
            let _ = read_request(&mut stream).await;
            let _ = told.send("asked");
            assert!(read_request(&mut stream).await.is_none());
            let _ = told.send("closed");
        }
    })
    .await;
    let url = receiver.url("/");
    let client = client(&url);
    let post = post(&url);
    tokio::select! {
        answer = client.send(|| Ok(post.clone())) => panic!("{answer:?}"),
        asked = closed.recv() => assert_eq!(asked, Some("asked")),
    }
    assert_eq!(closed.recv().await, Some("closed"));
}

#[tokio::test]
async fn another_origin_than_the_configured_one_is_not_sent_to() {
    let receiver = Receiver::answering(OK).await;
    let client = client(&receiver.url("/"));
    for url in ["http://127.0.0.1:1/", "http://localhost/", &format!("https://{}/", receiver.address)] {
        assert_eq!(client.send(|| Ok(post(url))).await.unwrap_err().fault, Fault::Template);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn idle_connections_are_closed_with_the_client_and_soon_after_the_receiver_closed_them() {
    let (told, mut closed) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |number, mut stream| {
        let told = told.clone();
        async move {
            let _ = read_request(&mut stream).await;
            let _ = stream.write_all(OK).await;
            if number == 1 {
                let _ = stream.shutdown().await;
            }
            let _ = told.send(stream.read(&mut [0]).await.ok());
        }
    })
    .await;
    let url = receiver.url("/");
    let first = client(&url);
    assert_eq!(first.send(|| Ok(post(&url))).await.unwrap().status, 200);
    drop(first);
    assert_eq!(closed.recv().await, Some(Some(0)));
    let second = client(&url);
    assert_eq!(second.send(|| Ok(post(&url))).await.unwrap().status, 200);
    // It has nothing more to send, and sees it all the same.
    assert_eq!(closed.recv().await, Some(Some(0)));
    drop(second);
}
