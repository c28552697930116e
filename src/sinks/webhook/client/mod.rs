//! How a request is sent: to an address that the guard lets pass, on connections that are used again, within limits of time and size.
//!
//! Nothing is followed: a redirect is an answer. Proxies of the environment are not used. An answer's head is the answer: whatever its body
//! does, it stands.

mod address;
mod answer;
mod auth;
mod connect;
mod error;
mod lane;
mod multi;
mod pool;
mod settings;
mod stream;
mod timer;
mod tls;
mod token;

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, HOST, HeaderValue};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Uri};
use tokio::time::{Instant, timeout_at};

pub use address::Guard;
pub use connect::{Lookup, Resolver, System};
pub use error::ClientError;

use self::auth::Auth;
use self::lane::{Fell, Until};
use self::pool::{Pool, Way};
use super::{Answer, Config, Destination, Failed, Fault, Prepared};

/// Bodies larger than this are compressed, if any are.
const SMALL: usize = 1024;
/// Bodies larger than this are compressed on another thread: it takes longer than others should wait.
const LARGE: usize = 32 * 1024;

/// What sends an endpoint's requests. Any number may be under way at once; each is closed when its future is dropped.
pub struct Client {
    pool: Pool,
    auth: Auth,
    first_byte: Duration,
    whole: Duration,
    gzip: bool,
}

/// Without what is secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.pool.connector().origin.to_string()).finish_non_exhaustive()
    }
}

impl Client {
    /// As an endpoint's configuration says.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(config: &Config) -> Result<Self, Vec<ClientError>> {
        Self::with_resolver(config, Arc::new(System::default()))
    }

    /// The same, with names looked up by `resolver`.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub fn with_resolver(config: &Config, resolver: Arc<dyn Resolver>) -> Result<Self, Vec<ClientError>> {
        settings::client(config, resolver)
    }

    /// Sends the request that is made, and waits for the answer. If the connection was used before and had been closed, it has the request made
    /// once more, for a fresh connection: that is rare, and a copy for it would not be. Dropped, it closes its connection.
    ///
    /// # Errors
    /// When the request cannot be made, or no answer's head came, and why.
    pub async fn send(&self, mut make: impl FnMut() -> Result<Prepared, Failed>) -> Result<Answer, Failed> {
        let whole = Instant::now() + self.whole;
        let connector = self.pool.connector();
        let late = || connector.failed(Fault::WholeTimeout, format!("all of it took longer than {:?}", self.whole));
        let mut fresh = false;
        loop {
            let mut prepared = make()?;
            if !connector.origin.has(prepared.to.url()) {
                return Err(connector.failed(Fault::Template, "the template of `url` leads to another host, port or scheme"));
            }
            // What is rare is boxed: a future is as large as all that may happen in it, and is copied when it is handed on.
            match self.body(&prepared) {
                Compression::None => {}
                Compression::Here => gzip(&mut prepared),
                Compression::Elsewhere => prepared = Box::pin(timeout_at(whole, large(prepared))).await.map_err(|_| late())?,
            }
            let token = match self.auth.at_hand() {
                Some(token) => token,
                None => Box::pin(timeout_at(whole, self.auth.fetched())).await.unwrap_or_else(|_| Err(late()))?,
            };
            let way = match self.pool.at_hand(fresh) {
                Some(way) => way,
                None => Box::pin(timeout_at(whole, self.pool.get(fresh))).await.unwrap_or_else(|_| Err(late()))?,
            };
            let until = Until { first_byte: Instant::now() + self.first_byte, whole };
            let authorization = token.as_ref().map(|token| &token.value);
            let done = match way {
                Way::Own(lane) => {
                    let request = self.request(prepared, authorization, false);
                    let done = lane.exchange(request?, until).await;
                    done.map(|(answer, lane)| {
                        lane.into_iter().for_each(|lane| self.pool.put(lane));
                        answer
                    })
                }
                Way::Shared(mut multi) => {
                    let request = self.request(prepared, authorization, true);
                    multi.exchange(request?, until).await.map_err(|(fell, is_over)| {
                        if is_over {
                            self.pool.forget(&multi);
                        }
                        fell
                    })
                }
            };
            match done {
                Ok(answer) => {
                    if answer.status == 401
                        && let Some(token) = &token
                    {
                        self.auth.refused(token);
                    }
                    return Ok(answer);
                }
                Err(Fell { unseen: true, .. }) if !fresh => fresh = true,
                Err(Fell { failed: Failed { fault, text }, .. }) => return Err(connector.failed(fault, text)),
            }
        }
    }

    fn request(&self, prepared: Prepared, authorization: Option<&HeaderValue>, is_http2: bool) -> Result<Request<Full<Bytes>>, Failed> {
        let origin = &self.pool.connector().origin;
        let Prepared { method, to, headers, body } = prepared;
        let uri = if is_http2 {
            let whole = whole(&to, &origin.authority);
            whole.ok_or_else(|| self.pool.connector().failed(Fault::Broken, "its host cannot be named in HTTP/2"))?
        } else {
            Uri::from(to.path().clone())
        };
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let headers = request.headers_mut();
        if !is_http2 {
            headers.insert(HOST, origin.authority.clone());
        }
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        Ok(request)
    }

    /// Whether a body is to be compressed, and where.
    fn body(&self, Prepared { headers, body, .. }: &Prepared) -> Compression {
        if !self.gzip || body.len() <= SMALL || headers.contains_key(CONTENT_ENCODING) {
            Compression::None
        } else if body.len() <= LARGE {
            Compression::Here
        } else {
            Compression::Elsewhere
        }
    }
}

/// Whether a body is to be compressed, and where.
enum Compression {
    None,
    Here,
    /// On another thread.
    Elsewhere,
}

/// Compresses a body on another thread; it stays as it is when that cannot be.
async fn large(mut prepared: Prepared) -> Prepared {
    let before = prepared.clone();
    let packed = tokio::task::spawn_blocking(move || {
        gzip(&mut prepared);
        prepared
    });
    packed.await.unwrap_or(before)
}

/// Compresses a body; it stays as it is when that cannot be.
fn gzip(Prepared { headers, body, .. }: &mut Prepared) {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    if let Ok(packed) = encoder.write_all(body).and_then(|()| encoder.finish()) {
        *body = packed.into();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

/// A URI with its authority, as HTTP/2 has it.
fn whole(to: &Destination, authority: &HeaderValue) -> Option<Uri> {
    let authority = Authority::try_from(authority.as_bytes()).ok()?;
    let uri = Uri::builder().scheme(Scheme::HTTPS).authority(authority).path_and_query(to.path().clone());
    uri.build().ok()
}
