//! Checks the table against bytes that Cisco's own client wrote and read.
//!
//! The vectors are read from the folder that `CTIQBE_VECTORS` names, or from the fixtures.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::messages::encode_again;
use super::schema::{Kind, MessageSpec, StructureSpec, message_named};
use super::{FRAME_LIMIT, Frame, json, value};

struct Vector {
    spec: &'static MessageSpec,
    fields: Json,
    bytes: Vec<u8>,
}

/// The vectors of a file, and how many of its lines name no message of ours.
fn vectors(file: &str) -> (Vec<Vector>, usize) {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ctiqbe/vectors");
    let folder = std::env::var_os("CTIQBE_VECTORS").map_or_else(|| PathBuf::from(fixtures), PathBuf::from);
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut passed_over = 0;
    let mut found = Vec::new();
    for line in text.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let Some(spec) = message_named(line["message"].as_str().unwrap()) else {
            passed_over += 1;
            continue;
        };
        let bytes = json::from_hex(line["hex"].as_str().unwrap()).unwrap();
        assert_eq!(Some(u64::from(spec.id)), line["id"].as_u64(), "{}", spec.name());
        found.push(Vector { spec, fields: line["fields"].clone(), bytes });
    }
    (found, passed_over)
}

fn decode_json(bytes: &[u8]) -> Json {
    let frame = Frame::split(bytes, FRAME_LIMIT).unwrap().expect("a whole frame");
    assert_eq!(frame.len(), bytes.len());
    serde_json::to_value(value::decode(&frame).unwrap().1).unwrap()
}

/// On the wire an empty `byte[]` or array and none at all are the same; in the vectors the latter is null.
fn empty_for_null(spec: &StructureSpec, fields: &mut Json) {
    let Some(fields) = fields.as_object_mut() else { return };
    for (name, value) in fields {
        let kind = &spec.fields.iter().find(|f| f.name == name).unwrap().kind;
        match (kind, value) {
            (Kind::Bytes, value @ Json::Null) => *value = Json::from(""),
            (Kind::Array(_) | Kind::IntArray, value @ Json::Null) => *value = Json::Array(vec![]),
            (Kind::Structure(inner), value) => empty_for_null(inner, value),
            (Kind::Array(inner), Json::Array(elements)) => elements.iter_mut().for_each(|e| empty_for_null(inner, e)),
            _ => {}
        }
    }
}

fn assert_decodes(vector: &Vector, bytes: &[u8], how: &str) {
    let mut expected = vector.fields.clone();
    empty_for_null(&vector.spec.structure, &mut expected);
    assert_eq!(decode_json(bytes), expected, "{} {how}", vector.spec.name());
}

#[test]
fn vectors_client_requests_encode_to_the_bytes_of_ciscos_client() {
    let (vectors, passed_over) = vectors("client.jsonl");
    for vector in &vectors {
        let name = vector.spec.name();
        let version = Frame::split(&vector.bytes, FRAME_LIMIT).unwrap().unwrap().version;
        let mut bytes = Vec::new();
        value::encode(vector.spec, &json::fields(vector.spec, &vector.fields).unwrap(), version, &mut bytes).unwrap();
        assert_eq!(json::to_hex(&bytes), json::to_hex(&vector.bytes), "{name} by the table");

        let mut typed = Vec::new();
        encode_again(&Frame::split(&vector.bytes, FRAME_LIMIT).unwrap().unwrap(), &mut typed).unwrap();
        assert_eq!(json::to_hex(&typed), json::to_hex(&vector.bytes), "{name} typed");
        assert_decodes(vector, &vector.bytes, "as Cisco's client wrote it");
    }
    println!("client vectors: checked {}, passed over {passed_over}", vectors.len());
    assert_eq!(passed_over, 0);
}

#[test]
fn vectors_server_messages_decode_to_the_fields_that_ciscos_client_read() {
    let (vectors, passed_over) = vectors("server.jsonl");
    for vector in &vectors {
        assert_decodes(vector, &vector.bytes, "as Cisco's client took it");
        let frame = Frame::split(&vector.bytes, FRAME_LIMIT).unwrap().unwrap();

        let mut bytes = Vec::new();
        value::encode(vector.spec, &json::fields(vector.spec, &vector.fields).unwrap(), frame.version, &mut bytes).unwrap();
        assert_decodes(vector, &bytes, "encoded by the table");

        let mut typed = Vec::new();
        encode_again(&frame, &mut typed).unwrap();
        assert_decodes(vector, &typed, "encoded by its typed struct");
    }
    println!("server vectors: checked {}, passed over {passed_over}", vectors.len());
    assert_eq!(passed_over, 0);
}
