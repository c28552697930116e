//! Ready templates: what some products expect.

/// A ready template.
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
}

static ALL: [Preset; 0] = [];

/// The ready template of this name.
pub fn named(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

/// The names of all, for people.
pub fn names() -> String {
    ALL.iter().map(|preset| format!("{:?}", preset.name)).collect::<Vec<_>>().join(", ")
}
