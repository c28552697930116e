//! What holds of all flows holds of generated calls too: thousands of all kinds, through session, call model and log, on a clock of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

#[path = "flow_support"]
mod flow_support {
    pub mod invariants;
    pub mod times;
}

use std::sync::Arc;
use std::time::Duration;

use callcast::access::Scope;
use callcast::calls::{CallModel, Ids};
use callcast::cti::inventory::DeviceList;
use callcast::cti::{Config, Notice, Observer, SessionId};
use callcast::event::Filter;
use callcast::gateway::Gateway;
use callcast::hub::{Drained, Mailbox};
use callcast::journal::Journal;
use callcast::load::lockstep::Lockstep;
use callcast::sim;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use flow_support::invariants::faults;
use serde_json::Value as Json;

const DEVICES: u32 = 80;
/// How long calls are made, and until when all of them are over.
const MADE: Duration = Duration::from_secs(600);
const OVER: Duration = Duration::from_secs(6000);

#[test]
fn generated_calls_of_all_kinds_keep_to_the_rules_and_end() {
    let calls = sim::CallMix { per_second: 3.0, ..sim::CallMix::default() };
    let cluster = sim::Config { devices: DEVICES, shared_lines: 10, calls, ..sim::Config::default() };
    let mut session = Config::new(vec!["cucm".into()], cluster.accounts[0].user.clone());
    session.pace.devices_per_second = 0;
    let inventory = "device,user\n".to_owned() + &(1..=DEVICES).map(|i| format!("{},user{i}\n", sim::phone_name(i))).collect::<String>();
    let began = Timestamp(1_800_000_000_000_000);
    let mut lockstep = Lockstep::new(&cluster, session, DeviceList::from_csv(&inventory).unwrap(), began).unwrap();
    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), Journal::temporary().unwrap(), Metrics::new().unwrap()));
    let mailbox = Arc::new(Mailbox::new(1_000_000));
    gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), None).unwrap();
    lockstep.simulation.set_paused(true);
    let mut observe = |at, notices: &[Notice<'_>]| gateway.observe(SessionId(0), at, notices);
    for (until, paused) in [(Duration::from_secs(5), true), (MADE, false), (OVER, true)] {
        lockstep.simulation.set_paused(paused);
        while lockstep.now() < until {
            let limit = (lockstep.now() + Duration::from_millis(250)).min(until);
            lockstep.step(limit, &mut observe).unwrap();
            gateway.advance(lockstep.at());
        }
    }

    let mut frames = Vec::new();
    assert_eq!(mailbox.drain(&mut frames, usize::MAX), Drained::Empty);
    let events: Vec<Json> = frames.iter().map(|frame| serde_json::from_slice::<Json>(frame.event()).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == format!("callcast.call.{kind}")).count();
    for kind in ["transferred", "conferenced", "diverted", "parked", "retrieved", "merged", "missed", "answered"] {
        assert!(of(kind) > 0, "no call was {kind}");
    }
    assert_eq!(of("started"), of("ended") + of("merged"), "every call that starts ends, or becomes part of another");
    assert_eq!((gateway.calls(), lockstep.simulation.standing()), (0, 0));
    let faults = faults(&events);
    assert!(faults.is_empty(), "{} faults in {} events:\n{}", faults.len(), events.len(), faults.join("\n"));
}
