//! Why a token is not taken.

use thiserror::Error;

/// Why a token is not taken, in words for whoever holds it. They tell nothing of what would be taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// Longer than [`super::LONGEST`].
    #[error("the token is longer than 8 KiB; ask its issuer for one with fewer claims")]
    TooLong,
    /// No API token of ours.
    #[error("the token is not known; it may have been removed, or was not copied whole")]
    Unknown,
    /// Three parts of base64 and JSON are expected.
    #[error("the token is no JWT: three parts of base64url with dots between, the first two of JSON; it may not have been copied whole")]
    Malformed,
    /// `none`, or one that the issuer does not use, or that its key is not for.
    #[error("the token's algorithm (alg) is not taken from this issuer; `none` is taken from nobody")]
    Algorithm,
    /// A critical header that we do not understand.
    #[error("the token has critical headers (crit), of which none is understood")]
    Critical,
    /// Somebody whom we do not know.
    #[error("the token's issuer (iss) is not one whose tokens are taken here; ask for one from the right issuer")]
    Issuer,
    /// No key of the issuer has the token's `kid`.
    #[error("the token is signed with a key (kid) that its issuer does not publish; get a new token")]
    Key,
    /// The issuer's keys could not be had. That is no fault of the token.
    #[error("the keys of the token's issuer cannot be had at the moment; try again in a moment")]
    NoKeys,
    /// Not signed with that key.
    #[error("the token's signature is not right; it may not have been copied whole, or was changed")]
    Signature,
    /// A claim that has to be there is not, or is not what it has to be.
    #[error("the token needs the claim `{0}`, of the form that RFC 7519 gives it")]
    Claim(&'static str),
    /// The claim that says what it may see says something that is not understood.
    #[error("the token's claim about what it may see is not understood: it may have `everything`, `admin`, `users`, `devices` and `lines`")]
    Scope,
    /// For somebody else.
    #[error("the token is for somebody else: its audience (aud) does not name callcast; ask for one that does")]
    Audience,
    /// It is over.
    #[error("the token has expired (exp); get a new one")]
    Expired,
    /// Too many were refused already.
    #[error("too many tokens were refused from your address; wait a minute, and see that nothing tries an old token over and over")]
    TooMany,
    /// It begins later.
    #[error("the token is not valid yet (nbf); wait, or see whether the clocks of the issuer and of callcast agree")]
    NotYet,
}

impl Denied {
    /// A word for metrics and for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Unknown => "unknown",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::NoKeys => "no_keys",
            Self::Signature => "signature",
            Self::Claim(_) => "claim",
            Self::Scope => "scope",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::TooMany => "too_many",
            Self::NotYet => "not_yet",
        }
    }
}
