//! Plans as a whole: what is sent for an event.

use super::material::{call, entry, leg, pop};
use super::*;
use crate::sinks::webhook::Secret;
use crate::sinks::webhook::config::{BodyConfig, Mode, SigningConfig};

const NOW: Timestamp = Timestamp(1_795_421_731_000_000);

fn with(body: BodyConfig) -> Config {
    Config { name: "crm".into(), url: "https://crm.example.com/hooks".into(), body, ..Config::default() }
}

fn in_mode(mode: Mode) -> Config {
    with(BodyConfig { mode, ..BodyConfig::default() })
}

fn template(source: &str) -> Config {
    with(BodyConfig { mode: Mode::Template, template: source.into(), ..BodyConfig::default() })
}

fn refused(config: &Config) -> String {
    Plan::new(config).err().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn prepared(config: &Config, entries: &[&Entry]) -> Prepared {
    Plan::new(config).unwrap().prepare(entries, NOW).unwrap()
}

#[test]
fn an_event_goes_out_as_it_is_in_the_log() {
    let leg = leg("inbound", "100");
    let prepared = prepared(&in_mode(Mode::Structured), &[&leg]);
    assert_eq!(prepared.body, leg.event);
    assert_eq!(prepared.method, Method::POST);
    let headers = &prepared.headers;
    assert_eq!(
        (&headers["content-type"], &headers["webhook-id"]),
        (&"application/cloudevents+json".parse().unwrap(), &"17-42".parse().unwrap())
    );
    assert_eq!(headers["webhook-timestamp"], "1795421731");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("callcast/"));
    assert!(!headers.contains_key("webhook-signature"));
}

#[test]
fn in_binary_mode_the_body_is_the_data_and_the_rest_are_headers() {
    let prepared = prepared(&in_mode(Mode::Binary), &[&leg("inbound", "100")]);
    let data: serde_json::Value = serde_json::from_slice(&prepared.body).unwrap();
    assert_eq!(data["remote"]["number"], "100");
    let mut headers: Vec<(&str, &str)> = prepared
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !name.starts_with('u'))
        .collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            ("ce-dataschema", "urn:callcast:schema:leg:1"),
            ("ce-id", "17-42"),
            ("ce-partitionkey", "01a20779-4e24-7646-9af3-03bb583db0e1"),
            ("ce-sequence", "00000000000000000042"),
            ("ce-source", "/cucm/Z%C3%BCrich"),
            ("ce-specversion", "1.0"),
            ("ce-subject", "SEP000000000001/2000"),
            ("ce-time", "2026-11-23T08:15:30.123456Z"),
            ("ce-type", "callcast.leg.alerting"),
            ("content-type", "application/json"),
            ("webhook-id", "17-42"),
            ("webhook-timestamp", "1795421731"),
        ]
    );
}

#[test]
fn a_batch_is_a_list_with_an_id_of_its_own() {
    let first = leg("inbound", "100");
    let second = Entry { sequence: 43, ..call("100") };
    let plan = Plan::new(&in_mode(Mode::Batch)).unwrap();
    assert!(plan.is_batch());
    let prepared = plan.prepare(&[&first, &second], NOW).unwrap();
    let events: Vec<serde_json::Value> = serde_json::from_slice(&prepared.body).unwrap();
    assert_eq!((events.len(), &events[1]["type"]), (2, &"callcast.call.ended".into()));
    assert_eq!(prepared.headers["content-type"], "application/cloudevents-batch+json");
    assert_eq!(prepared.headers["webhook-id"], "17-42-43-2");
}

