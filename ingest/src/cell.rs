//! The cell: a document is parsed in a child process of the same program, with limits of memory, CPU time
//! and wall-clock time, without files and network. What a file does to its parser, it does to the cell alone.
//! Pages are drawn in cells as well, and what text recognition says is read in one.

mod child;
mod confine;
mod drawing;

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, Command};

pub use child::{Parser, child_main, child_main_with};
pub(crate) use drawing::MAX_PIXELS;
pub use drawing::{Drawing, DrawnPage};

use crate::document::ParsedDocument;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::recognition::RecognisedPage;

/// The argument that makes the program a cell.
pub const ARGUMENT: &str = "parse-cell";
/// Longest answer of a cell: text and geometry as JSON.
const MAX_ANSWER_BYTES: u64 = 512 << 20;
/// What is kept of a cell's error output, for the log.
const MAX_COMPLAINT_BYTES: usize = 2 << 10;

/// Starts cells.
#[derive(Debug, Clone)]
pub struct Cell {
    program: PathBuf,
    limits: Limits,
}

/// What a cell is told before the bytes of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Order<'a> {
    task: Task<'a>,
    limits: Limits,
}

#[derive(Debug, Serialize, Deserialize)]
enum Task<'a> {
    /// The file → a document, with the pages that text recognition has read.
    Parse { file_name: Option<Cow<'a, str>>, recognised: Cow<'a, [RecognisedPage]> },
    /// A PDF file → pictures of its pages.
    Draw { pages: Vec<u32>, dots_per_inch: u32 },
    /// What text recognition wrote about one picture → a page.
    ReadRecognised,
}

/// What a parse ends with, as it crosses the pipe.
pub type Answer = Result<ParsedDocument, ParseError>;

impl Cell {
    /// `program` is a program that calls [`child_main`] when its first argument is [`ARGUMENT`].
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Parses a file in a process of its own. Dropping the future kills the process.
    pub async fn parse(&self, bytes: &[u8], file_name: Option<&str>) -> Answer {
        self.parse_recognised(bytes, file_name, &[]).await
    }

    /// Parses a file some of whose pages text recognition has read.
    pub async fn parse_recognised(
        &self,
        bytes: &[u8],
        file_name: Option<&str>,
        recognised: &[RecognisedPage],
    ) -> Answer {
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        let length = bytes.len() as u64;
        if length > self.limits.max_bytes {
            return Err(ParseError::TooLarge { bytes: length, max_bytes: self.limits.max_bytes });
        }
        self.ask(Task::Parse { file_name: file_name.map(Cow::Borrowed), recognised: recognised.into() }, bytes).await
    }

    /// Reads what text recognition wrote about one picture (hOCR).
    pub(crate) async fn read_recognised(&self, hocr: &[u8]) -> Result<RecognisedPage, ParseError> {
        self.ask(Task::ReadRecognised, hocr).await
    }

    async fn ask<T>(&self, task: Task<'_>, bytes: &[u8]) -> Result<T, ParseError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let order = Order { task, limits: self.limits.clone() };
        let wall = Duration::from_secs(self.limits.max_wall_seconds);
        match tokio::time::timeout(wall, self.run(&order, bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(ParseError::TimedOut { seconds: self.limits.max_wall_seconds }),
        }
    }

    async fn run<T>(&self, order: &Order<'_>, bytes: &[u8]) -> Result<T, ParseError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let mut child = self.start().map_err(broken)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(without_pipes());
        };
        let head = serde_json::to_vec(order).map_err(|error| broken(error.into()))?;
        let write = async move {
            // A cell that ends early closes its end: its exit says why.
            let _ = stdin.write_all(&(head.len() as u32).to_le_bytes()).await;
            let _ = stdin.write_all(&head).await;
            let _ = stdin.write_all(bytes).await;
        };
        let read = async move {
            let mut answer = Vec::new();
            stdout.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut answer).await.map(|_| answer)
        };
        let talk = async { tokio::join!(write, read).1 };
        // Both ends before the exit: a cell whose pipes are full does not end.
        let (answer, complaint) = tokio::join!(talk, last_words(stderr));
        let answer = answer.map_err(broken)?;
        if answer.len() as u64 > MAX_ANSWER_BYTES {
            return Err(ParseError::limit("bytes of extracted content", MAX_ANSWER_BYTES));
        }
        let status = child.wait().await.map_err(broken)?;
        self.check(status, &complaint)?;
        // A long document takes a while to read, and this is an async thread.
        let read = tokio::task::spawn_blocking(move || serde_json::from_slice::<Result<T, ParseError>>(&answer)).await;
        match read {
            Ok(Ok(answer)) => answer,
            _ => Err(ParseError::Crashed { reason: "its answer could not be read".into() }),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg(ARGUMENT)
            // A file that takes over its parser finds no secrets there.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    fn check(&self, status: ExitStatus, complaint: &str) -> Result<(), ParseError> {
        if !complaint.is_empty() || !status.success() {
            tracing::warn!(%status, complaint, "a parser's process had trouble");
        }
        if status.success() { Ok(()) } else { Err(self.reason(status, complaint)) }
    }

    fn reason(&self, status: ExitStatus, complaint: &str) -> ParseError {
        use std::os::unix::process::ExitStatusExt as _;
        const SIGXCPU: i32 = 24;
        const SIGKILL: i32 = 9;
        if complaint.contains("memory allocation of") || complaint.contains("capacity overflow") {
            return ParseError::limit("bytes of memory", self.limits.max_memory_bytes);
        }
        if complaint.contains("has overflowed its stack") {
            return ParseError::Crashed { reason: "the file is nested too deeply".into() };
        }
        match status.signal() {
            Some(SIGXCPU) => ParseError::TimedOut { seconds: self.limits.max_cpu_seconds },
            // The hard limit of CPU time comes a second after the soft one.
            Some(SIGKILL) => ParseError::Crashed { reason: "it was killed, probably for want of memory".into() },
            Some(signal) => ParseError::Crashed { reason: format!("signal {signal}") },
            None => ParseError::Crashed { reason: format!("{status}") },
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` calls")]
fn broken(error: std::io::Error) -> ParseError {
    ParseError::Io { message: format!("the parser's process: {error}") }
}

fn without_pipes() -> ParseError {
    ParseError::Io { message: "the parser's process has no pipes".into() }
}

/// The end of what a cell says on stderr. All of it is read, so that nothing holds the cell up.
async fn last_words(mut stderr: ChildStderr) -> String {
    let (mut words, mut part) = (Vec::new(), vec![0; 4096]);
    while let Ok(length @ 1..) = stderr.read(&mut part).await {
        words.extend_from_slice(&part[..length]);
        words.drain(..words.len().saturating_sub(MAX_COMPLAINT_BYTES));
    }
    String::from_utf8_lossy(&words).trim().to_owned()
}
