//! Who takes part in a call.

use crate::ctiqbe::names::{CtiPatternUsage, DestinationType};

/// One end of a call, or what stands for one: a hunt pilot, a park number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The number as it is presented.
    pub number: String,
    /// The display name.
    pub name: String,
    /// The partition of a line of the cluster; empty for a party outside.
    pub partition: String,
    /// Whether the number may be presented. The wire carries it either way.
    pub number_allowed: bool,
    /// Whether the name may be presented.
    pub name_allowed: bool,
    /// Whether the party is outside of the cluster.
    pub outside: bool,
    /// What the number is used for, where it is not simply somebody's.
    pub usage: CtiPatternUsage,
    /// Number and partition of the line that answered for a hunt pilot.
    pub hunt_member: Option<(String, String)>,
}

impl Party {
    /// A number of the cluster, which withholds nothing.
    pub fn inside(number: &str, name: &str, partition: &str) -> Self {
        Self {
            number: number.into(),
            name: name.into(),
            partition: partition.into(),
            number_allowed: true,
            name_allowed: true,
            ..Self::default()
        }
    }

    /// A party outside of the cluster, which withholds nothing.
    pub fn outside(number: &str, name: &str) -> Self {
        Self { outside: true, ..Self::inside(number, name, "") }
    }

    /// The same party, withholding its number and name.
    #[must_use]
    pub fn restricted(self) -> Self {
        Self { number_allowed: false, name_allowed: false, ..self }
    }

    /// Where the party is, in the words of the wire.
    pub fn place(&self) -> DestinationType {
        if self.outside { DestinationType::EXTERNAL } else { DestinationType::IN_CLUSTER }
    }

    /// Whether both are the same number in the same place, whatever they are called.
    pub fn is(&self, other: &Self) -> bool {
        (self.outside, &self.number, &self.partition) == (other.outside, &other.number, &other.partition)
    }
}

/// The parties of a call as a leg knows them. `None` is a party that is not known yet, or that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// Who calls.
    pub calling: Option<Party>,
    /// Who is called now.
    pub called: Option<Party>,
    /// Who was called first.
    pub original_called: Option<Party>,
    /// Who sent the call on last.
    pub last_redirecting: Option<Party>,
    /// Whether a feature has put the caller there: then nobody knows the E.164 form of its number any more.
    pub reassigned: bool,
}

impl Parties {
    /// The E.164 form of the caller's number, where it is one from outside.
    pub fn globalized_calling(&self) -> &str {
        let known = |p: &&Party| !self.reassigned && p.outside && p.number.starts_with('+');
        self.calling.as_ref().filter(known).map_or("", |p| p.number.as_str())
    }

    /// The party at the other end from `own`.
    pub fn far_from(&self, own: &Party) -> Option<&Party> {
        let calls = self.calling.as_ref().is_some_and(|calling| calling.is(own));
        if calls { self.called.as_ref() } else { self.calling.as_ref() }
    }
}
