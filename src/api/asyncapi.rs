//! `/asyncapi.json`: what is spoken on the WebSocket, as AsyncAPI 3.0, from the gateway's point of view.

use std::sync::LazyLock;

use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Map, Value as Json, json};

use super::components::reference;
use super::frames::{self, FRAMES, Frame, From};
use super::respond::{self, Body};
use super::routes::Call;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| serde_json::to_vec_pretty(&document()).unwrap_or_default().into());

/// `/asyncapi.json`
pub async fn serve(call: Call) -> Response<Body> {
    respond::unchanging(call.request.headers(), "application/json", DOCUMENT.clone())
}

/// The channel on which a frame is sent.
const CALLCAST: &str = "callcast";
const CLOUDEVENTS: &str = "cloudevents";
const STREAM: &str = "stream";
/// What is told in a stream beside events.
const IN_STREAM: [&str; 5] = ["subscribed", "snapshot", "live", "gap", "error"];

/// The whole document.
fn document() -> Json {
    let host = json!({"default": "localhost:8080", "description": "Where the API listens: `api.listen`."});
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "callcast",
            "version": env!("CARGO_PKG_VERSION"),
            "description": env!("CARGO_PKG_DESCRIPTION"),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"gateway": server(&host, "ws"), "stream": server(&host, "http")},
        "channels": channels(),
        "operations": operations(),
        "components": {
            "schemas": frames::schemas(),
            "messages": messages(),
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "In the handshake, or as the subprotocol `bearer.TOKEN`, or in the first message. Where no access is configured none is needed.",
            }},
        },
    })
}

fn server(host: &Json, protocol: &str) -> Json {
    json!({
        "host": "{host}",
        "protocol": protocol,
        "description": format!("With `api.tls` it is `{protocol}s`."),
        "variables": {"host": host},
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
    })
}

fn messages() -> Map<String, Json> {
    let frames = FRAMES.iter().map(|frame| {
        let schema = reference(&frame.name());
        (frame.op.to_owned(), json!({"name": frame.op, "summary": frame.text, "payload": schema}))
    });
    let bare = json!({"name": "cloudevent", "summary": "An event, as a CloudEvent.", "contentType": "application/cloudevents+json", "payload": reference("event")});
    frames.chain([("cloudevent".to_owned(), bare)]).collect()
}

fn message(name: &str) -> Json {
    json!({"$ref": format!("#/components/messages/{name}")})
}

fn in_channel(channel: &str, name: &str) -> Json {
    json!({"$ref": format!("#/channels/{channel}/messages/{name}")})
}

fn channel(name: &str) -> Json {
    json!({"$ref": format!("#/channels/{name}")})
}

fn channels() -> Json {
    let frames: Map<String, Json> = FRAMES.iter().map(|frame| (frame.op.to_owned(), message(frame.op))).collect();
    let text = json!({"type": "string"});
    let query = json!({
        "type": "object",
        "properties": {"device": text, "line": text, "user": text, "all": {"type": "boolean"}, "type": text, "after": text},
    });
    json!({
        CALLCAST: {
            "address": "/v1/ws",
            "title": "callcast.v1",
            "servers": [{"$ref": "#/servers/gateway"}],
            "description": "The subprotocol `callcast.v1`: one JSON object in each text frame. An event that several subscriptions match comes once.",
            "messages": frames,
            "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        },
        CLOUDEVENTS: {
            "address": "/v1/ws",
            "title": "cloudevents.json",
            "servers": [{"$ref": "#/servers/gateway"}],
            "description": "The subprotocol `cloudevents.json`: bare CloudEvents, one in each text frame, of what the query asks for; `device`, `line`, `user` and `type` may stand in it several times. A client says nothing.",
            "messages": {"cloudevent": message("cloudevent")},
            "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        },
        STREAM: {
            "address": "/v1/events",
            "title": "Server-sent events",
            "description": "`text/event-stream` of what the query asks for, as above; /openapi.json has its parameters. An event's `id` is its cursor, its `event` the type; the other messages have their `op` as `event`.",
            "servers": [{"$ref": "#/servers/stream"}],
            "messages": IN_STREAM.iter().chain(&["cloudevent"]).map(|name| ((*name).to_owned(), message(name))).collect::<Map<String, Json>>(),
        },
    })
}

fn operations() -> Map<String, Json> {
    let own = FRAMES.iter().filter(|frame| frame.from != From::Client && !matches!(frame.from, From::Answer(_)));
    let asked = FRAMES.iter().filter(|frame| frame.from == From::Client).map(|frame| (frame.op.to_owned(), asked(frame)));
    let told = own.map(|frame| {
        let sent =
            json!({"action": "send", "channel": channel(CALLCAST), "summary": frame.text, "messages": [in_channel(CALLCAST, frame.op)]});
        (frame.op.to_owned(), sent)
    });
    let bare = json!({"action": "send", "channel": channel(CLOUDEVENTS), "summary": "Something happened.", "messages": [in_channel(CLOUDEVENTS, "cloudevent")]});
    let in_stream: Vec<Json> = IN_STREAM.iter().chain(&["cloudevent"]).map(|name| in_channel(STREAM, name)).collect();
    let stream =
        json!({"action": "send", "channel": channel(STREAM), "summary": "How things stand, and what happens.", "messages": in_stream});
    asked.chain(told).chain([("cloudevent".to_owned(), bare), ("stream".to_owned(), stream)]).collect()
}

/// What a client asks, with what is answered.
fn asked(frame: &Frame) -> Json {
    let answers = FRAMES.iter().filter(|answer| answer.from == From::Answer(frame.op)).map(|answer| in_channel(CALLCAST, answer.op));
    let answers: Vec<Json> = answers.chain([in_channel(CALLCAST, "error")]).collect();
    json!({
        "action": "receive",
        "channel": channel(CALLCAST),
        "summary": frame.text,
        "messages": [in_channel(CALLCAST, frame.op)],
        "reply": {"channel": channel(CALLCAST), "messages": answers},
    })
}
