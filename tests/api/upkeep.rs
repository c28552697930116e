//! What admins do to the log while the gateway runs: cursors are set, set back and forgotten; persons are erased.

use std::path::Path;
use std::sync::Arc;

use callcast::access::{Access, Config, NewToken, TokenConfig};
use callcast::api::Server;
use callcast::journal::{Journal, Options, Position};
use callcast::sinks::webhook::Registry;
use callcast::telemetry::Metrics;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ask::{Answer, request_at, send_to};
use crate::disk::SmallDisk;
use crate::fake::{self, Fake};
use crate::harness::{Edge, caller, made_on};

const CURSORS: &str = "/admin/v1/cursors";
const CRM: &str = "/admin/v1/cursors/crm";
const ERASE: &str = "/admin/v1/erase";

/// An edge with a token for an admin, and one that sees everything.
pub struct Admins {
    pub edge: Edge,
    pub webhooks: Arc<Registry>,
    pub control: Arc<Fake>,
    _folder: TempDir,
    admin: String,
    viewer: String,
}

impl Admins {
    pub async fn new() -> Self {
        Self::on(Journal::temporary().unwrap()).await
    }

    async fn on(journal: Journal) -> Self {
        let (admin, viewer) = (NewToken::random().unwrap(), NewToken::random().unwrap());
        let admins = TokenConfig { name: "ops".into(), sha256: admin.sha256(), admin: true, ..TokenConfig::default() };
        let viewers = TokenConfig { name: "wall".into(), sha256: viewer.sha256(), everything: true, ..TokenConfig::default() };
        let access = Config { tokens: vec![admins, viewers], ..Config::default() };
        let (folder, mut made) = (tempfile::tempdir().unwrap(), None);
        let make = |server: Server, metrics: Arc<Metrics>| {
            let (webhooks, _) = made.insert(fake::webhooks(folder.path(), Arc::clone(&metrics)));
            server.with_access(Arc::new(Access::new(&access, metrics).unwrap())).with_webhooks(Arc::clone(webhooks))
        };
        let edge = made_on(journal, true, |_| {}, make).await;
        let (webhooks, control) = made.unwrap();
        Self { edge, webhooks, control, _folder: folder, admin: admin.reveal().to_owned(), viewer: viewer.reveal().to_owned() }
    }

    /// A phone, two calls of one number that are over and one of another.
    pub fn calls(&self) {
        self.edge.phone(1);
        for (call, number) in [(1, "+33123401000"), (2, "2000"), (3, "+33123401000")] {
            self.edge.ring(1, call, caller(number, "Zoë"));
            self.edge.hang_up(1, call);
        }
    }

    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        send_to(self.edge.admin, method, path, &format!("Authorization: Bearer {}\r\n", self.admin), body).await
    }

    /// The header of whoever sees everything and is no admin.
    pub fn viewers(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.viewer)
    }

    /// The JSON of what is well.
    pub async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.ask(method, path, &body).await;
        assert!(matches!(answer.status, 200..=202), "{method} {path} {body}: {}", answer.body);
        answer.json()
    }

    pub async fn refused(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let answer = self.ask(method, path, body).await;
        let error = answer.json()["error"].clone();
        (answer.status, error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    }

    /// What the API shows of calls.
    async fn shown(&self) -> Vec<Value> {
        let answer = request_at(self.edge.address, "GET", "/v1/calls", &self.viewers()).await;
        answer.json()["calls"].as_array().unwrap().clone()
    }

    fn kept(&self) -> u64 {
        self.edge.gateway.kept()
    }
}

