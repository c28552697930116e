//! What the ready templates make of real events: those of call flows, held to what each product documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use callcast::journal::{Entry, Keys};
use callcast::sinks::webhook::config::{BodyConfig, Mode};
use callcast::sinks::webhook::{Config, Plan, PlanFault, Verdict};
use callcast::time::Timestamp;

use super::playing::Playing;
use super::stage::{Stage, Told};

const NOW: Timestamp = Timestamp(1_795_421_731_000_000);

/// A field of a form with its value.
type Fields = Vec<(String, String)>;

fn plan(preset: &str) -> Plan {
    let body = BodyConfig { mode: Mode::Template, preset: preset.into(), ..BodyConfig::default() };
    Plan::new(&Config { name: preset.into(), url: "https://crm.example.com/".into(), body, ..Config::default() }).unwrap()
}

fn entry(told: &Told) -> Entry {
    let (epoch, sequence) = told.json["id"].as_str().unwrap().split_once('-').unwrap();
    let (epoch, sequence) = (epoch.parse().unwrap(), sequence.parse().unwrap());
    Entry { epoch, sequence, time: NOW, keys: Keys::default(), event: told.text.clone().into_bytes().into() }
}

fn play(flow: &str) -> Vec<Entry> {
    let mut stage = Stage::new();
    stage.play(&Playing::read(flow));
    stage.told().iter().map(entry).collect()
}

