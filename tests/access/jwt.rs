//! What is taken of a JWT, and every reason for which one is not.

use callcast::access::{Access, Config, Denied, IssuerConfig, Principal, Scope};
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value as Json, json};

use crate::keys::{AUDIENCE, ISSUER, Signer, api_token, changed, claims, issuer, now_seconds};

/// `{"alg":"none","typ":"JWT"}`
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
const ALGORITHMS: [Algorithm; 4] = [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

fn access(issuers: Vec<IssuerConfig>) -> Access {
    Access::new(&Config { issuers, ..Config::default() }, Metrics::new().unwrap()).unwrap()
}

/// An issuer that signs with Ed25519, as the table may be changed.
fn one(change: impl FnOnce(&mut IssuerConfig)) -> (Access, Signer) {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::EdDSA);
    let mut config = signer.configured(folder.path());
    change(&mut config);
    (access(vec![config]), signer)
}

fn ask(access: &Access, token: &str) -> Result<Principal, Denied> {
    access.authenticate_now(token, Timestamp::now())
}

#[test]
fn a_token_of_each_algorithm_is_its_users() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let access = access(vec![signer.configured(folder.path())]);
        let principal = ask(&access, &signer.sign(&claims("bsmith"))).unwrap();
        assert_eq!((&*principal.account, &*principal.scope, principal.admin), ("bsmith", &Scope::of_user("bsmith"), false));
        // The leeway is part of it: until then it is taken.
        assert_eq!(principal.expires.unwrap().0 / 1_000_000, claims("").get("exp").unwrap().as_u64().unwrap() + 30);
    }
}

#[test]
fn a_token_that_another_key_signed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let access = access(vec![signer.configured(folder.path())]);
        let token = match algorithm {
            Algorithm::HS256 => encode(&Header::new(algorithm), &claims("u"), &EncodingKey::from_secret(&[7; 32])).unwrap(),
            other => Signer::new(other).sign(&claims("u")),
        };
        assert_eq!(ask(&access, &token), Err(Denied::Signature), "{algorithm:?}");
    }
}

#[test]
fn a_claim_that_was_changed_behind_the_signature_is_refused() {
    let (access, signer) = one(|_| {});
    let [mine, other] = ["ann", "ben"].map(|user| signer.sign(&claims(user)));
    let (mine, other): (Vec<&str>, Vec<&str>) = (mine.split('.').collect(), other.split('.').collect());
    assert_eq!(ask(&access, &[mine[0], other[1], mine[2]].join(".")), Err(Denied::Signature));
}

#[test]
fn the_algorithm_none_is_refused() {
    let (access, signer) = one(|_| {});
    let token = signer.sign(&claims("u"));
    let body = token.split('.').nth(1).unwrap();
    for token in [format!("{NONE}.{body}."), format!("{NONE}.{body}.{}", token.split('.').nth(2).unwrap())] {
        assert_eq!(ask(&access, &token), Err(Denied::Algorithm));
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let signer = Signer::new(algorithm);
        let access = access(vec![signer.configured(folder.path())]);
        for secret in [signer.public.clone(), signer.public.trim().to_owned(), format!("{}\n", signer.public)] {
            let token = encode(&Header::new(Algorithm::HS256), &claims("u"), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
            assert_eq!(ask(&access, &token), Err(Denied::Algorithm), "{algorithm:?}");
        }
    }
}

#[test]
fn an_algorithm_that_is_not_pinned_is_refused_though_the_key_could_do_it() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::RS256);
    let access = access(vec![signer.configured(folder.path())]);
    let token = signer.sign_as(&Header::new(Algorithm::RS512), &claims("u"));
    assert_eq!(ask(&access, &token), Err(Denied::Algorithm));
}

