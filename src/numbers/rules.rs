//! The rules of one site, and how they read a number.
//!
//! A number can have several readings: with and without the digits of outside access, as an international or a national one. It is
//! read only when all that are valid are the same.

use super::NumberKind;
use super::config::OutsideAccessOn;
use super::country::{self, Country, Form};
use super::e164::E164;
use super::extension::ExtensionRule;

/// Digits of a number that is taken for a directory number, as long as nobody says that it is one of outside.
pub const LONGEST_EXTENSION: usize = 7;
/// Digits of a number outside, without plus sign and outside access, at least: shorter ones may be those of emergency calls or services,
/// which mean something else in every country.
pub const SHORTEST_OUTSIDE: usize = 7;

/// The rules of one site.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Without it only numbers with a plus sign are read.
    pub country: Option<Country>,
    /// Instead of the country's own.
    pub international_prefix: Option<String>,
    /// Instead of the country's own.
    pub national_prefix: Option<String>,
    /// Whether a number without trunk prefix is a national one even where it might be a local one.
    pub bare_national_numbers: bool,
    /// Digits for an outside line; never empty.
    pub outside_access: Option<String>,
    /// Which numbers carry them.
    pub outside_access_on: OutsideAccessOn,
    /// Directory numbers; the first that fits counts.
    pub extensions: Vec<ExtensionRule>,
}

/// What a number was read as so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    None,
    One(E164),
    /// Two numbers, or one and perhaps another.
    Unsure,
}

impl Reading {
    fn add(&mut self, number: Option<E164>) {
        let Some(number) = number else { return };
        *self = match *self {
            Self::None => Self::One(number),
            Self::One(known) if known == number => Self::One(known),
            Self::One(_) | Self::Unsure => Self::Unsure,
        };
    }

    fn sure(self) -> Option<E164> {
        if let Self::One(number) = self { Some(number) } else { None }
    }
}

impl Rules {
    /// The number of these digits, or of digits behind a plus sign. `None` when that is not sure.
    pub fn read(&self, number: &str, kind: NumberKind) -> Option<E164> {
        if let Some(digits) = number.strip_prefix('+') {
            return country::international(digits);
        }
        match kind {
            NumberKind::Internal => self.extension(number).flatten(),
            NumberKind::Delivered | NumberKind::Dialled | NumberKind::Outside => self.outside(number, kind).sure(),
            NumberKind::Unknown => match (self.extension(number), self.outside(number, kind)) {
                (Some(extension), Reading::None) => extension,
                (Some(extension), Reading::One(outside)) => extension.filter(|number| *number == outside),
                (Some(_), Reading::Unsure) => None,
                (None, _) if number.len() <= LONGEST_EXTENSION => None,
                (None, outside) => outside.sure(),
            },
        }
    }

    /// What the first rule for this directory number says.
    fn extension(&self, digits: &str) -> Option<Option<E164>> {
        self.extensions.iter().find(|rule| rule.matches(digits)).map(|rule| rule.number(digits))
    }

    fn outside(&self, digits: &str, kind: NumberKind) -> Reading {
        let mut reading = Reading::None;
        let access = self.outside_access.as_deref();
        let (with, without) = match (access, self.outside_access_on, kind) {
            (None, ..) => (false, true),
            (_, OutsideAccessOn::AllNumbers, _) | (_, OutsideAccessOn::DialledNumbers, NumberKind::Dialled) => (true, false),
            (_, OutsideAccessOn::DialledNumbers, NumberKind::Delivered) => (false, true),
            _ => (true, true),
        };
        if without {
            self.public(digits, &mut reading);
        }
        let behind_access = access.filter(|_| with).and_then(|access| digits.strip_prefix(access));
        if let Some(rest) = behind_access {
            // Somebody may have dialled a number of his own area behind the digits of outside access.
            let may_be_local = !self.bare_national_numbers && self.country.as_ref().is_some_and(|c| c.may_be_local(rest));
            if reading != Reading::None && may_be_local {
                return Reading::Unsure;
            }
            self.public(rest, &mut reading);
        }
        reading
    }

    /// Adds the readings of digits as the public network has them.
    fn public(&self, digits: &str, reading: &mut Reading) {
        if digits.len() < SHORTEST_OUTSIDE {
            return;
        }
        if let Some(rest) = self.international_prefix.as_deref().and_then(|prefix| digits.strip_prefix(prefix)) {
            reading.add(country::international(rest));
        }
        let Some(country) = &self.country else { return };
        if let Some(rest) = self.national_prefix.as_deref().and_then(|prefix| digits.strip_prefix(prefix)) {
            reading.add(country.national(rest));
        }
        let Some((number, form)) = country.read(digits) else { return };
        let counts = match form {
            Form::International => self.international_prefix.is_none(),
            Form::Trunk => self.national_prefix.is_none(),
            Form::Whole => self.national_prefix.is_none() || self.bare_national_numbers,
            Form::Bare => self.bare_national_numbers,
        };
        reading.add(Some(number).filter(|_| counts));
    }
}
