//! Templates: minijinja, without files or anything else of the machine, and with limits on work and on what they make.
//!
//! What an event does not have is empty, however deep a template asks for it, and so is `null`: nearly every member of a party may be
//! missing in some call, and a template that fails of it would lose that call. A misspelled name is found when the template is checked
//! instead (`names`).
//!
//! In a URL every value is percent-encoded where it stands, whatever it is and wherever it comes from, so that nothing in an event can end
//! a path segment, a parameter or the path.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use serde_json::Value as Json;

use super::error::{PlanError, PlanFault};
use super::names;
use super::scan::{self, Kind};
use super::written::{self, Bounded, DEPTH, OUTPUT, percent_encoded};

/// Work of one rendering, in minijinja's measure: about one for an instruction or 64 bytes. The ready templates take less than 2 % of it.
const FUEL: u64 = 50_000;
/// How long a template may be, in bytes.
pub const SOURCE: usize = 64 * 1024;
/// How deep templates and macros may be nested.
const RECURSION: usize = 64;

/// A template that was checked.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    name: String,
}

/// An event as templates see it: its members, and all of it as `event`.
#[derive(Debug)]
pub struct Context(Value);

impl Context {
    /// The context of an event in its CloudEvents form.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn new(event: &[u8]) -> Result<Self, serde_json::Error> {
        let event: std::collections::BTreeMap<String, Json> = serde_json::from_slice(event)?;
        let event: Vec<(String, Value)> = event.into_iter().map(|(name, member)| (name, seen(member))).collect();
        let whole = Value::from_pairs(event.iter().cloned());
        Ok(Self(Value::from_pairs(event.into_iter().chain([("event".to_owned(), whole)]))))
    }
}

/// A value of an event. `null` is as if it were missing: filters and `~` would make a word of it.
fn seen(json: Json) -> Value {
    match json {
        Json::Null => Value::UNDEFINED,
        Json::Array(items) => items.into_iter().map(seen).collect(),
        Json::Object(members) => Value::from_pairs(members.into_iter().map(|(name, member)| (name, seen(member)))),
        Json::String(text) => Value::from(text),
        Json::Bool(is) => Value::from(is),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => number.as_f64().map_or(Value::UNDEFINED, Value::from),
        },
    }
}

impl Template {
    /// Whether a text of the configuration is a template.
    pub fn is_one(text: &str) -> bool {
        text.contains("{{") || text.contains("{%")
    }

    /// A template of a text.
    ///
    /// # Errors
    /// When it has an error, or a name that no event has.
    pub fn text(name: &str, source: &str) -> Result<Self, PlanError> {
        let mut environment = environment();
        environment.set_formatter(|out, state, value| out.write_str(&written::text(state, value)?).map_err(|_| written::full()));
        Self::new(environment, name, source)
    }

    /// A template of a URL: every value is percent-encoded where it stands.
    ///
    /// # Errors
    /// When it has an error, or a name that no event has.
    pub fn url(name: &str, source: &str) -> Result<Self, PlanError> {
        let mut environment = environment();
        environment
            .set_formatter(|out, state, value| out.write_str(&percent_encoded(&written::text(state, value)?)).map_err(|_| written::full()));
        // What is encoded anyway is not encoded twice.
        environment.add_filter("urlencode", |value: Value| value);
        Self::new(environment, name, source)
    }

    /// An expression: what it makes is `1` when it holds, else nothing.
    ///
    /// # Errors
    /// When it has an error, or a name that no event has.
    pub fn expression(name: &str, source: &str) -> Result<Self, PlanError> {
        let environment = environment();
        // Alone first: so it is one whole expression whatever stands around it, and places are told as its author counts them.
        environment.compile_expression(source).map_err(|error| refused(&error, name, source))?;
        Self::text(name, &format!("{{%if({source}\n)%}}1{{%endif%}}")).map_err(|problem| match problem {
            PlanError::Template { name, line, column, problem } => {
                PlanError::Template { name, line, column: if line == 1 { column.saturating_sub("{%if(".len()) } else { column }, problem }
            }
            other => other,
        })
    }

