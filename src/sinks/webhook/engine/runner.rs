//! One endpoint: reads what it is to be told, and sends it as its schedule says.

mod again;

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::again::{Fetching, read_all};
use super::feed::{Feed, Piece, Start};
use super::live::Live;
use super::sending::{PAUSE, Sender, Sent};
use super::told::{self, Told};
use crate::journal::{Cursor, Cursors, Entry, JournalError, Position, Sequence};
use crate::sinks::webhook::schedule::{Effect, Load, Schedule};
use crate::telemetry::{Occurrence, Skip};
use crate::time::Timestamp;

/// How soon what was settled is written down.
const NOTE: Duration = Duration::from_millis(20);
/// How often that is synced, and gauges are set.
const SYNC: Duration = Duration::from_secs(1);
/// Entries that are worth reading the log for while there is something to send: few cost nearly as much as many.
const PIECE: usize = 128;
/// Events whose place is known that are read at a time.
const SUPPLY: usize = 256;
/// How long requests may still take when the endpoint stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What it is told to do while it runs.
#[derive(Debug)]
pub enum Command {
    /// Send these once more.
    Redeliver(Vec<Sequence>),
}

/// What an endpoint, or a replay to it, goes by.
pub struct Runner {
    pub live: Arc<Live>,
    told: Told,
    feed: Feed,
    /// The name of its cursor.
    cursor: String,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Deadlines count from here, or from the event, whichever is later.
    since: Timestamp,
    /// What is to be sent once more, and was not offered yet.
    again: VecDeque<Sequence>,
    /// The log could not be read, and is left alone until then.
    unreadable: Option<Instant>,
}

type Reading = JoinHandle<Result<Piece, JournalError>>;
type Sending = FuturesUnordered<Pin<Box<dyn Future<Output = Sent>>>>;

/// What a runner has under way.
#[derive(Default)]
struct UnderWay {
    sending: Sending,
    reading: Option<Reading>,
    fetching: Option<Fetching>,
    /// Bodies of what was set aside.
    supplying: Option<Fetching>,
    /// A note of where we are.
    noting: Option<JoinHandle<bool>>,
    /// The same on its way to the device. Notes do not wait for it.
    syncing: Option<JoinHandle<bool>>,
}

/// What was not written down yet.
#[derive(Clone, Copy)]
struct Unsaved {
    /// Something was settled.
    settled: bool,
    /// It is not on the device.
    unsynced: bool,
    /// It is time that it came there.
    due: bool,
    next_note: Instant,
    next_sync: Instant,
}

impl Unsaved {
    fn new() -> Self {
        Self { settled: false, unsynced: false, due: false, next_note: Instant::now(), next_sync: Instant::now() }
    }

    /// When there is something to write down, or to look at; what is under way says itself when it is done.
    fn next(&self, under: &UnderWay) -> Instant {
        if self.settled && under.noting.is_none() { self.next_note.min(self.next_sync) } else { self.next_sync }
    }

    fn settled(&mut self) {
        (self.settled, self.unsynced) = (true, true);
    }

    /// What was written down: if it was not, that is tried again with the next sync.
    fn written(&mut self, is_written: Result<bool, JoinError>) {
        self.unsynced |= !is_written.unwrap_or(false);
    }
}

impl Runner {
    /// A runner that has nothing to send yet.
    pub fn new(
        live: Arc<Live>,
        told: Told,
        feed: Feed,
        cursor: String,
        commands: mpsc::UnboundedReceiver<Command>,
        since: Timestamp,
    ) -> Self {
        Self { live, told, feed, cursor, commands, since, again: VecDeque::new(), unreadable: None }
    }

