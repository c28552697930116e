//! What drives the simulation: the clock, the connections, and the lock that they share.
//!
//! Everybody locks the simulation for as long as it takes to handle what has arrived, microseconds; what it has to say is then moved to
//! the clients' outboxes, and each connection's writer takes all that waits there in one write.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::occurrence::Occurrence;
use super::simulation::{ManagerId, SessionId, Simulation};
use crate::ctiqbe::DecodeError;

/// How many clients there may be at once.
const CLIENT_LIMIT: usize = 1024;
/// The clock does not tick faster: what is due meanwhile is done together.
const TICK: Duration = Duration::from_millis(1);

/// What waits to be written to a client.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<OutboxState>,
    wake: Notify,
    given_up: Notify,
}

#[derive(Debug, Default)]
struct OutboxState {
    bytes: Vec<u8>,
    closing: bool,
    given_up: bool,
}

impl Outbox {
    /// Waits for bytes, and swaps them for `spent`, an empty buffer; whether the connection ends after them.
    pub async fn next(&self, spent: &mut Vec<u8>) -> bool {
        loop {
            let woken = self.wake.notified();
            {
                let mut state = lock(&self.state);
                if state.closing || !state.bytes.is_empty() {
                    std::mem::swap(&mut state.bytes, spent);
                    return state.closing;
                }
            }
            woken.await;
        }
    }

    /// Waits until the client is given up: its writer may be stuck in a write that never ends.
    pub async fn given_up(&self) {
        self.given_up.notified().await;
    }

    /// How many bytes wait now.
    fn push(&self, bytes: Vec<u8>, closing: bool) -> usize {
        let mut state = lock(&self.state);
        if state.given_up {
            return 0;
        }
        if state.bytes.is_empty() {
            state.bytes = bytes;
        } else {
            state.bytes.extend_from_slice(&bytes);
        }
        state.closing |= closing;
        self.wake.notify_one();
        state.bytes.len()
    }

    /// Forgets what waits and ends the connection.
    fn give_up(&self) {
        let mut state = lock(&self.state);
        *state = OutboxState { given_up: true, ..OutboxState::default() };
        self.given_up.notify_one();
    }
}

/// A panic elsewhere does not make the data wrong: every change is whole before anything can fail.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The simulation and its clients, shared by all tasks.
#[derive(Debug)]
pub(super) struct Driver {
    inner: Mutex<Inner>,
    started: Instant,
    output_limit: usize,
    /// What the clock waits for, in microseconds since the start.
    waiting_for: AtomicU64,
    sooner: Notify,
    restarts: Vec<mpsc::Sender<Duration>>,
}

#[derive(Debug)]
struct Inner {
    simulation: Simulation,
    outboxes: HashMap<SessionId, Arc<Outbox>>,
}

impl Driver {
    /// A driver whose clock starts now. `restarts` has one sender for each CTIManager.
    pub fn new(simulation: Simulation, output_limit: usize, restarts: Vec<mpsc::Sender<Duration>>) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner { simulation, outboxes: HashMap::new() }),
            started: Instant::now(),
            output_limit,
            waiting_for: AtomicU64::new(u64::MAX),
            sooner: Notify::new(),
            restarts,
        })
    }

    /// Brings the simulation to the present, does something with it, and sends what comes of it.
    pub fn with<R>(&self, act: impl FnOnce(&mut Simulation) -> R) -> R {
        let mut inner = lock(&self.inner);
        let Inner { simulation, outboxes } = &mut *inner;
        simulation.advance(self.started.elapsed());
        let result = act(simulation);
        simulation.take_output(|id, bytes, closing| {
            let Some(outbox) = outboxes.get(&id) else { return };
            let waiting = outbox.push(bytes, closing);
            if waiting > self.output_limit {
                Occurrence::ClientTooSlow { waiting, limit: self.output_limit }.emit();
                outbox.give_up();
            }
        });
        for (ManagerId(index), down) in simulation.take_restarts() {
            if let Some(restarts) = self.restarts.get(index) {
                // A CTIManager that is to restart already many times over may forget one.
                let _ = restarts.try_send(down);
            }
        }
        if simulation.next_due().is_some_and(|due| micros(due) < self.waiting_for.load(Ordering::Relaxed)) {
            self.sooner.notify_one();
        }
        result
    }

    /// A client connected; `None` when there are too many.
    pub fn connect(&self, manager: ManagerId) -> Option<(SessionId, Arc<Outbox>)> {
        let mut inner = lock(&self.inner);
        if inner.outboxes.len() >= CLIENT_LIMIT {
            Occurrence::TooManyClients { limit: CLIENT_LIMIT }.emit();
            return None;
        }
        inner.simulation.advance(self.started.elapsed());
        let id = inner.simulation.connect(manager);
        let outbox = Arc::new(Outbox::default());
        inner.outboxes.insert(id, Arc::clone(&outbox));
        drop(inner);
        self.sooner.notify_one();
        Some((id, outbox))
    }

    /// A client's connection is gone.
    pub fn disconnect(&self, id: SessionId) {
        let mut inner = lock(&self.inner);
        inner.outboxes.remove(&id);
        inner.simulation.disconnect(id);
    }

    /// Takes bytes of a client; how many of them are done with.
    pub fn receive(&self, id: SessionId, bytes: &[u8]) -> Result<usize, DecodeError> {
        self.with(|simulation| simulation.receive(id, bytes))
    }

    /// Keeps the model's clock.
    pub async fn keep_time(&self) {
        loop {
            // Noted under the lock, so that nobody can schedule something sooner unseen.
            let due = self.with(|simulation| {
                let due = simulation.next_due();
                self.waiting_for.store(due.map_or(u64::MAX, micros), Ordering::Relaxed);
                due
            });
            let now = self.started.elapsed();
            let due = due.unwrap_or(now + Duration::from_secs(3600)).max(now + TICK);
            tokio::select! {
                () = tokio::time::sleep(due - now) => {}
                () = self.sooner.notified() => {}
            }
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
