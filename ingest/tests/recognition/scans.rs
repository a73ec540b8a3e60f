//! Scans made here: drawn pages wrapped as pictures, and read by the real tesseract.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use terroir_ingest::cell::DrawnPage;
use terroir_ingest::document::{Block, MediaType, ParsedDocument};
use terroir_ingest::error::ParseError;
use terroir_ingest::layout::PageBox;
use terroir_ingest::recognition::{PixelBox, RecognisedLine, RecognisedPage, RecognisedWord};

use crate::fence::script;
use crate::make::{ENGLISH, FRENCH, Line, PageOf, column, pdf, pgm, png, tiff, turned, two_columns};
use crate::{Tests, agreement, cell_of_this, draw, installed, options, read, read_with, reader};

/// How far boxes may lie from those of the original, in points: tesseract knows where words end better than where
/// characters meet.
const NEAR_POINTS: f32 = 4.5;

pub async fn all(tests: &mut Tests) {
    crate::run!(
        tests,
        a_scan_has_the_text_and_the_places_of_its_original,
        pictures_are_documents,
        pages_are_put_together_in_their_order,
        a_stamp_does_not_make_a_scan_a_text,
        turned_pages_are_read,
        the_language_shows_when_it_is_read,
        pages_that_were_read_are_not_read_again,
        without_recognition_it_is_said_what_is_missing,
        whatever_a_program_does_only_its_pages_suffer,
        a_picture_without_text_says_so,
    );
}

async fn scan(lines: Vec<Line<'_>>) -> DrawnPage {
    draw(pdf(&[PageOf::Text(lines)]), vec![1], 200).await.remove(0)
}

fn boxes(document: &ParsedDocument, quote: &str) -> Vec<PageBox> {
    let text = document.text();
    let at = text.find(quote).unwrap_or_else(|| panic!("{quote:?} is not in {text:?}"));
    let char_start = text[..at].chars().count() as u32;
    document.layout().boxes(char_start, char_start + quote.chars().count() as u32)
}

/// Lines tile the characters of every block.
fn check_geometry(document: &ParsedDocument) {
    for block in &document.blocks {
        let mut at = 0;
        for line in &block.lines {
            assert_eq!(line.char_start, at, "{block:?}");
            assert_eq!(line.x.len() as u32, line.char_end - line.char_start + 1);
            // The white space at the end of a line has no extent.
            assert!(line.top <= line.bottom);
            at = line.char_end;
        }
        assert_eq!(at as usize, block.text.chars().count(), "{block:?}");
    }
}

fn assert_near(found: &[PageBox], truth: &[PageBox]) {
    assert_eq!(found.len(), truth.len(), "{found:?} {truth:?}");
    for (found, truth) in found.iter().zip(truth) {
        let apart = [
            found.x - truth.x,
            found.y - truth.y,
            found.x + found.width - truth.x - truth.width,
            found.y + found.height - truth.y - truth.height,
        ];
        assert!(apart.iter().all(|apart| apart.abs() < NEAR_POINTS), "{found:?} {truth:?}");
    }
}

async fn a_scan_has_the_text_and_the_places_of_its_original() {
    let original = pdf(&[PageOf::Text(two_columns())]);
    let truth = cell_of_this().parse(&original, None).await.unwrap();
    let picture = draw(original, vec![1], 200).await.remove(0);
    let document = read(pdf(&[PageOf::Picture(&picture, Vec::new())])).await.unwrap();
    check_geometry(&document);
    let agreement = agreement(&document.text(), &truth.text());
    assert!(agreement > 0.99, "{agreement} {}", document.text());
    let texts = |document: &ParsedDocument| document.blocks.iter().map(kind_and_start).collect::<Vec<_>>();
    assert_eq!(texts(&document), texts(&truth), "columns, heading and paragraphs are told alike");
    for quote in
        ["Survey of the upper valley", "their own calendar", "language that nobody", "finish the register, and by then"]
    {
        assert_near(&boxes(&document, quote), &boxes(&truth, quote));
    }
    let codes: Vec<&str> = document.warnings.iter().map(|warning| &*warning.code).collect();
    assert_eq!(codes, ["recognised_text"]);
}

fn kind_and_start(block: &Block) -> (&'static str, String) {
    (block.kind.as_str(), block.text.chars().take(12).collect())
}

