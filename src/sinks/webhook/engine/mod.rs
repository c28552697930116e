//! Whatever runs the endpoints: a thread of its own, so that they take nothing from those who read calls or watch them.
//!
//! Each endpoint has a [`runner`]; a replay has one more. What they find out is told here: counted, kept, put into the log.

mod feed;
mod live;
mod runner;
mod sending;
mod told;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio_util::sync::CancellationToken;

use self::feed::{Feed, Start};
use self::live::{Live, state_of};
use self::runner::{Command, Runner, begin, lock};
use self::told::Told;
use super::control::{Control, Disabled, Endpoint, NotAgain, Standing, Status, Tested};
use super::records::Records;
use super::schedule::{Rules, Schedule};
use super::{Client, Plan, Verdict};
use crate::gateway::Gateway;
use crate::journal::{Cursor, Entry, Position, Sequence};
use crate::time::Timestamp;

/// An endpoint that is to be given up.
#[derive(Debug)]
pub struct GivenUp {
    /// Its name.
    pub name: String,
    /// Why.
    pub disabled: Disabled,
}

/// The endpoints, and the thread that runs them.
pub struct Engine {
    orders: mpsc::UnboundedSender<Order>,
    slots: Slots,
    gateway: Arc<Gateway>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

type Commands = mpsc::UnboundedReceiver<Command>;
type Range = (Sequence, Sequence);
type Slots = Arc<Mutex<HashMap<String, Slot>>>;

/// What is known of an endpoint.
struct Slot {
    endpoint: Arc<Endpoint>,
    /// While it gets anything.
    live: Option<Arc<Live>>,
    /// To its runner, which may still have to start.
    commands: mpsc::UnboundedSender<Command>,
    replay: Replay,
}

enum Replay {
    None,
    /// It was ordered, and begins when the thread comes to it.
    Ordered {
        from: Sequence,
        until: Sequence,
    },
    Running {
        live: Arc<Live>,
        until: Sequence,
    },
}

enum Order {
    Set(Arc<Endpoint>, Commands),
    Remove(String),
    Replay { name: String, from: Sequence, until: Sequence },
    Stop(oneshot::Sender<()>),
}

/// An endpoint on the thread: it runs, or what is left of it is put away.
struct Running {
    stop: CancellationToken,
    /// Replays, which are done one after the other.
    replays: mpsc::UnboundedSender<Range>,
    ended: JoinHandle<()>,
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        // A task of ours does not panic.
        let _ = self.ended.await;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("endpoints", &lock(&self.slots).len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the thread. What it gives up is told by what is returned beside it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(gateway: Arc<Gateway>, records: Arc<Records>) -> std::io::Result<(Arc<Self>, mpsc::UnboundedReceiver<GivenUp>)> {
        let (given_up, to_give_up) = mpsc::unbounded_channel();
        let (orders, mut taken) = mpsc::unbounded_channel();
        let slots = Slots::default();
        let runtime = runtime::Builder::new_current_thread().enable_all().thread_keep_alive(Duration::from_secs(60)).build()?;
        let told = Told { gateway: Arc::clone(&gateway), records, given_up };
        let on_thread = Arc::clone(&slots);
        let thread = thread::Builder::new().name("webhooks".into()).spawn(move || {
            LocalSet::new().block_on(&runtime, obey(&mut taken, &told, &on_thread));
        })?;
        Ok((Arc::new(Self { orders, slots, gateway, thread: Mutex::new(Some(thread)) }), to_give_up))
    }

    /// Waits for what is on its way, and stops. What is not done goes on after the next start.
    pub async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).is_ok() {
            let _ = drained.await;
        }
        let thread = lock(&self.thread).take();
        let _ = tokio::task::spawn_blocking(|| thread.map(thread::JoinHandle::join)).await;
    }
}

/// The cursors of an endpoint: its own, and where a replay is and ends.
fn cursors(name: &str) -> [String; 3] {
    [format!("webhook-{name}"), format!("webhook-{name}.replay"), format!("webhook-{name}.until")]
}

