//! `callcast load reconnect`: everybody comes back at once.
//!
//! First all clients are connected, each with one phone, while the events are told that they are going to miss: what each is sent then is
//! what it has to be sent later. They all leave, and come back together with the cursor from before, while calls go on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::LoadError;
use super::client::Client;
use super::memory::resident;
use super::play::Play;
use super::seen::{Delays, age, cursor, sequence};

/// How long nothing may have come before all that was told counts as delivered.
const QUIET: Duration = Duration::from_secs(2);
/// How long the live delay is measured with nothing beside it.
const CONTROL: Duration = Duration::from_secs(5);
/// How long to wait for what was left open.
const SETTLE: Duration = Duration::from_secs(3);

/// What to measure.
#[derive(Debug, Args)]
pub struct ReconnectArgs {
    /// The gateway's HTTP address: that of `callcast load serve`.
    #[arg(long, default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// Where `callcast load serve` takes lines.
    #[arg(long, default_value = "127.0.0.1:8090")]
    play: SocketAddr,
    /// The gateway's process id.
    #[arg(long)]
    pid: u32,
    /// How many clients; client i has the simulated phone i.
    #[arg(long, default_value_t = 10_000)]
    clients: u32,
    /// Events that they miss.
    #[arg(long, default_value_t = 300_000)]
    missed: u64,
    /// Events a second when they come back.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Clients that stay and see everything: their delay is measured.
    #[arg(long, default_value_t = 4)]
    others: u32,
    /// Tokens, one a line: that of client i in line i, after them one that sees everything.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// When a client is given up, in seconds.
    #[arg(long, default_value_t = 120)]
    patience: u64,
}

/// One client: what it saw before, and what it has to see again.
#[derive(Debug, Default)]
struct Story {
    number: u32,
    cursor: String,
    events: Vec<u64>,
}

/// How a client came back.
#[derive(Debug)]
enum Back {
    CaughtUp { after: Duration, events: u64 },
    Wrong(String),
}

