//! Which request gets which answer.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::guard::Guard;
use super::health::Health;
use super::respond::{self, Body};
use super::{handshake, page, schemas};
use crate::gateway::Gateway;
use crate::sinks::websocket;
use crate::state::{Aggregate, DeviceIndex, Table};

/// Writes further metrics in Prometheus' text format.
pub type MetricsSource = Box<dyn Fn(&mut String) + Send + Sync>;

/// What every request may need.
pub struct Context {
    pub config: Config,
    pub edge: Arc<websocket::Edge>,
    pub gateway: Arc<Gateway>,
    pub health: Arc<dyn Health>,
    pub metrics: Vec<MetricsSource>,
    pub guard: Guard,
    /// A permit per WebSocket client.
    pub clients: Arc<Semaphore>,
    /// Connections and clients.
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

#[derive(Serialize)]
struct Alive {
    alive: bool,
}

/// Answers a request.
pub fn answer(request: Request<Incoming>, peer: SocketAddr, context: &Arc<Context>) -> Response<Body> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !context.guard.allows_host(host) {
        let message = format!("the host {host:?} is not this server's; if it is, name it in api.public_host_names");
        return respond::problem(StatusCode::MISDIRECTED_REQUEST, "host", &message);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return respond::method_not_allowed();
    }
    match request.uri().path() {
        "/v1/ws" => handshake::accept(request, peer, context),
        "/v1/config" => respond::json(StatusCode::OK, &context.config.page),
        "/healthz" => respond::json(StatusCode::OK, &Alive { alive: true }),
        "/readyz" => ready(context),
        "/metrics" => metrics(context),
        path => {
            let headers = request.headers();
            page::file(path, headers).or_else(|| schemas::answer(path, headers)).unwrap_or_else(not_found)
        }
    }
}

fn not_found() -> Response<Body> {
    let message = "there is nothing here; see /, /v1/ws, /v1/config, /schemas/, /healthz, /readyz, /metrics";
    respond::problem(StatusCode::NOT_FOUND, "not_found", message)
}

fn ready(context: &Context) -> Response<Body> {
    let mut report = context.health.report();
    report.ready &= !context.stop.is_cancelled();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    respond::json(status, &report)
}

fn metrics(context: &Context) -> Response<Body> {
    let gateway = &context.gateway;
    gateway.metrics().device_states(&device_states(gateway.table()));
    match gateway.metrics().text() {
        Ok(mut text) => {
            context.metrics.iter().for_each(|source| source(&mut text));
            respond::with(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        Err(error) => respond::problem(StatusCode::INTERNAL_SERVER_ERROR, "metrics", &error.to_string()),
    }
}

/// Devices by what they do now.
fn device_states(table: &Table) -> [(&'static str, usize); 6] {
    let (mut idle, mut held, mut active, mut alerting, mut restricted, mut out_of_service) = (0, 0, 0, 0, 0, 0);
    let states = (0..table.len()).filter_map(|index| table.read(DeviceIndex(u32::try_from(index).ok()?)));
    for state in states.filter(|state| !state.removed) {
        let count = match (state.restricted, state.in_service, state.calls_state) {
            (true, ..) => &mut restricted,
            (_, false, _) => &mut out_of_service,
            (_, _, Aggregate::Idle) => &mut idle,
            (_, _, Aggregate::Held) => &mut held,
            (_, _, Aggregate::Active) => &mut active,
            (_, _, Aggregate::Alerting) => &mut alerting,
        };
        *count += 1;
    }
    [
        ("idle", idle),
        ("held", held),
        ("active", active),
        ("alerting", alerting),
        ("restricted", restricted),
        ("out_of_service", out_of_service),
    ]
}
