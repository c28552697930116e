//! callcast.

use std::process::ExitCode;

use callcast::sim;
use clap::Parser;

#[derive(Parser)]
enum Cli {
    Simulate(Box<sim::cli::SimulateArgs>),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Cli::Simulate(args) = Cli::parse();
    match sim::simulate(*args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("callcast: {error}");
            ExitCode::FAILURE
        }
    }
}
