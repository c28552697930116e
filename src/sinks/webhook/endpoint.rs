//! What an endpoint has to be: the rules that hold wherever it is told of.

use thiserror::Error;

use super::{Client, Config, Plan, Secret};

/// The folder beside the journal's files in which all is kept that webhooks need.
pub const FOLDER: &str = "webhooks";
/// The longest name.
const MAX_NAME: usize = 40;
/// The longest pause, in seconds: a week.
const LONGEST_PAUSE: u64 = 7 * 24 * 3600;

/// A name that no endpoint can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no name for a webhook: use 1 to {MAX_NAME} of the small letters a to z, digits, '-' and '_', a letter or digit first")]
pub struct BadName(String);

/// Whether an endpoint can have this name.
pub fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().next().is_some_and(word)
        && name.bytes().all(|byte| word(byte) || b"-_".contains(&byte))
}

/// The same, with what is wrong.
///
/// # Errors
/// When none can.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if is_name(name) { Ok(()) } else { Err(BadName(excerpt(name))) }
}

/// As much of a name as is repeated to whoever gave it.
pub fn excerpt(name: &str) -> String {
    name.chars().take(MAX_NAME + 1).collect()
}

/// Whether an endpoint can be run. All that is wrong with it, for people: no URL, no credential.
///
/// # Errors
/// Everything that cannot work.
pub fn check(config: &Config) -> Result<(), Vec<String>> {
    let mut wrong: Vec<String> = check_name(&config.name).err().iter().map(ToString::to_string).collect();
    if !config.url.is_set() {
        wrong.push("`url` is missing: say where events go, as \"https://crm.example.com/events\"".into());
    }
    wrong.extend(out_of_range(config));
    if wrong.is_empty() {
        wrong.extend(Plan::new(config).err().into_iter().flatten().map(|error| error.to_string()));
        wrong.extend(Client::new(config).err().into_iter().flatten().map(|error| error.to_string()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Numbers with which nothing would be delivered, or not as meant.
fn out_of_range(config: &Config) -> Vec<String> {
    let Config { delivery, retry, breaker, .. } = config;
    let mut wrong = Vec::new();
    let mut range = |key: &str, value: u64, first: u64, last: u64| {
        if !(first..=last).contains(&value) {
            wrong.push(format!("`{key}` is {value}: give {first} to {last}"));
        }
    };
    range("delivery.batch_events", delivery.batch_events as u64, 1, 1000);
    range("delivery.batch_bytes", delivery.batch_bytes as u64, 1, 16 << 20);
    range("length of retry.pauses_seconds", retry.pauses_seconds.len() as u64, 1, 100);
    retry.pauses_seconds.iter().for_each(|pause| range("retry.pauses_seconds", *pause, 1, LONGEST_PAUSE));
    range("retry.retry_after_max_seconds", retry.retry_after_max_seconds, 0, LONGEST_PAUSE);
    range("breaker.failures", breaker.failures.into(), 1, 1_000_000);
    range("breaker.pause_seconds", breaker.pause_seconds, 1, LONGEST_PAUSE);
    range("breaker.pause_max_seconds", breaker.pause_max_seconds, breaker.pause_seconds.min(LONGEST_PAUSE), LONGEST_PAUSE);
    let statuses = [&retry.dead_statuses, &retry.breaker_statuses, &retry.disable_statuses];
    statuses.into_iter().flatten().for_each(|status| range("retry.*_statuses", (*status).into(), 300, 599));
    if !(0.0..=1.0).contains(&retry.jitter) {
        wrong.push(format!("`retry.jitter` is {}: it is a share, from 0 to 1", retry.jitter));
    }
    wrong
}

/// The keys of an endpoint that lead to files or to the environment.
pub fn leading_elsewhere(config: &Config) -> Vec<String> {
    let Config { url, headers, body, signing, network, auth, .. } = config;
    let mut keys = Vec::new();
    let mut one = |key: &str, leads: bool| keys.extend(leads.then(|| key.to_owned()));
    one("url", url.leads_elsewhere());
    headers.iter().for_each(|(name, secret)| one(&format!("headers.{name}"), secret.leads_elsewhere()));
    one("auth.bearer", auth.bearer.leads_elsewhere());
    one("auth.basic.password", auth.basic.as_ref().is_some_and(|basic| basic.password.leads_elsewhere()));
    one("auth.oauth2.client_secret", auth.oauth2.as_ref().is_some_and(|oauth2| oauth2.client_secret.leads_elsewhere()));
    one("body.template_file", body.template_file.is_some());
    one("network.ca_file", network.ca_file.is_some());
    one("network.certificate_file", network.certificate_file.is_some());
    one("network.key_file", network.key_file.is_some());
    for (key, secrets) in [("signing.secrets", &signing.secrets), ("signing.ed25519", &signing.ed25519)] {
        one(key, secrets.iter().any(Secret::leads_elsewhere));
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_short_and_of_small_letters() {
        let long = "a".repeat(MAX_NAME);
        for name in ["crm", "0", "a-b_c", long.as_str()] {
            check_name(name).unwrap();
        }
        let too_long = "a".repeat(MAX_NAME + 1);
        for name in ["", "-a", "_a", "A", "a.b", "a/b", "..", "é", too_long.as_str()] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_key_that_leads_elsewhere_is_named() {
        let elsewhere = json!({"file": "/x"});
        let config: Config = serde_json::from_value(json!({
            "url": elsewhere, "headers": {"x-a": {"env": "A"}, "x-b": "b"}, "body": {"template_file": "/x"},
            "signing": {"secrets": ["whsec_", elsewhere], "ed25519": [elsewhere]},
            "network": {"ca_file": "/x", "certificate_file": "/x", "key_file": "/x"},
            "auth": {"bearer": elsewhere, "basic": {"password": elsewhere}, "oauth2": {"client_secret": elsewhere}},
        }))
        .unwrap();
        let mut keys = leading_elsewhere(&config);
        keys.sort_unstable();
        let expected = [
            "auth.basic.password",
            "auth.bearer",
            "auth.oauth2.client_secret",
            "body.template_file",
            "headers.x-a",
            "network.ca_file",
            "network.certificate_file",
            "network.key_file",
            "signing.ed25519",
            "signing.secrets",
            "url",
        ];
        assert_eq!(keys, expected);
        assert!(leading_elsewhere(&Config { url: "https://a".into(), ..Config::default() }).is_empty());
    }

    #[test]
    fn a_number_out_of_range_is_named_with_the_range() {
        let mut config = Config { name: "crm".into(), url: "https://203.0.113.9/".into(), ..Config::default() };
        config.delivery.batch_events = 0;
        config.retry.jitter = 1.5;
        config.retry.dead_statuses = vec![200];
        (config.breaker.pause_seconds, config.breaker.pause_max_seconds) = (60, 30);
        let wrong = check(&config).unwrap_err();
        for (wrong, expected) in wrong.iter().zip([
            "delivery.batch_events` is 0",
            "breaker.pause_max_seconds` is 30: give 60",
            "_statuses` is 200",
            "retry.jitter` is 1.5",
        ]) {
            assert!(wrong.contains(expected), "{wrong}");
        }
        assert_eq!(wrong.len(), 4);
    }

    #[test]
    fn nothing_is_tried_again_without_a_pause() {
        let mut config = Config { name: "crm".into(), url: "https://203.0.113.9/".into(), ..Config::default() };
        (config.retry.pauses_seconds, config.retry.retry_after_max_seconds, config.breaker.pause_seconds) = (vec![5, 0], 0, 0);
        let wrong = check(&config).unwrap_err();
        let expected = ["`retry.pauses_seconds` is 0: give 1 to 604800", "`breaker.pause_seconds` is 0: give 1 to 604800"];
        assert_eq!(wrong, expected);
    }
}
