//! `callcast demo`: a simulated cluster and the gateway in one process, connected by real CTIQBE over loopback.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::CommandError;
use super::run::stop_on_signal;
use crate::app::App;
use crate::config::{Config, Log};
use crate::sim::{self, AccountConfig, CallMix, Simulator};
use crate::telemetry::{self, LogOptions};
use crate::{api, config, cti};

/// The options of the demonstration.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Do not open the page in a browser.
    #[arg(long)]
    no_browser: bool,
    /// The page's port; 0 takes a free one.
    #[arg(long, value_name = "P", default_value_t = 8080)]
    port: u16,
    /// How many phones.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=40_000))]
    devices: u32,
    /// Calls a second.
    #[arg(long, value_name = "R", default_value_t = 1.5)]
    calls_per_second: f64,
    /// The same seed makes the same calls.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// Runs the demonstration until SIGTERM or SIGINT.
pub async fn demo(args: DemoArgs, log: LogOptions) -> Result<(), CommandError> {
    // The page's address is what somebody looks for on the terminal, so that only warnings stand beside it.
    telemetry::init(&log, &Log { level: "warn".into(), ..Log::default() })?;
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;

    let simulator = Simulator::bind(cluster(&args)).await?;
    let folder = inventory(&simulator).map_err(CommandError::Demo)?;
    let manager = simulator.local_addrs().first().map(|manager| manager.plain.to_string()).unwrap_or_default();
    let app = App::build(gateway(&args, &manager, &folder)).await?;
    let url = format!("http://{}/", app.local_addr());
    let end = shutdown.clone();
    let cluster = tokio::spawn(simulator.run(end));

    println!("A simulated cluster of {} phones is at {manager}; callcast logs in to it over CTIQBE.", args.devices);
    println!();
    println!("  the wall of devices   {url}");
    println!("  user1's screen-pop    {url}#user=user1");
    if let Some(admin) = app.admin_addr() {
        println!("  metrics, readiness    http://{admin}/metrics  http://{admin}/readyz");
    }
    println!();
    println!("Ctrl-C ends it.");
    if !args.no_browser {
        open_browser(&url);
    }
    app.run(shutdown).await?;
    // A simulated cluster that ended has nothing to tell.
    let _ = cluster.await;
    Ok(())
}

fn cluster(args: &DemoArgs) -> sim::Config {
    sim::Config {
        devices: args.devices,
        shared_lines: args.devices / 12,
        seed: args.seed,
        accounts: vec![AccountConfig { user: USER.into(), password: PASSWORD.into(), ..AccountConfig::default() }],
        calls: CallMix { per_second: args.calls_per_second, ..CallMix::default() },
        ..sim::Config::default()
    }
}

/// The application user of the simulated cluster. It listens on a free port of loopback and ends with the demonstration.
const USER: &str = "callcast";
const PASSWORD: &str = "callcast";

/// The files that a gateway has: the inventory of the simulated phones, and the password.
fn inventory(simulator: &Simulator) -> std::io::Result<TempDir> {
    let folder = TempDir::with_prefix("callcast-demo-")?;
    let mut csv = csv::Writer::from_path(folder.path().join("inventory.csv"))?;
    csv.write_record(["device", "user"])?;
    for device in simulator.handle().devices() {
        csv.write_record([device.name.as_str(), device.user.as_deref().unwrap_or_default()])?;
    }
    csv.flush()?;
    std::fs::write(folder.path().join("password"), PASSWORD)?;
    Ok(folder)
}

fn gateway(args: &DemoArgs, manager: &str, folder: &TempDir) -> Config {
    let mut session = cti::Config::new(vec![manager.into()], USER.into());
    session.password_file = Some(folder.path().join("password"));
    session.inventory.file = Some(folder.path().join("inventory.csv"));
    session.pace.devices_per_second = 0;
    Config {
        sessions: vec![session],
        journal: config::journal::Journal { temporary: true, ..Default::default() },
        api: api::Config { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)), ..api::Config::default() },
        // Whatever has the usual port does not keep the demonstration from starting.
        admin: api::AdminConfig { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), ..api::AdminConfig::default() },
        ..Config::default()
    }
}

/// Opens the page where there is a desktop to open it on. Where there is none, the printed address serves.
fn open_browser(url: &str) {
    let has_desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let opener = if cfg!(target_os = "macos") { Some("open") } else { has_desktop.then_some("xdg-open") };
    if let Some(opener) = opener {
        let silent = std::process::Stdio::null;
        // Whatever keeps a browser from opening, the address stands on the terminal.
        let _ = std::process::Command::new(opener).arg(url).stdin(silent()).stdout(silent()).stderr(silent()).spawn();
    }
}
