//! `callcast check`: is the configuration valid, and what would it do?

use std::path::Path;

use super::CommandError;
use crate::access::Access;
use crate::app::AppError;
use crate::config::{Config, ConfigError};
use crate::cti;
use crate::numbers::NumberPlan;
use crate::sinks::webhook::origin;
use crate::telemetry::Metrics;

/// Prints what the configuration would do, and what about it is unwise.
pub fn check(path: &Path) -> Result<(), CommandError> {
    let config = Config::load(path).map_err(|error| CommandError::Config(vec![error]))?;
    let warnings = config.check().map_err(CommandError::Config)?;
    // The files of keys are read, as `run` would.
    Metrics::new()
        .map_err(AppError::from)
        .map(|metrics| Access::new(&config.access, metrics))?
        .map_err(|errors| CommandError::Config(errors.into_iter().map(ConfigError::Access).collect()))?;
    println!("{} is valid", path.display());
    for (session, number) in config.sessions.iter().zip(1..) {
        println!("session {number}: {}", described(session));
    }
    for line in listeners(&config) {
        println!("{line}");
    }
    let journal = &config.journal;
    println!("the log in {} keeps {} hours or {} MiB", journal.directory.display(), journal.max_age_hours, journal.max_mebibytes);
    for webhook in &config.webhooks {
        // A URL is a secret: only where it leads is shown.
        println!("webhook {}: events go to {}", webhook.name, origin(webhook).unwrap_or_else(|| "a URL that cannot be read".into()));
    }
    let numbers = NumberPlan::new(&config.numbers).map_err(|errors| CommandError::Config(errors.into_iter().map(Into::into).collect()))?;
    for line in numbers.explain() {
        println!("{line}");
    }
    for warning in warnings {
        println!("warning: {warning}");
    }
    Ok(())
}

/// What listens where, and for whom.
fn listeners(config: &Config) -> Vec<String> {
    let scheme = |has_tls| if has_tls { "https" } else { "http" };
    let access = &config.access;
    let who = match (access.tokens.len(), access.issuers.len()) {
        (0, 0) => "everybody who reaches it".into(),
        (tokens, issuers) => format!("holders of {tokens} API tokens, and of tokens of {issuers} issuers"),
    };
    let api = &config.api;
    let mut lines =
        vec![format!("{}://{}/ serves the page, /v1/ws, /healthz and /readyz, for {who}", scheme(api.tls.is_some()), api.listen)];
    if let Some(address) = config.admin.listen {
        lines.push(format!("{}://{address}/ serves /metrics, and what needs admin rights", scheme(config.admin.tls.is_some())));
    }
    lines
}

fn described(session: &cti::Config) -> String {
    let wire = if session.tls.is_some() { "TLS" } else { "clear text" };
    let devices = match &session.inventory.file {
        Some(file) => format!("the devices of {}", file.display()),
        None => "the devices of the user's control list".into(),
    };
    let pace = match session.pace.devices_per_second {
        0 => "as fast as it answers".into(),
        pace => format!("{pace} devices a second"),
    };
    format!("logs in to {} over {wire} as {}, and watches {devices}, {pace}", session.managers.join(", then "), session.user)
}
