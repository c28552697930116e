//! Every dependency in the lock file has a licence that `licences.allow` allows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

use std::process::Command;

use serde_json::Value as Json;

/// A licence, and the one crate that may have it when not all may.
type Allowed<'a> = (&'a str, Option<&'a str>);

/// The lines of `licences.allow`: a licence, maybe with an exception (`WITH`), maybe with a crate.
fn allowed(text: &str) -> Vec<Allowed<'_>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty());
    let parsed = lines.map(|line| match line.rsplit_once(' ') {
        Some((licence, name)) if !licence.ends_with(" WITH") => (licence, Some(name)),
        _ => (line, None),
    });
    parsed.collect()
}

/// An SPDX expression being read: `AND` binds closer than `OR`, for which old crates write `/`.
struct Expression<'e, F> {
    words: std::iter::Peekable<std::vec::IntoIter<&'e str>>,
    allows: F,
}

impl<F: Fn(&str) -> bool> Expression<'_, F> {
    fn either(&mut self) -> bool {
        let mut allowed = self.both();
        while self.words.next_if(|word| matches!(*word, "OR" | "/")).is_some() {
            allowed |= self.both();
        }
        allowed
    }

    fn both(&mut self) -> bool {
        let mut allowed = self.one();
        while self.words.next_if_eq(&"AND").is_some() {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        match self.words.next() {
            Some("(") => {
                let allowed = self.either();
                self.words.next() == Some(")") && allowed
            }
            Some(licence) if self.words.next_if_eq(&"WITH").is_some() => {
                let exception = self.words.next().unwrap_or_default();
                (self.allows)(&format!("{licence} WITH {exception}"))
            }
            Some(licence) => (self.allows)(licence),
            None => false,
        }
    }
}

fn is_allowed(expression: &str, allows: impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " / ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut expression = Expression { words: words.into_iter().peekable(), allows };
    // What is left over was not understood, and is not allowed.
    expression.either() && expression.words.next().is_none()
}

/// The packages of `cargo metadata` whose licence is not allowed, each as a line.
fn refused(metadata: &Json, allowed: &[Allowed<'_>]) -> Vec<String> {
    let mut refused = Vec::new();
    // What has no source is ours.
    for package in metadata["packages"].as_array().unwrap().iter().filter(|package| !package["source"].is_null()) {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        let licence = package["license"].as_str().unwrap_or("no licence in its Cargo.toml");
        let allows = |licence: &str| allowed.iter().any(|(known, only)| *known == licence && only.is_none_or(|only| only == name));
        if !is_allowed(licence, allows) {
            refused.push(format!("{name} {version}: {licence}"));
        }
    }
    refused
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version", "1", "--locked"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let refused = refused(&metadata, &allowed(include_str!("../licences.allow")));
    assert!(refused.is_empty(), "licences that licences.allow does not allow:\n{}", refused.join("\n"));
}

#[test]
fn a_dependency_that_is_refused_is_named_with_its_version_and_licence() {
    let package = |name, licence| serde_json::json!({"name": name, "version": "1.2.3", "license": licence, "source": "a registry"});
    let packages = [package("good", Some("MIT")), package("bad", Some("GPL-3.0")), package("silent", None)];
    let refused = refused(&serde_json::json!({"packages": packages}), &[("MIT", None)]);
    assert_eq!(refused, ["bad 1.2.3: GPL-3.0", "silent 1.2.3: no licence in its Cargo.toml"]);
}

#[test]
fn a_licence_for_one_crate_is_not_for_others() {
    let package = |name| serde_json::json!({"name": name, "version": "1.0.0", "license": "MPL-2.0", "source": "a registry"});
    let metadata = serde_json::json!({"packages": [package("one"), package("other")]});
    assert_eq!(refused(&metadata, &allowed("MPL-2.0 one # why")), ["other 1.0.0: MPL-2.0"]);
}

#[test]
fn of_a_choice_one_must_be_allowed_and_of_a_sum_all() {
    let ours = |licence: &str| matches!(licence, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception");
    for good in
        ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "ISC AND (MIT OR GPL-3.0)", "Apache-2.0 WITH LLVM-exception", "GPL-3.0 OR MIT AND ISC"]
    {
        assert!(is_allowed(good, ours), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT ISC", "Apache-2.0", "(MIT OR ISC) AND GPL-3.0"] {
        assert!(!is_allowed(bad, ours), "{bad}");
    }
}

#[test]
fn a_licence_with_an_exception_is_no_licence_for_one_crate() {
    assert_eq!(allowed("# all\nMIT\n\nA WITH B\nA WITH B crate"), [("MIT", None), ("A WITH B", None), ("A WITH B", Some("crate"))]);
}