    /// Runs until it is stopped, or all of a replay is done.
    pub async fn run(mut self, stop: CancellationToken) {
        let metrics = Arc::clone(self.told.gateway.metrics());
        let sender = Rc::new(Sender { live: Arc::clone(&self.live), reader: self.feed.reader().clone(), metrics });
        let pace = pace(self.live.endpoint.config.delivery.per_second);
        let (mut under, mut unsaved) = (UnderWay::default(), Unsaved::new());
        let mut granted = false;
        while !stop.is_cancelled() {
            let now = Timestamp::now();
            self.take_live();
            self.unreadable = self.unreadable.filter(|until| *until > Instant::now());
            self.read(&mut under);
            self.fetch(&mut under);
            self.bury(now, &mut unsaved);
            let paced = self.send(&sender, pace.as_ref(), &mut granted, &mut under);
            if self.feed.until().is_some() && self.is_done(&under) {
                break;
            }
            if Instant::now() >= unsaved.next_sync {
                self.live.set_gauges(self.feed.reader(), now);
            }
            self.save(&mut under, &mut unsaved);
            let wake = self.wake(paced, unsaved.next(&under));
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(sent) = under.sending.next(), if !under.sending.is_empty() => {
                    let now = Timestamp::now();
                    self.settle(sent, now);
                    // What else is there is taken at once.
                    while let Some(Some(sent)) = futures_util::FutureExt::now_or_never(under.sending.next()) {
                        self.settle(sent, now);
                    }
                    unsaved.settled();
                }
                () = self.feed.filled() => unsaved.unsynced = true,
                piece = finished(&mut under.reading) => {
                    under.reading = None;
                    self.take(piece);
                    unsaved.unsynced = true;
                }
                entries = finished(&mut under.fetching) => {
                    under.fetching = None;
                    self.offer_again(entries);
                    unsaved.unsynced = true;
                }
                entries = finished(&mut under.supplying) => {
                    under.supplying = None;
                    // What could not be read is read when it is sent.
                    let entries = entries.ok().and_then(Result::ok).unwrap_or_default();
                    self.live.schedule().supply(entries);
                }
                Some(Command::Redeliver(events)) = self.commands.recv() => self.again.extend(events),
                is_written = finished(&mut under.noting) => {
                    under.noting = None;
                    unsaved.written(is_written);
                }
                is_written = finished(&mut under.syncing) => {
                    under.syncing = None;
                    unsaved.written(is_written);
                }
                () = sleep_until(wake) => {}
            }
        }
        self.drain(under).await;
    }

    /// Takes what the tail has.
    fn take_live(&mut self) {
        let live = Arc::clone(&self.live);
        let mut schedule = live.schedule();
        while schedule.room() > 0 {
            let Some(entry) = self.feed.live(schedule.reached().sequence) else { break };
            let reached = Cursor { journal: self.feed.reader().id(), epoch: entry.epoch, sequence: entry.sequence };
            let time = entry.time;
            self.offer(&mut schedule, entry);
            schedule.looked_at(reached, Some(time));
        }
    }

    /// Has the log read where that is needed and there is room.
    fn read(&self, under: &mut UnderWay) {
        if under.reading.is_some() || self.unreadable.is_some() {
            return;
        }
        let (reached, room) = {
            let schedule = self.live.schedule();
            let room = schedule.room();
            (schedule.reached(), if room >= PIECE || !schedule.has_ready() { room } else { 0 })
        };
        if room > 0 && self.feed.is_behind(reached.sequence) {
            let (reader, until) = (self.feed.reader().clone(), self.feed.until());
            let (live, since) = (Arc::clone(&self.live), self.since);
            let read = move || Feed::read(&reader, reached, room, until, |entry| live.offer(entry, since));
            under.reading = Some(tokio::task::spawn_blocking(read));
        }
    }

    fn take(&mut self, piece: Result<Result<Piece, JournalError>, JoinError>) {
        match piece {
            Ok(Ok(Piece { offers, reached, time, lost, done })) => {
                if let Some((first, last)) = lost {
                    self.lost(first, last);
                }
                let live = Arc::clone(&self.live);
                let mut schedule = live.schedule();
                offers.into_iter().for_each(|offer| schedule.offer(offer));
                schedule.looked_at(reached, time);
                if done {
                    self.feed.caught_up();
                }
            }
            Ok(Err(error)) => self.cannot_read(&error),
            // The runtime ends.
            Err(_) => {}
        }
    }

    /// Offers an event, if it is wanted.
    fn offer(&self, schedule: &mut Schedule, entry: Arc<Entry>) {
        if let Some(offer) = self.live.offer(entry, self.since) {
            schedule.offer(offer);
        }
    }

    /// Begins with what was set aside before, and what is missing of it.
    pub fn take_up(&self, parked: Vec<Arc<Entry>>, lost: Option<(Sequence, Sequence)>) {
        if let Some((first, last)) = lost {
            self.lost(first, last);
        }
        let mut schedule = self.live.schedule();
        parked.into_iter().for_each(|entry| self.offer(&mut schedule, entry));
    }

    /// Tells the endpoint, if it wants to know, and whoever reads our log.
    fn lost(&self, first: Sequence, last: Sequence) {
        self.live.metrics.skipped(Skip::Gone, last - first + 1);
        self.told.gateway.metrics().emit(Occurrence::WebhookGap { webhook: self.live.name(), first, last });
        let gap = Arc::new(told::gap(self.feed.reader().epoch(), first, last));
        if let Some(offer) = self.live.offer(gap, self.since) {
            self.live.schedule().offer(offer.only_here());
        }
    }

    fn cannot_read(&mut self, error: &JournalError) {
        self.told.gateway.metrics().emit(Occurrence::LogUnreadable { error });
        self.unreadable = Some(Instant::now() + PAUSE);
    }

    fn bury(&self, now: Timestamp, unsaved: &mut Unsaved) {
        let dead = self.live.schedule().expire(now);
        if !dead.is_empty() {
            unsaved.settled();
        }
        dead.into_iter().for_each(|letter| self.told.tell(&self.live, Effect::Dead(letter)));
    }

    /// Sends what may be sent; when the pace allows more, if it is the pace that does not.
    fn send(
        &self,
        sender: &Rc<Sender>,
        pace: Option<&DefaultDirectRateLimiter>,
        granted: &mut bool,
        under: &mut UnderWay,
    ) -> Option<Duration> {
        let mut schedule = self.live.schedule();
        let now = Timestamp::now();
        loop {
            if schedule.wake().is_none_or(|wake| wake > now) {
                return None;
            }
            if let Some(pace) = pace.filter(|_| !*granted) {
                if let Err(early) = pace.check() {
                    return Some(early.wait_time_from(governor::clock::Clock::now(&governor::clock::DefaultClock::default())));
                }
                *granted = true;
            }
            let load = schedule.next(now)?;
            *granted = false;
            // More of its kind follow, and cost less together.
            if under.supplying.is_none() && was_set_aside(&load) {
                let more = schedule.without_body(SUPPLY);
                under.supplying = (!more.is_empty()).then(|| read_all(self.feed.reader(), more));
            }
            under.sending.push(Box::pin(Rc::clone(sender).send(load)));
        }
    }

    fn settle(&self, sent: Sent, now: Timestamp) {
        let Sent { load, lost, settled } = sent;
        let mut schedule = self.live.schedule();
        let left = lost.iter().all(|sequence| schedule.skip_event(load, *sequence));
        let effects = match settled {
            Some(settled) if left => schedule.settle(load, settled, now),
            _ => {
                schedule.skip(load);
                Vec::new()
            }
        };
        drop(schedule);
        effects.into_iter().for_each(|effect| self.told.tell(&self.live, effect));
    }

    fn is_done(&self, under: &UnderWay) -> bool {
        let schedule = self.live.schedule();
        self.feed.is_over(schedule.reached().sequence) && schedule.is_idle() && under.fetching.is_none() && self.again.is_empty()
    }

    /// When there is something to do although nothing happens.
    fn wake(&self, paced: Option<Duration>, at_latest: Instant) -> Instant {
        let now = Timestamp::now();
        let due = match paced {
            Some(pause) => Some(pause),
            None => self.live.schedule().wake().map(|wake| wake.since(now)),
        };
        // The timer of the runtime has milliseconds.
        due.map_or(at_latest, |due| at_latest.min(Instant::now() + due.max(Duration::from_millis(1))))
    }

    /// Has written down what is due.
    fn save(&self, under: &mut UnderWay, unsaved: &mut Unsaved) {
        let now = Instant::now();
        if now >= unsaved.next_sync {
            unsaved.next_sync = now + SYNC;
            unsaved.due = unsaved.unsynced;
        }
        // A note that is under way is older than what is set now, and would count after it.
        if unsaved.due && under.noting.is_none() && under.syncing.is_none() {
            (unsaved.due, unsaved.unsynced) = (false, false);
            under.syncing = Some(self.sync());
        }
        if unsaved.settled && under.noting.is_none() && now >= unsaved.next_note {
            unsaved.next_note = now + NOTE;
            unsaved.settled = false;
            let name = self.cursor.clone();
            under.noting = Some(self.write(move |cursors, position| cursors.note(&name, position)));
        }
    }

    fn sync(&self) -> JoinHandle<bool> {
        let renewal = self.told.gateway.journal().cursors().renew(&self.cursor);
        self.write(move |_, position| renewal?.set(position))
    }

    /// Writes down where we are; whether that could be.
    fn write(&self, how: impl FnOnce(&Cursors, &Position) -> Result<(), JournalError> + Send + 'static) -> JoinHandle<bool> {
        let position = self.live.schedule().position();
        let (cursors, name) = (self.told.gateway.journal().cursors().clone(), self.cursor.clone());
        let (metrics, records) = (Arc::clone(self.told.gateway.metrics()), Arc::clone(&self.live.records));
        tokio::task::spawn_blocking(move || {
            // What is dead is known as that before the cursor passes it.
            if !records.flush() {
                return false;
            }
            let written = how(&cursors, &position);
            if let Err(error) = &written {
                metrics.emit(Occurrence::WebhookCursor { cursor: &name, error });
            }
            written.is_ok()
        })
    }

    /// Waits for what is on its way, and writes down where we are.
    async fn drain(&mut self, mut under: UnderWay) {
        let rest = async {
            while let Some(sent) = under.sending.next().await {
                self.settle(sent, Timestamp::now());
            }
        };
        // What does not answer in time is sent once more after the next start.
        let _ = timeout(DRAIN, rest).await;
        self.put_by(&mut under).await;
        for saving in [under.noting.take(), under.syncing.take()].into_iter().flatten() {
            let _ = saving.await;
        }
        let _ = self.sync().await;
    }
}

/// Where an endpoint goes on, and what it has set aside.
///
/// # Errors
/// When its cursor or the log cannot be read, in words.
pub async fn begin(told: &Told, feed: &Feed, cursor: &str) -> Result<Start, String> {
    let (cursors, reader, name) = (told.gateway.journal().cursors().clone(), feed.reader().clone(), cursor.to_owned());
    let started = tokio::task::spawn_blocking(move || {
        let position = cursors.get(&name)?;
        let is_new = position.is_none();
        let start = Start::from(&reader, position)?;
        if is_new {
            cursors.set(&name, &Position::new(start.reached))?;
        }
        Ok::<Start, JournalError>(start)
    });
    started.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Whether it was read before, and its body was not kept.
fn was_set_aside(load: &Load) -> bool {
    load.attempt == 1 && load.events.iter().any(|(_, body)| body.is_none())
}

async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}

fn pace(per_second: u32) -> Option<DefaultDirectRateLimiter> {
    // One at a time: a receiver that wants at most ten a second does not want ten at once.
    let quota = Quota::per_second(std::num::NonZeroU32::new(per_second)?).allow_burst(std::num::NonZeroU32::MIN);
    Some(RateLimiter::direct(quota))
}

/// Locks what no holder leaves broken.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
