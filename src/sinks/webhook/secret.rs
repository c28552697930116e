//! A text that nobody is shown: read from the configuration, a file or the environment, and never written out again.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// What stands for a secret wherever one would be shown. Given back to us, it means: as it is.
pub const MASK: &str = "********";

/// What a reader of the configuration or of JSON says of a mistake, with [`MASK`] in place of the text that it quotes; none when it quotes none.
pub fn unquoted(message: &str) -> Option<String> {
    let (kind, rest) = message.split_once("string \"")?;
    let (_, expected) = rest.rsplit_once("\", ")?;
    Some(format!("{kind}string {MASK:?}, {expected}"))
}

/// Where a secret is.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// There is none.
    #[default]
    None,
    /// Here.
    Here(String),
    /// In a file, without the white space around it.
    File {
        /// The file.
        file: PathBuf,
    },
    /// In the environment.
    Environment {
        /// The variable.
        env: String,
    },
}

/// A secret that cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{}: {source}; name a file that callcast may read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The variable is not set, or no text.
    #[error("the environment has no variable {0}: set it where callcast is started")]
    Environment(String),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
}

impl Secret {
    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        *self != Self::None
    }

    /// Whether it leads to a file or to the environment: what an administrator of the API has no business with.
    pub fn leads_elsewhere(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Environment { .. })
    }

    /// The secret itself.
    ///
    /// # Errors
    /// When it is not where it should be, or empty.
    pub fn read(&self) -> Result<String, SecretError> {
        let text = match self {
            Self::None => String::new(),
            Self::Here(text) => text.clone(),
            Self::File { file } => {
                let read = std::fs::read_to_string(file).map_err(|source| SecretError::File { path: file.clone(), source })?;
                read.trim().to_owned()
            }
            Self::Environment { env } => std::env::var(env).map_err(|_| SecretError::Environment(env.clone()))?,
        };
        if text.is_empty() { Err(SecretError::Empty) } else { Ok(text) }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::Here(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Here(_) => f.write_str(MASK),
            Self::File { file } => f.debug_struct("File").field("file", file).finish(),
            Self::Environment { env } => f.debug_struct("Environment").field("env", env).finish(),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_set() { serializer.serialize_str(MASK) } else { serializer.serialize_none() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nowhere() {
        let secret = Secret::from("hunter2");
        assert_eq!(serde_json::to_string(&secret).unwrap(), format!("{MASK:?}"));
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret.read().unwrap(), "hunter2");
    }

    #[test]
    fn a_mistake_is_told_without_the_text_that_is_quoted_in_it() {
        let told = unquoted(r#"invalid type: string "a \", b", expected a sequence"#).unwrap();
        assert_eq!(told, format!("invalid type: string {MASK:?}, expected a sequence"));
        assert_eq!(unquoted("unknown field `urll`, expected `url`"), None);
    }

    #[test]
    fn a_secret_is_read_from_a_file_without_the_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let secret: Secret = serde_json::from_value(serde_json::json!({ "file": file.path() })).unwrap();
        assert_eq!(secret.read().unwrap(), "hunter2");
        assert!(secret.leads_elsewhere());
    }

    #[test]
    fn a_secret_that_is_not_there_says_what_to_do() {
        let secret = Secret::Environment { env: "CALLCAST_NO_SUCH".into() };
        assert!(secret.read().unwrap_err().to_string().contains("CALLCAST_NO_SUCH"));
        assert!(Secret::File { file: "no/such".into() }.read().unwrap_err().to_string().contains("no/such"));
    }
}
