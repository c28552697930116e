//! Numbers of several countries under several rules, and what is no number.

use super::NumberKind::{Delivered, Dialled, Internal, Outside, Unknown};
use super::*;

fn plan(text: &str) -> NumberPlan {
    NumberPlan::new(&toml::from_str(text).unwrap()).unwrap()
}

fn read(plan: &NumberPlan, number: &str, kind: NumberKind) -> String {
    plan.e164(number, Site::default(), kind).map_or("-".into(), |e164| e164.to_string())
}

/// Rows of a number, whose it is, and how it is read; `-` for not at all.
fn check(text: &str, rows: &[(&str, NumberKind, &str)]) {
    let plan = plan(text);
    for (number, kind, expected) in rows {
        assert_eq!(read(&plan, number, *kind), *expected, "{number} {kind:?} with {text}");
    }
}

#[test]
fn a_number_with_a_plus_sign_needs_no_rule() {
    check(
        "",
        &[
            ("+33123401000", Unknown, "+33123401000"),
            ("+33123401000", Internal, "+33123401000"),
            ("\\+33123401000", Internal, "+33123401000"),
            ("+4930123456", Outside, "+4930123456"),
            ("+390612345678", Delivered, "+390612345678"),
            ("+80012345678", Delivered, "+80012345678"),
            // A trunk prefix is often left in by mistake; there is only one number that it can mean.
            ("+330123401000", Delivered, "+33123401000"),
            // Mexico gave the 1 before mobile numbers up; what carriers still deliver so is no number any more.
            ("+525512345678", Delivered, "+525512345678"),
            ("+5215512345678", Delivered, "-"),
            // Too short, too long, no such country code, no such area.
            ("+3312340100", Delivered, "-"),
            ("+331234010000", Delivered, "-"),
            ("+999123456789", Delivered, "-"),
            ("+11235550123", Delivered, "-"),
            ("+", Delivered, "-"),
            ("++33123401000", Delivered, "-"),
            // Nothing else is read without a country.
            ("0033123401000", Delivered, "-"),
            ("0123401000", Delivered, "-"),
            ("1000", Internal, "-"),
        ],
    );
}

#[test]
fn france() {
    let rows = [
        ("0123401000", Delivered, "+33123401000"),
        ("123401000", Delivered, "+33123401000"),
        ("33123401000", Delivered, "+33123401000"),
        ("0033123401000", Delivered, "+33123401000"),
        ("00442071838750", Delivered, "+442071838750"),
        ("0012025550123", Delivered, "+12025550123"),
        ("0612345678", Unknown, "+33612345678"),
        // Emergency and other short numbers.
        ("112", Dialled, "-"),
        ("15", Dialled, "-"),
        ("3639", Dialled, "-"),
        ("118218", Dialled, "-"),
    ];
    check("region = 'FR'", &rows);
    // Outside access is the same digit as the trunk prefix: what is unique is read all the same.
    check("region = 'FR'\noutside_access = '0'", &rows);
    check(
        "region = 'FR'\noutside_access = '0'",
        &[
            ("00123401000", Dialled, "+33123401000"),
            ("00123401000", Delivered, "+33123401000"),
            ("000442071838750", Dialled, "+442071838750"),
            ("00033123401000", Unknown, "+33123401000"),
            ("0112", Dialled, "-"),
            ("03639", Dialled, "-"),
        ],
    );
    check(
        "region = 'FR'\noutside_access = '0'\noutside_access_on = 'all'",
        &[
            ("00123401000", Delivered, "+33123401000"),
            ("0123401000", Outside, "+33123401000"),
            ("123401000", Delivered, "-"),
            ("0033123401000", Delivered, "-"),
        ],
    );
}