#[test]
fn a_batch_has_the_same_id_on_each_attempt_and_another_with_more_events_in_it() {
    let events = [42, 43, 45].map(|sequence| Entry { sequence, ..leg("inbound", "100") });
    let plan = Plan::new(&in_mode(Mode::Batch)).unwrap();
    let id = |events: &[Entry], now| plan.prepare(events, now).unwrap().headers["webhook-id"].clone();
    assert_eq!(id(&events, NOW), id(&events, Timestamp(NOW.0 + 60_000_000)));
    assert_eq!((id(&events, NOW), id(&events[..2], NOW)), ("17-42-45-3".parse().unwrap(), "17-42-43-2".parse().unwrap()));
    assert_eq!(id(&events[..1], NOW), "17-42");
}

#[test]
fn a_batch_is_signed_with_the_id_that_it_has() {
    let signing = SigningConfig { secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()], ..SigningConfig::default() };
    let plan = Plan::new(&Config { signing: signing.clone(), ..in_mode(Mode::Batch) }).unwrap();
    let events = [42, 43].map(|sequence| Entry { sequence, ..leg("inbound", "100") });
    let prepared = plan.prepare(&events, NOW).unwrap();
    let expected = Signer::new(&signing, &mut Vec::new()).sign(b"17-42-43-2.1795421731.", &prepared.body).unwrap();
    assert_eq!(prepared.headers["webhook-signature"], expected);
}

#[test]
fn what_could_not_be_signed_makes_no_request() {
    assert_eq!(signature(None), Ok(None));
    assert_eq!(signature(Some(String::new())), Err(PlanFault::Unsigned));
    assert_eq!(signature(Some("v1,x".into())).unwrap().unwrap(), "v1,x");
}

#[test]
fn only_a_batch_takes_several() {
    let leg = leg("inbound", "100");
    let plan = Plan::new(&in_mode(Mode::Structured)).unwrap();
    assert_eq!(plan.prepare(&[&leg, &leg], NOW).unwrap_err(), PlanFault::Count(2));
    assert_eq!(plan.prepare::<&Entry>(&[], NOW).unwrap_err(), PlanFault::Count(0));
}

#[test]
fn what_was_erased_or_damaged_makes_no_request() {
    let erased = Entry { event: Bytes::new(), ..leg("inbound", "100") };
    let damaged = Entry { event: "{\"type\":".into(), ..leg("inbound", "100") };
    for mode in [Mode::Structured, Mode::Binary, Mode::Batch] {
        let plan = Plan::new(&in_mode(mode)).unwrap();
        assert_eq!(plan.prepare(&[&erased], NOW).unwrap_err(), PlanFault::Event("17-42".into()));
    }
    assert!(Plan::new(&in_mode(Mode::Binary)).unwrap().prepare(&[&damaged], NOW).is_err());
    assert!(Plan::new(&template("{{ id }}")).unwrap().prepare(&[&damaged], NOW).is_err());
}

#[test]
fn a_template_makes_the_body() {
    let made = prepared(&template(" {\"caller\": {{ data.remote.number|json }}}\n"), &[&leg("inbound", "100")]);
    assert_eq!(made.body, "{\"caller\": \"100\"}");
    assert_eq!(made.headers["content-type"], "application/json");
}

#[test]
fn a_template_that_makes_nothing_says_that_the_event_is_not_for_the_endpoint() {
    let plan = Plan::new(&template("{% if type == 'callcast.pop.offered' %}x{% endif %}\n")).unwrap();
    assert_eq!(plan.prepare(&[&leg("inbound", "100")], NOW).unwrap_err(), PlanFault::Nothing);
    assert!(plan.prepare(&[&pop("100")], NOW).is_ok());
}

#[test]
fn a_template_may_come_from_a_file_and_its_errors_name_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = with(BodyConfig { mode: Mode::Template, template_file: Some(file.path().into()), ..BodyConfig::default() });
    std::fs::write(file.path(), "\n\n{{ oops").unwrap();
    let refused = refused(&config);
    assert!(refused.starts_with(&format!("template {}, line 3, column ", file.path().display())), "{refused}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let mut config = template("{{ nosuch }}");
    config.name = "No Name".into();
    config.method = "BREW".into();
    config.filter.direction = "sideways".into();
    config.delivery.deadlines_seconds = [("nosuch.*".to_owned(), 1)].into();
    config.signing = SigningConfig { secrets: vec!["x".into()], ..SigningConfig::default() };
    let refused = refused(&config);
    for part in [
        "\"No Name\" is no name for a webhook",
        "method = \"BREW\"",
        "filter.direction",
        "deadlines_seconds",
        "signing.secrets[0]",
        "body.template, line 1",
    ] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
}

