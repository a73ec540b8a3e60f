//! HTML → blocks: the main content, not the menus around it. The tree is walked with a stack of its own,
//! so that nesting cannot exhaust the thread's.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Html, Node, Selector};

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::decode;

/// Never content.
const SKIPPED: &[&str] = &[
    "script", "style", "noscript", "template", "nav", "aside", "form", "button", "select", "option", "iframe", "svg", "canvas",
    "object", "head", "dialog", "menu",
];
/// Content only where the page marks no main part.
const FRAME: &[&str] = &["header", "footer"];
const BLOCK: &[&str] = &[
    "p", "div", "section", "article", "main", "body", "blockquote", "pre", "ul", "ol", "dl", "dd", "dt", "li", "table", "thead",
    "tbody", "tr", "figure", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "address", "details", "summary", "caption",
    "header", "footer",
];
/// A block of which this share or more is links is navigation.
const LINK_SHARE: f32 = 0.8;
/// Shorter lists of links may be content.
const MIN_LINKS: usize = 4;

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(&with_declared_encoding(bytes));
    let html = Html::parse_document(&text);
    let root = main_part(&html).unwrap_or_else(|| html.root_element());
    let in_main = root.value().name() != "html";
    let mut walk = Walk { builder: BlockBuilder::default(), text: String::new(), kinds: Vec::new(), cells: Vec::new(), rows: String::new(), in_pre: 0 };
    walk.run(root, in_main, limits)?;
    let title = first_text(&html, "title").or_else(|| walk.builder.first_heading());
    Ok(ParsedDocument {
        media_type: MediaType::Html,
        title,
        page_count: None,
        page_sizes: Vec::new(),
        blocks: walk.builder.finish(),
        warnings: warning.into_iter().collect(),
    })
}

