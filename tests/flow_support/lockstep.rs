//! A flow over the wire without a wire: the simulated cluster and the session as machines, bytes between them, and a clock of our own.
//!
//! Everything between two moments takes no time, so that events have the times of the messages, exactly.

use std::sync::Arc;
use std::time::Duration;

use callcast::cti::inventory::DeviceList;
use callcast::cti::{self, Notice, Observer, SessionId, SessionState};
use callcast::load::lockstep::Lockstep;
use callcast::sim::Flow;
use callcast::time::Timestamp;
use serde_json::Value as Json;

use super::{Listener, USER, cluster, inventory};

/// How often the gateway is told the time while nothing happens.
const STEP: Duration = Duration::from_millis(100);
/// How often devices are asked whose legs the gateway doubts.
const QUESTION: Duration = Duration::from_secs(5);
/// How long time goes on after the last message: calls may end late.
const AFTERWARDS: Duration = Duration::from_secs(15);
/// From the beginning of a session to its first message.
const OPENING: Duration = Duration::from_secs(1);
/// The time of day at which all flows begin.
const BEGAN: Timestamp = Timestamp(1_800_000_000_000_000);

/// What became of a flow.
pub struct Outcome {
    /// All events, from the first of the session.
    pub events: Vec<Json>,
    /// How the session stood at the end.
    pub state: SessionState,
}

/// Plays a flow to the end and beyond.
pub fn play(flow: &Flow) -> Outcome {
    let mut session = cti::Config::new(vec!["cucm".into()], USER.into());
    session.pace.devices_per_second = 0;
    session.inventory.control_list_only = true;
    let inventory = DeviceList::from_csv(&inventory(flow)).unwrap();
    let mut lockstep = Lockstep::new(&cluster(flow), session, inventory, BEGAN).unwrap();
    let listener = Listener::new();
    let last = flow.messages.last().map_or(Duration::ZERO, |message| message.at);
    run(&mut lockstep, &listener, OPENING + last + AFTERWARDS);
    Outcome { events: listener.events(), state: lockstep.status().summary().state }
}

fn run(lockstep: &mut Lockstep, listener: &Listener, until: Duration) {
    let gateway = &listener.gateway;
    let mut observe = |at, notices: &[Notice<'_>]| gateway.observe(SessionId(0), at, notices);
    lockstep.settle(&mut observe).unwrap();
    while lockstep.now() <= until {
        let steps = lockstep.now().as_millis() / STEP.as_millis() + 1;
        lockstep.step(STEP * u32::try_from(steps).unwrap(), &mut observe).unwrap();
        // What the auditor does while nothing comes from the cluster.
        gateway.advance(lockstep.at());
        if lockstep.now().as_millis().is_multiple_of(QUESTION.as_millis()) {
            let mut devices: Vec<Arc<str>> = gateway.doubts(lockstep.at()).into_iter().map(|(_, device)| device).collect();
            devices.sort();
            lockstep.session.ask_states(&devices);
            lockstep.settle(&mut observe).unwrap();
        }
    }
}
