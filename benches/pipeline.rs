//! From the bytes of CTI messages through decoding, call model, log and hub to one WebSocket client over loopback that has read the events.
//!
//! `callcast load pipeline` is the same with options.

#![expect(clippy::unwrap_used)] // a bench that cannot run is to stop

use std::time::Duration;

use callcast::load::pipeline::{Load, measure, temporary};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each load has its turn, several times: what else the machine does meets both.
const ROUNDS: u32 = 3;
const TIME: Duration = Duration::from_secs(5);
const BATCH: usize = 64;
const WINDOW: u64 = 2048;

#[tokio::main]
async fn main() {
    for _ in 0..ROUNDS {
        for load in [Load::Basic, Load::Mixed] {
            let measured = measure(temporary(), load, TIME, BATCH, WINDOW).await.unwrap();
            let rate = measured.messages as f64 / measured.seconds;
            let per_message = measured.events as f64 / measured.messages as f64;
            let on_cores = measured.on_cores * 1e6 / measured.messages as f64;
            println!("{load:?} calls: {rate:.0} messages a second, {per_message:.2} events and {on_cores:.2} µs on all cores a message");
        }
    }
}
