//! What can be wrong with a flow file.

use std::fmt;

use thiserror::Error;

/// A line of a flow file that says nothing sensible.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {fault}")]
pub struct FlowError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Box<FlowFault>,
}

/// What was probably meant by an unknown name: empty when nothing known is near.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint(Option<String>);

impl Hint {
    /// The nearest of the known names to an unknown one.
    pub fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let likeness = |name: &str| strsim::jaro_winkler(&unknown.to_lowercase(), &name.to_lowercase());
        let near = known.map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > 0.75);
        Self(near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.to_owned()))
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, "; did you mean `{name}`?"))
    }
}

/// What is wrong with a line of a flow file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FlowFault {
    /// A quotation mark that is not closed.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A word that begins no line of the first part.
    #[error("`{word}` begins no line here: before the messages stand `basis`, `phone`, `line` and `account`, then `messages`{hint}")]
    Statement {
        /// The word.
        word: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// A line of the first part whose words are not what it takes.
    #[error("this line has to be: {0}")]
    Usage(&'static str),
    /// An option of a phone or line that there is not.
    #[error("`{option}` is no option here: {known}{hint}")]
    Option {
        /// What was given.
        option: String,
        /// The options that there are.
        known: &'static str,
        /// What was probably meant.
        hint: Hint,
    },
    /// A label that cannot be one.
    #[error("`{0}` cannot be a label: it is a word without `=` and not `provider`, which stands for the session itself")]
    Label(String),
    /// A label, or a statement, that stands twice.
    #[error("`{0}` was given before: once is enough")]
    Twice(String),
    /// A label that no line has.
    #[error("no phone or line has the label `{label}`; the labels are {known}{hint}")]
    UnknownLabel {
        /// The label.
        label: String,
        /// The labels that there are.
        known: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// A file without a part that it needs.
    #[error("the file ends without {0}")]
    Missing(&'static str),
    /// A message line that is too short.
    #[error("a message has a time, a label and a name: `0.1 A NewCallEvent callLegID=9001 …`")]
    MessageLine,
    /// A time that is none.
    #[error("`{0}` is no time: give seconds since the first message with at most one decimal, as `2.0`")]
    Time(String),
    /// A time before that of the message above.
    #[error("the time {time} is before that of the message above, {before}: messages stand in the order in which they are sent")]
    Earlier {
        /// The time.
        time: String,
        /// The time of the message above.
        before: String,
    },
    /// A message that there is not.
    #[error("no message is named `{name}`{hint}")]
    UnknownMessage {
        /// The name.
        name: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// A message that CTIManager does not send unasked.
    #[error("{0} is no event: only what CTIManager sends unasked can be played")]
    NoEvent(&'static str),
    /// A message about a line or device, for nobody.
    #[error("{0} is about a line or device: give the label of one in place of `provider`")]
    NoPlace(&'static str),
    /// A message about a leg that does not name it.
    #[error("{0} is about a leg: name it by `callLegID=`")]
    NoLeg(&'static str),
    /// A word of a message that is no field with a value.
    #[error("`{0}` is no field with its value: `field=value`, with quotation marks around a value that has blanks")]
    NoField(String),
    /// A field that there is not.
    #[error("{structure} has no field `{field}`{hint}")]
    UnknownField {
        /// The message or structure.
        structure: &'static str,
        /// The field.
        field: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// A field that cannot be reached like this.
    #[error("`{path}` does not name a value: {why}")]
    Path {
        /// What was given.
        path: String,
        /// Why it does not.
        why: &'static str,
    },
    /// A value of the wrong type.
    #[error("`{path}` takes {expected}, not `{value}`{hint}")]
    Value {
        /// The field.
        path: String,
        /// What it takes.
        expected: String,
        /// What was given.
        value: String,
        /// What was probably meant.
        hint: Hint,
    },
}