async fn pictures_are_documents() {
    let picture = scan(two_columns()).await;
    for (bytes, media_type, dots_per_inch) in [
        (pgm(&picture), MediaType::Pnm, 72.0),
        (png(&picture), MediaType::Png, 200.0),
        (tiff(&[&picture]), MediaType::Tiff, 200.0),
    ] {
        let document = read(bytes).await.unwrap();
        check_geometry(&document);
        assert_eq!((document.media_type, document.page_count), (media_type, Some(1)));
        assert!(document.text().contains("language that nobody else could follow"), "{}", document.text());
        let width = picture.width as f32 * 72.0 / dots_per_inch;
        assert!((document.page_sizes[0].width - width).abs() < 1.0, "{media_type:?} {:?}", document.page_sizes);
    }
    let other = scan(column(60.0, 700.0, FRENCH)).await;
    let document = read(tiff(&[&picture, &other])).await.unwrap();
    assert_eq!(document.page_count, Some(2));
    let last = document.blocks.last().unwrap();
    assert!(last.page == Some(2) && last.text.contains("pierre sèche"), "{last:?}");
}

async fn pages_are_put_together_in_their_order() {
    let picture = scan(column(60.0, 700.0, &ENGLISH[..4])).await;
    let typed =
        [(60.0, 700.0, 11.0, "Text that is typed stays as it is, 1l1I and all."), (60.0, 600.0, 11.0, "Quince.")];
    let pages = [
        PageOf::Text(typed.to_vec()),
        PageOf::Picture(&picture, Vec::new()),
        PageOf::Blank,
        PageOf::Text(vec![(60.0, 700.0, 11.0, "The last page.")]),
    ];
    let document = read(pdf(&pages)).await.unwrap();
    let starts: Vec<_> =
        document.blocks.iter().map(|block| (block.page, block.text.chars().take(12).collect::<String>())).collect();
    let expected = [(1, "Text that is"), (1, "Quince."), (2, "The valley w"), (4, "The last pag")];
    assert_eq!(starts, expected.map(|(page, start)| (Some(page), start.to_owned())));
    assert!(document.text().contains("1l1I"));
    assert!(
        !document.warnings.iter().any(|warning| warning.page.is_some()),
        "an empty page lacks nothing: {:?}",
        document.warnings
    );
}

async fn a_stamp_does_not_make_a_scan_a_text() {
    let picture = scan(column(60.0, 700.0, ENGLISH)).await;
    let stamp = vec![(400.0, 800.0, 9.0, "Received 12 May 2021")];
    let document = read(pdf(&[PageOf::Picture(&picture, stamp)])).await.unwrap();
    assert!(document.text().contains("people who lived there"), "{}", document.text());
    // Text over a picture that says nothing is text: a slide with a background.
    let plain = DrawnPage { grey: vec![200; picture.grey.len()], ..picture };
    let slide = vec![(60.0, 400.0, 30.0, "Quinces 1l1I")];
    let document = read(pdf(&[PageOf::Picture(&plain, slide)])).await.unwrap();
    assert_eq!(document.text(), "Quinces 1l1I");
    assert_eq!(document.warnings, []);
}

async fn turned_pages_are_read() {
    let picture = scan(column(60.0, 700.0, ENGLISH)).await;
    let document = read(pdf(&[PageOf::Picture(&turned(&picture), Vec::new())])).await.unwrap();
    check_geometry(&document);
    assert!(document.text().contains("vines and small huts of slate"), "{}", document.text());
    // What stood 60 points from the left and 142 from the top stands now that far from the top and from the right.
    let size = document.page_sizes[0];
    let found = boxes(&document, "The valley was");
    let (top, right) = (found[0].y, found[0].x + found[0].width);
    assert!((top - 60.0).abs() < 6.0 && (size.width - right - 134.0).abs() < 8.0, "{found:?} {size:?}");
}

async fn the_language_shows_when_it_is_read() {
    let picture = scan(column(60.0, 700.0, FRENCH)).await;
    let bytes = pdf(&[PageOf::Picture(&picture, Vec::new())]);
    let reader = reader(options(Some(installed("tesseract"))), None, 60);
    let (document, told) = read_with(&reader, bytes.clone(), BTreeMap::new()).await;
    assert_eq!(told[0].page.language, "fra", "tesseract's data for French is missing: `make test` installs it");
    let text = document.unwrap().text();
    assert!(text.contains("murs de pierre sèche") && text.contains("élevés sans mortier"), "{text}");
    let mut set = options(Some(installed("tesseract")));
    set.languages = vec!["xx".into()];
    let error = read_with(&crate::reader(set, None, 60), bytes, BTreeMap::new()).await.0.unwrap_err();
    assert!(error.code() == "recognition_failed" && error.to_string().contains("language xx"), "{error}");
}

