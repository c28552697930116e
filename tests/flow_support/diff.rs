//! Two texts, line beside line.

/// What differs between two texts: lines of `expected` with `-`, of `told` with `+`, and what both have around them. Empty when nothing does.
pub fn diff(expected: &str, told: &str) -> String {
    if expected == told {
        return String::new();
    }
    let (expected, told): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), told.lines().collect());
    let common = longest_common(&expected, &told);
    let (mut left, mut right, mut out) = (0, 0, String::new());
    while left < expected.len() || right < told.len() {
        let (mark, line) = if left < expected.len() && right < told.len() && expected[left] == told[right] {
            (left, right) = (left + 1, right + 1);
            (' ', expected[left - 1])
        } else if right >= told.len() || left < expected.len() && common[left + 1][right] >= common[left][right + 1] {
            left += 1;
            ('-', expected[left - 1])
        } else {
            right += 1;
            ('+', told[right - 1])
        };
        out.push_str(&format!("    {mark} {line}\n"));
    }
    out
}

/// For every pair of places, how many lines both have in common from there on.
fn longest_common(a: &[&str], b: &[&str]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    common
}

#[test]
fn lines_that_differ_stand_between_those_that_do_not() {
    assert_eq!(diff("a\nb\nc\n", "a\nx\nc\n"), "      a\n    - b\n    + x\n      c\n");
    assert_eq!(diff("a\n", "a\n"), "");
}
