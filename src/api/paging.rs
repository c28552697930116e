//! Where a page ended, as an opaque text that an answer gives and the next request brings back.
//!
//! It names the last item, not a number of items: what comes and goes in between makes nothing be left out or come twice.

/// Hides a text, so that nobody builds upon what is in it.
pub fn hide(place: &str) -> String {
    place.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The text that was hidden; none for what is not one of ours.
pub fn reveal(token: &str) -> Option<String> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase()).and_then(|digit| u8::try_from(digit).ok());
    let pairs = token.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_token() {
        for place in ["", "0.SEP001122334455", "zoë"] {
            assert_eq!(reveal(&hide(place)).as_deref(), Some(place));
        }
    }

    #[test]
    fn other_texts_are_none() {
        for token in ["x", "0", "0g", "FF", "ff", "é"] {
            assert_eq!(reveal(token), None, "{token}");
        }
    }
}
