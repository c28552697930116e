//! What admins ask is what OpenAPI says, and so is what they are answered.

use callcast::sinks::webhook::Outcome;
use callcast::sinks::webhook::control::{Breaker, Disabled, Standing};
use callcast::time::Timestamp;
use serde_json::{Value, json};

use crate::ask::{found, request_at};
use crate::documents::{described, holds, validator};
use crate::upkeep::Admins;

const CURSORS: &str = "/admin/v1/cursors";
const CURSOR: &str = "/admin/v1/cursors/{name}";
const ERASE: &str = "/admin/v1/erase";

const WEBHOOKS: &str = "/admin/v1/webhooks";
const WEBHOOK: &str = "/admin/v1/webhooks/{name}";
const PAUSE: &str = "/admin/v1/webhooks/{name}/pause";
const RESUME: &str = "/admin/v1/webhooks/{name}/resume";
const TEST: &str = "/admin/v1/webhooks/{name}/test";
const REPLAY: &str = "/admin/v1/webhooks/{name}/replay";
const ATTEMPTS: &str = "/admin/v1/webhooks/{name}/attempts";
const DEAD: &str = "/admin/v1/webhooks/{name}/dead";
const REDELIVER: &str = "/admin/v1/webhooks/{name}/dead/redeliver";
const WHY: &str = "/admin/v1/webhooks/{name}/why";

/// All that a webhook can be told through the API.
const EVERYTHING: &str = r#"{
    "name": "all", "url": "https://a.example/{{ data.call_id }}", "method": "PUT", "headers": {"x-key": "secret"},
    "filter": {"types": ["call.*"], "users": ["a*"], "devices": [], "lines": [], "direction": "inbound", "expression": "true"},
    "body": {"mode": "structured", "preset": "", "template": "", "template_file": null, "content_type": ""},
    "signing": {"secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "ed25519": []},
    "delivery": {"in_flight": 1, "batch_events": 1, "batch_bytes": 1000, "connect_seconds": 0.5, "first_byte_seconds": 1, "whole_seconds": 2,
        "gzip": true, "per_second": 10, "deadlines_seconds": {"*": 60}},
    "retry": {"pauses_seconds": [1], "jitter": 0, "retry_after_max_seconds": 9, "dead_statuses": [400], "breaker_statuses": [], "disable_statuses": []},
    "breaker": {"failures": 1, "pause_seconds": 1, "pause_max_seconds": 2, "disable_after_hours": 0},
    "network": {"allow": ["10.0.0.0/8"], "ca_file": null, "pins": [], "certificate_file": null, "key_file": null, "http2": false},
    "auth": {"basic": {"user": "a", "password": "b"}, "bearer": null, "oauth2": null}
}"#;
const MINIMAL: &str = r#"{"name":"crm","url":"https://crm.example/x"}"#;

