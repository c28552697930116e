//! What holds of any bytes that claim to be CTIQBE. The proptests and the fuzz targets check the same.

use callcast::ctiqbe::messages::*;
use callcast::ctiqbe::schema::MessageSpec;
use callcast::ctiqbe::value::{self, Value};
use callcast::ctiqbe::{DecodeError, FRAME_LIMIT, Frame, HEADER, Message, Structure, VERSION_12_5, encode};

/// A decoded message may take this many bytes of memory per byte of its frame. So much because an element of an array may leave all its
/// fields but the first to their defaults: 4 bytes on the wire, some 20 values in memory.
const MEMORY_PER_BYTE: usize = 400;
/// What even the smallest frame may take: a message without any field on the wire still has all its fields.
const MEMORY_OF_NOTHING: usize = 16 << 10;

/// Cuts a stream into frames as a session does, and checks each by `check`. Ends at the end or at the first error.
pub fn stream(mut bytes: &[u8], mut check: impl FnMut(&Frame<'_>)) {
    loop {
        match Frame::split(bytes, FRAME_LIMIT) {
            Ok(Some(frame)) => {
                assert!(frame.len() >= HEADER);
                assert_eq!(bytes.get(..frame.len()), Some(frame.bytes()));
                check(&frame);
                bytes = &bytes[frame.len()..];
            }
            Ok(None) => return,
            Err(error) => return assert!(!error.to_string().is_empty()),
        }
    }
}

/// The frames of a stream that arrives in pieces, and the error that ended it.
pub fn arriving<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> (Vec<Vec<u8>>, Option<DecodeError>) {
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let length = match Frame::split(&buffer, FRAME_LIMIT) {
                Ok(Some(frame)) => frame.len(),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            };
            frames.push(buffer.drain(..length).collect());
        }
    }
    (frames, None)
}

/// By the table: a value of bounded size or an error, and what is written of the value is written again from what is read of that.
pub fn table(frame: &Frame<'_>) {
    let (spec, decoded) = match value::decode(frame) {
        Ok(decoded) => decoded,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let limit = MEMORY_OF_NOTHING + MEMORY_PER_BYTE * frame.len();
    assert!(memory(&decoded) <= limit, "{} of {} bytes takes {}", spec.name(), frame.len(), memory(&decoded));
    serde_json::to_string(&decoded).expect("any value is JSON");
    let once = written(spec, &decoded);
    let again = value::decode(&whole(&once)).expect("what was written can be read").1;
    assert_eq!(once, written(spec, &again), "{}", spec.name());
}

fn written(spec: &MessageSpec, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    value::encode(spec, value, VERSION_12_5, &mut out).expect("a decoded value fits its message");
    out
}

fn whole(bytes: &[u8]) -> Frame<'_> {
    // Longer than it was read, maybe longer than the limit: fields that the wire left out are written.
    Frame::split(bytes, usize::MAX).expect("a frame that was written is valid").expect("and whole")
}

/// Memory that a value takes, in bytes.
fn memory(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Int(..) | Value::Boolean(_) => 0,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(elements) => elements.iter().map(memory).sum(),
            Value::Structure(fields) => fields.iter().map(|(_, value)| size_of::<&str>() + memory(value)).sum(),
        }
}

/// The typed struct takes what the table takes, and is written and read again as it was.
fn typed<'a, M: Message<'a> + Structure<'a> + PartialEq + std::fmt::Debug>(frame: &Frame<'a>, read_again: impl Fn(&M, &[u8])) {
    match (frame.decode::<M>(), value::decode(frame)) {
        // Only the table copies, so only it minds fields that share their data.
        (Ok(_), Err(error)) => assert!(matches!(root(&error), DecodeError::Shared { .. }), "{} only by its struct: {error}", M::NAME),
        (Err(error), Ok(_)) => panic!("{} only by the table: {error}", M::NAME),
        (Err(error), Err(_)) => assert!(!error.to_string().is_empty()),
        (Ok(message), Ok(_)) => {
            assert!(!format!("{message:?}").is_empty());
            let mut bytes = Vec::new();
            encode(&message, frame.version, &mut bytes);
            read_again(&message, &bytes);
        }
    }
}

fn root(error: &DecodeError) -> &DecodeError {
    match error {
        DecodeError::In { source, .. } => root(source),
        error => error,
    }
}

macro_rules! typed_messages {
    ($($message:ident)*) => {
        /// By the typed struct of the message, when the gateway reads that.
        pub fn messages(frame: &Frame<'_>) {
            match frame.id {
                $($message::ID => typed::<$message>(frame, |message, bytes| {
                    let again = whole(bytes).decode::<$message>().expect("what was written can be read");
                    assert_eq!(&again, message);
                    let mut twice = Vec::new();
                    encode(&again, frame.version, &mut twice);
                    assert_eq!(twice, bytes);
                }),)*
                _ => {}
            }
        }
    };
}

typed_messages! {
    CallPartyInfoChangedEvent CallStateChangedEvent_V2 DeviceClosedEvent DeviceLineInfoEvent DeviceOpenRequest DeviceOpenResponse
    DeviceOutOfServiceEvent DeviceRegisteredEvent DeviceRegisteredEventWithLineInfo DeviceUnregisteredEvent ExistingCallCompletedEvent
    ExistingCallEvent FailureResponse GlobalCallHandleChangedEvent LineClosedEvent LineOpenRequest LineOpenResponse LineOutOfServiceEvent
    NewCallEvent ProviderClosedEvent ProviderDeviceAcquireResponse ProviderDeviceDeAcquiredEvent ProviderDeviceEMLoginStatusChangedEvent
    ProviderGetAllDevicesAndLinesResponse ProviderGetCapabilitiesResponse ProviderGetSingleDeviceAndLinesRequest
    ProviderGetSingleDeviceAndLinesResponse ProviderInitRequest ProviderInitResponse ProviderOpenCompletedEvent ProviderOpenRequest
    ProviderOpenResponse ProviderUserChangedEvent
}
