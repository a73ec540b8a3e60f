//! How fast a generating model is, and what it costs.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use terroir_embed::ModelFiles;

use crate::engine::{CompleteRequest, Piece};
use crate::{GenerateError, Generator, GeneratorOptions, Sampling};

/// Text to read; repeated as long as needed.
const TEXT: &str = "The committee met on the second floor and agreed that the new bridge would open in spring. ";

#[derive(Debug, Clone, Serialize)]
pub struct GenerateBench {
    pub prefill_tokens_per_s: f64,
    /// Absent where fewer than two tokens were written.
    pub decode_tokens_per_s: Option<f64>,
    /// Of all threads of the process while measuring, without loading.
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    pub load_ms: u64,
    pub threads: usize,
    pub prompt_tokens: usize,
    /// Written, which may be fewer than wanted where the model ends its text.
    pub output_tokens: usize,
    /// Highest resident memory of the process so far; absent where the system does not tell.
    pub peak_rss_bytes: Option<u64>,
}

/// Loads the model, reads `prompt_tokens` and writes up to `output_tokens`. Waits: not for an async thread.
pub fn bench(
    files: &ModelFiles,
    prompt_tokens: usize,
    output_tokens: usize,
    threads: usize,
) -> Result<GenerateBench, GenerateError> {
    let loading = Instant::now();
    let context_tokens = prompt_tokens.saturating_add(output_tokens).saturating_add(1);
    let generator =
        Generator::open(files, GeneratorOptions { threads, context_tokens, ..GeneratorOptions::default() })?;
    let load_ms = loading.elapsed().as_millis() as u64;
    let text = TEXT.repeat(prompt_tokens.div_ceil(8) + 1);
    let mut prompt = generator.tokens().encode(&text, false)?;
    prompt.truncate(prompt_tokens.max(1));
    // The first computation touches memory that was only reserved.
    run(&generator, &prompt[..prompt.len().min(16)], 1)?;

    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let first = run(&generator, &prompt, 1)?;
    let prefill = wall.elapsed().as_secs_f64();
    let decoding = Instant::now();
    let written = if output_tokens > 1 { run(&generator, &prompt, output_tokens)? } else { first };
    // The second run reads the prompt again before it writes.
    let decode = decoding.elapsed().as_secs_f64() - prefill;
    Ok(GenerateBench {
        prefill_tokens_per_s: prompt.len() as f64 / prefill,
        decode_tokens_per_s: (written > 1 && decode > 0.0).then(|| (written - 1) as f64 / decode),
        cpu_seconds: cpu_seconds() - cpu,
        wall_seconds: wall.elapsed().as_secs_f64(),
        load_ms,
        threads: generator.threads(),
        prompt_tokens: prompt.len(),
        output_tokens: written,
        peak_rss_bytes: peak_rss_bytes(),
    })
}

/// Tokens written.
fn run(generator: &Generator, prompt: &[u32], max_tokens: usize) -> Result<usize, GenerateError> {
    let sampling = Sampling { max_tokens, ..Sampling::default() };
    let request = CompleteRequest { prompt: prompt.to_vec(), sampling, ..CompleteRequest::default() };
    let mut pieces = generator.complete(request)?;
    while let Some(piece) = pieces.blocking_recv() {
        if let Piece::End { usage, .. } = piece? {
            return Ok(usage.output_tokens);
        }
    }
    Err(GenerateError::Closed)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn peak_rss_bytes() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kibibytes * 1024)
}
