//! `/openapi.json`: the HTTP API as OpenAPI 3.1, made from the table of routes. What each of them answers stands here.

use std::sync::LazyLock;

use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Map, Value as Json, json};

use super::components::{self, reference};
use super::query::{DEFAULT_LIMIT, Kind, MAX_LIMIT, MAX_VALUE, Parameter};
use super::respond::{self, Body};
use super::routes::{ADMIN_ROUTES, Access, Call, ROUTES, Route};

/// What an operation answers when all is well, and what else beside the errors that follow from its route.
struct Answers {
    operation: &'static str,
    /// What stands for the name in the path.
    name: Option<&'static str>,
    status: &'static str,
    text: &'static str,
    content: Content,
    errors: &'static [(&'static str, &'static str)],
    /// The schema of what is sent, and what that is.
    body: Option<(&'static str, &'static str)>,
}

enum Content {
    /// JSON of this schema.
    Json(&'static str),
    /// A document for which no schema of ours stands.
    Document(&'static str),
    /// Text.
    Text,
    /// Server-sent events.
    Stream,
    /// Nothing.
    Nothing,
}

const NO_LOG: (&str, &str) = ("503", "The log cannot be read now.");
const UNCHANGED: (&str, &str) = ("304", "It is what the client has already (`If-None-Match`).");

const fn answers(
    operation: &'static str,
    text: &'static str,
    content: Content,
    errors: &'static [(&'static str, &'static str)],
) -> Answers {
    Answers { operation, name: None, status: "200", text, content, errors, body: None }
}

const fn named(
    operation: &'static str,
    name: &'static str,
    text: &'static str,
    content: Content,
    errors: &'static [(&'static str, &'static str)],
) -> Answers {
    Answers { operation, name: Some(name), status: "200", text, content, errors, body: None }
}

const fn of_webhook(
    operation: &'static str,
    status: &'static str,
    text: &'static str,
    content: Content,
    errors: &'static [(&'static str, &'static str)],
    body: Option<(&'static str, &'static str)>,
) -> Answers {
    Answers { operation, name: Some("The webhook's name."), status, text, content, errors, body }
}

const NO_WEBHOOK: (&str, &str) = ("404", "There is no such webhook.");
const OF_FILE: (&str, &str) = ("409", "It is in the configuration's file, which is named: change it there.");
const NO_STORE: (&str, &str) =
    ("503", "The disk refuses, there are no webhooks here, or the keys to check the token with cannot be had now.");
const BAD_WEBHOOK: (&str, &str) = ("400", "It is no webhook that can work, or leads to files or the environment.");
const BAD_BODY: (&str, &str) = ("400", "The body is not what is understood.");
const BAD_ADDRESS: (&str, &str) = ("400", "Something is wrong with the address.");

const CURSOR_NAME: &str = "The cursor's name: up to 64 small letters, digits, `-`, `_` and `.`, a letter or digit first.";
const BAD_NAME: (&str, &str) = ("400", "No cursor can have this name.");
const NO_CURSOR: (&str, &str) = ("404", "There is no such cursor.");
const DAMAGED: (&str, &str) = ("409", "The cursor's file is damaged or of a newer version: set it again, or delete it.");
const TOO_LONG: (&str, &str) = ("413", "The body is too long.");
const SLOW: (&str, &str) = ("408", "The body did not come in time.");
const NO_DISK: (&str, &str) = ("503", "The disk refuses, or the keys to check the token with cannot be had now.");

/// In the order of the routes.
const ANSWERS: &[Answers] = &[
    answers("listDevices", "A page of devices.", Content::Json("device_list"), &[]),
    named(
        "getDevice",
        "The device's name in the cluster, as `SEP001122334455`.",
        "The device.",
        Content::Json("api_device"),
        &[("404", "There is no such device that may be seen.")],
    ),
    named("getUser", "The user id.", "The user.", Content::Json("api_user"), &[("404", "There is no such user who may be seen.")]),
    answers("listCalls", "A page of calls.", Content::Json("call_list"), &[NO_LOG]),
    named(
        "getCall",
        "The `call_id`: a UUID.",
        "The story.",
        Content::Json("call_story"),
        &[("404", "There is no such call that may be seen; it may be older than what is kept."), NO_LOG],
    ),
    answers("getMe", "The account and its scope.", Content::Json("me"), &[]),
    Answers {
        operation: "openWebSocket",
        name: None,
        status: "101",
        text: "The socket is open. A token may also come as the subprotocol `bearer.TOKEN`, or in the first message.",
        content: Content::Nothing,
        errors: &[
            ("400", "No subprotocol of ours was offered."),
            ("401", "The token is not taken."),
            ("403", "The page that asks may not (`api.allowed_origins`)."),
            ("426", "This is no WebSocket handshake."),
            ("429", "The account has as many connections as it may have, or too many tokens were refused."),
            ("503", "There are as many clients as there may be, or the gateway stops."),
        ],
        body: None,
    },
    answers(
        "streamEvents",
        "The stream, until the token is over, the client falls behind or the gateway stops. `event` is the type of an event, or the `op` of a \
         frame as on the WebSocket; `id` is the cursor.",
        Content::Stream,
        &[
            ("400", "The query asks for what there is not, or for nothing."),
            ("403", "A device, line or user is not among what the token may see, or does not exist."),
            ("429", "The account has as many connections as it may have, or too many tokens were refused."),
            ("503", "There are as many clients as there may be, or the keys to check the token with cannot be had now."),
        ],
    ),
    answers("getConfig", "The page's settings.", Content::Json("config"), &[]),
    answers("getOpenApi", "This document.", Content::Document("application/json"), &[UNCHANGED]),
    answers("getAsyncApi", "The document.", Content::Document("application/json"), &[UNCHANGED]),
    answers("listSchemas", "The index.", Content::Json("schema_index"), &[UNCHANGED]),
    named(
        "getSchema",
        "The schema's name and `.json`.",
        "A JSON Schema, draft 2020-12.",
        Content::Document("application/schema+json"),
        &[UNCHANGED, ("404", "There is no such schema.")],
    ),
    answers("getHealth", "It answers.", Content::Json("alive"), &[]),
    answers("getReadiness", "It is ready.", Content::Json("readiness"), &[]),
    answers("getMetrics", "The metrics.", Content::Text, &[]),
    answers("listCursors", "All cursors, by name.", Content::Json("cursor_list"), &[NO_DISK]),
    named("getCursor", CURSOR_NAME, "The cursor.", Content::Json("cursor"), &[BAD_NAME, NO_CURSOR, DAMAGED, NO_DISK]),
    Answers {
        body: Some(("cursor_place", "Where it is to be: one of the two.")),
        ..named(
            "setCursor",
            CURSOR_NAME,
            "The cursor as it is now; nothing is parked.",
            Content::Json("cursor"),
            &[("400", "No cursor can have this name, or the body is not what is understood."), SLOW, TOO_LONG, NO_DISK],
        )
    },
    Answers { status: "204", ..named("deleteCursor", CURSOR_NAME, "It is gone.", Content::Nothing, &[BAD_NAME, NO_CURSOR, NO_DISK]) },
    Answers {
        body: Some(("erase_request", "Of whom nothing is to be kept. An event that has any of these goes.")),
        ..answers(
            "erase",
            "What was erased, or would be. Calls that are up are shown until they are over.",
            Content::Json("erased"),
            &[
                ("400", "Something is wrong with the address, or the body is not what is understood."),
                SLOW,
                ("409", "Something is being erased now."),
                TOO_LONG,
                ("503", "The disk refuses, or the keys to check the token with cannot be had now. What was erased until then is erased."),
            ],
        )
    },
    answers("listWebhooks", "All webhooks, by name.", Content::Json("webhook_list"), &[NO_STORE]),
    Answers {
        status: "201",
        body: Some(("webhook_config", "The webhook.")),
        ..answers(
            "addWebhook",
            "The webhook.",
            Content::Json("webhook_state"),
            &[BAD_WEBHOOK, SLOW, ("409", "There is one of that name, or there are too many."), TOO_LONG, NO_STORE],
        )
    },
    of_webhook("getWebhook", "200", "The webhook.", Content::Json("webhook_state"), &[NO_WEBHOOK, NO_STORE], None),
    of_webhook(
        "setWebhook",
        "200",
        "The webhook.",
        Content::Json("webhook_state"),
        &[BAD_WEBHOOK, NO_WEBHOOK, SLOW, OF_FILE, TOO_LONG, NO_STORE],
        Some(("webhook_config", "The whole webhook. What is a secret may be sent as it was told: then it stays.")),
    ),
    of_webhook("deleteWebhook", "204", "It is gone.", Content::Nothing, &[NO_WEBHOOK, OF_FILE, NO_STORE], None),
    of_webhook("pauseWebhook", "200", "The webhook.", Content::Json("webhook_state"), &[NO_WEBHOOK, NO_STORE], None),
    of_webhook(
        "resumeWebhook",
        "200",
        "The webhook.",
        Content::Json("webhook_state"),
        &[("400", "Something is wrong with the address, or the webhook cannot work."), NO_WEBHOOK, NO_STORE],
        None,
    ),
    of_webhook("testWebhook", "200", "How it went.", Content::Json("webhook_test"), &[NO_WEBHOOK, NO_STORE], None),
    of_webhook(
        "replayWebhook",
        "202",
        "It is under way.",
        Content::Json("webhook_replayed"),
        &[BAD_BODY, NO_WEBHOOK, SLOW, ("409", "Another replay is under way, or it is paused or disabled."), TOO_LONG, NO_STORE],
        Some(("webhook_replay", "From where to where.")),
    ),
    of_webhook(
        "listWebhookAttempts",
        "200",
        "A page of attempts.",
        Content::Json("webhook_attempts"),
        &[BAD_ADDRESS, NO_WEBHOOK, NO_STORE],
        None,
    ),
    of_webhook(
        "listWebhookDead",
        "200",
        "A page of dead letters.",
        Content::Json("webhook_dead_list"),
        &[BAD_ADDRESS, NO_WEBHOOK, NO_STORE],
        None,
    ),
    of_webhook(
        "redeliverWebhookDead",
        "202",
        "It is under way.",
        Content::Json("webhook_redelivered"),
        &[BAD_BODY, NO_WEBHOOK, SLOW, ("409", "It is paused or disabled."), TOO_LONG, NO_STORE],
        Some(("webhook_redeliver", "Which.")),
    ),
    of_webhook(
        "explainWebhookEvent",
        "200",
        "How it stands.",
        Content::Json("webhook_why"),
        &[BAD_ADDRESS, ("404", "There is no such webhook, or nothing is known of the event."), NO_STORE],
        None,
    ),
];

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| serde_json::to_vec_pretty(&document()).unwrap_or_default().into());

/// `/openapi.json`
pub async fn serve(call: Call) -> Response<Body> {
    respond::unchanging(call.request.headers(), "application/json", DOCUMENT.clone())
}

/// Everything that is served, each operation once: some are on both listeners.
fn routes() -> impl Iterator<Item = &'static Route> {
    let on_both = |route: &&Route| ROUTES.iter().any(|other| other.operation == route.operation);
    ROUTES.iter().chain(ADMIN_ROUTES.iter().filter(move |route| !on_both(route)))
}

