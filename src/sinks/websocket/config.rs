//! What a client may ask for, and how long it is waited for.

use std::time::Duration;

use serde::Deserialize;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::sinks::feed::Limits;

/// A message this many times the limit is still read to its end and answered by an error; a longer one closes the socket.
const TOLERATED: usize = 4;

/// Limits on clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Clients at a time.
    pub max_clients: usize,
    /// Clients at a time of one account: of a user, or of an API token. Where no access is configured there is no such limit.
    pub max_clients_per_account: usize,
    /// Bytes of a message from a client.
    pub max_message_bytes: usize,
    /// Messages of one client in a second; twice as many at once.
    pub messages_per_second: u32,
    /// Subscriptions of one client.
    pub max_subscriptions: usize,
    /// Devices, lines and users in all subscriptions of one client.
    pub max_texts: usize,
    /// Events that wait in memory for one client; one that falls further behind reads them from the log.
    pub mailbox_frames: usize,
    /// Seconds between pings. A client from which nothing came between two pings is gone.
    pub ping_interval_seconds: u32,
    /// Seconds that a write may wait for a client to read.
    pub write_timeout_seconds: u32,
    /// Seconds in which a client has to have caught up with what it missed, or it is closed.
    pub catch_up_seconds: u32,
    /// Seconds in which a client has to say who it is, where that is asked for.
    pub authenticate_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_clients: 20_000,
            max_clients_per_account: 100,
            max_message_bytes: 64 * 1024,
            messages_per_second: 50,
            max_subscriptions: 100,
            max_texts: 10_000,
            mailbox_frames: 4096,
            ping_interval_seconds: 20,
            write_timeout_seconds: 10,
            catch_up_seconds: 300,
            authenticate_seconds: 10,
        }
    }
}

impl Config {
    pub(super) fn ping_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.ping_interval_seconds.max(1)))
    }

    pub(super) fn authenticate_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.authenticate_seconds.max(1)))
    }

    /// What a client may ask for.
    pub fn limits(&self) -> Limits {
        Limits {
            subscriptions: self.max_subscriptions,
            texts: self.max_texts,
            mailbox: self.mailbox_frames.max(1),
            catch_up: Duration::from_secs(u64::from(self.catch_up_seconds.max(1))),
        }
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.write_timeout_seconds.max(1)))
    }

    /// tungstenite's own limits: its defaults are 128 KiB of buffer per socket and messages of 64 MiB.
    pub(super) fn protocol(&self) -> WebSocketConfig {
        let longest = self.max_message_bytes.saturating_mul(TOLERATED);
        WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(128 * 1024)
            .max_write_buffer_size(16 * 1024 * 1024)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest))
            .accept_unmasked_frames(false)
    }
}
