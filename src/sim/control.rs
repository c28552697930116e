//! Commands: faults and single calls on demand. One line of text each, for the control socket; values, for tests.
//!
//! A device is named by its number (`1`), its name (`SEP000000000001`) or the number of a line that it has first (`100001`); where it calls,
//! `4/2` is the second line of device 4.
//! Words are separated by spaces; `"several words"` are one, and in it `\n` and `\r` are line breaks: callers' names can be hostile.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::feature::{self, FEATURES, Feature};
use super::simulation::ManagerId;

/// A command.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // `COMMANDS` documents each
pub enum Command {
    Help,
    Status,
    Sessions,
    Window { devices: Option<(u32, u32)> },
    Ended,
    Generate { on: bool },
    Call { from: String, to: String, restricted: bool },
    Busy { from: String, to: String },
    External { to: String, number: String, name: String, restricted: bool },
    Dial { from: String, number: String, name: String },
    Answer { device: String },
    Hold { device: String },
    Resume { device: String },
    HangUp { device: String },
    Unregister { device: String },
    Register { device: String },
    Login { device: String, user: String },
    Logout { device: String },
    RestrictDevice { device: String, on: bool },
    RestrictLine { device: String, on: bool },
    Lock { user: String },
    Unlock { user: String },
    Disable { user: String },
    Expire { user: String },
    SuperRight { user: String, on: bool },
    CtiEnabled { user: String, on: bool },
    Refuse { on: bool, manager: Option<ManagerId> },
    Drop { manager: Option<ManagerId> },
    Heartbeats { on: bool },
    Garbage,
    Restart { manager: ManagerId, down: Duration },
    RestartCluster { down: Duration },
    Feature(Feature),
}

/// Why a command was not carried out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CommandError {
    /// An empty line.
    #[error("no command; `help` lists them")]
    Empty,
    /// No such command.
    #[error("no command `{name}`; did you mean `{nearest}`? `help` lists them all")]
    Unknown {
        /// What was given.
        name: String,
        /// The most similar command.
        nearest: &'static str,
    },
    /// The words after the command are not what it takes.
    #[error("usage: {0}")]
    Usage(&'static str),
    /// A quotation mark that is not closed.
    #[error("a quotation mark is not closed")]
    Quote,
    /// No such device.
    #[error("no device {0}: give its number from 1, its name, or its directory number")]
    NoDevice(String),
    /// Nobody to be called.
    #[error(
        "no destination {0}: give a device (number, name or directory number), a hunt pilot's number, or a number outside that begins with +"
    )]
    NoDestination(String),
    /// What rings has nowhere to go on to.
    #[error("what rings at {0} is neither hunted nor forwarded when nobody answers: `forward {0} noanswer TO` does that")]
    NotForwarded(String),
    /// No such application user.
    #[error("no application user {0}: they are those of --user")]
    NoUser(String),
    /// No such CTIManager.
    #[error("no CTIManager {0}: they count from 0 in the order of --listen")]
    NoManager(usize),
    /// The call cannot be placed or changed.
    #[error(transparent)]
    Call(#[from] super::cluster::CallError),
}

