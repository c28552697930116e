//! The commands. Each is a file; `main` chooses.

mod check;
mod decode;
mod demo;
mod erase;
mod replay;
mod run;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;

use crate::app::AppError;
use crate::config::{ConfigError, LogFormat};
use crate::load;
use crate::sim;
use crate::telemetry;

/// Watches every phone of a Cisco Unified Communications Manager cluster and fans call events out.
#[derive(Debug, Parser)]
#[command(name = "callcast", version, about, max_term_width = 120)]
pub struct Cli {
    /// How log lines look; else as the configuration says.
    #[arg(long, global = true, value_enum)]
    log_format: Option<LogFormat>,
    /// What is logged; else as the configuration says. As `debug`, or `info,callcast::cti=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    log_level: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything on this machine with nothing to install: a simulated cluster, the gateway, calls, and the page's address
    Demo(demo::DemoArgs),
    /// The gateway
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Checks a configuration file and says what it would do
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Prints a captured CTIQBE byte stream as messages
    Decode(decode::DecodeArgs),
    /// API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Prints events of the journal, one CloudEvent a line, also while a gateway runs
    Replay(Box<replay::ReplayArgs>),
    /// Removes a person or a number from the journal of a gateway that does not run
    Erase(erase::EraseArgs),
    /// A simulated cluster alone
    Simulate(Box<sim::cli::SimulateArgs>),
    /// Measures a running gateway
    #[command(hide = true, subcommand)]
    Load(load::LoadArgs),
}

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The configuration cannot be used: all that is wrong with it.
    #[error("{}", joined(.0))]
    Config(Vec<ConfigError>),
    /// The gateway could not be built or run.
    #[error(transparent)]
    App(#[from] AppError),
    /// The simulated cluster could not be built or run.
    #[error(transparent)]
    Simulator(#[from] sim::Error),
    /// A capture could not be printed.
    #[error(transparent)]
    Decode(#[from] decode::DecodeCommandError),
    /// The journal could not be printed.
    #[error(transparent)]
    Replay(#[from] replay::ReplayError),
    /// Nothing could be erased from the journal.
    #[error(transparent)]
    Erase(#[from] erase::EraseError),
    /// The demonstration needs a temporary folder for its inventory.
    #[error("cannot write the demonstration's inventory to the temporary folder: {0}; set TMPDIR to a folder that can be written")]
    Demo(std::io::Error),
    /// A token that is good for nothing.
    #[error("the token may see nothing: give --user, --device, --line, --everything or --admin")]
    NothingToSee,
    /// A token cannot be made.
    #[error(transparent)]
    NoRandom(#[from] crate::access::NoRandom),
    /// The operating system does not let us wait for signals.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
    /// The gateway could not be measured.
    #[error(transparent)]
    Load(#[from] load::LoadError),
    /// The log cannot be set up.
    #[error(transparent)]
    Log(#[from] telemetry::LogError),
}

fn joined(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl CommandError {
    /// The exit code: 2 for what the user has to change, 1 for what went wrong.
    fn exit_code(&self) -> ExitCode {
        let is_mistake = match self {
            Self::Config(_) | Self::NothingToSee => true,
            Self::Simulator(error) => error.is_mistake(),
            Self::Replay(error) => error.is_mistake(),
            Self::Erase(error) => error.is_mistake(),
            _ => false,
        };
        ExitCode::from(if is_mistake { 2 } else { 1 })
    }
}

impl Cli {
    /// Carries the command out; 0 when it did what it was to do, 1 when it could not, 2 for a mistake in the configuration or the call.
    pub async fn execute(self) -> ExitCode {
        let log = telemetry::LogOptions { format: self.log_format, level: self.log_level };
        let done = match self.command {
            Command::Demo(args) => demo::demo(args, log).await,
            Command::Run { config } => run::run(&config, log).await,
            Command::Check { config } => check::check(&config),
            Command::Decode(args) => decode::run(&args, &mut std::io::stdout().lock()).map_err(Into::into),
            Command::Token(command) => token::run(command),
            Command::Replay(args) => replay::run(&args, &mut std::io::BufWriter::new(std::io::stdout().lock())).map_err(Into::into),
            Command::Erase(args) => erase::run(args, &mut std::io::stdout().lock(), &mut std::io::stdin().lock()).map_err(Into::into),
            Command::Simulate(args) => simulate(*args, &log).await,
            Command::Load(args) => load::run(args).await.map_err(Into::into),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("callcast: {error}");
                error.exit_code()
            }
        }
    }
}

async fn simulate(args: sim::cli::SimulateArgs, log: &telemetry::LogOptions) -> Result<(), CommandError> {
    telemetry::init(log, &crate::config::Log::default())?;
    Ok(sim::simulate(args).await?)
}
