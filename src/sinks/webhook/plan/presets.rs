//! Ready templates: what some products expect.

use std::time::Duration;

/// A ready template, and what goes well with it.
#[derive(Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// The template.
    pub template: &'static str,
    /// The media type of what it makes.
    pub content_type: &'static str,
    /// The types of events that it has something to say of.
    pub types: &'static [&'static str],
    /// How long an event is worth delivering, whatever its type; none when each type has a time of its own.
    pub deadline: Option<Duration>,
    /// What the product answers to what it will never take, besides the statuses of the configuration.
    pub dead_statuses: &'static [u16],
}

const FORM: &str = "application/x-www-form-urlencoded";

static ALL: [Preset; 2] = [
    // The fields are those of docs.zammad.org, "Generic CTI" (newCall, answer and hangup; form-data), read in November 2026. What the documentation
    // leaves open was read in Zammad's source (app/models/cti/log.rb, app/models/cti/driver/base.rb):
    // - A second newCall of a call, and answer or hangup of a call that it does not know, are errors: status 500, however often it is tried.
    // - `user` of an answer is looked up as a login and has to be one text; `user[]` is for newCall. In outbound calls it would stand as the called party.
    // - It logs when a request came, not when the call was: after an hour that is of no use.
    Preset {
        name: "zammad",
        template: include_str!("presets/zammad.j2"),
        content_type: FORM,
        types: &["call.started", "call.answered", "call.merged", "call.ended", "leg.ringback", "leg.connected", "leg.disconnected"],
        deadline: Some(Duration::from_secs(3600)),
        dead_statuses: &[500],
    },
    Preset {
        name: "form",
        template: include_str!("presets/form.j2"),
        content_type: FORM,
        types: &["call.*", "pop.*"],
        deadline: None,
        dead_statuses: &[],
    },
];

/// The ready template of this name.
pub fn named(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

/// The names of all, for people.
pub fn names() -> String {
    ALL.iter().map(|preset| format!("{:?}", preset.name)).collect::<Vec<_>>().join(", ")
}
