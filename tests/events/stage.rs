//! A gateway to which things happen, and the events that it tells of them, as clients get them.

use std::sync::Arc;
use std::time::Duration;

use callcast::access::Scope;
use callcast::calls::{CallModel, Ids};
use callcast::cti::{Notice, Observer, SessionId};
use callcast::ctiqbe::{FRAME_LIMIT, Frame};
use callcast::event::{EventType, Filter, WebhookBody};
use callcast::gateway::{Gateway, Outgoing};
use callcast::hub::{Drained, Mailbox};
use callcast::journal::Journal;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use serde_json::Value as Json;

use super::playing::Playing;

/// When everything begins: the beginning of a working day.
pub const BEGAN: Timestamp = Timestamp(1_795_421_700_000_000);
/// How long a call without legs may still be waited for.
const AFTERWARDS: Duration = Duration::from_secs(15);

pub struct Stage {
    gateway: Gateway,
    mailbox: Arc<Mailbox<Outgoing>>,
    now: Timestamp,
}

/// An event.
#[derive(Clone)]
pub struct Told {
    pub kind: EventType,
    /// As a client gets it.
    pub text: String,
    pub json: Json,
}

impl Stage {
    /// A gateway whose session was just connected.
    pub fn new() -> Self {
        Self::with_journal(Journal::temporary().unwrap())
    }

    /// The same with a log of its own.
    pub fn with_journal(journal: Journal) -> Self {
        let calls = CallModel::new(Ids::seeded(1), false);
        let gateway = Gateway::new(calls, journal, Metrics::new().unwrap());
        let mailbox = Arc::new(Mailbox::new(10_000));
        gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), None).unwrap();
        let stage = Self { gateway, mailbox, now: BEGAN };
        stage.notice(&Notice::Connected { manager: "cucm-sub1.example.com", cluster: "StandAloneCluster" });
        stage
    }

    pub fn notice(&self, notice: &Notice<'_>) {
        self.gateway.observe(SessionId(0), self.now, std::slice::from_ref(notice));
    }

    pub fn webhook(&self, kind: EventType, body: WebhookBody) {
        self.gateway.webhook_changed(kind, self.now, body);
    }

    /// Plays a flow or a recorded session: its messages go to the call model, at their times.
    pub fn play(&mut self, playing: &Playing) {
        playing.open(|notice| self.notice(notice));
        let began = self.now;
        for (at, bytes) in playing.messages() {
            self.now = after(began, at);
            self.notice(&Notice::Message(Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap()));
        }
        self.now = after(self.now, AFTERWARDS);
        self.gateway.advance(self.now);
    }

    /// Time goes on.
    pub fn wait(&mut self, by: Duration) {
        // The log is tried again by the clock on the wall.
        self.now = after(Timestamp::now(), by);
        self.gateway.advance(self.now);
    }

    /// All events so far.
    pub fn told(self) -> Vec<Told> {
        let mut frames = Vec::new();
        assert_eq!(self.mailbox.drain(&mut frames, usize::MAX), Drained::Empty);
        frames.iter().map(|frame| Told::new(std::str::from_utf8(frame.event()).unwrap())).collect()
    }
}

impl Told {
    fn new(text: &str) -> Self {
        let json: Json = serde_json::from_str(text).unwrap();
        let kind = EventType::ALL.iter().copied().find(|kind| json["type"] == kind.as_str());
        Self { kind: kind.expect("an event has one of the types"), text: text.into(), json }
    }
}

fn after(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp(time.0 + u64::try_from(by.as_micros()).unwrap())
}
