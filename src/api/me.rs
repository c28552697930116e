//! `/v1/me`: whose token it is. `/v1/config`: what the page has to know before it has one.

use hyper::{Response, StatusCode};
use serde::Serialize;

use super::config::PageConfig;
use super::respond::{self, Body};
use super::routes::Call;

#[derive(Serialize)]
struct Me<'a> {
    account: &'a str,
    scope: Seen<'a>,
    admin: bool,
    expires: Option<String>,
}

#[derive(Serialize)]
struct Seen<'a> {
    everything: bool,
    users: &'a [Box<str>],
    devices: &'a [Box<str>],
    lines: &'a [Box<str>],
}

/// `/v1/me`
pub async fn me(call: Call) -> Response<Body> {
    let principal = &call.principal;
    let scope = &principal.scope;
    let scope = Seen { everything: scope.everything, users: &scope.users, devices: &scope.devices, lines: &scope.lines };
    let expires = principal.expires.map(|at| at.to_string());
    respond::json(StatusCode::OK, &Me { account: &principal.account, scope, admin: principal.admin, expires })
}

#[derive(Serialize)]
struct Configuration<'a> {
    #[serde(flatten)]
    page: &'a PageConfig,
    access: Access,
}

#[derive(Serialize)]
struct Access {
    required: bool,
}

/// `/v1/config`
pub async fn config(call: Call) -> Response<Body> {
    let context = &call.context;
    let access = Access { required: context.access.required() };
    respond::json(StatusCode::OK, &Configuration { page: &context.config.page, access })
}
