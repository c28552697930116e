//! Tokens that are fetched: OAuth 2.0 client credentials (RFC 6749, section 4.4). One is kept until shortly before it expires.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::auth::Credential;
use super::connect::Connector;
use super::lane::{Lane, Until};
use crate::sinks::webhook::{Failed, Fault};

/// How long a token is good for when nobody says.
const UNSAID: Duration = Duration::from_secs(300);
/// So long before a token expires the next one is fetched, or a quarter of its time when that is less.
const LEEWAY: Duration = Duration::from_secs(60);

/// A token that is good until then.
struct Kept {
    credential: Arc<Credential>,
    until: Instant,
}

/// Where tokens come from.
pub(super) struct TokenSource {
    connector: Connector,
    uri: Uri,
    /// For the `Authorization` of who asks, unless the secret is in the body.
    basic: Option<HeaderValue>,
    form: Bytes,
    /// How long an answer may take.
    limit: Duration,
    kept: ArcSwapOption<Kept>,
    /// Held while one is fetched. The last failure, and when: who waited for that fetch does not try once more.
    fetching: Mutex<Option<(Instant, Failed)>>,
}

/// Where, and no more.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("host", &self.connector.origin.to_string()).finish_non_exhaustive()
    }
}

/// A 200 of RFC 6749, section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// Some servers write it as a text.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

/// Any other answer, section 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl TokenSource {
    /// Nothing is fetched yet.
    pub(super) fn new(connector: Connector, uri: Uri, basic: Option<HeaderValue>, form: Bytes, limit: Duration) -> Self {
        Self { connector, uri, basic, form, limit, kept: ArcSwapOption::empty(), fetching: Mutex::default() }
    }

    /// The token that is kept, or a new one.
    pub(super) async fn token(&self) -> Result<Arc<Credential>, Failed> {
        let asked = Instant::now();
        if let Some(credential) = self.kept(asked) {
            return Ok(credential);
        }
        let mut failure = self.fetching.lock().await;
        if let Some(credential) = self.kept(Instant::now()) {
            return Ok(credential);
        }
        if let Some((at, failed)) = &*failure
            && *at >= asked
        {
            return Err(failed.clone());
        }
        match self.fetch().await {
            Ok(kept) => {
                let credential = Arc::clone(&kept.credential);
                self.kept.store(Some(Arc::new(kept)));
                *failure = None;
                Ok(credential)
            }
            Err(text) => {
                let failed = Failed { fault: Fault::Token, text: format!("no token: {text}") };
                *failure = Some((Instant::now(), failed.clone()));
                Err(failed)
            }
        }
    }

    /// The token that is kept, if it is good now.
    pub(super) fn kept(&self, now: Instant) -> Option<Arc<Credential>> {
        let kept = self.kept.load();
        kept.as_ref().filter(|kept| now < kept.until).map(|kept| Arc::clone(&kept.credential))
    }

    /// The receiver refused a token: the next request needs another.
    pub(super) fn drop_token(&self, credential: &Arc<Credential>) {
        let kept = self.kept.load_full();
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.credential, credential)) {
            self.kept.compare_and_swap(&kept, None);
        }
    }

    async fn fetch(&self) -> Result<Kept, String> {
        let stream = self.connector.connect().await.map_err(|failed| failed.text)?;
        let said = |text: String| format!("{}: {text}", self.connector.origin);
        let lane = Lane::new(stream).await.map_err(said)?;
        let until = Instant::now() + self.limit;
        let (status, body) =
            lane.fetch(self.request(), Until { first_byte: until, whole: until }).await.map_err(|failed| said(failed.text))?;
        if status != StatusCode::OK {
            // A word of the standard says what to do; anything else might be a secret that is given back to us.
            let word = serde_json::from_slice::<Refused>(&body).ok().map(|refused| refused.error);
            let word = word.filter(|word| word.len() <= 40 && word.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'));
            let word = word.map(|word| format!(" ({word})")).unwrap_or_default();
            return Err(said(format!("it answers {status}{word}; are `auth.oauth2.client_id`, `client_secret` and `scope` right?")));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| said("its answer is no JSON with `access_token`; is `auth.oauth2.token_url` right?".into()))?;
        if granted.token_type.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(said("its token is of another type than `Bearer`".into()));
        }
        let value = bearer(&granted.access_token).ok_or_else(|| said("its token cannot be put in a header".into()))?;
        let seconds = granted.expires_in.and_then(|time| time.as_u64().or_else(|| time.as_str()?.parse().ok()));
        // A day is long enough, and no sum with it overflows.
        let life = seconds.map_or(UNSAID, Duration::from_secs).min(Duration::from_secs(86_400));
        let until = Instant::now() + life.saturating_sub(LEEWAY.min(life / 4));
        Ok(Kept { credential: Arc::new(Credential { value }), until })
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.form.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.connector.origin.authority.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(basic) = &self.basic {
            headers.insert(AUTHORIZATION, basic.clone());
        }
        request
    }
}

/// `Bearer` and a token.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    secret(format!("Bearer {token}"))
}

/// A header that no log shows. None when there is a character in it that no header may have.
pub(super) fn secret(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
