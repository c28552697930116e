//! An event on its way to clients: the WebSocket frame `{"op":"event",…}`, made once for all of them and written from where it lies.
//!
//! Frames that are made together lie behind each other in one piece of memory, which lives for as long as a client still waits for any of
//! them. Somebody who wants all of them is sent the piece as it is: for a thousand clients nothing is copied but into the operating system.

use std::ops::Range;
use std::sync::Arc;

use crate::journal::Sequence;
use crate::time::Timestamp;

/// The last frame of a text message, which is its first too: RFC 6455, section 5.2.
const TEXT: u8 = 0x81;
/// The head of the frame of nearly every event.
const HEAD: usize = 4;

/// An event on its way to a client.
#[derive(Clone, Debug)]
pub struct Outgoing {
    together: Arc<Vec<u8>>,
    begin: usize,
    event: usize,
    end: usize,
    /// Its place in the log.
    pub sequence: Sequence,
    /// When it was read from the cluster.
    pub time: Timestamp,
    /// The epoch in which it was written to the log; none when it is not in it.
    pub epoch: Option<u64>,
}

impl Outgoing {
    /// The event itself, in its CloudEvents form.
    pub fn event(&self) -> &[u8] {
        self.together.get(self.event..self.end - 1).unwrap_or_default()
    }

    /// What the frame carries.
    #[cfg(test)]
    pub fn text(&self) -> String {
        let frame = self.together.get(self.begin..self.end).unwrap();
        String::from_utf8(frame[if frame[1] < 126 { 2 } else { HEAD }..].to_vec()).unwrap()
    }

    /// The frames of these, in as few pieces as they lie in.
    pub fn frames(events: &[Self]) -> Vec<&[u8]> {
        let mut pieces: Vec<(&Self, Range<usize>)> = Vec::new();
        for event in events {
            match pieces.last_mut() {
                Some((first, piece)) if piece.end == event.begin && Arc::ptr_eq(&first.together, &event.together) => piece.end = event.end,
                _ => pieces.push((event, event.begin..event.end)),
            }
        }
        pieces.into_iter().map(|(first, piece)| first.together.get(piece).unwrap_or_default()).collect()
    }
}

/// Makes frames that lie together.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, usize, Sequence, Timestamp)>,
}

impl Frames {
    /// Makes them where others were, if nobody waits for any of those.
    pub fn instead(&mut self, together: &mut Arc<Vec<u8>>, room: usize) {
        self.bytes = Arc::get_mut(together).map(std::mem::take).unwrap_or_default();
        self.bytes.clear();
        self.bytes.reserve(room);
    }

    /// Adds the frame of an event: what stands before it, and itself. Returns how long the event is, in bytes.
    pub fn push(
        &mut self,
        (sequence, time): (Sequence, Timestamp),
        before: impl FnOnce(&mut Vec<u8>),
        event: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEAD]);
        before(&mut self.bytes);
        let start = self.bytes.len();
        event(&mut self.bytes);
        let length = self.bytes.len() - start;
        self.bytes.push(b'}');
        set_head(&mut self.bytes, begin);
        let end = self.bytes.len();
        self.places.push((begin..end, end - 1 - length, sequence, time));
        length
    }

    /// What was made, in its order.
    pub fn finish(&mut self, epoch: impl Fn(usize) -> Option<u64>) -> (Arc<Vec<u8>>, impl Iterator<Item = Outgoing>) {
        let together = Arc::new(std::mem::take(&mut self.bytes));
        let of = Arc::clone(&together);
        let made = self.places.drain(..).enumerate().map(move |(at, (Range { start, end }, event, sequence, time))| Outgoing {
            together: Arc::clone(&of),
            begin: start,
            event,
            end,
            sequence,
            time,
            epoch: epoch(at),
        });
        (together, made)
    }
}

/// A text as a frame behind others.
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    let begin = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(text);
    set_head(out, begin);
}

/// Writes the head of the frame that begins here and goes to the end. A length has to take as few bytes as it can.
fn set_head(out: &mut Vec<u8>, begin: usize) {
    let length = out.len() - begin - HEAD;
    let (kind, bytes) = match length {
        0..126 => (length as u8, 0),
        126..0x1_0000 => (126, 2),
        _ => (127, 8),
    };
    let length = (length as u64).to_be_bytes();
    out.splice(begin..begin + HEAD, [TEXT, kind].into_iter().chain(length.into_iter().skip(8 - bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(texts: &[&str]) -> Vec<Outgoing> {
        let mut frames = Frames::default();
        for (text, sequence) in texts.iter().zip(1..) {
            let length = frames.push((sequence, Timestamp(7)), |out| out.extend(b"{\"event\":"), |out| out.extend(text.as_bytes()));
            assert_eq!(length, text.len());
        }
        frames.finish(|_| Some(3)).1.collect()
    }

    #[test]
    fn the_length_of_a_frame_takes_as_many_bytes_as_it_has_to() {
        for (length, head) in [
            (0, vec![TEXT, 0]),
            (125, vec![TEXT, 125]),
            (126, vec![TEXT, 126, 0, 126]),
            (0xFFFF, vec![TEXT, 126, 0xFF, 0xFF]),
            (0x1_0000, vec![TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = vec![b'<'];
            let text = vec![b'x'; length];
            push_text(&mut out, &text);
            assert_eq!(out, [b"<".to_vec(), head, text].concat(), "{length}");
        }
    }

    #[test]
    fn an_event_of_any_length_is_found_in_its_frame() {
        for length in [0, 100, 200, 0xFFF0, 0x2_0000] {
            let text = "x".repeat(length);
            let made = made(&["{}", &text, "{}"]);
            assert_eq!(made.iter().map(Outgoing::event).collect::<Vec<_>>(), [b"{}", text.as_bytes(), b"{}"]);
        }
    }

    #[test]
    fn neighbours_are_one_piece_and_others_are_not() {
        let (one, other) = (made(&["1", "2", "3"]), made(&["4"]));
        let all = [&one[..], &other[..]].concat();
        assert_eq!(Outgoing::frames(&one).len(), 1);
        assert_eq!(Outgoing::frames(&all).len(), 2);
        assert_eq!(Outgoing::frames(&[one[0].clone(), one[2].clone()]).len(), 2);
        let expected = all.iter().map(Outgoing::text).fold(Vec::new(), |mut out, text| {
            push_text(&mut out, text.as_bytes());
            out
        });
        assert_eq!(Outgoing::frames(&all).concat(), expected);
    }

    #[test]
    fn memory_is_used_again_only_when_nobody_waits_for_what_lies_in_it() {
        let mut frames = Frames::default();
        let mut push = |together: &mut Arc<Vec<u8>>| {
            frames.instead(together, 1 << 16);
            frames.push((1, Timestamp(1)), |_| {}, |out| out.extend(b"event"));
            let (made, events) = frames.finish(|_| None);
            *together = made;
            events.collect::<Vec<_>>()
        };
        let mut together = Arc::default();
        let waiting = push(&mut together);
        let first = together.as_ptr();
        push(&mut together);
        assert_ne!(together.as_ptr(), first);
        assert_eq!(waiting[0].event(), b"event");
        let second = together.as_ptr();
        push(&mut together);
        assert_eq!(together.as_ptr(), second);
    }
}
