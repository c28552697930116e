//! `callcast replay`: prints events that the log holds, one CloudEvent a line, also while a gateway writes it.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use thiserror::Error;
use uuid::Uuid;

use crate::config::{Config, ConfigError};
use crate::event::Types;
use crate::gateway::keys;
use crate::journal::{Cursor, Entry, JournalError, Key, Limit, Reader, Selection};
use crate::time::Timestamp;

/// What is read at once.
const AT_ONCE: Limit = Limit { entries: 1024, bytes: 1 << 20 };

/// Where a log is.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The gateway's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of the log.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
}

impl Place {
    /// The folder.
    pub fn directory(&self) -> Result<PathBuf, ConfigError> {
        match (&self.journal, &self.config) {
            (Some(folder), _) => Ok(folder.clone()),
            (None, Some(file)) => Ok(Config::load(file)?.journal.directory),
            (None, None) => Ok(PathBuf::new()), // not possible: one of them has to be given
        }
    }
}

/// The options of the command. An event is printed when any of the devices, lines, users and calls is its own; all are when none is given.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    #[command(flatten)]
    place: Place,
    /// Only events after this one: a cursor, or the id of an event.
    #[arg(long, value_name = "CURSOR", conflicts_with = "from")]
    after: Option<Cursor>,
    /// Only events from this time on: as `2026-11-23T08:15:00Z`, or how long ago: as `10m`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Events of this device.
    #[arg(long, value_name = "NAME")]
    device: Vec<String>,
    /// Events of this directory number.
    #[arg(long, value_name = "DN")]
    line: Vec<String>,
    /// Events that concerned this user when they were told.
    #[arg(long, value_name = "ID")]
    user: Vec<String>,
    /// Events of this call.
    #[arg(long, value_name = "CALL_ID")]
    call: Vec<Uuid>,
    /// Only events of this type: as `leg.alerting` or `leg.*`.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

/// Why events cannot be printed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The configuration does not say where the log is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The position cannot be gone on from.
    #[error("{0}; without --after, everything that is kept is printed")]
    After(JournalError),
    /// A type that is none.
    #[error("--type {given} names no type of event; did you mean {nearest}?")]
    Type {
        /// What was given.
        given: String,
        /// What it is nearest to.
        nearest: String,
    },
    /// What is printed cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl ReplayError {
    /// Something that the user has to change.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::Config(_) | Self::Type { .. })
    }
}

/// A time, or how long ago it is.
fn moment(text: &str) -> Result<Timestamp, String> {
    let ago = humantime::parse_duration(text).map(|ago| SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH));
    let time = ago.or_else(|_| humantime::parse_rfc3339_weak(text));
    let time = time.map_err(|_| "give a time as 2026-11-23T08:15:00Z (UTC), or how long ago it is, as 10m or 2h".to_owned())?;
    Ok(Timestamp(time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros() as u64))
}

