//! Whether an event can have what a template asks for: a misspelled name is told when the template is checked.

use crate::schemas::{ENVELOPE, Object, SCHEMAS, Shape};

static DATA: &[Object] = &SCHEMAS;
static EVENT: &Object = &ENVELOPE;

/// What is wrong with a path such as `data.remote.number`; none when events may have it.
pub fn problem(path: &str) -> Option<String> {
    let mut names = path.split('.').peekable();
    // All of the event has the same members as there are variables.
    if names.peek() == Some(&"event") {
        names.next();
    }
    let mut objects = vec![EVENT];
    let mut so_far = String::new();
    for name in names {
        let shapes: Vec<Shape> = members(&objects).filter(|(known, _)| *known == name).map(|(_, shape)| shape).collect();
        if shapes.is_empty() {
            return Some(unknown(&so_far, name, &objects));
        }
        if !so_far.is_empty() {
            so_far.push('.');
        }
        so_far.push_str(name);
        if shapes.iter().any(|shape| matches!(shape, Shape::List(_))) {
            // Its items are reached by their places.
            return None;
        }
        objects = shapes.iter().flat_map(|shape| objects_of(*shape)).collect();
    }
    None
}

fn members(objects: &[&'static Object]) -> impl Iterator<Item = (&'static str, Shape)> {
    objects.iter().flat_map(|object| object.members.iter().map(|member| (member.name, member.shape)))
}

fn objects_of(shape: Shape) -> Vec<&'static Object> {
    match shape {
        Shape::Object(object) => vec![object],
        Shape::Data => DATA.iter().collect(),
        Shape::OrNull(of) => objects_of(*of),
        _ => Vec::new(),
    }
}

fn unknown(so_far: &str, name: &str, objects: &[&'static Object]) -> String {
    let owner = if so_far.is_empty() { "events".to_owned() } else { format!("the {so_far} of events") };
    let known = members(objects).map(|(known, _)| known).min_by_key(|known| strsim::damerau_levenshtein(name, known));
    match known {
        Some(nearest) => format!("{owner} never have {name:?}; did you mean {nearest:?}? docs/events.md has all members"),
        None => format!("{owner} have no members: {name:?} is never there; docs/events.md has what there is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_any_event_may_have_is_a_name() {
        for path in ["id", "type", "data.remote.number", "event.data.calling.e164", "data.lines", "data.transfer.by.name", "event"] {
            assert_eq!(problem(path), None, "{path}");
        }
    }

    #[test]
    fn a_misspelled_name_is_told_with_the_nearest() {
        assert!(
            problem("data.remote.nubmer").unwrap().contains("the data.remote of events never have \"nubmer\"; did you mean \"number\"?")
        );
        assert!(problem("dta").unwrap().contains("did you mean \"data\"?"));
        assert!(problem("type.short").unwrap().contains("no members"));
    }
}