/// What a command looks like, and what it does.
pub(super) type Entry = (&'static str, &'static str, &'static str);

/// Name, usage and effect of every command.
const COMMANDS: &[Entry] = &[
    ("help", "help", "lists the commands"),
    ("status", "status", "calls so far and now"),
    ("sessions", "sessions", "the clients, and what they have open"),
    (
        "window",
        "window [FIRST LAST]",
        "with two device numbers: counts calls that touch these devices from now on; without: says the counts",
    ),
    ("ended", "ended", "the numbers of the global calls that began and ended in the window"),
    ("generate", "generate on|off", "resumes or pauses the generator"),
    ("call", "call FROM TO [restricted]", "one phone calls another or a hunt pilot, and it rings until answered"),
    ("busy", "busy FROM TO", "one phone calls another and finds it busy"),
    ("external", "external TO NUMBER [NAME [restricted]]", "somebody outside calls a phone"),
    ("dial", "dial FROM NUMBER [NAME]", "a phone calls somebody outside; `answer FROM` answers for them"),
    ("answer", "answer DEVICE", "answers the call that rings at the device, or that it has placed to somebody outside"),
    ("hold", "hold DEVICE", "puts its connected call on hold"),
    ("resume", "resume DEVICE", "resumes its held call"),
    ("hangup", "hangup DEVICE", "ends its oldest call"),
    ("unregister", "unregister DEVICE", "the phone loses power: its calls end"),
    ("register", "register DEVICE", "it comes back"),
    ("login", "login DEVICE USER", "a user logs in by Extension Mobility"),
    ("logout", "logout DEVICE", "and out"),
    ("restrict-device", "restrict-device DEVICE on|off", "on: unticks 'Allow Control of Device from CTI' of the device"),
    ("restrict-line", "restrict-line DEVICE on|off", "on: unticks it for the device's first line, on all devices with that line"),
    ("lock", "lock USER", "locks the account"),
    ("unlock", "unlock USER", "frees it, whatever its state"),
    ("disable", "disable USER", "disables the account"),
    ("expire", "expire USER", "lets its password expire"),
    ("super", "super USER on|off", "gives or takes away 'Standard CTI Allow Control of All Devices'"),
    ("cti-enabled", "cti-enabled USER on|off", "gives or takes away 'Standard CTI Enabled'"),
    ("refuse", "refuse on|off [MANAGER]", "refuses new sessions, or takes them again"),
    ("drop", "drop [MANAGER]", "closes the connections of sessions without a word"),
    ("heartbeats", "heartbeats on|off", "resumes or stops the CTIManagers' heartbeats; to a client, events count as heartbeats"),
    ("garbage", "garbage", "sends every client bytes that are not CTIQBE"),
    ("restart", "restart MANAGER SECONDS", "one CTIManager is down for a time; calls go on"),
    ("restart-cluster", "restart-cluster SECONDS", "all of them are, and calls are lost"),
];

fn entries() -> impl Iterator<Item = &'static Entry> {
    COMMANDS.iter().chain(FEATURES)
}

/// The answer to `help`, one command a line.
pub fn help() -> String {
    entries().map(|(_, usage, effect)| format!("{usage}: {effect}")).collect::<Vec<_>>().join("\n")
}

/// The words of a line.
fn words(line: &str) -> Result<Vec<String>, CommandError> {
    let (mut words, mut quoted) = (Vec::new(), false);
    for part in line.split('"') {
        if quoted {
            words.push(part.replace(r"\n", "\n").replace(r"\r", "\r"));
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
        quoted = !quoted;
    }
    // Every quotation mark begins a part; after the last one, which closes, we are outside.
    if quoted { Ok(words) } else { Err(CommandError::Quote) }
}

pub(super) fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn seconds(word: &str) -> Option<Duration> {
    word.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok())
}

fn manager(word: &str) -> Option<ManagerId> {
    word.parse().ok().map(ManagerId)
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let words = words(line)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, arguments) = words.split_first().ok_or(CommandError::Empty)?;
        let Some((_, usage, _)) = entries().find(|(known, ..)| known == name) else {
            let likeness = |entry: &&'static Entry| (strsim::jaro_winkler(entry.0, name) * 1e6) as u32;
            let nearest = entries().max_by_key(likeness).map_or("help", |entry| entry.0);
            return Err(CommandError::Unknown { name: (*name).into(), nearest });
        };
        parse(name, arguments).ok_or(CommandError::Usage(usage))
    }
}

