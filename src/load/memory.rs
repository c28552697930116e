//! What a process keeps in memory.

use super::LoadError;

/// The resident memory of a process, in KiB.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn resident(pid: u32) -> Result<u64, LoadError> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|source| LoadError::Memory { pid, source })?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0))
}