/// The name of the webhook whose cursor this is: while it is there it writes its cursor again and again.
pub fn webhook_of_cursor(cursor: &str) -> Option<&str> {
    cursor.strip_prefix("webhook-").map(|rest| rest.split('.').next().unwrap_or(rest))
}

/// The thread.
async fn obey(orders: &mut mpsc::UnboundedReceiver<Order>, told: &Told, slots: &Slots) {
    let mut running: HashMap<String, Running> = HashMap::new();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Set(endpoint, commands) => {
                let name = endpoint.config.name.clone();
                let start = Starting { told: told.clone(), slots: Arc::clone(slots), endpoint };
                let before = running.remove(&name);
                running.insert(name, start.spawn(before, commands));
            }
            Order::Remove(name) => {
                let before = running.remove(&name);
                let removal = remove(told, name.clone(), before);
                running.insert(name, removal);
            }
            Order::Replay { name, from, until } => {
                let is_taken = running.get(&name).is_some_and(|running| running.replays.send((from, until)).is_ok());
                if !is_taken && let Some(slot) = lock(slots).get_mut(&name) {
                    slot.replay = Replay::None;
                }
            }
            Order::Stop(done) => {
                running.values().for_each(|running| running.stop.cancel());
                for (_, running) in running {
                    running.end().await;
                }
                let _ = done.send(());
                return;
            }
        }
        running.retain(|_, running| !running.ended.is_finished());
    }
}

/// Puts away what is left of an endpoint. One of the same name waits for that.
fn remove(told: &Told, name: String, before: Option<Running>) -> Running {
    let gateway = Arc::clone(&told.gateway);
    let ended = spawn_local(async move {
        if let Some(before) = before {
            before.end().await;
        }
        forget(&gateway, cursors(&name).into()).await;
    });
    Running { stop: CancellationToken::new(), replays: mpsc::unbounded_channel().0, ended }
}

async fn forget(gateway: &Arc<Gateway>, names: Vec<String>) {
    let gateway = Arc::clone(gateway);
    let deleted = tokio::task::spawn_blocking(move || {
        for name in names {
            if let Err(error) = gateway.journal().cursors().delete(&name) {
                gateway.metrics().emit(crate::telemetry::Occurrence::WebhookCursor { cursor: &name, error: &error });
            }
        }
    });
    let _ = deleted.await;
}

/// An endpoint on its way to run.
struct Starting {
    told: Told,
    slots: Slots,
    endpoint: Arc<Endpoint>,
}

impl Starting {
    /// Runs it once what was before has ended.
    fn spawn(self, before: Option<Running>, commands: Commands) -> Running {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (replays, ordered) = mpsc::unbounded_channel();
        let ended = spawn_local(async move {
            if let Some(before) = before {
                before.end().await;
            }
            if self.endpoint.runs() {
                join(self.run(commands, &stopped), self.replay(ordered, &stopped)).await;
            } else {
                let [_, replay, until] = cursors(&self.endpoint.config.name);
                forget(&self.told.gateway, vec![replay, until]).await;
            }
        });
        Running { stop, replays, ended }
    }

    /// Runs the replay that was under way when we stopped, and those that are ordered.
    async fn replay(&self, mut ordered: mpsc::UnboundedReceiver<Range>, stop: &CancellationToken) {
        let mut range = None;
        while !stop.is_cancelled() {
            self.replay_one(range, stop).await;
            if ordered.is_empty() {
                self.change(|slot| slot.replay = Replay::None);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                next = ordered.recv() => match next {
                    Some(next) => range = Some(next),
                    // Nobody can order one any more: it is about to be stopped.
                    None => return,
                },
            }
        }
    }

