//! A request, and its answer.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Edge;

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub async fn request(edge: &Edge, method: &str, path: &str, headers: &str) -> Answer {
    request_at(edge.address, method, path, headers).await
}

pub async fn request_at(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    send_to(address, method, path, headers, "").await
}

/// A request with a body.
pub async fn send_to(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = if headers.starts_with("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!("{method} {path} HTTP/1.1\r\n{host}{headers}{length}Connection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

pub async fn get(edge: &Edge, path: &str) -> Answer {
    request(edge, "GET", path, "").await
}

/// The JSON of what is there.
pub async fn found(edge: &Edge, path: &str) -> Value {
    let answer = get(edge, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// The code of an error, with the status that goes with it.
pub async fn refused(edge: &Edge, path: &str) -> (u16, String, String) {
    let answer = get(edge, path).await;
    let error = answer.json()["error"].clone();
    (answer.status, error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

/// The items of all pages of this many, and how many pages there were.
pub async fn pages(edge: &Edge, path: &str, items: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut page = String::new();
    loop {
        let answer = found(edge, &format!("{path}limit={limit}{page}")).await;
        pages.push(answer[items].as_array().unwrap().clone());
        match answer["next"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => return pages,
        }
    }
}
