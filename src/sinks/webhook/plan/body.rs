//! What a request says of its event: the CloudEvent itself, its data with the rest as headers, several of them, or what a template makes.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::error::{PlanError, PlanFault};
use super::presets::{self, Preset};
use super::template::{Context, Template};
use crate::journal::Entry;
use crate::sinks::webhook::config::{BodyConfig, Mode};

/// What a request says of its event.
#[derive(Debug)]
pub enum Body {
    /// The CloudEvent.
    Structured,
    /// Its data, with the rest as headers: CloudEvents' HTTP binding, section 3.1.
    Binary,
    /// Several CloudEvents.
    Batch,
    /// What a template makes, and its media type.
    Template(Box<Template>, HeaderValue),
}

impl Body {
    /// What the configuration says; what is wrong with it is added to `problems`.
    pub fn new(config: &BodyConfig, problems: &mut Vec<PlanError>) -> Option<Self> {
        let given = [("body.preset", !config.preset.is_empty()), ("body.template", !config.template.is_empty())];
        let given = given.into_iter().chain([("body.template_file", config.template_file.is_some())]);
        let given: Vec<&'static str> = given.filter(|(_, is)| *is).map(|(place, _)| place).collect();
        let fixed = match config.mode {
            Mode::Structured => Self::Structured,
            Mode::Binary => Self::Binary,
            Mode::Batch => Self::Batch,
            Mode::Template => {
                return match given.as_slice() {
                    [_] => template(config).map_err(|problem| problems.push(problem)).ok(),
                    [] => {
                        let problem = "a template is missing: give body.preset, body.template or body.template_file".into();
                        problems.push(PlanError::Body { place: "body.mode", problem });
                        None
                    }
                    [_, second, ..] => {
                        let problem = "there is a template already: give one of body.preset, body.template and body.template_file".into();
                        problems.push(PlanError::Body { place: second, problem });
                        None
                    }
                };
            }
        };
        let given = given.into_iter().chain(Some("body.content_type").filter(|_| !config.content_type.is_empty()));
        problems
            .extend(given.map(|place| PlanError::Body { place, problem: "is for templates: give body.mode = \"template\" too".into() }));
        Some(fixed)
    }

    /// Whether it has several events in it.
    pub fn is_batch(&self) -> bool {
        matches!(self, Self::Batch)
    }

    /// Whether it needs to know what is in the event.
    pub fn is_templated(&self) -> bool {
        matches!(self, Self::Template(..))
    }

    /// Its media type.
    pub fn media_type(&self) -> HeaderValue {
        match self {
            Self::Batch => HeaderValue::from_static("application/cloudevents-batch+json"),
            Self::Structured => HeaderValue::from_static("application/cloudevents+json"),
            Self::Binary => HeaderValue::from_static("application/json"),
            Self::Template(_, media_type) => media_type.clone(),
        }
    }

    /// The body for these events; headers that say something of them are added to `headers`.
    ///
    /// # Errors
    /// When a template fails or makes nothing, or what is there is no event.
    pub fn of(&self, entries: &[impl Borrow<Entry>], context: Option<&Context>, headers: &mut HeaderMap) -> Result<Bytes, PlanFault> {
        match (self, entries) {
            (Self::Batch, [_, ..]) => Ok(batch(entries)),
            (Self::Structured, [entry]) => Ok(entry.borrow().event.clone()),
            (Self::Binary, [entry]) => binary(entry.borrow(), headers),
            (Self::Template(template, _), [_]) => {
                let made = context.map_or_else(|| Ok(String::new()), |context| template.render(context))?;
                let made = made.trim();
                if made.is_empty() {
                    return Err(PlanFault::Nothing);
                }
                Ok(Bytes::copy_from_slice(made.as_bytes()))
            }
            (_, entries) => Err(PlanFault::Count(entries.len())),
        }
    }
}

fn batch(entries: &[impl Borrow<Entry>]) -> Bytes {
    let entries = || entries.iter().map(Borrow::borrow);
    let mut body = Vec::with_capacity(entries().map(|entry| entry.event.len() + 1).sum::<usize>() + 2);
    body.push(b'[');
    for (at, entry) in entries().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&entry.event);
    }
    body.push(b']');
    body.into()
}

/// `data` is the last member of our events, and its name can stand in no text before it, for a quote in a text is escaped.
fn binary(entry: &Entry, headers: &mut HeaderMap) -> Result<Bytes, PlanFault> {
    const DATA: &[u8] = b",\"data\":";
    let damaged = || PlanFault::Event(super::id(entry));
    let event = &entry.event;
    let at = memchr::memmem::find(event, DATA).ok_or_else(damaged)?;
    let envelope = [event.get(..at).unwrap_or_default(), b"}"].concat();
    let envelope: BTreeMap<&str, Cow<'_, str>> = serde_json::from_slice(&envelope).map_err(|_| damaged())?;
    for (name, value) in envelope {
        if name == "datacontenttype" {
            continue;
        }
        let name = HeaderName::try_from(format!("ce-{name}")).map_err(|_| damaged())?;
        headers.insert(name, HeaderValue::from_str(&header_text(&value)).map_err(|_| damaged())?);
    }
    let (from, until) = (at + DATA.len(), event.len().saturating_sub(1));
    if from >= until {
        return Err(damaged());
    }
    Ok(event.slice(from..until))
}

/// A value as CloudEvents' HTTP binding wants it in a header, section 3.1.3.2: all but visible ASCII, and quotes and percent signs, is encoded.
fn header_text(value: &str) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'"' && byte != b'%';
    if value.bytes().all(plain) {
        return value.into();
    }
    let mut encoded = String::with_capacity(value.len() + 8);
    for letter in value.chars() {
        if u8::try_from(letter).is_ok_and(plain) {
            encoded.push(letter);
        } else {
            encoded.push_str(&super::written::percent_encoded(letter.encode_utf8(&mut [0; 4])));
        }
    }
    encoded.into()
}

fn template(config: &BodyConfig) -> Result<Body, PlanError> {
    let preset = if config.preset.is_empty() { None } else { Some(preset(&config.preset)?) };
    let (name, source) = match (&config.template_file, preset) {
        (_, Some(preset)) => (preset.name.to_owned(), Cow::Borrowed(preset.template)),
        (Some(path), None) => {
            let source = fs::read_to_string(path).map_err(|source| PlanError::File { path: path.clone(), source })?;
            (path.display().to_string(), Cow::Owned(source))
        }
        (None, None) => ("body.template".to_owned(), Cow::Borrowed(config.template.as_str())),
    };
    let media_type = match (config.content_type.as_str(), preset) {
        ("", Some(preset)) => preset.content_type,
        ("", None) => "application/json",
        (given, _) => given,
    };
    let value = HeaderValue::from_str(media_type).ok().filter(|_| media_type.contains('/'));
    let value = value.ok_or_else(|| PlanError::Body {
        place: "body.content_type",
        problem: format!("{media_type:?} is no media type: give one as \"application/json\""),
    })?;
    Ok(Body::Template(Box::new(Template::text(&name, &source)?), value))
}

fn preset(name: &str) -> Result<&'static Preset, PlanError> {
    presets::named(name).ok_or_else(|| PlanError::Body {
        place: "body.preset",
        problem: format!("there is no ready template {name:?}: there is {}", presets::names()),
    })
}
