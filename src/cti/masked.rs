//! How a directory number stands in logs and errors.

use std::fmt;

/// A telephone number of which only the last two digits show, and of a short one not more than half.
pub struct Masked<'a>(pub &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.chars().count();
        let hidden = length - (length / 2).min(2);
        self.0.chars().enumerate().try_for_each(|(at, c)| fmt::Write::write_char(f, if at < hidden { '*' } else { c }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_two_digits_of_a_number_show() {
        for (number, masked) in [("2001", "**01"), ("+33123401042", "**********42"), ("200", "**0"), ("7", "*"), ("", "")] {
            assert_eq!(Masked(number).to_string(), masked);
        }
    }
}
