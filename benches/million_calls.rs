//! Whether memory is bounded by the calls that are up: a million mixed calls, and the resident set after ten thousand and after all.
//!
//! The simulated cluster, the session and the gateway run in this process on a clock of their own. Takes minutes. The number of calls may
//! be given: `cargo bench --bench million_calls -- 200000`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::sync::Arc;
use std::time::{Duration, Instant};

use callcast::calls::{CallModel, Ids};
use callcast::cti::inventory::DeviceList;
use callcast::cti::{Config, Observer, SessionId};
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::load::lockstep::Lockstep;
use callcast::load::memory;
use callcast::sim;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;

const DEVICES: u32 = 5000;
const FIRST: u64 = 10_000;
const STEP: Duration = Duration::from_millis(250);

fn main() {
    let wanted = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let calls = sim::CallMix { per_second: 100.0, ..sim::CallMix::default() };
    let cluster = sim::Config { devices: DEVICES, shared_lines: 200, calls, ..sim::Config::default() };
    let mut session = Config::new(vec!["cucm".into()], cluster.accounts[0].user.clone());
    session.pace.devices_per_second = 0;
    let inventory = "device,user\n".to_owned() + &(1..=DEVICES).map(|i| format!("{},user{i}\n", sim::phone_name(i))).collect::<String>();
    let inventory = DeviceList::from_csv(&inventory).unwrap();
    let mut lockstep = Lockstep::new(&cluster, session, inventory, Timestamp(1_800_000_000_000_000)).unwrap();
    let model = CallModel::new(Ids::seeded(1), false);
    let gateway = Arc::new(Gateway::new(model, Journal::temporary().unwrap(), Metrics::new().unwrap()));

    let began = Instant::now();
    let resident = || memory::resident(std::process::id()).unwrap();
    let mut marks = vec![FIRST, FIRST * 2, FIRST * 10, wanted / 2, wanted];
    marks.retain(|mark| *mark <= wanted);
    marks.sort_unstable();
    marks.dedup();
    for mark in marks {
        while lockstep.simulation.counters().ended < mark {
            let limit = lockstep.now() + STEP;
            lockstep.step(limit, |at, notices| gateway.observe(SessionId(0), at, notices)).unwrap();
            gateway.advance(lockstep.at());
        }
        println!(
            "{mark:>8} calls ended: {} KiB resident, {} calls up in the gateway and {} in the cluster, {} events told, {:.0} s",
            resident(),
            gateway.calls(),
            lockstep.simulation.standing(),
            gateway.told_since_start().0,
            began.elapsed().as_secs_f64(),
        );
    }
}
