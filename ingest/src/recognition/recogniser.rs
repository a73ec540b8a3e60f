//! Completes what a parse gave by the text of pages that are pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::languages;
use super::page::RecognisedPage;
use super::progress::{self, PageDone, Progress};
use super::reading::{Picture, Reading};
use super::tesseract::{Installed, Tesseract};
use crate::cell::{Answer, Cell};
use crate::detect::{Recognisable, recognisable};
use crate::document::ParsedDocument;
use crate::error::ParseError;
use crate::fence::Fence;

/// Pages drawn by one cell: the file is read anew for each cell, and what a page left behind goes with it.
const PAGES_PER_CELL: usize = 16;
/// After this many pages in a row that cannot be read, the others are not tried.
const MAX_FAILURES_IN_A_ROW: u32 = 8;
/// Decoded pictures need more than what the cell needs for the same page.
const MIN_MEMORY_BYTES: u64 = 2 << 30;

#[derive(Debug, Clone)]
pub struct RecognitionOptions {
    /// `None`: switched off.
    pub program: Option<PathBuf>,
    /// Why there is no program, for people.
    pub absence: &'static str,
    /// As tags (`fr`) or as tesseract names its data (`fra`); empty: what is installed, found out page by page.
    pub languages: Vec<String>,
    pub dots_per_inch: u32,
    /// CPU time for one page.
    pub page_seconds: u64,
    /// Pages that are read at the same time, over all documents.
    pub concurrency: usize,
}

/// Reads pages that are pictures. Cheap to clone; clones share their turns.
#[derive(Debug, Clone)]
pub struct Recogniser {
    bench: Arc<Bench>,
}

#[derive(Debug)]
pub(super) struct Bench {
    pub(super) cell: Cell,
    pub(super) tesseract: Option<Tesseract>,
    pub(super) options: RecognitionOptions,
    turns: Arc<Semaphore>,
    installed: OnceCell<Installed>,
}

/// A document whose pages are to be read.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    pub bytes: &'a Arc<Vec<u8>>,
    pub file_name: Option<&'a str>,
    /// The language that its collection is in, if that is known; it is not questioned.
    pub language: Option<&'a str>,
}

impl Recogniser {
    /// `program` is this program: it is its own [`fence`](crate::fence).
    pub fn new(cell: Cell, program: PathBuf, options: RecognitionOptions) -> Self {
        let memory_bytes = cell.limits().max_memory_bytes.max(MIN_MEMORY_BYTES);
        let tesseract = options
            .program
            .clone()
            .map(|tesseract| Tesseract::new(Fence::new(program), tesseract, options.page_seconds, memory_bytes));
        let turns = Arc::new(Semaphore::new(options.concurrency.max(1)));
        Self { bench: Arc::new(Bench { cell, tesseract, options, turns, installed: OnceCell::new() }) }
    }

    /// Completes what a parse gave by the text of pages that are pictures. Pages in `known` were read before and
    /// are not read again; every other goes to `done` as soon as it is read. What cannot be recognised never
    /// makes a document fail that has other text: it becomes a warning of its page.
    pub async fn complete(
        &self,
        parsed: Answer,
        original: Original<'_>,
        known: BTreeMap<u32, RecognisedPage>,
        done: mpsc::Sender<PageDone>,
    ) -> Answer {
        let Some((kind, unread)) = unread(&parsed, original.bytes) else {
            return parsed;
        };
        let installed = match self.installed().await {
            Ok(installed) => installed,
            // Its hint says what to install.
            Err(_) if parsed.is_err() && self.bench.tesseract.is_none() => return parsed,
            Err(reason) => return unrecognised(parsed, &unread, &reason),
        };
        let first = match self.first_language(installed, &parsed, original.language) {
            Ok(first) => first,
            Err(reason) => return unrecognised(parsed, &unread, &reason),
        };
        let is_certain = original.language.is_some();
        let reading = Reading::new(Arc::clone(&self.bench), installed.clone(), first, is_certain);
        let mut progress = Progress::new(&unread, known, done);
        match kind {
            Recognisable::Pdf => self.read_pdf(original.bytes, &reading, &mut progress).await,
            Recognisable::Picture => self.read_picture(original.bytes, &reading, &mut progress).await,
        }
        self.conclude(parsed, original, progress).await
    }

    /// What language data there is; asked once, and again after a failure.
    async fn installed(&self) -> Result<&Installed, String> {
        let bench = &self.bench;
        let tesseract = bench.tesseract.as_ref().ok_or_else(|| bench.options.absence.to_owned())?;
        bench.installed.get_or_try_init(|| tesseract.installed()).await.map_err(|error| error.to_string())
    }

    /// The language of the first page: what the collection, the document or its other pages say, else the first
    /// that is set or installed.
    fn first_language(
        &self,
        installed: &Installed,
        parsed: &Answer,
        collection: Option<&str>,
    ) -> Result<String, String> {
        let usable = self.bench.options.usable(&installed.languages)?;
        let is_usable = |name: &String| usable.contains(name);
        let said = [collection, parsed.as_ref().ok().and_then(|document| document.metadata.language.as_deref())];
        let said = said.into_iter().flatten().filter_map(languages::data_of).find(is_usable);
        let written = || parsed.as_ref().ok().and_then(written_in).filter(is_usable);
        let english = || usable.iter().find(|name| *name == "eng" && self.bench.options.languages.is_empty()).cloned();
        let first = said.or_else(written).or_else(english).or_else(|| usable.first().cloned());
        first.ok_or_else(|| "tesseract has no language data: install some, for example tesseract-ocr-eng".to_owned())
    }