    fn new(mut environment: Environment<'static>, name: &str, source: &str) -> Result<Self, PlanError> {
        if source.len() > SOURCE {
            let problem = format!("it is longer than {SOURCE} bytes: make it shorter");
            return Err(PlanError::Template { name: name.into(), line: 1, column: 1, problem });
        }
        environment.add_template_owned(name.to_owned(), source.to_owned()).map_err(|error| refused(&error, name, source))?;
        let asked = environment.get_template(name).map_err(|error| refused(&error, name, source))?.undeclared_variables(true);
        let words = scan::template(source);
        let refused = |at: usize, problem: String| {
            let (line, column) = place(source, at);
            Err(PlanError::Template { name: name.into(), line, column, problem })
        };
        for word in &words {
            let what = match word.kind {
                Kind::Filter => "filter",
                Kind::Test => "test",
                Kind::Path => continue,
            };
            if !has(&environment, what, word.text) {
                return refused(word.at, format!("there is no {what} {:?}; docs/webhooks.md says where all are described", word.text));
            }
        }
        let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
        let unknown = |path: &str| Some(path).filter(|path| !globals.contains(path)).and_then(names::problem);
        let place_of = |path: &str| {
            let is = |text: &str| text.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            words.iter().find(|word| word.kind == Kind::Path && is(word.text)).map_or(0, |word| word.at)
        };
        let unknown = asked.iter().filter_map(|path| unknown(path).map(|problem| (place_of(path), problem)));
        if let Some((at, problem)) = unknown.min() {
            return refused(at, problem);
        }
        Ok(Self { environment, name: name.into() })
    }

    /// The name that it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it makes of an event.
    ///
    /// # Errors
    /// When it fails, works too much or makes too much.
    pub fn render(&self, context: &Context) -> Result<String, PlanFault> {
        let template = self.environment.get_template(&self.name).map_err(|error| self.failed(&error, ""))?;
        let mut made = Bounded(Vec::new());
        match template.render_captured_to(context.0.clone(), &mut made) {
            Ok(_) => String::from_utf8(made.0).map_err(|_| PlanFault::Made { name: self.name.clone(), problem: "it made no UTF-8" }),
            Err(error) => Err(self.failed(&error, template.source())),
        }
    }

