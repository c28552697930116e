//! What is served where: one table. The router dispatches by it, OpenAPI is written from it, a 404 lists it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use super::query::{Parameter, Query};
use super::respond::{self, Body};
use super::router::Context;
use super::{asyncapi, auth, calls, devices, events, handshake, me, openapi, operations, schemas, upkeep, users, webhooks};
use crate::access::Principal;

/// Something that is served.
pub struct Route {
    /// How it is asked for. What understands GET understands HEAD.
    pub method: Method,
    /// Its path; `{name}` stands for one segment.
    pub path: &'static str,
    /// Its name in OpenAPI.
    pub operation: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What may stand behind the `?`; none where that is not looked at.
    pub parameters: Option<&'static [Parameter]>,
    /// What it is, for people.
    pub summary: &'static str,
    handler: Handler,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever has a token, where tokens are needed.
    User,
    /// Whoever has an admin's token.
    Admin,
    /// The handler finds out itself.
    Itself,
}

/// A request on its way to a handler.
pub struct Call {
    pub request: Request<Incoming>,
    pub peer: SocketAddr,
    pub context: Arc<Context>,
    pub principal: Principal,
    pub query: Query,
    /// What stood for the `{name}` in the path.
    pub name: String,
}

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Handler = fn(Call) -> Answering;

macro_rules! route {
    ($method:ident $path:literal $operation:literal $access:ident $parameters:expr, $summary:literal, $handler:expr) => {
        Route {
            method: Method::$method,
            path: $path,
            operation: $operation,
            access: Access::$access,
            parameters: $parameters,
            summary: $summary,
            handler: |call| Box::pin($handler(call)),
        }
    };
}

/// What the API's listener serves, but for the page's files.
pub static ROUTES: &[Route] = &[
    route!(GET "/v1/devices" "listDevices" User Some(devices::PARAMETERS), "Devices as they stand now.", devices::list),
    route!(GET "/v1/devices/{name}" "getDevice" User Some(&[]), "A device as it stands now.", devices::one),
    route!(GET "/v1/users/{id}" "getUser" User Some(&[]), "A user's devices and live calls.", users::one),
    route!(GET "/v1/calls" "listCalls" User Some(calls::PARAMETERS), "Calls that are up, and calls that are over, newest first.", calls::list),
    route!(GET "/v1/calls/{call_id}" "getCall" User Some(&[]), "A call's story: what is told of it, in order.", calls::one),
    route!(GET "/v1/me" "getMe" User Some(&[]), "Whose token this is, and what it may see.", me::me),
    route!(GET "/v1/ws" "openWebSocket" Itself None, "The WebSocket's handshake; what is spoken on it is in /asyncapi.json.", handshake::route),
    route!(GET "/v1/events" "streamEvents" User None, "The events as they happen, as server-sent events.", events::stream),
    route!(GET "/v1/config" "getConfig" Public None, "What the page has to know.", me::config),
    route!(GET "/openapi.json" "getOpenApi" Public None, "This document.", openapi::serve),
    route!(GET "/asyncapi.json" "getAsyncApi" Public None, "What is spoken on the WebSocket, as AsyncAPI 3.0.", asyncapi::serve),
    route!(GET "/schemas/" "listSchemas" Public None, "The JSON Schemas of events.", schemas::serve),
    route!(GET "/schemas/{file}" "getSchema" Public None, "A JSON Schema.", schemas::serve),
    route!(GET "/healthz" "getHealth" Public None, "200 while the process answers.", operations::alive),
    route!(GET "/readyz" "getReadiness" Public None, "Whether the gateway does what it is for, and what is missing where it does not.", operations::ready),
];