/// Prints them. Whoever reads may stop at any time.
pub fn run(args: &ReplayArgs, out: &mut dyn Write) -> Result<(), ReplayError> {
    match replay(args, out) {
        Err(ReplayError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn replay(args: &ReplayArgs, out: &mut dyn Write) -> Result<(), ReplayError> {
    let types = Types::named(&args.types).map_err(|(given, nearest)| ReplayError::Type { given, nearest })?;
    let reader = Reader::open(args.place.directory()?)?;
    let range = reader.range();
    let mut from = match (args.after, args.from) {
        (Some(cursor), _) => reader.after(cursor).map_err(ReplayError::After)?,
        (None, Some(time)) => reader.at(time)?,
        (None, None) => range.oldest,
    };
    let wanted = selection(args);
    loop {
        let page = match reader.read(&wanted, from, range.next, AT_ONCE) {
            // The gateway removes what is old, whoever reads it.
            Err(JournalError::Trimmed { oldest, .. }) if oldest > from && oldest <= range.next => {
                eprintln!("callcast: events {from} to {} were removed by the gateway meanwhile", oldest - 1);
                from = oldest;
                continue;
            }
            other => other?,
        };
        for entry in &page.entries {
            let wanted = !entry.event.is_empty() && args.until.is_none_or(|until| entry.time < until) && has_type(types, entry);
            if wanted && args.from.is_none_or(|from| entry.time >= from) {
                out.write_all(&entry.event)?;
                out.write_all(b"\n")?;
            }
        }
        from = page.next;
        if page.done {
            out.flush()?;
            return Ok(());
        }
    }
}

fn selection(args: &ReplayArgs) -> Selection {
    let texts = |space, texts: &[String]| texts.iter().map(|text| Key::new(space, text)).collect::<Vec<_>>();
    let mut wanted = texts(keys::DEVICE, &args.device);
    wanted.extend(texts(keys::LINE, &args.line));
    wanted.extend(texts(keys::USER, &args.user));
    wanted.extend(args.call.iter().map(|call| Key::new(keys::CALL, call.as_bytes())));
    if wanted.is_empty() { Selection::Everything } else { Selection::Any(wanted) }
}

fn has_type(types: Types, entry: &Entry) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    types == Types::ALL || serde_json::from_slice::<Typed<'_>>(&entry.event).is_ok_and(|event| types.has_named(&event.kind))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::journal::{Journal, Keys, Options, Record};

    #[derive(Parser)]
    struct Call {
        #[command(flatten)]
        args: ReplayArgs,
    }

    const TYPES: [&str; 3] = ["leg.alerting", "leg.connected", "call.ended"];

    /// A log of 30 events, a second apart, and the gateway that still writes it.
    fn journal() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(Options { segment_bytes: 1000, max_age: Duration::MAX, ..Options::new(folder.path()) }).unwrap();
        for sequence in 1..=30u64 {
            let mut of = Keys::default();
            of.push(keys::DEVICE, format!("SEP{}", sequence % 2));
            of.push(keys::USER, format!("user{}", sequence % 5));
            let event = format!("{{\"type\":\"callcast.{}\",\"n\":{sequence}}}", TYPES[sequence as usize % 3]);
            let time = Timestamp(1_795_000_000_000_000 + sequence * 1_000_000);
            journal.append([Record { sequence, time, keys: &of, event: event.as_bytes() }]).unwrap();
        }
        (folder, journal)
    }

    fn called(folder: &tempfile::TempDir, args: &[&str]) -> Result<Vec<u64>, ReplayError> {
        let place = ["replay", "--journal", folder.path().to_str().unwrap()];
        let call = Call::try_parse_from(place.iter().chain(args)).unwrap();
        let mut out = Vec::new();
        run(&call.args, &mut out)?;
        let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap();
        Ok(String::from_utf8(out).unwrap().lines().map(number).collect())
    }

    #[test]
    fn all_events_are_printed_in_order_while_the_log_is_written() {
        let (folder, _journal) = journal();
        assert_eq!(called(&folder, &[]).unwrap(), (1..=30).collect::<Vec<_>>());
    }

    #[test]
    fn what_has_any_of_the_keys_is_printed_if_it_is_of_the_type() {
        let (folder, _journal) = journal();
        let expected = |is: &dyn Fn(u64) -> bool| (1..=30).filter(|n| is(*n)).collect::<Vec<_>>();
        assert_eq!(called(&folder, &["--device", "SEP1"]).unwrap(), expected(&|n| n % 2 == 1));
        assert_eq!(called(&folder, &["--device", "SEP1", "--user", "user0"]).unwrap(), expected(&|n| n % 2 == 1 || n % 5 == 0));
        assert_eq!(called(&folder, &["--device", "SEP1", "--type", "leg.*"]).unwrap(), expected(&|n| n % 2 == 1 && n % 3 != 2));
        assert!(called(&folder, &["--device", "SEP7"]).unwrap().is_empty());
    }

    #[test]
    fn a_cursor_or_times_bound_what_is_printed() {
        let (folder, journal) = journal();
        let cursor = journal.reader().cursor(25).to_string();
        assert_eq!(called(&folder, &["--after", &cursor]).unwrap(), (26..=30).collect::<Vec<_>>());
        let id = format!("{}-28", journal.reader().epoch());
        assert_eq!(called(&folder, &["--after", &id]).unwrap(), [29, 30]);
        let time = |n: u64| Timestamp(1_795_000_000_000_000 + n * 1_000_000).to_string();
        assert_eq!(called(&folder, &["--from", &time(10), "--until", &time(13)]).unwrap(), [10, 11, 12]);
    }

    #[test]
    fn a_cursor_of_another_log_is_refused_with_a_cure() {
        let (folder, _journal) = journal();
        let error = called(&folder, &["--after", "00000000.1.5"]).unwrap_err().to_string();
        assert!(error.contains("without --after"), "{error}");
    }

    #[test]
    fn a_type_that_is_none_is_refused_with_the_nearest() {
        let (folder, _journal) = journal();
        let error = called(&folder, &["--type", "leg.alertin"]).unwrap_err().to_string();
        assert!(error.contains("leg.alertin") && error.contains("did you mean"), "{error}");
    }

    #[test]
    fn whoever_stops_reading_makes_no_mistake() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (folder, _journal) = journal();
        let call = Call::try_parse_from(["replay", "--journal", folder.path().to_str().unwrap()]).unwrap();
        run(&call.args, &mut Closed).unwrap();
    }

    #[test]
    fn times_are_rfc_3339_or_how_long_ago() {
        assert_eq!(moment("2026-11-23T08:15:30Z").unwrap().to_string(), "2026-11-23T08:15:30.000000Z");
        let ago = moment("10m").unwrap();
        assert!(Timestamp::now().since(ago) >= Duration::from_mins(10));
        assert!(moment("yesterday").unwrap_err().contains("10m"));
    }

    #[test]
    fn a_place_has_to_be_given_once() {
        assert!(Call::try_parse_from(["replay"]).is_err());
        assert!(Call::try_parse_from(["replay", "--journal", "a", "--config", "b"]).is_err());
    }
}
