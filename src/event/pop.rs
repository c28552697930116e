//! The data of `pop.*`: what a user's screen has to show, so that a client needs no logic of its own.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::words::words;
use super::{HandlePair, Line, Parties};

/// The data of `pop.*`.
#[derive(Clone, Debug)]
pub struct PopBody {
    /// It stays while the pop moves.
    pub id: PopId,
    /// The conversation.
    pub call_id: Uuid,
    /// The conversation before the move, when it was another.
    pub previous_call_id: Option<Uuid>,
    /// The cluster's id of the leg.
    pub leg: HandlePair,
    /// Where.
    pub line: Arc<Line>,
    /// Who takes part.
    pub parties: Arc<Parties>,
    /// Why it is withdrawn.
    pub reason: Option<Withdrawal>,
    /// The leg was found standing when observation began.
    pub recovered: bool,
}

/// A pop: the call for which it was offered, and whom it was offered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopId {
    /// The conversation at that time.
    pub call: Uuid,
    /// The user; the device where no user is known.
    pub whose: Arc<str>,
}

/// `019ab0c2-…/bsmith`
impl fmt::Display for PopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.call, self.whose)
    }
}

words! {
    /// Why a pop is withdrawn.
    Withdrawal {
        /// Somebody else answered.
        AnsweredElsewhere "answered_elsewhere",
        /// A colleague picked it up.
        PickedUp "picked_up",
        /// It was sent on: forwarded, redirected, or to the next of a hunt group.
        Diverted "diverted",
        /// It was handed over before it was answered.
        Transferred "transferred",
        /// The caller gave up.
        Abandoned "abandoned",
        /// The user turned it away.
        Declined "declined",
        /// How it ended was not seen.
        Unobserved "unobserved",
    }
}
