//! What the numbering plan of a country says: the one place that knows the port of libphonenumber.

use rlibphonenumber::{CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::e164::E164;

/// Digits of a national number that are looked at when the lengths of a country are found out. ITU has 15 at most, the library 17.
const LONGEST: usize = 17;

/// A valid number as the library parsed it.
fn valid(number: &PhoneNumber) -> Option<E164> {
    if !PHONE_NUMBER_UTIL.is_valid_number(number) {
        return None;
    }
    E164::from_digits(PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).strip_prefix('+')?)
}

/// The number of these digits behind a plus sign, or what stands for one.
pub fn international(digits: &str) -> Option<E164> {
    // The library is more lenient: it takes letters, separators and further plus signs.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    valid(&PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).ok()?)
}

/// How a number of digits alone was understood in a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It began with the country's international prefix.
    International,
    /// It began with the country's trunk prefix.
    Trunk,
    /// It has no trunk prefix, and the country has none, or it is as long as whole numbers are.
    Whole,
    /// It is so short that it may lack an area code: without the trunk prefix that the country has, or as long as local numbers are.
    Bare,
}

/// A country, or another region with a numbering plan of its own.
#[derive(Clone, Debug)]
pub struct Country {
    region: Region,
    calling_code: i32,
    /// What is dialled before national numbers; empty where nothing is.
    trunk: String,
    /// The lengths of whole numbers of fixed lines: bit n for n digits.
    whole: u32,
    /// The lengths that such numbers have only without area code.
    local: u32,
    longest: usize,
    example: Option<PhoneNumber>,
}

impl Country {
    /// The country of this ISO 3166-1 code, as `FR`; `None` when there is none.
    pub fn of(code: &str) -> Option<Self> {
        let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        let region = Region::from_code(code).ok().filter(|_| is_code)?;
        let calling_code = PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
        let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, PhoneNumberType::FixedLine).ok();
        let (mut whole, mut local, mut longest) = (0, 0, LONGEST);
        for (length, national_number) in (1..=LONGEST).zip(std::iter::successors(Some(1_u64), |number| Some(number * 10))) {
            let number = PhoneNumber { country_code: calling_code, national_number, ..PhoneNumber::default() };
            match PHONE_NUMBER_UTIL.is_possible_number_for_type_with_reason(&number, PhoneNumberType::FixedLine) {
                Ok(NumberLengthType::IsPossible) => (whole, longest) = (whole | 1 << length, length),
                Ok(NumberLengthType::IsPossibleLocalOnly) => local |= 1 << length,
                Err(_) => {}
            }
        }
        let mut country = Self { region, calling_code, trunk: String::new(), whole, local, longest, example };
        // Both forms of one number: what the national one has before the other.
        country.trunk = country.example().and_then(|(national, bare)| national.strip_suffix(&*bare).map(str::to_owned)).unwrap_or_default();
        Some(country)
    }

    /// The number of a fixed line, as it is dialled in the country, and the same without the trunk prefix.
    pub fn example(&self) -> Option<(String, String)> {
        let example = self.example.as_ref()?;
        let national = PHONE_NUMBER_UTIL.format(example, PhoneNumberFormat::National);
        let bare = rlibphonenumber::get_national_significant_number_owned(example);
        Some((national.chars().filter(char::is_ascii_digit).collect(), bare))
    }

    /// The country calling code, as 33.
    pub fn calling_code(&self) -> i32 {
        self.calling_code
    }

    /// What is dialled before national numbers; empty where nothing is.
    pub fn trunk(&self) -> &str {
        &self.trunk
    }

    /// The number of these digits, as they are dialled in the country or told there, and in which form they are it.
    pub fn read(&self, digits: &str) -> Option<(E164, Form)> {
        let number = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(digits, Some(self.region)).ok()?;
        let read = valid(&number)?;
        let was_stripped = rlibphonenumber::get_national_significant_number_owned(&number) != digits;
        let form = match number.country_code_source() {
            CountryCodeSource::FromNumberWithIdd => Form::International,
            CountryCodeSource::FromDefaultCountry if was_stripped => Form::Trunk,
            _ if digits.len() >= self.longest => Form::Whole,
            _ if self.trunk.is_empty() && self.local & 1 << digits.len() == 0 => Form::Whole,
            _ => Form::Bare,
        };
        Some((read, form))
    }

    /// The national number of these digits, which have neither trunk prefix nor anything else before it.
    pub fn national(&self, digits: &str) -> Option<E164> {
        let whole = format!("{}{digits}", self.calling_code);
        // Were a prefix taken off, there was one.
        international(&whole).filter(|read| Some(*read) == E164::from_digits(&whole))
    }

    /// Whether these digits may be dialled as they are within an area: then nobody knows which area that is.
    pub fn may_be_local(&self, digits: &str) -> bool {
        let length = digits.len();
        let has_areas = !self.trunk.is_empty() && !digits.starts_with(&self.trunk);
        has_areas && length < self.longest && (self.whole | self.local) & 1 << length != 0
    }

    /// Whether numbers of an area can be so long that they look like those of another area with its code.
    pub fn has_open_numbering(&self) -> bool {
        !self.trunk.is_empty() && ((self.whole | self.local) & !(1 << self.longest)).count_ones() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_no_country_is_none() {
        for code in ["", "F", "fr", "FRA", "XX", "ZZ", "001", "F!"] {
            assert!(Country::of(code).is_none(), "{code}");
        }
    }

    #[test]
    fn countries_differ_in_trunk_prefix_and_lengths() {
        for (code, trunk, open) in [
            ("FR", "0", false),
            ("DE", "0", true),
            ("AT", "0", true),
            ("IT", "", false),
            ("US", "", false),
            ("RU", "8", false),
            ("HU", "06", true),
        ] {
            let country = Country::of(code).unwrap();
            assert_eq!((country.trunk(), country.has_open_numbering()), (trunk, open), "{code}");
        }
    }

    #[test]
    fn a_number_without_trunk_prefix_is_whole_only_when_it_is_long_enough() {
        let form = |code, digits| Country::of(code).unwrap().read(digits).map(|(_, form)| form);
        assert_eq!(form("FR", "123456789"), Some(Form::Whole));
        assert_eq!(form("FR", "0123456789"), Some(Form::Trunk));
        assert_eq!(form("FR", "0033123456789"), Some(Form::International));
        assert_eq!(form("DE", "30123456"), Some(Form::Bare));
        assert_eq!(form("DE", "030123456"), Some(Form::Trunk));
        assert_eq!(form("IT", "0612345678"), Some(Form::Whole));
        assert_eq!(form("US", "2015550123"), Some(Form::Whole));
        assert_eq!(form("US", "5550123"), None);
        // Canada has short numbers of its own that begin with 310; elsewhere that is a local one.
        assert_eq!(form("US", "3100000"), Some(Form::Bare));
    }

    #[test]
    fn only_countries_with_areas_have_local_numbers() {
        let local = |code, digits| Country::of(code).unwrap().may_be_local(digits);
        assert!(local("DE", "30123456") && local("SE", "8123456") && local("GB", "71838750"));
        assert!(!local("DE", "030123456") && !local("FR", "123456789") && !local("IT", "0612345678"));
    }
}
