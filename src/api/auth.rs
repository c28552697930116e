//! Who asks: the token of a request, and what is answered where there is none that counts.
//!
//! A token stands in `Authorization: Bearer …`. In the URL (`?access_token=`) it may stand only when `access.token_in_url` says so, because
//! URLs are logged, kept and passed on. Neither is ever logged here.

use std::borrow::Cow;
use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use thiserror::Error;
use url::form_urlencoded;

use super::respond::{self, Body};
use super::router::Context;
use crate::access::{Denied, Principal};
use crate::time::Timestamp;

/// The name of a token in a URL: RFC 6750, section 2.3.
const IN_URL: &str = "access_token";

/// Why a request is not answered as it wishes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// No token.
    #[error("this needs a token: send it as the header `Authorization: Bearer TOKEN`")]
    NoToken,
    /// Another scheme.
    #[error("the header Authorization has to be `Bearer TOKEN`; other schemes are not understood")]
    Scheme,
    /// A token where it may not be.
    #[error(
        "a token in the URL is not taken, because URLs are logged and kept: send it as the header `Authorization: Bearer TOKEN`. \
         This token should be replaced. (`access.token_in_url` would allow it.)"
    )]
    InUrl,
    /// Two tokens.
    #[error("there is a token in the header and one in the URL: send one of them")]
    Two,
    /// A token that is not taken.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A token that may not do this.
    #[error("this needs a token with admin rights: `callcast token new --name NAME --admin` makes one")]
    NotAdmin,
    /// Nobody may do this.
    #[error(
        "this needs a token with admin rights, and no access is configured: \
         put what `callcast token new --name NAME --admin` prints into the configuration"
    )]
    NoAccess,
}

impl Refused {
    /// As problem JSON, with what RFC 6750 asks for.
    pub fn response(self) -> Response<Body> {
        let (status, code) = match self {
            Self::NoToken | Self::Scheme => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::InUrl => (StatusCode::BAD_REQUEST, "token_in_url"),
            Self::Two => (StatusCode::BAD_REQUEST, "two_tokens"),
            // That is not the token's fault, and a client is not to throw it away.
            Self::Denied(Denied::NoKeys) => (StatusCode::SERVICE_UNAVAILABLE, "no_keys"),
            Self::Denied(Denied::TooMany) => (StatusCode::TOO_MANY_REQUESTS, "too_many_failures"),
            Self::Denied(_) => (StatusCode::UNAUTHORIZED, "denied"),
            Self::NotAdmin => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NoAccess => (StatusCode::FORBIDDEN, "no_access"),
        };
        let mut response = respond::problem(status, code, &self.to_string());
        let mut header = |name: HeaderName, value: &'static str| {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        };
        match (self, status) {
            (Self::Denied(_), StatusCode::UNAUTHORIZED) => header(WWW_AUTHENTICATE, "Bearer realm=\"callcast\", error=\"invalid_token\""),
            (_, StatusCode::UNAUTHORIZED) => header(WWW_AUTHENTICATE, "Bearer realm=\"callcast\""),
            (_, StatusCode::SERVICE_UNAVAILABLE) => header(RETRY_AFTER, "10"),
            (_, StatusCode::TOO_MANY_REQUESTS) => header(RETRY_AFTER, "60"),
            _ => {}
        }
        response
    }
}

/// Who sent a request. Everybody, where no access is configured.
///
/// # Errors
/// The answer to a request that has no token that counts.
pub async fn principal(headers: &HeaderMap, query: Option<&str>, peer: SocketAddr, context: &Context) -> Result<Principal, Response<Body>> {
    who(headers, query, peer, context).await.map_err(Refused::response)
}

/// Who sent a request to an admin endpoint: where no access is configured, nobody may.
///
/// # Errors
/// The answer to a request that has no token with admin rights.
pub async fn admin(headers: &HeaderMap, query: Option<&str>, peer: SocketAddr, context: &Context) -> Result<Principal, Response<Body>> {
    if !context.access.required() {
        return Err(Refused::NoAccess.response());
    }
    let principal = principal(headers, query, peer, context).await?;
    if principal.admin { Ok(principal) } else { Err(Refused::NotAdmin.response()) }
}

async fn who(headers: &HeaderMap, query: Option<&str>, peer: SocketAddr, context: &Context) -> Result<Principal, Refused> {
    if !context.access.required() {
        return Ok(Principal::anyone());
    }
    let token = token(headers, query, context.access.token_in_url())?.ok_or(Refused::NoToken)?;
    Ok(context.access.admit(&token, peer, Timestamp::now()).await?)
}

/// The token of a request, when it has one.
///
/// # Errors
/// When it is where it may not be.
pub fn token<'r>(headers: &'r HeaderMap, query: Option<&'r str>, in_url: bool) -> Result<Option<Cow<'r, str>>, Refused> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let from_url = pairs.find(|(name, _)| name == IN_URL).map(|(_, token)| token);
    let from_header = match headers.get(AUTHORIZATION) {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(bearer).ok_or(Refused::Scheme)?),
    };
    match (from_header, from_url) {
        (_, Some(_)) if !in_url => Err(Refused::InUrl),
        (Some(_), Some(_)) => Err(Refused::Two),
        (None, from_url) => Ok(from_url),
        (Some(token), None) => Ok(Some(token.into())),
    }
}

/// A query without the token that is in it, for whoever goes on with it.
pub fn without_token(query: &str) -> String {
    let is_other = |pair: &&str| !form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == IN_URL);
    query.split('&').filter(is_other).collect::<Vec<_>>().join("&")
}

/// What stands behind `Bearer`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_token_of_the_header_is_taken() {
        for value in ["Bearer abc.def", "bearer abc.def", " BEARER  abc.def "] {
            assert_eq!(token(&headers(value), Some("a=b"), false), Ok(Some("abc.def".into())), "{value}");
        }
        for value in ["Basic abc", "Bearer", "Bearer ", "abc"] {
            assert_eq!(token(&headers(value), None, false), Err(Refused::Scheme), "{value}");
        }
        assert_eq!(token(&HeaderMap::new(), None, false), Ok(None));
    }

    #[test]
    fn a_token_in_the_url_is_refused_unless_it_is_allowed() {
        let (none, some) = (HeaderMap::new(), headers("Bearer x"));
        assert_eq!(token(&none, Some("device=D&access_token=a%2Eb"), false), Err(Refused::InUrl));
        assert_eq!(token(&some, Some("%61ccess_token=a"), false), Err(Refused::InUrl));
        assert_eq!(token(&none, Some("device=D&access_token=a%2Eb"), true), Ok(Some("a.b".into())));
        assert_eq!(token(&some, Some("access_token=a"), true), Err(Refused::Two));
        assert_eq!(without_token("device=D&access_token=a%2Eb&%61ccess_token=c&line=1"), "device=D&line=1");
    }
}
