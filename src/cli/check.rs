//! `callcast check`: is the configuration valid, and what would it do?

use std::path::Path;

use super::CommandError;
use crate::config::Config;
use crate::cti;
use crate::numbers::NumberPlan;

/// Prints what the configuration would do, and what about it is unwise.
pub fn check(path: &Path) -> Result<(), CommandError> {
    let config = Config::load(path).map_err(|error| CommandError::Config(vec![error]))?;
    let warnings = config.check().map_err(CommandError::Config)?;
    println!("{} is valid", path.display());
    for (session, number) in config.sessions.iter().zip(1..) {
        println!("session {number}: {}", described(session));
    }
    println!("http://{}/ serves the page, /v1/ws, /metrics, /healthz and /readyz", config.api.listen);
    let journal = &config.journal;
    println!("the log in {} keeps {} hours or {} MiB", journal.directory.display(), journal.max_age_hours, journal.max_mebibytes);
    let numbers = NumberPlan::new(&config.numbers).map_err(|errors| CommandError::Config(errors.into_iter().map(Into::into).collect()))?;
    for line in numbers.explain() {
        println!("{line}");
    }
    for warning in warnings {
        println!("warning: {warning}");
    }
    Ok(())
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
