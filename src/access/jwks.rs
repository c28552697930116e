//! Keys that an issuer publishes under a URL (a JWK Set), and how they stay fresh.
//!
//! They are fetched when we start, then on an interval, on a reload, and when a token names a key that we do not have; the last at most
//! once in [`PAUSE`], whatever tokens are thrown at us. A fetch that fails leaves the old keys, for so long as the configuration says.
//! Who can answer in the issuer's place can make tokens: TLS is asked for (but on loopback), redirects are not followed, proxies from the
//! environment are not used.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{Request, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::Algorithm;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Mutex, Notify};
use tokio::time::{sleep, timeout};

use super::config::{IssuerConfig, IssuerError, fetchable};
use super::keys::{KeyError, KeySet, LARGEST};
use crate::pem;
use crate::telemetry::{Metrics, Occurrence};
use crate::time::Timestamp;

/// How long no keys are fetched for a token with an unknown one, after they were.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a fetch may take in all.
const LIMIT: Duration = Duration::from_secs(10);
/// How soon a fetch that failed is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// Keys, and when they were fetched.
#[derive(Debug)]
struct Fetched {
    keys: Arc<KeySet>,
    at: Timestamp,
}

/// The keys behind a URL.
pub(super) struct Published {
    url: String,
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    algorithms: Vec<Algorithm>,
    refresh: Duration,
    keep: Duration,
    fetched: ArcSwapOption<Fetched>,
    /// When the last fetch began; held while one is on its way, so that all who want one wait for the same.
    tried: Mutex<Option<Timestamp>>,
    soon: Notify,
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").field("url", &self.url).field("fetched", &self.fetched).finish_non_exhaustive()
    }
}

impl Published {
    /// Nothing is fetched yet.
    pub(super) fn new(url: &str, config: &IssuerConfig, algorithms: &[Algorithm]) -> Result<Self, IssuerError> {
        let bad_url = || IssuerError::Url(url.into());
        let uri = fetchable(url).ok_or_else(bad_url)?.as_str().parse().map_err(|_| bad_url())?;
        let tls = tls(config.ca_file.as_deref()).map_err(|error| IssuerError::Keys { key: "ca_file", error })?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self {
            url: url.into(),
            uri,
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector),
            algorithms: algorithms.to_vec(),
            refresh: Duration::from_secs(u64::from(config.refresh_minutes.max(1)) * 60),
            keep: Duration::from_secs(u64::from(config.keep_keys_hours.max(1)) * 3600),
            fetched: ArcSwapOption::empty(),
            tried: Mutex::new(None),
            soon: Notify::new(),
        })
    }

    /// The keys, unless the last time that they could be fetched is too long ago.
    pub(super) fn keys(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let fetched = self.fetched.load();
        let fetched = fetched.as_ref()?;
        (now.since(fetched.at) <= self.keep).then(|| Arc::clone(&fetched.keys))
    }

    /// Fetches them, unless that was done or tried a moment ago. Whether keys came that were not there when this was called.
    pub(super) async fn fetch_if_due(&self, now: Timestamp, name: &str, metrics: &Metrics) -> bool {
        let before = self.fetched.load_full();
        let mut tried = self.tried.lock().await;
        if tried.is_none_or(|at| now.since(at) >= PAUSE) {
            *tried = Some(now);
            self.fetch(now, name, metrics).await;
        }
        // Somebody else may have fetched them while we waited.
        let after = self.fetched.load_full();
        after.as_ref().map(Arc::as_ptr) != before.as_ref().map(Arc::as_ptr)
    }

    /// Fetches them on the interval, sooner when that failed, and whenever it is asked for.
    pub(super) async fn keep_fresh(&self, name: &str, metrics: &Metrics) {
        loop {
            let now = Timestamp::now();
            let mut tried = self.tried.lock().await;
            *tried = Some(now);
            let pause = if self.fetch(now, name, metrics).await { self.refresh } else { self.refresh.min(RETRY) };
            drop(tried);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.soon.notified() => {}
            }
        }
    }

    /// Has [`Published::keep_fresh`] fetch them now.
    pub(super) fn fetch_soon(&self) {
        self.soon.notify_one();
    }

    async fn fetch(&self, now: Timestamp, name: &str, metrics: &Metrics) -> bool {
        let answer = timeout(LIMIT, self.get()).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("it did not answer within {LIMIT:?}; is it up, and can callcast reach it?")));
        let keys = match answer {
            Ok(body) => KeySet::json(&body, &self.url, &self.algorithms),
            Err(fault) => Err(KeyError::Fetch { url: self.url.clone(), fault }),
        };
        match keys {
            Ok(keys) => {
                metrics.emit(Occurrence::KeysFetched { issuer: name, keys: &keys.ids() });
                self.fetched.store(Some(Arc::new(Fetched { keys: Arc::new(keys), at: now })));
                true
            }
            Err(error) => {
                metrics.emit(Occurrence::KeysRefused { issuer: name, error: &error });
                false
            }
        }
    }

    /// The body of a 200; else what was wrong.
    async fn get(&self) -> Result<Bytes, String> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        let response = self.client.request(request).await.map_err(|error| explain(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(format!("it answers {status}: redirects are not followed; set `jwks_url` to where it leads"));
        }
        if status != hyper::StatusCode::OK {
            return Err(format!("it answers {status} where 200 was expected; is `jwks_url` right?"));
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        Ok(body.map_err(|error| format!("its answer broke off, or is larger than 1 MiB: {error}"))?.to_bytes())
    }
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, KeyError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let no_key = |place: String, fault: String| KeyError::NoKey { place, fault };
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| no_key("TLS".into(), error.to_string()))?;
    let Some(path) = ca_file else {
        let native = builder.with_native_roots();
        return native
            .map(|builder| builder.with_no_client_auth())
            .map_err(|error| no_key("the operating system".into(), error.to_string()));
    };
    let fault =
        |error: &dyn fmt::Display| KeyError::Fetch { url: path.display().to_string(), fault: format!("{error}: certificates in PEM") };
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path).map_err(|error| fault(&error))? {
        roots.add(certificate).map_err(|error| fault(&error))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What went wrong, down to its cause.
fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let cure = if text.contains("certificate") || text.contains("Certificate") {
        "; name the authority that signed its certificate in `ca_file`"
    } else {
        "; is `jwks_url` right, and can callcast reach it?"
    };
    text + cure
}
