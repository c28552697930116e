//! A bench whose gateway is killed and starts again.

use std::sync::Arc;
use std::time::Duration;

use callcast::calls::revive::Revival;
use callcast::calls::{CallModel, Ids};
use callcast::cti::{DeviceChange, LineChange, Notice, SessionId};
use callcast::ctiqbe::messages::ExistingCallCompletedEvent;
use callcast::ctiqbe::names::DeviceUnregisteredReason;
use callcast::ctiqbe::{FRAME_LIMIT, Frame, VERSION_12_5, encode};
use callcast::event::Encoder;

use super::bench::{Bench, Place};
use super::standing::Standing;

impl Bench {
    /// The gateway is killed, and starts again beside a cluster where this stands: what was told is all that it knows.
    pub fn restart(&mut self, sessions: u16, standing: &Standing) {
        // Another at every start.
        let epoch = 10 + self.sequence;
        self.encoder = Encoder::new(epoch);
        self.model = CallModel::new(Ids::seeded(epoch), false);
        let revived = Revival::from_story(self.told.iter().map(Vec::as_slice));
        self.model.revive(revived, usize::from(sessions), self.at(), self.at());
        for session in 0..sessions {
            self.notice(SessionId(session), &Notice::Connected { manager: "cucm", cluster: "test" });
        }
        for flow in 0..self.places.len() {
            for at in 0..self.places[flow].len() {
                let Place { session, handle, line, out } = &mut self.places[flow][at];
                // Another session, other handles.
                handle.line += 1000;
                let (session, handle, line, out) = (*session, *handle, Arc::clone(line), *out);
                if out {
                    let change = DeviceChange::Unregistered(DeviceUnregisteredReason::UNKNOWN);
                    self.notice(session, &Notice::Device { device: &line.device, change });
                    continue;
                }
                self.notice(session, &Notice::Device { device: &line.device, change: DeviceChange::InService });
                self.notice(session, &Notice::Line { line: &line, change: LineChange::Opened(handle) });
                self.notice(session, &Notice::Line { line: &line, change: LineChange::InService });
                for bytes in standing.existing(flow, at, handle.line) {
                    self.notice(session, &Notice::Message(Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap()));
                }
                let all = ExistingCallCompletedEvent { line_call_manager_id: handle.call_manager, line_id: handle.line };
                let mut bytes = Vec::new();
                encode(&all, VERSION_12_5, &mut bytes);
                self.notice(session, &Notice::Message(Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap()));
            }
        }
        for session in 0..sessions {
            self.notice(SessionId(session), &Notice::Resynced { in_service: 0, refused: 0 });
        }
    }

    /// Goes on until nobody waits for what may have come while the gateway was away.
    pub fn wait_long(&mut self) {
        self.advance(self.now + Duration::from_secs(70));
    }

    /// How many legs are up.
    pub fn legs(&self) -> usize {
        self.model.legs()
    }

    /// The flows and places that are out of service.
    pub fn out_of_service(&self) -> Vec<(usize, usize)> {
        let of_flow = |(flow, places): (usize, &Vec<Place>)| {
            let out = places.iter().enumerate().filter(|(_, place)| place.out);
            out.map(|(at, _)| (flow, at)).collect::<Vec<_>>()
        };
        self.places.iter().enumerate().flat_map(of_flow).collect()
    }
}
