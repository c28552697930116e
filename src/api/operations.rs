//! For whoever runs the gateway: health, readiness, metrics.

use hyper::{Response, StatusCode};
use serde::Serialize;

use super::health::JournalReport;
use super::respond::{self, Body};
use super::routes::Call;
use crate::state::{Aggregate, DeviceIndex, Table};

#[derive(Serialize)]
struct Alive {
    alive: bool,
}

/// `/healthz`
pub async fn alive(_: Call) -> Response<Body> {
    respond::json(StatusCode::OK, &Alive { alive: true })
}

/// `/readyz`
pub async fn ready(call: Call) -> Response<Body> {
    let mut report = call.context.health.report();
    if let Some(failing) = call.context.gateway.failing() {
        let reason = format!("{}; make room on the disk, or look after it", failing.reason);
        report.journal = JournalReport { failing: true, since: Some(failing.since.to_string()), reason: Some(reason) };
    }
    report.ready &= !report.journal.failing && !call.context.stop.is_cancelled();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    respond::json(status, &report)
}

/// `/metrics`
pub async fn metrics(call: Call) -> Response<Body> {
    let gateway = &call.context.gateway;
    gateway.metrics().device_states(&device_states(gateway.table()));
    match gateway.metrics().text() {
        Ok(mut text) => {
            call.context.metrics.iter().for_each(|source| source(&mut text));
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