async fn pages_that_were_read_are_not_read_again() {
    let picture = scan(column(60.0, 700.0, &ENGLISH[..2])).await;
    let bytes = pdf(&[PageOf::Picture(&picture, Vec::new()), PageOf::Picture(&picture, Vec::new())]);
    let bounds = PixelBox { left: 100, top: 100, right: 400, bottom: 130 };
    let word = RecognisedWord { text: "Remembered".into(), confidence: 90, bounds, edges: Vec::new() };
    let line = RecognisedLine { degrees: 0, bounds, rise: 6, size: 30, words: vec![word] };
    let known = RecognisedPage {
        number: 1,
        width: picture.width,
        height: picture.height,
        dots_per_inch: 200,
        language: "eng".into(),
        lines: vec![line],
    };
    let kept: RecognisedPage = serde_json::from_str(&serde_json::to_string(&known).unwrap()).unwrap();
    let reader = reader(options(Some(installed("tesseract"))), None, 60);
    let (document, told) = read_with(&reader, bytes, BTreeMap::from([(1, kept)])).await;
    let document = document.unwrap();
    assert!(document.blocks[0].text == "Remembered" && document.text().contains("settled long"), "{}", document.text());
    let told: Vec<_> = told.iter().map(|told| (told.page.number, told.done, told.total)).collect();
    assert_eq!(told, [(2, 2, 2)]);
}

async fn without_recognition_it_is_said_what_is_missing() {
    let picture = scan(column(60.0, 700.0, ENGLISH)).await;
    let reader = reader(options(None), None, 60);
    let scan = pdf(&[PageOf::Picture(&picture, Vec::new())]);
    for bytes in [scan, png(&picture)] {
        let error = read_with(&reader, bytes, BTreeMap::new()).await.0.unwrap_err();
        assert_eq!(error, ParseError::NoText { pages: Some(1) });
        assert!(error.hint().contains("tesseract"), "{}", error.hint());
    }
    let mixed = pdf(&[PageOf::Text(two_columns()), PageOf::Picture(&picture, Vec::new())]);
    let document = read_with(&reader, mixed, BTreeMap::new()).await.0.unwrap();
    let found: Vec<_> = document.warnings.iter().map(|warning| (&*warning.code, warning.page)).collect();
    assert_eq!(found, [("page_not_recognised", Some(2))]);
    assert!(document.warnings[0].message.contains("tesseract is not installed"), "{:?}", document.warnings);
}

async fn whatever_a_program_does_only_its_pages_suffer() {
    let picture = scan(column(60.0, 700.0, &ENGLISH[..2])).await;
    let bytes = pdf(&[
        PageOf::Text(vec![(60.0, 700.0, 11.0, "The typed page.")]),
        PageOf::Picture(&picture, Vec::new()),
        PageOf::Picture(&picture, Vec::new()),
    ]);
    let tools = tempfile::tempdir().unwrap();
    // A flood ends by its length or, on a slow machine, by its time.
    for (index, (does, reason)) in [
        ("exit 1", "exit status"),
        ("kill -SEGV $$", "signal"),
        ("sleep 1000", "longer than"),
        ("cat > /dev/null; echo no markup", "damaged hOCR"),
        ("yes '<p>'", ""),
        ("head -c 10 > /dev/null; exit 0", "damaged hOCR"),
    ]
    .into_iter()
    .enumerate()
    {
        let lines =
            format!("[ \"$1\" = --list-langs ] && {{ echo 'List of languages (1):'; echo eng; exit 0; }}\n{does}");
        let mut set = options(Some(script(tools.path(), &format!("tesseract-{index}"), &lines)));
        set.page_seconds = 5;
        let started = Instant::now();
        let document = read_with(&reader(set, None, 60), bytes.clone(), BTreeMap::new()).await.0.unwrap();
        assert!(started.elapsed() < Duration::from_mins(1), "{does}");
        assert_eq!(document.text(), "The typed page.", "{does}");
        let found: Vec<_> = document.warnings.iter().map(|warning| (&*warning.code, warning.page)).collect();
        assert_eq!(found, [("page_not_recognised", Some(2)), ("page_not_recognised", Some(3))], "{does}");
        assert!(document.warnings[0].message.contains(reason), "{does}: {}", document.warnings[0].message);
    }
}

async fn a_picture_without_text_says_so() {
    let drawn = scan(column(60.0, 700.0, ENGLISH)).await;
    let empty = DrawnPage { grey: vec![200; drawn.grey.len()], ..drawn };
    for bytes in [pgm(&empty), pdf(&[PageOf::Picture(&empty, Vec::new())])] {
        let error = read(bytes).await.unwrap_err();
        assert_eq!(error, ParseError::NothingRecognised { pages: 1 });
    }
    let error = read(png(&empty)[..4_000].to_vec()).await.unwrap_err();
    assert!(matches!(error, ParseError::NothingRecognised { .. } | ParseError::NotRecognised { .. }), "{error}");
}
