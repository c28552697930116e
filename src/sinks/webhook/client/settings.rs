//! From an endpoint's configuration to a client: everything is checked here, and all that is wrong is said at once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Uri;
use ipnet::IpNet;
use rustls::ClientConfig;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::address::Guard;
use super::auth::{Auth, Credential};
use super::connect::{Connector, Origin, Resolver};
use super::error::ClientError;
use super::pool::Pool;
use super::token::{self, TokenSource};
use super::{Client, tls};
use crate::sinks::webhook::config::{AuthConfig, BasicConfig, Config, DeliveryConfig, NetworkConfig, Oauth2Config};
use crate::sinks::webhook::{Destination, Secret};

/// No time is longer than this.
const LONGEST: f64 = 3600.0;

pub(super) fn client(config: &Config, resolver: Arc<dyn Resolver>) -> Result<Client, Vec<ClientError>> {
    let mut found = Checker::default();
    let DeliveryConfig { connect_seconds, first_byte_seconds, whole_seconds, gzip, in_flight, .. } = config.delivery;
    let limit = found.time("connect_seconds", connect_seconds);
    let first_byte = found.time("first_byte_seconds", first_byte_seconds);
    let whole = found.time("whole_seconds", whole_seconds);
    if !(1..=256).contains(&in_flight) {
        found.errors.push(ClientError::InFlight(in_flight));
    }
    let guard = found.guard(&config.network);
    let origin = found.take(endpoint(&config.url));
    let token_url = config.auth.oauth2.as_ref().and_then(|oauth2| found.take(token_url(oauth2)));
    let token_origin = token_url.as_ref().and_then(Origin::of);
    let is_tls = [&origin, &token_origin].iter().any(|origin| origin.as_ref().is_some_and(Origin::is_tls));
    let tls = if is_tls { found.take(tls::client(&config.network)) } else { None };
    if origin.as_ref().is_some_and(|origin| !origin.is_tls()) && !is_tls {
        found.only_tls(&config.network);
    }
    let connector = |origin, tls: Option<ClientConfig>, clear_only_if_named| Connector {
        origin,
        guard: guard.clone(),
        resolver: Arc::clone(&resolver),
        tls: tls.map(Arc::new),
        limit,
        clear_only_if_named,
    };
    let source = token_url.as_ref().zip(token_origin).map(|(url, origin)| {
        let is_named = !origin.is_tls();
        (url, connector(origin, tls.as_ref().map(tls::one_request), is_named))
    });
    let connector = origin.map(|origin| connector(origin, tls, false));
    for (key, connector) in [("url", connector.as_ref()), ("auth.oauth2.token_url", source.as_ref().map(|(_, connector)| connector))] {
        if let Some(connector) = connector
            && let Some(address) = connector.origin.literal()
            && let Err(kind) = connector.judge(address)
        {
            found.errors.push(ClientError::Forbidden { key, address, kind });
        }
    }
    let auth = found.auth(&config.auth, source, first_byte);
    match connector {
        Some(connector) if found.errors.is_empty() => {
            let pool = Pool::new(connector, in_flight, config.network.http2);
            Ok(Client { pool, auth, first_byte, whole, gzip })
        }
        _ => Err(found.errors),
    }
}

/// Where requests go. What comes after host and port may be a template.
fn endpoint(url: &Secret) -> Result<Origin, ClientError> {
    let key = "url";
    let text = url.read().map_err(|source| ClientError::Secret { key, source })?;
    let (scheme, rest) = text.split_once("://").ok_or(ClientError::Url { key })?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains(['{', '}']) || scheme.contains(['{', '}']) {
        return Err(ClientError::Url { key });
    }
    origin(key, &format!("{scheme}://{authority}/")).map(|(origin, _)| origin)
}

fn token_url(oauth2: &Oauth2Config) -> Result<Url, ClientError> {
    origin("auth.oauth2.token_url", &oauth2.token_url).map(|(_, url)| url)
}

fn origin(key: &'static str, text: &str) -> Result<(Origin, Url), ClientError> {
    let url = Url::parse(text.trim()).map_err(|_| ClientError::Url { key })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientError::UserInUrl { key });
    }
    let origin = Origin::of(&url).ok_or(ClientError::Url { key })?;
    Ok((origin, url))
}

/// What was found to be wrong so far.
#[derive(Default)]
struct Checker {
    errors: Vec<ClientError>,
}

