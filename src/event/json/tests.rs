//! The JSON is JSON, whatever the cluster sends.

use serde_json::Value as Json;

use super::super::{Device, Direction, EventType, LegState, Parties, Party, Presentation};
use super::*;

fn leg(name: &str) -> Event {
    let device = Arc::new(Device::new(0, "SEP001122334455", "Cisco 8861", "phone", Some("bsmith")));
    let party = |number: &str, name: &str| Party {
        number: Some(number.into()),
        name: Some(name.into()),
        e164: None,
        presentation: Presentation::Allowed,
        name_presentation: Presentation::Allowed,
    };
    let calling = party("1000", name);
    let parties = Parties::new(calling.clone(), party("2000", ""), Party::default(), Party::default(), calling);
    Event {
        time: Timestamp(1_795_421_730_123_456),
        kind: EventType::LegAlerting,
        source: "/cucm/StandAloneCluster".into(),
        body: Body::Leg(LegBody {
            call_id: Uuid::from_u128(7),
            global_call: HandlePair(1, 500),
            leg: HandlePair(1, -1),
            line: Arc::new(Line::new(device, "2000", "Internal-PT")),
            direction: Direction::Inbound,
            state: LegState::Alerting,
            previous_state: Some(LegState::Offered),
            reason: "direct",
            cause: Some(Cause { code: 16, name: "normal_call_clearing" }),
            parties: Arc::new(parties),
            shared_with: vec!["SEP1".into(), "SEP2".into()],
            recovered: false,
            unobserved: false,
        }),
    }
}

fn encoded(event: &Event, sequence: u64) -> Json {
    let mut bytes = Vec::new();
    Encoder::new(9).encode(event, sequence, &mut bytes);
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&bytes)))
}

#[test]
fn a_leg_event_is_the_cloud_event_of_the_design() {
    let expected = serde_json::json!({
        "specversion": "1.0", "id": "9-123", "source": "/cucm/StandAloneCluster", "type": "callcast.leg.alerting",
        "subject": "SEP001122334455/2000", "time": "2026-11-23T08:15:30.123456Z", "sequence": "00000000000000000123",
        "partitionkey": "00000000-0000-0000-0000-000000000007", "datacontenttype": "application/json",
        "dataschema": "urn:callcast:schema:leg:1",
        "data": {
            "call_id": "00000000-0000-0000-0000-000000000007", "global_call_id": "1/500", "leg_id": "1/4294967295",
            "device": {"name": "SEP001122334455", "model": "Cisco 8861", "kind": "phone"},
            "line": {"dn": "2000", "partition": "Internal-PT"}, "user": {"id": "bsmith"},
            "direction": "inbound", "state": "alerting", "previous_state": "offered", "reason": "direct",
            "cause": {"code": 16, "name": "normal_call_clearing"},
            "calling": {"number": "1000", "name": "Zoë", "presentation": "allowed", "name_presentation": "allowed"},
            "called": {"number": "2000", "name": "", "presentation": "allowed", "name_presentation": "allowed"},
            "original_called": null, "last_redirecting": null,
            "remote": {"number": "1000", "name": "Zoë", "presentation": "allowed", "name_presentation": "allowed"},
            "shared_with": ["SEP1", "SEP2"], "recovered": false
        }
    });
    assert_eq!(encoded(&leg("Zoë"), 123), expected);
}

#[test]
fn a_hostile_name_survives_as_text() {
    let hostile = "<script>\"\\\u{0}\r\n\u{7f}\u{2028}🦀";
    assert_eq!(encoded(&leg(hostile), 1)["data"]["calling"]["name"], hostile);
}

#[test]
fn no_control_character_stands_in_the_bytes() {
    let mut bytes = Vec::new();
    Encoder::new(9).encode(&leg("a\r\nb\u{7f}"), 1, &mut bytes);
    assert!(bytes.iter().all(|b| *b >= 0x20 && *b != 0x7f));
}

#[test]
fn times_of_two_seconds_are_not_mixed_up() {
    let mut encoder = Encoder::new(9);
    for (micros, expected) in [
        (1_000_000, "1970-01-01T00:00:01.000000Z"),
        (1_999_999, "1970-01-01T00:00:01.999999Z"),
        (60_000_000, "1970-01-01T00:01:00.000000Z"),
    ] {
        let mut bytes = Vec::new();
        encoder.push_time(&mut bytes, Timestamp(micros));
        assert_eq!(bytes, expected.as_bytes());
    }
}

#[test]
fn numbers_are_padded_and_never_cut() {
    let push = |number, width| {
        let mut bytes = Vec::new();
        push_number(&mut bytes, number, width);
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!([push(0, 0), push(7, 3), push(1234, 3), push(u64::MAX, 20)], ["0", "007", "1234", "18446744073709551615"]);
}
