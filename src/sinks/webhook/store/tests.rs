//! Endpoints of the file and of the API: what is kept, what is refused, and that no secret gets out.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::*;
use crate::sinks::webhook::MASK;

const CONFIGURATION: &str = "/etc/callcast.toml";

fn opened(folder: &Path, of_file: &[&str]) -> Result<Store, StoreError> {
    let of_file: Vec<Config> = of_file.iter().map(|name| serde_json::from_value(made(name)).unwrap()).collect();
    Store::open(folder, &of_file, Path::new(CONFIGURATION))
}

fn made(name: &str) -> Json {
    json!({"name": name, "url": "https://crm.example/secret-path", "signing": {"secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}})
}

fn paused() -> Paused {
    Paused { by: "ops".into(), since: Timestamp(1_795_421_700_000_000) }
}

fn disabled() -> Disabled {
    Disabled { reason: "410".into(), since: Timestamp(1_795_421_700_000_000) }
}

fn names(store: &Store) -> Vec<(String, Source)> {
    store.all().into_iter().map(|Stored { endpoint, source }| (endpoint.config.name.clone(), source)).collect()
}

#[test]
fn what_was_made_through_the_api_is_there_after_a_restart_with_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &["of-file"]).unwrap();
    let added = store.add(made("crm")).unwrap();
    assert_eq!(added.config.url.read().unwrap(), "https://crm.example/secret-path");
    let again = opened(folder.path(), &["of-file"]).unwrap();
    assert_eq!(names(&again), [("crm".into(), Source::Api), ("of-file".into(), Source::File)]);
    assert_eq!(*again.get("crm").unwrap().endpoint, *added);
    store.remove("crm").unwrap();
    assert_eq!(names(&opened(folder.path(), &[]).unwrap()), []);
}

#[test]
fn nobody_else_may_read_the_file() {
    let folder = tempfile::tempdir().unwrap();
    opened(folder.path(), &[]).unwrap().add(made("crm")).unwrap();
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("webhooks"), mode("webhooks/endpoints.json")), (0o700, 0o600));
}

#[test]
fn pausing_and_giving_up_outlast_a_restart_of_both_kinds_and_resuming_ends_both() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &["of-file"]).unwrap();
    store.add(made("crm")).unwrap();
    store.pause("of-file", paused()).unwrap();
    store.pause("of-file", Paused { by: "other".into(), ..paused() }).unwrap();
    store.disable("crm", disabled()).unwrap();
    let again = opened(folder.path(), &["of-file"]).unwrap();
    assert_eq!(again.get("of-file").unwrap().endpoint.paused, Some(paused()));
    assert_eq!(again.get("crm").unwrap().endpoint.disabled, Some(disabled()));
    for name in ["crm", "of-file"] {
        again.pause(name, paused()).unwrap();
        assert!(again.resume(name).unwrap().runs());
    }
    assert!(opened(folder.path(), &["of-file"]).unwrap().all().iter().all(|stored| stored.endpoint.runs()));
}

#[test]
fn a_change_keeps_the_state_and_the_secrets_that_come_back_as_masks() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &[]).unwrap();
    store.add(made("crm")).unwrap();
    store.pause("crm", paused()).unwrap();
    let mut shown = serde_json::to_value(&store.get("crm").unwrap().endpoint.config).unwrap();
    assert_eq!((&shown["url"], &shown["signing"]["secrets"]), (&json!(MASK), &json!([MASK])));
    shown["delivery"]["gzip"] = json!(true);
    let changed = store.replace("crm", shown).unwrap();
    assert!(changed.config.delivery.gzip && changed.paused.is_some());
    let expected: Config = serde_json::from_value(made("crm")).unwrap();
    assert_eq!((&changed.config.url, &changed.config.signing), (&expected.url, &expected.signing));
}

#[test]
fn an_endpoint_of_the_file_is_not_changed_or_deleted_and_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &["crm"]).unwrap();
    for error in [store.replace("crm", made("crm")).unwrap_err(), store.remove("crm").unwrap_err()] {
        assert!(matches!(error, StoreError::OfFile { .. }) && error.to_string().contains(CONFIGURATION), "{error}");
    }
    assert!(matches!(store.add(made("crm")), Err(StoreError::OfFile { .. })));
}

