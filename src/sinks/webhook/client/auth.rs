//! How we say who we are.

use std::sync::Arc;

use hyper::header::HeaderValue;
use tokio::time::Instant;

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
    /// What is to be sent, if anything is; none when it has to be fetched first.
    pub(super) fn at_hand(&self) -> Option<Option<Arc<Credential>>> {
        match self {
            Self::None => Some(None),
            Self::Fixed(credential) => Some(Some(Arc::clone(credential))),
            Self::Token(source) => source.kept(Instant::now()).map(Some),
        }
    }

    /// The same, fetched if need be.
    pub(super) async fn fetched(&self) -> Result<Option<Arc<Credential>>, Failed> {
        match self {
            Self::Token(source) => source.token().await.map(Some),
            Self::None | Self::Fixed(_) => Ok(self.at_hand().flatten()),
        }
    }

    /// The receiver did not take it.
    pub(super) fn refused(&self, credential: &Arc<Credential>) {
        if let Self::Token(source) = self {
            source.drop_token(credential);
        }
    }
}
