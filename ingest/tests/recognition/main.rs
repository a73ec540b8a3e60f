//! Text recognition, conversion and the fence, from outside: this program is its own cell and its own fence, and
//! the documents are made here. Needs tesseract with its data for French. `--ignored`: with what real documents
//! and the real LibreOffice give.

#![expect(clippy::unwrap_used, reason = "a step that fails, fails the test")]

mod fence;
mod make;
mod office;
mod real;
mod scans;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use terroir_ingest::cell::{self, Answer, Cell, DrawnPage};
use terroir_ingest::conversion::{ConversionOptions, Converter};
use terroir_ingest::limits::Limits;
use terroir_ingest::reader::Reader;
use terroir_ingest::recognition::{PageDone, RecognisedPage, Recogniser, RecognitionOptions};
use tokio::sync::mpsc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(cell::ARGUMENT) => return cell::child_main(),
        Some(terroir_ingest::fence::ARGUMENT) => return terroir_ingest::fence::child_main(&arguments[1]),
        Some(fence::PROBE) => return fence::probe(&arguments[1]),
        // What lists or filters tests finds one here.
        Some("--list") => return ExitCode::SUCCESS,
        _ => {}
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).cloned().unwrap_or_default();
    let mut tests = Tests { filter, passed: 0, failed: Vec::new() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        if arguments.iter().any(|argument| argument == "--ignored") {
            real::all(&mut tests).await;
        } else {
            fence::all(&mut tests).await;
            office::all(&mut tests).await;
            scans::all(&mut tests).await;
        }
    });
    let outcome = if tests.failed.is_empty() { "ok" } else { "FAILED" };
    println!("test result: {outcome}. {} passed; {} failed: {:?}", tests.passed, tests.failed.len(), tests.failed);
    if tests.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tests that ran, one after the other; one that fails does not keep the others from running.
struct Tests {
    filter: String,
    passed: u32,
    failed: Vec<&'static str>,
}

impl Tests {
    async fn run(&mut self, name: &'static str, test: impl Future<Output = ()> + Send + 'static) {
        if !name.contains(&self.filter) {
            return;
        }
        match tokio::spawn(test).await {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed.push(name),
        }
    }
}

/// Runs tests by their names.
#[macro_export]
macro_rules! run {
    ($tests:expr, $($name:ident),+ $(,)?) => { $($tests.run(stringify!($name), $name()).await;)+ };
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("this program has a path")
}

fn cell_of_this() -> Cell {
    Cell::new(this_program(), Limits::default())
}

/// A program by its name, where this machine keeps it.
fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: `make test` installs it"))
}

fn options(program: Option<PathBuf>) -> RecognitionOptions {
    RecognitionOptions {
        program,
        absence: "tesseract is not installed",
        languages: Vec::new(),
        dots_per_inch: 200,
        page_seconds: 60,
        concurrency: 2,
    }
}

fn reader(recognition: RecognitionOptions, soffice: Option<PathBuf>, seconds: u64) -> Reader {
    let conversion = ConversionOptions { program: soffice, seconds, concurrency: 1, max_bytes: 64 << 20 };
    let cell = cell_of_this();
    Reader {
        converter: Converter::new(this_program(), conversion),
        recogniser: Recogniser::new(cell.clone(), this_program(), recognition),
        cell,
    }
}

/// What a file becomes, and the pages that were told of on the way.
async fn read_with(reader: &Reader, bytes: Vec<u8>, known: BTreeMap<u32, RecognisedPage>) -> (Answer, Vec<PageDone>) {
    let (done, mut pages) = mpsc::channel(1);
    let told = async {
        let mut told = Vec::new();
        while let Some(page) = pages.recv().await {
            told.push(page);
        }
        told
    };
    tokio::join!(reader.read(bytes, None, known, done), told)
}

async fn read(bytes: Vec<u8>) -> Answer {
    read_with(&reader(options(Some(installed("tesseract"))), None, 60), bytes, BTreeMap::new()).await.0
}

/// The pages of a PDF as pictures.
async fn draw(bytes: Vec<u8>, pages: Vec<u32>, dots_per_inch: u32) -> Vec<DrawnPage> {
    let count = pages.len();
    let mut drawing = cell_of_this().draw(Arc::new(bytes), pages, dots_per_inch, 60).unwrap();
    let mut drawn = Vec::new();
    while drawn.len() < count {
        match drawing.next().await {
            Some(page) => drawn.push(page.unwrap()),
            None => panic!("{}", drawing.reason().await),
        }
    }
    drawn
}

fn words(text: &str) -> HashMap<String, usize> {
    let mut words = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    words
}

/// F1 of the bags of words.
fn agreement(found: &str, truth: &str) -> f64 {
    let (found, truth) = (words(found), words(truth));
    let common: usize = found.iter().map(|(word, count)| truth.get(word).copied().unwrap_or(0).min(*count)).sum();
    let total: usize = found.values().sum::<usize>() + truth.values().sum::<usize>();
    2.0 * common as f64 / total.max(1) as f64
}
