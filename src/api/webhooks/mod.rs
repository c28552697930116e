//! `/admin/v1/webhooks`: what admins do about webhooks. They are added, changed, paused, resumed, tested and deleted here; `history` tells
//! what was done about events and has them sent once more, `why` answers why an event was not sent.

mod history;
mod refused;
pub mod schemas;
mod told;
mod why;

use std::sync::Arc;

use hyper::{Response, StatusCode};
use serde_json::Value as Json;

use super::body;
use super::respond::{self, Body};
use super::routes::Call;
use crate::gateway::Gateway;
use crate::sinks::webhook::Registry;
use crate::sinks::webhook::control::Paused;
use crate::telemetry::Occurrence;
use crate::time::Timestamp;
pub use history::{ATTEMPTS, DEAD, attempts, dead, redeliver, replay};
use refused::Refused;
use told::{Told, ToldList, ToldTest};
pub use why::{WHY, why};

const WEBHOOK: &str = "{\"name\":\"crm\",\"url\":\"https://crm.example.com/events\"} and what else docs/webhooks.md says";

/// `GET /admin/v1/webhooks`
pub async fn list(call: Call) -> Response<Body> {
    on_disk(&call, |registry, _| {
        let webhooks = registry.store().all().iter().map(|stored| Told::of(registry, stored)).collect();
        Ok(respond::json(StatusCode::OK, &ToldList { webhooks }))
    })
    .await
}

/// `GET /admin/v1/webhooks/{name}`
pub async fn one(call: Call) -> Response<Body> {
    let name = call.name.clone();
    on_disk(&call, move |registry, _| told(registry, &name, StatusCode::OK)).await
}

/// `POST /admin/v1/webhooks`
pub async fn add(mut call: Call) -> Response<Body> {
    let made: Json = match body::json(&mut call, WEBHOOK).await {
        Ok(made) => made,
        Err(bad) => return Refused::from(bad).response(),
    };
    changed(&call, "added", StatusCode::CREATED, |registry, _| Ok(registry.add(made)?.config.name.clone())).await
}

/// `PUT /admin/v1/webhooks/{name}`
pub async fn replace(mut call: Call) -> Response<Body> {
    let made: Json = match body::json(&mut call, WEBHOOK).await {
        Ok(made) => made,
        Err(bad) => return Refused::from(bad).response(),
    };
    let name = call.name.clone();
    changed(&call, "changed", StatusCode::OK, move |registry, _| Ok(registry.replace(&name, made)?.config.name.clone())).await
}

/// `POST /admin/v1/webhooks/{name}/pause`
pub async fn pause(call: Call) -> Response<Body> {
    let name = call.name.clone();
    changed(&call, "paused", StatusCode::OK, move |registry, account| {
        let paused = Paused { by: account.into(), since: Timestamp::now() };
        Ok(registry.pause(&name, paused)?.config.name.clone())
    })
    .await
}

/// `POST /admin/v1/webhooks/{name}/resume`
pub async fn resume(call: Call) -> Response<Body> {
    let name = call.name.clone();
    changed(&call, "resumed", StatusCode::OK, move |registry, _| Ok(registry.resume(&name)?.config.name.clone())).await
}

/// `DELETE /admin/v1/webhooks/{name}`
pub async fn delete(call: Call) -> Response<Body> {
    let (name, account) = (call.name.clone(), Arc::clone(&call.principal.account));
    on_disk(&call, move |registry, gateway| {
        registry.remove(&name)?;
        gateway.metrics().emit(Occurrence::WebhookChanged { account: &account, webhook: &name, change: "deleted" });
        Ok(respond::gone())
    })
    .await
}

/// `POST /admin/v1/webhooks/{name}/test`
pub async fn test(call: Call) -> Response<Body> {
    let known = registry(&call).and_then(|registry| Ok((registry.store().get(&call.name)?, registry)));
    match known {
        Ok((_, registry)) => respond::json(StatusCode::OK, &ToldTest::from(registry.control().test(&call.name).await)),
        Err(refused) => refused.response(),
    }
}

/// Changes a webhook and tells it as it is then; the log says who did that.
async fn changed(
    call: &Call,
    change: &'static str,
    status: StatusCode,
    work: impl FnOnce(&Registry, &str) -> Result<String, Refused> + Send + 'static,
) -> Response<Body> {
    let account = Arc::clone(&call.principal.account);
    on_disk(call, move |registry, gateway| {
        let name = work(registry, &account)?;
        gateway.metrics().emit(Occurrence::WebhookChanged { account: &account, webhook: &name, change });
        told(registry, &name, status)
    })
    .await
}

fn told(registry: &Registry, name: &str, status: StatusCode) -> Result<Response<Body>, Refused> {
    Ok(respond::json(status, &Told::of(registry, &registry.store().get(name)?)))
}

fn registry(call: &Call) -> Result<Arc<Registry>, Refused> {
    call.context.webhooks.clone().ok_or(Refused::NoWebhooks)
}

/// Does what touches the disk on a thread for that.
async fn on_disk(
    call: &Call,
    work: impl FnOnce(&Registry, &Gateway) -> Result<Response<Body>, Refused> + Send + 'static,
) -> Response<Body> {
    let registry = match registry(call) {
        Ok(registry) => registry,
        Err(refused) => return refused.response(),
    };
    let gateway = Arc::clone(&call.context.gateway);
    call.blocking(move || work(&registry, &gateway).unwrap_or_else(|refused| refused.response())).await.unwrap_or_else(|failed| failed)
}
