//! tesseract (<https://tesseract-ocr.github.io>), behind the fence: a picture on stdin, hOCR on stdout, no file
//! of its own.

use std::path::PathBuf;

use super::languages::{self, ORIENTATION};
use crate::fence::{Errand, Fence, FenceError};

/// A page of small print with a box per character takes some 5 MB.
const MAX_OUTPUT_BYTES: u64 = 64 << 20;
/// Listing what is installed.
const LIST_SECONDS: u64 = 20;

#[derive(Debug, Clone)]
pub(super) struct Tesseract {
    fence: Fence,
    program: PathBuf,
    page_seconds: u64,
    max_memory_bytes: u64,
}

/// What language data there is.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    pub(super) languages: Vec<String>,
    /// Turned pages can be told.
    pub(super) knows_orientation: bool,
}

/// How one picture is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) language: &'a str,
    pub(super) dots_per_inch: Option<u32>,
    /// Which picture of a file that holds several, from 0.
    pub(super) index: Option<u32>,
    pub(super) finds_orientation: bool,
}

impl Tesseract {
    pub(super) fn new(fence: Fence, program: PathBuf, page_seconds: u64, max_memory_bytes: u64) -> Self {
        Self { fence, program, page_seconds, max_memory_bytes }
    }

    pub(super) async fn installed(&self) -> Result<Installed, FenceError> {
        let errand = self.errand(vec!["--list-langs".into()], LIST_SECONDS);
        let output = self.fence.run(&errand, &[]).await?;
        let installed = languages::listed(&String::from_utf8_lossy(&output));
        Ok(Installed {
            languages: languages::languages(&installed),
            knows_orientation: installed.iter().any(|name| name == ORIENTATION),
        })
    }

    /// What is on a picture (any format that leptonica reads), as hOCR.
    pub(super) async fn read(&self, picture: &[u8], reading: Reading<'_>) -> Result<Vec<u8>, FenceError> {
        let mut arguments: Vec<String> = ["stdin", "stdout", "-l", reading.language].map(str::to_owned).into();
        // Pages as they come, 1 with a look at how they are turned.
        arguments.extend(["--psm".into(), if reading.finds_orientation { "1" } else { "3" }.to_owned()]);
        if let Some(dots_per_inch) = reading.dots_per_inch {
            arguments.extend(["--dpi".into(), dots_per_inch.to_string()]);
        }
        let mut set = |setting: String| arguments.extend(["-c".into(), setting]);
        set("tessedit_create_hocr=1".into());
        set("hocr_char_boxes=1".into());
        if let Some(index) = reading.index {
            set(format!("tessedit_page_number={index}"));
        }
        self.fence.run(&self.errand(arguments, self.page_seconds), picture).await
    }

    fn errand(&self, arguments: Vec<String>, seconds: u64) -> Errand {
        Errand {
            program: self.program.clone(),
            arguments,
            // Pages are read side by side: one thread for each.
            environment: vec![("OMP_THREAD_LIMIT".into(), "1".into()), ("LC_ALL".into(), "C.UTF-8".into())],
            folder: None,
            max_memory_bytes: self.max_memory_bytes,
            max_cpu_seconds: seconds,
            max_wall_seconds: seconds.saturating_mul(2),
            max_file_bytes: 0,
            max_output_bytes: MAX_OUTPUT_BYTES,
        }
    }
}