/// What the listener for admins serves.
pub static ADMIN_ROUTES: &[Route] = &[
    route!(GET "/metrics" "getMetrics" Public None, "Metrics in Prometheus' text format.", operations::metrics),
    route!(GET "/healthz" "getHealth" Public None, "200 while the process answers.", operations::alive),
    route!(GET "/readyz" "getReadiness" Public None, "Whether the gateway does what it is for, and what is missing where it does not.", operations::ready),
    route!(GET "/admin/v1/cursors" "listCursors" Admin Some(&[]), "Where consumers stand that have a cursor here.", upkeep::list),
    route!(GET "/admin/v1/cursors/{name}" "getCursor" Admin Some(&[]), "Where a consumer stands.", upkeep::one),
    route!(PUT "/admin/v1/cursors/{name}" "setCursor" Admin Some(&[]), "Sets a cursor, or sets it back, so that everything since is told again.", upkeep::set),
    route!(DELETE "/admin/v1/cursors/{name}" "deleteCursor" Admin Some(&[]), "Forgets a cursor.", upkeep::delete),
    route!(POST "/admin/v1/erase" "erase" Admin Some(upkeep::ERASE), "Removes what persons left in the log. It cannot be had back.", upkeep::erase),
    route!(GET "/admin/v1/webhooks" "listWebhooks" Admin Some(&[]), "Webhooks, and how they stand.", webhooks::list),
    route!(POST "/admin/v1/webhooks" "addWebhook" Admin Some(&[]), "Adds a webhook. It gets what happens from now on.", webhooks::add),
    route!(GET "/admin/v1/webhooks/{name}" "getWebhook" Admin Some(&[]), "A webhook, and how it stands.", webhooks::one),
    route!(PUT "/admin/v1/webhooks/{name}" "setWebhook" Admin Some(&[]), "Changes a webhook: it is all that is sent. It goes on where it stands.", webhooks::replace),
    route!(DELETE "/admin/v1/webhooks/{name}" "deleteWebhook" Admin Some(&[]), "Deletes a webhook, and what is known of its attempts.", webhooks::delete),
    route!(POST "/admin/v1/webhooks/{name}/pause" "pauseWebhook" Admin Some(&[]), "Sends nothing more. Events wait in the log as long as that keeps them.", webhooks::pause),
    route!(POST "/admin/v1/webhooks/{name}/resume" "resumeWebhook" Admin Some(&[]), "Goes on after a pause, or after callcast gave up.", webhooks::resume),
    route!(POST "/admin/v1/webhooks/{name}/test" "testWebhook" Admin Some(&[]), "Sends one event that is marked as a test, at once and once.", webhooks::test),
    route!(POST "/admin/v1/webhooks/{name}/replay" "replayWebhook" Admin Some(&[]), "Sends a range of past events once more.", webhooks::replay),
    route!(GET "/admin/v1/webhooks/{name}/attempts" "listWebhookAttempts" Admin Some(webhooks::ATTEMPTS), "What was sent and what came back, the newest first.", webhooks::attempts),
    route!(GET "/admin/v1/webhooks/{name}/dead" "listWebhookDead" Admin Some(webhooks::DEAD), "Events that are not tried any more, the newest first.", webhooks::dead),
    route!(POST "/admin/v1/webhooks/{name}/dead/redeliver" "redeliverWebhookDead" Admin Some(&[]), "Sends events that are not tried any more once more.", webhooks::redeliver),
    route!(GET "/admin/v1/webhooks/{name}/why" "explainWebhookEvent" Admin Some(webhooks::WHY), "Why was this event not sent?", webhooks::why),
];

impl Route {
    /// Hands a request over, once it is known who asks and for what.
    pub async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, name: String, context: &Arc<Context>) -> Response<Body> {
        let principal = match self.principal(&request, peer, context).await {
            Ok(principal) => principal,
            Err(refused) => return refused,
        };
        // A token that may stand in the URL is no parameter.
        let asked = request.uri().query().map(auth::without_token);
        let query = match self.parameters.map(|parameters| Query::parse(asked.as_deref(), parameters)).transpose() {
            Ok(query) => query.unwrap_or_default(),
            Err(bad) => return bad.response(),
        };
        (self.handler)(Call { request, peer, context: Arc::clone(context), principal, query, name }).await
    }

    async fn principal(&self, request: &Request<Incoming>, peer: SocketAddr, context: &Context) -> Result<Principal, Response<Body>> {
        let (headers, query) = (request.headers(), request.uri().query());
        match self.access {
            Access::Public | Access::Itself => Ok(nobody()),
            Access::User => auth::principal(headers, query, peer, context).await,
            Access::Admin => auth::admin(headers, query, peer, context).await,
        }
    }

    /// What stands at this path for the name in it, an empty text where there is none; `None` when the path is another.
    fn matches(&self, path: &str) -> Option<String> {
        let (mut pattern, mut path, mut name) = (self.path.split('/'), path.split('/'), String::new());
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return Some(name),
                (Some(pattern), Some(segment)) if pattern.starts_with('{') => name = decoded(segment)?,
                (Some(pattern), Some(segment)) if pattern == segment => {}
                _ => return None,
            }
        }
    }
}

