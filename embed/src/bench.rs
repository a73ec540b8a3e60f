//! How fast an encoder is on given texts, and what it costs.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::{EmbedError, Encoder, Input, Priority};

/// Texts computed before the clock starts, so that weights and allocator are warm.
const WARM_UP_PASSAGES: usize = 16;

#[derive(Debug, Clone, Serialize)]
pub struct EmbedBench {
    pub passages_per_s: f64,
    /// Tokens computed, after cutting.
    pub tokens_per_s: f64,
    /// Of all threads of the process while measuring.
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    pub threads: usize,
    pub passages: usize,
    pub tokens: usize,
    /// Highest resident memory of the process so far; absent where the system does not tell.
    pub peak_rss_bytes: Option<u64>,
}

/// Encodes `passages` once, as one bulk request.
pub fn bench(encoder: &Encoder, passages: &[String]) -> Result<EmbedBench, EmbedError> {
    let warm_up = passages.iter().take(WARM_UP_PASSAGES).cloned().collect();
    encoder.encode_blocking(warm_up, Input::Passage, Priority::Bulk)?;
    let limit = encoder.max_tokens();
    let tokens = passages.iter().map(|passage| encoder.count_tokens(passage, Input::Passage).min(limit)).sum::<usize>();

    let (wall, cpu) = (Instant::now(), cpu_seconds());
    encoder.encode_blocking(passages.to_vec(), Input::Passage, Priority::Bulk)?;
    let (wall_seconds, cpu_seconds) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    Ok(EmbedBench {
        passages_per_s: passages.len() as f64 / wall_seconds,
        tokens_per_s: tokens as f64 / wall_seconds,
        cpu_seconds,
        wall_seconds,
        threads: encoder.threads(),
        passages: passages.len(),
        tokens,
        peak_rss_bytes: peak_rss_bytes(),
    })
}

/// Processor time of all threads of this process so far.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Highest resident memory of this process so far; none where the system does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kibibytes * 1024)
}
