//! Who asks. A stand-in: everybody may see everything.

use hyper::{HeaderMap, Response};

use super::respond::Body;
use super::router::Context;
use crate::access::Principal;

/// Who a request comes from.
#[allow(clippy::unnecessary_wraps, reason = "the real one refuses")]
pub fn principal(_headers: &HeaderMap, _query: Option<&str>, _context: &Context) -> Result<Principal, Response<Body>> {
    Ok(Principal::anyone())
}

/// Whether a token is needed at all.
pub fn required(_context: &Context) -> bool {
    false
}
