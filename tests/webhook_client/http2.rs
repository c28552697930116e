//! HTTP/2, where it is offered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callcast::sinks::webhook::client::Client;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::receiver::post;
use crate::secured::{Authority, Seen, http_receiver, https, tls_receiver};

async fn at_once(client: &Arc<Client>, url: &str, count: usize) {
    let sends = (0..count).map(|_| {
        let (client, url) = (Arc::clone(client), url.to_owned());
        tokio::spawn(async move { client.send(|| Ok(post(&url))).await.unwrap().status })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn all_requests_share_the_one_connection() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2", "http/1.1"]);
    let (receiver, seen) = http_receiver(config, 100).await;
    let url = https(&receiver);
    let client = Arc::new(Client::new(&authority.config(&url)).unwrap());
    at_once(&client, &url, 20).await;
    at_once(&client, &url, 20).await;
    assert_eq!(seen.http2.load(Ordering::SeqCst), 40);
    assert!(seen.most.load(Ordering::SeqCst) > 1);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn no_more_streams_are_open_than_the_receiver_allows() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2"]);
    let (receiver, seen) = http_receiver(config, 2).await;
    let url = https(&receiver);
    let client = Arc::new(Client::new(&authority.config(&url)).unwrap());
    // Before its settings came nobody knows its limit.
    at_once(&client, &url, 1).await;
    at_once(&client, &url, 20).await;
    assert_eq!(seen.http2.load(Ordering::SeqCst), 21);
    assert!(seen.most.load(Ordering::SeqCst) <= 2, "{}", seen.most.load(Ordering::SeqCst));
}

#[tokio::test]
async fn who_does_not_offer_it_is_spoken_to_in_http_1() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["http/1.1"]);
    let (receiver, seen) = http_receiver(config, 100).await;
    let url = https(&receiver);
    let client = Arc::new(Client::new(&authority.config(&url)).unwrap());
    at_once(&client, &url, 5).await;
    assert_eq!((seen.http1.load(Ordering::SeqCst), seen.http2.load(Ordering::SeqCst)), (5, 0));
}

#[tokio::test]
async fn it_is_not_spoken_when_that_is_not_wanted() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2", "http/1.1"]);
    let (receiver, seen) = http_receiver(config, 100).await;
    let url = https(&receiver);
    let mut config = authority.config(&url);
    config.network.http2 = false;
    let client = Arc::new(Client::new(&config).unwrap());
    at_once(&client, &url, 3).await;
    assert_eq!((seen.http1.load(Ordering::SeqCst), seen.http2.load(Ordering::SeqCst)), (3, 0));
}

#[tokio::test]
async fn a_connection_that_says_good_bye_is_followed_by_another() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2"]);
    let seen = Arc::new(Seen::default());
    let receiver = tls_receiver(config, move |_, stream| {
        let seen = Arc::clone(&seen);
        async move {
            let asked = Arc::new(tokio::sync::Notify::new());
            let (service, asking) = (Arc::clone(&seen), Arc::clone(&asked));
            let service = service_fn(move |request| {
                asking.notify_one();
                let seen = Arc::clone(&service);
                async move { Ok::<_, std::convert::Infallible>(seen.answer(request).await) }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
            tokio::select! {
                _ = connection.as_mut() => return,
                () = asked.notified() => {}
            }
            // As servers do after so many requests, or when they are restarted.
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    })
    .await;
    let url = https(&receiver);
    let client = Arc::new(Client::new(&authority.config(&url)).unwrap());
    for _ in 0..5 {
        at_once(&client, &url, 4).await;
    }
    assert!(receiver.connections() > 1, "{}", receiver.connections());
}

#[tokio::test]
async fn a_connection_that_breaks_is_followed_by_another() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2"]);
    let (receiver, seen) = {
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        let receiver = tls_receiver(config, move |number, stream| {
            let seen = Arc::clone(&counted);
            async move {
                let done = Arc::new(tokio::sync::Notify::new());
                let (service, doing) = (Arc::clone(&seen), Arc::clone(&done));
                let service = service_fn(move |request| {
                    let (seen, done) = (Arc::clone(&service), Arc::clone(&doing));
                    async move {
                        done.notify_one();
                        // The first is never answered.
                        if number == 0 {
                            std::future::pending::<()>().await;
                        }
                        Ok::<_, std::convert::Infallible>(seen.answer(request).await)
                    }
                });
                let connection =
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    _ = connection => {}
                    () = done.notified(), if number == 0 => {}
                }
            }
        })
        .await;
        (receiver, seen)
    };
    let url = https(&receiver);
    let client = Arc::new(Client::new(&authority.config(&url)).unwrap());
    assert!(client.send(|| Ok(post(&url))).await.is_err());
    at_once(&client, &url, 4).await;
    assert_eq!((receiver.connections(), seen.http2.load(Ordering::SeqCst)), (2, 4));
}

#[tokio::test]
async fn what_a_receiver_says_along_with_a_good_bye_is_not_repeated() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2"]);
    let receiver = tls_receiver(config, |_, mut stream| async move {
        let said = b"wordy ".repeat(2000);
        // Settings, and the good-bye: of a connection on which no stream was looked at, with "enhance your calm".
        let mut frames = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
        frames.extend_from_slice(&(8 + said.len() as u32).to_be_bytes()[1..]);
        frames.extend_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b]);
        frames.extend_from_slice(&said);
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(&frames).await;
        while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let url = https(&receiver);
    let failed = Client::new(&authority.config(&url)).unwrap().send(|| Ok(post(&url))).await.unwrap_err();
    assert!(failed.text.contains("excessive load") && !failed.text.contains("wordy"), "{}", failed.text);
}