pub(super) async fn run(args: &ReconnectArgs) -> Result<(), LoadError> {
    let tokens = Arc::new(tokens(args)?);
    let mut play = Play::connect(args.play).await?;
    let (stories, before) = miss(args, &mut play, &tokens).await?;
    let wanted: usize = stories.iter().map(|story| story.events.len()).sum();
    let delays = Arc::new(Delays::default());
    for i in 0..args.others {
        let mut client = Client::connect_with(args.gateway, args.clients + 1 + i, tokens.last().map(String::as_str)).await?;
        client.ask(r#"{"op":"subscribe","id":"1","all":true}"#).await?;
        tokio::spawn(note(client, Arc::clone(&delays)));
    }
    let paced = play.paced(args.rate);
    // What the calls of the flood had left open is told with its own time, which is long ago.
    sleep(SETTLE).await;
    delays.take();
    sleep(CONTROL).await;
    let control = delays.take();
    let (idle, watch, stop) = (resident(args.pid)?, Arc::new(AtomicU64::new(0)), CancellationToken::new());
    tokio::spawn(peak(args.pid, Arc::clone(&watch), stop.clone()));

    let began = Instant::now();
    let mut coming = JoinSet::new();
    for story in stories {
        let (gateway, patience, tokens) = (args.gateway, Duration::from_secs(args.patience), Arc::clone(&tokens));
        coming.spawn(async move {
            let number = story.number;
            let token = tokens.get(number as usize - 1).map(String::as_str);
            match timeout(patience, come_back(gateway, story, token, began)).await {
                Ok(Ok(back)) => back,
                Ok(Err(error)) => (Back::Wrong(error.to_string()), None),
                Err(_) => (Back::Wrong(format!("client {number} did not catch up within {patience:?}")), None),
            }
        });
    }
    let (mut times, mut events, mut wrong, mut held) = (Vec::new(), 0, Vec::new(), Vec::new());
    while let Some(back) = coming.join_next().await {
        match back {
            Ok((Back::CaughtUp { after, events: count }, client)) => {
                times.push(after);
                events += count;
                held.push(client);
            }
            Ok((Back::Wrong(why), _)) => wrong.push(why),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let meanwhile = delays.take();
    stop.cancel();
    let after = resident(args.pid)?;
    drop(paced.stop().await?);
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).map_or(0, Duration::as_millis);
    println!(
        "reconnect clients={} missed_events={} wanted_frames={wanted} came_frames={events} exact={} wrong={} caught_up_ms p50={} p90={} \
         p99={} all={} live_us quiet p50={} p99={} max={} samples={} meanwhile p50={} p99={} max={} samples={} resident_kib \
         first={before} idle={idle} peak={} after={after}",
        args.clients,
        args.missed,
        times.len(),
        wrong.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        control.at(0.5),
        control.at(0.99),
        control.at(1.0),
        control.count(),
        meanwhile.at(0.5),
        meanwhile.at(0.99),
        meanwhile.at(1.0),
        meanwhile.count(),
        watch.load(Ordering::Relaxed),
    );
    for why in wrong.iter().take(5) {
        println!("wrong: {why}");
    }
    Ok(())
}

fn tokens(args: &ReconnectArgs) -> Result<Vec<String>, LoadError> {
    let Some(path) = &args.tokens else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Tokens { path: path.clone(), source })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// What all clients would miss, were they not there; and the gateway's memory before they came.
async fn miss(args: &ReconnectArgs, play: &mut Play, tokens: &Arc<Vec<String>>) -> Result<(Vec<Story>, u64), LoadError> {
    let before = resident(args.pid)?;
    let (leave, read) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
    let mut reading = JoinSet::new();
    for number in 1..=args.clients {
        let token = tokens.get(number as usize - 1).map(String::as_str);
        let mut client = Client::connect_with(args.gateway, number, token).await?;
        let answer = client.ask(&Client::subscription(number, None)).await?;
        let story = Story { number, cursor: cursor(&answer).unwrap_or_default().to_owned(), events: Vec::new() };
        reading.spawn(live(client, story, leave.clone(), Arc::clone(&read)));
    }
    let told = play.events(args.missed).await?;
    let (mut last, mut since) = (0, Instant::now());
    while since.elapsed() < QUIET {
        sleep(Duration::from_millis(50)).await;
        let now = read.load(Ordering::Relaxed);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    leave.cancel();
    let mut stories = Vec::with_capacity(args.clients as usize);
    while let Some(story) = reading.join_next().await {
        stories.push(story.map_err(|error| LoadError::Gateway(error.to_string()))??);
    }
    println!("reconnect: {} clients were sent {last} frames of {told} events, and leave", stories.len());
    sleep(Duration::from_secs(1)).await;
    Ok((stories, before))
}

async fn live(mut client: Client, mut story: Story, leave: CancellationToken, read: Arc<AtomicU64>) -> Result<Story, LoadError> {
    loop {
        let text = tokio::select! {
            () = leave.cancelled() => return Ok(story),
            text = client.text() => text?,
        };
        if let Some(sequence) = sequence(&text) {
            story.events.push(sequence);
            read.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Comes back, and reads until it has caught up.
async fn come_back(gateway: SocketAddr, story: Story, token: Option<&str>, began: Instant) -> Result<(Back, Option<Client>), LoadError> {
    let mut client = Client::connect_with(gateway, story.number, token).await?;
    let answer = client.ask(&Client::subscription(story.number, Some(&story.cursor))).await?;
    if !answer.contains(r#""recovered":true"#) {
        return Ok((Back::Wrong(format!("client {}: {}", story.number, answer.get(..200).unwrap_or(&answer))), None));
    }
    let mut seen = Vec::with_capacity(story.events.len());
    loop {
        let text = client.text().await?;
        match sequence(&text) {
            Some(sequence) => seen.push(sequence),
            None if text.starts_with(r#"{"op":"live""#) => break,
            None => return Ok((Back::Wrong(format!("client {}: {}", story.number, text.get(..200).unwrap_or(&text))), None)),
        }
    }
    let after = began.elapsed();
    // What was told since it left comes behind what it missed.
    let (missed, since) = seen.split_at_checked(story.events.len()).unwrap_or((&seen, &[]));
    let newest = story.events.last().copied().unwrap_or_default();
    let in_order = seen.is_sorted_by(|a, b| a < b);
    if missed == story.events && in_order && since.iter().all(|sequence| *sequence > newest) {
        return Ok((Back::CaughtUp { after, events: seen.len() as u64 }, Some(client)));
    }
    let (wanted, came) = (story.events.len(), seen.len());
    Ok((Back::Wrong(format!("client {}: {wanted} events were missed, {came} came, in order: {in_order}", story.number)), None))
}

async fn note(mut client: Client, delays: Arc<Delays>) {
    while let Ok(text) = client.text().await {
        if let Some(age) = age(&text) {
            delays.note(age);
        }
    }
}

async fn peak(pid: u32, watch: Arc<AtomicU64>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        watch.fetch_max(resident(pid).unwrap_or_default(), Ordering::Relaxed);
        sleep(Duration::from_millis(50)).await;
    }
}
