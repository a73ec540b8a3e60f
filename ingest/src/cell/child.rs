//! The inside of a cell.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use super::confine::confine;
use super::{Answer, MAX_ANSWER_BYTES, Order, Task, drawing};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::parse::{parse, parse_recognised};
use crate::pdf;
use crate::recognition::read_hocr;

/// Parsers of nested formats recurse; what is deeper than this ends the cell.
const STACK_BYTES: usize = 64 << 20;

/// What turns a file into a document, as [`parse`] does.
pub type Parser = fn(&[u8], Option<&str>, &Limits) -> Answer;

/// Reads an order and a file from stdin, parses, and writes the answer to stdout.
pub fn child_main() -> ExitCode {
    child_main_with(parse)
}

/// A cell around another parser. Tests of the cell use one that misbehaves when told to.
pub fn child_main_with(parser: Parser) -> ExitCode {
    // The message of a panic can hold text of the document, and what a cell says goes into the log.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => eprintln!("panicked at {place}"),
        None => eprintln!("panicked"),
    }));
    match serve(parser) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(parser: Parser) -> std::io::Result<()> {
    let mut stdin = std::io::stdin().lock();
    let mut length = [0; 4];
    stdin.read_exact(&mut length)?;
    let mut head = vec![0; u32::from_le_bytes(length) as usize];
    stdin.read_exact(&mut head)?;
    let order: Order<'static> = serde_json::from_slice(&head)?;
    // Before the file: what it costs to hold it counts, and no byte of it meets a process that is free.
    confine(&order.limits);
    let mut bytes = Vec::new();
    stdin.take(order.limits.max_bytes + 1).read_to_end(&mut bytes)?;
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || work(order, bytes, parser))?;
    thread.join().unwrap_or_else(|_| write(&Answer::Err(ParseError::Crashed { reason: "the parser panicked".into() })))
}

fn work(order: Order<'_>, bytes: Vec<u8>, parser: Parser) -> std::io::Result<()> {
    let limits = &order.limits;
    match order.task {
        Task::Parse { file_name, recognised } if recognised.is_empty() => {
            write(&parser(&bytes, file_name.as_deref(), limits))
        }
        Task::Parse { file_name, recognised } => {
            write(&parse_recognised(&bytes, file_name.as_deref(), limits, &recognised))
        }
        Task::ReadRecognised => write(&read_hocr(&bytes, limits)),
        Task::Draw { pages, dots_per_inch } => {
            let mut out = std::io::stdout().lock();
            pdf::draw(bytes, &pages, dots_per_inch, |drawn| drawing::send(&mut out, drawn))
        }
    }
}

fn write<T: Serialize>(answer: &Result<T, ParseError>) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(answer)?;
    if bytes.len() as u64 > MAX_ANSWER_BYTES {
        bytes = serde_json::to_vec(&Answer::Err(ParseError::limit("bytes of extracted content", MAX_ANSWER_BYTES)))?;
    }
    std::io::stdout().write_all(&bytes)
}
