//! How files are read, by the settings: the cell, and the programs of others beside it.

use anyhow::Context as _;
use terroir_ingest::cell::Cell;
use terroir_ingest::conversion::{ConversionOptions, Converter};
use terroir_ingest::reader::Reader;
use terroir_ingest::recognition::{Recogniser, RecognitionOptions};

use crate::config::{Recognition, Settings, program};
use crate::limits;

/// What pages may be drawn in: less cannot be read, more only takes memory.
const DOTS_PER_INCH: std::ops::RangeInclusive<u32> = 70..=600;

/// A reader of files. Fails where a program is missing that the settings insist on.
pub fn reader(settings: &Settings) -> anyhow::Result<Reader> {
    let own = std::env::current_exe().context("finding this program's own file")?;
    let ingest = &settings.ingest;
    let cell = Cell::new(own.clone(), limits::of(settings));
    let conversion = ConversionOptions {
        program: program(&ingest.soffice, "soffice"),
        seconds: ingest.conversion_seconds,
        concurrency: settings.ingest_workers(),
        max_bytes: ingest.max_file_bytes,
    };
    let (program, absence) = match ingest.recognition {
        Recognition::Off => (None, "it is switched off (setting ingest.recognition)"),
        Recognition::Auto | Recognition::On => (program(&ingest.tesseract, "tesseract"), "tesseract is not installed"),
    };
    anyhow::ensure!(
        program.is_some() || ingest.recognition != Recognition::On,
        "setting ingest.recognition is \"on\", but there is no tesseract in PATH: install it, or set ingest.tesseract"
    );
    anyhow::ensure!(
        DOTS_PER_INCH.contains(&ingest.recognition_dpi),
        "setting ingest.recognition_dpi is {}; it can be {} to {}",
        ingest.recognition_dpi,
        DOTS_PER_INCH.start(),
        DOTS_PER_INCH.end()
    );
    let recognition = RecognitionOptions {
        program,
        absence,
        languages: ingest.recognition_languages.clone(),
        dots_per_inch: ingest.recognition_dpi,
        page_seconds: ingest.recognition_page_seconds,
        concurrency: settings.ingest_workers(),
    };
    Ok(Reader {
        converter: Converter::new(own.clone(), conversion),
        recogniser: Recogniser::new(cell.clone(), own, recognition),
        cell,
    })
}