#[test]
fn germany_has_numbers_of_any_length() {
    check(
        "region = 'DE'",
        &[
            ("030123456", Delivered, "+4930123456"),
            ("03012345678", Delivered, "+493012345678"),
            ("08912345", Delivered, "+498912345"),
            ("015112345678", Delivered, "+4915112345678"),
            ("004930123456", Delivered, "+4930123456"),
            // Berlin's 30, or a number of seven digits in another city: without trunk prefix nobody can tell.
            ("30123456", Delivered, "-"),
            ("4930123456", Delivered, "-"),
            ("110", Dialled, "-"),
            ("0110", Dialled, "-"),
        ],
    );
    check(
        "region = 'DE'\nbare_national_numbers = true",
        &[("30123456", Delivered, "+4930123456"), ("030123456", Delivered, "+4930123456")],
    );
    // With outside access 0 a number that begins with 0 may be one of the caller's own area, dialled behind it.
    check(
        "region = 'DE'\noutside_access = '0'",
        &[
            ("030123456", Delivered, "-"),
            ("0030123456", Dialled, "+4930123456"),
            ("00302101234567", Dialled, "-"),
            ("000302101234567", Dialled, "+302101234567"),
        ],
    );
    check(
        "region = 'DE'\noutside_access = '0'\noutside_access_on = 'dialled'",
        &[
            ("030123456", Delivered, "+4930123456"),
            ("030123456", Dialled, "-"),
            ("030123456", Outside, "-"),
            ("0030123456", Dialled, "+4930123456"),
            ("00302101234567", Delivered, "+302101234567"),
            ("00302101234567", Dialled, "+49302101234567"),
            ("00302101234567", Outside, "-"),
        ],
    );
    check(
        "region = 'DE'\noutside_access = '0'\noutside_access_on = 'all'",
        &[("0030123456", Delivered, "+4930123456"), ("030123456", Delivered, "-"), ("000442071838750", Delivered, "+442071838750")],
    );
}

#[test]
fn the_united_states() {
    check(
        "region = 'US'\noutside_access = '9'",
        &[
            ("2025550123", Delivered, "+12025550123"),
            ("12025550123", Delivered, "+12025550123"),
            ("912025550123", Dialled, "+12025550123"),
            ("92025550123", Dialled, "+12025550123"),
            ("9011442071838750", Dialled, "+442071838750"),
            ("011442071838750", Delivered, "+442071838750"),
            // Toronto has the same country code.
            ("4165550123", Delivered, "+14165550123"),
            // A local number, an area code that begins with 9, emergency calls.
            ("5550123", Dialled, "-"),
            ("95550123", Dialled, "-"),
            ("9125550123", Delivered, "+19125550123"),
            ("911", Dialled, "-"),
            ("9911", Dialled, "-"),
            ("411", Dialled, "-"),
        ],
    );
}

#[test]
fn other_countries() {
    check(
        "region = 'GB'\noutside_access = '9'",
        &[
            ("02071838750", Delivered, "+442071838750"),
            ("2071838750", Delivered, "+442071838750"),
            ("902071838750", Dialled, "+442071838750"),
            ("900442071838750", Dialled, "+442071838750"),
            ("90012025550123", Dialled, "+12025550123"),
            ("71838750", Dialled, "-"),
            ("999", Dialled, "-"),
            ("9999", Dialled, "-"),
        ],
    );
    // The 0 of fixed lines in Italy is part of the number.
    check(
        "region = 'IT'",
        &[
            ("0612345678", Delivered, "+390612345678"),
            ("3331234567", Delivered, "+393331234567"),
            ("00390612345678", Delivered, "+390612345678"),
            ("0033123401000", Delivered, "+33123401000"),
            ("113", Dialled, "-"),
        ],
    );
    check(
        "region = 'IT'\noutside_access = '0'",
        // The mobile number behind outside access might be one of a fixed line without it.
        &[
            ("00612345678", Dialled, "+390612345678"),
            ("03311234567", Outside, "-"),
            ("03331234567", Outside, "+393331234567"),
            ("0033123401000", Outside, "+33123401000"),
        ],
    );
    check(
        "region = 'MX'",
        &[("5512345678", Delivered, "+525512345678"), ("0012025550123", Dialled, "+12025550123"), ("911", Dialled, "-")],
    );
    check("region = 'BR'", &[("01123456789", Delivered, "+551123456789"), ("11961234567", Delivered, "+5511961234567")]);
    check("region = 'AR'", &[("01123456789", Delivered, "+541123456789"), ("011151234 5678", Delivered, "-")]);
    check("region = 'RU'", &[("88005234567", Delivered, "+78005234567"), ("84951234567", Delivered, "+74951234567")]);
    check("region = 'HU'", &[("0612345678", Delivered, "+3612345678"), ("12345678", Delivered, "+3612345678")]);
    check("region = 'SE'", &[("08123456", Delivered, "+468123456"), ("8123456", Delivered, "-")]);
    check(
        "region = 'AU'",
        &[("0212345678", Delivered, "+61212345678"), ("0011442071838750", Dialled, "+442071838750"), ("000", Dialled, "-")],
    );
    check("region = 'CH'\noutside_access = '0'", &[("0446681800", Delivered, "+41446681800"), ("00446681800", Dialled, "+41446681800")]);
    check("region = 'JP'", &[("0312345678", Delivered, "+81312345678"), ("01044207 1838750", Dialled, "-")]);
}

