//! What is sent and answered about webhooks, for OpenAPI.

use serde_json::{Value as Json, json};

use super::history::outcomes;
use super::why::STANDINGS;
use crate::api::components::{count, flag, list, object, or_null, reference, text, text_or_null, time, with_optional, words};
use crate::sinks::webhook::{Death, Fault};

type Member = (&'static str, Json, &'static str);

const NEXT: &str =
    "What to ask for as `page` next; `null` when nothing is left. A page that is short, or empty, and has one is not the last.";
const EVENT: &str = "The event: its `id`.";
const STATUS: &str = "The status of the answer; `null` when none came.";
const FAULT: &str = "Why no answer came; `null` when one did.";

/// All of them, by name.
pub fn all() -> Vec<(&'static str, Json)> {
    vec![
        ("webhook_config", config()),
        ("webhook_state", state()),
        ("webhook_list", object("All webhooks.", &[("webhooks", list(&reference("webhook_state")), "The webhooks, by name.")])),
        ("webhook_test", test()),
        ("webhook_attempt", attempt()),
        ("webhook_attempts", page("attempts", "webhook_attempt", "Attempts, the newest first.")),
        ("webhook_dead", dead()),
        ("webhook_dead_list", page("dead", "webhook_dead", "Dead letters, the newest first.")),
        ("webhook_redeliver", redeliver()),
        ("webhook_redelivered", redelivered()),
        ("webhook_replay", replay()),
        ("webhook_replayed", replayed()),
        ("webhook_why", why()),
    ]
}

/// An object of which anything may be left out, and that has nothing else.
fn table(said: &str, members: &[Member]) -> Json {
    let mut table = with_optional(said, &[], members);
    if let Some(table) = table.as_object_mut() {
        table.insert("additionalProperties".into(), json!(false));
    }
    table
}

fn texts() -> Json {
    list(&text())
}

fn seconds() -> Json {
    json!({"type": "number", "minimum": 0})
}

fn statuses() -> Json {
    list(&json!({"type": "integer", "minimum": 100, "maximum": 999}))
}

fn by_name(of: &Json) -> Json {
    json!({"type": "object", "additionalProperties": of})
}

fn secret() -> Json {
    text_or_null()
}

fn config() -> Json {
    table(
        "What a webhook is told. Whatever is left out is as docs/webhooks.md says. A secret is told as `********`, which, sent back, leaves it as it is.",
        &[
            ("name", text(), "Its name: 1 to 40 small letters, digits, `-` and `_`, a letter or digit first."),
            ("url", secret(), "Where events go. A secret."),
            ("method", text(), "`POST`, `PUT`, `PATCH`, `DELETE` or `GET`, or a template; empty for `POST`."),
            ("headers", by_name(&secret()), "Headers beside callcast's own. Each value is a secret, and a template when it has `{{`."),
            ("filter", filter(), "Which events."),
            ("body", body(), "What the body is."),
            ("signing", signing(), "How it is signed: Standard Webhooks."),
            ("delivery", delivery(), "How fast and how long."),
            ("retry", retry(), "What is done after a failure."),
            ("breaker", breaker(), "When it is left alone."),
            ("network", network(), "What it may be reached by, and whom callcast trusts."),
            ("auth", auth(), "How callcast says who it is: one of these, or none."),
        ],
    )
}

fn filter() -> Json {
    table(
        "What is empty does not limit; what is given has to fit all together.",
        &[
            ("types", texts(), "As `leg.alerting`, `call.*`, `*`; empty for all but `webhook.*`."),
            ("users", texts(), "Ids of users; `*` and `?` stand for what they usually do."),
            ("devices", texts(), "Names of devices, likewise."),
            ("lines", texts(), "Directory numbers, likewise."),
            ("direction", text(), "`inbound` or `outbound`: of the leg or pop, or of the call's first leg. Empty for both."),
            ("expression", text(), "An expression on the event. Empty for none."),
        ],
    )
}

