//! The words of a template: which filters and tests it uses and what it asks an event for, each with its place. The template engine finds
//! out about an unknown filter only when it comes by, which may be in the one call in a thousand that has it.

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `x|name`, or `{% filter name %}`.
    Filter,
    /// `x is name`.
    Test,
    /// A name with all that comes after its points.
    Path,
}

/// A word of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub kind: Kind,
    /// Where it begins, in bytes.
    pub at: usize,
    pub text: &'a str,
}

/// The words of a template, which was parsed before: in what has an error some may be missing.
pub fn template(source: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some((open, close)) = next_code(source, at) {
        let code = source.get(open..).unwrap_or_default();
        if close == "#}" {
            at = open + code.find(close).map_or(code.len(), |end| end + close.len());
            continue;
        }
        let first = words.len();
        at = open + code_words(source, open, close, &mut words);
        let raw = words.get(first).is_some_and(|word| word.text == "raw") && close == "%}";
        if raw {
            at = end_of_raw(source, at);
        }
    }
    words
}

/// Where the next piece of code begins, and what ends it.
fn next_code(source: &str, from: usize) -> Option<(usize, &'static str)> {
    let rest = source.get(from..)?;
    let ends = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
    ends.into_iter().filter_map(|(open, close)| rest.find(open).map(|at| (from + at + open.len(), close))).min_by_key(|(at, _)| *at)
}

fn end_of_raw(source: &str, from: usize) -> usize {
    let rest = source.get(from..).unwrap_or_default();
    rest.find("endraw").map_or(source.len(), |at| from + at)
}

/// Adds the words of a piece of code, and says how long it is.
fn code_words<'a>(source: &'a str, from: usize, close: &str, words: &mut Vec<Word<'a>>) -> usize {
    let code = source.get(from..).unwrap_or_default();
    let bytes = code.as_bytes();
    let mut at = 0;
    // What the next word is.
    let mut next = Kind::Path;
    while let Some(&byte) = bytes.get(at) {
        if code.get(at..).is_some_and(|rest| rest.starts_with(close)) {
            return at + close.len();
        }
        match byte {
            b'"' | b'\'' => {
                at = end_of_string(bytes, at);
                next = Kind::Path;
            }
            b'|' => {
                at += 1;
                next = Kind::Filter;
            }
            _ if byte == b'_' || byte.is_ascii_alphabetic() => {
                let length = length_of_word(bytes.get(at..).unwrap_or_default(), next);
                let text = code.get(at..at + length).unwrap_or_default();
                next = match (next, text) {
                    (Kind::Path, "is") => Kind::Test,
                    (Kind::Test, "not") => Kind::Test,
                    (Kind::Path, "filter") if close == "%}" => Kind::Filter,
                    (kind, text) => {
                        words.push(Word { kind, at: from + at, text });
                        Kind::Path
                    }
                };
                at += length;
            }
            b'0'..=b'9' => at += bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_alphanumeric()).count(),
            _ => {
                if !byte.is_ascii_whitespace() {
                    next = Kind::Path;
                }
                at += 1;
            }
        }
    }
    bytes.len()
}

/// The place after a string that begins here.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let quote = bytes.get(from);
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        if Some(byte) == quote {
            return at + 1;
        }
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    bytes.len()
}

fn length_of_word(bytes: &[u8], kind: Kind) -> usize {
    let of_word = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric() || (kind == Kind::Path && *byte == b'.');
    bytes.iter().take_while(|byte| of_word(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, words: &[Word<'_>]) -> Vec<(usize, String)> {
        words.iter().filter(|word| word.kind == kind).map(|word| (word.at, word.text.to_owned())).collect()
    }

    #[test]
    fn filters_and_tests_are_found_where_they_are_used() {
        let words = template(
            "a|b {{ x.y | upper|replace('|no', \"|no\\\"|no\") }}{%- if x is not defined and y is\nin(z) %}{% filter lower %}{% endfilter %}",
        );
        assert_eq!(of(Kind::Filter, &words).iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["upper", "replace", "lower"]);
        assert_eq!(of(Kind::Test, &words).iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["defined", "in"]);
        assert_eq!(words[0], Word { kind: Kind::Path, at: 7, text: "x.y" });
    }

    #[test]
    fn comments_and_raw_text_have_no_words() {
        let words = template("{# x|no #}{% raw %}{{ x|no }}{% endraw %}{{ x|yes }}");
        assert_eq!(of(Kind::Filter, &words), [(46, "yes".to_owned())]);
    }

    #[test]
    fn what_never_ends_ends() {
        for source in ["{{", "{{ 'a", "{{ 'a\\", "{#", "{% raw %}", "{{ x|", "é{{ é|é"] {
            template(source);
        }
    }
}
