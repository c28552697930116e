//! A number in E.164 form.

use std::fmt;
use std::num::NonZeroU64;

/// Digits of a number in E.164 form, country calling code included, at most.
pub const MAX_DIGITS: usize = 15;

/// A telephone number in E.164 form: a plus sign and up to 15 digits, of which the first is not 0. [`fmt::Display`] writes it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct E164(NonZeroU64);

impl E164 {
    /// From the digits behind the plus sign; `None` when they are too many, or begin with 0, or are no digits.
    pub fn from_digits(digits: &str) -> Option<Self> {
        let is_form = digits.len() <= MAX_DIGITS && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        if is_form { digits.parse().ok().map(Self) } else { None }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_with_a_plus_sign() {
        assert_eq!(E164::from_digits("33123401000").unwrap().to_string(), "+33123401000");
    }

    #[test]
    fn what_is_not_of_the_form_is_none() {
        for digits in ["", "0331", "+331", "33 1", "1234567890123456", "٣٣١"] {
            assert_eq!(E164::from_digits(digits), None, "{digits}");
        }
    }
}
