//! Responses.

use std::convert::Infallible;
use std::hash::BuildHasher as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use foldhash::fast::FixedState;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Frame};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

/// What is in memory, or comes by and by.
pub type Body = Either<Full<Bytes>, Streamed>;

/// A body whose chunks another task makes; it ends when that does.
#[derive(Debug)]
pub struct Streamed(mpsc::Receiver<Bytes>);

impl Streamed {
    /// A body of these chunks.
    pub fn new(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self(chunks)
    }
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// Nothing but our own files; no inline script or style, no frame around us, no form that goes elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                                       base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALWAYS: [(&str, &str); 4] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// A response with the headers that all of ours have.
pub fn with(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    with_body(status, content_type, Either::Left(Full::new(body.into())))
}

/// The same with any body.
pub fn with_body(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// A text that stays what it is, or that the client has it already.
pub fn unchanging(request: &HeaderMap, content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let text = text.into();
    let etag = format!("\"{:016x}\"", FixedState::default().hash_one(&text));
    let known = request.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let (status, body) = if known { (StatusCode::NOT_MODIFIED, Bytes::new()) } else { (StatusCode::OK, text) };
    let mut response = with(status, content_type, body);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// A JSON response.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // What we serialize has string keys and no map that could fail.
    with(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// Something was deleted.
pub fn gone() -> Response<Body> {
    let mut response = with(StatusCode::NO_CONTENT, "application/json", "");
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

#[derive(Serialize)]
struct Problem<'a> {
    error: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    code: &'a str,
    message: &'a str,
}

/// `{"error":{"code":…,"message":…}}`
pub fn problem(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    json(status, &Problem { error: Details { code, message } })
}

/// Something is there, but not for this method.
pub fn method_not_allowed(methods: &[&str]) -> Response<Body> {
    let allowed = methods.join(", ");
    let message = format!("only {allowed} are understood here");
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message);
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// JSON that is there already.
pub fn made(json: Vec<u8>) -> Response<Body> {
    with(StatusCode::OK, "application/json", json)
}
