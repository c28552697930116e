//! What holds for all numbers under all rules.

use proptest::prelude::*;
use rlibphonenumber::PHONE_NUMBER_UTIL;

use super::NumberKind::{Delivered, Dialled, Internal, Outside, Unknown};
use super::country::Country;
use super::*;

fn plan(text: &str) -> NumberPlan {
    NumberPlan::new(&toml::from_str(text).unwrap()).unwrap()
}

const REGIONS: [&str; 20] =
    ["FR", "DE", "US", "GB", "IT", "MX", "AT", "BR", "AR", "JP", "SE", "RU", "CN", "IN", "AU", "LU", "HU", "IE", "FI", "NL"];

/// `outside_access` and `outside_access_on`.
fn any_access() -> impl Strategy<Value = (&'static str, &'static str)> {
    (prop::sample::select(vec!["", "0", "9", "8", "1", "00"]), prop::sample::select(vec!["some", "dialled", "all"]))
}

fn any_plan() -> impl Strategy<Value = NumberPlan> {
    let more = prop::sample::select(vec![
        "",
        "international_prefix = '00'",
        "national_prefix = '0'",
        "bare_national_numbers = true",
        "extension = [{ pattern = '1xxx', e164 = '+33123401xxx' }, { pattern = '5xxxxxxxxx', e164 = '+12025550123' }]",
    ]);
    let text =
        |(region, (access, on), more)| format!("region = '{region}'\noutside_access = '{access}'\noutside_access_on = '{on}'\n{more}");
    (prop::sample::select(REGIONS.to_vec()), any_access(), more).prop_map(move |keys| plan(&text(keys)))
}

fn any_kind() -> impl Strategy<Value = NumberKind> {
    prop::sample::select(vec![Internal, Delivered, Dialled, Outside, Unknown])
}

/// A valid number of a country without trunk prefix: one of a fixed line, a mobile or a service, with other digits at its end.
fn national_number(region: &str, which: usize, digits: &[u8]) -> Option<(E164, String)> {
    use rlibphonenumber::PhoneNumberType::{FixedLine, Mobile, SharedCost, TollFree};
    let kind = [FixedLine, Mobile, TollFree, SharedCost][which % 4];
    let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region.parse().unwrap(), kind).ok()?;
    let mut number = rlibphonenumber::get_national_significant_number_owned(&example);
    number.truncate(number.len() - digits.len().min(number.len() - 2));
    number.extend(digits.iter().map(|digit| char::from(b'0' + digit % 10)));
    Some((Country::of(region)?.national(&number)?, number))
}

/// What stands before a number of outside as the rules say it: with outside access or not.
fn access_of<'a>((access, on): (&'a str, &str), kind: NumberKind, some: bool) -> &'a str {
    let carries = match (on, kind) {
        ("all", _) | ("dialled", Dialled) => true,
        ("dialled", Delivered) => false,
        _ => some,
    };
    if carries { access } else { "" }
}

proptest! {
    #[test]
    fn what_comes_out_is_a_valid_number_and_reads_as_itself(
        plan in any_plan(),
        kind in any_kind(),
        number in "[+]?(00|0|9|011|1)?[0-9]{1,16}",
    ) {
        if let Some(e164) = plan.e164(&number, Site::default(), kind) {
            let text = e164.to_string();
            let digits = text.strip_prefix('+').unwrap();
            prop_assert!(digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit()), "{} {}", number, text);
            let parsed = PHONE_NUMBER_UTIL.parse(&text, None).unwrap();
            prop_assert!(PHONE_NUMBER_UTIL.is_valid_number(&parsed), "{} {}", number, text);
            prop_assert_eq!(plan.e164(&text, Site::default(), kind), Some(e164));
        }
    }

    #[test]
    fn a_number_that_was_written_by_the_rules_is_read_as_what_it_was_or_not_at_all(
        (at, of) in (prop::sample::select(REGIONS.to_vec()), prop::sample::select(REGIONS.to_vec())),
        abroad: bool,
        (which, digits) in (0_usize..4, prop::collection::vec(any::<u8>(), 0..9)),
        access in any_access(),
        kind in prop::sample::select(vec![Delivered, Dialled, Outside, Unknown]),
        some: bool,
    ) {
        let of = if abroad { of } else { at };
        let Some((number, national)) = national_number(of, which, &digits) else { return Ok(()) };
        let country = Country::of(of).unwrap();
        let written = if abroad { format!("00{}{national}", country.calling_code()) } else { format!("{}{national}", country.trunk()) };
        let written = format!("{}{written}", access_of(access, kind, some));
        let plan = plan(&format!(
            "region = '{at}'\ninternational_prefix = '00'\noutside_access = '{}'\noutside_access_on = '{}'", access.0, access.1
        ));
        let read = plan.e164(&written, Site::default(), kind);
        prop_assert!(read.is_none_or(|read| read == number), "{} in {} is {:?}, not {}", written, at, read, number);
    }

    #[test]
    fn a_number_without_area_code_is_not_read(
        at in prop::sample::select(vec!["DE", "AT", "SE", "GB", "US", "CN", "IE", "HU", "IN", "JP", "RU", "AU", "FI"]),
        local in "[2-9][0-9]{4,6}",
        access in any_access(),
        kind in prop::sample::select(vec![Delivered, Dialled, Outside, Unknown]),
        some: bool,
    ) {
        let plan = plan(&format!("region = '{at}'\noutside_access = '{}'\noutside_access_on = '{}'", access.0, access.1));
        let written = format!("{}{local}", access_of(access, kind, some));
        let read = plan.e164(&written, Site::default(), kind);
        prop_assert_eq!(read, None, "{} in {}", written, at);
    }

    #[test]
    fn nothing_panics(plan in any_plan(), kind in any_kind(), number in any::<String>(), partition in any::<String>()) {
        plan.e164(&number, plan.site(&partition, Some(&number)), kind);
    }

    #[test]
    fn what_a_configuration_may_say_is_a_plan_or_an_error(
        region in ".{0,3}",
        prefix in "[0-9x]{0,9}",
        pattern in "[0-9xX+]{0,26}",
        e164 in "[+]?[0-9xX]{0,16}",
    ) {
        let config = Config {
            region: Some(region),
            outside_access: Some(prefix),
            extensions: vec![Extension { pattern, e164: Some(e164) }],
            ..Config::default()
        };
        prop_assert_eq!(NumberPlan::new(&config).is_ok(), config.check().is_ok());
    }
}
