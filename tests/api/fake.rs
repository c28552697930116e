//! What delivers to webhooks in these tests: it sends nothing, and says what it is told to say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use callcast::journal::{Entry, Sequence};
use callcast::sinks::webhook::control::{Attempted, Breaker, NotAgain, Standing, State, Status, Tested};
use callcast::sinks::webhook::records::Records;
use callcast::sinks::webhook::store::Store;
use callcast::sinks::webhook::{Common, Config, Control, Endpoint, Fault, Registry};
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

/// A time that is told.
pub const AT: Timestamp = Timestamp(1_795_421_700_000_000);

#[derive(Debug, Default)]
pub struct Fake(Mutex<Told>);

/// What it was told, and what it says.
#[derive(Debug, Default)]
pub struct Told {
    pub endpoints: BTreeMap<String, Arc<Endpoint>>,
    pub replays: Vec<(String, Sequence, Sequence)>,
    pub redelivered: Vec<(String, Vec<Sequence>)>,
    pub busy: Option<NotAgain>,
    pub standing: Option<Standing>,
    pub breaker: Breaker,
    pub fails: bool,
}

impl Fake {
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }
}

impl Control for Fake {
    fn set(&self, endpoint: Arc<Endpoint>) {
        let mut told = self.told();
        told.endpoints.insert(endpoint.config.name.clone(), endpoint);
        told.breaker = Breaker::Closed;
    }

    fn remove(&self, name: &str) {
        self.told().endpoints.remove(name);
    }

    fn status(&self, name: &str) -> Option<Status> {
        let told = self.told();
        let endpoint = told.endpoints.get(name)?;
        let state = match (&endpoint.paused, &endpoint.disabled) {
            (_, Some(_)) => State::Disabled,
            (Some(_), _) => State::Paused,
            _ => State::Running,
        };
        let open = told.breaker != Breaker::Closed;
        let failure = Attempted { at: AT, status: None, fault: Some(Fault::Tls), text: "the certificate is not trusted".into() };
        Some(Status {
            state,
            breaker: told.breaker,
            opened_at: open.then_some(AT),
            next_probe: open.then_some(AT),
            lag_events: 3,
            lag_seconds: 1.5,
            last_success: Some(Attempted { at: AT, status: Some(204), fault: None, text: String::new() }),
            last_failure: Some(failure),
            ..Status::default()
        })
    }

    fn replay(&self, name: &str, from: Sequence, until: Sequence) -> Result<(), NotAgain> {
        let mut told = self.told();
        if let Some(busy) = told.busy {
            return Err(busy);
        }
        told.replays.push((name.into(), from, until));
        Ok(())
    }

    fn redeliver(&self, name: &str, events: Vec<Sequence>) -> Result<(), NotAgain> {
        let mut told = self.told();
        if let Some(busy) = told.busy {
            return Err(busy);
        }
        told.redelivered.push((name.into(), events));
        Ok(())
    }

    fn test(&self, _: &str) -> BoxFuture<'static, Tested> {
        let took = Duration::from_millis(12);
        let tested = if self.told().fails {
            Tested { status: None, fault: Some(Fault::Unreachable), text: "nobody took the connection".into(), took }
        } else {
            Tested { status: Some(204), fault: None, text: String::new(), took }
        };
        async { tested }.boxed()
    }

    fn why(&self, name: &str, _: &Entry) -> Option<Standing> {
        let told = self.told();
        told.endpoints.get(name)?;
        told.standing
    }
}

/// Webhooks of which one, `of-file`, is in the configuration's file.
pub fn webhooks(folder: &Path, metrics: Arc<Metrics>) -> (Arc<Registry>, Arc<Fake>) {
    let config: Config = serde_json::from_value(json!({
        "name": "of-file", "url": "https://file.example/secret-path", "headers": {"x-key": "secret-key"},
        "auth": {"basic": {"user": "callcast", "password": "secret-password"}},
    }))
    .unwrap();
    let store = Store::open(folder, &[config], Path::new("/etc/callcast/callcast.toml")).unwrap();
    let records = Arc::new(Records::open(folder, &Common::default(), Arc::clone(&metrics)).unwrap());
    let control = Arc::new(Fake::default());
    let registry = Arc::new(Registry::new(store, Arc::clone(&control) as Arc<dyn Control>, records, metrics));
    registry.start();
    (registry, control)
}
