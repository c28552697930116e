//! `callcast`: parse, carry out, exit code. The commands are in `cli`.

use std::process::ExitCode;

use callcast::cli::Cli;
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().execute().await
}
