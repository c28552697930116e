//! The WebSocket's opening handshake: RFC 6455, section 4.2.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::respond::{self, Body};
use super::router::Context;
use crate::sinks::websocket::{self, Accepted, Protocol, SUBPROTOCOL};
use crate::stream::Stream;

/// Why a handshake is refused.
#[derive(Debug, Error)]
enum Refused {
    #[error("this address speaks WebSocket (RFC 6455, version 13): connect to it as ws://…/v1/ws with the subprotocol \"{SUBPROTOCOL}\"")]
    NotWebSocket,
    #[error("offer the subprotocol \"{SUBPROTOCOL}\" (Sec-WebSocket-Protocol), as in new WebSocket(url, \"{SUBPROTOCOL}\")")]
    Subprotocol,
    #[error("the page at {0} may not connect; name its origin in api.allowed_origins")]
    Origin(String),
    #[error("there are {0} WebSocket clients, the limit (api.websocket.max_clients); try again later")]
    Full(usize),
    #[error("the gateway is stopping; try again in a moment")]
    Stopping,
}

impl Refused {
    fn response(&self) -> Response<Body> {
        let (status, code) = match self {
            Self::NotWebSocket => (StatusCode::UPGRADE_REQUIRED, "not_websocket"),
            Self::Subprotocol => (StatusCode::BAD_REQUEST, "subprotocol"),
            Self::Origin(_) => (StatusCode::FORBIDDEN, "origin"),
            Self::Full(_) => (StatusCode::SERVICE_UNAVAILABLE, "full"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        };
        let mut response = respond::problem(status, code, &self.to_string());
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// Answers a handshake, and hands the socket to a task of its own when it is done.
pub fn accept(mut request: Request<Incoming>, peer: SocketAddr, context: &Arc<Context>) -> Response<Body> {
    // Frames begin where the head ends: there is no place for a body, and none before HTTP/1.1.
    let body = request.headers().contains_key(CONTENT_LENGTH) || request.headers().contains_key(TRANSFER_ENCODING);
    if request.method() != Method::GET || request.version() != Version::HTTP_11 || body {
        return Refused::NotWebSocket.response();
    }
    let accepted = match check(request.headers(), context) {
        Ok(accepted) => accepted,
        Err(refused) => return refused.response(),
    };
    let Ok(permit) = Arc::clone(&context.clients).try_acquire_owned() else {
        return Refused::Full(context.config.websocket.max_clients).response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let context = Arc::clone(context);
    let tasks = context.tasks.clone();
    tasks.spawn(async move {
        // A handshake whose connection broke: there is nobody to tell.
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
        // What came early is copied: a slice of it would keep the whole read buffer, 8 KiB, for as long as the client stays.
        let (stream, early) = (Stream::Plain(parts.io.into_inner()), parts.read_buf.to_vec());
        let accepted = Accepted { stream, early, peer, protocol: Protocol::Operations, principal: None };
        let (edge, stop) = (Arc::clone(&context.edge), context.stop.clone());
        // The client's own task is as small as its socket allows; this one ends here.
        context.tasks.spawn(async move {
            websocket::serve(accepted, edge, stop).await;
            drop(permit);
        });
    });
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    response
}

/// The value of `Sec-WebSocket-Accept`.
fn check(headers: &HeaderMap, context: &Context) -> Result<HeaderValue, Refused> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let key = text(SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    // With one of these twice, whoever stands between could see another request than we do.
    let once = [HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION].iter().all(|name| headers.get_all(name).iter().count() <= 1);
    let asks = once && has_token(headers, &UPGRADE, "websocket") && has_token(headers, &CONNECTION, "upgrade");
    let (Some(key), Some("13"), true) = (key, text(SEC_WEBSOCKET_VERSION), asks) else { return Err(Refused::NotWebSocket) };
    if !has_token(headers, &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(Refused::Subprotocol);
    }
    // An origin that is no text is not ours.
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("an origin that is not text"));
    if !context.guard.allows_origin(origin, text(HOST).unwrap_or_default()) {
        return Err(Refused::Origin(origin.unwrap_or_default().to_owned()));
    }
    if context.stop.is_cancelled() {
        return Err(Refused::Stopping);
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| Refused::NotWebSocket)
}

/// Whether it is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default();
    digits.len() == 22 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// Whether a header that is a list has this in it.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
}
