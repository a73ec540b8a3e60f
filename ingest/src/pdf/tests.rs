//! Small files made here, and what they must become.

mod hostile;
mod make;
mod real;

use self::make::{Pdf, show, show_lines};
use super::parse;
use crate::document::{Block, BlockKind, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;

fn parsed(pdf: Pdf) -> ParsedDocument {
    let document = parse(&pdf.into_bytes(), &Limits::default()).expect("the file is sound");
    check_geometry(&document);
    document
}

fn texts(document: &ParsedDocument) -> Vec<&str> {
    let texts = document.blocks.iter().map(|block| block.text.as_str());
    texts.collect()
}

/// Lines tile the characters of every block, inside the page.
fn check_geometry(document: &ParsedDocument) {
    for block in &document.blocks {
        let mut at = 0;
        for line in &block.lines {
            assert_eq!(line.char_start, at, "{block:?}");
            assert_eq!(line.x.len() as u32, line.char_end - line.char_start + 1);
            assert!(line.top < line.bottom);
            let size = document.page_sizes[line.page as usize - 1];
            assert!(line.x.iter().all(|&x| (-2.0..=size.width + 2.0).contains(&x)));
            assert!(line.bottom <= size.height + 10.0 && line.top >= -10.0);
            at = line.char_end;
        }
        assert_eq!(at as usize, block.text.chars().count(), "{block:?}");
    }
}

/// The box of `quote`: x, y, width, height.
fn box_of(document: &ParsedDocument, quote: &str) -> (f32, f32, f32, f32) {
    let text = document.text();
    let at = text.find(quote).expect("the quote is in the text");
    let char_start = text[..at].chars().count() as u32;
    let char_end = char_start + quote.chars().count() as u32;
    let boxes = document.layout().boxes(char_start, char_end);
    assert_eq!(boxes.len(), 1, "{boxes:?}");
    (boxes[0].x, boxes[0].y, boxes[0].width, boxes[0].height)
}

const PROSE: [&str; 12] = [
    "The valley was settled long before the first",
    "road reached it, and the people who lived",
    "there kept their own calendar, their own",
    "measures and a language that nobody else",
    "could follow. When the surveyors arrived in",
    "spring they found terraces on every slope,",
    "dry stone walls between the vines and small",
    "huts of slate in which tools were stored.",
    "None of this was on any map. The surveyors",
    "drew what they saw, and their sheets are the",
    "only record of the terraces that were later",
    "lost to the forest and to the new reservoir.",
];

#[test]
fn lines_become_one_paragraph_with_boxes_on_the_words() {
    let document = parsed(Pdf::page(&show_lines(72.0, 700.0, 12.0, &PROSE)));
    assert_eq!(texts(&document), [PROSE.join(" ")]);
    assert_eq!(document.page_count, Some(1));
    let (x, y, width, height) = box_of(&document, "road");
    assert!((x - 72.0).abs() < 0.1, "{x}");
    // The second base line is 14.4 points below 792 - 700.
    assert!(y < 106.4 && y + height > 106.4, "{y} {height}");
    // r, o, a, d in Helvetica: 333 + 556 + 556 + 556 thousandths of 12 points.
    assert!((width - 24.012).abs() < 0.1, "{width}");
}

#[test]
fn two_columns_are_read_one_after_the_other() {
    let mut content = show(72.0, 740.0, 20.0, "A title over both columns of the page here");
    content += &show_lines(72.0, 700.0, 10.0, &PROSE[..6]);
    content += &show_lines(320.0, 700.0, 10.0, &PROSE[6..]);
    let document = parsed(Pdf::page(&content));
    let found = texts(&document);
    assert_eq!(found[0], "A title over both columns of the page here");
    assert_eq!(found[1..].join(" "), PROSE.join(" "));
    assert_eq!(document.blocks[0].kind, BlockKind::Heading { level: 1 });
    assert_eq!(document.blocks[1].heading_path, [found[0].to_owned()]);
    assert_eq!(document.title.as_deref(), Some(found[0]));
}

#[test]
fn ligatures_and_codes_through_to_unicode() {
    let map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
        1 begincodespacerange <00> <ff> endcodespacerange\n\
        2 beginbfchar <01> <00660066> <02> <0066> endbfchar\n\
        1 beginbfrange <10> <12> <0061> endbfrange endcmap end end";
    let pdf = Pdf::page("BT /F2 12 Tf 72 700 Td <10021012> Tj 60 0 Td <0110> Tj ET").with_to_unicode(map);
    assert_eq!(texts(&parsed(pdf)), ["afac ffa"]);
}

#[test]
fn differences_name_glyphs() {
    let pdf = Pdf::page("BT /F3 12 Tf 72 700 Td <010203> Tj ( and) Tj ET");
    assert_eq!(texts(&parsed(pdf)), ["éﬁ€ and".replace('ﬁ', "fi")]);
}

#[test]
fn drawn_fonts_by_their_names_and_by_their_codes() {
    let named = Pdf::page("BT /T3 12 Tf 72 700 Td <616263> Tj ET").with_drawn_font(0x61, &["x", "y", "eacute"]);
    assert_eq!(texts(&parsed(named)), ["xyé"]);
    // As TeX names the glyphs of its bitmaps: by code, ligatures first.
    let coded = Pdf::page("BT /T3 12 Tf 72 700 Td <0c0d0e> Tj ET").with_drawn_font(12, &["a12", "a13", "a14"]);
    assert_eq!(texts(&parsed(coded)), ["fiflffi"]);
}

#[test]
fn a_page_whose_fonts_do_not_say_what_they_draw_is_named() {
    let mut pdf = Pdf::page(&show(72.0, 700.0, 12.0, "Some words on a page"));
    pdf.add_page("BT /F1 12 Tf 72 700 Td (Page) Tj /T3 12 Tf 0 -20 Td <6162636162636162> Tj ET");
    let document = parsed(pdf.with_drawn_font(0x61, &["this", "that", "those"]));
    let warnings: Vec<(&str, Option<u32>)> =
        document.warnings.iter().map(|warning| (warning.code.as_ref(), warning.page)).collect();
    assert_eq!(warnings, [("unreadable_characters", Some(2))]);
}

#[test]
fn a_row_of_numbers_at_the_edge_numbers_no_page() {
    let mut content = show_lines(72.0, 700.0, 12.0, &PROSE[..3]);
    for (index, number) in ["4", "3", "2", "1"].iter().enumerate() {
        content += &show(100.0 + 100.0 * index as f32, 20.0, 9.0, number);
    }
    assert!(parsed(Pdf::page(&content)).text().contains('3'));
}

#[test]
fn labels_of_a_chart_are_no_columns() {
    let mut content = show(72.0, 740.0, 10.0, "Name: Anna") + &show(320.0, 740.0, 10.0, "Born: 1963");
    content += &(show(72.0, 722.0, 10.0, "Number: 531") + &show(320.0, 722.0, 10.0, "Page: 16"));
    for step in 0..4_u8 {
        let y = 600.0 - 120.0 * f32::from(step);
        content += &show(72.0, y, 10.0, &format!("9:3{step}"));
        content += &show(330.0, y - 40.0, 10.0, &format!("4:5{step}"));
    }
    let text = parsed(Pdf::page(&content)).text();
    assert!(text.find("Born").unwrap() < text.find("Number").unwrap(), "{text}");
}

#[test]
fn hyphens_at_line_ends_are_undone() {
    let lines = [
        "The committee asked for more infor-",
        "mation about the plan before a well-",
        "known expert gave the well-known answer.",
    ];
    let document = parsed(Pdf::page(&show_lines(72.0, 700.0, 12.0, &lines)));
    assert_eq!(
        texts(&document),
        ["The committee asked for more information about the plan before a well-known expert gave \
          the well-known answer."]
    );
}

#[test]
fn repeated_headers_and_page_numbers_go() {
    let mut pdf = Pdf::new();
    for number in 1..=4 {
        let mut content = show(72.0, 770.0, 9.0, "Annual report of the valley");
        content += &show_lines(72.0, 700.0, 12.0, &PROSE[number..number + 4]);
        content += &show(300.0, 30.0, 9.0, &format!("Page {number} of 4"));
        pdf.add_page(&content);
    }
    let text = parsed(pdf).text();
    assert!(!text.contains("Annual report") && !text.contains("Page"), "{text}");
    assert!(text.contains("the people who lived"));
}

#[test]
fn aligned_cells_are_a_table() {
    let mut content = String::new();
    for (row, cells) in [["Town", "Year", "Cost"], ["Lyon", "1999", "18.5"], ["Brest", "2004", "7"]].iter().enumerate()
    {
        for (column, cell) in cells.iter().enumerate() {
            let (x, y) = (72.0 + 100.0 * column as f32, 700.0 - 16.0 * row as f32);
            content += &show(x, y, 11.0, cell);
        }
    }
    let document = parsed(Pdf::page(&content));
    assert_eq!(texts(&document), ["Town | Year | Cost\nLyon | 1999 | 18.5\nBrest | 2004 | 7"]);
    assert_eq!(document.blocks[0].kind, BlockKind::Table);
}

#[test]
fn a_long_cell_beside_centred_ones_is_one_cell() {
    let mut content = String::new();
    for (row, (date, [first, second])) in [
        ("27 January", ["Permission to spend what is needed", "before the budget is voted"]),
        ("6 March", ["Subscription of the village to the", "association of small towns"]),
    ]
    .into_iter()
    .enumerate()
    {
        let y = 700.0 - 30.0 * row as f32;
        content += &show(200.0, y, 11.0, first);
        content += &(show(72.0, y - 6.6, 11.0, date) + &show(420.0, y - 6.6, 11.0, "Approved"));
        content += &show(200.0, y - 13.2, 11.0, second);
    }
    let document = parsed(Pdf::page(&content));
    assert_eq!(
        texts(&document),
        ["27 January | Permission to spend what is needed before the budget is voted | Approved\n\
          6 March | Subscription of the village to the association of small towns | Approved"]
    );
    let (x, y, width, _) = box_of(&document, "before the budget");
    assert!((x - 200.0).abs() < 0.1 && width > 60.0, "{x} {width}");
    assert!(y < 792.0 - 686.8 && y > 792.0 - 700.0, "{y}");
}

#[test]
fn headings_make_paths() {
    let mut content = show(72.0, 740.0, 18.0, "Terraces");
    content += &show_lines(72.0, 710.0, 10.0, &PROSE[..3]);
    content += &show(72.0, 660.0, 14.0, "Walls");
    content += &show_lines(72.0, 640.0, 10.0, &PROSE[3..6]);
    let blocks = parsed(Pdf::page(&content)).blocks;
    let kinds: Vec<BlockKind> = blocks.iter().map(|block| block.kind).collect();
    let (one, two) = (BlockKind::Heading { level: 1 }, BlockKind::Heading { level: 2 });
    assert_eq!(kinds, [one, BlockKind::Paragraph, two, BlockKind::Paragraph]);
    assert_eq!(blocks[3].heading_path, ["Terraces", "Walls"]);
}

#[test]
fn list_items_are_blocks_of_their_own() {
    let lines = ["1. First thing to do", "2. Second thing to do", "3. Third thing"];
    let blocks = parsed(Pdf::page(&show_lines(72.0, 700.0, 12.0, &lines))).blocks;
    assert_eq!(blocks.len(), 3);
    assert!(blocks.iter().all(|block| block.kind == BlockKind::ListItem));
}

#[test]
fn a_rotated_page_is_measured_as_displayed() {
    // Drawn upwards on a page that is turned clockwise: upright for the reader.
    let content = "BT /F1 12 Tf 0 1 -1 0 100 72 Tm (Turned with care) Tj ET";
    let document = parsed(Pdf::page(content).rotated(90));
    assert_eq!(texts(&document), ["Turned with care"]);
    let size = document.page_sizes[0];
    assert!((size.width - 792.0).abs() < 0.1 && (size.height - 612.0).abs() < 0.1);
    let (x, y, width, height) = box_of(&document, "Turned");
    assert!((x - 72.0).abs() < 0.1 && width > height, "{x} {width} {height}");
    assert!(y < 100.0 && y + height > 100.0, "{y}");
}

#[test]
fn text_drawn_upwards_is_one_tall_box() {
    let content = "BT /F1 12 Tf 0 1 -1 0 100 72 Tm (Upwards) Tj ET";
    let document = parsed(Pdf::page(content));
    let (x, y, width, height) = box_of(&document, "Upwards");
    assert!(height > 3.0 * width, "{width} {height}");
    assert!(x < 100.0 && x + width >= 100.0);
    assert!((y + height - (792.0 - 72.0)).abs() < 0.1);
}

#[test]
fn inline_images_and_forms() {
    let content = "q BI /W 2 /H 2 /BPC 8 /CS /G ID \u{1}(x) EI\u{2}\u{3} EI Q /Form Do";
    let pdf = Pdf::page(content).with_form("Form", "BT /F1 12 Tf 72 700 Td (In a form) Tj ET");
    assert_eq!(texts(&parsed(pdf)), ["In a form"]);
}

#[test]
fn actual_text_replaces_and_artifacts_go() {
    let mut content = show_lines(72.0, 700.0, 12.0, &PROSE[..2]);
    content += "/Span <</ActualText (office)>> BDC BT /F1 12 Tf 72 400 Td (o##ice) Tj ET EMC \
        /Artifact <</Type /Pagination>> BDC BT /F1 9 Tf 72 20 Td (footer) Tj ET EMC";
    let document = parsed(Pdf::page(&content));
    assert_eq!(texts(&document)[1..], ["office"]);
}

#[test]
fn a_page_without_text_is_a_warning_a_file_without_is_an_error() {
    let mut pdf = Pdf::page(&show(72.0, 700.0, 12.0, "Some words on a page"));
    pdf.add_page("0 0 10 10 re f");
    let document = parsed(pdf);
    assert_eq!(document.warnings.len(), 1);
    assert_eq!(document.warnings[0].code, "page_without_text");
    assert_eq!(document.warnings[0].page, Some(2));

    let scan = Pdf::page("q 612 0 0 792 0 0 cm /Image Do Q").into_bytes();
    let error = parse(&scan, &Limits::default()).expect_err("there is no text");
    assert_eq!(error, ParseError::NoText { pages: Some(1) });
    assert!(error.hint().contains("OCR"));
}

#[test]
fn titles_come_from_metadata_when_sensible() {
    let content = show(72.0, 700.0, 12.0, "Some words on a page");
    let title = |title: &str| parsed(Pdf::page(&content).titled(title)).title;
    assert_eq!(title("The valley").as_deref(), Some("The valley"));
    assert_eq!(title("Microsoft Word - x.doc"), None);
}

#[test]
fn paragraphs_go_on_over_pages() {
    let mut pdf = Pdf::page(&show_lines(72.0, 100.0, 12.0, &PROSE[..2]));
    pdf.add_page(&show_lines(72.0, 700.0, 12.0, &PROSE[2..4]));
    let document = parsed(pdf);
    assert_eq!(texts(&document), [PROSE[..4].join(" ")]);
    let pages: Vec<u32> = document.blocks[0].lines.iter().map(|line| line.page).collect();
    assert_eq!((pages.first(), pages.last()), (Some(&1), Some(&2)));
    let page = |block: &Block| block.page;
    assert_eq!(page(&document.blocks[0]), Some(1));
}
