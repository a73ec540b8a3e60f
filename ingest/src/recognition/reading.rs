//! One page: in the language that it is in, which shows when it is read.

use std::sync::{Arc, Mutex, PoisonError};

use terroir_store::Language;
use tokio::sync::OwnedSemaphorePermit;

use super::languages;
use super::page::RecognisedPage;
use super::progress::PageRead;
use super::recogniser::Bench;
use super::tesseract::{self, Installed};
use crate::cell::DrawnPage;

/// With fewer letters a language cannot be told for sure.
const MIN_LETTERS: usize = 40;
/// Text is in a language whose data is missing when the data that was used gives less, in percent.
const SURE: f32 = 90.0;

/// Reads the pages of one document.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    bench: Arc<Bench>,
    installed: Installed,
    /// What the last page turned out to be in: the next one is probably as well.
    language: Arc<Mutex<String>>,
    /// Then it is not questioned.
    is_certain: bool,
}

pub(super) enum Picture {
    Drawn(DrawnPage),
    /// A file of pictures, and which of them.
    File {
        bytes: Arc<Vec<u8>>,
        index: Option<u32>,
    },
}

impl Reading {
    pub(super) fn new(bench: Arc<Bench>, installed: Installed, first: String, is_certain: bool) -> Self {
        Self { bench, installed, language: Arc::new(Mutex::new(first)), is_certain }
    }

    /// Reads a page, and once more where it shows itself to be in another language. The turn ends with it.
    pub(super) async fn page(&self, number: u32, picture: Picture, turn: Option<OwnedSemaphorePermit>) -> PageRead {
        let (outcome, lacks) = match self.read(number, &picture).await {
            Ok((page, lacks)) => (Ok(page), lacks),
            Err(reason) => (Err(reason), None),
        };
        drop(turn);
        PageRead { number, outcome, lacks }
    }

    async fn read(&self, number: u32, picture: &Picture) -> Result<(RecognisedPage, Option<Language>), String> {
        let ready = Ready::new(picture);
        let Some(ready) = ready else {
            return Ok((empty(number, picture), None));
        };
        let used = self.language.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.read_in(number, &ready, &used).await?;
        if self.is_certain || first.letters() < MIN_LETTERS {
            return Ok((first, None));
        }
        let detected = terroir_store::detect(&first.text());
        let Some(found) = languages::data_for(detected).filter(|found| *found != used) else {
            return Ok((first, None));
        };
        let usable = self.bench.options.usable(&self.installed.languages)?;
        if !usable.contains(&found) {
            let lacks = (self.bench.options.languages.is_empty() && first.confidence() < SURE).then_some(detected);
            return Ok((first, lacks));
        }
        let second = self.read_in(number, &ready, &found).await?;
        if second.confidence() <= first.confidence() {
            return Ok((first, None));
        }
        *self.language.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok((second, None))
    }

    async fn read_in(&self, number: u32, ready: &Ready<'_>, language: &str) -> Result<RecognisedPage, String> {
        let tesseract = self.bench.tesseract.as_ref().ok_or(self.bench.options.absence)?;
        let reading = tesseract::Reading {
            language,
            dots_per_inch: ready.dots_per_inch,
            index: ready.index,
            finds_orientation: self.installed.knows_orientation,
        };
        let hocr = tesseract.read(&ready.bytes, reading).await.map_err(|error| error.to_string())?;
        let mut page = self.bench.cell.read_recognised(&hocr).await.map_err(|error| error.to_string())?;
        page.number = number;
        language.clone_into(&mut page.language);
        page.dots_per_inch = ready.dots_per_inch.unwrap_or(page.dots_per_inch);
        Ok(page)
    }
}

/// A picture as tesseract takes it.
struct Ready<'a> {
    bytes: std::borrow::Cow<'a, [u8]>,
    dots_per_inch: Option<u32>,
    index: Option<u32>,
}

impl<'a> Ready<'a> {
    /// `None` for a page with nothing on it.
    fn new(picture: &'a Picture) -> Option<Self> {
        match picture {
            Picture::File { bytes, index } => {
                Some(Self { bytes: bytes.as_slice().into(), dots_per_inch: None, index: *index })
            }
            Picture::Drawn(page) if page.grey.is_empty() => None,
            Picture::Drawn(page) => {
                // Portable grey map: a head of three lines before the pixels.
                let mut bytes = format!("P5\n{} {}\n255\n", page.width, page.height).into_bytes();
                bytes.extend_from_slice(&page.grey);
                Some(Self { bytes: bytes.into(), dots_per_inch: Some(page.dots_per_inch), index: None })
            }
        }
    }
}

fn empty(number: u32, picture: &Picture) -> RecognisedPage {
    let (width, height, dots_per_inch) = match picture {
        Picture::Drawn(page) => (page.width, page.height, page.dots_per_inch),
        Picture::File { .. } => (1, 1, 1),
    };
    RecognisedPage { number, width, height, dots_per_inch, ..RecognisedPage::default() }
}
