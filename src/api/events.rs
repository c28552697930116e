//! `/v1/events`: the events as a stream of server-sent events.

use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::respond::{self, Body};
use super::routes::Call;
use super::{auth, respond::Streamed};
use crate::sinks::asked::Asked;
use crate::sinks::feed::{Feed, Refused};
use crate::sinks::sse::Stream;
use crate::time::Timestamp;

/// Chunks that wait for a client: what comes after them stays in its mailbox, or in the log.
const CHUNKS: usize = 2;

/// Answers with a stream.
pub async fn stream(call: Call) -> Response<Body> {
    let Call { request, context, principal, .. } = call;
    let bad = |code, message: &str| respond::problem(StatusCode::BAD_REQUEST, code, message);
    let query = request.uri().query().map(auth::without_token).unwrap_or_default();
    let mut asked = match Asked::parse(&query) {
        Ok(asked) => asked,
        Err(error) => return bad("query", &error.to_string()),
    };
    // A browser that connects again says by itself where it was: that is newer than what stands in the URL.
    if let Some(last) = request.headers().get("last-event-id") {
        match last.to_str().ok().and_then(|last| last.parse().ok()) {
            Some(cursor) => asked.after = Some(cursor),
            None => return bad("cursor", "Last-Event-ID is no cursor of callcast; give back the last `id`, or leave the header out"),
        }
    }
    let full = |message: &str| respond::problem(StatusCode::SERVICE_UNAVAILABLE, "full", message);
    let Ok(permit) = Arc::clone(&context.clients).try_acquire_owned() else {
        return full("there are as many clients as there may be (api.websocket.max_clients); try again later");
    };
    let seat = match context.access.required().then(|| context.accounts.enter(&principal.account)).transpose() {
        Ok(seat) => seat,
        Err(too_many) => return respond::problem(StatusCode::TOO_MANY_REQUESTS, "too_many_connections", &too_many.to_string()),
    };
    let mut feed = Feed::new(Arc::clone(&context.gateway), Arc::clone(&principal.scope), context.config.websocket.limits());
    let begins = match feed.subscribe("events".into(), &asked.filter, asked.after) {
        Ok(begins) => begins,
        Err(error @ Refused::Forbidden(_)) => return respond::problem(StatusCode::FORBIDDEN, "forbidden", &error.to_string()),
        Err(error) => return bad("query", &error.to_string()),
    };
    let deadline = principal.expires.map(|expires| Instant::now() + expires.since(Timestamp::now()));
    let (out, chunks) = mpsc::channel(CHUNKS);
    let stream = Stream { feed, begins, after: asked.after, deadline, revocation: principal.revocation.clone() };
    let stop = context.stop.clone();
    context.tasks.spawn(async move {
        stream.run(out, stop).await;
        drop((permit, seat));
    });
    let mut response = respond::with_body(StatusCode::OK, "text/event-stream", Body::Right(Streamed::new(chunks)));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx collects what it passes on unless it is told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
