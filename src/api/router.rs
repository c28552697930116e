//! Which request gets which answer: what must hold of every request, and then the table of [`routes`](super::routes).

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::guard::Guard;
use super::health::Health;
use super::respond::{self, Body};
use super::routes::{self, Found, ROUTES};
use super::{page, schemas, sharing};
use crate::access::{Access, Accounts};
use crate::gateway::Gateway;
use crate::sinks::webhook::Registry;
use crate::sinks::websocket;

/// Writes further metrics in Prometheus' text format.
pub type MetricsSource = Box<dyn Fn(&mut String) + Send + Sync>;

/// Answers that are made on threads of their own at a time: they read the log or look at every device.
pub const READS: usize = 4;

/// What every request may need.
pub struct Context {
    pub config: Config,
    pub edge: Arc<websocket::Edge>,
    pub gateway: Arc<Gateway>,
    pub health: Arc<dyn Health>,
    pub metrics: Vec<MetricsSource>,
    pub guard: Guard,
    /// Who may ask.
    pub access: Arc<Access>,
    /// Connections by account.
    pub accounts: Arc<Accounts>,
    /// A permit per WebSocket client.
    pub clients: Arc<Semaphore>,
    /// A permit per answer that takes a while: [`READS`].
    pub reads: Arc<Semaphore>,
    /// Where there are webhooks.
    pub webhooks: Option<Arc<Registry>>,
    /// The permit of whoever erases.
    pub erasing: Arc<Semaphore>,
    /// Connections and clients.
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Answers a request.
pub async fn answer(request: Request<Incoming>, peer: SocketAddr, context: &Arc<Context>) -> Response<Body> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !context.guard.allows_host(host) {
        return foreign_host(host);
    }
    let origin = sharing::origin(request.headers(), &context.guard);
    let asked = origin.as_ref().and_then(|_| sharing::preflight(request.method(), request.headers()));
    let mut response = match asked {
        Some(preflight) => preflight,
        None => dispatched(request, peer, context).await,
    };
    origin.into_iter().for_each(|origin| sharing::share(&mut response, origin));
    response
}

async fn dispatched(request: Request<Incoming>, peer: SocketAddr, context: &Arc<Context>) -> Response<Body> {
    match routes::find(ROUTES, request.method(), request.uri().path()) {
        Found::Route(route, name) => route.answer(request, peer, name, context).await,
        Found::OtherMethods(methods) => respond::method_not_allowed(&methods),
        Found::Nothing => file(&request),
    }
}

/// The request was meant for another server.
pub fn foreign_host(host: &str) -> Response<Body> {
    let message = format!("the host {host:?} is not this server's; if it is, name it in api.public_host_names");
    respond::problem(StatusCode::MISDIRECTED_REQUEST, "host", &message)
}

/// The page's files, and otherwise what there is.
fn file(request: &Request<Incoming>) -> Response<Body> {
    let (path, headers) = (request.uri().path(), request.headers());
    let Some(file) = page::file(path, headers).or_else(|| schemas::answer(path, headers)) else { return not_found() };
    if *request.method() == Method::GET || *request.method() == Method::HEAD { file } else { respond::method_not_allowed(&["GET", "HEAD"]) }
}

fn not_found() -> Response<Body> {
    let paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    respond::problem(
        StatusCode::NOT_FOUND,
        "not_found",
        &format!("there is nothing here; there are / and {}; metrics are on the listener for admins", paths.join(", ")),
    )
}
