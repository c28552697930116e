//! How long it takes to log in and bring 10,000 devices with a line each in service, over TCP on loopback.
//!
//! The simulated cluster runs in the same process, so that the figure is of both sides on one machine.

#![expect(clippy::unwrap_used, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::sync::Arc;
use std::time::{Duration, Instant};

use callcast::cti::{Config, Notice, Observer, SessionId, Status, run};
use callcast::sim::{self, Simulator, phone_name};
use callcast::time::Timestamp;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const DEVICES: u32 = 10_000;

/// Says when everything is settled, and how many devices are in service.
struct UntilResynced(watch::Sender<usize>);

impl Observer for UntilResynced {
    fn observe(&self, _: SessionId, _: Timestamp, notices: &[Notice<'_>]) {
        for notice in notices {
            if let Notice::Resynced { in_service, .. } = notice {
                self.0.send_replace(*in_service);
            }
        }
    }
}

async fn open_all(manager: String, folder: &std::path::Path) -> Duration {
    let mut config = Config::new(vec![manager], "callcast".into());
    config.password_file = Some(folder.join("password"));
    config.inventory.file = Some(folder.join("devices.csv"));
    config.pace.devices_per_second = 0;
    let (settled, mut in_service) = watch::channel(0);
    let (_commands, receiver) = mpsc::channel(1);
    let shutdown = CancellationToken::new();
    let began = Instant::now();
    let session = run(SessionId(0), config, Arc::new(UntilResynced(settled)), receiver, Arc::new(Status::default()), shutdown.clone());
    let session = tokio::spawn(session);
    assert_eq!(*in_service.wait_for(|devices| *devices > 0).await.unwrap(), DEVICES as usize);
    let took = began.elapsed();
    shutdown.cancel();
    session.await.unwrap().unwrap();
    took
}

fn ten_thousand_devices(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "callcast").unwrap();
    let inventory = "device,user\n".to_owned() + &(1..=DEVICES).map(|i| phone_name(i) + ",\n").collect::<String>();
    std::fs::write(folder.path().join("devices.csv"), inventory).unwrap();
    let mut cluster = sim::Config { devices: DEVICES, ..sim::Config::default() };
    cluster.calls.per_second = 0.0;
    let simulator = runtime.block_on(Simulator::bind(cluster)).unwrap();
    let manager = simulator.local_addrs()[0].plain.to_string();
    let _cluster = runtime.spawn(simulator.run(CancellationToken::new()));
    let mut group = criterion.benchmark_group("cti_session");
    group.sample_size(10);
    group.bench_function("10000_devices_in_service", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| runtime.block_on(open_all(manager.clone(), folder.path()))).sum());
    });
    group.finish();
}

criterion_group!(benches, ten_thousand_devices);
criterion_main!(benches);