fn body() -> Json {
    table(
        "How events are put into a body.",
        &[
            ("mode", words(&["structured", "binary", "batch", "template"]), "The kind."),
            ("preset", text(), "A template that comes with callcast."),
            ("template", text(), "The template itself."),
            ("template_file", text_or_null(), "A file with it; `null` in what is sent here."),
            ("content_type", text(), "The media type of what the template makes."),
        ],
    )
}

fn signing() -> Json {
    table(
        "Each secret gives a signature, so that old and new are good while they are exchanged.",
        &[
            ("secrets", list(&secret()), "`whsec_…`, each for a `v1` signature."),
            ("ed25519", list(&secret()), "`whsk_…`, each for a `v1a` signature."),
        ],
    )
}

fn delivery() -> Json {
    let seconds_by_type = by_name(&count());
    table(
        "How fast and how long.",
        &[
            ("in_flight", count(), "Requests at a time, never two for one call."),
            ("batch_events", count(), "Events of a batch."),
            ("batch_bytes", count(), "Bytes of a batch, uncompressed."),
            ("connect_seconds", seconds(), "How long a connection may take."),
            ("first_byte_seconds", seconds(), "How long the answer's head may take."),
            ("whole_seconds", seconds(), "How long all may take."),
            ("gzip", flag(), "Compress bodies."),
            ("per_second", count(), "Requests a second; 0 for as many as it takes."),
            ("deadlines_seconds", seconds_by_type, "How long an event is worth delivering, by type. The most exact pattern counts."),
        ],
    )
}

/// Seconds of a pause: without one it would be a loop.
fn pause() -> Json {
    json!({"type": "integer", "minimum": 1})
}

fn retry() -> Json {
    table(
        "What is done after a failure.",
        &[
            ("pauses_seconds", list(&pause()), "Pauses between attempts; the last is repeated."),
            ("jitter", seconds(), "By how much they vary, as a share."),
            ("retry_after_max_seconds", count(), "The longest `Retry-After` that is obeyed."),
            ("dead_statuses", statuses(), "Statuses that make that one event a dead letter."),
            ("breaker_statuses", statuses(), "Statuses that open the breaker; the event is tried again."),
            ("disable_statuses", statuses(), "Statuses that disable the webhook."),
        ],
    )
}

fn breaker() -> Json {
    table(
        "When a webhook is left alone.",
        &[
            ("failures", count(), "Failures in a row that open it."),
            ("pause_seconds", pause(), "How long it stays open before one request is tried; doubled each time that fails."),
            ("pause_max_seconds", count(), "The longest such pause."),
            ("disable_after_hours", count(), "After so many hours of nothing but failure the webhook is disabled; 0 for never."),
        ],
    )
}

fn network() -> Json {
    table(
        "What a webhook may be reached by, and whom callcast trusts.",
        &[
            ("allow", texts(), "Networks that are refused unless they stand here, as `10.0.0.0/8`."),
            ("ca_file", text_or_null(), "Authorities that sign its certificate; `null` in what is sent here."),
            ("pins", texts(), "Public keys that it may have, as `sha256/` and Base64."),
            ("certificate_file", text_or_null(), "callcast's certificate; `null` in what is sent here."),
            ("key_file", text_or_null(), "Its key; `null` in what is sent here."),
            ("http2", flag(), "HTTP/2 where it is offered."),
        ],
    )
}

fn auth() -> Json {
    let basic = table("HTTP Basic.", &[("user", text(), "The name."), ("password", secret(), "The password.")]);
    let oauth2 = table(
        "OAuth 2.0 client credentials.",
        &[
            ("token_url", text(), "Where a token is fetched."),
            ("client_id", text(), "Who callcast is."),
            ("client_secret", secret(), "What proves it."),
            ("scope", text(), "What is asked for; empty for what there is."),
            ("audience", text(), "For whom the token is; empty for whom it usually is."),
            ("secret_in_body", flag(), "The secret goes into the body instead of a Basic header."),
        ],
    );
    table(
        "One of these, or none.",
        &[
            ("basic", or_null(&basic), "A name and a password."),
            ("bearer", secret(), "A token."),
            ("oauth2", or_null(&oauth2), "A token that is fetched."),
        ],
    )
}

