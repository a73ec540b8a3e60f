//! What tesseract writes about one picture, in hOCR 1.2 (<https://kba.github.io/hocr-spec/1.2/>): lines, words
//! and characters with their boxes.

use quick_xml::events::BytesStart;
use unicode_normalization::UnicodeNormalization as _;

use super::page::{PixelBox, RecognisedLine, RecognisedPage, RecognisedWord};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::xml::{self, Dialect, Visitor, attribute};

/// A page that is covered in small print has some ten thousand.
const MAX_CHARS: usize = 200_000;
/// Pictures that don't say how large they are get one pixel per point.
const POINTS_PER_INCH: u32 = 72;
/// What tesseract writes for pictures that don't say.
const UNKNOWN_DOTS_PER_INCH: u32 = 70;

/// The first page in the answer, numbered 1.
pub(crate) fn read_hocr(bytes: &[u8], limits: &Limits) -> Result<RecognisedPage, ParseError> {
    let mut reader = Reader::default();
    xml::walk(&String::from_utf8_lossy(bytes), limits, &Dialect::whole("hOCR"), &mut reader)?;
    if reader.pages == 0 {
        return Err(ParseError::damaged("hOCR", "it has no page"));
    }
    if reader.chars > MAX_CHARS {
        return Err(ParseError::limit("recognised characters", MAX_CHARS as u64));
    }
    reader.page.lines.retain(|line| !line.words.is_empty());
    Ok(reader.page)
}

#[derive(Default)]
struct Reader {
    page: RecognisedPage,
    pages: usize,
    chars: usize,
    /// What each open `span` is.
    open: Vec<Span>,
    word: OpenWord,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Line,
    Word,
    Char,
    Other,
}

#[derive(Default)]
struct OpenWord {
    bounds: PixelBox,
    confidence: u8,
    text: String,
    /// Left and right edge of every character, with how many bytes of text it has.
    chars: Vec<(u32, u32, usize)>,
}

impl Visitor for Reader {
    fn start(&mut self, element: &BytesStart<'_>) {
        let name = element.local_name();
        let name: &str = name.as_ref();
        if name != "span" && name != "div" {
            return;
        }
        let class = attribute(element, "class").unwrap_or_default();
        let title = attribute(element, "title").unwrap_or_default();
        if name == "div" {
            if class == "ocr_page" {
                self.start_page(&title);
            }
            return;
        }
        let span = match class.as_str() {
            "ocrx_word" => Span::Word,
            "ocrx_cinfo" => Span::Char,
            // Headers, captions and floating text are lines as well.
            class if class.starts_with("ocr_") => Span::Line,
            _ => Span::Other,
        };
        self.open.push(span);
        if self.pages != 1 {
            return;
        }
        match span {
            Span::Line => self.page.lines.push(line(&title)),
            Span::Word => {
                let confidence = numbers(&title, "x_wconf").first().map_or(0.0, |value| value.clamp(0.0, 100.0));
                self.word =
                    OpenWord { bounds: bounds(&title, "bbox"), confidence: confidence as u8, ..OpenWord::default() };
            }
            Span::Char => {
                let PixelBox { left, right, .. } = bounds(&title, "x_bboxes");
                self.word.chars.push((left, right, 0));
            }
            Span::Other => {}
        }
    }

    fn end(&mut self, name: &str) {
        if name == "span" && self.open.pop() == Some(Span::Word) && self.pages == 1 {
            self.end_word();
        }
    }

    fn text(&mut self, text: &str) {
        if !self.open.contains(&Span::Word) || self.chars > MAX_CHARS {
            return;
        }
        // Between the elements of a word stands white space that is none of its own.
        let text: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        self.chars += text.chars().count();
        self.word.text.push_str(&text);
        if self.open.last() == Some(&Span::Char)
            && let Some(last) = self.word.chars.last_mut()
        {
            last.2 += text.len();
        }
    }
}

impl Reader {
    fn start_page(&mut self, title: &str) {
        self.pages += 1;
        if self.pages != 1 {
            return;
        }
        let page = bounds(title, "bbox");
        let resolution = numbers(title, "scan_res").first().map_or(0, |value| *value as u32);
        let is_known = (POINTS_PER_INCH..=2400).contains(&resolution) && resolution != UNKNOWN_DOTS_PER_INCH;
        self.page = RecognisedPage {
            number: 1,
            width: page.right,
            height: page.bottom,
            dots_per_inch: if is_known { resolution } else { POINTS_PER_INCH },
            ..RecognisedPage::default()
        };
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        let edges = word.edges();
        let text: String = word.text.nfc().collect();
        if text.is_empty() {
            return;
        }
        // A letter and its accent that became one character have no edge between them.
        let edges = if edges.len() == text.chars().count() + 1 { edges } else { Vec::new() };
        if let Some(line) = self.page.lines.last_mut() {
            line.words.push(RecognisedWord { text, confidence: word.confidence, bounds: word.bounds, edges });
        }
    }
}

impl OpenWord {
    /// Halfway between neighbours; empty where the boxes make no sense, as in text that does not run rightwards.
    fn edges(&self) -> Vec<u32> {
        let PixelBox { left, right, .. } = self.bounds;
        let is_whole = self.chars.iter().map(|(_, _, bytes)| bytes).sum::<usize>() == self.text.len();
        let is_inside = |&(from, to, _): &(u32, u32, usize)| from >= left && to <= right && from <= to && to > 0;
        if !is_whole || self.chars.is_empty() || !self.chars.iter().all(is_inside) {
            return Vec::new();
        }
        let mut edges = vec![left];
        let mut rest = self.text.as_str();
        for (index, &(_, to, bytes)) in self.chars.iter().enumerate() {
            let next = self.chars.get(index + 1).map(|next| next.0);
            let end = next.map_or(right, |next| u32::midpoint(to, next));
            let start = edges.last().copied().unwrap_or(left);
            let end = end.max(start);
            let (own, after) = rest.split_at(bytes);
            rest = after;
            // Several characters in one box share it evenly.
            let count = own.chars().count() as u32;
            edges.extend((1..=count).map(|part| start + (end - start) * part / count));
        }
        edges
    }
}

