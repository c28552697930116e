//! The client's side of recorded sessions of Cisco's own client.

use super::*;

/// Messages by name and fields.
type Messages<N> = Vec<(N, Json)>;

/// Feeds the client's side of a recorded session to a simulator with the recorded key and nonce. The simulator's answers, and the recorded.
fn feed(transcript: &str) -> (Messages<&'static str>, Messages<String>) {
    let account = AccountConfig { user: "ctiuser".into(), password: "secret".into(), ..AccountConfig::default() };
    let recording = Recording::parse(transcript).unwrap();
    let nonce = Some("abcdef0123456789".into());
    let mut client = Client::connected(&Config { devices: 0, accounts: vec![account], recording: Some(recording), nonce, ..quiet() });
    let (mut answers, mut recorded) = (Vec::new(), Vec::new());
    for line in transcript.lines() {
        let entry: Json = serde_json::from_str(line).unwrap();
        if entry["dir"] == "C>S" {
            answers.extend(client.ask_bytes(&json_form::from_hex(entry["hex"].as_str().unwrap()).unwrap()));
        } else {
            recorded.push((entry["message"].as_str().unwrap().to_owned(), entry["fields"].clone()));
        }
    }
    (answers, recorded)
}

/// Each answer with what it is to and its result: responses, and the events that complete them.
fn outcomes<N: AsRef<str>>(messages: &[(N, Json)]) -> Vec<(String, i64, i64)> {
    let number = |fields: &Json, name: &str| fields[name].as_i64().unwrap_or(-1);
    let outcome = |(name, fields): &(N, Json)| {
        let name = name.as_ref();
        match name {
            _ if name.ends_with("Response") => Some((name.into(), number(fields, "sequenceNumber"), number(fields, "result"))),
            "ProviderOpenCompletedEvent" => Some((name.into(), number(fields, "sequenceNumber"), number(fields, "reason"))),
            "ProviderClosedEvent" => Some((name.into(), 0, number(fields, "reason"))),
            "DeviceLineInfoEvent" => Some((name.into(), number(fields, "requestId"), number(fields, "controlModeBitMap"))),
            _ if name.ends_with("CompletedEvent") => Some((name.into(), number(fields, "requestId"), number(fields, "result"))),
            _ => None,
        }
    };
    messages.iter().filter_map(outcome).collect()
}

macro_rules! transcripts {
    ($($test:ident $file:literal)*) => {$(
        #[test]
        fn $test() {
            let (answers, recorded) = feed(include_str!(concat!("../../../../tests/fixtures/ctiqbe/transcripts/", $file, ".jsonl")));
            assert_eq!(outcomes(&answers), outcomes(&recorded));
        }
    )*};
}

transcripts! {
    the_client_of_abandoned_is_understood "abandoned.15"
    the_client_of_basic_is_understood "basic.15"
    the_client_of_basic_11_5_is_understood "basic.11_5"
    the_client_of_blind_transfer_is_understood "blind_transfer.15"
    the_client_of_conference_is_understood "conference.15"
    the_client_of_consult_transfer_is_understood "consult_transfer.15"
    the_client_of_hold_is_understood "hold.15"
    the_client_of_login_failed_is_refused "login_failed.15"
    the_client_of_reset_device_is_understood "reset_device.15"
    the_client_of_restart_with_calls_is_understood "restart_with_calls.15"
    the_client_of_shared_line_is_understood "shared_line.15"
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_of_what_a_client_sent_breaks_the_simulator(changes in proptest::collection::vec((0_usize..40_000, 0_u8..), 1..8)) {
        let mut bytes: Vec<u8> = BASIC
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap())
            .filter(|entry| entry["dir"] == "C>S" && !entry["message"].as_str().unwrap().starts_with("ProviderClose"))
            .flat_map(|entry| json_form::from_hex(entry["hex"].as_str().unwrap()).unwrap())
            .collect();
        for (at, value) in changes {
            let length = bytes.len();
            bytes[at % length] = value;
        }
        let mut client = Client::open(&quiet());
        // Answers or an error: what matters is that it comes back, and with frames that are whole.
        let _ = client.simulation.receive(client.id, &bytes);
        client.heard();
    }
}