/// Re-encodes as UTF-8 when the page names another encoding (`<meta charset=…>`).
fn with_declared_encoding(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
    let label = head.split("charset=").nth(1).map(|rest| {
        let rest = rest.trim_start_matches(['"', '\'', ' ']);
        rest.split(['"', '\'', ' ', ';', '>', '/']).next().unwrap_or_default().to_owned()
    });
    let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    match encoding {
        Some(encoding) if encoding != encoding_rs::UTF_8 && std::str::from_utf8(bytes).is_err() => {
            std::borrow::Cow::Owned(encoding.decode(bytes).0.into_owned().into_bytes())
        }
        _ => std::borrow::Cow::Borrowed(bytes),
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("the selectors are constants")
}

fn first_text(html: &Html, css: &str) -> Option<String> {
    let text: String = html.select(&selector(css)).next()?.text().collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// The part that the page itself marks as main, if it is one and holds text.
fn main_part(html: &Html) -> Option<ElementRef<'_>> {
    for css in ["main", "[role=main]", "article"] {
        let found: Vec<ElementRef<'_>> = html.select(&selector(css)).collect();
        if let [only] = found.as_slice()
            && only.text().map(|text| text.trim().len()).sum::<usize>() > 200
        {
            return Some(*only);
        }
    }
    None
}

struct Walk {
    builder: BlockBuilder,
    text: String,
    /// Kinds of the open blocks that give their text a meaning.
    kinds: Vec<BlockKind>,
    /// Cells of the open table row, and the rows before it.
    cells: Vec<String>,
    rows: String,
    in_pre: u32,
}

impl Walk {
    fn run(&mut self, root: ElementRef<'_>, in_main: bool, limits: &Limits) -> Result<(), ParseError> {
        // Elements nest deeply in generated pages; the bound is against bombs.
        let max_depth = limits.max_nesting as usize * 8;
        let (mut depth, mut skipped_at) = (0, None);
        for edge in root.traverse() {
            match edge {
                Edge::Open(node) => {
                    depth += 1;
                    if depth > max_depth {
                        return Err(ParseError::limit("nested elements", max_depth as u64));
                    }
                    if skipped_at.is_some() {
                        continue;
                    }
                    match node.value() {
                        Node::Text(text) => self.add(text),
                        Node::Element(element) => {
                            let wrapped = ElementRef::wrap(node);
                            if wrapped.is_some_and(|element| is_skipped(element, in_main)) {
                                skipped_at = Some(depth);
                            } else {
                                self.open(element.name());
                            }
                        }
                        _ => {}
                    }
                }
                Edge::Close(node) => {
                    if skipped_at == Some(depth) {
                        skipped_at = None;
                    } else if skipped_at.is_none()
                        && let Node::Element(element) = node.value()
                    {
                        self.close(element.name());
                    }
                    depth -= 1;
                }
            }
        }
        self.flush();
        Ok(())
    }

    fn add(&mut self, text: &str) {
        if self.in_pre > 0 {
            self.text.push_str(text);
            return;
        }
        let mut pending_space = text.starts_with(char::is_whitespace);
        for word in text.split_whitespace() {
            if pending_space && !self.text.is_empty() && !self.text.ends_with(char::is_whitespace) {
                self.text.push(' ');
            }
            self.text.push_str(word);
            pending_space = true;
        }
        if text.ends_with(char::is_whitespace) && !self.text.is_empty() && !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    fn open(&mut self, name: &str) {
        if name == "br" {
            self.text.push('\n');
        }
        if !BLOCK.contains(&name) && !matches!(name, "td" | "th") {
            return;
        }
        if self.in_table() {
            if matches!(name, "td" | "th") {
                self.text.clear();
            }
            if name != "caption" {
                return;
            }
        }
        self.flush();
        if name == "pre" {
            self.in_pre += 1;
        }
        if let Some(kind) = kind_of(name) {
            self.kinds.push(kind);
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "td" | "th" if self.in_table() => {
                let cell = std::mem::take(&mut self.text);
                self.cells.push(cell.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            "tr" if self.in_table() => {
                self.rows.push_str(&std::mem::take(&mut self.cells).join(" | "));
                self.rows.push('\n');
                self.text.clear();
            }
            "table" => self.end_table(),
            _ if kind_of(name).is_some() && (!self.in_table() || name == "caption") => {
                self.flush();
                self.kinds.pop();
                if name == "pre" {
                    self.in_pre = self.in_pre.saturating_sub(1);
                }
            }
            _ if BLOCK.contains(&name) && !self.in_table() => self.flush(),
            _ => {}
        }
    }

    fn in_table(&self) -> bool {
        self.kinds.contains(&BlockKind::Table)
    }

    fn end_table(&mut self) {
        self.builder.push(BlockKind::Table, &std::mem::take(&mut self.rows));
        self.text.clear();
        if let Some(place) = self.kinds.iter().rposition(|kind| *kind == BlockKind::Table) {
            self.kinds.truncate(place);
        }
    }

    fn flush(&mut self) {
        let kind = self.kinds.last().copied().unwrap_or(BlockKind::Paragraph);
        let text = std::mem::take(&mut self.text);
        self.builder.push(kind, &text);
    }
}

fn kind_of(name: &str) -> Option<BlockKind> {
    Some(match name {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => BlockKind::Heading { level: name.as_bytes()[1] - b'0' },
        "li" | "dd" | "dt" => BlockKind::ListItem,
        "blockquote" => BlockKind::Quote,
        "pre" => BlockKind::Code,
        "figcaption" | "caption" => BlockKind::Caption,
        "table" => BlockKind::Table,
        _ => return None,
    })
}

fn is_skipped(element: ElementRef<'_>, in_main: bool) -> bool {
    let value = element.value();
    let name = value.name();
    if SKIPPED.contains(&name) || (FRAME.contains(&name) && !in_main) {
        return true;
    }
    let hidden = value.attr("hidden").is_some()
        || value.attr("aria-hidden") == Some("true")
        || value.attr("style").is_some_and(|style| style.replace(' ', "").contains("display:none"));
    let role = value.attr("role").unwrap_or_default();
    hidden || matches!(role, "navigation" | "banner" | "contentinfo" | "search" | "complementary") || is_link_list(element, name)
}

/// A list that is nearly all links leads elsewhere.
fn is_link_list(element: ElementRef<'_>, name: &str) -> bool {
    if !matches!(name, "ul" | "ol") {
        return false;
    }
    let links: Vec<ElementRef<'_>> = element.select(&selector("a[href]")).collect();
    let chars = |element: &ElementRef<'_>| element.text().map(|text| text.trim().chars().count()).sum::<usize>();
    let linked: usize = links.iter().map(chars).sum();
    links.len() >= MIN_LINKS && linked as f32 >= LINK_SHARE * chars(&element) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(html: &str) -> Vec<(&'static str, String)> {
        let document = parse(html.as_bytes(), &Limits::default()).unwrap();
        document.blocks.into_iter().map(|block| (block.kind.as_str(), block.text)).collect()
    }

    #[test]
    fn content_is_kept_and_menus_are_not() {
        let html = "<title>T</title><body><nav><a href=x>Home</a></nav><header>Logo</header><ul><li><a href=1>One page</a><li><a href=2>Two</a><li><a href=3>Three</a><li><a href=4>Four</a></ul>\
            <h1>Cellar <em>rules</em></h1><p>Kept at<br>eleven degrees.<script>x()</script></p><ul><li>red<li>white</ul>\
            <table><caption>Stock</caption><tr><th>wine<th>bottles</tr><tr><td>red<td>12</tr></table><pre>a\n  b</pre><div hidden>secret</div><footer>Imprint</footer>";
        let expected = [
            ("heading", "Cellar rules"),
            ("paragraph", "Kept at eleven degrees."),
            ("list_item", "red"),
            ("list_item", "white"),
            ("caption", "Stock"),
            ("table", "wine | bottles\nred | 12"),
            ("code", "a\n  b"),
        ];
        assert_eq!(blocks(html), expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn words_of_inline_elements_join_as_they_are_written() {
        assert_eq!(blocks("<p>re<b>mark</b>able <i>and</i> so on</p>"), [("paragraph", "remarkable and so on".to_owned())]);
    }

    #[test]
    fn declared_encodings_count() {
        let bytes = b"<html><meta charset=\"iso-8859-1\"><p>caf\xe9</p>";
        let document = parse(bytes, &Limits::default()).unwrap();
        assert_eq!(document.blocks[0].text, "café");
    }

    #[test]
    fn deep_nesting_ends_with_an_error() {
        let html = format!("<html>{}x", "<div>".repeat(100_000));
        let error = parse(html.as_bytes(), &Limits::default()).map(|document| document.blocks.len());
        assert!(matches!(error, Err(ParseError::LimitExceeded { .. }) | Ok(1)), "{error:?}");
    }
}