/// What an admin asks, one after the other: method, path in the document, path, body, status.
pub const ADMINS: [(&str, &str, &str, &str, u16); 51] = [
    ("get", WEBHOOKS, WEBHOOKS, "", 200),
    ("get", WEBHOOKS, "/admin/v1/webhooks?x=1", "", 400),
    ("post", WEBHOOKS, WEBHOOKS, MINIMAL, 201),
    ("post", WEBHOOKS, WEBHOOKS, MINIMAL, 409),
    ("post", WEBHOOKS, WEBHOOKS, EVERYTHING, 201),
    ("post", WEBHOOKS, WEBHOOKS, r#"{"name":"x","urls":"https://a.example"}"#, 400),
    ("get", WEBHOOK, "/admin/v1/webhooks/all", "", 200),
    ("get", WEBHOOK, "/admin/v1/webhooks/of-file", "", 200),
    ("get", WEBHOOK, "/admin/v1/webhooks/other", "", 404),
    ("put", WEBHOOK, "/admin/v1/webhooks/crm", r#"{"url":"********"}"#, 200),
    ("put", WEBHOOK, "/admin/v1/webhooks/crm", r#"{"url":17}"#, 400),
    ("put", WEBHOOK, "/admin/v1/webhooks/all", MINIMAL, 400),
    ("put", WEBHOOK, "/admin/v1/webhooks/of-file", r#"{"url":"https://a.example"}"#, 409),
    ("post", PAUSE, "/admin/v1/webhooks/crm/pause", "", 200),
    ("post", PAUSE, "/admin/v1/webhooks/other/pause", "", 404),
    ("post", RESUME, "/admin/v1/webhooks/crm/resume", "", 200),
    ("post", RESUME, "/admin/v1/webhooks/other/resume", "", 404),
    ("post", TEST, "/admin/v1/webhooks/crm/test", "", 200),
    ("post", TEST, "/admin/v1/webhooks/other/test", "", 404),
    ("post", REPLAY, "/admin/v1/webhooks/crm/replay", r#"{"from":"2026-01-01T00:00:00Z","until":null}"#, 202),
    ("post", REPLAY, "/admin/v1/webhooks/crm/replay", r#"{"until":"2026-01-01T00:00:00Z"}"#, 400),
    ("get", ATTEMPTS, "/admin/v1/webhooks/crm/attempts?limit=1", "", 200),
    ("get", ATTEMPTS, "/admin/v1/webhooks/crm/attempts?event=x", "", 400),
    ("get", DEAD, "/admin/v1/webhooks/crm/dead", "", 200),
    ("get", DEAD, "/admin/v1/webhooks/other/dead", "", 404),
    ("post", REDELIVER, "/admin/v1/webhooks/crm/dead/redeliver", r#"{"events":["1-1"]}"#, 202),
    ("post", REDELIVER, "/admin/v1/webhooks/crm/dead/redeliver", r#"{"all":true,"events":null}"#, 202),
    ("post", REDELIVER, "/admin/v1/webhooks/crm/dead/redeliver", r#"{"all":true,"events":["1-1"]}"#, 400),
    ("get", WHY, "/admin/v1/webhooks/crm/why?event=1-1", "", 404),
    ("get", WHY, "/admin/v1/webhooks/crm/why", "", 400),
    ("delete", WEBHOOK, "/admin/v1/webhooks/all", "", 204),
    ("delete", WEBHOOK, "/admin/v1/webhooks/of-file", "", 409),
    ("get", CURSORS, CURSORS, "", 200),
    ("get", CURSORS, "/admin/v1/cursors?x=1", "", 400),
    ("put", CURSOR, "/admin/v1/cursors/crm", r#"{"from":"2026-01-01T00:00:00Z"}"#, 200),
    ("put", CURSOR, "/admin/v1/cursors/wall", r#"{"from":"2026-01-01T00:00:00+01:00","reached":null}"#, 200),
    ("put", CURSOR, "/admin/v1/cursors/crm", r#"{"from":"2026-01-01T00:00:00Z","reached":"1-1"}"#, 400),
    ("put", CURSOR, "/admin/v1/cursors/crm", "{}", 400),
    ("put", CURSOR, "/admin/v1/cursors/CRM", r#"{"from":"2026-01-01T00:00:00Z"}"#, 400),
    ("get", CURSORS, CURSORS, "", 200),
    ("get", CURSOR, "/admin/v1/cursors/crm", "", 200),
    ("get", CURSOR, "/admin/v1/cursors/CRM", "", 400),
    ("get", CURSOR, "/admin/v1/cursors/other", "", 404),
    ("delete", CURSOR, "/admin/v1/cursors/CRM", "", 400),
    ("delete", CURSOR, "/admin/v1/cursors/crm", "", 204),
    ("delete", CURSOR, "/admin/v1/cursors/crm", "", 404),
    ("post", ERASE, "/admin/v1/erase?dry_run=true", r#"{"numbers":["+33123401000"]}"#, 200),
    ("post", ERASE, ERASE, r#"{"numbers":["+33123401000"],"users":[],"names":["Zo\u00eb"]}"#, 200),
    ("post", ERASE, "/admin/v1/erase?dry_run=1", r#"{"numbers":["1"]}"#, 400),
    ("post", ERASE, ERASE, r#"{"numbers":[""]}"#, 400),
    ("post", ERASE, ERASE, r#"{"number":["1"]}"#, 400),
];

#[tokio::test]
async fn what_admins_ask_is_taken_and_answered_as_openapi_says() {
    let admins = Admins::new().await;
    admins.calls();
    let document = found(&admins.edge, "/openapi.json").await;
    for (method, pattern, path, body, status) in ADMINS {
        let answer = admins.ask(&method.to_uppercase(), path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.body);
        holds(&document, (method, pattern), &answer);
        let sent = &document["paths"][pattern][method]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(name) = sent.as_str().and_then(|schema| schema.strip_prefix("#/components/schemas/")) else { continue };
        // A name or a query that is wrong says nothing of the body.
        let done = matches!(status, 200..=202);
        let of_body = done
            || path == ERASE
            || body == "{}"
            || body.contains("1-1")
            || (status == 400 && path.contains("webhooks") && body != MINIMAL);
        let right = validator(&document, name).is_valid(&serde_json::from_str(body).unwrap());
        assert!(!of_body || right == done, "{method} {path} {body}");
    }
    for (method, pattern) in described(&document).filter(|(_, path)| path.starts_with("/admin/")) {
        let path = pattern.replace("{name}", "crm");
        for headers in [String::new(), admins.viewers()] {
            let answer = request_at(admins.edge.admin, &method.to_uppercase(), &path, &headers).await;
            assert!(matches!(answer.status, 401 | 403), "{method} {path}: {}", answer.status);
            holds(&document, (method, pattern), &answer);
        }
    }
}

#[tokio::test]
async fn what_was_done_about_events_is_answered_as_openapi_says() {
    let admins = Admins::new().await;
    admins.calls();
    let document = found(&admins.edge, "/openapi.json").await;
    admins.done("POST", WEBHOOKS, &serde_json::from_str(MINIMAL).unwrap()).await;
    admins.attempt(3, 1, 0, Outcome::Retry);
    admins.attempt(3, 2, 422, Outcome::Dead);
    admins.dead(3);
    admins.done("POST", "/admin/v1/webhooks/crm/dead/redeliver", &json!({"all": true})).await;
    admins.control.told().breaker = Breaker::HalfOpen;
    admins.done("POST", "/admin/v1/webhooks/crm/pause", &Value::Null).await;
    admins.webhooks.disable("crm", Disabled { reason: "410".into(), since: Timestamp::now() }).unwrap();
    let why = format!("/admin/v1/webhooks/crm/why?event={}", admins.id(3));
    for (pattern, path) in
        [(WEBHOOK, "/admin/v1/webhooks/crm"), (ATTEMPTS, "/admin/v1/webhooks/crm/attempts?limit=1"), (DEAD, "/admin/v1/webhooks/crm/dead")]
    {
        holds(&document, ("get", pattern), &admins.ask("GET", path, "").await);
    }
    for standing in [
        Standing::Unwanted("line"),
        Standing::NotReadYet,
        Standing::Waiting,
        Standing::Parked { behind: 2 },
        Standing::InFlight,
        Standing::Retrying { attempts: 2, next: Timestamp::now() },
        Standing::Done,
    ] {
        admins.standing(standing);
        let answer = admins.ask("GET", &why, "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        holds(&document, ("get", WHY), &answer);
    }
}
