//! What a run has shown.

use std::time::Duration;

/// One run of the loop or of the server.
pub struct Report {
    /// Ticks whose events were all seen.
    pub ticks: usize,
    /// From the first send to the last event.
    pub took: Duration,
    /// From each tick's send to its last event, without the first ones.
    pub latencies: Vec<Duration>,
}

impl Report {
    /// Ticks a second.
    pub fn per_second(&self) -> f64 {
        self.ticks as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// The value below which `percent` of them lie.
pub fn percentile(values: &[Duration], percent: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len().saturating_sub(1)) as f64 * percent / 100.0).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// Resident memory of this process in bytes.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}
