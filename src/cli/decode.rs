//! `callcast decode FILE`: a captured CTIQBE byte stream as messages, to be read beside a CUCM or JTAPI trace.
//!
//! The file holds the bytes of one direction as they were on the wire, or hexadecimal text of them, or the JSON lines of a recorded
//! session (`hex` in each line). Bytes that are not CTIQBE are skipped up to the next frame, and said so.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use thiserror::Error;

use crate::ctiqbe::value::{Value, decode};
use crate::ctiqbe::{FRAME_LIMIT, Frame, MAGIC, json};

/// Prints a captured CTIQBE byte stream as messages.
#[derive(Args, Debug)]
pub struct DecodeArgs {
    /// A file of raw bytes, hexadecimal text, or JSON lines with a `hex` member; `-` reads standard input.
    pub file: PathBuf,
    /// One JSON object a message.
    #[arg(long)]
    pub json: bool,
    /// Leave out fields that are 0, false or empty.
    #[arg(long)]
    pub brief: bool,
}

/// Why a capture could not be printed.
#[derive(Debug, Error)]
pub enum DecodeCommandError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Standard output is gone.
    #[error("standard output: {0}")]
    Write(io::Error),
    /// No frame in all the file.
    #[error("{}: no CTIQBE frame in {bytes} bytes: a frame has 0xffffdddd (dd dd ff ff) at its byte 8; give the payload of one direction, without IP and TCP headers", path.display())]
    NoFrame {
        /// The file.
        path: PathBuf,
        /// How long it is.
        bytes: usize,
    },
}

/// Prints the messages of the file to `out`.
///
/// # Errors
/// When the file cannot be read or holds no frame.
pub fn run(args: &DecodeArgs, out: &mut impl Write) -> Result<(), DecodeCommandError> {
    let bytes = captured(&read(&args.file).map_err(|source| DecodeCommandError::Read { path: args.file.clone(), source })?);
    let printed = print_all(&bytes, args, out);
    match printed {
        Ok(0) => Err(DecodeCommandError::NoFrame { path: args.file.clone(), bytes: bytes.len() }),
        Ok(_) => Ok(()),
        // `callcast decode … | head` is no mistake.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(DecodeCommandError::Write(error)),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(path)?;
    }
    Ok(bytes)
}

/// The bytes that were on the wire, in whichever form the file has them.
fn captured(file: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(file) else { return file.to_vec() };
    let recorded = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?.get("hex")?.as_str().and_then(json::from_hex);
    let lines: Option<Vec<Vec<u8>>> = text.lines().filter(|line| !line.trim().is_empty()).map(recorded).collect();
    if let Some(lines) = lines.filter(|l| !l.is_empty()) {
        return lines.concat();
    }
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    json::from_hex(&digits).filter(|bytes| !bytes.is_empty()).unwrap_or_else(|| file.to_vec())
}

/// How many frames there were.
fn print_all(bytes: &[u8], args: &DecodeArgs, out: &mut impl Write) -> io::Result<usize> {
    let mut at = 0;
    let mut frames = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match Frame::split(rest, FRAME_LIMIT) {
            Ok(Some(frame)) => {
                out.write_all(printed(at, &frame, args).as_bytes())?;
                frames += 1;
                at += frame.len();
            }
            Ok(None) => {
                writeln!(out, "-- at byte {at}: {} bytes of a frame that goes on after the end of the capture", rest.len())?;
                break;
            }
            Err(error) => {
                let next = next_frame(rest);
                let skipped = next.unwrap_or(rest.len());
                writeln!(out, "-- at byte {at}: {error}; {skipped} bytes skipped")?;
                at += skipped;
            }
        }
    }
    Ok(frames)
}

/// Where the next frame may begin: eight bytes before the next magic.
fn next_frame(bytes: &[u8]) -> Option<usize> {
    let magic = MAGIC.to_le_bytes();
    (1..bytes.len()).find(|at| bytes.get(at + 8..at + 12) == Some(&magic))
}

fn printed(at: usize, frame: &Frame<'_>, args: &DecodeArgs) -> String {
    let (name, fields) = match decode(frame) {
        Ok((spec, fields)) => (spec.name(), fields),
        Err(error) => return format!("-- at byte {at}: message {} of {} bytes: {error}\n", frame.id, frame.len()),
    };
    if args.json {
        let object = serde_json::json!({"at": at, "id": frame.id, "message": name, "version": frame.version, "fields": fields});
        return format!("{object}\n");
    }
    let mut text = format!("{name} (id {}, {} bytes at {at}, version {:#010x})\n", frame.id, frame.len(), frame.version);
    push_fields(&mut text, &fields, 1, args.brief);
    text
}

