//! The cell: a document is parsed in a child process of the same program, with limits of memory, CPU time
//! and wall-clock time. What a file does to its parser, it does to the cell alone.

mod child;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

pub use child::child_main;

use crate::document::ParsedDocument;
use crate::error::ParseError;
use crate::limits::Limits;

/// The argument that makes the program a cell.
pub const ARGUMENT: &str = "parse-cell";
/// Longest answer of a cell.
const MAX_ANSWER_BYTES: u64 = 1 << 30;
/// What is kept of a cell's error output, for the log.
const MAX_COMPLAINT_BYTES: u64 = 2 << 10;

/// Starts cells.
#[derive(Debug, Clone)]
pub struct Cell {
    program: PathBuf,
    limits: Limits,
}

/// What a cell is told before the bytes of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    file_name: Option<String>,
    limits: Limits,
}

type Answer = Result<ParsedDocument, ParseError>;

impl Cell {
    /// `program` is a program that calls [`child_main`] when its first argument is [`ARGUMENT`].
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Parses a file in a process of its own. Dropping the future kills the process.
    pub async fn parse(&self, bytes: Vec<u8>, file_name: Option<&str>) -> Answer {
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        let length = bytes.len() as u64;
        if length > self.limits.max_bytes {
            return Err(ParseError::TooLarge { bytes: length, max_bytes: self.limits.max_bytes });
        }
        let order = Order { file_name: file_name.map(str::to_owned), limits: self.limits.clone() };
        let wall = Duration::from_secs(self.limits.max_wall_seconds);
        match tokio::time::timeout(wall, self.run(&order, bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(ParseError::TimedOut { seconds: self.limits.max_wall_seconds }),
        }
    }

    async fn run(&self, order: &Order, bytes: Vec<u8>) -> Answer {
        let broken = |error: std::io::Error| ParseError::Io { message: format!("the parser's process: {error}") };
        let mut child = Command::new(&self.program)
            .arg(ARGUMENT)
            // A file that takes over its parser finds no secrets there.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(ParseError::Io { message: "the parser's process has no pipes".into() });
        };
        let head = serde_json::to_vec(order).map_err(|error| ParseError::Io { message: error.to_string() })?;
        let write = async move {
            // A cell that ends early closes its end: its exit says why.
            let _ = stdin.write_all(&(head.len() as u32).to_le_bytes()).await;
            let _ = stdin.write_all(&head).await;
            let _ = stdin.write_all(&bytes).await;
        };
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let mut stdout = stdout.take(MAX_ANSWER_BYTES);
        let mut stderr = stderr.take(MAX_COMPLAINT_BYTES);
        let ((), read, _) = tokio::join!(write, stdout.read_to_end(&mut answer), stderr.read_to_end(&mut complaint));
        read.map_err(broken)?;
        self.conclude(child, &answer, &complaint).await
    }

    async fn conclude(&self, mut child: Child, answer: &[u8], complaint: &[u8]) -> Answer {
        let status = child.wait().await.map_err(|error| ParseError::Io { message: error.to_string() })?;
        if status.success()
            && let Ok(answer) = serde_json::from_slice::<Answer>(answer)
        {
            return answer;
        }
        let complaint = String::from_utf8_lossy(complaint);
        tracing::warn!(%status, complaint = complaint.trim(), "a parser's process died");
        Err(self.reason(status, &complaint))
    }

    fn reason(&self, status: std::process::ExitStatus, complaint: &str) -> ParseError {
        use std::os::unix::process::ExitStatusExt as _;
        const SIGXCPU: i32 = 24;
        const SIGKILL: i32 = 9;
        if complaint.contains("memory allocation of") || complaint.contains("capacity overflow") {
            return ParseError::limit("bytes of memory", self.limits.max_memory_bytes);
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