#[test]
fn prefixes_of_the_configuration_take_the_place_of_the_countrys_own() {
    check(
        "region = 'FR'\ninternational_prefix = '99'",
        &[("99442071838750", Dialled, "+442071838750"), ("00442071838750", Dialled, "-"), ("0123401000", Dialled, "+33123401000")],
    );
    check(
        "region = 'DE'\nnational_prefix = '5'",
        &[("530123456", Dialled, "+4930123456"), ("030123456", Dialled, "-"), ("30123456", Dialled, "-"), ("5030123456", Dialled, "-")],
    );
    check("region = 'FR'\nnational_prefix = '0'\nbare_national_numbers = true", &[("123401000", Dialled, "+33123401000")]);
    check("international_prefix = '00'", &[("0033123401000", Delivered, "+33123401000")]);
}

const EXTENSIONS: &str = "region = 'FR'\nextension = [{ pattern = '1xxx', e164 = '+33123401xxx' }, { pattern = '2xxx' }, \
                          { pattern = '81xxxx', e164 = '+33123402000' }, { pattern = '123401000' }]";

#[test]
fn directory_numbers_have_rules_of_their_own() {
    check(
        EXTENSIONS,
        &[
            ("1042", Internal, "+33123401042"),
            ("1042", Unknown, "+33123401042"),
            ("2042", Internal, "-"),
            ("2042", Unknown, "-"),
            ("810042", Internal, "+33123402000"),
            ("3042", Internal, "-"),
            // A phone of another cluster behind a trunk is none of ours.
            ("1042", Outside, "-"),
            ("0123401000", Internal, "-"),
            // Both a directory number without E.164 form and a number of the network: that is two readings.
            ("123401000", Unknown, "-"),
            ("123401000", Outside, "+33123401000"),
        ],
    );
}

#[test]
fn a_short_number_of_which_nobody_says_whose_it_is_is_a_directory_number() {
    // In Luxembourg, Norway and on Saint Helena numbers are as short as extensions.
    check(
        "region = 'LU'",
        &[
            ("2712345", Unknown, "-"),
            ("2712345", Outside, "+3522712345"),
            ("27123456", Unknown, "+35227123456"),
            ("27123456", Outside, "+35227123456"),
        ],
    );
    check("region = 'NO'", &[("02000", Unknown, "-"), ("02000", Outside, "-"), ("21234567", Unknown, "+4721234567")]);
}