#[tokio::test]
async fn a_cursor_is_set_and_listed_and_falls_behind_and_is_deleted() {
    let admins = Admins::new().await;
    admins.edge.phone(1);
    let next = admins.edge.gateway.newest() + 1;
    let none = json!({"cursors": [], "damaged": [], "oldest": 1, "next": next});
    assert_eq!(admins.done("GET", CURSORS, &Value::Null).await, none);

    let now = admins.edge.gateway.cursor().to_string();
    let set = admins.done("PUT", CRM, &json!({"reached": now})).await;
    assert_eq!(set, json!({"name": "crm", "reached": now, "parked": [], "behind": 0, "gap": null}));
    admins.edge.ring(1, 1, caller("2000", "Zoë"));
    let behind = admins.edge.gateway.newest() + 1 - next;
    assert!(behind > 0);
    let one = admins.done("GET", CRM, &Value::Null).await;
    assert_eq!(one, json!({"name": "crm", "reached": now, "parked": [], "behind": behind, "gap": null}));
    let listed = json!({"cursors": [one], "damaged": [], "oldest": 1, "next": next + behind});
    assert_eq!(admins.done("GET", CURSORS, &Value::Null).await, listed);

    let gone = admins.ask("DELETE", CRM, "").await;
    assert_eq!((gone.status, gone.body.as_str(), gone.header("content-type")), (204, "", None));
    for method in ["DELETE", "GET"] {
        let (status, code, message) = admins.refused(method, CRM, "").await;
        assert_eq!((status, code.as_str()), (404, "no_such_cursor"), "{method}");
        assert!(message.contains("\"crm\"") && message.contains(CURSORS), "{message}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_set_back_to_a_time_gets_everything_since_and_has_nothing_parked() {
    let admins = Admins::new().await;
    admins.calls();
    let gateway = &admins.edge.gateway;
    let parked = Position { parked: [2, 3].into(), ..Position::new(gateway.cursor()) };
    gateway.journal().cursors().set("crm", &parked).unwrap();
    let before = admins.done("GET", CRM, &Value::Null).await;
    assert_eq!((&before["parked"], &before["behind"]), (&json!([2, 3]), &json!(2)));

    let back = admins.done("PUT", CRM, &json!({"from": "2020-01-01T00:00:00Z"})).await;
    assert_eq!((&back["parked"], &back["behind"], &back["gap"]), (&json!([]), &json!(admins.kept()), &Value::Null));
    let position = gateway.journal().cursors().get("crm").unwrap().unwrap();
    assert_eq!(gateway.reader().after(position.reached).unwrap(), 1, "the first event comes again");

    let entry = gateway.reader().get(5).unwrap().unwrap();
    let first = gateway.reader().at(entry.time).unwrap();
    let there = admins.done("PUT", CRM, &json!({"from": entry.time.to_string()})).await;
    assert_eq!(there["behind"], json!(gateway.newest() + 1 - first));

    let ahead = admins.done("PUT", CRM, &json!({"from": "2120-01-01T00:00:00+01:00"})).await;
    assert_eq!((&ahead["behind"], &ahead["reached"]), (&json!(0), &json!(gateway.cursor().to_string())));
}

#[tokio::test]
async fn a_cursor_may_be_set_to_the_id_of_an_event() {
    let admins = Admins::new().await;
    admins.calls();
    let now = admins.edge.gateway.cursor();
    let set = admins.done("PUT", CRM, &json!({"reached": format!("{}-4", now.epoch)})).await;
    assert_eq!(set["reached"], json!(admins.edge.gateway.cursor_at(4).to_string()));
    assert_eq!(set["behind"], json!(now.sequence - 4));
}

#[tokio::test]
async fn a_mistake_in_a_cursor_is_told_with_what_is_right_and_sets_nothing() {
    let admins = Admins::new().await;
    let now = admins.edge.gateway.cursor();
    let time = r#"{"from":"2026-01-01T00:00:00Z"}"#;
    let other = format!(r#"{{"reached":"{:08x}.{:x}.1"}}"#, now.journal ^ 1, now.epoch);
    let future = format!(r#"{{"reached":"{:08x}.{:x}.ffff"}}"#, now.journal, now.epoch);
    let long = format!(r#"{{"from":"{}"}}"#, "x".repeat(1000));
    for (path, body, code, cure) in [
        ("/admin/v1/cursors/CRM", time, "bad_name", "use up to 64 small letters"),
        ("/admin/v1/cursors/..%2flock", time, "bad_name", "use up to 64 small letters"),
        ("/admin/v1/cursors/a.tmp", time, "bad_name", "use up to 64 small letters"),
        (CRM, "", "not_json", "{\"reached\":\"CURSOR\"}"),
        (CRM, "{\"reached\":", "not_json", "{\"reached\":\"CURSOR\"}"),
        (CRM, r#"{"reach":"1-1"}"#, "malformed", "`reached`"),
        (CRM, r#"{"reached":1}"#, "malformed", "{\"reached\":\"CURSOR\"}"),
        (CRM, "{}", "not_one", "\"from\", a time"),
        (CRM, r#"{"reached":"1-1","from":"2026-01-01T00:00:00Z"}"#, "not_one", "not both"),
        (CRM, r#"{"reached":"yesterday"}"#, "cursor", "give back the last one"),
        (CRM, &other, "cursor", "of another log"),
        (CRM, &future, "cursor", "past the newest event"),
        (CRM, r#"{"from":"yesterday"}"#, "bad_time", "RFC 3339"),
        (CRM, &long, "bad_time", "RFC 3339"),
    ] {
        let (status, told, message) = admins.refused("PUT", path, body).await;
        assert_eq!((status, told.as_str()), (400, code), "{path} {body}: {message}");
        assert!(message.contains(cure) && message.len() < 600, "{path} {body}: {message}");
    }
    assert_eq!(admins.done("GET", CURSORS, &Value::Null).await["cursors"], json!([]));
}

#[tokio::test]
async fn another_method_is_told_which_are_understood() {
    let admins = Admins::new().await;
    for (method, path, allowed) in
        [("POST", CURSORS, "get, head"), ("POST", CRM, "get, head, put, delete"), ("GET", ERASE, "post"), ("DELETE", ERASE, "post")]
    {
        let answer = admins.ask(method, path, "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
    }
}

/// A log in this folder, on a disk that can be full.
async fn on_disk(folder: &Path) -> (Admins, SmallDisk) {
    let disk = SmallDisk::default();
    let journal = Journal::open_on(Options::new(folder), Arc::new(disk.clone())).unwrap();
    (Admins::on(journal).await, disk)
}

#[tokio::test]
async fn a_damaged_cursor_says_so_hides_no_other_and_can_be_set_again() {
    let folder = tempfile::tempdir().unwrap();
    let (admins, _) = on_disk(folder.path()).await;
    let time = json!({"from": "2026-01-01T00:00:00Z"});
    admins.done("PUT", CRM, &time).await;
    admins.done("PUT", "/admin/v1/cursors/backup", &time).await;
    std::fs::write(folder.path().join("cursors/crm"), "{").unwrap();
    let listed = admins.done("GET", CURSORS, &Value::Null).await;
    assert_eq!((&listed["cursors"][0]["name"], &listed["damaged"][0]["name"]), (&json!("backup"), &json!("crm")), "{listed}");
    let (status, code, message) = admins.refused("GET", CRM, "").await;
    assert_eq!((status, code.as_str()), (409, "damaged"));
    assert!(message.contains("set this cursor again"), "{message}");
    admins.done("PUT", CRM, &time).await;
    admins.done("GET", CRM, &Value::Null).await;
}

#[tokio::test]
async fn a_cursor_of_another_log_is_behind_by_nobody_knows_how_much() {
    let admins = Admins::new().await;
    let mut other = admins.edge.gateway.cursor();
    other.journal ^= 1;
    admins.edge.gateway.journal().cursors().set("crm", &Position::new(other)).unwrap();
    let told = admins.done("GET", CRM, &Value::Null).await;
    assert_eq!((&told["behind"], &told["gap"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_disk_that_refuses_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (admins, disk) = on_disk(folder.path()).await;
    admins.calls();
    disk.set_full(true);
    for (method, path, body) in [("PUT", CRM, r#"{"from":"2026-01-01T00:00:00Z"}"#), ("POST", ERASE, r#"{"numbers":["+33123401000"]}"#)] {
        let (status, code, message) = admins.refused(method, path, body).await;
        assert_eq!((status, code.as_str()), (503, "log"), "{path}: {message}");
        assert!(message.contains("cannot"), "{message}");
    }
    disk.set_full(false);
    assert!(admins.shown().await.len() == 3);
}

#[tokio::test]
async fn a_number_is_counted_first_and_then_gone_from_what_the_api_shows() {
    let admins = Admins::new().await;
    admins.calls();
    let calls = admins.shown().await;
    let person = json!({"numbers": ["+33123401000"]});
    let counted = admins.done("POST", "/admin/v1/erase?dry_run=true", &person).await;
    assert!(counted["events"].as_u64().unwrap() > 0 && counted["segments"] == 1, "{counted}");
    assert_eq!((&counted["looked_at"], &counted["dry_run"]), (&json!(admins.kept()), &json!(true)));
    assert_eq!(admins.shown().await, calls, "it was only counted");

    let erased = admins.done("POST", ERASE, &person).await;
    assert_eq!((&erased["events"], &erased["dry_run"]), (&counted["events"], &json!(false)));
    let left = admins.shown().await;
    assert_eq!(left, [calls[1].clone()]);
    for path in ["/v1/calls".to_owned(), format!("/v1/calls/{}", calls[0]["call_id"].as_str().unwrap())] {
        let answer = request_at(admins.edge.address, "GET", &path, &admins.viewers()).await;
        assert!(!answer.body.contains("33123401000"), "{path}: {}", answer.body);
    }
    let again = admins.done("POST", "/admin/v1/erase?dry_run=true", &person).await;
    assert_eq!(again["events"], 0);

    admins.edge.ring(1, 9, caller("2000", "Ann"));
    admins.edge.hang_up(1, 9);
    assert_eq!(admins.shown().await.len(), 2, "the log goes on");
}

#[tokio::test]
async fn a_mistake_in_what_to_erase_is_told_and_erases_nothing() {
    let admins = Admins::new().await;
    admins.calls();
    let calls = admins.shown().await;
    let long = format!(r#"{{"numbers":["{}"]}}"#, "1".repeat(64 * 1024));
    let long = &long[..64 * 1024 + 1];
    for (path, body, status, code, cure) in [
        (ERASE, "", 400, "not_json", "\"numbers\""),
        (ERASE, "33123401000", 400, "malformed", "\"numbers\""),
        (ERASE, "{\"numbers\"", 400, "not_json", "\"numbers\""),
        (ERASE, "{}", 400, "nobody", "\"numbers\""),
        (ERASE, r#"{"numbers":[],"users":[],"names":[]}"#, 400, "nobody", "\"numbers\""),
        (ERASE, r#"{"number":["+33123401000"]}"#, 400, "malformed", "`numbers`"),
        (ERASE, r#"{"numbers":"+33123401000"}"#, 400, "malformed", "\"numbers\""),
        (ERASE, r#"{"numbers":["+33123401000"],"users":[""]}"#, 400, "empty_text", "\"users\""),
        (ERASE, long, 413, "too_long", "65536"),
        ("/admin/v1/erase?dryrun=true", r#"{"numbers":["+33123401000"]}"#, 400, "unknown_parameter", "\"dry_run\""),
        ("/admin/v1/erase?dry_run=1", r#"{"numbers":["+33123401000"]}"#, 400, "bad_flag", "true or false"),
    ] {
        let (told_status, told, message) = admins.refused("POST", path, body).await;
        let excerpt = &body[..body.len().min(60)];
        assert_eq!((told_status, told.as_str()), (status, code), "{path} {excerpt}: {message}");
        assert!(message.contains(cure), "{path} {excerpt}: {message}");
    }
    assert_eq!(admins.shown().await, calls);
}
