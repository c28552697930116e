//! The WebSocket's opening handshake: RFC 6455, section 4.2, and who opens it.
//!
//! A page cannot set headers on a WebSocket: it offers its token as a subprotocol, `bearer.TOKEN`, beside the one that it wants to speak,
//! or sends it in its first message. The token's subprotocol is never the one that is chosen, so that it does not come back.

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
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::auth;
use super::respond::{self, Body};
use super::router::Context;
use super::routes::Call;
use crate::access::{Principal, TooMany};
use crate::sinks::websocket::{self, Accepted, Protocol};
use crate::stream::Stream;
use crate::time::Timestamp;

/// What stands before a token that is offered as a subprotocol.
const BEARER: &str = "bearer.";

/// Why a handshake is refused.
#[derive(Debug, Error)]
enum Refused {
    #[error(
        "this address speaks WebSocket (RFC 6455, version 13): connect to it as ws://…/v1/ws with the subprotocol \"{}\"",
        Protocol::CallcastV1.name()
    )]
    NotWebSocket,
    #[error(
        "offer the subprotocol \"{0}\" (Sec-WebSocket-Protocol), as in new WebSocket(url, \"{0}\"), or \"{1}\" for bare CloudEvents",
        Protocol::CallcastV1.name(),
        Protocol::CloudEvents.name()
    )]
    Subprotocol,
    #[error("the page at {0} may not connect; name its origin in api.allowed_origins")]
    Origin(String),
    #[error("there are {0} WebSocket clients, the limit (api.websocket.max_clients); try again later")]
    Full(usize),
    #[error(transparent)]
    TooMany(#[from] TooMany),
    #[error("there is a token among the subprotocols and one elsewhere: send one of them")]
    TwoTokens,
    #[error(transparent)]
    Auth(#[from] auth::Refused),
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
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_connections"),
            Self::TwoTokens => (StatusCode::BAD_REQUEST, "two_tokens"),
            Self::Auth(refused) => return refused.response(),
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

/// The route of `/v1/ws`.
pub async fn route(call: Call) -> Response<Body> {
    accept(call.request, call.peer, &call.context).await
}

/// Answers a handshake, and hands the socket to a task of its own when it is done.
async fn accept(request: Request<Incoming>, peer: SocketAddr, context: &Arc<Context>) -> Response<Body> {
    open(request, peer, context).await.unwrap_or_else(|refused| refused.response())
}

async fn open(mut request: Request<Incoming>, peer: SocketAddr, context: &Arc<Context>) -> Result<Response<Body>, Refused> {
    // Frames begin where the head ends: there is no place for a body, and none before HTTP/1.1.
    let body = request.headers().contains_key(CONTENT_LENGTH) || request.headers().contains_key(TRANSFER_ENCODING);
    if request.method() != Method::GET || request.version() != Version::HTTP_11 || body {
        return Err(Refused::NotWebSocket);
    }
    let (accept, protocol) = check(request.headers(), context)?;
    let query = request.uri().query();
    let principal = who(request.headers(), query, protocol, peer, context).await?;
    let query = query.map(auth::without_token);
    // Where nobody is asked for a token, all are one account, which no limit is meant for.
    let account = principal.as_ref().filter(|_| context.access.required()).map(|principal| &principal.account);
    let seat = account.map(|account| context.accounts.enter(account)).transpose()?;
    let permit = Arc::clone(&context.clients).try_acquire_owned().map_err(|_| Refused::Full(context.config.websocket.max_clients))?;
    let upgrade = hyper::upgrade::on(&mut request);
    let context = Arc::clone(context);
    let tasks = context.tasks.clone();
    tasks.spawn(async move {
        // A handshake whose connection broke: there is nobody to tell.
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else { return };
        // What came early is copied: a slice of it would keep the whole read buffer, 8 KiB, for as long as the client stays.
        let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
        let (edge, stop) = (Arc::clone(&context.edge), context.stop.clone());
        let accepted = Accepted { stream, early, peer, protocol, principal: principal.map(Box::new), seat, query };
        // The client's own task is as small as its socket allows; this one ends here.
        context.tasks.spawn(async move {
            websocket::serve(accepted, edge, stop).await;
            drop(permit);
        });
    });
    let mut response = Response::new(Body::Left(Full::new(Bytes::new())));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol.name()));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// The value of `Sec-WebSocket-Accept`, and what will be spoken: the first of the offered subprotocols that is ours.
fn check(headers: &HeaderMap, context: &Context) -> Result<(HeaderValue, Protocol), Refused> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let key = text(SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    // With one of these twice, whoever stands between could see another request than we do.
    let once = [HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION].iter().all(|name| headers.get_all(name).iter().count() <= 1);
    let has = |name: HeaderName, token: &str| list(headers, &name).any(|value| value.eq_ignore_ascii_case(token));
    let asks = once && has(UPGRADE, "websocket") && has(CONNECTION, "upgrade");
    let (Some(key), Some("13"), true) = (key, text(SEC_WEBSOCKET_VERSION), asks) else { return Err(Refused::NotWebSocket) };
    // An origin that is no text is not ours.
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("an origin that is not text"));
    if !context.guard.allows_origin(origin, text(HOST).unwrap_or_default()) {
        return Err(Refused::Origin(origin.unwrap_or_default().to_owned()));
    }
    let protocol = list(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(Protocol::named).ok_or(Refused::Subprotocol)?;
    if context.stop.is_cancelled() {
        return Err(Refused::Stopping);
    }
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| Refused::NotWebSocket)?;
    Ok((accept, protocol))
}

/// Whether it is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default();
    digits.len() == 22 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// Whose handshake it is; none when the token is to come in the first message.
async fn who(
    headers: &HeaderMap,
    query: Option<&str>,
    protocol: Protocol,
    peer: SocketAddr,
    context: &Context,
) -> Result<Option<Principal>, Refused> {
    if !context.access.required() {
        return Ok(Some(Principal::anyone()));
    }
    let elsewhere = auth::token(headers, query, context.access.token_in_url())?;
    let mut offered = list(headers, &SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.strip_prefix(BEARER));
    let token = match (offered.next(), offered.next(), elsewhere.as_deref()) {
        (None, _, None) if protocol.has_messages() => return Ok(None),
        (None, _, None) => return Err(auth::Refused::NoToken.into()),
        (Some(token), None, None) | (None, _, Some(token)) => token,
        _ => return Err(Refused::TwoTokens),
    };
    Ok(Some(context.access.admit(token, peer, Timestamp::now()).await.map_err(auth::Refused::from)?))
}

/// The values of headers that are lists.
fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