    async fn replay_one(&self, range: Option<Range>, stop: &CancellationToken) {
        let [_, cursor, end] = cursors(&self.endpoint.config.name);
        let Some(until) = self.replay_until(range, &cursor, &end).await else { return };
        let feed = Feed::new(&self.told.gateway, Some(until));
        // Nobody commands it.
        let commands = mpsc::unbounded_channel().1;
        if let Some(runner) = self.runner(feed, cursor.clone(), Timestamp::now(), commands).await {
            let live = Arc::clone(&runner.live);
            self.change(|slot| slot.replay = Replay::Running { live, until });
            runner.run(stop.clone()).await;
        }
        if !stop.is_cancelled() {
            forget(&self.told.gateway, vec![end, cursor]).await;
        }
    }

    /// Where a replay ends; one that is new is written down first.
    async fn replay_until(&self, range: Option<Range>, cursor: &str, end: &str) -> Option<Sequence> {
        let (gateway, cursor, end) = (Arc::clone(&self.told.gateway), cursor.to_owned(), end.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let (cursors, reader) = (gateway.journal().cursors(), gateway.reader());
            let at = |sequence| Position::new(Cursor { journal: reader.id(), epoch: reader.epoch(), sequence });
            if let Some((from, until)) = range {
                cursors.set(&cursor, &at(from.saturating_sub(1))).ok()?;
                cursors.set(&end, &at(until)).ok()?;
            }
            cursors.get(&end).ok().flatten().map(|position| position.reached.sequence)
        });
        found.await.ok().flatten()
    }

    async fn run(&self, commands: Commands, stop: &CancellationToken) {
        let [cursor, ..] = cursors(&self.endpoint.config.name);
        let feed = Feed::new(&self.told.gateway, None);
        let Some(runner) = self.runner(feed, cursor, Timestamp(0), commands).await else { return };
        let live = Arc::clone(&runner.live);
        self.change(|slot| slot.live = Some(live));
        runner.run(stop.clone()).await;
    }

    async fn runner(&self, feed: Feed, cursor: String, since: Timestamp, commands: Commands) -> Option<Runner> {
        match self.parts(&feed, &cursor).await {
            Ok((live, start)) => {
                let runner = Runner::new(Arc::new(live), self.told.clone(), feed, cursor, commands, since);
                runner.take_up(start.parked, start.lost);
                Some(runner)
            }
            Err(reason) => {
                self.told.give_up(&self.endpoint.config.name, reason);
                None
            }
        }
    }

    async fn parts(&self, feed: &Feed, cursor: &str) -> Result<(Live, Start), String> {
        let endpoint = Arc::clone(&self.endpoint);
        let (plan, client) = made(Arc::clone(&endpoint)).await?;
        let records = self.told.records.endpoint(&endpoint.config.name).map_err(|error| error.to_string())?;
        let start = begin(&self.told, feed, cursor).await?;
        let schedule = Mutex::new(Schedule::new(Rules::new(&endpoint.config, plan.dead_statuses()), start.reached));
        let metrics = self.told.gateway.metrics().webhook(&endpoint.config.name);
        Ok((Live { endpoint, plan, client, metrics, records, schedule }, start))
    }

    fn change(&self, change: impl FnOnce(&mut Slot)) {
        if let Some(slot) = lock(&self.slots).get_mut(&self.endpoint.config.name).filter(|slot| Arc::ptr_eq(&slot.endpoint, &self.endpoint))
        {
            change(slot);
        }
    }
}

/// What an endpoint is sent, and how. Certificates are read for that: not on this thread.
async fn made(endpoint: Arc<Endpoint>) -> Result<(Plan, Client), String> {
    let made = tokio::task::spawn_blocking(move || {
        let first = |wrong: Vec<String>| wrong.into_iter().next().unwrap_or_default();
        let plan = Plan::new(&endpoint.config).map_err(|wrong| first(wrong.iter().map(ToString::to_string).collect()))?;
        let client = Client::new(&endpoint.config).map_err(|wrong| first(wrong.iter().map(ToString::to_string).collect()))?;
        Ok((plan, client))
    });
    made.await.map_err(|error| error.to_string())?
}

