//! `callcast simulate`: runs a simulated cluster until SIGTERM or SIGINT.

use std::io::Write as _;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Error;
use super::cli::SimulateArgs;
use super::control::Command;
use super::simulator::{DeviceRecord, Simulator, Summary};

/// Runs it. Prints where it listens, last the line `ready ADDR`, and at the end `calls started N ended M`.
///
/// # Errors
/// When it cannot start.
pub async fn simulate(args: SimulateArgs) -> Result<(), Error> {
    let simulator = Simulator::bind(args.config()?).await?;
    let handle = simulator.handle();
    if args.paused {
        // This command names nothing that there might not be.
        let _ = handle.execute(&Command::Generate { on: false });
    }
    if let Some(path) = &args.write_inventory {
        write_inventory(path, &handle.devices()).map_err(|source| Error::File { path: path.clone(), source })?;
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    announce(&simulator);

    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    let Summary { started, ended } = simulator.run(shutdown).await;
    say(&format!("calls started {started} ended {ended}"));
    Ok(())
}

/// Whoever waits for `ready` may connect: the addresses are bound.
fn announce(simulator: &Simulator) {
    let addrs = simulator.local_addrs();
    for manager in addrs.iter().skip(1) {
        say(&format!("also {}", manager.plain));
    }
    for tls in addrs.iter().filter_map(|m| m.tls) {
        say(&format!("tls {tls}"));
    }
    if let Some(control) = simulator.control_addr() {
        say(&format!("control {control}"));
    }
    if let Some(manager) = addrs.first() {
        say(&format!("ready {}", manager.plain));
    }
}

/// A line on standard output. When nobody reads it any more, that is no reason to stop.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// `device,user`, one phone a line. CTI ports and route points belong to other applications and are left out.
fn write_inventory(path: &Path, devices: &[DeviceRecord]) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["device", "user"])?;
    for device in devices.iter().filter(|d| d.kind == super::cluster::DeviceKind::Phone) {
        writer.write_record([device.name.as_str(), device.user.as_deref().unwrap_or("")])?;
    }
    writer.flush()
}