#[test]
fn what_is_missing_or_no_claim_at_all_is_named() {
    let (access, signer) = one(|_| {});
    for (name, values) in [
        ("exp", vec![Json::Null, json!("tomorrow"), json!(-1)]),
        ("aud", vec![Json::Null, json!(7), json!({"callcast": true})]),
        ("sub", vec![Json::Null, json!(""), json!(7)]),
        ("iss", vec![Json::Null, json!([ISSUER])]),
    ] {
        for value in values {
            let token = signer.sign(&changed("u", name, value.clone()));
            assert_eq!(ask(&access, &token), Err(Denied::Claim(name)), "{name} {value}");
        }
    }
    assert_eq!(ask(&access, &signer.sign(&changed("u", "nbf", json!("later")))), Err(Denied::Claim("nbf")));
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let (access, signer) = one(|_| {});
    for audience in [json!("crm"), json!(["crm", "mail"]), json!([]), json!(""), json!("Callcast")] {
        assert_eq!(ask(&access, &signer.sign(&changed("u", "aud", audience.clone()))), Err(Denied::Audience), "{audience}");
    }
    ask(&access, &signer.sign(&changed("u", "aud", json!(["crm", AUDIENCE])))).unwrap();
}

#[test]
fn a_token_of_an_issuer_that_is_not_ours_is_refused() {
    let (access, signer) = one(|_| {});
    for issuer in ["https://login.example.com", "https://evil.example/", ""] {
        assert_eq!(ask(&access, &signer.sign(&changed("u", "iss", json!(issuer)))), Err(Denied::Issuer), "{issuer}");
    }
}

#[test]
fn one_issuer_cannot_speak_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::EdDSA));
    let other = IssuerConfig { issuer: "other".into(), ..theirs.configured(folder.path()) };
    let access = access(vec![ours.configured(folder.path()), other]);
    ask(&access, &theirs.sign(&changed("u", "iss", json!("other")))).unwrap();
    assert_eq!(ask(&access, &theirs.sign(&claims("u"))), Err(Denied::Algorithm));
    assert_eq!(ask(&access, &ours.sign(&changed("u", "iss", json!("other")))), Err(Denied::Algorithm));
}

#[test]
fn a_token_counts_from_its_beginning_to_its_end_give_or_take_the_leeway() {
    let (access, signer) = one(|config| config.leeway_seconds = 5);
    let (from, until) = (1_800_000_000_u64, 1_800_000_100_u64);
    let mut claims = changed("u", "exp", json!(until));
    claims["nbf"] = from.into();
    let token = signer.sign(&claims);
    let at = |seconds: u64| access.authenticate_now(&token, Timestamp(seconds * 1_000_000));
    assert_eq!(at(from - 6), Err(Denied::NotYet));
    at(from - 5).unwrap();
    at(until + 4).unwrap();
    assert_eq!(at(until + 5), Err(Denied::Expired));
    assert_eq!(at(until + 1_000_000), Err(Denied::Expired));
}

#[test]
fn a_time_with_a_fraction_is_a_time() {
    let (access, signer) = one(|config| config.leeway_seconds = 0);
    let principal = access.authenticate_now(&signer.sign(&changed("u", "exp", json!(100.5))), Timestamp(0)).unwrap();
    assert_eq!(principal.expires, Some(Timestamp(100_500_000)));
    ask(&access, &signer.sign(&changed("u", "exp", json!(1e300)))).unwrap();
}

#[test]
fn a_token_that_is_far_too_long_is_not_looked_at() {
    let (access, signer) = one(|_| {});
    let token = signer.sign(&changed("u", "more", json!("x".repeat(8000))));
    assert!(token.len() > 8 * 1024);
    assert_eq!(ask(&access, &token), Err(Denied::TooLong));
    assert_eq!(ask(&access, &"x".repeat(100_000)), Err(Denied::TooLong));
}

#[test]
fn what_is_no_jwt_is_malformed_or_unknown() {
    let (access, signer) = one(|_| {});
    let token = signer.sign(&claims("u"));
    let body = token.split('.').nth(1).unwrap();
    for token in
        ["..", "a.b", "a.b.c", ".", "...", "é.é.é", &token[1..], &format!("{token}.x"), &format!("x.{body}.x"), &format!("{NONE}.x.")]
    {
        let denied = ask(&access, token).unwrap_err();
        assert!(matches!(denied, Denied::Malformed | Denied::Algorithm), "{token}: {denied:?}");
    }
    for token in ["", "x", " "] {
        assert_eq!(ask(&access, token), Err(Denied::Unknown), "{token:?}");
    }
}