/// Whoever asks for what anybody may have.
fn nobody() -> Principal {
    Principal { account: "".into(), scope: Arc::default(), admin: false, expires: None, revocation: crate::access::Revocation::default() }
}

/// What serves a path.
pub enum Found {
    /// This, and what stands for the name in its path.
    Route(&'static Route, String),
    /// Only these methods are understood there.
    OtherMethods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// Looks for what serves a path in a table.
pub fn find(routes: &'static [Route], method: &Method, path: &str) -> Found {
    let here: Vec<(&Route, String)> = routes.iter().filter_map(|route| Some((route, route.matches(path)?))).collect();
    let understood = |route: &Route| route.method == *method || (route.method == Method::GET && *method == Method::HEAD);
    if here.is_empty() {
        return Found::Nothing;
    }
    let methods = here.iter().flat_map(|(route, _)| methods(&route.method)).copied().collect();
    here.into_iter().find(|(route, _)| understood(route)).map_or(Found::OtherMethods(methods), |(route, name)| Found::Route(route, name))
}

/// A method as `Allow` has it.
fn methods(method: &Method) -> &'static [&'static str] {
    match *method {
        Method::GET => &["GET", "HEAD"],
        Method::POST => &["POST"],
        Method::PUT => &["PUT"],
        Method::DELETE => &["DELETE"],
        _ => &[],
    }
}

/// A segment of a path without its percent signs; none for what is empty, too long or no text.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| (1..=super::query::MAX_VALUE).contains(&text.len()))
}

impl Call {
    /// Does what may take a while on a thread of its own, few at a time.
    ///
    /// # Errors
    /// When there is none, with the answer.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Response<Body>> {
        let failed = || {
            respond::problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be made; this is a mistake of callcast's")
        };
        let permit = Arc::clone(&self.context.reads).acquire_owned().await.map_err(|_| failed())?;
        let worked = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(permit);
            answer
        });
        worked.await.map_err(|_| failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> String {
        match find(ROUTES, method, path) {
            Found::Route(route, name) => format!("{} {name}", route.operation),
            Found::OtherMethods(methods) => methods.join(","),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn a_path_is_found_with_the_name_in_it() {
        for (path, expected) in [
            ("/v1/devices", "listDevices "),
            ("/v1/devices/SEP1", "getDevice SEP1"),
            ("/v1/users/zo%C3%AB%2Fm%25", "getUser zoë/m%"),
            ("/schemas/", "listSchemas "),
            ("/schemas/leg.json", "getSchema leg.json"),
        ] {
            assert_eq!(found(&Method::GET, path), expected);
            assert_eq!(found(&Method::HEAD, path), expected);
        }
    }

    #[test]
    fn what_is_no_path_of_ours_is_nothing() {
        for path in [
            "/v1",
            "/v1/devices/",
            "/v1/devices/a/b",
            "/v1/devices/%zz",
            "/v1/devices/%f",
            "/v1/devices/%+f",
            "/v1/devices/%ff",
            "//v1/devices",
            "",
        ] {
            assert_eq!(found(&Method::GET, path), "nothing", "{path}");
        }
        assert_eq!(found(&Method::GET, &format!("/v1/devices/{}", "x".repeat(1000))), "nothing");
    }

    #[test]
    fn another_method_is_told_which_are_understood() {
        assert_eq!(found(&Method::POST, "/v1/devices"), "GET,HEAD");
    }

    #[test]
    fn operations_have_names_of_their_own() {
        for routes in [ROUTES, ADMIN_ROUTES] {
            let mut names: Vec<&str> = routes.iter().map(|route| route.operation).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), routes.len());
        }
    }
}
