//! Pages of a PDF as pictures, one after the other out of one cell. The cell waits until each is taken, so
//! that one picture at a time takes memory.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout};
use tokio::task::JoinHandle;

use super::{Cell, Order, Task, broken, last_words, without_pipes};
use crate::error::ParseError;
use crate::limits::Limits;

/// No picture is larger: A2 at 200 dots per inch.
pub(crate) const MAX_PIXELS: u64 = 16 << 20;
/// What is said about a picture before it.
const MAX_HEAD_BYTES: usize = 4 << 10;

/// One page as a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnPage {
    /// 1-based.
    pub number: u32,
    pub width: u32,
    pub height: u32,
    pub dots_per_inch: u32,
    /// One byte per pixel, row by row, 0 is black; empty where the page is.
    pub grey: Vec<u8>,
}

/// What stands before the pixels of a page.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    number: u32,
    width: u32,
    height: u32,
    dots_per_inch: u32,
    bytes: usize,
    error: Option<ParseError>,
}

/// A cell that draws.
#[derive(Debug)]
pub struct Drawing {
    child: Child,
    stdout: ChildStdout,
    writing: JoinHandle<()>,
    words: JoinHandle<String>,
    cell: Cell,
    page_time: Duration,
}

impl Cell {
    /// Starts to draw pages of a PDF file; each may take `page_seconds`. Dropping the drawing kills its process.
    pub fn draw(
        &self,
        bytes: Arc<Vec<u8>>,
        pages: Vec<u32>,
        dots_per_inch: u32,
        page_seconds: u64,
    ) -> Result<Drawing, ParseError> {
        let max_cpu_seconds = page_seconds.saturating_mul(pages.len() as u64);
        let limits = Limits { max_cpu_seconds, ..self.limits.clone() };
        let order = Order { task: Task::Draw { pages, dots_per_inch }, limits: limits.clone() };
        let head = serde_json::to_vec(&order).map_err(|error| broken(error.into()))?;
        let mut child = self.start().map_err(broken)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(without_pipes());
        };
        let writing = tokio::spawn(async move {
            let _ = stdin.write_all(&(head.len() as u32).to_le_bytes()).await;
            let _ = stdin.write_all(&head).await;
            let _ = stdin.write_all(&bytes).await;
        });
        let words = tokio::spawn(last_words(stderr));
        let cell = Self { program: self.program.clone(), limits };
        Ok(Drawing { child, stdout, writing, words, cell, page_time: Duration::from_secs(page_seconds) })
    }
}

impl Drawing {
    /// The next page, or why it could not be drawn. `None` when the cell is done, or has died: then it drew
    /// fewer pages than it was told to.
    pub async fn next(&mut self) -> Option<Result<DrawnPage, (u32, ParseError)>> {
        match tokio::time::timeout(self.page_time, self.read()).await {
            Ok(Ok(page)) => Some(page),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Why the cell ended before its last page.
    pub async fn reason(mut self) -> ParseError {
        // It may still be at work on the page that took too long.
        let status = match self.child.try_wait() {
            Ok(Some(status)) => status,
            _ => match tokio::time::timeout(Duration::from_millis(200), self.child.wait()).await {
                Ok(Ok(status)) => status,
                _ => return ParseError::TimedOut { seconds: self.page_time.as_secs() },
            },
        };
        let complaint = (&mut self.words).await.unwrap_or_default();
        match self.cell.check(status, &complaint) {
            Err(error) => error,
            Ok(()) => ParseError::Crashed { reason: "it drew too few pages".into() },
        }
    }

    async fn read(&mut self) -> std::io::Result<Result<DrawnPage, (u32, ParseError)>> {
        let length = self.stdout.read_u32_le().await? as usize;
        if length > MAX_HEAD_BYTES {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut head = vec![0; length];
        self.stdout.read_exact(&mut head).await?;
        let head: Head = serde_json::from_slice(&head)?;
        if let Some(error) = head.error {
            return Ok(Err((head.number, error)));
        }
        let pixels = u64::from(head.width) * u64::from(head.height);
        if pixels > MAX_PIXELS || (head.bytes != 0 && head.bytes as u64 != pixels) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut grey = vec![0; head.bytes];
        self.stdout.read_exact(&mut grey).await?;
        let Head { number, width, height, dots_per_inch, .. } = head;
        Ok(Ok(DrawnPage { number, width, height, dots_per_inch, grey }))
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.writing.abort();
        self.words.abort();
    }
}

/// Inside of the cell: writes a page to the pipe.
pub(super) fn send(out: &mut impl Write, drawn: Result<DrawnPage, (u32, ParseError)>) -> std::io::Result<()> {
    let (page, error) = match drawn {
        Ok(page) => (page, None),
        Err((number, error)) => {
            (DrawnPage { number, width: 0, height: 0, dots_per_inch: 0, grey: Vec::new() }, Some(error))
        }
    };
    let head = Head {
        number: page.number,
        width: page.width,
        height: page.height,
        dots_per_inch: page.dots_per_inch,
        bytes: page.grey.len(),
        error,
    };
    let head = serde_json::to_vec(&head)?;
    out.write_all(&(head.len() as u32).to_le_bytes())?;
    out.write_all(&head)?;
    out.write_all(&page.grey)?;
    out.flush()
}
