//! Markdown (`CommonMark` with tables and front matter) → blocks.

use pulldown_cmark::{Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::html;
use crate::limits::Limits;
use crate::text::decode;

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(bytes);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(&text, options) {
        if matches!(event, Event::End(TagEnd::HtmlBlock)) {
            let fragment = std::mem::take(&mut reader.html);
            html::read_fragment(&fragment, limits, &mut reader.builder)?;
        }
        reader.event(event);
    }
    reader.flush(BlockKind::Paragraph);
    let title = reader.title.or_else(|| reader.builder.first_heading());
    Ok(ParsedDocument::flowing(MediaType::Markdown, title, reader.builder.finish(), warning))
}

#[derive(Default)]
struct Reader {
    builder: BlockBuilder,
    text: String,
    /// The open block of HTML.
    html: String,
    /// Numbers of the open lists; none for bullets.
    lists: Vec<Option<u64>>,
    quotes: u32,
    in_metadata: bool,
    title: Option<String>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_metadata => self.metadata(&text),
            Event::Text(text) | Event::Code(text) => self.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            Event::Rule => self.flush(self.plain()),
            Event::Html(html) => self.html.push_str(&html),
            Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
        }
    }

    fn plain(&self) -> BlockKind {
        match (self.lists.is_empty(), self.quotes) {
            (false, _) => BlockKind::ListItem,
            (true, 0) => BlockKind::Paragraph,
            (true, _) => BlockKind::Quote,
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::List(first) => {
                self.flush(self.plain());
                self.lists.push(*first);
            }
            Tag::Item => {
                self.flush(self.plain());
                if let Some(Some(number)) = self.lists.last_mut() {
                    self.text = format!("{number}. ");
                    *number += 1;
                }
            }
            Tag::BlockQuote(_) => {
                self.flush(self.plain());
                self.quotes += 1;
            }
            Tag::MetadataBlock(MetadataBlockKind::YamlStyle) => self.in_metadata = true,
            Tag::Heading { .. } | Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::Table(_) => self.flush(self.plain()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.flush(BlockKind::Heading { level: number(level) }),
            TagEnd::Paragraph | TagEnd::Item => self.flush(self.plain()),
            TagEnd::CodeBlock => self.flush(BlockKind::Code),
            TagEnd::TableCell => self.text.push_str(" | "),
            TagEnd::TableHead | TagEnd::TableRow => {
                let row = self.text.trim_end_matches(" | ").len();
                self.text.truncate(row);
                self.text.push('\n');
            }
            TagEnd::Table => self.flush(BlockKind::Table),
            TagEnd::List(_) => {
                self.flush(BlockKind::ListItem);
                self.lists.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush(self.plain());
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::MetadataBlock(_) => self.in_metadata = false,
            _ => {}
        }
    }

    /// The title of the front matter.
    fn metadata(&mut self, text: &str) {
        let title = text.lines().find_map(|line| line.strip_prefix("title:"));
        if let Some(title) = title {
            self.title = Some(title.trim().trim_matches(['"', '\'']).to_owned());
        }
    }

    fn flush(&mut self, kind: BlockKind) {
        self.builder.push(kind, &std::mem::take(&mut self.text));
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_is_kept() {
        let source = "---\ntitle: \"The book\"\n---\n# One\n\nText with *stress* and `code`.\n\n- a\n- b\n  1. c\n\n> said\n\n| h | i |\n|---|---|\n| 1 | 2 |\n\n## Two\n\n```sh\nls  -l\n```\n";
        let document = parse(source.as_bytes(), &Limits::default()).unwrap();
        let found: Vec<(&str, &str, usize)> = document
            .blocks
            .iter()
            .map(|block| (block.kind.as_str(), block.text.as_str(), block.heading_path.len()))
            .collect();
        assert_eq!(
            found,
            [
                ("heading", "One", 0),
                ("paragraph", "Text with stress and code.", 1),
                ("list_item", "a", 1),
                ("list_item", "b", 1),
                ("list_item", "1. c", 1),
                ("quote", "said", 1),
                ("table", "h | i\n1 | 2", 1),
                ("heading", "Two", 1),
                ("code", "ls  -l", 2),
            ]
        );
        assert_eq!(document.title.as_deref(), Some("The book"));
    }

    #[test]
    fn a_heading_closes_those_below_it() {
        let document = parse(b"# A\n## B\n# C\ntext", &Limits::default()).unwrap();
        assert_eq!(document.blocks[3].heading_path, ["C"]);
    }

    #[test]
    fn blocks_of_html_are_read_as_html() {
        let source = "Before\n\n<table>\n<tr><th>Wine</th><th>Bottles</th></tr>\n<tr><td>red</td><td>12</td></tr>\n</table>\n\n<!-- a note -->\n\nAfter";
        let document = parse(source.as_bytes(), &Limits::default()).unwrap();
        let texts: Vec<&str> = document.blocks.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, ["Before", "Wine | Bottles\nred | 12", "After"]);
    }
}
