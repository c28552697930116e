//! Which events mention a person: what `callcast erase` and the admin endpoint remove from the log.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::keys::USER;
use crate::journal::{Entry, Matcher};

/// Numbers, users and names of whom nothing is to be kept. An event that has any of them goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// As events have them: `0123401000`, and `+33123401000` for their E.164 form.
    pub numbers: Vec<String>,
    /// Ids of users: events of their devices, and those that name them.
    pub users: Vec<String>,
    /// Display names of parties, as events have them.
    pub names: Vec<String>,
}

impl Person {
    /// Nothing is to be removed.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.users.is_empty() && self.names.is_empty()
    }

    /// Whether any of them can be in these bytes, which is quicker than reading them as JSON.
    fn may_be_in(&self, bytes: &[u8]) -> bool {
        [&self.numbers, &self.users, &self.names].into_iter().flatten().any(|text| {
            // JSON may write it in other ways: then it has to be read.
            let plain =
                !text.is_empty() && text.bytes().all(|b| b.is_ascii() && !b.is_ascii_control() && !matches!(b, b'"' | b'\\' | b'/'));
            !plain || bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }

    fn is_in(&self, key: &str, value: &Value, parent: &Map<String, Value>, parent_key: &str) -> bool {
        match value {
            Value::String(text) => self.is(key, text, parent, parent_key),
            Value::Array(values) => values.iter().any(|value| self.is_in(key, value, parent, parent_key)),
            Value::Object(members) => members.iter().any(|(inner, value)| self.is_in(inner, value, members, key)),
            _ => false,
        }
    }

    fn is(&self, key: &str, text: &str, parent: &Map<String, Value>, parent_key: &str) -> bool {
        let among = |texts: &[String]| texts.iter().any(|wanted| wanted == text);
        let is_user = key == "login_user" || (key == "id" && parent_key == "user");
        // A device has a name too.
        let is_party = key == "name" && ["number", "presentation", "name_presentation"].iter().any(|member| parent.contains_key(*member));
        among(&self.numbers) || (is_user && among(&self.users)) || (is_party && among(&self.names))
    }
}

impl Matcher for Person {
    fn matches(&self, entry: &Entry) -> bool {
        if self.users.iter().any(|user| entry.keys.has(USER, user.as_bytes())) {
            return true;
        }
        if !self.may_be_in(&entry.event) {
            return false;
        }
        match serde_json::from_slice::<Value>(&entry.event) {
            Ok(event) => self.is_in("", &event, &Map::new(), ""),
            // What we wrote is JSON. Were it not, it would be safer gone.
            Err(_) => true,
        }
    }

    fn mentioned_in(&self, checkpoint: &[u8]) -> bool {
        let texts = [&self.numbers, &self.users, &self.names].into_iter().flatten().filter(|text| !text.is_empty());
        texts.into_iter().any(|text| checkpoint.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Keys;
    use crate::time::Timestamp;

    const EVENT: &str = r#"{"id":"1-2","subject":"SEP1/2000","data":{"device":{"name":"SEP1","kind":"phone"},"user":{"id":"bsmith"},
        "line":{"dn":"2000"},"calling":{"number":"0123401000","e164":"+33123401000","name":"Zo\u00eb \"Z\" M\u00fcller","presentation":"allowed"},
        "called":{"number":"2000","name":"Bob Smith"},"parties":[{"number":"77","name":"SEP2"}]}}"#;

    fn matches(person: &Person) -> bool {
        let mut keys = Keys::default();
        keys.push(USER, "asmith");
        let event = EVENT.into();
        person.matches(&Entry { epoch: 1, sequence: 2, time: Timestamp(3), keys, event })
    }

    fn number(text: &str) -> Person {
        Person { numbers: vec![text.into()], ..Person::default() }
    }

    fn user(text: &str) -> Person {
        Person { users: vec![text.into()], ..Person::default() }
    }

    fn name(text: &str) -> Person {
        Person { names: vec![text.into()], ..Person::default() }
    }

    #[test]
    fn a_number_is_found_wherever_it_stands_alone() {
        for found in ["0123401000", "+33123401000", "2000", "77"] {
            assert!(matches(&number(found)), "{found}");
        }
        for other in ["012340100", "123401000", "200", "1000"] {
            assert!(!matches(&number(other)), "{other}");
        }
    }

    #[test]
    fn a_user_is_found_by_the_stamp_and_where_an_event_names_it() {
        assert!(matches(&user("asmith")) && matches(&user("bsmith")));
        assert!(!matches(&user("smith")) && !matches(&user("2000")), "a number is no user");
    }

    #[test]
    fn a_name_is_that_of_a_party_however_json_writes_it() {
        assert!(matches(&name("Zoë \"Z\" Müller")) && matches(&name("Bob Smith")) && matches(&name("SEP2")));
        assert!(!matches(&name("SEP1")), "a device is no party");
        assert!(!matches(&name("Bob")));
    }

    #[test]
    fn a_checkpoint_goes_when_it_has_any_of_the_texts() {
        assert!(number("0123401000").mentioned_in(b"\x01\x00\x000123401000"));
        assert!(!number("0123401000").mentioned_in(b"012340100"));
        assert!(!Person::default().mentioned_in(b"anything"));
    }
}
