//! From bytes to a document, with the help of other programs where a file needs it: parsed in the cell, converted
//! by LibreOffice, its pictures read by tesseract.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cell::{Answer, Cell};
use crate::conversion::Converter;
use crate::recognition::{Original, PageDone, RecognisedPage, Recogniser};

/// Reads files of every format that is known.
#[derive(Debug, Clone)]
pub struct Reader {
    pub cell: Cell,
    pub converter: Converter,
    pub recogniser: Recogniser,
}

impl Reader {
    /// Reads a file. Pages in `known` were recognised before; every page that is recognised now goes to `done`.
    pub async fn read(
        &self,
        bytes: Vec<u8>,
        file_name: Option<&str>,
        known: BTreeMap<u32, RecognisedPage>,
        done: mpsc::Sender<PageDone>,
    ) -> Answer {
        let bytes = Arc::new(bytes);
        let parsed = self.cell.parse(&bytes, file_name).await;
        if let Err(refusal) = &parsed
            && let Some(converted) = self.converter.convert(refusal, &bytes).await
        {
            let converted = converted?;
            // Its name says what it was, not what it is.
            let mut document = self.cell.parse(&converted.bytes, None).await?;
            document.media_type = converted.media_type;
            return Ok(document);
        }
        let original = Original { bytes: &bytes, file_name, language: None };
        self.recogniser.complete(parsed, original, known, done).await
    }
}
