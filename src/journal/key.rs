//! What an entry is found by. The log does not know what a key means, only that two are the same.

/// What kind of text a key is; the numbers are given out by whoever appends. Written to disk: they never change their meaning.
pub type Space = u8;

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The kind.
    pub space: Space,
    /// At most 255 bytes; what is longer is cut.
    pub text: Box<[u8]>,
}

impl Key {
    /// A key.
    pub fn new(space: Space, text: impl AsRef<[u8]>) -> Self {
        Self { space, text: cut(text.as_ref()).into() }
    }
}

/// The keys of one entry, each once: a byte for the kind, one for the length, the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<u8>);

impl Keys {
    /// Keys as they are written.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// As they are written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a key unless it is there.
    pub fn push(&mut self, space: Space, text: impl AsRef<[u8]>) {
        let text = cut(text.as_ref());
        if !self.has(space, text) {
            self.0.push(space);
            self.0.push(text.len() as u8);
            self.0.extend_from_slice(text);
        }
    }

    /// Whether this key is among them.
    pub fn has(&self, space: Space, text: &[u8]) -> bool {
        self.iter().any(|key| key == (space, text))
    }

    /// The keys in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Space, &[u8])> {
        Self::parse(&self.0)
    }

    /// Keys as they are written, in their order.
    pub(super) fn parse(mut rest: &[u8]) -> impl Iterator<Item = (Space, &[u8])> {
        std::iter::from_fn(move || {
            let (&[space, length], tail) = rest.split_first_chunk::<2>()?;
            let (text, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            Some((space, text))
        })
    }
}

fn cut(text: &[u8]) -> &[u8] {
    text.get(..255).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_once_and_found_by_kind_and_text() {
        let mut keys = Keys::default();
        keys.push(1, "SEP1");
        keys.push(2, "SEP1");
        keys.push(1, "SEP1");
        assert_eq!(keys.iter().collect::<Vec<_>>(), [(1, b"SEP1".as_slice()), (2, b"SEP1")]);
        assert!(keys.has(2, b"SEP1") && !keys.has(3, b"SEP1"));
    }

    #[test]
    fn bytes_that_are_no_keys_end_them() {
        assert_eq!(Keys::from_bytes(&[1, 200, b'a']).iter().count(), 0);
    }
}