    /// Only the kind is told: the details may have something of the event.
    fn failed(&self, error: &Error, source: &str) -> PlanFault {
        let (line, column) = place_of(error, source);
        let problem = match error.kind() {
            ErrorKind::OutOfFuel => "it works too much for one event: make its loops smaller".to_owned(),
            ErrorKind::WriteFailure => format!("it makes more than {OUTPUT} bytes of one event: make it say less"),
            ErrorKind::BadSerialization => {
                format!("it has a value of which no JSON can be made, or one that is nested deeper than {DEPTH}")
            }
            kind => kind.to_string(),
        };
        PlanFault::Template { name: self.name.clone(), line, column, problem }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    // Places of errors are only known with it. It costs nothing as long as nothing fails.
    environment.set_debug(true);
    // It writes out all that there is.
    environment.remove_global("debug");
    // It makes values that have themselves in them, or are nested without end: what writes those out has no limit in the library.
    environment.remove_global("namespace");
    environment.add_filter("json", |state: &State<'_, '_>, value: Value| written::json(state, &value));
    environment.add_filter("form", |state: &State<'_, '_>, value: Value| written::form(state, &value));
    // What is `null` in an event is missing here.
    environment.add_test("none", |value: Value| value.is_none() || value.is_undefined());
    environment
}

/// Whether there is a filter or test of this name: there are tests for that.
fn has(environment: &Environment<'_>, what: &str, name: &str) -> bool {
    let expression = environment.compile_expression_owned(format!("name is {what}"));
    expression.and_then(|expression| expression.eval(Value::from_pairs([("name", name)]))).is_ok_and(|has| has.is_true())
}

fn refused(error: &Error, name: &str, source: &str) -> PlanError {
    let (line, column) = place_of(error, source);
    let problem = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    PlanError::Template { name: name.into(), line, column, problem }
}

fn place_of(error: &Error, source: &str) -> (usize, usize) {
    match error.range() {
        Some(range) => place(source, range.start),
        None => (error.line().unwrap_or(1), 1),
    }
}

/// Line and column of a byte, from 1.
fn place(source: &str, byte: usize) -> (usize, usize) {
    let before = source.get(..byte).unwrap_or(source);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context::new(
            r#"{"id":"1-2","type":"callcast.leg.alerting","data":{"call_id":"c","remote":{"number":"+49 89/1","name":"Zoë <&>\r\n"},"cause":null,
                "shared_with":["SEP1","SEP2"]}}"#
                .as_bytes(),
        )
        .unwrap()
    }

    fn made(source: &str) -> String {
        Template::text("body", source).unwrap().render(&context()).unwrap()
    }

    fn refused(source: &str) -> String {
        Template::text("body", source).err().unwrap().to_string()
    }

    #[test]
    fn members_are_variables_and_the_whole_is_event() {
        assert_eq!(made("{{ id }} {{ data.remote.number }} {{ event.type }}"), "1-2 +49 89/1 callcast.leg.alerting");
    }

    #[test]
    fn what_is_missing_or_null_is_empty() {
        assert_eq!(made("[{{ data.transfer.by.number }}{{ data.cause }}{{ data.cause.name or 'none' }}]"), "[none]");
    }

    #[test]
    fn what_is_no_text_is_written_as_json() {
        assert_eq!(
            made("{{ id == '1-2' }} {{ 1.5 }} {{ data.shared_with }} {{ {'a': false} }}"),
            r#"true 1.5 ["SEP1","SEP2"] {"a":false}"#
        );
    }

    #[test]
    fn json_is_json() {
        assert_eq!(made("{{ data.remote.name|json }}{{ data.cause|json }}"), "\"Zoë <&>\\r\\n\"null");
        let whole: serde_json::Value = serde_json::from_str(&made("{{ event|json }}")).unwrap();
        assert_eq!(whole["data"]["shared_with"][1], "SEP2");
    }

    #[test]
    fn a_form_has_a_field_for_every_value() {
        assert_eq!(
            made("{{ data|form }}&{{ {'user[]': 'Zoë & Co', 'none': none, 'n': 1}|form }}"),
            "call_id=c&remote_name=Zo%C3%AB%20%3C%26%3E%0D%0A&remote_number=%2B49%2089%2F1&shared_with_0=SEP1&shared_with_1=SEP2&n=1&user%5B%5D=Zo%C3%AB%20%26%20Co"
        );
    }

    #[test]
    fn an_error_is_refused_with_its_line_and_column() {
        assert!(
            refused("{\n  {{ id | nosuch }}\n}").starts_with("template body, line 2, column 11: there is no filter \"nosuch\""),
            "{}",
            refused("{\n  {{ id | nosuch }}\n}")
        );
        assert!(refused("é{% if %}").starts_with("template body, line 1, column 8: syntax error"), "{}", refused("é{% if %}"));
        assert!(refused("{% if id is nosuch %}{% endif %}").starts_with("template body, line 1, column 13: there is no test \"nosuch\""));
        assert!(refused("a\n {{ data.remote.nubmer }}").starts_with("template body, line 2, column 5: the data.remote of events"));
    }

    #[test]
    fn an_endless_loop_is_stopped() {
        let template = Template::text("body", "{% for i in range(9999) %}{% for i in range(9999) %}{% endfor %}{% endfor %}").unwrap();
        assert!(template.render(&context()).unwrap_err().to_string().contains("works too much"));
    }

    #[test]
    fn ready_templates_need_a_small_part_of_the_work_that_is_allowed() {
        let lines = vec![r#"{"device":{"name":"SEP1"},"user":{"id":"ann"},"line":{"dn":"2000"}}"#; 20].join(",");
        let data = format!(
            r#"{{"call_id":"c","lines":[{lines}],"first_calling":{{"number":"1"}},"outcome":"failed","cause":{{"name":"no_route"}}}}"#
        );
        let event = format!(r#"{{"id":"1-2","type":"callcast.call.ended","data":{data}}}"#);
        for name in ["zammad", "form"] {
            let template = Template::text(name, crate::sinks::webhook::plan::presets::named(name).unwrap().template).unwrap();
            let context = Context::new(event.as_bytes()).unwrap();
            let made = template.environment.get_template(name).unwrap().render_captured(context.0).unwrap();
            assert!(!made.output().is_empty());
            let (used, _) = made.state().fuel_levels().unwrap();
            assert!(used < FUEL / 50, "{name}: {used}");
        }
    }

    #[test]
    fn a_template_that_includes_itself_is_stopped() {
        assert!(Template::text("body", "{% include 'body' %}").unwrap().render(&context()).is_err());
    }

    #[test]
    fn what_is_made_has_a_limit() {
        let template = Template::text("body", "{% for i in range(300) %}{{ 'x' * 1000 }}{% endfor %}").unwrap();
        assert!(template.render(&context()).unwrap_err().to_string().contains("more than 262144 bytes"));
    }

    #[test]
    fn a_value_that_is_short_to_write_and_endless_is_stopped_in_time() {
        for (source, expected) in [
            ("{{ (['x'*1000000]*100000000)|json }}", "more than 262144 bytes"),
            ("{{ ['x'*1000000]*100000000 }}", "more than 262144 bytes"),
            ("{{ ([1]*100000000)|json }}", "works too much"),
            ("{{ ([[none]*100000000]*100000000)|form }}", "works too much"),
            ("{{ ([[none]*100000000]*100000000)|json }}", "works too much"),
        ] {
            let fault = Template::text("body", source).unwrap().render(&context()).unwrap_err();
            assert!(matches!(&fault, PlanFault::Template { problem, .. } if problem.contains(expected)), "{source}: {fault}");
        }
    }

    #[test]
    fn a_value_that_is_nested_too_deep_is_not_written() {
        for write in ["{{ v|json }}", "{{ v|form }}", "{{ v }}"] {
            let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
            let fault = Template::text("body", &format!("{{% set v = {deep} %}}{write}")).unwrap().render(&context()).unwrap_err();
            assert!(fault.to_string().contains("nested deeper than 64"), "{write}: {fault}");
        }
    }

    #[test]
    fn no_value_can_have_itself_in_it() {
        let refused = Template::text("body", "{% set it = namespace() %}{% set it.it = it %}{{ it ~ '' }}").unwrap_err();
        assert!(refused.to_string().contains("namespace"), "{refused}");
    }

    #[test]
    fn names_in_json_are_texts() {
        assert_eq!(made("{{ {'a': {2: 3, true: none}}|json }}"), r#"{"a":{"true":null,"2":3}}"#);
    }

    #[test]
    fn null_is_empty_to_filters_too_and_null_as_json() {
        for source in ["data.cause|upper", "data.cause|trim", "data.cause|urlencode", "'' ~ data.cause", "data.cause.name|upper"] {
            assert_eq!(made(&format!("[{{{{ {source} }}}}]")), "[]", "{source}");
        }
        assert_eq!(made("{{ 'Call from ' ~ data.cause }}|{{ data.cause is none }}|{{ data.cause|json }}"), "Call from |true|null");
        assert!(made("{{ data|json }}").contains(r#""cause":null"#));
    }

    #[test]
    fn what_fails_of_an_event_shows_nothing_of_it() {
        let fault = Template::text("body", "\n{{ data.remote.number|int }}").unwrap().render(&context()).unwrap_err().to_string();
        assert!(fault.starts_with("template body, line 2, column ") && !fault.contains("89"), "{fault}");
    }

    #[test]
    fn values_in_a_url_are_encoded_wherever_they_come_from() {
        let made = |source: &str| Template::url("url", source).unwrap().render(&context()).unwrap();
        assert_eq!(
            made("https://h/{{ data.remote.number }}?q={{ data.remote.name }}"),
            "https://h/%2B49%2089%2F1?q=Zo%C3%AB%20%3C%26%3E%0D%0A"
        );
        assert_eq!(
            made("https://h/{{ data.remote.number|safe }}{{ data.remote.number|urlencode }}"),
            "https://h/%2B49%2089%2F1%2B49%2089%2F1"
        );
    }

    #[test]
    fn an_expression_holds_or_does_not() {
        let holds = |source: &str| Template::expression("filter.expression", source).unwrap().render(&context()).unwrap();
        assert_eq!(holds("data.remote.number is startingwith '+49'"), "1");
        assert_eq!(holds("data.remote.number == '1'\nor 'SEP3' in data.shared_with"), "");
    }

    #[test]
    fn an_expression_is_one_and_nothing_else() {
        for source in ["", "a b", "id) %}1{% endif %}{% if (id", "id %}", "{% if id %}"] {
            assert!(Template::expression("filter.expression", source).is_err(), "{source}");
        }
        let refused = Template::expression("filter.expression", "id == data.remot").err().unwrap().to_string();
        assert!(refused.starts_with("template filter.expression, line 1, column 7: "), "{refused}");
    }
}
