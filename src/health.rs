//! How the CTI sessions stand, for `/readyz` and `/metrics`.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::api::{DevicesReport, Health, RefusalReport, Report, SessionReport};
use crate::cti::{Refusal, SessionState, Status, Summary};
use crate::gateway::Gateway;

/// The statuses of all sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    statuses: Arc<[Arc<Status>]>,
    /// The share of devices that makes us ready.
    enough: f64,
}

impl Sessions {
    /// Statuses for so many sessions.
    pub fn new(count: usize, enough: f64) -> Self {
        Self { statuses: (0..count).map(|_| Arc::new(Status::default())).collect(), enough }
    }

    /// One for each session, in the order of the configuration.
    pub fn statuses(&self) -> &[Arc<Status>] {
        &self.statuses
    }

    /// How they stand now.
    pub fn summaries(&self) -> Vec<Summary> {
        self.statuses.iter().map(|status| status.summary()).collect()
    }
}

impl Health for Sessions {
    fn report(&self) -> Report {
        report(&self.summaries(), self.enough)
    }
}

fn report(summaries: &[Summary], enough: f64) -> Report {
    let total: usize = summaries.iter().map(|s| s.devices).sum();
    let in_service: usize = summaries.iter().map(|s| s.in_service).sum();
    let all_in_service = !summaries.is_empty() && summaries.iter().all(|s| s.state == SessionState::InService);
    let refused = summaries.iter().flat_map(|summary| &summary.refused).map(|(kind, refused)| RefusalReport {
        cause: kind.label().to_owned(),
        cure: refused.examples.first().map(|refusal| refusal.cure().to_owned()).unwrap_or_default(),
        count: refused.count,
        examples: refused.examples.iter().map(subject).collect(),
    });
    Report {
        ready: all_in_service && in_service as f64 >= total as f64 * enough,
        sessions: summaries.iter().zip(0..).map(|(summary, session)| session_report(session, summary)).collect(),
        devices: DevicesReport { total, in_service, refused: refused.collect() },
        ..Report::default()
    }
}

/// `SEP001122334455`, or `SEP001122334455/2000` for a line.
fn subject(refusal: &Refusal) -> String {
    let named = [refusal.device.as_deref(), refusal.line.as_deref()];
    named.into_iter().flatten().collect::<Vec<_>>().join("/")
}

fn session_report(session: u16, summary: &Summary) -> SessionReport {
    let reason = match &summary.state {
        SessionState::Waiting { reason, until } => Some(format!("{reason}; next try {until}")),
        _ => None,
    };
    SessionReport { session, manager: summary.manager.as_deref().map(Into::into), state: summary.state.label().into(), reason }
}

/// What `/metrics` says of the sessions, read when it is asked for: nothing is counted twice.
pub fn metrics(sessions: Sessions, gateway: Arc<Gateway>) -> Box<dyn Fn(&mut String) + Send + Sync> {
    Box::new(move |text| {
        let mut out = Exposition { text };
        let summaries = sessions.summaries();
        let each = |value: fn(&Summary) -> Option<f64>| -> Vec<(String, f64)> {
            let labelled = |(summary, session): (&Summary, usize)| Some((format!("session=\"{session}\""), value(summary)?));
            summaries.iter().zip(0..).filter_map(labelled).collect()
        };
        let state = summaries.iter().zip(0..).map(|(s, session)| (format!("session=\"{session}\",state=\"{}\"", s.state.label()), 1.0));
        out.family("callcast_session_state", "gauge", "What a CTI session is doing: 1 at its state.", state);
        out.family("callcast_session_devices", "gauge", "Devices that the session shall watch.", each(|s| Some(s.devices as f64)));
        out.family(
            "callcast_session_devices_in_service",
            "gauge",
            "Devices that the session observes.",
            each(|s| Some(s.in_service as f64)),
        );
        out.family(
            "callcast_session_lines_in_service",
            "gauge",
            "Lines that the session observes.",
            each(|s| Some(s.lines_in_service as f64)),
        );
        let refused = summaries.iter().zip(0..).flat_map(|(s, session)| {
            s.refused.iter().map(move |(kind, r)| (format!("session=\"{session}\",reason=\"{}\"", kind.label()), r.count as f64))
        });
        out.family("callcast_refused", "gauge", "Devices and lines that are not observed, by reason.", refused);
        out.family(
            "callcast_session_reconnects_total",
            "counter",
            "How often a session was opened again.",
            each(|s| Some(s.reconnects as f64)),
        );
        out.family(
            "callcast_password_expiry_days",
            "gauge",
            "Days until the application user's password expires.",
            each(|s| s.days_until_password_expiry.map(f64::from)),
        );
        let plain = |value: f64| [(String::new(), value)];
        out.family("callcast_journal_waiting", "gauge", "Events that wait to be written to the log.", plain(gateway.waiting() as f64));
        let received = sessions.statuses().iter().zip(0..).flat_map(|(status, session): (_, usize)| {
            status.received().map(move |(name, count)| (format!("session=\"{session}\",message=\"{name}\""), count as f64))
        });
        out.family("callcast_cti_messages_total", "counter", "CTI messages received, by name.", received);
        let unknown =
            sessions.statuses().iter().zip(0..).map(|(s, session): (_, usize)| (format!("session=\"{session}\""), s.unknown() as f64));
        out.family("callcast_cti_unknown_messages_total", "counter", "CTI messages with an id that is not known.", unknown);
        out.family("callcast_calls", "gauge", "Calls that are up.", [(String::new(), gateway.calls() as f64)]);
        out.family(
            "callcast_subscriptions",
            "gauge",
            "Subscriptions of WebSocket clients.",
            [(String::new(), gateway.subscriptions() as f64)],
        );
        out.family("callcast_log_events", "gauge", "Events that the log keeps.", [(String::new(), gateway.kept() as f64)]);
    })
}

/// Prometheus' text format.
struct Exposition<'t> {
    text: &'t mut String,
}

impl Exposition<'_> {
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: impl IntoIterator<Item = (String, f64)>) {
        // A `String` takes every write. Labels are words of ours and message names, which need no escaping.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let _ = writeln!(self.text, "{name}{braces} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn summary(state: SessionState, devices: usize, in_service: usize) -> Summary {
        Summary { state, devices, in_service, ..Summary::default() }
    }

    #[test]
    fn ready_is_a_session_in_service_with_enough_devices() {
        assert!(report(&[summary(SessionState::InService, 10, 9)], 0.9).ready);
        assert!(!report(&[summary(SessionState::InService, 10, 8)], 0.9).ready);
        assert!(!report(&[summary(SessionState::Opening, 10, 10)], 0.9).ready);
        assert!(!report(&[], 0.9).ready);
    }

    #[test]
    fn a_waiting_session_says_why_and_until_when() {
        let waiting = SessionState::Waiting { reason: "the account is locked".into(), until: Timestamp(0) };
        let told = report(&[summary(waiting, 0, 0)], 0.9);
        let reason = told.sessions.first().and_then(|s| s.reason.clone()).unwrap_or_default();
        assert!(reason.contains("locked") && reason.contains("1970"), "{reason}");
    }
}
