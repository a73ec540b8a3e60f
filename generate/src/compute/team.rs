//! Threads that share the chunks of a section, and never wait for one that is late.
//!
//! ```text
//! run ─▶ section (chunks 0..n) ─▶ caller and helpers claim chunks ─▶ results, in order
//!                                 caller, with nothing left to claim: computes again what a late helper holds
//! ```
//! A helper that loses its core in the middle of a chunk (another program, a virtual machine's neighbour)
//! would otherwise hold up every section of every layer: barriers that fine collapse on a shared machine.
//! Chunks are pure, so whoever finishes first wins and the other result is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A helper watches for the next section this long before it sleeps: longer than what lies between two
/// sections, shorter than anybody would notice.
const WATCH: Duration = Duration::from_micros(60);
/// Looks between two readings of the clock.
const LOOKS: usize = 64;

pub(crate) struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

struct Shared {
    post: Mutex<Post>,
    /// Number of the last section; what helpers watch.
    number: AtomicUsize,
    sleepers: Condvar,
    closed: AtomicBool,
}

#[derive(Default)]
struct Post {
    section: Option<Arc<dyn Section>>,
    sleeping: usize,
}

trait Section: Send + Sync {
    /// Claims and computes chunks until there are none.
    fn help(&self);
}

struct Chunks<T, W> {
    work: W,
    next: AtomicUsize,
    results: Box<[OnceLock<T>]>,
    left: AtomicUsize,
}

impl Team {
    /// `threads` with the caller's: one has no helpers.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            post: Mutex::default(),
            number: AtomicUsize::new(0),
            sleepers: Condvar::new(),
            closed: AtomicBool::new(false),
        });
        let mut team = Self { shared, helpers: Vec::new() };
        for index in 1..threads.max(1) {
            let shared = Arc::clone(&team.shared);
            let thread = std::thread::Builder::new().name(format!("generator-{index}"));
            team.helpers.push(thread.spawn(move || shared.serve())?);
        }
        Ok(team)
    }

    pub(crate) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// `work` of every chunk, in order. It owns or shares what it reads, because a late helper may still be
    /// reading after this has returned.
    pub(crate) fn run<T, W>(&self, count: usize, work: W) -> Vec<T>
    where
        T: Clone + Send + Sync + 'static,
        W: Fn(usize) -> T + Send + Sync + 'static,
    {
        if self.helpers.is_empty() || count < 2 {
            return (0..count).map(work).collect();
        }
        let chunks = Arc::new(Chunks {
            work,
            next: AtomicUsize::new(0),
            results: (0..count).map(|_| OnceLock::new()).collect(),
            left: AtomicUsize::new(count),
        });
        self.shared.post(Some(Arc::clone(&chunks) as Arc<dyn Section>));
        let started = Instant::now();
        chunks.help();
        chunks.finish(started.elapsed());
        self.shared.post(None);
        match Arc::try_unwrap(chunks) {
            Ok(chunks) => chunks.results.into_iter().filter_map(OnceLock::into_inner).collect(),
            // A helper is still leaving.
            Err(chunks) => chunks.results.iter().filter_map(|result| result.get().cloned()).collect(),
        }
    }
}

impl<T: Send + Sync, W: Fn(usize) -> T + Send + Sync> Chunks<T, W> {
    fn compute(&self, chunk: usize) {
        if self.results[chunk].get().is_some() {
            return;
        }
        if self.results[chunk].set((self.work)(chunk)).is_ok() {
            self.left.fetch_sub(1, Ordering::Release);
        }
    }

    /// Everything is claimed: waits for as long as the caller's own share took, then computes the rest.
    fn finish(&self, patience: Duration) {
        let started = Instant::now();
        let mut looks = 0_usize;
        while self.left.load(Ordering::Acquire) > 0 {
            looks += 1;
            if looks.is_multiple_of(LOOKS) && started.elapsed() > patience {
                for chunk in (0..self.results.len()).rev() {
                    self.compute(chunk);
                }
                return;
            }
            std::hint::spin_loop();
        }
    }
}

impl<T: Send + Sync, W: Fn(usize) -> T + Send + Sync> Section for Chunks<T, W> {
    fn help(&self) {
        loop {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            if chunk >= self.results.len() {
                return;
            }
            self.compute(chunk);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, section: Option<Arc<dyn Section>>) {
        let wanted = section.is_some();
        let mut post = self.lock();
        let old = std::mem::replace(&mut post.section, section);
        if wanted {
            self.number.fetch_add(1, Ordering::Release);
            if post.sleeping > 0 {
                self.sleepers.notify_all();
            }
        }
        drop(post);
        drop(old);
    }

    /// A helper's life.
    fn serve(&self) {
        let mut seen = 0;
        while let Some(number) = self.await_section(seen) {
            seen = number;
            let section = self.lock().section.clone();
            if let Some(section) = section {
                // The caller computes the chunk again, and meets the panic itself.
                let _ = catch_unwind(AssertUnwindSafe(|| section.help()));
            }
        }
    }

    /// The number of a section after `seen`; none when the team has ended.
    fn await_section(&self, seen: usize) -> Option<usize> {
        let started = Instant::now();
        let mut looks = 0_usize;
        loop {
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            let number = self.number.load(Ordering::Acquire);
            if number != seen {
                return Some(number);
            }
            looks += 1;
            if looks.is_multiple_of(LOOKS) && started.elapsed() > WATCH {
                self.sleep(seen);
            }
            std::hint::spin_loop();
        }
    }

    fn sleep(&self, seen: usize) {
        let mut post = self.lock();
        while self.number.load(Ordering::Acquire) == seen && !self.closed.load(Ordering::Acquire) {
            post.sleeping += 1;
            post = self.sleepers.wait(post).unwrap_or_else(PoisonError::into_inner);
            post.sleeping -= 1;
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        // Under the lock, so that nobody falls asleep between the look and the wait.
        drop(self.shared.lock());
        self.shared.sleepers.notify_all();
        for helper in self.helpers.drain(..) {
            if helper.join().is_err() {
                tracing::error!("a helper of the generating thread ended with a panic");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_computed_them() {
        for threads in [1, 2, 5] {
            let team = Team::new(threads).unwrap();
            for count in [0, 1, 2, 7, 300] {
                let results = team.run(count, |chunk| chunk * chunk);
                assert_eq!(results, (0..count).map(|chunk| chunk * chunk).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_late_helper_holds_nobody_up() {
        let team = Team::new(2).unwrap();
        let caller = std::thread::current().id();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let held = Arc::clone(&gate);
        // Whatever the helper claims, it does not finish before the gate opens, which is after the section.
        let results = team.run(64, move |chunk| {
            if std::thread::current().id() != caller {
                let open = held.0.lock().unwrap();
                drop(held.1.wait_while(open, |open| !*open).unwrap());
            }
            chunk
        });
        assert_eq!(results, (0..64).collect::<Vec<_>>());
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        assert_eq!(team.run(3, |chunk| chunk), [0, 1, 2]);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_helpers_live_on() {
        let team = Team::new(3).unwrap();
        let failed = catch_unwind(AssertUnwindSafe(|| team.run(20, |chunk| assert_ne!(chunk, 7))));
        assert!(failed.is_err());
        assert_eq!(team.run(4, |chunk| chunk + 1), [1, 2, 3, 4]);
    }
}
