//! Whether the gateway does what it is for, and what is missing where it does not.

use serde::Serialize;

/// Who knows.
pub trait Health: Send + Sync {
    /// How things stand now.
    fn report(&self) -> Report;
}

/// The body of `/readyz`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Sessions are in service, and enough devices are.
    pub ready: bool,
    /// Every CTI session.
    pub sessions: Vec<SessionReport>,
    /// The devices of all sessions.
    pub devices: DevicesReport,
    /// The log of events.
    pub journal: JournalReport,
}

/// The log of events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JournalReport {
    /// It takes no events: they are told as not durable, and are missing for whoever is away.
    pub failing: bool,
    /// Since when.
    pub since: Option<String>,
    /// Why, and what to do about it.
    pub reason: Option<String>,
}

/// One CTI session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionReport {
    /// Its place in the configuration, from 0.
    pub session: u16,
    /// The CTIManager that it is with.
    pub manager: Option<String>,
    /// A word, as `in_service`.
    pub state: String,
    /// Why it is not in service, and what to do about it.
    pub reason: Option<String>,
}

/// The devices of all sessions, by number.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DevicesReport {
    /// In the inventory.
    pub total: usize,
    /// Observed.
    pub in_service: usize,
    /// Refused by the cluster, by cause.
    pub refused: Vec<RefusalReport>,
}

/// Devices and lines that are refused for one cause.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RefusalReport {
    /// The name of the result code.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
    /// How many.
    pub count: usize,
    /// The names of a few.
    pub examples: Vec<String>,
}
