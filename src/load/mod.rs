//! Measures a running gateway from outside: `callcast load`, which is not in the list of commands.
//!
//! `delivery` stands between a CTIManager (a simulated one: `callcast simulate`) and the gateway. It passes every byte on, notes when the
//! bytes of each change of a leg are written to the gateway, and when a WebSocket client has read the event that came of them.
//! `idle` opens clients that subscribe and then do nothing, and says how much memory each costs the gateway.
//!
//! [`lockstep`] is for what is measured or tested without sockets.
//!
//! Leg handles have to be unique over all lines while a measurement lasts, which they are in the simulated cluster.

pub mod basic;
pub mod calls;
mod client;
mod delivery;
mod idle;
pub mod lockstep;
pub mod memory;
pub mod pipeline;
mod play;
mod player;
mod reader;
mod reconnect;
mod relay;
mod seen;
mod serve;
mod slow;
mod webhook;

use std::net::SocketAddr;

use clap::Subcommand;
use thiserror::Error;

pub use delivery::DeliveryArgs;
pub use idle::IdleArgs;
pub use pipeline::PipelineArgs;
pub use reconnect::ReconnectArgs;
pub use serve::ServeArgs;
pub use slow::SlowArgs;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum LoadArgs {
    /// From CTI bytes written to WebSocket frame read
    Delivery(DeliveryArgs),
    /// Resident memory of idle clients
    Idle(IdleArgs),
    /// A gateway whose simulated phones go on calling when they are told to
    Serve(ServeArgs),
    /// From the bytes of CTI messages to an event that a client has read
    Pipeline(PipelineArgs),
    /// All clients come back at once, with a cursor
    Reconnect(ReconnectArgs),
    /// One client that stops reading among others
    Slow(SlowArgs),
    /// A client that posts what it reads: beside `webhook-delivery`
    WebhookBare(webhook::BareArgs),
    /// From CTI bytes written to a webhook's first byte, against hyper alone
    WebhookDelivery(webhook::DeliveryArgs),
    /// Webhooks that are well beside some that are not
    WebhookIsolation(webhook::IsolationArgs),
    /// Memory of events that wait for a webhook
    WebhookQueue(webhook::QueueArgs),
    /// Deliveries of webhooks a second, against hyper alone
    WebhookRate(webhook::RateArgs),
}

/// A measurement that could not be made.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The relay's address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A client did not get through.
    #[error(
        "client {client} could not subscribe at {gateway}: {reason}; is the gateway running, and may it open enough files (ulimit -n)?"
    )]
    Client {
        /// Which, from 1.
        client: u32,
        /// The gateway's address.
        gateway: SocketAddr,
        /// What came instead.
        reason: String,
    },
    /// No device was in service in time.
    #[error(
        "client {client} saw no device in service within {seconds} s; does the gateway's [[session]] name the relay as its CTIManager?"
    )]
    NotInService {
        /// Which, from 1.
        client: u32,
        /// How long it waited.
        seconds: u64,
    },
    /// The simulated cluster cannot be made, or is not understood.
    #[error("the simulated cluster: {0}")]
    Cluster(String),
    /// The gateway to be measured cannot be built.
    #[error("the gateway to be measured: {0}")]
    Gateway(String),
    /// Nobody plays calls there.
    #[error("cannot have events played at {address}: {source}; is `callcast load serve` running with this address as --play?")]
    Play {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The tokens cannot be read.
    #[error("{}: {source}; give a file with a token a line as --tokens", path.display())]
    Tokens {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The gateway's memory cannot be read.
    #[error("cannot read the memory of process {pid}: {source}; give the gateway's process id as --pid")]
    Memory {
        /// The process.
        pid: u32,
        /// Why.
        source: std::io::Error,
    },
}

/// Measures, and prints one line of results.
///
/// # Errors
/// When it cannot be measured, with what is missing.
pub async fn run(args: LoadArgs) -> Result<(), LoadError> {
    match args {
        LoadArgs::Delivery(args) => delivery::run(&args).await,
        LoadArgs::Idle(args) => idle::run(&args).await,
        LoadArgs::Serve(args) => serve::run(&args).await,
        LoadArgs::Pipeline(args) => pipeline::run(&args).await,
        LoadArgs::Reconnect(args) => reconnect::run(&args).await,
        LoadArgs::Slow(args) => slow::run(&args).await,
        LoadArgs::WebhookBare(args) => webhook::bare(&args).await,
        LoadArgs::WebhookDelivery(args) => webhook::delivery(&args).await,
        LoadArgs::WebhookIsolation(args) => webhook::isolation(&args).await,
        LoadArgs::WebhookQueue(args) => webhook::queue(&args).await,
        LoadArgs::WebhookRate(args) => webhook::rate(&args).await,
    }
}
