//! Who may have what, and the cut at which a subscription begins.

use std::sync::Arc;

use thiserror::Error;

use super::views::seen;
use super::{Gateway, Outgoing};
use crate::access::Scope;
use crate::event::Filter;
use crate::hub::Mailbox;
use crate::journal::{Cursor, JournalError, Sequence};
use crate::state::{DeviceIndex, DeviceState, DeviceView, Directory};

/// What a subscription begins with, when it does not go on where it was: a cut at `cursor`.
#[derive(Debug)]
pub struct Snapshot {
    /// The last event that the snapshot knows of.
    pub cursor: Cursor,
    /// The devices that the filter asks for.
    pub devices: Vec<(Arc<DeviceView>, DeviceState)>,
}

/// How a subscription begins.
#[derive(Debug)]
pub enum Opening {
    /// With how things stand.
    Snapshot {
        /// How they do.
        snapshot: Snapshot,
        /// Why it does not go on where it was, if that was asked for.
        lost: Option<Lost>,
    },
    /// Where it was: `from..until` has to be read from the log, what comes after lies in the mailbox.
    Resumed {
        /// The first event that was missed.
        from: Sequence,
        /// The first that lies in the mailbox.
        until: Sequence,
    },
}

/// Why a subscription cannot go on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The log no longer reaches back so far.
    Trimmed,
    /// The cursor is of another log.
    Unknown,
    /// The cursor is past the newest event.
    Future,
    /// The log cannot be read.
    Unreadable,
}

impl Lost {
    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Unknown => "unknown",
            Self::Future => "future",
            Self::Unreadable => "unreadable",
        }
    }
}

impl From<JournalError> for Lost {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Trimmed { .. } => Self::Trimmed,
            JournalError::Unknown | JournalError::Cursor => Self::Unknown,
            JournalError::Future { .. } => Self::Future,
            _ => Self::Unreadable,
        }
    }
}

/// A filter asks for what its owner may not see, or what does not exist: which of them is not said.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{kind} {name:?} is not among what this token may see, or does not exist; ask for \"all\" to get all that it may see")]
pub struct Forbidden {
    /// `device`, `line` or `user`.
    pub kind: &'static str,
    /// Which.
    pub name: String,
}

impl Gateway {
    /// From now on the mailbox gets what the filter asks for. The filter that comes back is the one to take back later: under a limited
    /// scope, `all` means all that it may see.
    ///
    /// The cut is made under the lock of what is told, and so holds the telling up: by the copying of a few words per device that is
    /// asked for, about a millisecond for everything in a cluster of 40,000.
    ///
    /// # Errors
    /// When the filter names what `scope` does not allow.
    pub fn subscribe(
        &self,
        mailbox: &Arc<Mailbox<Outgoing>>,
        filter: &Filter,
        scope: &Scope,
        after: Option<Cursor>,
    ) -> Result<(Filter, Opening), Forbidden> {
        let told = self.told();
        let filter = narrowed(filter, scope, &told.directory)?;
        self.hub.subscribe(mailbox, &filter);
        let until = told.last + 1;
        let lost = match after.map(|cursor| self.reader.after(cursor)) {
            // What is in the log but not yet told comes by the mailbox.
            Some(Ok(from)) => return Ok((filter, Opening::Resumed { from: from.min(until), until })),
            Some(Err(error)) => Some(error.into()),
            None => None,
        };
        let view = |index: DeviceIndex| Some((Arc::clone(told.directory.get(index)?), self.table.read(index)?));
        let devices = told.directory.matching(&filter).into_iter().filter_map(view).filter_map(|device| seen(scope, device)).collect();
        Ok((filter, Opening::Snapshot { snapshot: Snapshot { cursor: self.reader.cursor(told.durable), devices }, lost }))
    }

    /// Takes back one [`Gateway::subscribe`]; the filter is the one that it gave back.
    pub fn unsubscribe(&self, mailbox: &Arc<Mailbox<Outgoing>>, filter: &Filter) {
        self.hub.unsubscribe(mailbox, filter);
    }

    /// A client that read the log gets what comes next by its mailbox again. The place of the first event that it finds there.
    pub fn rejoin(&self, mailbox: &Mailbox<Outgoing>) -> Sequence {
        let told = self.told();
        mailbox.rejoin(told.last);
        told.last + 1
    }
}

/// Whether a device may be seen as it is now.
fn is_allowed(scope: &Scope, view: &DeviceView) -> bool {
    scope.allows_device(&view.device.name, view.device.user.as_deref())
        || view.lines.iter().any(|line| scope.lines.iter().any(|dn| **dn == *line.dn))
}

/// The filter as the index can answer it, under a scope.
fn narrowed(filter: &Filter, scope: &Scope, directory: &Directory) -> Result<Filter, Forbidden> {
    if scope.everything {
        return Ok(filter.clone());
    }
    let forbidden = |kind, name: &String| Forbidden { kind, name: name.chars().take(128).collect() };
    let any_allowed = |found: &[DeviceIndex]| found.iter().filter_map(|index| directory.get(*index)).any(|view| is_allowed(scope, view));
    for name in &filter.devices {
        if !scope.devices.iter().any(|known| **known == **name) && !any_allowed(directory.named(name)) {
            return Err(forbidden("device", name));
        }
    }
    for dn in &filter.lines {
        if !scope.lines.iter().any(|known| **known == **dn) && !any_allowed(directory.with_dn(dn)) {
            return Err(forbidden("line", dn));
        }
    }
    if let Some(user) = filter.users.iter().find(|user| !scope.has_user(user)) {
        return Err(forbidden("user", user));
    }
    let mut narrowed = filter.clone();
    if std::mem::take(&mut narrowed.all) {
        let add = |texts: &mut Vec<String>, more: &[Box<str>]| {
            for text in more {
                if !texts.iter().any(|known| **known == **text) {
                    texts.push(text.to_string());
                }
            }
        };
        add(&mut narrowed.devices, &scope.devices);
        add(&mut narrowed.lines, &scope.lines);
        add(&mut narrowed.users, &scope.users);
    }
    Ok(narrowed)
}
