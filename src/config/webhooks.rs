//! `[[webhook]]` and `[webhooks]`: what is wrong with them, told without the secrets that may stand there.

use serde::de::Error as _;

use super::ConfigError;
use crate::sinks::webhook::{self, Common};

/// What cannot work.
pub fn check(common: &Common, webhooks: &[webhook::Config]) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (number, (at, config)) in (1..).zip(webhooks.iter().enumerate()) {
        let name = webhook::endpoint::excerpt(&config.name);
        if webhooks.iter().take(at).any(|before| before.name == config.name) {
            errors.push(ConfigError::WebhookTwice { number, name: name.clone() });
        }
        let wrong = webhook::endpoint::check(config).err().unwrap_or_default();
        errors.extend(wrong.into_iter().map(|wrong| ConfigError::Webhook { number, name: name.clone(), wrong }));
    }
    let kept = [
        ("keep_attempts_hours", common.keep_attempts_hours),
        ("keep_attempts_mib", common.keep_attempts_mib),
        ("keep_dead_hours", common.keep_dead_hours),
        ("keep_dead_mib", common.keep_dead_mib),
    ];
    errors.extend(kept.iter().filter(|(_, kept)| *kept == 0).map(|(key, _)| ConfigError::WebhooksKeepNothing(key)));
    errors
}

/// A mistake in the file, without the values that are quoted with it, if anything is said there of webhooks: one may be a secret of theirs.
pub fn without_secrets(mut error: toml::de::Error, text: &str) -> toml::de::Error {
    // Where a webhook begins and ends, only a reader of the whole file could say, and that one just failed.
    if !text.contains("webhook") {
        return error;
    }
    let hidden = webhook::unquoted(error.message());
    let Some(at) = error.span().map(|span| span.start) else { return hidden.map_or(error, toml::de::Error::custom) };
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count();
    if let Some(message) = hidden {
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        return toml::de::Error::custom(format!("line {}, column {}: {message}", line + 1, column + 1));
    }
    let quoted = text.split('\n').nth(line).unwrap_or_default();
    // What stands before the sign may be the middle of a text.
    let is_key = |key: &str| key.trim().bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'));
    let end = quoted.find('=').filter(|at| quoted.get(..*at).is_some_and(is_key)).map_or(0, |at| at + 1);
    let (key, value) = quoted.split_at(end);
    // As long as it was, so that the place that is marked stays.
    let hidden: String = value.chars().map(|c| if c.is_whitespace() { c.to_string() } else { "*".repeat(c.len_utf8()) }).collect();
    error.set_input(Some(&format!("{}{key}{hidden}", text.split_inclusive('\n').take(line).collect::<String>())));
    error
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SESSION, is_toml, parse};
    use super::*;

    /// The part of the example from a table to another, of which all that is no explanation counts.
    fn uncommented(from: &str, to: &str) -> String {
        let example = include_str!("../../deploy/callcast.example.toml");
        let part = example.split_once(from).unwrap().1.split_once(to).unwrap().0;
        let lines: Vec<&str> = part.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| is_toml(line)).collect();
        lines.join("\n")
    }

    #[test]
    fn what_the_example_shows_of_webhooks_is_valid_and_shows_the_defaults() {
        let text = uncommented("\n[webhooks]\n", "\n[privacy]\n");
        let config = parse(&format!("{SESSION}{text}")).unwrap();
        let [crm] = config.webhooks.as_slice() else { panic!("{text}") };
        let defaults = webhook::Config::default();
        assert_eq!((&crm.delivery, &crm.retry, &crm.breaker), (&defaults.delivery, &defaults.retry, &defaults.breaker));
        // Every key is there.
        let known = serde_json::to_value(&defaults).unwrap();
        let keys = known
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(key, value)| value.as_object().map_or_else(|| vec![key.clone()], |inside| inside.keys().cloned().collect()));
        let missing: Vec<String> = keys.filter(|key| !text.contains(&format!("{key} =")) && !text.contains(&format!(".{key}]"))).collect();
        assert_eq!(missing, ["name"; 0]);
    }

    #[test]
    fn a_mistake_in_a_webhook_names_the_webhook() {
        let text =
            format!("{SESSION}[webhooks]\nkeep_dead_hours = 0\n[[webhook]]\nname = 'crm'\nurl = 'https://a'\n[[webhook]]\nname = 'crm'\n");
        let errors = parse(&text).unwrap().check().unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        for (text, expected) in texts.iter().zip([
            "[[webhook]] 2: `name` is \"crm\"",
            "[[webhook]] 2 (crm): `url` is missing",
            "`webhooks.keep_dead_hours` is 0",
        ]) {
            assert!(text.starts_with(expected), "{text}");
        }
        assert_eq!(texts.len(), 3);
        let error = parse(&format!("{SESSION}[[webhook]]\nname = 'crm'\nurll = 'x'\n")).unwrap_err().to_string();
        assert!(error.contains("did you mean `url`?"), "{error}");
    }

    #[test]
    fn a_mistake_quotes_no_secret() {
        for line in [
            "urll = 'https://crm.example/geheim'",
            "url = ['https://crm.example/geheim']",
            "auth = 'geheim'",
            "url = 'https://crm.example/geheim",
            "signing = { secrets = 'geheim' }",
            "auth = { bearer = 'geheim', bearr = 'geheim' }",
        ] {
            let error = parse(&format!("{SESSION}[[webhook]]\nname = 'crm'\n{line}\n")).unwrap_err().to_string();
            assert!(!error.contains("geheim") && error.contains("line 8"), "{line}: {error}");
        }
    }

    #[test]
    fn a_mistake_quotes_no_secret_however_a_webhook_is_written() {
        for (text, line) in [
            ("webhook = [{ name = \"crm\", url = \"https://crm.example/geheim\", auth = \"x\" }]\n", "line 1"),
            ("[[\"webhook\"]]\nurll = 'https://crm.example/geheim'\n", "line 2"),
            ("[[webhook]]\nbody.template = \"\"\"\n[data]\n\"\"\"\nurl = 'https://crm.example/geheim\n", "line 5"),
            ("[[webhook]]\nbody.template = \"\"\"\nhttps://crm.example/geheim?a=\\q\n\"\"\"\n", "line 3"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(!error.contains("geheim") && error.contains(line), "{text}: {error}");
        }
    }

    #[test]
    fn a_mistake_is_quoted_where_there_are_no_webhooks() {
        let error = parse(&format!("{SESSION}[api]\nlisten = 'nowhere'\n")).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
    }
}
