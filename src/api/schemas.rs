//! `/schemas/`: the JSON Schemas of events, and an index of them.

use std::sync::LazyLock;

use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value as Json, json};

use super::respond::{self, Body};
use super::routes::Call;
use crate::event::EventType;
use crate::schemas::{self, ENVELOPE, Object, SCHEMAS};

/// A new version of callcast may add to them: nobody is to keep one for longer than this without asking.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The schemas by name, and the index under the empty name; made when the first is asked for.
static SERVED: LazyLock<Vec<(&str, Bytes)>> = LazyLock::new(|| {
    let data = SCHEMAS.iter().map(|object| (object.name, text(&schemas::data_schema(object))));
    [("", text(&index())), (ENVELOPE.name, text(&schemas::envelope()))].into_iter().chain(data).collect()
});

/// The route of `/schemas/…`.
pub async fn serve(call: Call) -> Response<Body> {
    let path = call.request.uri().path();
    answer(path, call.request.headers()).unwrap_or_else(|| not_found(path))
}

/// What is at a path; none when it is not one of ours.
pub fn answer(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    let asked = path.strip_prefix("/schemas")?;
    let name = match asked {
        "" | "/" => Some(""),
        asked => asked.strip_prefix('/')?.strip_suffix(".json").filter(|name| !name.is_empty()),
    };
    let served = name.and_then(|name| SERVED.iter().find(|(known, _)| *known == name));
    let Some((name, text)) = served else { return Some(not_found(asked)) };
    let content_type = if name.is_empty() { "application/json" } else { "application/schema+json" };
    let mut response = respond::unchanging(request, content_type, text.clone());
    response.headers_mut().insert(CACHE_CONTROL, CACHE);
    Some(response)
}

fn not_found(asked: &str) -> Response<Body> {
    let there: Vec<String> = paths().collect();
    let message = format!("there is no schema at /schemas{asked}; there are {} and an index of them, /schemas/", there.join(", "));
    respond::problem(StatusCode::NOT_FOUND, "no_such_schema", &message)
}

fn paths() -> impl Iterator<Item = String> {
    std::iter::once(&ENVELOPE).chain(&SCHEMAS).map(path)
}

fn path(object: &Object) -> String {
    format!("/schemas/{}.json", object.name)
}

/// Every schema, and which type of event has which.
fn index() -> Json {
    let schema =
        |object: &Object| json!({"name": object.name, "path": path(object), "id": schemas::urn(object.name), "description": object.text});
    let schemas: Vec<Json> = std::iter::once(&ENVELOPE).chain(&SCHEMAS).map(schema).collect();
    let kind = |kind: &EventType| json!({"type": kind.as_str(), "dataschema": kind.schema(), "description": kind.meaning()});
    let types: Vec<Json> = EventType::ALL.iter().map(kind).collect();
    json!({"schemas": schemas, "types": types})
}

/// As people read it: most that ask for a schema are people.
fn text(schema: &Json) -> Bytes {
    // With string keys alone nothing can fail.
    serde_json::to_vec_pretty(schema).unwrap_or_default().into()
}
