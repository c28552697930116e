//! What Cisco's own client wrote and read, see `tests/fixtures/ctiqbe`.

use std::sync::LazyLock;

use callcast::ctiqbe::json;
use serde_json::Value as Json;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ctiqbe");

fn lines(path: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(format!("{FIXTURES}/{path}")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(line: &Json) -> Vec<u8> {
    json::from_hex(line["hex"].as_str().unwrap()).unwrap()
}

/// One of every message, and more of those that have variants.
pub fn messages() -> Vec<Vec<u8>> {
    ["vectors/client.jsonl", "vectors/server.jsonl"].iter().flat_map(|path| lines(path)).map(|line| bytes(&line)).collect()
}

/// The messages of whole sessions in which calls are made, those of the cluster alone.
pub static SESSIONS: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let flows = ["abandoned", "basic", "blind_transfer", "conference", "consult_transfer", "hold", "restart_with_calls", "shared_line"];
    let heard =
        |flow: &&str| lines(&format!("transcripts/{flow}.15.jsonl")).iter().filter(|line| line["dir"] == "S>C").map(bytes).collect();
    flows.iter().map(heard).collect()
});
