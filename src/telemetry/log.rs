//! The log on standard error: text for people, or one JSON object a line.
//!
//! What libraries write by the `log` crate is not taken, on purpose: they tell what they handle, frames and numbers whole. So the
//! subscriber is not installed by `try_init`, which would take that too as soon as anybody enables its feature.

use thiserror::Error;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// What the command line says of the log; it goes before the configuration.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Text or JSON.
    pub format: Option<LogFormat>,
    /// What is logged.
    pub level: Option<String>,
}

/// The log cannot be set up.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter is none.
    #[error("--log-level is {0:?}: give `error`, `warn`, `info`, `debug`, or a filter as `info,callcast::cti=debug`")]
    Level(String),
    /// Something else in this process logs already.
    #[error("the log is set up already: {0}")]
    Twice(#[from] SetGlobalDefaultError),
}

/// What is logged, in the words of `RUST_LOG`; `None` when it is no such filter.
pub fn level_filter(level: &str) -> Option<EnvFilter> {
    EnvFilter::builder().parse(level).ok()
}

/// Sets the log up, once.
///
/// # Errors
/// When the filter is none, or the log is set up already.
pub fn init(options: &LogOptions, config: &Log) -> Result<(), LogError> {
    init_to(options, config, std::io::stderr)
}

/// The same, with another place for the lines.
///
/// # Errors
/// When the filter is none, or the log is set up already.
pub fn init_to<W>(options: &LogOptions, config: &Log, writer: W) -> Result<(), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = options.level.as_ref().unwrap_or(&config.level);
    let filter = level_filter(level).ok_or_else(|| LogError::Level(level.clone()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    match options.format.unwrap_or(config.format) {
        LogFormat::Text => set_global_default(builder.finish())?,
        LogFormat::Json => set_global_default(builder.json().flatten_event(true).finish())?,
    }
    Ok(())
}