impl Control for Engine {
    fn set(&self, endpoint: Arc<Endpoint>) {
        let mut slots = lock(&self.slots);
        let (commands, taken) = mpsc::unbounded_channel();
        let slot = Slot { endpoint: Arc::clone(&endpoint), live: None, commands, replay: Replay::None };
        slots.insert(endpoint.config.name.clone(), slot);
        // Under the lock, so that orders come in the order of what is known.
        let _ = self.orders.send(Order::Set(endpoint, taken));
    }

    fn remove(&self, name: &str) {
        let mut slots = lock(&self.slots);
        slots.remove(name);
        let _ = self.orders.send(Order::Remove(name.into()));
    }

    fn status(&self, name: &str) -> Option<Status> {
        let (endpoint, live) = {
            let slots = lock(&self.slots);
            let slot = slots.get(name)?;
            (Arc::clone(&slot.endpoint), slot.live.clone())
        };
        let (reader, now) = (self.gateway.reader(), Timestamp::now());
        if let Some(live) = live {
            return Some(live.status(reader, now));
        }
        let position = self.gateway.journal().cursors().get(&cursors(name)[0]).ok().flatten();
        let lag = |position: Position| (reader.range().next - 1).saturating_sub(position.reached.sequence) + position.parked.len() as u64;
        Some(Status { state: state_of(&endpoint), lag_events: position.map_or(0, lag), ..Status::default() })
    }

    fn replay(&self, name: &str, from: Sequence, until: Sequence) -> Result<(), NotAgain> {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.get_mut(name).filter(|slot| slot.endpoint.runs()) else { return Err(NotAgain::NotRunning) };
        match &slot.replay {
            Replay::None => {}
            Replay::Ordered { from, until } => return Err(NotAgain::Busy { from: *from, until: *until }),
            Replay::Running { live, until } => {
                let schedule = live.schedule();
                let from = schedule.first().unwrap_or(schedule.reached().sequence + 1);
                return Err(NotAgain::Busy { from, until: *until });
            }
        }
        slot.replay = Replay::Ordered { from, until };
        let _ = self.orders.send(Order::Replay { name: name.into(), from, until });
        Ok(())
    }

    fn redeliver(&self, name: &str, events: Vec<Sequence>) -> Result<(), NotAgain> {
        let slots = lock(&self.slots);
        let running = slots.get(name).filter(|slot| slot.endpoint.runs());
        let taken = running.and_then(|slot| slot.commands.send(Command::Redeliver(events)).ok());
        taken.ok_or(NotAgain::NotRunning)
    }

    fn test(&self, name: &str) -> BoxFuture<'static, Tested> {
        let endpoint = lock(&self.slots).get(name).map(|slot| Arc::clone(&slot.endpoint));
        async move {
            let began = Instant::now();
            let (status, fault, text) = match endpoint {
                Some(endpoint) => told::test(endpoint).await,
                None => (None, None, "there is no such endpoint".into()),
            };
            Tested { status, fault, text, took: began.elapsed() }
        }
        .boxed()
    }

    fn why(&self, name: &str, event: &Entry) -> Option<Standing> {
        let (endpoint, live) = {
            let slots = lock(&self.slots);
            let slot = slots.get(name)?;
            (Arc::clone(&slot.endpoint), slot.live.clone())
        };
        if let Some(live) = live {
            return Some(live.standing(event));
        }
        // One that gets nothing now: as it was written down.
        if let Ok(plan) = Plan::new(&endpoint.config)
            && let Verdict::Unwanted(by) = plan.wants(event)
        {
            return Some(Standing::Unwanted(by));
        }
        let position = self.gateway.journal().cursors().get(&cursors(name)[0]).ok().flatten()?;
        Some(if event.sequence > position.reached.sequence {
            Standing::NotReadYet
        } else if position.parked.contains(&event.sequence) {
            Standing::Waiting
        } else {
            Standing::Done
        })
    }
}