/// The whole document.
fn document() -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for route in routes() {
        let Some(item) = paths.entry(route.path).or_insert_with(|| json!({})).as_object_mut() else { continue };
        item.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        if !ROUTES.iter().any(|on_both| on_both.path == route.path) {
            item.insert("servers".into(), json!([{"url": "http://localhost:9090", "description": "The admin listener: `admin.listen`."}]));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "callcast",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The API's listener: `api.listen`."}],
        "paths": paths,
        "components": {
            "schemas": components::answers(),
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A JWT or an API token. Where no access is configured none is needed.",
            }},
        },
    })
}

fn operation(route: &Route) -> Json {
    let mut operation = Map::from_iter([
        ("operationId".to_owned(), json!(route.operation)),
        ("summary".to_owned(), json!(route.summary)),
        ("responses".to_owned(), responses(route).into()),
    ]);
    let answers = ANSWERS.iter().find(|answers| answers.operation == route.operation);
    let name = name_in(route.path).zip(answers.and_then(|answers| answers.name));
    let in_path =
        name.map(|(name, text)| json!({"name": name, "in": "path", "required": true, "description": text, "schema": {"type": "string"}}));
    let in_query = route.parameters.unwrap_or_default().iter().map(parameter);
    let of_stream = if route.operation == "streamEvents" { stream_parameters() } else { Vec::new() };
    let parameters: Vec<Json> = in_path.into_iter().chain(in_query).chain(of_stream).collect();
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some((schema, text)) = answers.and_then(|answers| answers.body) {
        let content = json!({"application/json": {"schema": reference(schema)}});
        operation.insert("requestBody".into(), json!({"description": text, "required": true, "content": content}));
    }
    match route.access {
        Access::Public => {}
        Access::User | Access::Admin => drop(operation.insert("security".into(), json!([{"bearer": []}]))),
        Access::Itself => drop(operation.insert("security".into(), json!([{"bearer": []}, {}]))),
    }
    operation.into()
}

