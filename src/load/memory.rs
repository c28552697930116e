//! What a process takes of the machine.

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

/// The time that all threads of a process had on a core, in seconds, to a hundredth.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn on_cores(pid: u32) -> Result<f64, LoadError> {
    /// Of a second: what the kernel counts in, on every machine that Linux runs on today.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|source| LoadError::Memory { pid, source })?;
    // The second field, the name, ends with the last parenthesis; the 14th and 15th are user and system time.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    Ok(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS)
}
