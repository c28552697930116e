//! Which calls are asked for, and from where on.

use uuid::Uuid;

use crate::api::paging;
use crate::api::query::{BadQuery, Kind, Parameter, Query};
use crate::event::{Direction, Outcome};
use crate::journal::Sequence;
use crate::time::Timestamp;

/// What the list may be asked for.
pub const PARAMETERS: &[Parameter] = &[
    Parameter::new("live", Kind::Flag, "Only calls that are up, or only calls that are over."),
    Parameter::new("user", Kind::Text, "Only calls that concerned this user when they were told."),
    Parameter::new("device", Kind::Text, "Only calls with a leg on this device."),
    Parameter::new("line", Kind::Text, "Only calls with a leg on this directory number."),
    Parameter::new("direction", Kind::Word(directions), "Only calls in which such a leg was called, or called."),
    Parameter::new("outcome", Kind::Word(outcomes), "Only calls that are over and of which this became."),
    Parameter::new("from", Kind::Time, "Only calls that ended at this time or later, or are up."),
    Parameter::new("to", Kind::Time, "Only calls that ended before this time."),
    Parameter::new("limit", Kind::Limit, "Calls of a page."),
    Parameter::new("page", Kind::Page, "Where the page before ended: its `next`."),
];

fn directions() -> Vec<&'static str> {
    Direction::ALL.iter().map(|direction| direction.as_str()).collect()
}

fn outcomes() -> Vec<&'static str> {
    Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
}

/// What is asked for.
pub struct Wanted {
    pub live: Option<bool>,
    pub user: Option<String>,
    pub device: Option<String>,
    pub line: Option<String>,
    pub direction: Option<String>,
    pub outcome: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: usize,
    pub begin: Place,
}

impl Wanted {
    /// Reads what a query asks for.
    ///
    /// # Errors
    /// When the place in it is none.
    pub fn read(query: &Query) -> Result<Self, BadQuery> {
        let text = |name| query.text(name).map(str::to_owned);
        Ok(Self {
            live: query.flag("live"),
            user: text("user"),
            device: text("device"),
            line: text("line"),
            direction: text("direction"),
            outcome: text("outcome"),
            from: query.time("from"),
            to: query.time("to"),
            limit: query.limit(),
            begin: query.page().map_or(Ok(Place::Newest), Place::read)?,
        })
    }

    /// Whether calls that are up can be among them. Their end is now, or later.
    pub fn wants_live(&self, now: Timestamp) -> bool {
        self.live != Some(false) && self.outcome.is_none() && self.to.is_none_or(|to| to > now)
    }
}

/// Where a page begins: calls that are up come first, the newest of them before the others; then those that are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the beginning.
    Newest,
    /// After this call that is up.
    Live(Timestamp, Uuid),
    /// Before this event: with the newest call that ended before it.
    Ended(Sequence),
}

impl Place {
    /// Its opaque text.
    pub fn token(self) -> String {
        paging::hide(&match self {
            Self::Newest => String::new(),
            Self::Live(since, id) => format!("live/{}/{id}", since.0),
            Self::Ended(before) => format!("ended/{before}"),
        })
    }

    fn read(token: &str) -> Result<Self, BadQuery> {
        let place = paging::reveal(token).ok_or(BadQuery::Page)?;
        let mut parts = place.split('/');
        let place = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("live"), Some(since), Some(id), None) => {
                since.parse().ok().zip(id.parse().ok()).map(|(since, id)| Self::Live(Timestamp(since), id))
            }
            (Some("ended"), Some(before), None, None) => before.parse().ok().map(Self::Ended),
            _ => None,
        };
        place.ok_or(BadQuery::Page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_token() {
        for place in [Place::Live(Timestamp(7), Uuid::from_u128(9)), Place::Ended(12)] {
            assert_eq!(Place::read(&place.token()), Ok(place));
        }
    }

    #[test]
    fn other_tokens_are_none() {
        for text in ["", "live", "live/x/y", "ended/-1", "ended/1/2", "live/1/00000000-0000-0000-0000-000000000000/1"] {
            assert_eq!(Place::read(&paging::hide(text)), Err(BadQuery::Page), "{text}");
        }
    }
}