/// `None` when the arguments are not what the command takes.
fn parse(name: &str, arguments: &[&str]) -> Option<Command> {
    let text = |word: &&str| (*word).to_owned();
    Some(match (name, arguments) {
        ("help", []) => Command::Help,
        ("status", []) => Command::Status,
        ("sessions", []) => Command::Sessions,
        ("ended", []) => Command::Ended,
        ("window", []) => Command::Window { devices: None },
        ("window", [first, last]) => Command::Window { devices: Some((first.parse().ok()?, last.parse().ok()?)) },
        ("generate", [on]) => Command::Generate { on: switch(on)? },
        ("call", [from, to]) => Command::Call { from: text(from), to: text(to), restricted: false },
        ("call", [from, to, "restricted"]) => Command::Call { from: text(from), to: text(to), restricted: true },
        ("busy", [from, to]) => Command::Busy { from: text(from), to: text(to) },
        ("external", [to, number]) => external(to, number, "", false),
        ("external", [to, number, name]) => external(to, number, name, false),
        ("external", [to, number, name, "restricted"]) => external(to, number, name, true),
        ("dial", [from, number]) => Command::Dial { from: text(from), number: text(number), name: String::new() },
        ("dial", [from, number, name]) => Command::Dial { from: text(from), number: text(number), name: text(name) },
        ("answer", [device]) => Command::Answer { device: text(device) },
        ("hold", [device]) => Command::Hold { device: text(device) },
        ("resume", [device]) => Command::Resume { device: text(device) },
        ("hangup", [device]) => Command::HangUp { device: text(device) },
        ("unregister", [device]) => Command::Unregister { device: text(device) },
        ("register", [device]) => Command::Register { device: text(device) },
        ("login", [device, user]) => Command::Login { device: text(device), user: text(user) },
        ("logout", [device]) => Command::Logout { device: text(device) },
        ("restrict-device", [device, on]) => Command::RestrictDevice { device: text(device), on: switch(on)? },
        ("restrict-line", [device, on]) => Command::RestrictLine { device: text(device), on: switch(on)? },
        ("lock", [user]) => Command::Lock { user: text(user) },
        ("unlock", [user]) => Command::Unlock { user: text(user) },
        ("disable", [user]) => Command::Disable { user: text(user) },
        ("expire", [user]) => Command::Expire { user: text(user) },
        ("super", [user, on]) => Command::SuperRight { user: text(user), on: switch(on)? },
        ("cti-enabled", [user, on]) => Command::CtiEnabled { user: text(user), on: switch(on)? },
        ("refuse", [on]) => Command::Refuse { on: switch(on)?, manager: None },
        ("refuse", [on, which]) => Command::Refuse { on: switch(on)?, manager: Some(manager(which)?) },
        ("drop", []) => Command::Drop { manager: None },
        ("drop", [which]) => Command::Drop { manager: Some(manager(which)?) },
        ("heartbeats", [on]) => Command::Heartbeats { on: switch(on)? },
        ("garbage", []) => Command::Garbage,
        ("restart", [which, down]) => Command::Restart { manager: manager(which)?, down: seconds(down)? },
        ("restart-cluster", [down]) => Command::RestartCluster { down: seconds(down)? },
        (name, arguments) => Command::Feature(feature::parse(name, arguments)?),
    })
}

fn external(to: &str, number: &str, name: &str, restricted: bool) -> Command {
    Command::External { to: to.into(), number: number.into(), name: name.into(), restricted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_one() {
        let command: Command = "external 2 +33123401000 \"<script> alert\"".parse().unwrap();
        assert_eq!(command, external("2", "+33123401000", "<script> alert", false));
    }

    #[test]
    fn a_name_can_have_a_line_break() {
        let command: Command = r#"external 2 1 "two\nlines""#.parse().unwrap();
        assert_eq!(command, external("2", "1", "two\nlines", false));
    }

    #[test]
    fn an_open_quotation_mark_is_refused() {
        assert_eq!("external 2 1 \"x".parse::<Command>(), Err(CommandError::Quote));
    }

    #[test]
    fn a_mistyped_command_is_told_the_nearest_one() {
        let error = "anser 2".parse::<Command>().unwrap_err();
        assert_eq!(error.to_string(), "no command `anser`; did you mean `answer`? `help` lists them all");
    }

    #[test]
    fn wrong_arguments_are_told_the_usage() {
        assert_eq!("refuse maybe".parse::<Command>(), Err(CommandError::Usage("refuse on|off [MANAGER]")));
        assert_eq!("restart 0 -1".parse::<Command>(), Err(CommandError::Usage("restart MANAGER SECONDS")));
    }

    #[test]
    fn every_command_of_the_help_can_be_parsed() {
        for (name, usage, _) in entries() {
            let example = usage
                .replace("on|off", "on")
                .replace("all|busy|noanswer", "all")
                .replace("TO|off", "TO")
                .replace("...", "")
                .replace(['[', ']'], "")
                .replace("SECONDS", "1")
                .replace("MANAGER", "0");
            let example = example.replace("FIRST", "1").replace("LAST", "2");
            assert!(example.parse::<Command>().is_ok(), "{name}: {example}");
        }
    }
}
