//! Which pages are read, which failed, and who hears of it.

use std::collections::BTreeMap;

use terroir_store::Language;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::languages;
use super::page::RecognisedPage;
use crate::document::Warning;

/// A page that was read just now: worth keeping, should the work break off.
#[derive(Debug, Clone, PartialEq)]
pub struct PageDone {
    pub page: RecognisedPage,
    /// Pages read so far, of how many.
    pub done: u64,
    pub total: u64,
}

/// What came of one page.
pub(super) struct PageRead {
    pub(super) number: u32,
    pub(super) outcome: Result<RecognisedPage, String>,
    /// The language that the page seems to be in, whose data is missing.
    pub(super) lacks: Option<Language>,
}

pub(super) struct Progress {
    unread: Vec<u32>,
    pages: BTreeMap<u32, RecognisedPage>,
    failures: BTreeMap<u32, String>,
    warnings: Vec<Warning>,
    in_a_row: u32,
    listener: mpsc::Sender<PageDone>,
}

impl Progress {
    pub(super) fn new(
        unread: &[u32],
        mut known: BTreeMap<u32, RecognisedPage>,
        listener: mpsc::Sender<PageDone>,
    ) -> Self {
        known.retain(|number, page| unread.contains(number) && page.number == *number);
        Self {
            unread: unread.to_vec(),
            pages: known,
            failures: BTreeMap::new(),
            warnings: Vec::new(),
            in_a_row: 0,
            listener,
        }
    }

    pub(super) fn total(&self) -> usize {
        self.unread.len()
    }

    pub(super) fn todo(&self) -> Vec<u32> {
        self.unread.iter().filter(|number| !self.pages.contains_key(number)).copied().collect()
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.in_a_row
    }

    pub(super) fn fail(&mut self, number: u32, reason: String) {
        self.in_a_row += 1;
        self.failures.insert(number, reason);
    }

    pub(super) async fn take(&mut self, read: PageRead) {
        let page = match read.outcome {
            Ok(page) => page,
            Err(reason) => return self.fail(read.number, reason),
        };
        self.in_a_row = 0;
        if let Some(language) = read.lacks {
            let data = languages::data_for(language).unwrap_or_default();
            let message = format!(
                "the page seems to be in a language ({}) for which tesseract has no data: install {data} and add the document again",
                language.as_str()
            );
            self.warnings.push(Warning::new("language_data_missing", message, Some(read.number)));
        }
        self.pages.insert(read.number, page.clone());
        let done = PageDone { page, done: self.pages.len() as u64, total: self.unread.len() as u64 };
        // Nobody has to listen.
        let _ = self.listener.send(done).await;
    }

    /// Waits for the pages that are being read.
    pub(super) async fn collect(&mut self, mut tasks: JoinSet<PageRead>) {
        while let Some(read) = tasks.join_next().await {
            if let Ok(read) = read {
                self.take(read).await;
            }
        }
        for number in self.todo() {
            self.failures.entry(number).or_insert_with(|| "too many pages before it could not be read".into());
        }
    }

    pub(super) fn finish(self) -> (Vec<RecognisedPage>, BTreeMap<u32, String>, Vec<Warning>) {
        (self.pages.into_values().collect(), self.failures, self.warnings)
    }
}

/// Puts the reason why a page was not read in place of the supposition that it is a picture.
pub(super) fn explain(warnings: &mut Vec<Warning>, failures: &BTreeMap<u32, String>) {
    let is_answered = |warning: &Warning| {
        warning.code == "page_without_text" && warning.page.is_some_and(|page| failures.contains_key(&page))
    };
    warnings.retain(|warning| !is_answered(warning));
    warnings.extend(failures.iter().map(|(page, reason)| {
        Warning::new("page_not_recognised", format!("text recognition could not read the page: {reason}"), Some(*page))
    }));
}
