//! Plain text in any encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::blocks::BlockBuilder;
use crate::detect::looks_like_utf16;
use crate::document::{BlockKind, MediaType, ParsedDocument, Warning};

/// A heading of plain text is short.
const MAX_HEADING_CHARS: usize = 100;
/// Bytes as text: by their mark, as UTF-8 if they are, else as the likeliest older encoding. Says so when
/// characters had to be replaced.
pub fn decode(bytes: &[u8]) -> (String, Option<Warning>) {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() && !looks_like_utf16(bytes) => UTF_8,
        None if looks_like_utf16(bytes) => {
            if bytes.first() == Some(&0) {
                UTF_16BE
            } else {
                UTF_16LE
            }
        }
        None => {
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(bytes, true);
            detector.guess(None, Utf8Detection::Allow)
        }
    };
    let (text, _, replaced) = encoding.decode(bytes);
    let warning = replaced.then(|| {
        let message = format!("some bytes are not valid {}; they were replaced", encoding.name());
        Warning::new("replaced_characters", message, None)
    });
    (text.into_owned(), warning)
}

/// Paragraphs are separated by empty lines.
pub fn parse(bytes: &[u8]) -> ParsedDocument {
    let (text, warning) = decode(bytes);
    let mut builder = BlockBuilder::default();
    prose(&mut builder, &text);
    ParsedDocument::flowing(MediaType::Text, builder.first_heading(), builder.finish(), warning)
}

/// Appends the blocks of plain text, also of text inside a document of another format.
pub(crate) fn prose(builder: &mut BlockBuilder, text: &str) {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{c}'], "\n");
    for paragraph in text.split("\n\n") {
        let mut lines: Vec<&str> = paragraph.lines().filter(|line| !line.trim().is_empty()).collect();
        if let Some(level) = underlined(&lines) {
            builder.push(BlockKind::Heading { level }, lines[0]);
            lines.drain(..2);
        }
        let mut run: Vec<&str> = Vec::new();
        for line in lines {
            if is_item(line) {
                builder.push(BlockKind::Paragraph, &run.join("\n"));
                run.clear();
                builder.push(BlockKind::ListItem, line);
            } else {
                run.push(line);
            }
        }
        builder.push(BlockKind::Paragraph, &run.join("\n"));
    }
}

/// A line under which a line of `=` or `-` stands, as wide as itself or nearly.
fn underlined(lines: &[&str]) -> Option<u8> {
    let [title, rule, ..] = lines else { return None };
    let rule = rule.trim();
    let mark = rule.chars().next().filter(|mark| matches!(mark, '=' | '-'))?;
    let width = title.trim().chars().count();
    let fits = rule.chars().all(|character| character == mark) && rule.len() >= 3 && rule.len() + 3 >= width;
    (fits && width <= MAX_HEADING_CHARS).then_some(if mark == '=' { 1 } else { 2 })
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    ["- ", "* ", "• ", "– "].iter().any(|mark| line.starts_with(mark))
}

/// Each run of white space, line ends among it, as one space; none at the ends.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(BlockKind, String)> {
        parse(text.as_bytes()).blocks.into_iter().map(|block| (block.kind, block.text)).collect()
    }

    #[test]
    fn prose_becomes_headings_paragraphs_and_items() {
        let text = "Rules\n=====\n\nFirst line\nsame paragraph.\r\n\r\n- one\n- two\n";
        let expected = [
            (BlockKind::Heading { level: 1 }, "Rules"),
            (BlockKind::Paragraph, "First line same paragraph."),
            (BlockKind::ListItem, "- one"),
            (BlockKind::ListItem, "- two"),
        ];
        assert_eq!(blocks(text), expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn encodings_are_told_apart_and_nothing_fails() {
        for (bytes, expected, clean) in [
            ("Été à la ferme".as_bytes(), "Été à la ferme", true),
            (b"\xc9t\xe9 \xe0 la ferme des b\xeates", "Été à la ferme des bêtes", true),
            (b"\xff\xfeA\0b\0", "Ab", true),
            (b"A\0b\0c\0d\0e\0f\0", "Abcdef", true),
            (b"\xef\xbb\xbfmark", "mark", true),
        ] {
            let (text, warning) = decode(bytes);
            assert_eq!((text.as_str(), warning.is_none()), (expected, clean));
        }
        assert!(decode(b"\xff\xfeA\0\x00").1.is_some(), "half a character is replaced, and said so");
    }
}
