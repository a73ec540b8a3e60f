//! Where a page leads, and what it says about itself. Reads the marks of the page one after the other, without
//! building anything: pages are hostile, and this runs in the service.

use std::cell::RefCell;
use std::io::Read as _;
use std::time::{Duration, Instant};

use html5ever::Attribute;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, StartTag, TagToken, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

use super::bounds::cleaned;

/// Bytes of a page that are looked at for links.
const MAX_BYTES: u64 = 8 << 20;
const MAX_LINKS: usize = 20_000;
/// Bytes that are read before the clock is looked at. A character that is cut there is lost: addresses have none.
const PART_BYTES: usize = 1 << 14;
const PATIENCE: Duration = Duration::from_secs(2);
/// Directives that have a value, which must not be taken for names of robots.
const WITH_VALUES: [&str; 4] = ["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) to: Vec<Url>,
    pub(super) canonical: Option<Url>,
    /// The page does not want to be found.
    pub(super) noindex: bool,
    /// The page does not want its links to be followed.
    pub(super) nofollow: bool,
}

impl Links {
    /// Of the beginning of a page that came from `url`.
    pub(super) fn read_from(page: impl std::io::Read, url: &Url) -> Self {
        let mut bytes = Vec::new();
        // What could be read counts.
        let _ = page.take(MAX_BYTES).read_to_end(&mut bytes);
        // Formats without marks have no links.
        if bytes.trim_ascii_start().starts_with(b"<") || bytes.starts_with(b"\xef\xbb\xbf") {
            Self::read(&bytes, url)
        } else {
            Self::default()
        }
    }

    fn read(page: &[u8], url: &Url) -> Self {
        let gathered = Gathered { base: RefCell::new(url.clone()), links: RefCell::default() };
        let tokenizer = Tokenizer::new(gathered, TokenizerOpts::default());
        let started = Instant::now();
        let input = BufferQueue::default();
        // In parts, so that a page made to take long does not: a mark with a million attributes, say.
        for part in page.chunks(PART_BYTES) {
            input.push_back(StrTendril::from(String::from_utf8_lossy(part).as_ref()));
            let _ = tokenizer.feed(&input);
            if started.elapsed() > PATIENCE {
                break;
            }
        }
        tokenizer.end();
        tokenizer.sink.links.into_inner()
    }

    /// As a header or a mark for robots says it.
    pub(super) fn obey(&mut self, directives: &str) {
        let mut for_us = true;
        for directive in directives.split(',') {
            let mut what = directive;
            // `otherbot: noindex, nofollow` is meant for others as a whole.
            if let Some((whom, rest)) = directive.split_once(':') {
                let whom = whom.trim().to_lowercase();
                if WITH_VALUES.contains(&whom.as_str()) {
                    continue;
                }
                for_us = whom.eq_ignore_ascii_case(super::super::http::AGENT);
                what = rest;
            }
            match what.trim().to_lowercase().as_str() {
                _ if !for_us => {}
                "noindex" => self.noindex = true,
                "nofollow" => self.nofollow = true,
                "none" => (self.noindex, self.nofollow) = (true, true),
                _ => {}
            }
        }
    }
}

struct Gathered {
    base: RefCell<Url>,
    links: RefCell<Links>,
}

impl TokenSink for Gathered {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind != StartTag {
            return TokenSinkResult::Continue;
        }
        let value = |name: &str| tag.attrs.iter().find(|attribute| is(attribute, name)).map(|found| &*found.value);
        let mut links = self.links.borrow_mut();
        match &*tag.name {
            "base" => {
                let base = value("href").and_then(|href| self.base.borrow().join(href).ok());
                if let Some(base) = base {
                    *self.base.borrow_mut() = base;
                }
            }
            "a" | "area" => {
                let nofollow = value("rel").is_some_and(|rel| has_word(rel, "nofollow"));
                if let Some(url) = value("href").filter(|_| !nofollow).and_then(|href| self.address(href))
                    && links.to.len() < MAX_LINKS
                {
                    links.to.push(url);
                }
            }
            "link" if value("rel").is_some_and(|rel| has_word(rel, "canonical")) => {
                links.canonical = value("href").and_then(|href| self.address(href));
            }
            "meta" => {
                let for_us = value("name").is_some_and(|name| {
                    name.eq_ignore_ascii_case("robots") || name.eq_ignore_ascii_case(super::super::http::AGENT)
                });
                if let Some(content) = value("content").filter(|_| for_us) {
                    links.obey(content);
                }
            }
            // What stands in a script is no mark, though it may look like one.
            "script" | "style" | "textarea" | "title" => {
                drop(links);
                return raw(&tag.name);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Gathered {
    fn address(&self, href: &str) -> Option<Url> {
        let url = self.base.borrow().join(href.trim()).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| cleaned(url))
    }
}

fn raw(name: &str) -> TokenSinkResult<()> {
    use html5ever::tokenizer::states::{Rawtext, Rcdata, ScriptData};
    TokenSinkResult::RawData(match name {
        "script" => ScriptData,
        "textarea" | "title" => Rcdata,
        _ => Rawtext,
    })
}

fn is(attribute: &Attribute, name: &str) -> bool {
    &*attribute.name.local == name
}

fn has_word(text: &str, word: &str) -> bool {
    text.split_ascii_whitespace().any(|found| found.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_whole_and_marks_are_obeyed() {
        let page = r#"<html><head><base href="/guide/"><link rel="Canonical" href="start"><meta name="ROBOTS" content="noarchive, NOINDEX">
            <script>document.write('<a href="/in-a-script">')</script></head>
            <body><a href="one#part">1</a> <a rel="external nofollow" href="two">2</a> <a href="https://other.example/">3</a>
            <a href="mailto:me@docs.example">4</a> <a href="javascript:evil()">5</a><a href="http://[broken">6</a></body>"#;
        let links = Links::read(page.as_bytes(), &Url::parse("https://docs.example/x/y").unwrap());
        let to: Vec<&str> = links.to.iter().map(Url::as_str).collect();
        assert_eq!(to, ["https://docs.example/guide/one", "https://other.example/"]);
        assert_eq!(links.canonical.unwrap().as_str(), "https://docs.example/guide/start");
        assert!(links.noindex && !links.nofollow);
    }

    #[test]
    fn directives_for_others_are_theirs() {
        let mut links = Links::default();
        links.obey("otherbot: noindex, nofollow");
        assert!(!links.noindex && !links.nofollow);
        links.obey("unavailable_after: 25 Jun 2026 15:00:00 UTC, nofollow");
        assert!(!links.noindex && links.nofollow);
        links.obey("terroirbot: none");
        assert!(links.noindex && links.nofollow);
    }

    #[test]
    fn a_page_made_to_take_long_does_not() {
        let url = Url::parse("https://a.example/").unwrap();
        let brackets = "<div ".repeat(200_000);
        assert_eq!(Links::read(brackets.as_bytes(), &url), Links::default());
        let attributes: Vec<String> = (0..400_000).map(|number| format!("a{number}")).collect();
        let started = Instant::now();
        Links::read(format!("<a href=/x></a><div {}>", attributes.join(" ")).as_bytes(), &url);
        assert!(started.elapsed() < PATIENCE * 10, "{:?}", started.elapsed());
    }
}