impl Checker {
    fn take<T>(&mut self, result: Result<T, ClientError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    fn time(&mut self, key: &'static str, value: f64) -> Duration {
        let time = Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero() && value <= LONGEST);
        time.unwrap_or_else(|| {
            self.errors.push(ClientError::Time { key, value });
            Duration::ZERO
        })
    }

    fn guard(&mut self, network: &NetworkConfig) -> Guard {
        let net = |text: &String| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let parsed = network.allow.iter().map(|text| net(text).map_err(|_| ClientError::Network(text.clone())));
        let allow: Vec<_> = parsed.filter_map(|net| self.take(net)).collect();
        Guard::new(&allow)
    }

    /// What would be passed over in silence without TLS.
    fn only_tls(&mut self, network: &NetworkConfig) {
        let given = [
            ("network.ca_file", network.ca_file.is_some()),
            ("network.pins", !network.pins.is_empty()),
            ("network.certificate_file", network.certificate_file.is_some()),
            ("network.key_file", network.key_file.is_some()),
        ];
        self.errors.extend(given.iter().filter(|(_, is_set)| *is_set).map(|(key, _)| ClientError::OnlyTls(key)));
    }

    fn auth(&mut self, auth: &AuthConfig, source: Option<(&Url, Connector)>, limit: Duration) -> Auth {
        let ways = [("`basic`", auth.basic.is_some()), ("`bearer`", auth.bearer.is_set()), ("`oauth2`", auth.oauth2.is_some())];
        let ways: Vec<_> = ways.iter().filter(|(_, is_set)| *is_set).map(|(way, _)| *way).collect();
        if ways.len() > 1 {
            self.errors.push(ClientError::SeveralAuths(ways.join(" and ")));
            return Auth::None;
        }
        let auth = if let Some(basic) = &auth.basic {
            fixed_basic(basic)
        } else if auth.bearer.is_set() {
            fixed_bearer(&auth.bearer)
        } else if let (Some(oauth2), Some((url, connector))) = (&auth.oauth2, source) {
            fetched(oauth2, url, connector, limit)
        } else {
            Ok(Auth::None)
        };
        self.take(auth).unwrap_or(Auth::None)
    }
}

fn read(key: &'static str, secret: &Secret) -> Result<String, ClientError> {
    secret.read().map_err(|source| ClientError::Secret { key, source })
}

fn fixed_basic(basic: &BasicConfig) -> Result<Auth, ClientError> {
    if basic.user.contains(':') {
        return Err(ClientError::Colon);
    }
    let value = basic_header(&basic.user, &read("auth.basic.password", &basic.password)?);
    Ok(Auth::Fixed(Arc::new(Credential { value: value.ok_or(ClientError::Unwritable("auth.basic"))? })))
}

fn fixed_bearer(bearer: &Secret) -> Result<Auth, ClientError> {
    let value = token::bearer(&read("auth.bearer", bearer)?).ok_or(ClientError::Unwritable("auth.bearer"))?;
    Ok(Auth::Fixed(Arc::new(Credential { value })))
}

fn basic_header(user: &str, password: &str) -> Option<hyper::header::HeaderValue> {
    token::secret(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn fetched(oauth2: &Oauth2Config, url: &Url, connector: Connector, limit: Duration) -> Result<Auth, ClientError> {
    let Oauth2Config { client_id, client_secret, scope, audience, secret_in_body, .. } = oauth2;
    if client_id.is_empty() {
        return Err(ClientError::Missing("auth.oauth2.client_id"));
    }
    let client_secret = read("auth.oauth2.client_secret", client_secret)?;
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    for (name, value) in [("scope", scope), ("audience", audience)] {
        if !value.is_empty() {
            form.append_pair(name, value);
        }
    }
    let basic = if *secret_in_body {
        form.append_pair("client_id", client_id).append_pair("client_secret", &client_secret);
        None
    } else {
        // RFC 6749, section 2.3.1: both are form-encoded first.
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        Some(basic_header(&encoded(client_id), &encoded(&client_secret)).ok_or(ClientError::Unwritable("auth.oauth2"))?)
    };
    let to = Destination::new(url.clone()).ok_or(ClientError::Url { key: "auth.oauth2.token_url" })?;
    let uri = Uri::from(to.path().clone());
    Ok(Auth::Token(Box::new(TokenSource::new(connector, uri, basic, Bytes::from(form.finish()), limit))))
}
