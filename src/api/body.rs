//! The JSON of a request, within a size and a time.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use thiserror::Error;

use super::routes::Call;

/// The longest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// How long a client has for its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much as an answer repeats of what the JSON reader says, in characters: it quotes the client.
const QUOTED: usize = 300;

/// A body that is not taken.
#[derive(Debug, Error)]
pub enum BadBody {
    #[error("the body has more than {MAX_BODY} bytes, the limit: split it into several requests")]
    TooLong,
    #[error("the body did not come within {} seconds: send it at once", PATIENCE.as_secs())]
    Slow,
    #[error("the body broke off: send as many bytes as Content-Length says")]
    Broken,
    #[error("the body is not JSON: {reason}; send {example}")]
    NotJson { reason: String, example: &'static str },
    #[error("the body is not what is understood here: {reason}; send {example}")]
    Malformed { reason: String, example: &'static str },
}

impl BadBody {
    /// The status, and a word for programs.
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "slow"),
            Self::Broken => (StatusCode::BAD_REQUEST, "broken"),
            Self::NotJson { .. } => (StatusCode::BAD_REQUEST, "not_json"),
            Self::Malformed { .. } => (StatusCode::BAD_REQUEST, "malformed"),
        }
    }
}

/// The JSON of a request.
///
/// # Errors
/// When it is none, too long or too late; the text shows `example`.
pub async fn json<T: DeserializeOwned>(call: &mut Call, example: &'static str) -> Result<T, BadBody> {
    let whole = Limited::new(call.request.body_mut(), MAX_BODY).collect();
    let bytes = match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(BadBody::TooLong),
        Ok(Err(_)) => return Err(BadBody::Broken),
        Err(_) => return Err(BadBody::Slow),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let reason = error.to_string().chars().take(QUOTED).collect();
        if error.classify() == Category::Data { BadBody::Malformed { reason, example } } else { BadBody::NotJson { reason, example } }
    })
}
