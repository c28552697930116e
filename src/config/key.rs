//! The known key that somebody who wrote an unknown one probably meant.

/// The nearest known key, from the message of a parser that lists them.
///
/// serde tells an unknown field and the known ones in words only: "unknown field `x`, expected one of `a`, `b`". A message of another
/// form gives no suggestion, and is still shown whole.
pub fn nearest(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest_of(unknown, quoted)
}

/// The nearest of several, if any is near.
fn nearest_of<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = |candidate: &str| strsim::jaro_winkler(word, candidate);
    known.filter(|k| near(k) > 0.7).max_by(|a, b| near(a).total_cmp(&near(b))).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_several_is_suggested() {
        let message = "unknown field `heartbeet`, expected one of `managers`, `heartbeat`, `retry`";
        assert_eq!(nearest(message).as_deref(), Some("heartbeat"));
    }

    #[test]
    fn a_word_that_is_near_to_nothing_gets_no_suggestion() {
        assert_eq!(nearest("unknown field `xyz`, expected `managers`"), None);
    }

    #[test]
    fn a_message_of_another_form_gives_no_suggestion() {
        assert_eq!(nearest("invalid type: string `a`, expected `b`"), None);
    }
}