fn state() -> Json {
    let paused = object("Who paused it.", &[("by", text(), "The account."), ("since", time(), "Since when.")]);
    let disabled = object("Why callcast gave it up.", &[("reason", text(), "In words."), ("since", time(), "Since when.")]);
    object(
        "A webhook.",
        &[
            ("name", text(), "Its name."),
            ("source", words(&["file", "api"]), "Where it comes from. Only those of the API can be changed here."),
            ("file", text_or_null(), "The configuration's file that it is in."),
            ("origin", text_or_null(), "Scheme, host and port of where events go; `null` when that cannot be read."),
            ("paused", or_null(&paused), "That somebody paused it."),
            ("disabled", or_null(&disabled), "That callcast gave it up, until somebody resumes it."),
            ("status", or_null(&status()), "How it stands; `null` when it is not run yet."),
            ("config", reference("webhook_config"), "What it is told."),
        ],
    )
}

fn status() -> Json {
    let last = object(
        "An attempt.",
        &[
            ("at", time(), "When it was over."),
            ("status", status_code(), STATUS),
            ("fault", fault(), FAULT),
            ("text", text(), "The fault in words; empty when there was none."),
        ],
    );
    object(
        "How a webhook stands.",
        &[
            ("state", words(&["running", "paused", "disabled"]), "Whether it gets anything."),
            ("breaker", words(&["closed", "open", "half_open"]), "Whether it is left alone for a while after failures."),
            ("opened_at", or_null(&time()), "Since when the breaker is open."),
            ("next_probe", or_null(&time()), "When it is tried again."),
            ("lag_events", count(), "Events that are not done: not looked at yet, or waiting."),
            ("lag_seconds", seconds(), "How old the oldest of them is."),
            ("in_flight", count(), "Requests that are on their way."),
            ("waiting", count(), "Events that wait for their turn."),
            ("parked", count(), "Events that wait for one of their own call, or for their next attempt."),
            ("delivered", count(), "Events that were taken since the start."),
            ("failed", count(), "Attempts that failed since the start."),
            ("dead", count(), "Events that became dead letters since the start."),
            ("last_success", or_null(&last), "The last attempt that was taken."),
            ("last_failure", or_null(&last), "The last that failed."),
        ],
    )
}

fn status_code() -> Json {
    json!({"type": ["integer", "null"], "minimum": 100, "maximum": 999})
}

fn fault() -> Json {
    let faults: Vec<&str> = Fault::ALL.iter().map(|fault| fault.as_str()).collect();
    or_null(&words(&faults))
}

fn test() -> Json {
    object(
        "How a test went.",
        &[
            ("delivered", flag(), "It was taken: the status is 2xx."),
            ("status", status_code(), STATUS),
            ("fault", fault(), FAULT),
            ("text", text(), "The fault in words; empty when there was none."),
            ("seconds", seconds(), "How long it took."),
        ],
    )
}

fn attempt() -> Json {
    object(
        "An attempt.",
        &[
            ("at", time(), "When it began."),
            ("event", text(), EVENT),
            ("attempt", count(), "Which attempt at this event, from 1."),
            ("outcome", words(&outcomes()), "What became of it."),
            ("status", status_code(), STATUS),
            ("fault", fault(), FAULT),
            ("seconds", seconds(), "How long it took."),
        ],
    )
}

fn dead() -> Json {
    let reasons: Vec<&str> = Death::ALL.iter().map(|death| death.as_str()).collect();
    object(
        "An event that is not tried any more.",
        &[
            ("at", time(), "When it was given up."),
            ("event", text(), EVENT),
            ("reason", words(&reasons), "Why."),
            ("status", status_code(), "The last status; `null` when no answer ever came."),
            ("attempts", count(), "Attempts that were made."),
            ("redelivered", or_null(&time()), "When somebody last had it sent once more."),
        ],
    )
}

