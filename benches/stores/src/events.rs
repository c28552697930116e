//! Events as the gateway writes them: those of docs/events.md with everything in them that varies varied, so that a store which
//! compresses is judged on what there is to compress.

const EXAMPLES: &str = include_str!("../../../docs/events.md");
const FIRST: [&str; 16] =
    ["Bob", "Zoë", "Anna", "Jürgen", "Mary", "Ahmed", "Li", "Olga", "Pedro", "Ines", "Tom", "Kai", "Eva", "Noah", "Ida", "Max"];
const LAST: [&str; 16] = [
    "Smith", "Müller", "Schmidt", "Jones", "Garcia", "Ivanova", "Chen", "Okafor", "Rossi", "Dubois", "Novák", "Hansen", "Kowalski",
    "Weber", "Brown", "Silva",
];

/// That many events of calls, one after the other.
pub fn pool(count: usize) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut examples: Vec<String> = EXAMPLES.split("```json\n").skip(1).filter_map(|part| part.split("```").next()).map(compact).collect();
    // Those of calls and legs make up nearly all that is told.
    examples.retain(|json| json.len() > 600);
    assert!(examples.len() > 10);
    (0..count).map(|i| vary(&examples[random.usize(..examples.len())], i as u64, &mut random).into_bytes()).collect()
}

/// Without the spaces and lines of the page, members in their order.
fn compact(json: &str) -> String {
    let (mut out, mut quoted) = (String::new(), false);
    for (i, c) in json.char_indices() {
        if c == '"' && !json[..i].ends_with('\\') {
            quoted = !quoted;
        }
        if quoted || !c.is_whitespace() {
            out.push(c);
        }
    }
    out
}

fn vary(json: &str, n: u64, random: &mut fastrand::Rng) -> String {
    let digits = |n: usize, random: &mut fastrand::Rng| -> String { (0..n).map(|_| random.digit(10)).collect() };
    let hex = |n: usize, random: &mut fastrand::Rng| -> String { (0..n).map(|_| random.digit(16)).collect() };
    let name = |random: &mut fastrand::Rng| format!("{} {}", FIRST[random.usize(..16)], LAST[random.usize(..16)]);
    let call = format!("01a2{}-{}-7{}-a{}-{}", hex(4, random), hex(4, random), hex(3, random), hex(3, random), hex(12, random));
    let (device, far, own) = (format!("SEP{}", hex(12, random).to_uppercase()), digits(10, random), digits(4, random));
    let (mine, theirs) = (name(random), name(random));
    let time =
        format!("2026-11-{:02}T{:02}:{:02}:{:02}.{:06}Z", 1 + n / 90_000 % 28, n / 3600 % 24, n / 60 % 60, n % 60, random.u32(..1_000_000));
    let swaps = [
        ("1795421700-", format!("1795421700-{}", 4_000_000 + n)),
        ("SEP000000000001", device),
        ("+33123401000", format!("+33{}", &far[1..])),
        ("0123401000", far.clone()),
        ("\"2000\"", format!("\"{own}\"")),
        ("/2000", format!("/{own}")),
        ("bsmith", format!("user{own}")),
        ("Bob Smith", mine),
        ("Zoë Müller", theirs),
        ("1/50", format!("1/{}", digits(6, random))),
        ("1/90", format!("1/{}", digits(5, random))),
        ("0000000000000000", format!("0000000000{:06}", n)),
    ];
    let mut out = json.to_owned();
    for (from, to) in &swaps {
        out = out.replace(from, to);
    }
    replace_all(&mut out, "2026-11-23T", time.len(), &time);
    replace_all(&mut out, "01a207", call.len(), &call);
    out
}

/// Puts `to` in place of all that begins like this and is so long.
fn replace_all(text: &mut String, begin: &str, length: usize, to: &str) {
    let places: Vec<usize> = text.match_indices(begin).map(|(at, _)| at).collect();
    for at in places {
        text.replace_range(at..at + length, to);
    }
}
