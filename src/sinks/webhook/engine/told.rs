//! What becomes known of deliveries: counted, kept, logged, and told as events.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::live::Live;
use super::{GivenUp, made};
use crate::event::{Body, Encoder, Event, EventType, JournalBody, WebhookBody};
use crate::gateway::{Gateway, keys};
use crate::journal::{Entry, Keys, Sequence};
use crate::sinks::webhook::control::{Disabled, Endpoint};
use crate::sinks::webhook::records::Records;
use crate::sinks::webhook::schedule::Effect;
use crate::sinks::webhook::{Fault, Outcome};
use crate::telemetry::Occurrence;
use crate::time::Timestamp;

/// The event of a test, but for its id and time.
const TEST: &str = include_str!("test_event.json");

/// To whom it is told.
#[derive(Clone)]
pub struct Told {
    pub gateway: Arc<Gateway>,
    pub records: Arc<Records>,
    pub given_up: mpsc::UnboundedSender<GivenUp>,
}

impl Told {
    /// Tells what the schedule found.
    pub fn tell(&self, live: &Live, effect: Effect) {
        let metrics = self.gateway.metrics();
        match effect {
            Effect::Attempt(attempt) => {
                live.metrics.attempt(&attempt);
                live.records.attempt(attempt);
                if attempt.outcome == Outcome::Delivered {
                    live.metrics.delivered(1);
                }
            }
            Effect::Dead(letter) => {
                live.records.dead(letter);
                if let Some(untold) = live.metrics.dead(&letter) {
                    metrics.emit(Occurrence::WebhookDead { webhook: live.name(), letter: &letter, untold });
                }
            }
            Effect::Opened { reason } => {
                metrics.emit(Occurrence::WebhookBreakerOpened { webhook: live.name(), reason: &reason });
                self.event(live, EventType::WebhookBreakerOpened, reason);
            }
            Effect::Closed { since } => {
                metrics.emit(Occurrence::WebhookBreakerClosed { webhook: live.name() });
                self.event(live, EventType::WebhookBreakerClosed, format!("it takes events again; it was left alone since {since}"));
            }
            Effect::Disabled { reason } => {
                metrics.emit(Occurrence::WebhookDisabled { webhook: live.name(), reason: &reason });
                self.event(live, EventType::WebhookDisabled, reason.clone());
                self.send_up(live.name(), reason);
            }
        }
    }

    /// An endpoint cannot even begin.
    pub fn give_up(&self, name: &str, reason: String) {
        self.gateway.metrics().emit(Occurrence::WebhookDisabled { webhook: name, reason: &reason });
        let body = WebhookBody { webhook: name.into(), reason: reason.clone(), since: None, failures: 0 };
        self.gateway.webhook_changed(EventType::WebhookDisabled, Timestamp::now(), body);
        self.send_up(name, reason);
    }

    fn send_up(&self, name: &str, reason: String) {
        let _ = self.given_up.send(GivenUp { name: name.into(), disabled: Disabled { reason, since: Timestamp::now() } });
    }

    fn event(&self, live: &Live, kind: EventType, reason: String) {
        let (since, failures) = {
            let schedule = live.schedule();
            (schedule.circuit().failing_since(), schedule.circuit().failures())
        };
        let body = WebhookBody { webhook: live.name().into(), reason, since, failures: failures.into() };
        self.gateway.webhook_changed(kind, Timestamp::now(), body);
    }
}

/// What stands for events that the log no longer has when an endpoint comes to them.
pub fn gap(epoch: u64, first: Sequence, last: Sequence) -> Entry {
    let time = Timestamp::now();
    let body = Body::Journal(JournalBody { first, last, reason: "trimmed" });
    let event = Event { time, kind: EventType::JournalGap, source: "/callcast".into(), body };
    let mut keys = Keys::default();
    keys::push(&event, &mut keys);
    let mut text = Vec::new();
    Encoder::new(epoch).encode(&event, last, &mut text);
    Entry { epoch, sequence: last, time, keys, event: text.into() }
}

/// Sends an endpoint an event that is marked as a test. Over a connection of its own: one that is open proves little.
pub async fn test(endpoint: Arc<Endpoint>) -> (Option<u16>, Option<Fault>, String) {
    let (plan, client) = match made(endpoint).await {
        Ok(made) => made,
        Err(wrong) => return (None, None, wrong),
    };
    let now = Timestamp::now();
    let (epoch, sequence) = (0, now.0);
    // The same id as in `webhook-id`, as with every event.
    let event = Bytes::from(TEST.replace("{id}", &format!("{epoch}-{sequence}")).replace("{time}", &now.to_string()));
    let entry = Entry { epoch, sequence, time: now, keys: Keys::default(), event };
    match plan.prepare(&[&entry], now) {
        Err(fault) => (None, Some(Fault::Template), fault.to_string()),
        Ok(prepared) => match client.send(|| Ok(prepared.clone())).await {
            Ok(answer) => (Some(answer.status), None, String::new()),
            Err(failed) => (None, Some(failed.fault), failed.text),
        },
    }
}
