//! Metrics and logs.
//!
//! An occurrence that is logged or counted is one variant of [`Occurrence`], so that a log line and its counter stand together and
//! no metric is named in logic. The `prometheus` crate is behind this module alone.

mod log;
mod metrics;
mod occurrence;
mod webhook;

pub use log::{LogError, LogOptions, init, init_to, level_filter};
pub use metrics::{Counted, Metrics, MetricsError};
pub use occurrence::Occurrence;
pub use webhook::{Skip, WebhookMetrics};
