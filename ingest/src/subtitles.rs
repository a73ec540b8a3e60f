//! Subtitles (`WebVTT`, `SubRip`): what is said, without the times.

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::text::decode;

/// A paragraph ends with the first sentence that ends beyond this length …
const PARAGRAPH_CHARS: usize = 400;
/// … or here, sentence or not.
const MAX_PARAGRAPH_CHARS: usize = 1_200;

pub fn parse(bytes: &[u8]) -> ParsedDocument {
    let (text, warning) = decode(bytes);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut builder = BlockBuilder::default();
    let mut paragraph = String::new();
    let mut last_speaker = String::new();
    for cue in text.split("\n\n") {
        for (speaker, words) in words(cue) {
            // Whoever goes on speaking is not named again.
            let is_new = speaker.is_some() && speaker.as_deref() != Some(&last_speaker);
            let said = match speaker {
                Some(speaker) if is_new => {
                    last_speaker = speaker;
                    format!("{last_speaker}: {words}")
                }
                _ => words,
            };
            let speaks_anew = is_new || said.starts_with("- ");
            let full = paragraph.len() > MAX_PARAGRAPH_CHARS
                || paragraph.len() > PARAGRAPH_CHARS && (speaks_anew || paragraph.ends_with(['.', '!', '?', '…', '"']));
            if full {
                builder.push(BlockKind::Paragraph, &std::mem::take(&mut paragraph));
            }
            // Captions that roll up repeat the line before.
            if !paragraph.ends_with(said.as_str()) {
                paragraph.push_str(if paragraph.is_empty() { "" } else { " " });
                paragraph.push_str(&said);
            }
        }
    }
    builder.push(BlockKind::Paragraph, &paragraph);
    ParsedDocument::flowing(MediaType::Subtitles, None, builder.finish(), warning)
}

/// The lines of a cue that are said, those after its times, with who says them if they tell.
fn words(cue: &str) -> Vec<(Option<String>, String)> {
    let mut lines = cue.lines();
    if !lines.by_ref().any(|line| line.contains("-->")) {
        return Vec::new();
    }
    lines.map(plain).filter(|(_, words)| !words.is_empty()).collect()
}

/// A line without marks of style, and who speaks it: `<v Anna>`.
fn plain(line: &str) -> (Option<String>, String) {
    let mut text = String::new();
    let mut speaker = None;
    let mut rest = line;
    while let Some(start) = rest.find(['<', '{']) {
        let close = if rest[start..].starts_with('<') { '>' } else { '}' };
        let Some(length) = rest[start..].find(close) else { break };
        text.push_str(&rest[..start]);
        let mark = &rest[start + 1..start + length];
        if let Some((_, name)) = mark.split_once(' ').filter(|(kind, _)| kind.split('.').next() == Some("v")) {
            speaker = Some(name.trim().to_owned());
        }
        rest = &rest[start + length + 1..];
    }
    text.push_str(rest);
    let text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (speaker, text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraphs(text: &str) -> Vec<String> {
        parse(text.as_bytes()).blocks.into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn times_and_marks_go_and_words_stay() {
        let vtt = "WEBVTT - title\nKind: captions\n\nNOTE not said\n\nSTYLE\n::cue {}\n\nintro\n00:01.000 --> 00:02.000 align:start\n\
            <v.loud Anna>The <i>well</i> is &lt; deep.\n\n00:02.000 --> 00:03.000\n<v Anna>Is it?\n\n00:03.000 --> 00:04.000\n<v Ben>No.\n";
        assert_eq!(paragraphs(vtt), ["Anna: The well is < deep. Is it? Ben: No."]);
        let srt = "1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}First\r\nline.\r\n\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\n12 apples\r\n";
        assert_eq!(paragraphs(srt), ["First line. 12 apples"]);
    }

    #[test]
    fn a_long_talk_becomes_paragraphs() {
        let cue = "00:01.000 --> 00:02.000\nThe harvest was good in that year, said the old man.\n\n";
        let talk: String = (0..40).map(|number| cue.replace("old", &format!("old{number}"))).collect();
        let found = paragraphs(&format!("WEBVTT\n\n{talk}"));
        assert!(found.len() > 3 && found.iter().all(|paragraph| paragraph.ends_with("man.")));
    }
}