#[test]
fn what_is_for_templates_is_refused_elsewhere_and_one_of_it_is_enough() {
    let given = |mode, preset: &str, template: &str, content_type: &str| {
        let (preset, template, content_type) = (preset.into(), template.into(), content_type.into());
        refused(&with(BodyConfig { mode, preset, template, content_type, template_file: None }))
    };
    assert!(given(Mode::Structured, "", "x", "").contains("body.template: is for templates"));
    assert!(given(Mode::Batch, "", "", "text/plain").contains("body.content_type: is for templates"));
    assert!(given(Mode::Template, "", "", "").contains("body.mode: a template is missing"));
    assert!(given(Mode::Template, "zammad", "x", "").contains("body.template: there is a template already"));
    assert!(given(Mode::Template, "zamad", "", "").contains("no ready template \"zamad\""));
    assert!(given(Mode::Template, "", "x", "text").contains("no media type"));
}

#[test]
fn a_batch_has_no_templates() {
    assert!(refused(&Config { url: "https://h/{{ id }}".into(), ..in_mode(Mode::Batch) }).contains("a batch is of several events"));
}

#[test]
fn a_get_has_no_body_and_signs_that() {
    let config = Config {
        method: "GET".into(),
        url: "https://h/pop?number={{ data.remote.number }}".into(),
        signing: SigningConfig { secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()], ..SigningConfig::default() },
        ..in_mode(Mode::Structured)
    };
    let prepared = prepared(&config, &[&leg("inbound", "100")]);
    assert_eq!((prepared.to.url().as_str(), prepared.body.len()), ("https://h/pop?number=100", 0));
    assert!(!prepared.headers.contains_key("content-type") && prepared.headers.contains_key("webhook-signature"));
}

#[test]
fn configured_headers_are_there() {
    let config = Config {
        headers: [("X-Key".to_owned(), Secret::from("k")), ("User-Agent".to_owned(), "us".into())].into(),
        ..in_mode(Mode::Structured)
    };
    let prepared = prepared(&config, &[&entry("callcast.call.started", "{}", &[])]);
    assert_eq!((&prepared.headers["x-key"], &prepared.headers["user-agent"]), (&"k".parse().unwrap(), &"us".parse().unwrap()));
}

#[test]
fn names_are_short_and_plain() {
    for name in ["", "-crm", "CRM", "crm sales", &"x".repeat(41)] {
        assert!(refused(&Config { name: name.into(), ..in_mode(Mode::Structured) }).contains("1 to 40"), "{name}");
    }
    for name in ["crm", "1-a_b", &"x".repeat(40)] {
        assert!(Plan::new(&Config { name: name.into(), ..in_mode(Mode::Structured) }).is_ok(), "{name}");
    }
}

#[test]
fn the_examples_of_the_documentation_are_plans() {
    #[derive(serde::Deserialize)]
    struct File {
        webhook: Vec<Config>,
    }
    let page = include_str!("../../../../docs/webhooks.md");
    let mut checked = 0;
    for block in page.split("```toml\n").skip(1) {
        let example = block.split("```").next().unwrap();
        let Ok(File { webhook }) = toml::from_str(example) else { continue };
        for config in webhook {
            // Files and variables are not there.
            let problems = Plan::new(&config).err().unwrap_or_default();
            assert!(problems.iter().all(|problem| matches!(problem, PlanError::Secret { .. })), "{example}{problems:?}");
            checked += 1;
        }
    }
    assert!(checked >= 4, "{checked}");
}
