//! A case: what is sent, in which chops, what has to come back, and how it has to end.

use std::net::SocketAddr;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;

use crate::client::{CLOSE, Frame, Raw, Received, frame};
use crate::harness::{Edge, edge};

/// How the bytes are cut into writes.
#[derive(Clone, Copy, Debug)]
pub enum Chop {
    /// All that the client does not wait between is one write.
    Whole,
    /// Each frame is one.
    Frames,
    /// So many bytes are one.
    Bytes(usize),
}

pub const EVERY_WAY: [Chop; 3] = [Chop::Whole, Chop::Frames, Chop::Bytes(1)];

#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// Waits until so many answers came.
    Heard(usize),
}

/// What has to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The error that repeats the id of an `unsubscribe`.
    Echo(String),
    /// The error of this code.
    Error(&'static str),
    Pong(Vec<u8>),
}

/// How it has to end.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The socket is still open and closes in order when we close it.
    Open,
    /// The server sends a close frame with one of these codes (1005: without) and ends the connection.
    Closed(&'static [u16]),
}

pub const PROTOCOL_ERROR: End = End::Closed(&[1002]);
pub const NOT_UTF8: End = End::Closed(&[1007]);
pub const TOO_BIG: End = End::Closed(&[1009]);

#[derive(Clone)]
pub struct Case {
    name: String,
    chop: Chop,
    steps: Vec<Step>,
    replies: Vec<Reply>,
    end: End,
}

pub fn case(name: impl Into<String>, frames: impl IntoIterator<Item = Frame>, replies: impl Into<Vec<Reply>>, end: End) -> Case {
    let steps = frames.into_iter().map(|frame| Step::Send(frame.bytes())).collect();
    Case { name: name.into(), chop: Chop::Whole, steps, replies: replies.into(), end }
}

impl Case {
    pub fn chopped(self, chop: Chop) -> Self {
        Self { chop, ..self }
    }

    /// Waits for so many answers before it goes on.
    pub fn heard(mut self, count: usize) -> Self {
        self.steps.push(Step::Heard(count));
        self
    }

    pub fn then(mut self, frames: impl IntoIterator<Item = Frame>) -> Self {
        self.steps.extend(frames.into_iter().map(|frame| Step::Send(frame.bytes())));
        self
    }

    pub fn then_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Whether it can be sent byte by byte.
    pub fn is_short(&self) -> bool {
        self.steps.iter().all(|step| !matches!(step, Step::Send(bytes) if bytes.len() > 10_000))
    }

    /// Once in each way to cut it.
    pub fn every_way(self) -> impl Iterator<Item = Self> {
        EVERY_WAY.into_iter().map(move |chop| self.clone().chopped(chop))
    }

    async fn run(&self, address: SocketAddr) -> Result<(), String> {
        let mut client = Raw::open(address).await;
        let mut replies = Vec::new();
        let mut end = self.send(&mut client, &mut replies).await;
        if end.is_none() && matches!(self.end, End::Open) {
            self.answers(&mut client, self.replies.len(), &mut replies, &mut end).await;
            client.send(&frame(CLOSE, 1000_u16.to_be_bytes()).bytes()).await;
        }
        self.answers(&mut client, usize::MAX, &mut replies, &mut end).await;
        if replies != self.replies {
            return Err(format!("answered {replies:?}, not {:?}; end {end:?}", self.replies));
        }
        let codes = match self.end {
            End::Open => &[1000][..],
            End::Closed(codes) => codes,
        };
        match end {
            Some(Received::Close(code, _)) if codes.contains(&code) => {}
            end => return Err(format!("ended by {end:?}, not by a close frame of {codes:?}")),
        }
        // As a client that keeps to the RFC: it answers the close, and lets the server end the connection.
        client.send(&frame(CLOSE, codes[0].to_be_bytes()).bytes()).await;
        match client.receive().await {
            Received::End => Ok(()),
            other => Err(format!("after the close frame came {other:?}")),
        }
    }

    /// Sends all; the end of the connection if it came meanwhile.
    async fn send(&self, client: &mut Raw, replies: &mut Vec<Reply>) -> Option<Received> {
        let (mut waiting, mut end) = (Vec::new(), None);
        for step in self.steps.iter().chain([&Step::Heard(0)]) {
            match (step, self.chop) {
                (Step::Send(bytes), Chop::Whole) => waiting.extend_from_slice(bytes),
                // A server that has closed takes no more, which is its right.
                (Step::Send(bytes), Chop::Frames) => drop(client.send(bytes).await),
                (Step::Send(bytes), Chop::Bytes(size)) => {
                    for chop in bytes.chunks(size) {
                        if !client.send(chop).await {
                            break;
                        }
                    }
                }
                (Step::Heard(count), _) => {
                    client.send(&std::mem::take(&mut waiting)).await;
                    self.answers(client, *count, replies, &mut end).await;
                    if end.is_some() {
                        return end;
                    }
                }
            }
        }
        end
    }

    /// Reads until there are so many answers, or the connection ends.
    async fn answers(&self, client: &mut Raw, count: usize, replies: &mut Vec<Reply>, end: &mut Option<Received>) {
        while end.is_none() && replies.len() < count {
            match client.receive().await {
                Received::Text(text) => replies.push(reply(&text)),
                Received::Pong(payload) => replies.push(Reply::Pong(payload)),
                Received::Ping(_) => {}
                other => *end = Some(other),
            }
        }
    }
}

fn reply(text: &str) -> Reply {
    const CODES: [&str; 6] = ["not_json", "not_an_object", "not_text", "too_long", "missing_op", "too_many_messages"];
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(value["op"], "error", "{text}");
    match value["code"].as_str().unwrap() {
        "unknown_id" => Reply::Echo(value["id"].as_str().unwrap().to_owned()),
        code => Reply::Error(CODES.into_iter().find(|known| *known == code).unwrap_or_else(|| panic!("{text}"))),
    }
}

/// The message that is answered by [`Reply::Echo`].
pub fn echoing(id: &str) -> String {
    serde_json::json!({"op": "unsubscribe", "id": id}).to_string()
}

/// The same of so many bytes.
pub fn echoing_of(length: usize, id: &str) -> Vec<u8> {
    let mut text = echoing(id).into_bytes();
    assert!(text.len() <= length);
    text.resize(length, b' ');
    text
}

/// Runs cases, each on a socket of its own, and tells all that fail.
pub async fn run(cases: impl IntoIterator<Item = Case>) {
    run_at(&edge(|_| {}).await, cases).await;
}

pub async fn run_at(edge: &Edge, cases: impl IntoIterator<Item = Case>) {
    const AT_A_TIME: usize = 8;
    let mut failed = Vec::new();
    let mut cases = cases.into_iter();
    let mut running = FuturesUnordered::new();
    let mut count = 0;
    loop {
        while running.len() < AT_A_TIME {
            let Some(case) = cases.next() else { break };
            count += 1;
            let address = edge.address;
            running.push(async move { case.run(address).await.map_err(|why| format!("{} ({:?}): {why}", case.name, case.chop)) });
        }
        let Some(outcome) = running.next().await else { break };
        failed.extend(outcome.err());
    }
    assert!(failed.is_empty(), "{} of {count} cases failed:\n{}", failed.len(), failed.join("\n"));
}
