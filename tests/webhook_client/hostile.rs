//! Receivers that do what none should. An answer's head is the answer: whatever comes after it, it stands.

use std::time::Duration;

use callcast::sinks::webhook::client::Client;
use callcast::sinks::webhook::{Answer, Fault};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::receiver::{OK, Receiver, client, config, post, read_request};
use crate::secured::{Authority, https, tls_receiver};

/// Answers with some bytes, and then with others, without end.
async fn endless(first: &'static [u8], then: &'static [u8]) -> Receiver {
    Receiver::start(move |_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(first).await;
        while stream.write_all(then).await.is_ok() {}
    })
    .await
}

/// Two requests that both get `status`, on a connection each.
async fn stands(receiver: &Receiver, status: u16) {
    let url = receiver.url("/");
    let client = client(&url);
    for _ in 0..2 {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, status);
    }
    assert_eq!(receiver.connections(), 2);
}

async fn broken(receiver: &Receiver) {
    let url = receiver.url("/");
    let failed = client(&url).send(|| Ok(post(&url))).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Broken, "{}", failed.text);
}

#[tokio::test]
async fn a_close_in_mid_body_leaves_the_answer() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 1000\r\n\r\nhalf").await;
    })
    .await;
    stands(&receiver, 500).await;
}

#[tokio::test]
async fn a_close_in_mid_head_is_no_answer() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await;
    })
    .await;
    broken(&receiver).await;
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    stands(&endless(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]).await, 200).await;
    stands(&endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n1\r\nx\r\n").await, 200).await;
    stands(&endless(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", &[b'x'; 4096]).await, 200).await;
}

#[tokio::test]
async fn a_body_that_drips_is_left_when_the_time_is_over() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let url = receiver.url("/");
    let mut config = config(&url);
    config.delivery.whole_seconds = 2.0; // A slow machine has to be through with the head by then.
    assert_eq!(Client::new(&config).unwrap().send(|| Ok(post(&url))).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_body_leaves_the_answer() {
    let broken_chunks = endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"zzz\r\n").await;
    stands(&broken_chunks, 200).await;
}

#[tokio::test]
async fn an_endless_head_is_no_answer() {
    broken(&endless(b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n").await).await;
    broken(&endless(b"HTTP/1.1 200 OK\r\nx-more: ", &[b'x'; 4096]).await).await;
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    broken(&endless(b"220 mail.example ESMTP\r\n", b"500 what?\r\n").await).await;
    broken(&endless(b"\0\0\0\0", &[0; 4096]).await).await;
}

#[tokio::test]
async fn a_hundred_continue_that_nobody_asked_for_is_passed_over() {
    let receiver = Receiver::start(|_, mut stream| async move {
        while let Some(request) = read_request(&mut stream).await {
            assert_eq!(request.header("expect"), None);
            for _ in 0..20 {
                let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            }
            let _ = stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await;
            let _ = stream.write_all(OK).await;
        }
    })
    .await;
    let url = receiver.url("/");
    let client = client(&url);
    for _ in 0..3 {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn endless_hundred_continues_are_no_answer() {
    broken(&endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n").await).await;
}

#[tokio::test]
async fn a_hundred_continue_and_silence_ends_with_the_time_for_the_first_byte() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    let url = receiver.url("/");
    let mut config = config(&url);
    config.delivery.first_byte_seconds = 0.05;
    let failed = Client::new(&config).unwrap().send(|| Ok(post(&url))).await.unwrap_err();
    assert_eq!(failed.fault, Fault::FirstByteTimeout);
}

#[tokio::test]
async fn another_protocol_is_not_switched_to() {
    stands(&endless(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", b"x").await, 101).await;
}

#[tokio::test]
async fn a_redirect_to_where_a_cloud_keeps_credentials_is_an_answer_and_no_more() {
    let receiver = Receiver::answering(
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/meta-data/\r\nrefresh: 0; url=http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let url = receiver.url("/");
    // A follower would be refused by the guard, or wait for nobody.
    assert_eq!(client(&url).send(|| Ok(post(&url))).await, Ok(Answer { status: 307, retry_after: None }));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_taken_for_one_to_the_next_request() {
    let (told, mut seen) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |number, mut stream| {
        let told = told.clone();
        async move {
            let _ = read_request(&mut stream).await;
            let more = if number == 0 { &b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"[..] } else { b"" };
            let _ = stream.write_all(&[OK, more].concat()).await;
            // Until the other side has read both and closed.
            let _ = told.send(stream.read(&mut [0]).await.ok());
        }
    })
    .await;
    let url = receiver.url("/");
    let client = client(&url);
    assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    drop(client);
    assert!(seen.recv().await.is_some());
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_stands() {
    let receiver = Receiver::start(|_, mut stream| async move {
        let _ = stream.read(&mut [0; 16]).await;
        let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        let _ = stream.shutdown().await;
        while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let url = receiver.url("/");
    let mut post = post(&url);
    post.body = vec![b'x'; 4 << 20].into();
    assert_eq!(client(&url).send(|| Ok(post.clone())).await.unwrap().status, 413);
}

#[tokio::test]
async fn who_reads_no_request_is_given_up() {
    let receiver = Receiver::start(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let url = receiver.url("/");
    let mut config = config(&url);
    config.delivery.first_byte_seconds = 0.1;
    let mut post = post(&url);
    post.body = vec![b'x'; 16 << 20].into();
    assert_eq!(Client::new(&config).unwrap().send(|| Ok(post.clone())).await.unwrap_err().fault, Fault::FirstByteTimeout);
}

#[tokio::test]
async fn a_retry_after_by_the_clock_is_a_pause_by_the_clock_of_who_answers() {
    let receiver = Receiver::answering(
        b"HTTP/1.1 429 Slow Down\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:50:37 GMT\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let url = receiver.url("/");
    let answer = client(&url).send(|| Ok(post(&url))).await.unwrap();
    assert_eq!(answer, Answer { status: 429, retry_after: Some(Duration::from_secs(60)) });
}

#[tokio::test]
async fn an_endless_body_over_http_2_is_cut_off_and_the_connection_goes_on() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue("localhost", |_| ()), &[], &["h2"]);
    let receiver = tls_receiver(config, |_, stream| async move {
        let service = service_fn(|_: Request<hyper::body::Incoming>| async {
            let frame = || Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(&[b'x'; 4096])));
            let frames = futures_util::stream::repeat_with(frame);
            Ok::<_, std::convert::Infallible>(Response::new(StreamBody::new(frames)))
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    })
    .await;
    let url = https(&receiver);
    let client = Client::new(&authority.config(&url)).unwrap();
    for _ in 0..10 {
        assert_eq!(client.send(|| Ok(post(&url))).await.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 1);
}
