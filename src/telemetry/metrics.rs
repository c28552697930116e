//! What `/metrics` tells, in Prometheus' text format.

use std::sync::Arc;

use prometheus::{Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use thiserror::Error;

use super::webhook::{Family, WebhookMetrics};
use crate::event::EventType;

/// Metrics could not be made or told.
#[derive(Debug, Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// All counters and gauges that callcast keeps itself.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By the place of the type in [`EventType::ALL`]: looking a label up costs more than the event.
    events: Vec<IntCounter>,
    pub(super) undecodable: IntCounterVec,
    pub(super) log_failing: IntGauge,
    /// Events that were told and are not in the log.
    pub not_durable: IntCounter,
    websocket_clients: IntGauge,
    devices: IntGaugeVec,
    /// Frames written to WebSocket clients.
    pub websocket_frames: IntCounter,
    pub(super) websocket_closed: IntCounterVec,
    pub(super) accept_failed: IntCounter,
    pub(super) tokens_denied: IntCounterVec,
    pub(super) keys_refused: IntCounterVec,
    pub(super) certificate_refused: IntCounter,
    /// From the read of a CTI message to the write of its event to a client, in seconds; one observation per write.
    pub delivery: Histogram,
    webhooks: Family,
}

impl Metrics {
    /// Metrics in a registry of their own.
    ///
    /// # Errors
    /// When two metrics have the same name, which is a mistake in this file.
    pub fn new() -> Result<Arc<Self>, MetricsError> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, label: &str| -> Result<IntCounterVec, MetricsError> {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let by_type = counters("callcast_events_total", "Events told, by type.", "type")?;
        let events = EventType::ALL.iter().map(|kind| by_type.with_label_values(&[kind.as_str()])).collect();
        let undecodable =
            counters("callcast_cti_undecodable_total", "CTI messages that were not what they claim to be, by name.", "message")?;
        let websocket_closed =
            counters("callcast_websocket_closed_total", "WebSocket clients that the gateway closed, by reason.", "reason")?;
        let log_failing = IntGauge::new("callcast_journal_failing", "1 while the log takes no events.")?;
        let not_durable = IntCounter::new("callcast_events_not_durable_total", "Events that were told and are not in the log.")?;
        let tokens_denied = counters("callcast_tokens_denied_total", "Tokens that were not taken, by reason.", "reason")?;
        let keys_refused =
            counters("callcast_keys_refused_total", "Keys of issuers that could not be fetched or used, by issuer.", "issuer")?;
        let certificate_refused =
            IntCounter::new("callcast_certificate_refused_total", "New certificates of a listener that could not be used.")?;
        let websocket_clients = IntGauge::new("callcast_websocket_clients", "WebSocket clients that are connected.")?;
        let websocket_frames = IntCounter::new("callcast_websocket_frames_total", "Frames written to WebSocket clients.")?;
        let accept_failed = IntCounter::new("callcast_accept_failed_total", "Connections that could not be accepted.")?;
        let delivery = Histogram::with_opts(
            HistogramOpts::new("callcast_delivery_seconds", "From the read of a CTI message to the write of its event to a client.")
                .buckets(vec![0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0]),
        )?;
        let devices = IntGaugeVec::new(Opts::new("callcast_device_states", "Devices that were told of, by what they do now."), &["state"])?;
        registry.register(Box::new(devices.clone()))?;
        registry.register(Box::new(log_failing.clone()))?;
        registry.register(Box::new(not_durable.clone()))?;
        registry.register(Box::new(websocket_clients.clone()))?;
        registry.register(Box::new(websocket_frames.clone()))?;
        registry.register(Box::new(accept_failed.clone()))?;
        registry.register(Box::new(certificate_refused.clone()))?;
        registry.register(Box::new(delivery.clone()))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let webhooks = Family::new(&registry)?;
        Ok(Arc::new(Self {
            registry,
            webhooks,
            events,
            undecodable,
            log_failing,
            not_durable,
            websocket_clients,
            devices,
            websocket_frames,
            websocket_closed,
            accept_failed,
            tokens_denied,
            keys_refused,
            certificate_refused,
            delivery,
        }))
    }

    /// Counts an event.
    #[inline]
    pub fn event(&self, kind: EventType) {
        if let Some(counter) = self.events.get(kind as usize) {
            counter.inc();
        }
    }

    /// Counts a WebSocket client until the guard is dropped.
    pub fn websocket_client(&self) -> Counted {
        self.websocket_clients.inc();
        Counted(self.websocket_clients.clone())
    }

    /// WebSocket clients that are connected.
    pub fn websocket_clients(&self) -> i64 {
        self.websocket_clients.get()
    }

    /// The metrics of a webhook. All handles of one name count together.
    pub fn webhook(&self, name: &str) -> WebhookMetrics {
        self.webhooks.of(name)
    }

    /// Tells nothing more of a webhook that is gone.
    pub fn remove_webhook(&self, name: &str) {
        self.webhooks.remove(name);
    }

    /// Takes how many devices are in which state: that is only counted when somebody asks.
    pub fn device_states(&self, devices: &[(&'static str, usize)]) {
        for (state, count) in devices {
            self.devices.with_label_values(&[state]).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
    }

    /// Everything, in Prometheus' text format.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self) -> Result<String, MetricsError> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Counts something for as long as it lives.
#[derive(Debug)]
pub struct Counted(IntGauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
