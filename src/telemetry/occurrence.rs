//! What is worth a line in the log, with the counter that goes with it.

use tracing::{error, info, warn};

use super::Metrics;
use crate::cti::SessionId;
use crate::ctiqbe::DecodeError;
use crate::journal::{JournalError, Sequence};
use crate::sinks::webhook::DeadLetter;

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
    /// The log does not take events: they are told as not durable from now on.
    LogFailed {
        /// Why.
        error: &'a JournalError,
    },
    /// A write to the log does not come back: events are told as not durable from now on.
    LogHangs {
        /// How that was noticed.
        reason: &'a str,
    },
    /// The log takes events again.
    LogRecovered,
    /// The log could not be read for who asked.
    LogUnreadable {
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
    /// A connection could not be accepted; the listener pauses and goes on.
    AcceptFailed {
        /// Why.
        error: &'a std::io::Error,
    },
    /// The HTTP server stops: it takes no more connections and closes those that it has.
    EdgeDraining {
        /// WebSocket clients that are connected.
        clients: i64,
    },
    /// Not every connection ended in the time given to it.
    EdgeDrainTimedOut {
        /// Connections that are cut off.
        left: usize,
    },
    /// The listener can be reached from other machines, and asks nobody for a token.
    ListeningBeyondLoopback {
        /// Where it listens.
        address: std::net::SocketAddr,
    },
    /// A token was not taken.
    TokenDenied {
        /// Who showed it.
        peer: std::net::SocketAddr,
        /// Why.
        denied: crate::access::Denied,
    },
    /// An address had too many tokens refused: it is told so, and the log no more of it.
    TooManyFailures {
        /// The address.
        peer: std::net::SocketAddr,
    },
    /// A person was removed from the log.
    Erased {
        /// Who asked for it.
        account: &'a str,
        /// How many events are empty since.
        events: u64,
    },
    /// The API tokens were read again.
    TokensRead {
        /// How many there are.
        tokens: usize,
        /// How many of those before are taken back.
        revoked: usize,
    },
    /// The API tokens cannot be taken as they are configured now.
    TokensStay {
        /// Why.
        error: &'a crate::access::ConfigError,
    },
    /// Issuers are configured otherwise than when we started.
    IssuersChanged,
    /// The keys of an issuer were fetched.
    KeysFetched {
        /// The issuer.
        issuer: &'a str,
        /// Their names.
        keys: &'a str,
    },
    /// The keys of an issuer cannot be had or used; the old ones stay.
    KeysRefused {
        /// The issuer.
        issuer: &'a str,
        /// Why.
        error: &'a crate::access::KeyError,
    },
    /// The listener has a new certificate.
    CertificateLoaded {
        /// Its file.
        path: &'a std::path::Path,
    },
    /// The listener's certificate cannot be used; the old one stays.
    CertificateRefused {
        /// Why.
        error: &'a crate::api::TlsError,
    },
    /// A webhook failed so often that it is left alone for a while.
    WebhookBreakerOpened {
        /// Its name.
        webhook: &'a str,
        /// Why: no URL, no credential.
        reason: &'a str,
    },
    /// A webhook takes events again.
    WebhookBreakerClosed {
        /// Its name.
        webhook: &'a str,
    },
    /// A webhook was given up.
    WebhookDisabled {
        /// Its name.
        webhook: &'a str,
        /// Why: no URL, no credential.
        reason: &'a str,
    },
    /// An event is not tried any more.
    WebhookDead {
        /// The webhook.
        webhook: &'a str,
        /// Which event, and why.
        letter: &'a DeadLetter,
        /// How many there were since the last line.
        untold: u64,
    },
    /// The log no longer had events when a webhook came to them.
    WebhookGap {
        /// The webhook.
        webhook: &'a str,
        /// The first of them.
        first: Sequence,
        /// The last.
        last: Sequence,
    },
    /// Where a webhook is cannot be written down.
    WebhookCursor {
        /// The name of its cursor.
        cursor: &'a str,
        /// Why.
        error: &'a JournalError,
    },
    /// What was done about a webhook cannot be written down: attempts are lost, dead letters wait in memory.
    WebhookRecordsFailed {
        /// The webhook.
        webhook: &'a str,
        /// Why.
        error: &'a dyn std::error::Error,
    },
    /// An administrator changed a webhook.
    WebhookChanged {
        /// The account.
        account: &'a str,
        /// The webhook.
        webhook: &'a str,
        /// What was done: `added`, `changed`, ...
        change: &'static str,
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
            Occurrence::LogFailed { error } => {
                self.log_failing.set(1);
                error!(%error, "the log takes no events: they are told as not durable; make room, or look after the disk");
            }
            Occurrence::LogHangs { reason } => {
                self.log_failing.set(1);
                error!(reason, "the log takes no events for now: they are told as not durable; look after the disk");
            }
            Occurrence::LogRecovered => {
                self.log_failing.set(0);
                warn!("the log takes events again; what is missing in it was told as an event, journal.gap");
            }
            Occurrence::LogUnreadable { error } => error!(%error, "the log of events cannot be read for the API"),
            Occurrence::WebSocketClosed { peer, reason } => {
                self.websocket_closed.with_label_values(&[reason]).inc();
                info!(%peer, reason, "closed a WebSocket client");
            }
            Occurrence::AcceptFailed { error } => {
                self.accept_failed.inc();
                warn!(%error, "cannot accept a connection; if files ran out, raise the limit on open files (LimitNOFILE, ulimit -n)");
            }
            Occurrence::EdgeDraining { clients } => info!(clients, "closing the WebSocket clients"),
            Occurrence::EdgeDrainTimedOut { left } => warn!(left, "connections did not end in time and are cut off"),
            Occurrence::ListeningBeyondLoopback { address } => {
                warn!(%address, "the API can be reached from other machines and asks for no token; whoever reaches it sees all calls");
            }
            Occurrence::TokenDenied { peer, denied } => {
                self.tokens_denied.with_label_values(&[denied.code()]).inc();
                info!(%peer, reason = denied.code(), %denied, "a token was not taken");
            }
            Occurrence::TooManyFailures { peer } => {
                warn!(%peer, "this address had too many tokens refused: for a minute no more of it is logged");
            }
            // Not who was removed: the log of the process is kept elsewhere, and longer.
            Occurrence::Erased { account, events } => info!(account, events, "removed a person from the journal"),
            Occurrence::TokensRead { tokens, revoked } => info!(tokens, revoked, "read the API tokens again"),
            Occurrence::TokensStay { error } => warn!(%error, "the API tokens stay as they were"),
            Occurrence::IssuersChanged => warn!("[[access.issuer]] changed: restart callcast for that to count"),
            Occurrence::KeysFetched { issuer, keys } => info!(issuer, keys, "fetched the keys of an issuer"),
            Occurrence::KeysRefused { issuer, error } => {
                self.keys_refused.with_label_values(&[issuer]).inc();
                warn!(issuer, %error, "the keys of an issuer cannot be used; the old ones stay");
            }
            Occurrence::CertificateLoaded { path } => info!(path = %path.display(), "loaded a new certificate"),
            Occurrence::CertificateRefused { error } => {
                self.certificate_refused.inc();
                warn!(%error, "a new certificate cannot be used; the old one stays");
            }
            Occurrence::WebhookBreakerOpened { webhook, reason } => {
                warn!(webhook, reason, "a webhook is left alone for a while; its events wait");
            }
            Occurrence::WebhookBreakerClosed { webhook } => info!(webhook, "a webhook takes events again"),
            Occurrence::WebhookDisabled { webhook, reason } => {
                error!(webhook, reason, "a webhook is disabled; POST /admin/v1/webhooks/NAME/resume when that is put right");
            }
            Occurrence::WebhookDead { webhook, letter, untold } => {
                let event = format_args!("{}-{}", letter.epoch, letter.sequence);
                let (reason, status, attempts) = (letter.death.as_str(), letter.status, letter.attempts);
                warn!(webhook, %event, reason, status, attempts, untold, "an event is a dead letter; GET /admin/v1/webhooks/NAME/dead lists them");
            }
            Occurrence::WebhookGap { webhook, first, last } => {
                warn!(
                    webhook,
                    first,
                    last,
                    "the journal no longer has events that a webhook did not get; raise journal.max_age_hours or journal.max_mebibytes"
                );
            }
            Occurrence::WebhookCursor { cursor, error } => {
                error!(cursor, %error, "where a webhook is cannot be written down: after a restart it is sent again what it had; look after the disk");
            }
            Occurrence::WebhookRecordsFailed { webhook, error } => {
                error!(webhook, %error, "what was sent to a webhook cannot be written down; make room, or look after the disk");
            }
            Occurrence::WebhookChanged { account, webhook, change } => info!(account, webhook, change, "changed a webhook"),
        }
    }
}
