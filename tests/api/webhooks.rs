//! What admins do about webhooks, against something that delivers nothing: what is kept, told and refused, and what is answered about events.

use std::time::Duration;

use callcast::journal::Sequence;
use callcast::sinks::webhook::control::{Breaker, Disabled, NotAgain, Standing};
use callcast::sinks::webhook::{Attempt, DeadLetter, Death, Fault, MASK, Outcome};
use callcast::time::Timestamp;
use serde_json::{Value, json};

use crate::ask::request_at;
use crate::fake::AT;
use crate::upkeep::Admins;

const WEBHOOKS: &str = "/admin/v1/webhooks";
const CRM: &str = "/admin/v1/webhooks/crm";
const OF_FILE: &str = "/admin/v1/webhooks/of-file";

fn crm() -> Value {
    json!({"name": "crm", "url": "https://crm.example/secret-path", "signing": {"secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}, "auth": {"bearer": "secret-token"}})
}

/// Admins with a webhook that the API made, and calls in the log.
async fn admins() -> Admins {
    let admins = Admins::new().await;
    admins.calls();
    admins.done("POST", WEBHOOKS, &crm()).await;
    admins
}

impl Admins {
    pub fn id(&self, sequence: Sequence) -> String {
        format!("{}-{sequence}", self.edge.gateway.reader().epoch())
    }

    pub fn attempt(&self, sequence: Sequence, number: u16, status: u16, outcome: Outcome) {
        let fault = (status == 0).then_some(Fault::FirstByteTimeout);
        let (at, epoch, took) = (Timestamp::now(), self.edge.gateway.reader().epoch(), Duration::from_millis(5));
        let attempt = Attempt { at, epoch, sequence, number, status, fault, outcome, took };
        self.webhooks.records().endpoint("crm").unwrap().attempt(attempt);
    }

    pub fn dead(&self, sequence: Sequence) {
        let (at, epoch) = (Timestamp::now(), self.edge.gateway.reader().epoch());
        let letter = DeadLetter { at, epoch, sequence, death: Death::Refused, status: 422, attempts: 2 };
        self.webhooks.records().endpoint("crm").unwrap().dead(letter);
    }

    pub fn standing(&self, standing: Standing) {
        self.control.told().standing = Some(standing);
    }

    async fn why(&self, sequence: Sequence) -> Value {
        self.done("GET", &format!("{CRM}/why?event={}", self.id(sequence)), &Value::Null).await
    }
}

#[tokio::test]
async fn a_webhook_is_added_told_changed_and_deleted() {
    let admins = Admins::new().await;
    let answer = admins.ask("POST", WEBHOOKS, &crm().to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let added = answer.json();
    assert_eq!((&added["source"], &added["file"], &added["origin"]), (&json!("api"), &Value::Null, &json!("https://crm.example")));
    assert_eq!((&added["status"]["state"], &added["status"]["lag_events"]), (&json!("running"), &json!(3)));
    assert_eq!(admins.control.told().endpoints["crm"].config.url.read().unwrap(), "https://crm.example/secret-path");

    assert_eq!(admins.done("GET", CRM, &Value::Null).await, added);
    let listed = admins.done("GET", WEBHOOKS, &Value::Null).await;
    let names: Vec<&Value> = listed["webhooks"].as_array().unwrap().iter().map(|webhook| &webhook["name"]).collect();
    assert_eq!(names, ["crm", "of-file"]);

    let mut config = added["config"].clone();
    config["delivery"]["gzip"] = json!(true);
    assert_eq!(admins.done("PUT", CRM, &config).await["config"], config);
    let run = admins.control.told().endpoints["crm"].config.clone();
    assert_eq!(
        (run.delivery.gzip, run.url.read().unwrap(), run.auth.bearer.read().unwrap()),
        (true, "https://crm.example/secret-path".into(), "secret-token".into())
    );

    let gone = admins.ask("DELETE", CRM, "").await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert!(!admins.control.told().endpoints.contains_key("crm"));
    for method in ["GET", "DELETE"] {
        let (status, code, message) = admins.refused(method, CRM, "").await;
        assert_eq!((status, code.as_str()), (404, "no_such_webhook"));
        assert!(message.contains("\"crm\"") && message.contains(WEBHOOKS), "{message}");
    }
}

#[tokio::test]
async fn no_answer_and_no_metric_has_a_secret_in_it() {
    let admins = admins().await;
    let mut texts = vec![admins.edge.gateway.metrics().text().unwrap()];
    for (method, path, body) in [
        ("GET", WEBHOOKS, ""),
        ("GET", CRM, ""),
        ("GET", OF_FILE, ""),
        ("POST", "/admin/v1/webhooks/crm/pause", ""),
        ("POST", "/admin/v1/webhooks/crm/resume", ""),
        ("PUT", CRM, r#"{"url":"https://other.example/","auth":{"bearer":"********"}}"#),
        ("PUT", CRM, r#"{"signing":{"secrets":"secret-signing"}}"#),
        ("PUT", CRM, r#"{"auth":"secret-auth"}"#),
    ] {
        texts.push(admins.ask(method, path, body).await.body);
    }
    let told = texts.concat();
    assert!(!told.contains("secret-") && !told.contains("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "{told}");
    assert!(told.contains(MASK) && told.contains("https://file.example"));
}

#[tokio::test]
async fn a_webhook_of_the_file_is_paused_and_not_changed_and_the_file_is_named() {
    let admins = Admins::new().await;
    for (method, body) in [("PUT", r#"{"url":"https://a.example/"}"#), ("DELETE", "")] {
        let (status, code, message) = admins.refused(method, OF_FILE, body).await;
        assert_eq!((status, code.as_str()), (409, "of_file"));
        assert!(message.contains("/etc/callcast/callcast.toml") && message.contains("restart"), "{message}");
    }
    let paused = admins.done("POST", "/admin/v1/webhooks/of-file/pause", &Value::Null).await;
    assert_eq!((&paused["source"], &paused["file"]), (&json!("file"), &json!("/etc/callcast/callcast.toml")));
    assert_eq!((&paused["paused"]["by"], &paused["status"]["state"]), (&json!("ops"), &json!("paused")));
    let resumed = admins.done("POST", "/admin/v1/webhooks/of-file/resume", &Value::Null).await;
    assert_eq!((&resumed["paused"], &resumed["status"]["state"]), (&Value::Null, &json!("running")));
}

#[tokio::test]
async fn one_that_was_given_up_says_why_and_is_resumed() {
    let admins = admins().await;
    admins.webhooks.disable("crm", Disabled { reason: "the answer was 410".into(), since: AT }).unwrap();
    let told = admins.done("GET", CRM, &Value::Null).await;
    assert_eq!((&told["disabled"]["reason"], &told["status"]["state"]), (&json!("the answer was 410"), &json!("disabled")));
    assert!(!admins.control.told().endpoints["crm"].runs());
    let resumed = admins.done("POST", "/admin/v1/webhooks/crm/resume", &Value::Null).await;
    assert_eq!(resumed["disabled"], Value::Null);
    assert!(admins.control.told().endpoints["crm"].runs());
}

#[tokio::test]
async fn to_resume_one_that_runs_closes_its_breaker() {
    let admins = admins().await;
    admins.control.told().breaker = Breaker::Open;
    let resumed = admins.done("POST", "/admin/v1/webhooks/crm/resume", &Value::Null).await;
    assert_eq!(resumed["status"]["breaker"], "closed");
}

#[tokio::test]
async fn a_mistake_in_a_webhook_is_told_with_what_is_right_and_changes_nothing() {
    let admins = admins().await;
    let before = admins.done("GET", WEBHOOKS, &Value::Null).await;
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(64 * 1024));
    for (method, path, body, status, code, cure) in [
        ("POST", WEBHOOKS, "", 400, "not_json", "\"url\""),
        ("POST", WEBHOOKS, "[]", 400, "malformed", "not what is understood"),
        ("POST", WEBHOOKS, "{}", 400, "wrong", "small letters"),
        ("POST", WEBHOOKS, r#"{"name":"a"}"#, 400, "wrong", "`url` is missing"),
        ("POST", WEBHOOKS, r#"{"name":"a","filtre":{}}"#, 400, "malformed", "did you mean `filter`?"),
        ("POST", WEBHOOKS, r#"{"name":"a","url":{"file":"/etc/shadow"}}"#, 400, "elsewhere", "configuration's file"),
        ("POST", WEBHOOKS, r#"{"name":"a","url":"********"}"#, 400, "masked", "give the text itself"),
        ("POST", WEBHOOKS, r#"{"name":"crm","url":"https://a.example/"}"#, 409, "exists", "PUT /admin/v1/webhooks/crm"),
        ("POST", WEBHOOKS, r#"{"name":"of-file","url":"https://a.example/"}"#, 409, "of_file", "/etc/callcast/callcast.toml"),
        ("PUT", OF_FILE, r#"{"name":"other","url":"https://a.example/"}"#, 409, "of_file", "/etc/callcast/callcast.toml"),
        ("POST", WEBHOOKS, r#"{"name":"a","auth":"secret-x"}"#, 400, "malformed", "********"),
        ("POST", WEBHOOKS, long.as_str(), 413, "too_long", "65536"),
        ("POST", "/admin/v1/webhooks?x=1", "{}", 400, "unknown_parameter", "takes none"),
        ("PUT", CRM, r#"{"name":"other","url":"https://a.example/"}"#, 400, "renamed", "add that one"),
        ("PUT", CRM, r#"{"url":"https://evil.example/","auth":{"bearer":"********"}}"#, 400, "masked", "another host"),
        ("PUT", CRM, r#"{"url":"https://evil.example/","auth":"********"}"#, 400, "masked", "auth"),
        ("PUT", CRM, r#"{"url":"********","signing":{"secrets":["********","********"]}}"#, 400, "masked", "signing.secrets"),
        ("PUT", "/admin/v1/webhooks/nobody", r#"{"url":"https://a.example/"}"#, 404, "no_such_webhook", WEBHOOKS),
        ("POST", "/admin/v1/webhooks/nobody/pause", "", 404, "no_such_webhook", WEBHOOKS),
        ("POST", "/admin/v1/webhooks/..%2f..%2fx/test", "", 404, "no_such_webhook", WEBHOOKS),
    ] {
        let (told_status, told, message) = admins.refused(method, path, body).await;
        let excerpt = &body[..body.len().min(80)];
        assert_eq!((told_status, told.as_str()), (status, code), "{path} {excerpt}: {message}");
        assert!(message.contains(cure) && message.len() < 700, "{path} {excerpt}: {message}");
    }
    assert_eq!(admins.done("GET", WEBHOOKS, &Value::Null).await, before);
}

#[tokio::test]
async fn a_test_tells_what_came_back() {
    let admins = admins().await;
    let test = "/admin/v1/webhooks/crm/test";
    let well = admins.done("POST", test, &Value::Null).await;
    assert_eq!(well, json!({"delivered": true, "status": 204, "fault": null, "text": "", "seconds": 0.012}));
    admins.control.told().fails = true;
    let failed = admins.done("POST", test, &Value::Null).await;
    assert_eq!((&failed["delivered"], &failed["status"], &failed["fault"]), (&json!(false), &Value::Null, &json!("unreachable")));
}

#[tokio::test]
async fn a_range_is_sent_once_more_from_a_time_a_cursor_or_an_event() {
    let admins = admins().await;
    let (gateway, replay) = (&admins.edge.gateway, "/admin/v1/webhooks/crm/replay");
    let newest = gateway.newest();
    let entry = gateway.reader().get(5).unwrap().unwrap();
    let first = gateway.reader().at(entry.time).unwrap();
    for (range, from, until) in [
        (json!({"from": "2020-01-01T00:00:00Z"}), 1, newest),
        (json!({"from": admins.id(3)}), 3, newest),
        (json!({"from": gateway.cursor_at(3).to_string(), "until": null}), 4, newest),
        (json!({"from": admins.id(3), "until": admins.id(5)}), 3, 5),
        (json!({"from": admins.id(3), "until": gateway.cursor_at(5).to_string()}), 3, 5),
        (json!({"from": admins.id(1), "until": entry.time.to_string()}), 1, first - 1),
    ] {
        let told = admins.done("POST", replay, &range).await;
        assert_eq!(told, json!({"from": from, "until": until, "events": (until + 1).saturating_sub(from)}), "{range}");
    }
    let asked = admins.control.told().replays.clone();
    assert_eq!(asked[3], ("crm".into(), 3, 5));

    let ahead = admins.done("POST", replay, &json!({"from": "2120-01-01T00:00:00Z"})).await;
    assert_eq!(ahead["events"], 0);
    assert_eq!(admins.control.told().replays.len(), asked.len(), "nothing is asked for where there is nothing");
}

#[tokio::test]
async fn a_mistake_in_a_replay_is_told_and_replays_nothing() {
    let admins = admins().await;
    let replay = "/admin/v1/webhooks/crm/replay";
    let other = format!(r#"{{"from":"{:08x}.1.1"}}"#, admins.edge.gateway.cursor().journal ^ 1);
    let future = format!(r#"{{"from":"{}"}}"#, admins.id(1_000_000));
    let busy = NotAgain::Busy { from: 4, until: 9 };
    for (body, status, code, cure) in [
        ("{}", 400, "malformed", "\"from\""),
        (r#"{"from":"yesterday"}"#, 400, "bad_place", "RFC 3339"),
        (r#"{"from":"1-1","until":"tomorrow"}"#, 400, "cursor", "\"from\""),
        (other.as_str(), 400, "cursor", "another log"),
        (future.as_str(), 400, "cursor", "past the newest"),
    ] {
        let (told_status, told, message) = admins.refused("POST", replay, body).await;
        assert_eq!((told_status, told.as_str()), (status, code), "{body}: {message}");
        assert!(message.contains(cure), "{body}: {message}");
    }
    admins.control.told().busy = Some(busy);
    let (status, code, message) = admins.refused("POST", replay, r#"{"from":"2020-01-01T00:00:00Z"}"#).await;
    assert_eq!((status, code.as_str()), (409, "busy"));
    assert!(message.contains("4 to 9"), "{message}");
    assert!(admins.control.told().replays.is_empty());
}

#[tokio::test]
async fn attempts_are_listed_by_event_and_outcome_page_by_page() {
    let admins = admins().await;
    admins.attempt(1, 1, 0, Outcome::Retry);
    admins.attempt(2, 1, 204, Outcome::Delivered);
    admins.attempt(1, 2, 503, Outcome::Retry);
    let path = |query: &str| format!("{CRM}/attempts{query}");
    let all = admins.done("GET", &path(""), &Value::Null).await;
    let told: Vec<(&Value, &Value, &Value, &Value)> = all["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (&attempt["event"], &attempt["attempt"], &attempt["status"], &attempt["fault"]))
        .collect();
    let ids = [1, 2].map(|sequence| json!(admins.id(sequence)));
    let expected = [
        (&ids[0], &json!(2), &json!(503), &Value::Null),
        (&ids[1], &json!(1), &json!(204), &Value::Null),
        (&ids[0], &json!(1), &Value::Null, &json!("first_byte_timeout")),
    ];
    assert_eq!((told.as_slice(), &all["next"]), (expected.as_slice(), &Value::Null));

    let first = admins.done("GET", &path("?limit=2"), &Value::Null).await;
    let next = first["next"].as_str().unwrap();
    let second = admins.done("GET", &path(&format!("?limit=2&page={next}")), &Value::Null).await;
    assert_eq!(
        (second["attempts"].as_array().unwrap().as_slice(), &second["next"]),
        (&all["attempts"].as_array().unwrap()[2..], &Value::Null)
    );

    let of_one = admins.done("GET", &path(&format!("?event={}&outcome=retry", admins.id(1))), &Value::Null).await;
    assert_eq!(of_one["attempts"].as_array().unwrap().len(), 2);
    for (query, code) in
        [("?event=x", "bad_event"), ("?outcome=lost", "bad_word"), ("?page=zz", "bad_page"), ("?evnt=1-1", "unknown_parameter")]
    {
        assert_eq!(admins.refused("GET", &path(query), "").await.1, code, "{query}");
    }
}

#[tokio::test]
async fn dead_letters_are_listed_and_sent_once_more_one_by_one_or_all() {
    let admins = admins().await;
    (1..=3).for_each(|sequence| admins.dead(sequence));
    let (dead, redeliver) = ("/admin/v1/webhooks/crm/dead", "/admin/v1/webhooks/crm/dead/redeliver");
    let events = |listed: &Value| -> Vec<(Value, bool)> {
        listed["dead"].as_array().unwrap().iter().map(|letter| (letter["event"].clone(), letter["redelivered"].is_string())).collect()
    };
    let listed = admins.done("GET", dead, &Value::Null).await;
    assert_eq!(events(&listed), [3, 2, 1].map(|sequence| (json!(admins.id(sequence)), false)));
    assert_eq!(
        (&listed["dead"][0]["reason"], &listed["dead"][0]["status"], &listed["dead"][0]["attempts"]),
        (&json!("refused"), &json!(422), &json!(2))
    );

    let one = json!({"events": [admins.id(2), "1-2"]});
    let told = admins.done("POST", redeliver, &one).await;
    assert_eq!(told, json!({"redelivered": 1, "gone": ["1-2"], "left": false}));
    let all = admins.done("POST", redeliver, &json!({"all": true})).await;
    assert_eq!(all, json!({"redelivered": 2, "gone": [], "left": false}));
    assert_eq!(admins.control.told().redelivered, [("crm".into(), vec![2]), ("crm".into(), vec![1, 3])]);
    let listed = admins.done("GET", dead, &Value::Null).await;
    assert!(events(&listed).iter().all(|(_, redelivered)| *redelivered), "{listed}");
    assert_eq!(admins.done("POST", redeliver, &json!({"all": true})).await["redelivered"], 0);

    for body in ["{}", r#"{"events":[]}"#, r#"{"all":false}"#, r#"{"events":["1-1"],"all":true}"#] {
        assert_eq!(admins.refused("POST", redeliver, body).await.1, "not_one", "{body}");
    }
    assert_eq!(admins.refused("POST", redeliver, r#"{"events":["x"]}"#).await.1, "bad_event");
}

#[tokio::test]
async fn what_is_known_of_a_webhook_goes_with_it() {
    let admins = admins().await;
    admins.attempt(1, 1, 204, Outcome::Delivered);
    admins.dead(2);
    admins.ask("DELETE", CRM, "").await;
    admins.done("POST", WEBHOOKS, &crm()).await;
    let attempts = admins.done("GET", &format!("{CRM}/attempts"), &Value::Null).await;
    let dead = admins.done("GET", &format!("{CRM}/dead"), &Value::Null).await;
    assert_eq!((&attempts["attempts"], &dead["dead"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn why_an_event_was_not_sent_is_told_by_its_standing() {
    let admins = admins().await;
    let at = AT.to_string();
    let behind = admins.id(2);
    for (standing, word, wanted, says) in [
        (Standing::Unwanted("type"), "unwanted", json!(false), "`types` do not name callcast."),
        (Standing::Unwanted("user"), "unwanted", json!(false), "filter's `users`"),
        (Standing::Unwanted("expression"), "unwanted", json!(false), "`expression` is not true"),
        (Standing::NotReadYet, "not_read_yet", Value::Null, "not come to this event yet"),
        (Standing::Waiting, "waiting", json!(true), "waits for its turn"),
        (Standing::Parked { behind: 2 }, "parked", json!(true), behind.as_str()),
        (Standing::InFlight, "in_flight", json!(true), "on its way"),
        (Standing::Retrying { attempts: 3, next: AT }, "retrying", json!(true), at.as_str()),
        (Standing::Done, "done", Value::Null, "Nothing more is done"),
    ] {
        admins.standing(standing);
        let why = admins.why(3).await;
        assert_eq!((&why["standing"], &why["wanted"]), (&json!(word), &wanted), "{why}");
        assert!(why["text"].as_str().unwrap().contains(says), "{why}");
        assert!(why["type"].as_str().unwrap().starts_with("callcast."), "{why}");
    }
    admins.standing(Standing::Parked { behind: 2 });
    assert_eq!(admins.why(3).await["behind"], json!(behind));
}

#[tokio::test]
async fn why_tells_what_was_done_about_an_event() {
    let admins = admins().await;
    admins.standing(Standing::Done);
    admins.attempt(3, 1, 0, Outcome::Retry);
    let tried = admins.why(3).await;
    assert!(tried["text"].as_str().unwrap().contains("the fault was first_byte_timeout"), "{tried}");
    admins.attempt(3, 2, 204, Outcome::Delivered);
    let delivered = admins.why(3).await;
    assert_eq!((&delivered["wanted"], delivered["attempts"].as_array().unwrap().len()), (&json!(true), 2));
    assert!(delivered["text"].as_str().unwrap().contains("the answer was 204, at attempt 2"), "{delivered}");

    admins.attempt(4, 1, 422, Outcome::Dead);
    admins.dead(4);
    let dead = admins.why(4).await;
    assert_eq!(dead["dead"]["event"], json!(admins.id(4)));
    assert!(dead["text"].as_str().unwrap().contains("refused this one event"), "{dead}");
}

#[tokio::test]
async fn why_tells_what_holds_the_whole_webhook_up() {
    let admins = admins().await;
    admins.standing(Standing::Waiting);
    let says = async |expected: &str| {
        let why = admins.why(3).await;
        assert!(why["text"].as_str().unwrap().contains(expected), "{expected}: {why}");
    };
    admins.control.told().breaker = Breaker::Open;
    says("left alone because it failed so often").await;
    admins.done("POST", &format!("{CRM}/pause"), &Value::Null).await;
    says("is paused since").await;
    admins.done("POST", &format!("{CRM}/resume"), &Value::Null).await;
    admins.webhooks.disable("crm", Disabled { reason: "the answer was 410".into(), since: AT }).unwrap();
    says("is disabled since").await;
}

#[tokio::test]
async fn an_event_of_which_nothing_is_known_is_told_as_such() {
    let admins = admins().await;
    let why = |event: &str| format!("{CRM}/why?event={event}");
    for event in ["1-3".to_owned(), admins.id(1_000_000)] {
        let (status, code, message) = admins.refused("GET", &why(&event), "").await;
        assert_eq!((status, code.as_str()), (404, "no_such_event"), "{message}");
    }
    assert_eq!(admins.refused("GET", &why("x"), "").await.1, "bad_event");
    assert_eq!(admins.refused("GET", &format!("{CRM}/why"), "").await.1, "no_event");
    admins.dead(1_000_000);
    let gone = admins.why(1_000_000).await;
    assert_eq!((&gone["standing"], &gone["type"]), (&json!("gone"), &Value::Null));
    assert!(gone["text"].as_str().unwrap().contains("no longer in the journal"), "{gone}");
}

#[tokio::test]
async fn only_admins_see_webhooks() {
    let admins = admins().await;
    for headers in [String::new(), admins.viewers()] {
        let answer = request_at(admins.edge.admin, "GET", WEBHOOKS, &headers).await;
        assert!(matches!(answer.status, 401 | 403) && !answer.body.contains("crm"), "{}", answer.body);
    }
    assert_eq!(request_at(admins.edge.address, "GET", WEBHOOKS, &admins.viewers()).await.status, 404, "the API's listener has none of it");
}

#[tokio::test]
async fn the_cursor_of_a_webhook_is_the_webhooks_until_that_is_deleted() {
    let admins = admins().await;
    let cursors = admins.edge.gateway.journal().cursors().clone();
    let reached = admins.edge.gateway.reader().cursor(1);
    for name in ["webhook-crm", "webhook-crm.replay", "webhook-gone"] {
        cursors.set(name, &callcast::journal::Position::new(reached)).unwrap();
    }
    let back = json!({"reached": reached.to_string()}).to_string();
    for name in ["webhook-crm", "webhook-crm.replay"] {
        let path = format!("/admin/v1/cursors/{name}");
        for (method, body) in [("PUT", back.as_str()), ("DELETE", "")] {
            let (status, code, message) = admins.refused(method, &path, body).await;
            assert_eq!((status, code.as_str()), (409, "of_webhook"), "{message}");
            assert!(message.contains("replay"), "{message}");
        }
    }
    assert_eq!(admins.ask("DELETE", "/admin/v1/cursors/webhook-gone", "").await.status, 204);
}
