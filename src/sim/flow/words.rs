//! The words of a line: separated by blanks, quoted where they have some, up to a comment.

use super::error::FlowFault;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its text without quotation marks.
    pub text: String,
    /// Whether it begins with a quotation mark, as a display name does.
    pub quoted: bool,
}

/// The words of a line. Inside quotation marks `\"` is a quotation mark and `\\` a backslash; a word that begins with `#` begins a comment.
pub fn words(line: &str) -> Result<Vec<Word>, FlowFault> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        match rest.peek() {
            None | Some('#') => return Ok(words),
            Some(first) => words.push(Word { quoted: *first == '"', text: word(&mut rest)? }),
        }
    }
}

fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, FlowFault> {
    let mut text = String::new();
    let mut inside = false;
    while let Some(c) = rest.next_if(|c| inside || !c.is_whitespace()) {
        match c {
            '"' => inside = !inside,
            '\\' if inside => text.push(rest.next_if(|next| matches!(next, '"' | '\\')).unwrap_or(c)),
            c => text.push(c),
        }
    }
    if inside { Err(FlowFault::OpenQuote) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).unwrap().into_iter().map(|w| w.text).collect()
    }

    #[test]
    fn quoted_blanks_are_part_of_a_word() {
        assert_eq!(texts(r#"phone B  2000 "Bob \"B\" S" name="a b"  # a comment"#), ["phone", "B", "2000", "Bob \"B\" S", "name=a b"]);
        assert_eq!(words("\"\" x").unwrap()[0], Word { text: String::new(), quoted: true });
    }

    #[test]
    fn a_number_may_have_a_hash() {
        assert_eq!(texts("calledParty=9# #9"), ["calledParty=9#"]);
    }

    #[test]
    fn a_quotation_mark_has_to_be_closed() {
        assert_eq!(words("phone \"B"), Err(FlowFault::OpenQuote));
    }
}
