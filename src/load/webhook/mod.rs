//! `callcast load webhook-…`: how fast webhooks are, what they cost, and whom they touch.
//!
//! Each runs a gateway with a log on disk, the webhooks' thread, and a receiver on a thread of its own, all in this process. What is compared is
//! measured by turns, so that what the machine does besides meets both.

mod bare;
mod cpu;
mod delivery;
mod isolation;
mod queue;
mod rate;
mod receiver;
mod stage;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::thread::JoinHandle;

use super::LoadError;

pub use bare::{BareArgs, run as bare};
pub use delivery::{DeliveryArgs, run as delivery};
pub use isolation::{IsolationArgs, run as isolation};
pub use queue::{QueueArgs, run as queue};
pub use rate::{RateArgs, run as rate};

/// Any port of loopback.
const ANY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Runs what is made there on a thread of its own.
fn on_thread<F: Future<Output = ()>>(name: &str, made: impl FnOnce() -> F + Send + 'static) -> Result<JoinHandle<()>, LoadError> {
    let failed = |error| LoadError::Gateway(format!("the system gives no thread: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    std::thread::Builder::new().name(name.into()).spawn(move || runtime.block_on(made())).map_err(failed)
}

/// The one in the middle.
fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}