#[test]
fn critical_headers_are_refused() {
    let (access, signer) = one(|_| {});
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::EdDSA) };
    assert_eq!(ask(&access, &signer.sign_as(&header, &claims("u"))), Err(Denied::Critical));
}

#[test]
fn a_token_says_more_only_where_its_issuer_is_trusted_to() {
    let everything = changed("u", "callcast", json!({"everything": true, "admin": true}));
    let (access, signer) = one(|_| {});
    let principal = ask(&access, &signer.sign(&everything)).unwrap();
    assert_eq!((&*principal.scope, principal.admin), (&Scope::of_user("u"), false));

    let (access, signer) = one(|config| config.trust_scope = true);
    let principal = ask(&access, &signer.sign(&everything)).unwrap();
    assert!(principal.scope.everything && principal.admin);
    let more = changed("u", "callcast", json!({"users": ["v"], "devices": ["SEP1"], "lines": ["2000"]}));
    let principal = ask(&access, &signer.sign(&more)).unwrap();
    let scope = Scope { everything: false, users: vec!["v".into(), "u".into()], devices: vec!["SEP1".into()], lines: vec!["2000".into()] };
    assert_eq!((&*principal.scope, principal.admin), (&scope, false));
    assert_eq!(*ask(&access, &signer.sign(&claims("u"))).unwrap().scope, Scope::of_user("u"));
}

#[test]
fn a_claim_about_the_scope_that_is_not_understood_is_refused() {
    let (access, signer) = one(|config| {
        config.trust_scope = true;
        config.scope_claim = "phones".into();
    });
    for claim in [json!("everything"), json!({"everything": "yes"}), json!({"user": ["u"]}), json!({"users": "u"}), json!(7)] {
        let denied = ask(&access, &signer.sign(&changed("u", "phones", claim.clone())));
        assert_eq!(denied, Err(Denied::Scope), "{claim}");
    }
    ask(&access, &signer.sign(&changed("u", "callcast", json!(7)))).unwrap();
}

#[test]
fn a_refusal_tells_nothing_of_what_would_be_taken() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::HS256);
    let mut config = signer.configured(folder.path());
    (config.issuer, config.audience) = ("https://hidden.example/".into(), vec!["hidden".into()]);
    let access = access(vec![config]);
    let ours = |name: &str, value: Json| {
        let mut claims = changed("u", name, value);
        claims["iss"] = "https://hidden.example/".into();
        signer.sign(&claims)
    };
    let expired = ours("exp", json!(now_seconds() - 1000));
    for token in [signer.sign(&claims("u")), ours("aud", json!("x")), expired, "nothing".into(), format!("{NONE}.e30.")] {
        let text = ask(&access, &token).unwrap_err().to_string();
        assert!(!text.contains("hidden") && !text.contains("HS256") && !text.contains(&token), "{text}");
    }
}

#[test]
fn an_api_token_is_taken_and_any_other_is_not() {
    let (token, table) = api_token("crm", |table| table.devices = vec!["SEP1".into()]);
    let access = Access::new(&Config { tokens: vec![table], ..Config::default() }, Metrics::new().unwrap()).unwrap();
    let principal = ask(&access, &token).unwrap();
    assert_eq!((&*principal.account, principal.expires), ("crm", None));
    assert!(principal.scope.allows_device("SEP1", None) && !principal.scope.allows_device("SEP2", Some("crm")));
    assert_eq!(ask(&access, &token.to_uppercase()), Err(Denied::Unknown));
}

#[test]
fn what_is_printed_for_debugging_has_no_secret_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new(Algorithm::HS256);
    let (token, table) = api_token("crm", |table| table.admin = true);
    let config = Config { tokens: vec![table], issuers: vec![signer.configured(folder.path())], ..Config::default() };
    let access = Access::new(&config, Metrics::new().unwrap()).unwrap();
    for text in [format!("{access:?}"), format!("{config:?}")] {
        assert!(!text.contains(&token) && !text.contains("a secret of 32") && !text.contains("97, 32, 115"), "{text}");
    }
}