    async fn read_pdf(&self, bytes: &Arc<Vec<u8>>, reading: &Reading, progress: &mut Progress) {
        let todo = progress.todo();
        let options = &self.bench.options;
        let mut tasks = JoinSet::new();
        let mut from = 0;
        while from < todo.len() && progress.failures_in_a_row() < MAX_FAILURES_IN_A_ROW {
            let batch = &todo[from..todo.len().min(from + PAGES_PER_CELL)];
            let drawing =
                self.bench.cell.draw(Arc::clone(bytes), batch.to_vec(), options.dots_per_inch, options.page_seconds);
            let mut drawing = match drawing {
                Ok(drawing) => drawing,
                Err(error) => {
                    progress.fail(batch[0], error.to_string());
                    from += 1;
                    continue;
                }
            };
            for &number in batch {
                // A page is drawn when somebody can read it: pictures take memory.
                let turn = self.turn().await;
                from += 1;
                match drawing.next().await {
                    Some(Ok(page)) => {
                        let reading = reading.clone();
                        tasks.spawn(async move { reading.page(number, Picture::Drawn(page), turn).await });
                    }
                    Some(Err((_, error))) => progress.fail(number, error.to_string()),
                    None => {
                        progress.fail(number, drawing.reason().await.to_string());
                        break;
                    }
                }
                while let Some(Ok(read)) = tasks.try_join_next() {
                    progress.take(read).await;
                }
            }
        }
        progress.collect(tasks).await;
    }

    async fn read_picture(&self, bytes: &Arc<Vec<u8>>, reading: &Reading, progress: &mut Progress) {
        let is_alone = progress.total() == 1;
        let mut tasks = JoinSet::new();
        for number in progress.todo() {
            if progress.failures_in_a_row() >= MAX_FAILURES_IN_A_ROW {
                break;
            }
            let turn = self.turn().await;
            let index = if is_alone { None } else { Some(number - 1) };
            let (reading, picture) = (reading.clone(), Picture::File { bytes: Arc::clone(bytes), index });
            tasks.spawn(async move { reading.page(number, picture, turn).await });
            while let Some(Ok(read)) = tasks.try_join_next() {
                progress.take(read).await;
            }
        }
        progress.collect(tasks).await;
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.bench.turns).acquire_owned().await.ok()
    }

    /// The file with the recognised pages in their places.
    async fn conclude(&self, parsed: Answer, original: Original<'_>, progress: Progress) -> Answer {
        let (pages, failures, warnings) = progress.finish();
        let reason = || failures.values().next().cloned().unwrap_or_default();
        if pages.is_empty() {
            return match parsed {
                Ok(document) => Ok(annotated(document, &failures)),
                Err(_) => Err(ParseError::NotRecognised { reason: reason() }),
            };
        }
        match self.bench.cell.parse_recognised(original.bytes, original.file_name, &pages).await {
            Ok(mut document) => {
                document.warnings.extend(warnings);
                Ok(annotated(document, &failures))
            }
            Err(ParseError::NoText { pages }) if failures.is_empty() => {
                Err(ParseError::NothingRecognised { pages: pages.unwrap_or(1) })
            }
            Err(ParseError::NoText { .. }) => Err(ParseError::NotRecognised { reason: reason() }),
            // Whatever came of it: the text that was there before is still good.
            Err(error) => match parsed {
                Ok(mut document) => {
                    let reason = error.to_string();
                    let failures = document.unread_pages.drain(..).map(|page| (page, reason.clone())).collect();
                    Ok(annotated(document, &failures))
                }
                Err(_) => Err(error),
            },
        }
    }
}

impl RecognitionOptions {
    /// The languages that are set, or else all that are installed.
    pub(super) fn usable(&self, installed: &[String]) -> Result<Vec<String>, String> {
        if self.languages.is_empty() {
            return Ok(installed.to_vec());
        }
        let mut usable = Vec::new();
        for tag in &self.languages {
            let name = languages::data_of(tag).unwrap_or_else(|| tag.clone());
            if !installed.contains(&name) {
                return Err(format!("tesseract has no data for the language {tag}: install it ({name})"));
            }
            usable.push(name);
        }
        Ok(usable)
    }
}

/// The pages that lack text, and what the file is.
fn unread(parsed: &Answer, bytes: &[u8]) -> Option<(Recognisable, Vec<u32>)> {
    let unread = match parsed {
        Ok(document) => document.unread_pages.clone(),
        Err(ParseError::NoText { pages: Some(pages) }) => (1..=*pages).collect(),
        Err(_) => return None,
    };
    let kind = recognisable(bytes)?;
    (!unread.is_empty()).then_some((kind, unread))
}

/// The language of the pages that have text.
fn written_in(document: &ParsedDocument) -> Option<String> {
    languages::data_for(terroir_store::detect(&document.text()))
}

/// Nothing can be recognised here, for a reason that people can do something about.
fn unrecognised(parsed: Answer, unread: &[u32], reason: &str) -> Answer {
    match parsed {
        Ok(document) => {
            let without_text = |page: &u32| {
                document
                    .warnings
                    .iter()
                    .any(|warning| warning.page == Some(*page) && warning.code == "page_without_text")
            };
            let failures =
                unread.iter().filter(|page| without_text(page)).map(|page| (*page, reason.to_owned())).collect();
            Ok(annotated(document, &failures))
        }
        Err(_) => Err(ParseError::NotRecognised { reason: reason.to_owned() }),
    }
}

/// Says of each page why its picture was not read, in place of what the parser supposed.
fn annotated(mut document: ParsedDocument, failures: &BTreeMap<u32, String>) -> ParsedDocument {
    progress::explain(&mut document.warnings, failures);
    document
}