/// What a stream may be asked for: it reads its own query, in which names may stand several times.
fn stream_parameters() -> Vec<Json> {
    let several = |name: &str, text: &str| json!({"name": name, "in": "query", "description": text, "schema": {"type": "array", "items": {"type": "string"}}, "explode": true});
    let one = |place: &str, name: &str, schema: Json, text: &str| json!({"name": name, "in": place, "description": text, "schema": schema});
    let text = json!({"type": "string"});
    vec![
        several("device", "Names of devices."),
        several("line", "Directory numbers."),
        several("user", "Ids of users."),
        one("query", "all", json!({"type": "boolean"}), "All that may be seen."),
        several("type", "Only events of these types, as `leg.alerting`, or families, as `leg.*`."),
        one("query", "after", text.clone(), "The last cursor that was seen: what was missed since is told first."),
        one("header", "Last-Event-ID", text, "The same, as browsers send it when they connect again; it counts more."),
    ]
}

fn name_in(path: &str) -> Option<&str> {
    path.split_once('{')?.1.split_once('}').map(|(name, _)| name)
}

fn parameter(parameter: &Parameter) -> Json {
    let schema = match parameter.kind {
        Kind::Text => json!({"type": "string", "minLength": 1, "maxLength": MAX_VALUE}),
        Kind::Page => json!({"type": "string"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Word(words) => json!({"type": "string", "enum": words()}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Limit => json!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    };
    json!({"name": parameter.name, "in": "query", "description": parameter.text, "schema": schema})
}

fn responses(route: &Route) -> Map<String, Json> {
    let mut responses = Map::new();
    let error = |text: &str| json!({"description": text, "content": {"application/json": {"schema": reference("error")}}});
    let mut refused = |status: &str, text: &str| drop(responses.insert(status.into(), error(text)));
    refused("421", "The `Host` is not one of ours.");
    if route.parameters.is_some() {
        refused("400", "Something is wrong with the address.");
    }
    if matches!(route.access, Access::User | Access::Admin) {
        refused("401", "A token is needed, or the one that came is not taken.");
        refused("429", "Too many tokens were refused from this address.");
        refused("500", "A mistake of callcast's.");
        refused("503", "The keys to check the token with cannot be had now.");
    }
    if route.access == Access::Admin {
        refused("403", "The token has no admin rights, or no access is configured.");
    }
    let Some(answers) = ANSWERS.iter().find(|answers| answers.operation == route.operation) else { return responses };
    for (status, text) in answers.errors {
        let response = if *status == "304" { json!({"description": text}) } else { error(text) };
        responses.insert((*status).into(), response);
    }
    let content = match answers.content {
        Content::Json(schema) => Some(("application/json", reference(schema))),
        Content::Document(kind) => Some((kind, json!({"type": "object"}))),
        Content::Text => Some(("text/plain", json!({"type": "string"}))),
        Content::Stream => Some(("text/event-stream", json!({"type": "string"}))),
        Content::Nothing => None,
    };
    let mut answer = json!({"description": answers.text});
    if let (Some((kind, schema)), Some(answer)) = (content, answer.as_object_mut()) {
        answer.insert("content".into(), json!({kind: {"schema": schema}}));
    }
    if route.operation == "getReadiness" {
        let mut not_ready = answer.clone();
        if let Some(not_ready) = not_ready.as_object_mut() {
            not_ready.insert("description".into(), json!("It is not, and the body says why."));
        }
        responses.insert("503".into(), not_ready);
    }
    responses.insert(answers.status.into(), answer);
    responses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_described_and_what_is_described_is_served() {
        let served: Vec<&str> = routes().map(|route| route.operation).collect();
        let described: Vec<&str> = ANSWERS.iter().map(|answers| answers.operation).collect();
        assert_eq!(served, described);
        for (route, answers) in routes().zip(ANSWERS) {
            assert_eq!(name_in(route.path).is_some(), answers.name.is_some(), "{}", route.path);
            assert_eq!(document()["paths"][route.path][route.method.as_str().to_ascii_lowercase()]["operationId"], route.operation);
        }
        let paths = document()["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum::<usize>();
        let only_for_admins = document()["paths"].as_object().unwrap().values().filter(|item| item.get("servers").is_some()).count();
        assert_eq!(paths, routes().count() + only_for_admins);
        assert!(routes().all(|route| route.method != hyper::Method::HEAD), "what understands GET understands HEAD");
    }

    #[test]
    fn what_a_stream_can_be_asked_for_is_described() {
        let described = stream_parameters();
        let in_query: Vec<&str> = described.iter().filter(|p| p["in"] == "query").map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(in_query, crate::sinks::asked::KEYS);
    }
}
