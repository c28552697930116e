//! Text frames of the server, as bytes: RFC 6455, section 5.2.
//!
//! Events are written past tungstenite, which copies all that it is given into a buffer of its own and keeps that buffer's room for as long
//! as the client stays: a burst would make an idle client of 4 KB one of 128. What is written here is made for one write and forgotten.

/// The last frame of a text message, which is its first too.
const TEXT: u8 = 0x81;

/// All of these as text frames, one after the other.
pub fn encode<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> Vec<u8> {
    let length: usize = texts.clone().map(|text| text.len() + 10).sum();
    let mut out = Vec::with_capacity(length);
    for text in texts {
        out.push(TEXT);
        match text.len() {
            length @ 0..126 => out.push(length as u8),
            length @ 126..0x1_0000 => {
                out.push(126);
                out.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                out.push(127);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(text.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_frame_takes_as_many_bytes_as_it_has_to() {
        for (length, head) in [
            (0, vec![TEXT, 0]),
            (125, vec![TEXT, 125]),
            (126, vec![TEXT, 126, 0, 126]),
            (0xFFFF, vec![TEXT, 126, 0xFF, 0xFF]),
            (0x1_0000, vec![TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            assert_eq!(encode([text.as_str()].into_iter()), [head, text.into_bytes()].concat(), "{length}");
        }
    }

    #[test]
    fn frames_follow_each_other() {
        assert_eq!(encode(["a", "bc"].into_iter()), [TEXT, 1, b'a', TEXT, 2, b'b', b'c']);
    }
}
