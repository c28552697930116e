//! Lines whose calls go elsewhere.

use super::{Cluster, Destination, Event, ForwardKind, LineId};

impl Cluster {
    /// Lets a line's calls go elsewhere, or (`None`) come again. That all go elsewhere is told on every device with the line.
    pub fn set_forward(&mut self, line: LineId, kind: ForwardKind, to: Option<Destination>) {
        let forwards = &mut self.line_mut(line).forwards;
        let place = match kind {
            ForwardKind::All => &mut forwards.all,
            ForwardKind::Busy => &mut forwards.busy,
            ForwardKind::NoAnswer => &mut forwards.no_answer,
        };
        if *place == to {
            return;
        }
        *place = to.clone();
        if kind == ForwardKind::All {
            let party = to.map(|to| self.destination_party(&to));
            for appearance in self.line(line).appearances.clone() {
                self.events.push_back(Event::Forwarding(appearance, party.clone()));
            }
        }
    }
}