#[test]
fn emergency_numbers_are_never_read() {
    let emergency =
        ["110", "111", "112", "113", "114", "115", "117", "118", "119", "120", "122", "123", "143", "144", "15", "17", "18", "190"];
    let more = ["191", "192", "193", "199", "900", "911", "933", "988", "991", "993", "995", "997", "998", "999", "000"];
    for region in ["AR", "AT", "AU", "BE", "BR", "CH", "CN", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "HK", "IE", "IN", "IT", "JP", "KR"] {
        for access in ["0", "1", "8", "9"] {
            let plan = plan(&format!("region = '{region}'\noutside_access = '{access}'\nbare_national_numbers = true"));
            for number in emergency.iter().chain(&more) {
                for dialled in [(*number).to_owned(), format!("{access}{number}"), format!("0{number}"), format!("{access}0{number}")] {
                    for kind in [Internal, Delivered, Dialled, Outside, Unknown] {
                        assert_eq!(read(&plan, &dialled, kind), "-", "{dialled} {kind:?} in {region} with {access}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_not_read() {
    let plan = plan("region = 'US'\noutside_access = '9'");
    let long = "1".repeat(100_000);
    for number in [
        "",
        " ",
        "-",
        "*21*2025550123#",
        "#31#2025550123",
        "2025550123#",
        "202-555-0123",
        "202 555 0123",
        "2025550123,5",
        "2025550123p1",
        "1-800-FLOWERS",
        "bsmith",
        "sip:2025550123@example.com",
        "2025550123@10.0.0.1",
        "tel:+12025550123",
        "+1 2025550123",
        "+1202555O123",
        "２０２５５５０１２３",
        "٢٠٢٥٥٥٠١٢٣",
        "\\2025550123",
        "\\\\+12025550123",
        "\0",
        "+\0",
        "b00123456001",
        "Park Number:(8)5555",
        &long,
        "99999999999999999999999999999999",
        "9999999999999999999999999999999",
        "0000000000000000000000000",
        "+0000000000",
    ] {
        for kind in [Internal, Delivered, Dialled, Outside, Unknown] {
            assert_eq!(read(&plan, number, kind), "-", "{number:?} {kind:?}");
        }
    }
}

#[test]
fn a_site_has_the_rules_of_its_device_pool_or_partition() {
    let plan = plan(
        "region = 'FR'\noutside_access = '0'\nextension = [{ pattern = '1xxx', e164 = '+33123401xxx' }]\n\
         [[site]]\nname = 'Berlin'\ndevice_pools = ['DP-BER']\nregion = 'DE'\noutside_access_on = 'dialled'\n\
         [[site]]\nname = 'Rome'\npartitions = ['Rome-PT']\nregion = 'IT'\noutside_access = ''\nextension = [{ pattern = '1xxx' }]",
    );
    let (paris, berlin, rome) = (plan.site("Paris-PT", None), plan.site("Rome-PT", Some("DP-BER")), plan.site("Rome-PT", Some("DP-PAR")));
    assert_eq!((paris, plan.site("", Some("DP-PAR"))), (Site::default(), Site::default()));
    let read = |number: &str, site, kind| plan.e164(number, site, kind).map_or("-".into(), |e164| e164.to_string());
    assert_eq!(read("030123456", berlin, Delivered), "+4930123456");
    assert_eq!(read("0030123456", berlin, Dialled), "+4930123456");
    assert_eq!(read("0612345678", rome, Delivered), "+390612345678");
    assert_eq!(read("0612345678", paris, Delivered), "+33612345678");
    assert_eq!((read("1042", berlin, Internal), read("1042", rome, Internal)), ("+33123401042".into(), "-".into()));
}

#[test]
fn a_plan_is_told_in_words_and_examples() {
    let plan = plan(
        "region = 'FR'\noutside_access = '0'\nextension = [{ pattern = '1xxx', e164 = '+33123401xxx' }, { pattern = '2xxx' }]\n\
         [[site]]\nname = 'Berlin'\ndevice_pools = ['DP-BER']\nregion = 'DE'",
    );
    let told = plan.explain().join("\n");
    for expected in [
        "numbers of all other lines: country code +33, outside access 0 on some numbers",
        "delivered 0123456789 is +33123456789; delivered 00123456789 is +33123456789; dialled 00123456789 is +33123456789",
        "directory numbers: 1xxx is +33123401xxx, 2xxx is never E.164",
        "numbers at Berlin (device pools DP-BER): country code +49, outside access 0 on some numbers",
        "delivered 030123456 is not read; delivered 0030123456 is +4930123456",
    ] {
        assert!(told.contains(expected), "{expected} is missing in\n{told}");
    }
    assert_eq!(NumberPlan::default().explain().len(), 1);
}

#[test]
fn an_answer_that_is_remembered_is_the_same() {
    let plan = plan(EXTENSIONS);
    for _ in 0..3 {
        assert_eq!((read(&plan, "1042", Internal), read(&plan, "1042", Outside)), ("+33123401042".into(), "-".into()));
    }
}
