//! Scripts: commands with times, a line each, that `callcast simulate --script` carries out once a client has opened its lines.
//!
//! `SECONDS COMMAND…`, with the seconds since the beginning of the script; a line that begins with `#` is a comment.

use std::path::Path;
use std::time::Duration;

use super::Error;
use super::control::Command;

/// Commands with their times.
#[derive(Clone, Debug, Default)]
pub struct Script {
    lines: Vec<(Duration, usize, Command)>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// When the file cannot be read, or a line of it is wrong.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), source })?;
        Self::parse(&text).map_err(|(line, what)| Error::Script { path: path.into(), line, what })
    }

    /// A script from its text; an error is the line, from 1, and what is wrong with it.
    ///
    /// # Errors
    /// When a line has no time, or no command after it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lines = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (seconds, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let time = seconds.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
            let time = time.ok_or_else(|| (number, format!("`{seconds}` is no number of seconds")))?;
            lines.push((time, number, command.parse().map_err(|error: super::CommandError| (number, error.to_string()))?));
        }
        Ok(Self { lines })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// When, where it stands, and what.
    pub fn lines(&self) -> &[(Duration, usize, Command)] {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        let script = Script::parse("# a call\n\n0 call 1 2\n1.5 answer 2\n").unwrap();
        let lines: Vec<_> = script.lines().iter().map(|(at, line, _)| (at.as_millis(), *line)).collect();
        assert_eq!(lines, [(0, 3), (1500, 4)]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        assert_eq!(Script::parse("0 call 1 2\nsoon answer 2").unwrap_err(), (2, "`soon` is no number of seconds".into()));
        let (line, what) = Script::parse("0 anser 2").unwrap_err();
        assert_eq!((line, what.as_str()), (1, "no command `anser`; did you mean `answer`? `help` lists them all"));
        assert_eq!(Script::parse("3").unwrap_err(), (1, "no command; `help` lists them".into()));
    }
}
