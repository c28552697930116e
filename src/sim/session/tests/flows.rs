//! What the model tells of transfers, conferences and shared lines is what was recorded of them, message by message.

use std::collections::HashMap;

use super::*;

/// Feeds the client's side of a recorded session to a simulator of the same phones, then gives it commands; what the client hears then.
fn hear(transcript: &str, commands: &[&str]) -> Vec<(&'static str, Json)> {
    let account = AccountConfig { user: "ctiuser".into(), password: "secret".into(), ..AccountConfig::default() };
    let recording = Some(Recording::parse(transcript).unwrap());
    let nonce = Some("abcdef0123456789".into());
    let mut client = Client::connected(&Config { devices: 0, accounts: vec![account], recording, nonce, ..quiet() });
    for line in transcript.lines() {
        let entry: Json = serde_json::from_str(line).unwrap();
        if entry["dir"] == "C>S" && entry["message"] != "ProviderCloseRequest" {
            client.ask_bytes(&json_form::from_hex(entry["hex"].as_str().unwrap()).unwrap());
        }
    }
    // The clock stands still: the recording itself is not played.
    commands.iter().flat_map(|command| client.command(command)).collect()
}

/// The recorded events about calls.
fn recorded(transcript: &str) -> Vec<(String, Json)> {
    let entries = transcript.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let about_calls = |entry: &Json| {
        let name = entry["message"].as_str().unwrap();
        entry["dir"] == "S>C"
            && (entry["fields"].get("callLegID").is_some() || entry["fields"].get("transactionID").is_some())
            && name.ends_with(['t', '2'])
    };
    entries.filter(about_calls).map(|entry| (entry["message"].as_str().unwrap().to_owned(), entry["fields"].clone())).collect()
}

/// Numbers that each cluster gives out by itself, by the order in which they are met.
#[derive(Default)]
struct Numbers(HashMap<(&'static str, i64), usize>);

impl Numbers {
    /// What was recorded of `value`: the fields that the recording names, without names of people, which were recorded here and there only.
    fn print(&mut self, value: &Json, like: &Json, out: &mut String) {
        match (value, like) {
            (Json::Object(fields), Json::Object(wanted)) => {
                for (key, wanted) in wanted {
                    let kind = match key.as_str() {
                        "callLegID" | "finalControllerCallLegID" | "otherControllerCallLegID" => Some("leg"),
                        "callID" | "newGlobalCallID" | "survivingGCCID" | "otherGCCID" | "globalCallID" => Some("call"),
                        "transactionID" => Some("transaction"),
                        _ if key.ends_with("Name") && !key.ends_with("eviceName") => continue,
                        _ => None,
                    };
                    out.push_str(&format!(" {key}="));
                    match (kind, fields[key].as_i64()) {
                        (Some(kind), Some(number)) => {
                            let next = self.0.len();
                            out.push_str(&format!("{kind}{}", self.0.entry((kind, number)).or_insert(next)));
                        }
                        _ => self.print(&fields[key], wanted, out),
                    }
                }
            }
            (Json::Array(items), Json::Array(wanted)) => {
                out.push('[');
                items.iter().zip(wanted).for_each(|(item, wanted)| self.print(item, wanted, out));
                out.push_str(&format!("]{}", items.len()));
            }
            _ => out.push_str(&value.to_string()),
        }
    }

    fn all<N: AsRef<str>>(messages: &[(N, Json)], like: &[(String, Json)]) -> Vec<String> {
        let mut numbers = Self::default();
        let print = |((name, fields), (_, like)): (&(N, Json), &(String, Json))| {
            let mut line = name.as_ref().to_owned();
            numbers.print(fields, like, &mut line);
            line
        };
        messages.iter().zip(like).map(print).collect()
    }
}

macro_rules! flows {
    ($($test:ident $file:literal [$($command:literal),*])*) => {$(
        #[test]
        fn $test() {
            let transcript = include_str!(concat!("../../../../tests/fixtures/ctiqbe/transcripts/", $file, ".jsonl"));
            let (heard, recorded) = (hear(transcript, &[$($command),*]), recorded(transcript));
            assert_eq!(Numbers::all(&heard, &recorded), Numbers::all(&recorded, &recorded));
            assert_eq!(heard.len(), recorded.len());
        }
    )*};
}

flows! {
    a_basic_call_is_told_as_recorded "basic.15" ["call 1 2", "answer 2", "hangup 1"]
    a_consultation_transfer_is_told_as_recorded "consult_transfer.15"
        ["call 1 2", "answer 2", "transfer 2 3", "answer 3", "complete 2", "hangup 1"]
    a_blind_transfer_is_told_as_recorded "blind_transfer.15" ["call 1 2", "answer 2", "blind 2 3", "answer 3", "hangup 1"]
    a_conference_is_told_as_recorded "conference.15"
        ["call 1 2", "answer 2", "confer 2 3", "answer 3", "complete 2", "hangup 3", "hangup 1"]
    a_shared_line_is_told_as_recorded "shared_line.15" ["call 1 2", "answer 3", "hangup 1"]
}
