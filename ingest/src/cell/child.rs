//! The inside of a cell.

use std::io::{Read, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Answer, Order};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::parse::parse;

/// Parsers of nested formats recurse; what is deeper than this ends the cell.
const STACK_BYTES: usize = 64 << 20;

/// Reads an order and a file from stdin, parses, and writes the answer to stdout.
pub fn child_main() -> ExitCode {
    let answer = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).map(std::thread::JoinHandle::join);
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(ParseError::Crashed { reason: "the parser panicked".into() }),
        Err(error) => Err(ParseError::Io { message: error.to_string() }),
    };
    let Ok(bytes) = serde_json::to_vec(&answer) else { return ExitCode::FAILURE };
    match std::io::stdout().write_all(&bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> Answer {
    let broken = |error: std::io::Error| ParseError::Io { message: error.to_string() };
    let mut stdin = std::io::stdin().lock();
    let mut length = [0; 4];
    stdin.read_exact(&mut length).map_err(broken)?;
    let mut head = vec![0; u32::from_le_bytes(length) as usize];
    stdin.read_exact(&mut head).map_err(broken)?;
    let order: Order = serde_json::from_slice(&head).map_err(|error| ParseError::Io { message: error.to_string() })?;
    confine(&order.limits);
    let mut bytes = Vec::new();
    stdin.take(order.limits.max_bytes + 1).read_to_end(&mut bytes).map_err(broken)?;
    parse(&bytes, order.file_name.as_deref(), &order.limits)
}

/// Takes away what a parser does not need. What the system refuses to limit stays unlimited: the parent
/// still watches the clock.
fn confine(limits: &Limits) {
    let limit = |resource, soft: u64, hard: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    };
    limit(Resource::As, limits.max_memory_bytes, limits.max_memory_bytes);
    limit(Resource::Cpu, limits.max_cpu_seconds, limits.max_cpu_seconds + 1);
    limit(Resource::Core, 0, 0);
    // No new files, no new connections, no new processes: only the pipes that are open.
    limit(Resource::Nofile, 0, 0);
    limit(Resource::Fsize, 0, 0);
}
