//! Writes the seeds: every recorded message once for `frames`, and once without its header for `messages`.
//!
//! `cargo run --example seeds` in `fuzz/`.

use std::path::Path;

use callcast::ctiqbe::{HEADER, json};
use serde_json::Value as Json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (frames, messages) = (fuzz.join("corpus/frames"), fuzz.join("corpus/messages"));
    std::fs::create_dir_all(&frames)?;
    std::fs::create_dir_all(&messages)?;
    let mut written = 0;
    for side in ["client", "server"] {
        let vectors = fuzz.join(format!("../tests/fixtures/ctiqbe/vectors/{side}.jsonl"));
        for (number, line) in (1..).zip(std::fs::read_to_string(vectors)?.lines()) {
            let line: Json = serde_json::from_str(line)?;
            let bytes = line["hex"].as_str().and_then(json::from_hex).ok_or("a vector without bytes")?;
            let (header, fields) = bytes.split_at_checked(HEADER).ok_or("a vector without a header")?;
            // The id, and the length of the fixed part in words, as the target reads them.
            let fixed = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
            let mut message = vec![header[16], header[17], u8::try_from(fixed / 4)?];
            message.extend_from_slice(fields);
            let name = format!("{side}-{number:03}");
            std::fs::write(frames.join(&name), &bytes)?;
            std::fs::write(messages.join(&name), message)?;
            written += 1;
        }
    }
    println!("{written} seeds each for frames and messages");
    Ok(())
}
