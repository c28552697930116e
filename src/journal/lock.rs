//! One process writes a log.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;

use super::JournalError;
use super::error::io;

const NAME: &str = "lock";

/// Held as long as it lives; the operating system takes it back from a process that dies.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has it.
    pub fn take(directory: &Path) -> Result<Self, JournalError> {
        let path = directory.join(NAME);
        let mut file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                return Err(JournalError::Locked { directory: directory.into(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io("lock", &path)(error)),
        }
        // For whoever is refused: the number may be missing, the lock is what counts.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}
