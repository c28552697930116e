//! What each thread of this process takes of the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::load::LoadError;

/// The time that threads had on a core, by their names.
#[derive(Clone, Debug, Default)]
pub struct Threads(BTreeMap<String, Duration>);

impl Threads {
    /// As it is now, of those that run now.
    ///
    /// # Errors
    /// When there is no `/proc`.
    pub fn now() -> Result<Self, LoadError> {
        let mut threads: BTreeMap<String, Duration> = BTreeMap::new();
        let all = fs::read_dir("/proc/self/task").map_err(memory)?;
        for task in all.flatten() {
            // One that has just ended counts no more.
            let (Ok(name), Ok(time)) = (fs::read_to_string(task.path().join("comm")), on_core(&task.path())) else { continue };
            *threads.entry(name.trim_end().to_owned()).or_default() += time;
        }
        Ok(Self(threads))
    }

    /// What the threads of a name had since.
    pub fn since(&self, before: &Self, name: &str) -> Duration {
        let at = |threads: &Self| threads.0.get(name).copied().unwrap_or_default();
        at(self).saturating_sub(at(before))
    }

    /// What all threads but those of these names had since.
    pub fn others_since(&self, before: &Self, but: &[&str]) -> Duration {
        self.0.keys().filter(|name| !but.contains(&name.as_str())).map(|name| self.since(before, name)).sum()
    }
}

/// The time that this thread had on a core.
///
/// # Errors
/// When there is no `/proc`.
pub fn of_this_thread() -> Result<Duration, LoadError> {
    on_core(Path::new("/proc/thread-self")).map_err(memory)
}

/// To the nanosecond, which `stat` does not have.
fn on_core(task: &Path) -> std::io::Result<Duration> {
    let text = fs::read_to_string(task.join("schedstat"))?;
    Ok(Duration::from_nanos(text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)))
}

fn memory(source: std::io::Error) -> LoadError {
    LoadError::Memory { pid: std::process::id(), source }
}
