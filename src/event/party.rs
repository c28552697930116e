//! Who takes part in a leg. Their JSON is made when they change and copied into every event in between.

use super::json::push_string;
use super::words::words;

words! {
    /// Whether a party lets its number or name be shown.
    #[derive(Default)]
    Presentation {
        /// There is none to show. An empty party is not a withheld one.
        #[default]
        Unavailable "unavailable",
        /// It may be shown.
        Allowed "allowed",
        /// The party withholds it.
        Restricted "restricted",
    }
}

/// One party of a call. A withheld number or name is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The number as presented.
    pub number: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The number in E.164 form, where the cluster gives it.
    pub e164: Option<String>,
    /// Whether the number may be shown.
    pub presentation: Presentation,
    /// Whether the name may be shown.
    pub name_presentation: Presentation,
}

impl Party {
    /// Whether nothing is known of the party, not even that it withholds something.
    pub fn is_unknown(&self) -> bool {
        self.presentation == Presentation::Unavailable && self.name_presentation == Presentation::Unavailable
    }
}

/// The parties of a leg as its line sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    calling: Party,
    called: Party,
    original_called: Party,
    last_redirecting: Party,
    /// The party to look up: the one at the other end.
    remote: Party,
    /// `"calling":…,"called":…,"original_called":…,"last_redirecting":…,"remote":…`
    json: String,
}

impl Parties {
    /// The parties, with their JSON.
    pub fn new(calling: Party, called: Party, original_called: Party, last_redirecting: Party, remote: Party) -> Self {
        let mut json = Vec::with_capacity(384);
        let named: [(&[u8], &Party); 5] = [
            (b"\"calling\":", &calling),
            (b",\"called\":", &called),
            (b",\"original_called\":", &original_called),
            (b",\"last_redirecting\":", &last_redirecting),
            (b",\"remote\":", &remote),
        ];
        for (name, party) in named {
            json.extend_from_slice(name);
            push_party(&mut json, party);
        }
        let json = String::from_utf8(json).unwrap_or_default();
        Self { calling, called, original_called, last_redirecting, remote, json }
    }

    /// The same parties with another one at the far end.
    pub fn with_remote(&self, remote: Party) -> Self {
        let Self { calling, called, original_called, last_redirecting, .. } = self.clone();
        Self::new(calling, called, original_called, last_redirecting, remote)
    }

    /// Who called.
    pub fn calling(&self) -> &Party {
        &self.calling
    }

    /// Who is called now.
    pub fn called(&self) -> &Party {
        &self.called
    }

    /// Who was called first, before any diversion.
    pub fn original_called(&self) -> &Party {
        &self.original_called
    }

    /// Who diverted the call last.
    pub fn last_redirecting(&self) -> &Party {
        &self.last_redirecting
    }

    /// The party at the other end: the one that a screen-pop looks up.
    pub fn remote(&self) -> &Party {
        &self.remote
    }

    /// The members `calling` to `remote` in an event's data.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// A party, or `null` when nothing is known of it.
pub(super) fn push_party(json: &mut Vec<u8>, party: &Party) {
    if party.is_unknown() {
        json.extend_from_slice(b"null");
        return;
    }
    json.extend_from_slice(b"{\"number\":");
    push_optional(json, party.number.as_deref());
    json.extend_from_slice(b",\"name\":");
    push_optional(json, party.name.as_deref());
    if let Some(e164) = &party.e164 {
        json.extend_from_slice(b",\"e164\":");
        push_string(json, e164);
    }
    json.extend_from_slice(b",\"presentation\":");
    push_string(json, party.presentation.as_str());
    json.extend_from_slice(b",\"name_presentation\":");
    push_string(json, party.name_presentation.as_str());
    json.push(b'}');
}

fn push_optional(json: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(json, text),
        None => json.extend_from_slice(b"null"),
    }
}
