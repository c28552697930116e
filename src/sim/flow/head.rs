//! The first part of a flow file: what it rests on, who is watched.

use super::error::{FlowFault, Hint};
use super::words::Word;
use super::{Basis, Phone, Place};
use crate::sim::config::{PARTITION, phone_name};

const PHONE: &str = "`phone LABEL DN [\"Display name\"] [user=NAME] [partition=NAME] [login=NAME]`";
const LINE: &str = "`line LABEL DN on PHONE [\"Display name\"] [partition=NAME]`";
const BASIS: &str = "`basis documented` or `basis constructed`";
const ACCOUNT: &str = "`account locked`";
const STATEMENTS: [&str; 5] = ["basis", "phone", "line", "account", "messages"];

/// What the first part says.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub basis: Option<Basis>,
    pub locked: bool,
    pub phones: Vec<Phone>,
    pub places: Vec<Place>,
}

impl Head {
    /// Takes a line of it.
    pub fn take(&mut self, words: &[Word]) -> Result<(), FlowFault> {
        let texts: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
        match texts.as_slice() {
            ["basis", basis] => {
                if self.basis.is_some() {
                    return Err(FlowFault::Twice("basis".into()));
                }
                self.basis = Some(match *basis {
                    "documented" => Basis::Documented,
                    "constructed" => Basis::Constructed,
                    _ => return Err(FlowFault::Usage(BASIS)),
                });
            }
            ["basis", ..] => return Err(FlowFault::Usage(BASIS)),
            ["account", "locked"] => self.locked = true,
            ["account", ..] => return Err(FlowFault::Usage(ACCOUNT)),
            ["phone", label, dn, ..] => self.phone(label, dn, words.get(3..).unwrap_or_default())?,
            ["phone", ..] => return Err(FlowFault::Usage(PHONE)),
            ["line", label, dn, "on", phone, ..] => self.line(label, dn, phone, words.get(5..).unwrap_or_default())?,
            ["line", ..] => return Err(FlowFault::Usage(LINE)),
            [word, ..] => {
                let hint = Hint::nearest(word, STATEMENTS.into_iter());
                return Err(FlowFault::Statement { word: (*word).into(), hint });
            }
            [] => {}
        }
        Ok(())
    }

    fn phone(&mut self, label: &str, dn: &str, rest: &[Word]) -> Result<(), FlowFault> {
        self.check_label(label)?;
        let mut options = Options::read(rest, PHONE, &["user", "partition", "login"])?;
        let number = u32::try_from(self.phones.len()).unwrap_or(u32::MAX).saturating_add(1);
        let phone = Phone {
            device: phone_name(number),
            user: options.take("user").unwrap_or_else(|| label.to_lowercase()),
            login: options.take("login"),
        };
        self.places.push(options.place(label, dn, self.phones.len()));
        self.phones.push(phone);
        Ok(())
    }

    fn line(&mut self, label: &str, dn: &str, phone: &str, rest: &[Word]) -> Result<(), FlowFault> {
        self.check_label(label)?;
        let options = Options::read(rest, LINE, &["partition"])?;
        let phone = self.place(phone)?.phone;
        self.places.push(options.place(label, dn, phone));
        Ok(())
    }

    fn check_label(&self, label: &str) -> Result<(), FlowFault> {
        if label.is_empty() || label.contains(['=', '"']) || label == super::PROVIDER {
            return Err(FlowFault::Label(label.into()));
        }
        if self.places.iter().any(|p| p.label == label) {
            return Err(FlowFault::Twice(label.into()));
        }
        Ok(())
    }

    /// The line of a label.
    pub fn place(&self, label: &str) -> Result<&Place, FlowFault> {
        self.places.iter().find(|p| p.label == label).ok_or_else(|| self.unknown(label))
    }

    /// What to say of a label that there is not.
    pub fn unknown(&self, label: &str) -> FlowFault {
        let labels = || self.places.iter().map(|p| p.label.as_str()).chain([super::PROVIDER]);
        FlowFault::UnknownLabel {
            label: label.into(),
            known: labels().collect::<Vec<_>>().join(", "),
            hint: Hint::nearest(label, labels()),
        }
    }
}

/// What may follow on the line of a phone or line.
#[derive(Default)]
struct Options {
    display: String,
    given: Vec<(&'static str, String)>,
}

impl Options {
    fn read(words: &[Word], usage: &'static str, known: &[&'static str]) -> Result<Self, FlowFault> {
        let mut options = Self::default();
        for word in words {
            if word.quoted {
                options.display.clone_from(&word.text);
                continue;
            }
            let (name, value) = word.text.split_once('=').ok_or(FlowFault::Usage(usage))?;
            let Some(name) = known.iter().find(|k| **k == name) else {
                let hint = Hint::nearest(name, known.iter().copied());
                return Err(FlowFault::Option { option: name.into(), known: usage, hint });
            };
            options.given.push((*name, value.to_owned()));
        }
        Ok(options)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.given.iter().position(|(n, _)| *n == name).map(|at| self.given.swap_remove(at).1)
    }

    fn place(mut self, label: &str, dn: &str, phone: usize) -> Place {
        let partition = self.take("partition").unwrap_or_else(|| PARTITION.to_owned());
        Place { label: label.into(), phone, dn: dn.into(), partition, display: self.display }
    }
}
