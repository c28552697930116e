//! The admin listener: metrics and health for everybody who reaches it, the rest for a token with admin rights.
//!
//! It is apart from the API's listener so that a firewall, or loopback, can keep it to those who run callcast; and so that metrics can
//! still be had while the API has as many connections as it may have.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use serde::{Deserialize, Deserializer, de};

use super::auth;
use super::guard::Guard;
use super::respond::{self, Body};
use super::router::{self, Context};
use super::routes::{self, ADMIN_ROUTES, Found};
use super::tls::TlsConfig;

/// Connections at a time.
pub(super) const CONNECTIONS: usize = 64;

/// The table `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where to listen; the empty text for nowhere.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
    /// TLS on this listener.
    pub tls: Option<TlsConfig>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9090))), tls: None }
    }
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    let wrong =
        |_| de::Error::custom(format!("`admin.listen` is {text:?}: give an address and a port, as \"127.0.0.1:9090\", or \"\" for none"));
    text.parse().map(Some).map_err(wrong)
}

/// Answers a request.
pub(super) async fn answer(request: Request<Incoming>, peer: SocketAddr, guard: &Guard, context: &Arc<Context>) -> Response<Body> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !guard.allows_host(host) {
        return router::foreign_host(host);
    }
    let (method, path) = (request.method(), request.uri().path());
    match routes::find(ADMIN_ROUTES, method, path) {
        Found::Route(route, name) => route.answer(request, peer, name, context).await,
        Found::OtherMethods(methods) => respond::method_not_allowed(&methods),
        // Nobody else learns what there is.
        Found::Nothing if path.starts_with("/admin/") => match auth::admin(request.headers(), request.uri().query(), peer, context).await {
            Ok(_) => not_found(),
            Err(refused) => refused,
        },
        Found::Nothing => not_found(),
    }
}

fn not_found() -> Response<Body> {
    let paths: Vec<&str> = ADMIN_ROUTES.iter().map(|route| route.path).collect();
    respond::problem(StatusCode::NOT_FOUND, "not_found", &format!("there is nothing here; there are {}", paths.join(", ")))
}