fn push_fields(text: &mut String, value: &Value, depth: usize, brief: bool) {
    let Value::Structure(fields) = value else { return };
    for (name, value) in fields.iter().filter(|(_, value)| !brief || !is_default(value)) {
        push_value(text, name, value, depth, brief);
    }
}

fn push_value(text: &mut String, name: &str, value: &Value, depth: usize, brief: bool) {
    let indent = "  ".repeat(depth);
    // A `String` takes every write.
    let _ = match value {
        Value::Null => writeln!(text, "{indent}{name}: null"),
        Value::Int(number, Some(vocabulary)) => writeln!(text, "{indent}{name}: {}", vocabulary.printed(*number)),
        Value::Int(number, None) => writeln!(text, "{indent}{name}: {number}"),
        Value::Boolean(flag) => writeln!(text, "{indent}{name}: {flag}"),
        // Debug form: a line break or an escape sequence in a name stays one line and harmless.
        Value::Text(string) => writeln!(text, "{indent}{name}: {string:?}"),
        Value::Bytes(bytes) => writeln!(text, "{indent}{name}: {} bytes {}", bytes.len(), json::to_hex(bytes)),
        Value::Structure(_) => {
            let _ = writeln!(text, "{indent}{name}:");
            push_fields(text, value, depth + 1, brief);
            Ok(())
        }
        Value::Array(elements) => {
            let _ = writeln!(text, "{indent}{name}: {} elements", elements.len());
            for (element, number) in elements.iter().zip(1..) {
                push_value(text, &format!("[{number}]"), element, depth + 1, brief);
            }
            Ok(())
        }
    };
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Int(0, _) | Value::Boolean(false) => true,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Structure(fields) => fields.iter().all(|(_, value)| is_default(value)),
        Value::Array(elements) => elements.is_empty(),
        Value::Int(..) | Value::Boolean(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctiqbe::messages::{CallStateChangedEvent_V2, ProviderGetCapabilitiesRequest};
    use crate::ctiqbe::names::CallState;
    use crate::ctiqbe::{VERSION_12_5, encode};

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&ProviderGetCapabilitiesRequest { sequence_number: 7 }, VERSION_12_5, &mut bytes);
        encode(&CallStateChangedEvent_V2 { state: CallState::CONNECTED, ..Default::default() }, VERSION_12_5, &mut bytes);
        bytes
    }

    fn decoded(file: &[u8], json: bool) -> Result<String, DecodeCommandError> {
        let folder = tempfile::tempdir().unwrap();
        let args = DecodeArgs { file: folder.path().join("capture"), json, brief: true };
        std::fs::write(&args.file, file).unwrap();
        let mut out = Vec::new();
        run(&args, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn messages_are_printed_with_their_fields_and_names() {
        let text = decoded(&stream(), false).unwrap();
        assert!(text.contains("ProviderGetCapabilitiesRequest (id 127"), "{text}");
        assert!(text.contains("state: 8 CONNECTED"), "{text}");
    }

    #[test]
    fn bytes_hexadecimal_text_and_recorded_sessions_are_the_same() {
        let bytes = stream();
        let hex = json::to_hex(&bytes);
        let raw = decoded(&bytes, false).unwrap();
        assert_eq!(decoded(hex.as_bytes(), false).unwrap(), raw);
        assert_eq!(decoded(format!("{{\"hex\":\"{hex}\"}}\n").as_bytes(), false).unwrap(), raw);
    }

    #[test]
    fn what_is_not_a_frame_is_skipped_and_said() {
        let text = decoded(&[b"GET / HTTP/1.1\r\n\r\n\xff".as_slice(), &stream()].concat(), false).unwrap();
        assert!(text.starts_with("-- at byte 0: not CTIQBE") && text.contains("19 bytes skipped"), "{text}");
        assert!(text.contains("CallStateChangedEvent_V2"), "{text}");
    }

    #[test]
    fn a_capture_that_ends_in_a_frame_says_so() {
        let bytes = stream();
        let text = decoded(&bytes[..bytes.len() - 1], false).unwrap();
        assert!(text.contains("goes on after the end of the capture"), "{text}");
    }

    #[test]
    fn a_file_without_frames_is_refused_with_what_a_frame_looks_like() {
        assert!(decoded(b"hello", false).unwrap_err().to_string().contains("dd dd ff ff"));
    }

    #[test]
    fn json_has_one_object_a_message() {
        let text = decoded(&stream(), true).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["fields"]["sequenceNumber"], 7);
    }
}
