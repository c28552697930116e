//! How we say who we are.

use std::sync::Arc;

use hyper::header::HeaderValue;

use super::token::TokenSource;
use crate::sinks::webhook::Failed;

/// An `Authorization`.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) value: HeaderValue,
}

/// Where it comes from.
pub(super) enum Auth {
    /// There is none.
    None,
    /// The configuration.
    Fixed(Arc<Credential>),
    /// It is fetched.
    Token(Box<TokenSource>),
}

impl Auth {
    /// What is to be sent.
    pub(super) async fn header(&self) -> Result<Option<Arc<Credential>>, Failed> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(credential) => Ok(Some(Arc::clone(credential))),
            Self::Token(source) => source.token().await.map(Some),
        }
    }

    /// The receiver did not take it.
    pub(super) fn refused(&self, credential: &Arc<Credential>) {
        if let Self::Token(source) = self {
            source.drop_token(credential);
        }
    }
}
