//! The application user's password: where it comes from, and that it shows nowhere.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::Config;

/// A password file larger than this is not one.
const FILE_LIMIT: u64 = 4096;

/// A password. `Debug` does not show it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes the password itself.
    pub fn new(password: String) -> Self {
        Self(password)
    }

    /// From the file or environment variable that the configuration names. Of a file, the first line.
    ///
    /// # Errors
    /// When there is no such file or variable, or nothing is in it.
    pub fn load(config: &Config) -> Result<Self, PasswordError> {
        let password = match (&config.password_file, &config.password_env) {
            (Some(path), _) => {
                let unreadable = |source| PasswordError::Unreadable { path: path.clone(), source };
                if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_LIMIT {
                    return Err(PasswordError::TooLong { path: path.clone() });
                }
                let text = std::fs::read_to_string(path).map_err(unreadable)?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            (None, Some(variable)) => std::env::var(variable).map_err(|_| PasswordError::NoVariable { variable: variable.clone() })?,
            (None, None) => String::new(),
        };
        if password.is_empty() { Err(PasswordError::Empty) } else { Ok(Self(password)) }
    }

    /// For the login and nothing else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(not shown)")
    }
}

/// Why there is no password.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("`password_file` {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no password file.
    #[error("`password_file` {path} is larger than {FILE_LIMIT} bytes: its first line has to be the password", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The variable is not there.
    #[error("`password_env`: the environment variable {variable} is not set, or is not UTF-8")]
    NoVariable {
        /// The variable.
        variable: String,
    },
    /// Nothing in it.
    #[error("the password is empty: put it into the first line of `password_file`, or into the variable that `password_env` names")]
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_show_when_it_is_printed() {
        assert!(!format!("{:?}", Password::new("secret".into())).contains("secret"));
    }

    #[test]
    fn the_first_line_of_the_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "s3cret with blanks \nnote\n").unwrap();
        let mut config = Config::new(vec![], String::new());
        config.password_file = Some(path);
        assert_eq!(Password::load(&config).unwrap(), Password::new("s3cret with blanks ".into()));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let mut config = Config::new(vec![], String::new());
        config.password_env = Some("CALLCAST_TEST_NO_SUCH_VARIABLE".into());
        assert!(Password::load(&config).unwrap_err().to_string().contains("CALLCAST_TEST_NO_SUCH_VARIABLE"));
    }
}
