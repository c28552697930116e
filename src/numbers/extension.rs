//! Directory numbers of the cluster: which E.164 number one has, if any.

use std::fmt;

use thiserror::Error;

use super::country;
use super::e164::{E164, MAX_DIGITS};

/// Digits of a pattern at most: no directory number is longer.
pub const MAX_PATTERN: usize = 24;

/// A pattern or its number that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// Not a pattern.
    #[error("`pattern` is {0:?}; it is made of 1 to {MAX_PATTERN} digits, with x for any digit, as \"1xxx\"")]
    Pattern(String),
    /// Not a number.
    #[error("`e164` is {0:?}; it is + and up to {MAX_DIGITS} digits, with x for the digits of the pattern, as \"+33123401xxx\"")]
    Number(String),
    /// Digits that come from nowhere, or get lost.
    #[error("`e164` is {number:?} and `pattern` is {pattern:?}: give as many x as the pattern has, or none for a main number")]
    Wildcards {
        /// `pattern`
        pattern: String,
        /// `e164`
        number: String,
    },
    /// It would never give a number.
    #[error("`e164` is {0:?}, which is no valid telephone number, whatever its x are; look at the country calling code and the length")]
    Invalid(String),
}

/// Which directory numbers a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Vec<Option<u8>>);

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let symbols = text.bytes().map(|b| match b {
            b'0'..=b'9' => Some(Some(b)),
            b'x' | b'X' => Some(None),
            _ => None,
        });
        let pattern: Vec<Option<u8>> = symbols.collect::<Option<_>>()?;
        (1..=MAX_PATTERN).contains(&pattern.len()).then_some(Self(pattern))
    }

    fn matches(&self, digits: &str) -> bool {
        self.0.len() == digits.len() && self.0.iter().zip(digits.bytes()).all(|(symbol, digit)| symbol.is_none_or(|s| s == digit))
    }

    /// Whether everything that the other is about is this one's.
    fn covers(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(ours, theirs)| ours.is_none() || ours == theirs)
    }

    fn wildcards(&self) -> usize {
        self.0.iter().filter(|symbol| symbol.is_none()).count()
    }

    /// The digits that stand for the wildcards.
    fn wild<'a>(&'a self, digits: &'a str) -> impl Iterator<Item = char> + 'a {
        self.0.iter().zip(digits.chars()).filter(|(symbol, _)| symbol.is_none()).map(|(_, digit)| digit)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|symbol| fmt::Write::write_char(f, symbol.map_or('x', char::from)))
    }
}

/// A rule for directory numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionRule {
    pattern: Pattern,
    /// What stands behind the plus sign, with its x; none for numbers that nobody outside can dial.
    number: Option<String>,
}

impl ExtensionRule {
    /// A rule that gives directory numbers of `pattern` this number, or none.
    ///
    /// # Errors
    /// When one is not of its form, they do not fit each other, or no number of it would be valid.
    pub fn new(pattern: &str, number: Option<&str>) -> Result<Self, RuleError> {
        let wrong_pattern = || RuleError::Pattern(pattern.to_owned());
        let rule = |number| Ok(Self { pattern: Pattern::parse(pattern).ok_or_else(wrong_pattern)?, number });
        let Some(text) = number else { return rule(None) };
        let digits = text.strip_prefix('+').unwrap_or_default().to_ascii_lowercase();
        if !(1..=MAX_DIGITS).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'x') {
            return Err(RuleError::Number(text.to_owned()));
        }
        let wildcards = digits.matches('x').count();
        let rule = rule(Some(digits))?;
        if wildcards > 0 && wildcards != rule.pattern.wildcards() {
            return Err(RuleError::Wildcards { pattern: pattern.to_owned(), number: text.to_owned() });
        }
        let is_ever_valid = ('0'..='9').any(|digit| rule.number(&rule.example(digit)).is_some());
        if is_ever_valid { Ok(rule) } else { Err(RuleError::Invalid(text.to_owned())) }
    }

    /// A directory number that the rule is about: this digit for each x.
    pub fn example(&self, digit: char) -> String {
        self.pattern.to_string().replace('x', digit.encode_utf8(&mut [0; 4]))
    }

    /// Whether the rule is about this directory number.
    pub fn matches(&self, digits: &str) -> bool {
        self.pattern.matches(digits)
    }

    /// Whether the rule is about everything that another is about.
    pub fn covers(&self, other: &Self) -> bool {
        self.pattern.covers(&other.pattern)
    }

    /// The number of a directory number that the rule is about.
    pub fn number(&self, digits: &str) -> Option<E164> {
        let mut wild = self.pattern.wild(digits);
        let number: String = self.number.as_ref()?.chars().map_while(|c| if c == 'x' { wild.next() } else { Some(c) }).collect();
        // Nothing may be taken off it: it stands as it is in the configuration.
        country::international(&number).filter(|read| Some(*read) == E164::from_digits(&number))
    }
}

impl fmt::Display for ExtensionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.number {
            Some(number) => write!(f, "{} is +{number}", self.pattern),
            None => write!(f, "{} is never E.164", self.pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(pattern: &str, e164: &str, digits: &str) -> Option<String> {
        let rule = ExtensionRule::new(pattern, Some(e164)).unwrap();
        rule.matches(digits).then(|| rule.number(digits).map(|n| n.to_string())).flatten()
    }

    #[test]
    fn the_digits_of_the_pattern_take_their_places() {
        assert_eq!(number("1xxx", "+33123401xxx", "1042").as_deref(), Some("+33123401042"));
        assert_eq!(number("8X1X", "+4930123456XX", "8714").as_deref(), Some("+493012345674"));
        assert_eq!(number("2xxx", "+33123402000", "2042").as_deref(), Some("+33123402000"));
        assert_eq!(number("1xxx", "+33123401xxx", "10420"), None);
        assert_eq!(number("1xxx", "+33123401xxx", "2042"), None);
    }

    #[test]
    fn a_rule_that_cannot_be_used_names_its_value() {
        let wrong = |pattern, number| ExtensionRule::new(pattern, Some(number)).unwrap_err().to_string();
        assert!(wrong("1[0-4]xx", "+33123401xxx").contains("1[0-4]xx"));
        assert!(wrong("", "+33123401xxx").contains("`pattern`"));
        assert!(wrong("1xxx", "0123401xxx").contains("0123401xxx"));
        assert!(wrong("1xxx", "+33123401xx").contains("as many x"));
        assert!(wrong("1xxx", "+3312340xxx").contains("no valid telephone number"));
        assert!(wrong("1xxx", "+330123401xxx").contains("no valid telephone number"));
    }

    #[test]
    fn a_rule_covers_what_is_narrower() {
        let rule = |pattern| ExtensionRule::new(pattern, None).unwrap();
        assert!(rule("1xxx").covers(&rule("12xx")) && rule("1xxx").covers(&rule("1xxx")));
        assert!(!rule("12xx").covers(&rule("1xxx")) && !rule("1xxx").covers(&rule("1xx")));
    }
}
