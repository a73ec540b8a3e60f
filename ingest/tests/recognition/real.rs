//! Real documents and the real LibreOffice, where they are present.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use terroir_ingest::document::MediaType;

use crate::make::{PageOf, pdf};
use crate::{Tests, agreement, cell_of_this, draw, installed, options, read_with, reader};

/// Share of words that must agree with the source of typeset documents.
const MIN_F1: f64 = 0.97;

pub async fn all(tests: &mut Tests) {
    crate::run!(tests, typeset_documents_are_read_at_every_resolution, older_documents_are_converted,);
}

fn documents() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/documents");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("{} is absent: nothing to check", folder.display());
    None
}

fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
}

async fn typeset_documents_are_read_at_every_resolution() {
    let Some(folder) = documents() else { return };
    let mut found = Vec::new();
    files(&folder.join("typeset"), &["pdf"], &mut found);
    let reader = reader(options(Some(installed("tesseract"))), None, 120);
    for path in found {
        let truth = std::fs::read_to_string(path.with_extension("txt")).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let pages = cell_of_this().parse(&bytes, None).await.unwrap().page_count.unwrap();
        for dots_per_inch in [150, 200, 300] {
            let drawn = draw(bytes.clone(), (1..=pages).collect(), dots_per_inch).await;
            let scan = pdf(&drawn.iter().map(|page| PageOf::Picture(page, Vec::new())).collect::<Vec<_>>());
            let started = Instant::now();
            let document = read_with(&reader, scan, BTreeMap::new()).await.0.unwrap();
            let agreement = agreement(&document.text(), &truth);
            println!(
                "{}: {pages} pages at {dots_per_inch} dots per inch: F1 {agreement:.4}, {:.1} s",
                path.file_name().unwrap().to_string_lossy(),
                started.elapsed().as_secs_f32()
            );
            assert!(agreement >= MIN_F1);
        }
    }
}

/// Whether a file is what its name says: a compound file.
fn is_older(path: &Path) -> bool {
    std::fs::read(path).unwrap().starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
}

async fn older_documents_are_converted() {
    let Some(folder) = documents() else { return };
    let mut found = Vec::new();
    files(&folder, &["doc", "ppt"], &mut found);
    let reader = reader(options(None), Some(installed("soffice")), 120);
    for path in found {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let started = Instant::now();
        let outcome = read_with(&reader, std::fs::read(&path).unwrap(), BTreeMap::new()).await.0;
        let seconds = started.elapsed().as_secs_f32();
        match outcome {
            // One of another format under an old name needs no conversion.
            Ok(document) if is_older(&path) => {
                let media_type = document.media_type.as_str();
                println!("{name}: {media_type}, {} characters, {seconds:.1} s", document.text().chars().count());
                assert!(document.media_type != MediaType::Docx, "a converted document says what it was");
            }
            Ok(_) => println!("{name}: of another format, {seconds:.1} s"),
            Err(error) => println!("{name}: {error} ({}), {seconds:.1} s", error.code()),
        }
    }
}
