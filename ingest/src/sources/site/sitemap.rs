//! Sitemaps (sitemaps.org): lists of pages, lists of such lists, also compressed, also a line per address.

use std::io::Read as _;

use quick_xml::Reader;
use quick_xml::events::Event;
use url::Url;

use super::bounds::cleaned;
use crate::xml;

/// As the protocol bounds a file, before and after it is unpacked.
pub(super) const MAX_BYTES: usize = 50 << 20;
/// Addresses in one file.
const MAX_ADDRESSES: usize = 50_000;
/// Prefixes of what other vocabularies add to a page.
const EXTENSIONS: [&str; 3] = ["image:", "video:", "news:"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sitemap {
    pub(super) pages: Vec<Url>,
    pub(super) sitemaps: Vec<Url>,
}

impl Sitemap {
    /// `None` where the bytes are none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes).take(MAX_BYTES as u64).read_to_end(&mut unpacked).ok()?;
            return Self::read_plain(&unpacked);
        }
        Self::read_plain(bytes)
    }

    fn read_plain(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') { Self::read_xml(text) } else { Self::read_lines(text) }
    }

    fn read_xml(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut found = Self::default();
        let mut inside = Inside::default();
        loop {
            // What was read before a mistake counts.
            match reader.read_event() {
                // Pictures and films of a page have addresses too.
                Ok(Event::Start(start))
                    if EXTENSIONS.iter().any(|prefix| start.name().as_ref().starts_with(prefix)) => {}
                Ok(Event::Start(start)) => inside.enter(start.local_name().as_ref()),
                Ok(Event::End(end)) => {
                    if end.local_name().as_ref() == "loc" {
                        inside.leave(&mut found);
                    }
                }
                Ok(Event::Text(part)) if inside.address.is_some() => {
                    inside.add(&part);
                }
                Ok(Event::CData(part)) if inside.address.is_some() => {
                    inside.add(&part);
                }
                Ok(Event::GeneralRef(reference)) if inside.address.is_some() => {
                    if let Some(character) = xml::character(&reference) {
                        inside.add(character.encode_utf8(&mut [0; 4]));
                    }
                }
                Ok(Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
            if found.pages.len() + found.sitemaps.len() >= MAX_ADDRESSES {
                break;
            }
        }
        inside.is_sitemap.then_some(found)
    }

    fn read_lines(text: &str) -> Option<Self> {
        let pages: Vec<Url> =
            text.lines().take(MAX_ADDRESSES).filter_map(|line| Url::parse(line.trim()).ok()).map(cleaned).collect();
        (!pages.is_empty()).then(|| Self { pages, sitemaps: Vec::new() })
    }
}

#[derive(Default)]
struct Inside {
    is_sitemap: bool,
    of_index: bool,
    address: Option<String>,
}

impl Inside {
    fn enter(&mut self, name: &str) {
        match name {
            "urlset" | "sitemapindex" => self.is_sitemap = true,
            "url" => self.of_index = false,
            "sitemap" => self.of_index = true,
            "loc" => self.address = Some(String::new()),
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        if let Some(address) = &mut self.address {
            address.push_str(text);
        }
    }

    fn leave(&mut self, found: &mut Sitemap) {
        let Some(url) = self.address.take().and_then(|text| Url::parse(text.trim()).ok()).map(cleaned) else { return };
        if self.of_index { found.sitemaps.push(url) } else { found.pages.push(url) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const PAGES: &str = "<?xml version=\"1.0\"?><urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\
        <url><loc> https://docs.example/a?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod>\
        <image:image><image:loc>https://docs.example/a.png</image:loc></image:image></url>\
        <url><loc><![CDATA[https://docs.example/b]]></loc></url></urlset>";

    #[test]
    fn every_form_is_read() {
        let sitemap = Sitemap::read(PAGES.as_bytes()).unwrap();
        let pages: Vec<&str> = sitemap.pages.iter().map(Url::as_str).collect();
        assert_eq!(pages, ["https://docs.example/a?x=1&y=2", "https://docs.example/b"]);

        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(PAGES.as_bytes()).unwrap();
        assert_eq!(Sitemap::read(&packed.finish().unwrap()).unwrap(), sitemap);

        let index = "<sitemapindex><sitemap><loc>https://docs.example/s.xml.gz</loc></sitemap></sitemapindex>";
        assert_eq!(Sitemap::read(index.as_bytes()).unwrap().sitemaps.len(), 1);
        assert_eq!(Sitemap::read(b"https://docs.example/a\nhttps://docs.example/b\n").unwrap().pages.len(), 2);
    }

    #[test]
    fn what_is_no_sitemap_is_none() {
        assert_eq!(Sitemap::read(b"<html><body>not found</body></html>"), None);
        assert_eq!(Sitemap::read(b""), None);
        assert_eq!(Sitemap::read(&[0x1f, 0x8b, 0, 1, 2]), None);
    }
}
