//! The cell, from outside: this program is its own child, with a parser that misbehaves when the file says so.

#![expect(clippy::unwrap_used, reason = "a step that fails, fails the test")]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use terroir_ingest::cell::{self, Answer, Cell};
use terroir_ingest::document::ParsedDocument;
use terroir_ingest::error::ParseError;
use terroir_ingest::limits::Limits;
use terroir_ingest::parse::parse;

/// Enough for the stack of the parser and for a small document.
const MEMORY_BYTES: u64 = 256 << 20;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(cell::ARGUMENT) {
        return cell::child_main_with(misbehaving);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        documents_come_back_whole().await;
        errors_come_back_as_they_are().await;
        a_panic_is_an_error_without_words_of_the_document().await;
        a_hang_ends_with_the_clock().await;
        a_busy_loop_ends_with_its_cpu_time().await;
        memory_has_an_end().await;
        a_stack_overflow_takes_nothing_else_with_it().await;
        endless_output_is_cut_off().await;
        endless_complaints_do_not_hold_it_up().await;
        files_network_and_programs_are_out_of_reach().await;
        a_program_that_is_not_there_is_an_error().await;
        cells_run_side_by_side().await;
    });
    println!("test result: ok. 12 passed");
    ExitCode::SUCCESS
}

/// Does what the first word of the file says, and parses all others.
fn misbehaving(bytes: &[u8], file_name: Option<&str>, limits: &Limits) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    match text.split_whitespace().next() {
        Some("panic") => panic!("words of the document"),
        Some("sleep") => std::thread::sleep(Duration::from_mins(10)),
        Some("spin") => loop {
            std::hint::spin_loop();
        },
        Some("allocate") => drop(std::hint::black_box(vec![1_u8; MEMORY_BYTES as usize])),
        Some("recurse") => drop(std::hint::black_box(deeper(1))),
        Some("flood") => while std::io::stdout().write_all(&[b' '; 1 << 12]).is_ok() {},
        Some("complain") => {
            (0..20_000).for_each(|_| eprintln!("a line of a hundred characters or so, or at least of some length"));
        }
        Some("escape") => return reachable(),
        _ => {}
    }
    parse(bytes, file_name, limits)
}

fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 1024]);
    if depth == 0 { 0 } else { deeper(depth + 1) + room[5] }
}

/// A document that lists what a confined process could do all the same.
fn reachable() -> Answer {
    let folder = std::env::temp_dir().join(format!("terroir-cell-{}", std::process::id()));
    let attempts = [
        ("reads a file", std::fs::read("/etc/hostname").is_ok()),
        ("lists a folder", std::fs::read_dir("/").is_ok()),
        (
            "makes and removes a folder",
            std::fs::create_dir(&folder).and_then(|()| std::fs::remove_dir(&folder)).is_ok(),
        ),
        // Needs no open file, so that it takes the filter of system calls to stop it.
        ("goes elsewhere", std::env::set_current_dir(".").is_ok()),
        ("listens", std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        ("opens a socket", std::os::unix::net::UnixDatagram::unbound().is_ok()),
        ("starts a program", std::process::Command::new("/bin/true").status().is_ok()),
    ];
    let done: Vec<&str> = attempts.into_iter().filter(|(_, done)| *done).map(|(name, _)| name).collect();
    let text = format!("reachable: {}", done.join(", "));
    parse(text.as_bytes(), None, &Limits::default())
}

fn cell(limits: Limits) -> Cell {
    Cell::new(std::env::current_exe().expect("this program has a path"), limits)
}

async fn parsed(text: &str, limits: Limits) -> Answer {
    cell(limits).parse(text.as_bytes(), Some("a.txt")).await
}

fn text(document: &ParsedDocument) -> String {
    document.text()
}

async fn documents_come_back_whole() {
    let source = "Rules\n=====\n\nÉté à onze degrés.\n\n- first\n";
    let here = parse(source.as_bytes(), Some("a.txt"), &Limits::default());
    assert_eq!(parsed(source, Limits::default()).await, here);
    assert_eq!(here.unwrap().blocks.len(), 3);
    let long = "A sentence of the minutes. ".repeat(400_000);
    assert_eq!(text(&parsed(&long, Limits::default()).await.unwrap()), long.trim());
}

async fn errors_come_back_as_they_are() {
    assert_eq!(parsed("", Limits::default()).await, Err(ParseError::Empty));
    let limits = Limits { max_bytes: 3, ..Limits::default() };
    assert_eq!(parsed("four", limits).await, Err(ParseError::TooLarge { bytes: 4, max_bytes: 3 }));
    assert_eq!(parsed(" \n ", Limits::default()).await, Err(ParseError::NoText { pages: None }));
}

async fn a_panic_is_an_error_without_words_of_the_document() {
    let error = parsed("panic", Limits::default()).await.unwrap_err();
    assert_eq!(error.code(), "parser_crashed");
    assert!(!error.to_string().contains("words of"), "{error}");
}

async fn a_hang_ends_with_the_clock() {
    let started = Instant::now();
    let limits = Limits { max_wall_seconds: 1, ..Limits::default() };
    assert_eq!(parsed("sleep", limits).await, Err(ParseError::TimedOut { seconds: 1 }));
    assert!(started.elapsed() < Duration::from_secs(10));
}

async fn a_busy_loop_ends_with_its_cpu_time() {
    let limits = Limits { max_cpu_seconds: 1, max_wall_seconds: 60, ..Limits::default() };
    assert_eq!(parsed("spin", limits).await, Err(ParseError::TimedOut { seconds: 1 }));
}

async fn memory_has_an_end() {
    let limits = Limits { max_memory_bytes: MEMORY_BYTES, ..Limits::default() };
    let error = parsed("allocate", limits.clone()).await.unwrap_err();
    assert_eq!(error, ParseError::limit("bytes of memory", MEMORY_BYTES));
    assert!(parsed("a small document", limits).await.is_ok(), "the limit is not too tight for the others");
}

async fn a_stack_overflow_takes_nothing_else_with_it() {
    assert_eq!(parsed("recurse", Limits::default()).await.unwrap_err().code(), "parser_crashed");
}

async fn endless_output_is_cut_off() {
    assert_eq!(parsed("flood", Limits::default()).await.unwrap_err().code(), "limit_exceeded");
}

async fn endless_complaints_do_not_hold_it_up() {
    assert_eq!(text(&parsed("complain a lot", Limits::default()).await.unwrap()), "complain a lot");
}

async fn files_network_and_programs_are_out_of_reach() {
    let all = "reachable: reads a file, lists a folder, makes and removes a folder, goes elsewhere, listens, opens a socket, starts a program";
    assert_eq!(text(&reachable().unwrap()), all, "what this process can do, a cell must not");
    assert_eq!(text(&parsed("escape", Limits::default()).await.unwrap()), "reachable:");
}

async fn a_program_that_is_not_there_is_an_error() {
    let error = Cell::new("/nowhere/terroir".into(), Limits::default()).parse(b"x", None).await.unwrap_err();
    assert_eq!(error.code(), "io");
}

async fn cells_run_side_by_side() {
    let cell = cell(Limits::default());
    let documents = (0..8).map(|number| {
        let cell = cell.clone();
        tokio::spawn(async move { (number, cell.parse(format!("document {number}").as_bytes(), None).await) })
    });
    for document in documents.collect::<Vec<_>>() {
        let (number, answer) = document.await.expect("the task ends");
        assert_eq!(text(&answer.unwrap()), format!("document {number}"));
    }
}