#[test]
fn one_name_in_the_file_and_of_the_api_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    opened(folder.path(), &[]).unwrap().add(made("crm")).unwrap();
    let error = opened(folder.path(), &["crm"]).unwrap_err().to_string();
    assert!(error.contains(CONFIGURATION) && error.contains("another name"), "{error}");
}

#[test]
fn a_mistake_is_told_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &[]).unwrap();
    store.add(made("crm")).unwrap();
    for (made, cure) in [
        (json!({"name": "a", "urll": "x"}), "did you mean `url`?"),
        (json!({"name": "A", "url": "https://a"}), "small letters"),
        (json!({"name": "a"}), "`url` is missing"),
        (json!([]), "not what is understood"),
        (json!({"name": "a", "url": "https://a", "filter": [["call.*"]]}), "a list stands"),
        (json!({"name": "a", "url": {"file": "/etc/shadow"}}), "url: files and the environment"),
        (json!({"name": "a", "url": {"env": "HOME"}}), "url: files"),
        (
            json!({"name": "a", "url": "https://a", "network": {"ca_file": "/x"}, "headers": {"x": {"env": "HOME"}}}),
            "headers.x, network.ca_file",
        ),
        (json!({"name": "a", "url": MASK}), "give the text itself"),
    ] {
        let error = store.add(made.clone()).unwrap_err().to_string();
        assert!(error.contains(cure), "{made}: {error}");
    }
    let renamed = store.replace("crm", made("other")).unwrap_err();
    assert!(matches!(renamed, StoreError::Renamed { .. }), "{renamed}");
    assert!(matches!(store.replace("nobody", made("nobody")), Err(StoreError::Unknown(_))));
    assert_eq!(names(&store), [("crm".into(), Source::Api)]);
}

#[test]
fn a_kept_credential_does_not_move_to_another_host() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &[]).unwrap();
    let with = |url: &str, bearer: &str| json!({"name": "crm", "url": url, "auth": {"bearer": bearer}});
    store.add(with("https://crm.example/a", "token")).unwrap();
    let moved = store.replace("crm", with("https://evil.example/a", MASK)).unwrap_err();
    assert!(matches!(moved, StoreError::Masked(_)), "{moved}");
    assert!(store.replace("crm", with("https://crm.example/b", MASK)).is_ok());
    assert!(store.replace("crm", with("https://evil.example/a", "another")).is_ok());
}

#[test]
fn one_that_cannot_work_any_more_is_there_disabled_and_cannot_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("webhooks")).unwrap();
    let written = json!({"version": 1, "endpoints": [{"name": "crm"}], "states": {}});
    fs::write(folder.path().join("webhooks/endpoints.json"), written.to_string()).unwrap();
    let store = opened(folder.path(), &[]).unwrap();
    let reason = store.get("crm").unwrap().endpoint.disabled.clone().unwrap().reason;
    assert!(reason.contains("`url` is missing"), "{reason}");
    assert!(matches!(store.resume("crm"), Err(StoreError::Wrong(_))));
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_what_to_do_and_without_what_is_in_it() {
    for (text, cure) in [
        ("{\"version\":1,\"endpoints\":[\"hunter2\"", "restore it from a backup"),
        ("{\"version\":1,\"endpoints\":[\"hunter2\"],\"states\":{}}", "restore it from a backup"),
        ("{\"version\":2,\"new\":\"hunter2\"}", "run the newer version"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("webhooks")).unwrap();
        fs::write(folder.path().join("webhooks/endpoints.json"), text).unwrap();
        let error = opened(folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains(cure) && error.contains("endpoints.json") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_disk_that_refuses_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), &[]).unwrap();
    store.add(made("crm")).unwrap();
    // Where the temporary file would be there is a folder that is not empty.
    fs::create_dir_all(folder.path().join("webhooks/endpoints.json.tmp/x")).unwrap();
    assert!(matches!(store.add(made("other")), Err(StoreError::Io { .. })));
    assert!(matches!(store.pause("crm", paused()), Err(StoreError::Io { .. })));
    assert_eq!(names(&store), [("crm".into(), Source::Api)]);
    assert!(store.get("crm").unwrap().endpoint.runs());
}
