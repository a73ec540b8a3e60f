//! What belongs to a site, and what stays outside.

use std::collections::BTreeSet;

use url::{Position, Url};

use super::super::patterns::Patterns;
use super::super::settings::web_address;
use super::super::{SiteSettings, SourceError, http};

#[derive(Debug)]
pub(super) struct Bounds {
    /// With the port, where it is not the usual one.
    hosts: BTreeSet<String>,
    prefixes: Vec<String>,
    patterns: Patterns,
    pub(super) starts: Vec<Url>,
    pub(super) sitemaps: Vec<Url>,
}

/// Endings of addresses behind which no text stands.
const NO_TEXT: [&str; 26] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "tif", "tiff", "css", "js", "mjs", "map", "woff",
    "woff2", "ttf", "otf", "mp3", "mp4", "webm", "avi", "mov", "exe", "dmg",
];

impl Bounds {
    pub(super) fn new(settings: &SiteSettings) -> Result<Self, SourceError> {
        let read = |name, list: &[String]| -> Result<Vec<Url>, SourceError> {
            list.iter().map(|text| web_address(name, text).map(cleaned)).collect()
        };
        let starts = read("urls", &settings.urls)?;
        let sitemaps = read("sitemaps", &settings.sitemaps)?;
        let mut hosts: BTreeSet<String> = starts.iter().chain(&sitemaps).map(authority).collect();
        for host in &settings.hosts {
            hosts.insert(authority(&web_address("hosts", &format!("http://{host}/"))?));
        }
        if let Some(url) = starts.iter().chain(&sitemaps).find(|url| !http::may_ask(url)) {
            return Err(SourceError::Setting { name: "urls", reason: format!("{url} is never asked for documents") });
        }
        Ok(Self {
            hosts,
            prefixes: settings.prefixes.clone(),
            patterns: Patterns::new(&settings.include, &settings.exclude)?,
            starts,
            sitemaps,
        })
    }

    /// Whether the host is one that a person named.
    pub(super) fn may_ask(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https") && self.hosts.contains(&authority(url)) && http::may_ask(url)
    }

    /// Whether a page may be asked for: starts always may.
    pub(super) fn holds(&self, url: &Url) -> bool {
        if !self.may_ask(url) {
            return false;
        }
        if self.starts.contains(url) {
            return true;
        }
        let path = url.path();
        let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        let textless = ending.is_some_and(|ending| NO_TEXT.iter().any(|known| ending.eq_ignore_ascii_case(known)));
        let prefixed = self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| path.starts_with(prefix));
        prefixed && !textless && !self.patterns.leaves_out(key_of(url))
    }

    /// Whether a page that was read becomes a document.
    pub(super) fn takes(&self, url: &Url) -> bool {
        self.patterns.take(key_of(url))
    }
}

/// Path and query, without the first slash: what patterns are compared with.
fn key_of(url: &Url) -> &str {
    url[Position::BeforePath..Position::AfterQuery].trim_start_matches('/')
}

/// The same page has one address: without a fragment.
pub(super) fn cleaned(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// Host, and port where it is not the usual one of http or https.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounds(settings: serde_json::Value) -> Bounds {
        Bounds::new(&serde_json::from_value(settings).unwrap()).unwrap()
    }

    #[test]
    fn only_hosts_that_were_named_are_asked() {
        let site = bounds(json!({"urls": ["https://docs.example/a/"], "hosts": ["help.example:8443"],
            "prefixes": ["/a/"], "exclude": ["a/private/"]}));
        for (text, inside) in [
            ("https://docs.example/a/page", true),
            ("http://docs.example/a/page", true),
            ("https://docs.example/b", false),
            ("https://docs.example:8443/a/page", false),
            ("https://help.example:8443/a/x", true),
            ("https://evil.example/a/", false),
            ("https://docs.example.evil.example/a/", false),
            ("https://docs.example@evil.example/a/", false),
            ("https://docs.example/a/logo.PNG", false),
            ("https://docs.example/a/private/x", false),
            ("ftp://docs.example/a/x", false),
        ] {
            assert_eq!(site.holds(&Url::parse(text).unwrap()), inside, "{text}");
        }
    }

    #[test]
    fn metadata_services_are_no_sites() {
        let settings = serde_json::from_value(json!({"urls": ["http://169.254.169.254/"]})).unwrap();
        assert!(Bounds::new(&settings).is_err());
    }
}
