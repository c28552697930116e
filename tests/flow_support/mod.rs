//! What the tests of flows share: the files, the gateway behind a session, and the story that its events tell.

pub mod catalogue;
pub mod diff;
pub mod lockstep;
pub mod sockets;
pub mod story;
pub mod times;

use std::sync::Arc;

use callcast::access::Scope;
use callcast::calls::{CallModel, Ids};
use callcast::event::Filter;
use callcast::gateway::{Gateway, Outgoing};
use callcast::hub::{Drained, Mailbox};
use callcast::journal::Journal;
use callcast::sim::{self, AccountConfig, Flow, Recording};
use callcast::telemetry::Metrics;
use serde_json::Value as Json;

pub const USER: &str = "ctiuser";
pub const PASSWORD: &str = "secret";

/// A cluster of nothing but the flow's phones, in which nothing happens but the flow.
pub fn cluster(flow: &Flow) -> sim::Config {
    let account = AccountConfig { user: USER.into(), password: PASSWORD.into(), control_any_device: false, ..AccountConfig::default() };
    sim::Config {
        devices: 0,
        accounts: vec![account],
        recording: Some(Recording::from(flow)),
        calls: sim::CallMix { per_second: 0.0, ..sim::CallMix::default() },
        // A key of the recorded sessions: to make one for each flow takes longer than to play it.
        key_pem: Some(include_str!("../fixtures/ctiqbe/transcripts/server-key.pem").into()),
        ..sim::Config::default()
    }
}

/// The inventory that says whose the phones are, as CSV.
pub fn inventory(flow: &Flow) -> String {
    let row = |phone: &sim::flow::Phone| format!("{},{}\n", phone.device, phone.user);
    format!("device,user\n{}", flow.phones.iter().map(row).collect::<String>())
}

/// A gateway and a client that gets all that it tells.
pub struct Listener {
    pub gateway: Arc<Gateway>,
    mailbox: Arc<Mailbox<Outgoing>>,
}

impl Listener {
    pub fn new() -> Self {
        let (calls, journal) = (CallModel::new(Ids::seeded(1), false), Journal::temporary().unwrap());
        let gateway = Arc::new(Gateway::new(calls, journal, Metrics::new().unwrap()));
        let mailbox = Arc::new(Mailbox::new(10_000));
        gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), None).unwrap();
        Self { gateway, mailbox }
    }

    /// The CloudEvents that came since the last time.
    pub fn events(&self) -> Vec<Json> {
        let mut frames = Vec::new();
        assert_eq!(self.mailbox.drain(&mut frames, usize::MAX), Drained::Empty);
        let event = |frame: Outgoing| serde_json::from_slice::<Json>(frame.event()).unwrap();
        frames.into_iter().map(event).collect()
    }
}

/// The events of the play itself: those after the session had opened all that the flow needs.
pub fn of_play(events: &[Json]) -> &[Json] {
    let opened = events.iter().position(|event| event["type"] == "callcast.session.resynced");
    opened.map_or(&[], |at| &events[at + 1..])
}
