//! Signatures of deliveries, checked by others: the official verifiers for Rust and Python, and a verifier of Ed25519.
//!
//! The Python verifier is looked for in `target/python`, where `tests/run` installs it, or with the interpreter that `CALLCAST_PYTHON` names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use callcast::journal::{Entry, Keys};
use callcast::sinks::webhook::config::{BodyConfig, Mode, SigningConfig};
use callcast::sinks::webhook::{Config, Plan, Prepared, Secret};
use callcast::time::Timestamp;
use standardwebhooks::Webhook;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const EVENT: &str =
    r#"{"specversion":"1.0","id":"17-42","source":"/cucm/Zürich","type":"callcast.leg.alerting","data":{"remote":{"name":"Zoë"}}}"#;

fn delivery_in(mode: Mode, shared: &[&str], ed25519: &[&str]) -> (Prepared, Vec<String>) {
    let secrets = |texts: &[&str]| texts.iter().map(|text| Secret::from(*text)).collect();
    let config = Config {
        name: "crm".into(),
        url: "https://crm.example.com/hooks".into(),
        body: BodyConfig { mode, ..BodyConfig::default() },
        signing: SigningConfig { secrets: secrets(shared), ed25519: secrets(ed25519) },
        ..Config::default()
    };
    let entry = Entry { epoch: 17, sequence: 42, time: Timestamp::now(), keys: Keys::default(), event: EVENT.into() };
    let plan = Plan::new(&config).unwrap();
    (plan.prepare(&[&entry], Timestamp::now()).unwrap(), plan.public_keys())
}

fn delivery(secrets: &[&str]) -> Prepared {
    delivery_in(Mode::Structured, secrets, &[]).0
}

fn header<'a>(prepared: &'a Prepared, name: &str) -> &'a str {
    prepared.headers[name].to_str().unwrap()
}

/// What the official verifier for Rust says.
fn rust(secret: &str, prepared: &Prepared) -> bool {
    Webhook::new(secret).unwrap().verify(&prepared.body, &prepared.headers).is_ok()
}

/// What the official verifier for Python says: `good`, or what it raised.
fn python(secret: &str, prepared: &Prepared) -> String {
    const VERIFY: &str = "
import sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
secret, id, timestamp, signature = sys.argv[1:]
headers = {'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature}
try:
    Webhook(secret).verify(sys.stdin.buffer.read(), headers)
    print('good')
except WebhookVerificationError as error:
    print(error)
";
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| header(prepared, name));
    let Output { status, stdout, stderr } = run(&["-c", VERIFY, secret, headers[0], headers[1], headers[2]], &prepared.body);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let python = interpreter();
    let (stdin, stdout, stderr) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
    let mut child = Command::new(python).args(arguments).stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn interpreter() -> PathBuf {
    if let Some(given) = std::env::var_os("CALLCAST_PYTHON") {
        return given.into();
    }
    // The test itself is in target/debug/deps, or wherever CARGO_TARGET_DIR leads.
    let test = std::env::current_exe().unwrap();
    let found = test.ancestors().map(|folder| folder.join("python/bin/python")).find(|python| python.exists());
    found.unwrap_or_else(|| {
        panic!(
            "the official verifier for Python is missing; install it as tests/run does: \
             python3 -m venv target/python && target/python/bin/pip install -r tests/fixtures/python.txt"
        )
    })
}

#[test]
fn the_official_rust_verifier_takes_our_deliveries() {
    for mode in [Mode::Structured, Mode::Binary, Mode::Batch] {
        assert!(rust(NEW, &delivery_in(mode, &[NEW], &[]).0), "{mode:?}");
    }
}

#[test]
fn the_official_rust_verifier_takes_old_and_new_secret_while_they_are_exchanged() {
    let prepared = delivery(&[OLD, NEW]);
    assert!(rust(OLD, &prepared) && rust(NEW, &prepared) && !rust(OTHER, &prepared));
}

#[test]
fn the_official_rust_verifier_refuses_another_body() {
    let changed = Prepared { body: EVENT.replace("Zoë", "Eve").into(), ..delivery(&[NEW]) };
    assert!(!rust(NEW, &changed));
}

#[test]
fn the_official_python_verifier_takes_our_deliveries() {
    for mode in [Mode::Structured, Mode::Binary, Mode::Batch] {
        assert_eq!(python(NEW, &delivery_in(mode, &[NEW], &[]).0), "good", "{mode:?}");
    }
}

#[test]
fn the_official_python_verifier_takes_old_and_new_secret_while_they_are_exchanged() {
    let prepared = delivery(&[OLD, NEW]);
    assert_eq!((python(OLD, &prepared), python(NEW, &prepared)), ("good".to_owned(), "good".to_owned()));
    assert_ne!(python(OTHER, &prepared), "good");
}

#[test]
fn the_official_verifiers_pass_over_a_v1a_signature() {
    let key = format!("whsk_{}", BASE64.encode([7; 32]));
    let prepared = delivery_in(Mode::Structured, &[NEW], &[&key]).0;
    assert!(header(&prepared, "webhook-signature").contains(" v1a,"));
    assert!(rust(NEW, &prepared));
    assert_eq!(python(NEW, &prepared), "good");
}

/// No official verifier knows `v1a` yet: this does what the specification says.
#[test]
fn a_v1a_signature_is_good_by_the_public_key_that_we_show() {
    let key = format!("whsk_{}", BASE64.encode([7; 32]));
    let (prepared, public_keys) = delivery_in(Mode::Structured, &[], &[&key]);
    let public_key = BASE64.decode(public_keys[0].strip_prefix("whpk_").unwrap()).unwrap();
    let signature = BASE64.decode(header(&prepared, "webhook-signature").strip_prefix("v1a,").unwrap()).unwrap();
    let signed = |body: &str| format!("{}.{}.{body}", header(&prepared, "webhook-id"), header(&prepared, "webhook-timestamp"));
    let verifier = UnparsedPublicKey::new(&ED25519, public_key);
    verifier.verify(signed(EVENT).as_bytes(), &signature).unwrap();
    assert!(verifier.verify(signed("{}").as_bytes(), &signature).is_err());
}