#[test]
fn files_of_keys_are_read_again_and_bad_ones_leave_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let config = before.configured(folder.path());
    let path = config.key_file.clone().unwrap();
    let access = access(vec![config]);
    for bad in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", &Signer::new(Algorithm::EdDSA).public] {
        std::fs::write(&path, bad).unwrap();
        access.reload();
        ask(&access, &before.sign(&claims("u"))).unwrap();
    }
    std::fs::write(&path, &after.public).unwrap();
    access.reload();
    ask(&access, &after.sign(&claims("u"))).unwrap();
    assert_eq!(ask(&access, &before.sign(&claims("u"))), Err(Denied::Signature));
}

#[test]
fn files_that_hold_no_key_of_the_issuer_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let refused = |config: IssuerConfig, text: &str| {
        std::fs::write(&path, text).unwrap();
        let errors = Access::new(&Config { issuers: vec![config], ..Config::default() }, Metrics::new().unwrap()).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].to_string()
    };
    let key = || IssuerConfig { key_file: Some(path.clone()), ..issuer(Algorithm::RS256) };
    let secret = || IssuerConfig { secret_file: Some(path.clone()), ..issuer(Algorithm::HS256) };
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::generate_simple_self_signed(vec!["x".into()]).unwrap().cert.pem();
    let oct = json!({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "alg": "HS256"}).to_string();
    for (config, text, expected) in [
        (secret(), "short\n", "openssl rand"),
        (secret(), &format!("{}\r\n", "x".repeat(31)), "31 bytes"),
        (key(), &pair.serialize_pem(), "private key"),
        (key(), &Signer::new(Algorithm::ES256).public, "none of them for RS256"),
        (key(), &certificate, "BEGIN PUBLIC KEY"),
        (key(), "{\"keys\":[]}", "holds 0 keys"),
        (key(), "{\"keys\":", "key_file"),
        (key(), &oct, "holds 1 keys, none of them for RS256"),
    ] {
        let error = refused(config, text);
        assert!(error.contains(expected) && error.contains("[[access.issuer]] 1") && !error.contains("c2Vj"), "{expected}: {error}");
    }
    let missing = IssuerConfig { key_file: Some("no/such/file".into()), ..issuer(Algorithm::RS256) };
    assert!(refused(missing, "").contains("no/such/file"));
}

#[test]
fn a_file_may_hold_several_keys_and_a_token_has_to_name_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let signers = [Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256), Signer::new(Algorithm::EdDSA)];
    let mut keys: Vec<Json> = signers.iter().zip(["a", "b", "c"]).map(|(signer, id)| signer.jwk(id)).collect();
    // A key without `alg` is for what is pinned; one for encryption is none of ours.
    keys[1].as_object_mut().unwrap().remove("alg");
    let mut sealing = signers[0].jwk("sealing");
    sealing["use"] = "enc".into();
    keys.push(sealing);
    keys.push(json!({"kty": "something", "new": true}));
    std::fs::write(&path, json!({"keys": keys}).to_string()).unwrap();
    let mut config = IssuerConfig { key_file: Some(path), ..issuer(Algorithm::ES256) };
    config.algorithms.push("EdDSA".into());
    let access = access(vec![config]);
    for (signer, id) in signers.iter().zip(["a", "b", "c"]) {
        ask(&access, &signer.sign_named(id, &claims("u"))).unwrap();
    }
    assert_eq!(ask(&access, &signers[0].sign_named("b", &claims("u"))), Err(Denied::Signature));
    assert_eq!(ask(&access, &signers[0].sign_named("sealing", &claims("u"))), Err(Denied::Key));
    assert_eq!(ask(&access, &signers[0].sign_named("d", &claims("u"))), Err(Denied::Key));
    // Two could be meant; of Ed25519 there is one.
    assert_eq!(ask(&access, &signers[0].sign(&claims("u"))), Err(Denied::Key));
    ask(&access, &signers[2].sign(&claims("u"))).unwrap();
}
