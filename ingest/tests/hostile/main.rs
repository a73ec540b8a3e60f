//! Files made to break whoever reads them, each through a real cell with the default limits of the service. Each
//! ends by itself, within its limits, as it is expected to, and the next good file is read.
//!
//! The test program is its own cell. It prints what each file came to.

mod deflate;
mod packages;
mod pdf;
mod peak;
mod texts;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use terroir_ingest::cell::{self, Cell};
use terroir_ingest::limits::Limits;

/// Of the service, by default.
const MEMORY_BYTES: u64 = 1 << 30;
/// What a file may take on a busy machine. The limits of a cell are higher: none of these files needs them.
const MAX_WALL: Duration = Duration::from_mins(3);
/// What a document is called where an error has its code.
const READ: &str = "read";

/// One file, and what it must come to: an error's code, or [`READ`].
struct Hostile {
    name: &'static str,
    file_name: &'static str,
    bytes: Vec<u8>,
    expected: &'static str,
}

fn hostile(name: &'static str, file_name: &'static str, bytes: impl Into<Vec<u8>>, expected: &'static str) -> Hostile {
    Hostile { name, file_name, bytes: bytes.into(), expected }
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(cell::ARGUMENT) {
        return cell::child_main();
    }
    // As tests are called: words that the names of those to run hold.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let limits = Limits { max_memory_bytes: MEMORY_BYTES, ..Limits::default() };
    let cell = Cell::new(std::env::current_exe().expect("this program has a path"), limits);
    let (mut passed, mut failed) = (0, 0);
    for make in pdf::FILES.iter().chain(packages::FILES).chain(texts::FILES) {
        let file = make();
        if !wanted.is_empty() && !wanted.iter().any(|word| file.name.contains(word.as_str())) {
            continue;
        }
        if runtime.block_on(ends_as_expected(&cell, file)) { passed += 1 } else { failed += 1 }
    }
    println!("test result: {}. {passed} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn ends_as_expected(cell: &Cell, file: Hostile) -> bool {
    let Hostile { name, file_name, bytes, expected } = file;
    let length = bytes.len();
    let watch = peak::Watch::start();
    let started = Instant::now();
    let outcome = cell.parse(&bytes, Some(file_name)).await;
    let took = started.elapsed();
    let peak_bytes = watch.stop();
    let (code, message) = match &outcome {
        Ok(_) => (READ, String::new()),
        Err(error) => (error.code(), error.to_string()),
    };
    let next = cell.parse(b"A good file follows.", Some("good.txt")).await;
    let is_next_read = next.is_ok_and(|document| document.text() == "A good file follows.");
    let is_bounded = took < MAX_WALL && peak_bytes.is_none_or(|bytes| bytes <= MEMORY_BYTES);
    let is_right = code == expected && is_bounded && is_next_read;
    println!(
        "{} {name}: {length} bytes, {code}, {:.2} s, {} MB{}{}",
        if is_right { "ok    " } else { "FAILED" },
        took.as_secs_f64(),
        peak_bytes.map_or_else(|| "?".to_owned(), |bytes| (bytes >> 20).to_string()),
        if code == expected { String::new() } else { format!(", expected {expected}: {message}") },
        if is_next_read { "" } else { ", and the next file was not read" },
    );
    is_right
}