/// What an endpoint with a ready template is sent.
fn sent(preset: &str, events: &[Entry]) -> Vec<Fields> {
    let plan = plan(preset);
    let mut sent = Vec::new();
    for event in events.iter().filter(|event| plan.wants(event) == Verdict::Wanted) {
        match plan.prepare(&[event], NOW) {
            Ok(prepared) => {
                assert_eq!(prepared.headers["content-type"], "application/x-www-form-urlencoded");
                sent.push(url::form_urlencoded::parse(&prepared.body).into_owned().collect());
            }
            Err(fault) => assert_eq!(fault, PlanFault::Nothing, "{}", String::from_utf8_lossy(&event.event)),
        }
    }
    sent
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// docs.zammad.org, "Generic CTI": the fields of each event, and which it always has.
const EVENTS: [(&str, &[&str], &[&str]); 3] = [
    ("newCall", &["event", "from", "to", "direction", "callId"], &["user[]", "queue"]),
    ("answer", &["event", "from", "to", "direction", "callId"], &["user", "answeringNumber"]),
    ("hangup", &["event", "from", "to", "direction", "callId", "cause"], &["answeringNumber"]),
];
/// The same: why a call may be over.
const CAUSES: [&str; 7] = ["normalClearing", "busy", "cancel", "noAnswer", "congestion", "notFound", "forwarded"];

#[test]
fn zammad_is_sent_the_fields_that_it_documents() {
    let mut kinds = BTreeSet::new();
    for fields in flows().iter().flat_map(|flow| sent("zammad", &play(flow))) {
        let kind = field(&fields, "event");
        let (_, always, sometimes) = EVENTS.into_iter().find(|(known, ..)| *known == kind).unwrap();
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{fields:?}");
        assert!(names.iter().all(|name| always.contains(name) || sometimes.contains(name)), "{fields:?}");
        assert!(always.iter().all(|name| !field(&fields, name).is_empty()), "{fields:?}");
        assert!(["in", "out"].contains(&field(&fields, "direction")) && field(&fields, "callId").len() <= 250, "{fields:?}");
        assert!(!names.contains(&"cause") || CAUSES.contains(&field(&fields, "cause")), "{fields:?}");
        kinds.insert(kind.to_owned());
    }
    assert_eq!(kinds.len(), EVENTS.len());
}

/// Zammad answers 500 to a second newCall of a call, and to answer and hangup of one that it does not know.
#[test]
fn zammad_hears_of_every_call_once_from_newcall_to_hangup() {
    for flow in flows() {
        let events = play(&flow);
        let over: BTreeSet<String> = events.iter().filter_map(call_that_is_over).collect();
        let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for fields in sent("zammad", &events) {
            calls.entry(field(&fields, "callId").into()).or_default().push(field(&fields, "event").into());
        }
        for (call, told) in calls {
            let told: Vec<&str> = told.iter().map(String::as_str).collect();
            let whole = matches!(told[..], ["newCall", "hangup"] | ["newCall", "answer", "hangup"]);
            let up = matches!(told[..], ["newCall"] | ["newCall", "answer"]) && !over.contains(&call);
            assert!(whole || up, "{flow}: {call}: {told:?}");
        }
    }
}

#[test]
fn an_inbound_call_is_told_to_zammad_as_it_documents() {
    let told = sent("zammad", &play("tests/flows/pstn_in_normalized.flow"));
    let call = field(&told[0], "callId");
    let all = |fields: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        let same = [("callId", call), ("direction", "in"), ("from", "14085551212"), ("to", "2000")];
        fields.iter().chain(&same).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let told: Vec<BTreeSet<(String, String)>> = told.iter().map(|fields| fields.iter().cloned().collect()).collect();
    assert_eq!(
        told,
        [
            all(&[("event", "newCall"), ("user[]", "b")]),
            all(&[("event", "answer"), ("answeringNumber", "2000"), ("user", "b")]),
            all(&[("event", "hangup"), ("answeringNumber", "2000"), ("cause", "normalClearing")]),
        ]
    );
}

#[test]
fn an_outbound_call_to_a_busy_party_is_told_to_zammad_as_it_documents() {
    let plan = plan("zammad");
    let events = play("tests/flows/busy.flow");
    let bodies = events.iter().filter_map(|event| plan.prepare(&[event], NOW).ok());
    let bodies: Vec<String> = bodies.map(|prepared| String::from_utf8(prepared.body.to_vec()).unwrap()).collect();
    let call = "callId=01a20778-ffa0-71be-91b6-cdbd33a83dfe&direction=out";
    assert_eq!(bodies[0], format!("{call}&event=newCall&from=2001&to=9728134987&user%5B%5D=a"));
    assert_eq!(bodies[1], format!("cause=busy&event=hangup&{call}&from=2001&to=9728134987"));
}

#[test]
fn a_withheld_number_is_anonymous_to_zammad() {
    let told = sent("zammad", &play("tests/flows/blind_transfer_restricted.flow"));
    assert!(!told.is_empty() && told.iter().all(|fields| field(fields, "from") == "anonymous"));
}

#[test]
fn a_missed_call_is_one_that_zammad_marks() {
    let told = sent("zammad", &play("tests/flows/in_abandoned.flow"));
    assert_eq!(told.iter().map(|fields| field(fields, "cause")).collect::<Vec<_>>(), ["", "cancel"]);
}

#[test]
fn a_form_has_the_data_of_an_event_in_flat_fields() {
    let told = sent("form", &play("tests/flows/unicode_names.flow"));
    let pop = told.iter().find(|fields| field(fields, "type") == "callcast.pop.offered").unwrap();
    for (name, value) in
        [("line_dn", "1000"), ("called_name", "Zoë"), ("remote_number", "4085550100"), ("source", "/cucm/StandAloneCluster")]
    {
        assert_eq!(field(pop, name), value, "{pop:?}");
    }
    assert!(!field(pop, "id").is_empty() && !field(pop, "user_id").is_empty() && !field(pop, "device_name").is_empty());
    let ended = told.iter().find(|fields| field(fields, "type") == "callcast.call.ended").unwrap();
    assert_eq!(field(ended, "legs_0_answered"), "true");
}

fn call_that_is_over(event: &Entry) -> Option<String> {
    let event: serde_json::Value = serde_json::from_slice(&event.event).unwrap();
    let over = ["callcast.call.ended", "callcast.call.merged"].contains(&event["type"].as_str().unwrap());
    over.then(|| event["data"]["call_id"].as_str().unwrap().to_owned())
}

fn flows() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut flows: Vec<String> = files.filter(|name| name.ends_with(".flow")).map(|name| format!("tests/flows/{name}")).collect();
    flows.sort();
    flows
}
