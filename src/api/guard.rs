//! Which requests a browser may have been tricked into.
//!
//! DNS rebinding: a page of `evil.example` lets its name point to 127.0.0.1 and reads what listens there; its requests carry
//! `Host: evil.example`. Cross-site WebSocket: a page anywhere may open a socket to us; the browser says whose page it is in `Origin`.

use std::net::{IpAddr, SocketAddr};

use super::config::Config;

/// Decides on `Host` and `Origin`.
#[derive(Debug)]
pub struct Guard {
    loopback: bool,
    names: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    /// The rules for a listener that is bound to `address`.
    pub fn new(config: &Config, address: SocketAddr) -> Self {
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        Self { loopback: address.ip().is_loopback(), names: lower(&config.public_host_names), origins: lower(&config.allowed_origins) }
    }

    /// Whether a request may be meant for us.
    pub fn allows_host(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if self.names.contains(&name) {
            return true;
        }
        // No name, no rebinding.
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if self.loopback {
            return name == "localhost" || address.is_ok_and(|ip| ip.is_loopback());
        }
        self.names.is_empty() || address.is_ok()
    }

    /// Whether a page of this origin may open a WebSocket on `host`. What is not a browser has no origin.
    pub fn allows_origin(&self, origin: Option<&str>, host: &str) -> bool {
        let Some(origin) = origin.map(str::to_ascii_lowercase) else { return true };
        let own = ["http://", "https://"].iter().filter_map(|scheme| origin.strip_prefix(scheme)).any(|of| of.eq_ignore_ascii_case(host));
        own || self.origins.contains(&origin)
    }
}

impl Guard {
    /// Whether a page of this origin, not our own, may read our answers.
    pub fn shares_with(&self, origin: &str) -> bool {
        self.origins.contains(&origin.to_ascii_lowercase())
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str, names: &[&str]) -> Guard {
        let config = Config {
            public_host_names: names.iter().map(|name| (*name).into()).collect(),
            allowed_origins: vec!["https://crm.example".into()],
            ..Config::default()
        };
        Guard::new(&config, address.parse().unwrap())
    }

    #[test]
    fn on_loopback_only_loopback_and_configured_names_are_ours() {
        let guard = guard("127.0.0.1:8080", &["Callcast.example"]);
        for host in
            ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "[::1]", "callcast.example:80"]
        {
            assert!(guard.allows_host(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", ":8080"] {
            assert!(!guard.allows_host(host), "{host}");
        }
    }

    #[test]
    fn elsewhere_any_name_is_ours_until_names_are_configured() {
        assert!(guard("0.0.0.0:8080", &[]).allows_host("callcast.example"));
        let named = guard("0.0.0.0:8080", &["callcast.example"]);
        assert!(named.allows_host("10.0.0.1:8080"));
        assert!(!named.allows_host("evil.example"));
    }

    #[test]
    fn a_foreign_page_opens_no_socket() {
        let guard = guard("127.0.0.1:8080", &[]);
        for origin in [None, Some("http://localhost:8080"), Some("https://localhost:8080"), Some("https://CRM.example")] {
            assert!(guard.allows_origin(origin, "localhost:8080"), "{origin:?}");
        }
        for origin in ["http://evil.example", "http://localhost:9999", "null", "http://localhost:8080.evil.example"] {
            assert!(!guard.allows_origin(Some(origin), "localhost:8080"), "{origin}");
        }
    }
}
