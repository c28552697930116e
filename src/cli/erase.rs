//! `callcast erase`: removes a person or a number from the log of a gateway that does not run.

use std::io::{self, BufRead, Write};

use clap::Args;
use thiserror::Error;

use super::replay::Place;
use crate::config::ConfigError;
use crate::gateway::erasure::Person;
use crate::journal::{Erased, Journal, JournalError, Options};

/// The options of the command. An event that has any of these is emptied; its place and its time stay.
#[derive(Args, Debug)]
pub struct EraseArgs {
    #[command(flatten)]
    place: Place,
    /// Events that mention this number: as it is dialled, as it is shown, or in its E.164 form.
    #[arg(long, value_name = "N")]
    number: Vec<String>,
    /// Events that concerned this user when they were told, or that name it.
    #[arg(long, value_name = "ID")]
    user: Vec<String>,
    /// Events of a party with this display name.
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Why nothing can be erased.
#[derive(Debug, Error)]
pub enum EraseError {
    /// The configuration does not say where the log is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nothing to look for.
    #[error("nothing to erase: give --number, --user or --name, each as often as needed")]
    Nobody,
    /// A gateway runs.
    #[error(
        "the journal in {} is in use by process {holder}: ask that gateway's admin listener to erase (POST /admin/v1/erase), or stop it first",
        directory.display()
    )]
    Running {
        /// The folder.
        directory: std::path::PathBuf,
        /// The process.
        holder: String,
    },
    /// The log cannot be read or written.
    #[error("{0}; what was erased until then is erased, and the command can be given again")]
    Journal(JournalError),
    /// Nobody agreed.
    #[error("nothing was erased: answer `y`, or give --yes")]
    Refused,
    /// There is nobody to ask.
    #[error("cannot ask: {0}; give --yes")]
    Terminal(#[from] io::Error),
}

impl EraseError {
    /// Something that the user has to change.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::Config(_) | Self::Nobody)
    }
}

/// Erases, and says what.
pub fn run(args: EraseArgs, out: &mut dyn Write, input: &mut dyn BufRead) -> Result<(), EraseError> {
    let directory = args.place.directory()?;
    let person = Person { numbers: args.number, users: args.user, names: args.name };
    if person.is_empty() {
        return Err(EraseError::Nobody);
    }
    // How much is kept, and for how long, is the gateway's business.
    let options = Options { max_age: std::time::Duration::MAX, max_bytes: u64::MAX, ..Options::new(directory) };
    let journal = Journal::open_existing(options).map_err(|error| match error {
        JournalError::Locked { directory, holder } => EraseError::Running { directory, holder },
        other => EraseError::Journal(other),
    })?;
    if args.dry_run || !args.yes {
        let found = journal.erase(&person, true).map_err(EraseError::Journal)?;
        writeln!(out, "{}", said("would be erased", found))?;
        if args.dry_run || found.is_nothing() {
            return Ok(());
        }
        write!(out, "Erase them? They cannot be had back. [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        input.read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(EraseError::Refused);
        }
    }
    let erased = journal.erase(&person, false).map_err(EraseError::Journal)?;
    writeln!(out, "{}", said("erased", erased))?;
    Ok(())
}

fn said(done: &str, erased: Erased) -> String {
    let checkpoint = if erased.checkpoint { ", and the state of live calls" } else { "" };
    format!("{done}: {} of {} events, in {} files{checkpoint}", erased.events, erased.looked_at, erased.segments)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::journal::{Keys, Limit, Reader, Record, Selection};
    use crate::time::Timestamp;

    #[derive(Parser)]
    struct Call {
        #[command(flatten)]
        args: EraseArgs,
    }

    fn options(folder: &tempfile::TempDir) -> Options {
        Options { max_age: Duration::MAX, ..Options::new(folder.path()) }
    }

    /// Ten events, every other of which mentions 1000.
    fn journal() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(options(&folder)).unwrap();
        for sequence in 1..=10u64 {
            let event = format!("{{\"data\":{{\"calling\":{{\"number\":\"{}\"}}}}}}", 1000 + sequence % 2);
            let record = Record { sequence, time: Timestamp(sequence), keys: &Keys::default(), event: event.as_bytes() };
            journal.append([record]).unwrap();
        }
        folder
    }

    fn called(folder: &tempfile::TempDir, args: &[&str], answer: &str) -> (String, Result<(), EraseError>) {
        let place = ["erase", "--journal", folder.path().to_str().unwrap()];
        let call = Call::try_parse_from(place.iter().chain(args)).unwrap();
        let mut out = Vec::new();
        let result = run(call.args, &mut out, &mut answer.as_bytes());
        (String::from_utf8(out).unwrap(), result)
    }

    fn left(folder: &tempfile::TempDir) -> usize {
        let limit = Limit { entries: usize::MAX, bytes: usize::MAX };
        let page = Reader::open(folder.path()).unwrap().read(&Selection::Everything, 1, u64::MAX, limit).unwrap();
        assert_eq!(page.entries.len(), 10);
        page.entries.iter().filter(|entry| !entry.event.is_empty()).count()
    }

    #[test]
    fn what_mentions_the_number_is_emptied() {
        let folder = journal();
        let (said, result) = called(&folder, &["--number", "1000", "--yes"], "");
        result.unwrap();
        assert_eq!((said.as_str(), left(&folder)), ("erased: 5 of 10 events, in 1 files\n", 5));
    }

    #[test]
    fn a_dry_run_only_counts() {
        let folder = journal();
        let (said, result) = called(&folder, &["--number", "1000", "--dry-run"], "");
        result.unwrap();
        assert_eq!((said.as_str(), left(&folder)), ("would be erased: 5 of 10 events, in 1 files\n", 10));
    }

    #[test]
    fn nothing_goes_before_somebody_agreed() {
        let folder = journal();
        for answer in ["", "n\n", "perhaps\n"] {
            let (said, result) = called(&folder, &["--number", "1000"], answer);
            assert!(matches!(result, Err(EraseError::Refused)) && said.contains("Erase them?"), "{said}");
        }
        assert_eq!(left(&folder), 10);
        called(&folder, &["--number", "1000"], "y\n").1.unwrap();
        assert_eq!(left(&folder), 5);
    }

    #[test]
    fn a_gateway_that_runs_is_asked_instead() {
        let folder = journal();
        let _running = Journal::open(options(&folder)).unwrap();
        let error = called(&folder, &["--number", "1000", "--yes"], "").1.unwrap_err().to_string();
        assert!(error.contains("/admin/v1/erase") && error.contains(&std::process::id().to_string()), "{error}");
    }

    #[test]
    fn nobody_is_a_mistake_and_a_folder_without_a_log_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(called(&folder, &[], "").1.unwrap_err().is_mistake());
        let error = called(&folder, &["--user", "bsmith"], "").1.unwrap_err().to_string();
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "none is made");
    }
}
