//! What is worth a line in the log, with the counter that goes with it.

use tracing::{error, info, warn};

use super::Metrics;
use crate::cti::SessionId;
use crate::ctiqbe::DecodeError;
use crate::journal::JournalError;

/// Something worth a line in the log.
#[derive(Debug)]
pub enum Occurrence<'a> {
    /// A message about calls was passed over.
    UndecodableMessage {
        /// Where it came from.
        session: SessionId,
        /// Its name.
        message: &'static str,
        /// What is wrong with it.
        error: &'a DecodeError,
    },
    /// The log did not take events: they are not shown.
    LogRefused {
        /// How many.
        events: usize,
        /// Why.
        error: &'a JournalError,
    },
    /// A WebSocket client was closed by us.
    WebSocketClosed {
        /// Its address.
        peer: std::net::SocketAddr,
        /// A word for the metric.
        reason: &'static str,
    },
}

impl Metrics {
    /// Logs and counts an occurrence.
    pub fn emit(&self, occurrence: Occurrence<'_>) {
        match occurrence {
            Occurrence::UndecodableMessage { session, message, error } => {
                self.undecodable.with_label_values(&[message]).inc();
                warn!(%session, message, %error, "a CTI message was passed over");
            }
            Occurrence::LogRefused { events, error } => {
                self.log_refused.inc_by(events as u64);
                error!(events, %error, "the log takes no events");
            }
            Occurrence::WebSocketClosed { peer, reason } => {
                self.websocket_closed.with_label_values(&[reason]).inc();
                info!(%peer, reason, "closed a WebSocket client");
            }
        }
    }
}