fn line(title: &str) -> RecognisedLine {
    let bounds = bounds(title, "bbox");
    let value = |name: &str| numbers(title, name).first().copied().unwrap_or(0.0);
    // Counter-clockwise there.
    let degrees = (360.0 - value("textangle").rem_euclid(360.0)).rem_euclid(360.0).round() as u16;
    // Lines that lean a little lean as the whole scan does.
    let degrees = if degrees.is_multiple_of(90) { degrees % 360 } else { 0 };
    let rise = match numbers(title, "baseline").as_slice() {
        // Slope and height at the left edge, y downwards: what counts is the middle of the line.
        [slope, offset, ..] => -(offset + slope * (bounds.right.saturating_sub(bounds.left)) as f32 / 2.0),
        _ => value("x_descenders"),
    };
    let height = if degrees == 90 || degrees == 270 {
        bounds.right.saturating_sub(bounds.left)
    } else {
        bounds.bottom.saturating_sub(bounds.top)
    };
    let size = value("x_size").round() as u32;
    RecognisedLine {
        degrees,
        bounds,
        rise: (rise.round().max(0.0) as u32).min(height),
        size: if size == 0 { height } else { size },
        words: Vec::new(),
    }
}

/// The numbers behind `name` in a title such as `bbox 1 2 3 4; x_wconf 96`.
fn numbers(title: &str, name: &str) -> Vec<f32> {
    let property = title.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix(' '));
    let words = property.unwrap_or_default().split_whitespace();
    words.map_while(|word| word.parse::<f32>().ok().filter(|value| value.is_finite())).collect()
}

fn bounds(title: &str, name: &str) -> PixelBox {
    match numbers(title, name).as_slice() {
        [left, top, right, bottom] => {
            // Floats become whole numbers with their ends kept: none is below zero.
            let [left, top, right, bottom] = [left, top, right, bottom].map(|value| *value as u32);
            PixelBox { left, top, right: right.max(left), bottom: bottom.max(top) }
        }
        _ => PixelBox::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<RecognisedPage, ParseError> {
        let head = r#"<?xml version="1.0"?><!DOCTYPE html><html><body><div class="ocr_page" title="image 'x'; bbox 0 0 800 600; ppageno 0; scan_res 200 200"><p>"#;
        read_hocr(format!("{head}{lines}</p></div></body></html>").as_bytes(), &Limits::default())
    }

    #[test]
    fn words_come_with_their_characters_edges() {
        let page = read(
            r#"<span class="ocr_header" title="bbox 10 20 110 44; baseline 0.02 -6; x_size 23; x_descenders 6">
                 <span class="ocrx_word" title="bbox 10 20 40 44; x_wconf 91">
                   <span class="ocrx_cinfo" title="x_bboxes 10 20 18 40; x_conf 99">A</span>
                   <span class="ocrx_cinfo" title="x_bboxes 20 20 40 40; x_conf 99">&amp;</span>
                 </span>
                 <span class="ocrx_word" title="bbox 50 20 110 44; x_wconf 40">e&#x301;te</span>
               </span>"#,
        )
        .unwrap();
        assert_eq!((page.width, page.height, page.dots_per_inch), (800, 600, 200));
        let line = &page.lines[0];
        // The base line falls by two pixels over the line: one at its middle.
        assert_eq!((line.degrees, line.rise, line.size), (0, 5, 23));
        assert_eq!(line.text(), "A& éte");
        assert_eq!(line.words[0].edges, [10, 19, 40]);
        assert_eq!(line.words[1].edges, [0_u32; 0]);
        assert_eq!(line.words[1].confidence, 40);
        assert_eq!(page.letters(), 4);
    }

    #[test]
    fn turned_lines_say_so_and_have_no_edges() {
        let page = read(
            r#"<span class="ocr_line" title="bbox 700 10 724 90; textangle 270; x_size 23; x_descenders 6">
                 <span class="ocrx_word" title="bbox 700 10 724 90; x_wconf 91"><span class="ocrx_cinfo" title="x_bboxes 0 0 0 0; x_conf 99">l</span></span>
               </span>"#,
        )
        .unwrap();
        assert_eq!((page.lines[0].degrees, page.lines[0].rise), (90, 6));
        assert!(page.lines[0].words[0].edges.is_empty());
    }

    #[test]
    fn nonsense_is_an_error_or_an_empty_page() {
        assert!(read_hocr(b"", &Limits::default()).is_err());
        assert!(read_hocr(b"\xff\xfe<a", &Limits::default()).is_err());
        assert!(read("<span class='ocr_line' title='bbox -1 nan 4 1e99'>").is_err());
        let page = read(
            "<span class='ocr_line' title='bbox -1 nan 4 1e99; x_size inf'><span class='ocrx_word' title=''>a</span></span>",
        );
        assert_eq!(page.unwrap().lines[0].bounds, PixelBox::default());
        assert_eq!(read("<span class='ocr_line' title=''> </span>").unwrap().lines, []);
    }
}
