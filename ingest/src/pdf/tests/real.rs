//! Real documents, where the folder with them is present: run with `--ignored --nocapture`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::check_geometry;
use crate::limits::Limits;
use crate::pdf::parse;

/// Share of words that must agree with the source of the typeset documents.
const MIN_TYPESET_F1: f64 = 0.99;

fn documents() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/documents");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("{} is absent: nothing to check", folder.display());
    None
}

fn pdf_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            pdf_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pdf") {
            found.push(path);
        }
    }
}

fn words(text: &str) -> HashMap<String, usize> {
    let mut words = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() {
            *words.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    words
}

/// F1 of the bags of words.
fn agreement(found: &str, truth: &str) -> f64 {
    let (found, truth) = (words(found), words(truth));
    let common: usize = found.iter().map(|(word, count)| truth.get(word).copied().unwrap_or(0).min(*count)).sum();
    let total: usize = found.values().sum::<usize>() + truth.values().sum::<usize>();
    2.0 * common as f64 / total.max(1) as f64
}

#[test]
#[ignore = "reads the folder of real documents"]
fn every_file_ends_and_has_sound_geometry() {
    let Some(folder) = documents() else { return };
    let mut files = Vec::new();
    pdf_files(&folder, &mut files);
    files.sort();
    let mut times = Vec::new();
    let mut codes: HashMap<&str, usize> = HashMap::new();
    for path in &files {
        let bytes = fs_err::read(path).expect("the file can be read");
        let start = Instant::now();
        let outcome = parse(&bytes, &Limits::default());
        times.push(start.elapsed());
        let code = match &outcome {
            Ok(document) => {
                check_geometry(document);
                "ok"
            }
            Err(error) => error.code(),
        };
        *codes.entry(code).or_default() += 1;
    }
    times.sort();
    println!("{} files, median {:?}, slowest {:?}: {codes:?}", files.len(), times.get(times.len() / 2), times.last());
    assert!(!codes.contains_key("parser_crashed"));
}

#[test]
#[ignore = "reads the folder of real documents"]
fn typeset_documents_give_their_source_back() {
    let Some(folder) = documents() else { return };
    let mut files = Vec::new();
    pdf_files(&folder.join("typeset"), &mut files);
    assert!(!files.is_empty());
    for path in files {
        let bytes = fs_err::read(&path).expect("the file can be read");
        let truth = fs_err::read_to_string(path.with_extension("txt")).expect("there is a truth");
        let document = parse(&bytes, &Limits::default()).expect("the file is sound");
        let agreement = agreement(&document.text(), &truth);
        println!("{}: {agreement:.4}", path.display());
        assert!(agreement >= MIN_TYPESET_F1, "{}", path.display());
    }
}

#[test]
#[ignore = "reads the folder of real documents"]
fn papers_say_what_they_are() {
    let Some(folder) = documents() else { return };
    let jit = "Trace-based Just-in-Time Type Specialization for Dynamic Languages";
    let cases = [
        ("pdfjs/bug1992868.pdf", jit, Some("Andreas Gal"), None),
        ("pdfjs/issue15012.pdf", jit, Some("Andreas Gal"), None),
        (
            "pdfjs/bug886717.pdf",
            "Block Ciphers: Fast Implementations on x86-64 Architecture",
            Some("Jussi Kivilinna"),
            None,
        ),
        (
            "unstructured/example-docs/pdf/multi-column-2p.pdf",
            "Dense Passage Retrieval for Open-Domain Question Answering",
            Some("Vladimir Karpukhin"),
            Some("10.48550/arXiv.2004.04906"),
        ),
        (
            "unstructured/example-docs/pdf/layout-parser-paper-fast.pdf",
            "LayoutParser: A Unified Toolkit for Deep Learning Based Document Image Analysis",
            Some("Zejiang Shen"),
            Some("10.48550/arXiv.2103.15348"),
        ),
        ("pypdf/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf", "Geometrie und Topologie", Some("Martin Thoma"), None),
        ("pypdf/026-latex-multicolumn/multicolumn.pdf", "Two-Column Document with Lorem Ipsum", None, None),
        ("typeset/fr_2col.pdf", "Difficultés d’œuvre : l’été où naquit la façade", None, None),
        ("typeset/de_1col_tables.pdf", "Größenverhältnisse und Übergänge in der Straßenführung", None, None),
        ("docling/pdf/sources/amt_handbook_sample.pdf", "AMT General Handbook", Some("FAA"), None),
        ("unstructured/example-docs/pdf/fake-memo.pdf", "", None, None),
        ("pypdf/006-pdflatex-outline/pdflatex-outline.pdf", "", None, None),
    ];
    let mut wrong = Vec::new();
    for (path, title, author, doi) in cases {
        let bytes = fs_err::read(folder.join(path)).expect("the file can be read");
        let document = parse(&bytes, &Limits::default()).expect("the file is sound");
        let metadata = &document.metadata;
        let found = (document.title.as_deref().unwrap_or_default(), metadata.authors.first(), metadata.doi.as_deref());
        if found.0 != title || found.1.map(String::as_str) != author || found.2 != doi {
            wrong.push(format!("{path}: {found:?}"));
        }
    }
    println!("{} of {} papers say what they are", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
