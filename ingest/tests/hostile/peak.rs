//! The most memory that a child of this process held at a time, as far as looking every few milliseconds shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(3);

pub struct Watch {
    ended: Arc<AtomicBool>,
    peak_bytes: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub fn start() -> Self {
        let (ended, peak_bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stop, highest) = (Arc::clone(&ended), Arc::clone(&peak_bytes));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for bytes in children().into_iter().filter_map(peak_of) {
                    highest.fetch_max(bytes, Ordering::Relaxed);
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self { ended, peak_bytes, thread }
    }

    /// `None` where the system doesn't say.
    pub fn stop(self) -> Option<u64> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watching thread does not panic");
        Some(self.peak_bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }
}

/// Children of all threads of this process.
fn children() -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// The kernel keeps the highest value for as long as the process lives. A child that is not yet the cell still has
/// the memory of this process.
fn peak_of(process: u32) -> Option<u64> {
    let command = std::fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
    if !command.contains(terroir_ingest::cell::ARGUMENT) {
        return None;
    }
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