fn page(name: &str, of: &str, said: &str) -> Json {
    object(said, &[(name, list(&reference(of)), said), ("next", text_or_null(), NEXT)])
}

/// Exactly one of these members, the others left out or `null`.
fn one_of(mut schema: Json, either: &Json) -> Json {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("oneOf".into(), either.clone());
    }
    schema
}

fn redeliver() -> Json {
    let ids = json!({"type": ["array", "null"], "minItems": 1, "items": {"type": "string", "pattern": "^[0-9]+-[0-9]+$"}});
    let members =
        [("events", ids, "Ids of events."), ("all", json!({"type": ["boolean", "null"]}), "All that were not sent once more yet.")];
    let events = json!({"required": ["events"], "properties": {"events": {"type": "array"}, "all": {"enum": [false, null]}}});
    let all = json!({"required": ["all"], "properties": {"events": {"type": "null"}, "all": {"const": true}}});
    one_of(table("Which dead letters are sent once more: one of the two.", &members), &json!([events, all]))
}

fn redelivered() -> Json {
    object(
        "What is sent once more.",
        &[
            ("redelivered", count(), "How many events."),
            ("gone", texts(), "Events that are no longer in the journal."),
            ("left", flag(), "There are more: ask again."),
        ],
    )
}

fn replay() -> Json {
    let place = "A time, a cursor, or the id of an event";
    let mut replay = with_optional(
        "Which events are sent once more, as far as the webhook wants them.",
        &[("from", text(), &format!("{place}: the first, or the last before the first for a cursor."))],
        &[("until", text_or_null(), &format!("{place}: the last; for a time, the last before it. Left out for the newest."))],
    );
    if let Some(replay) = replay.as_object_mut() {
        replay.insert("additionalProperties".into(), json!(false));
    }
    replay
}

fn replayed() -> Json {
    object(
        "What is sent once more.",
        &[
            ("from", count(), "The sequence of the first event that is looked at."),
            ("until", count(), "That of the last."),
            ("events", count(), "How many events are looked at."),
        ],
    )
}

fn why() -> Json {
    let standing = json!({"oneOf": STANDINGS.map(|(word, meaning)| json!({"const": word, "description": meaning}))});
    object(
        "How an event stands with a webhook.",
        &[
            ("event", text(), EVENT),
            ("type", text_or_null(), "Its type; `null` when it is no longer in the journal, or was erased."),
            ("wanted", json!({"type": ["boolean", "null"]}), "Whether the filter wants it; `null` when nobody knows."),
            (
                "unwanted_by",
                text_or_null(),
                "The part of the filter that does not want it: `type`, `user`, `device`, `line`, `direction` or `expression`; or `erased`: there is nothing left of it.",
            ),
            ("standing", standing, "How it stands now."),
            ("behind", text_or_null(), "The event that it waits for."),
            ("next", or_null(&time()), "When it is tried again."),
            ("attempts", list(&reference("webhook_attempt")), "Attempts at it, the newest first."),
            ("dead", or_null(&reference("webhook_dead")), "That it is a dead letter."),
            ("text", text(), "All that in words."),
        ],
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sinks::webhook::Config;

    fn keys(of: &Json) -> BTreeSet<&str> {
        of.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schema_has_just_the_keys_that_a_webhook_has() {
        let full = json!({"name": "a", "auth": {"basic": {}, "oauth2": {}}});
        let config = serde_json::to_value(serde_json::from_value::<Config>(full).unwrap()).unwrap();
        let schema = super::config();
        assert_eq!(keys(&schema["properties"]), keys(&config));
        for (key, value) in config.as_object().unwrap().iter().filter(|(key, value)| value.is_object() && *key != "headers") {
            assert_eq!(keys(&schema["properties"][key]["properties"]), keys(value), "{key}");
        }
        for key in ["basic", "oauth2"] {
            let described = &schema["properties"]["auth"]["properties"][key]["anyOf"][0]["properties"];
            assert_eq!(keys(described), keys(&config["auth"][key]), "{key}");
        }
    }
}
