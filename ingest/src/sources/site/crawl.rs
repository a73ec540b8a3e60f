//! One walk through a site: starts, sitemaps, links, and at last every page that is known and was not met.

use std::collections::{HashSet, VecDeque};

use reqwest::header::HeaderMap;
use terroir_store::KnownItem;
use url::Url;

use super::super::{Content, Found, Item, Listed, Listing, SiteSettings, SourceError};
use super::bounds::{Bounds, cleaned};
use super::links::Links;
use super::request::{Answer, Page, Requests};
use super::robots::AllRobots;
use super::sitemap::{self, Sitemap};

/// Lists of lists of lists.
const MAX_SITEMAP_DEPTH: u32 = 3;
const MAX_SITEMAPS: usize = 500;
/// Known pages that are read at a time.
const KNOWN_PAGE: u32 = 200;
/// After so many requests in a row that nobody answers, a site is down.
const MAX_UNANSWERED: u32 = 4;
/// Addresses that may wait: a site may make up as many as it likes.
const MAX_WAITING: usize = 200_000;

/// What a page may be, beside `text/…`.
const MEDIA_TYPES: [&str; 12] = [
    "application/xhtml+xml",
    "application/pdf",
    "application/msword",
    "application/rtf",
    "application/json",
    "application/xml",
    "application/epub+zip",
    "application/zip",
    "application/jsonl",
    "application/octet-stream",
    "application/vnd.ms-excel",
    "message/rfc822",
];
/// Of office formats.
const MEDIA_TYPE_FAMILIES: [&str; 2] =
    ["application/vnd.openxmlformats-officedocument", "application/vnd.oasis.opendocument"];
const NO_DOCUMENTS: [&str; 3] = ["text/css", "text/javascript", "text/event-stream"];

pub(super) struct Crawl<'a> {
    bounds: &'a Bounds,
    settings: &'a SiteSettings,
    requests: &'a Requests,
    listing: &'a Listing,
    robots: AllRobots,
    waiting: VecDeque<(Url, u32)>,
    /// Addresses that were met, waiting or done.
    met: HashSet<String>,
    /// Addresses under which a page was told of.
    told: HashSet<String>,
    pages: u32,
    /// Starts and sitemaps that answered.
    answered: usize,
    /// Why a start did not.
    silent: Option<SourceError>,
    /// Requests in a row that nobody answered.
    unanswered: u32,
}

impl<'a> Crawl<'a> {
    pub(super) fn new(
        bounds: &'a Bounds,
        settings: &'a SiteSettings,
        requests: &'a Requests,
        listing: &'a Listing,
    ) -> Self {
        Self {
            bounds,
            settings,
            requests,
            listing,
            robots: AllRobots::default(),
            waiting: VecDeque::new(),
            met: HashSet::new(),
            told: HashSet::new(),
            pages: 0,
            answered: 0,
            silent: None,
            unanswered: 0,
        }
    }

    pub(super) async fn run(mut self) -> Result<Listed, SourceError> {
        for start in &self.bounds.starts {
            self.meet(start.clone(), 0);
        }
        self.sitemaps().await?;
        let mut complete = self.walk().await?;
        if self.answered == 0 {
            // Nothing of the site can be believed.
            return Err(self.silent.take().unwrap_or_else(|| SourceError::Missing { what: "the site".into() }));
        }
        complete &= self.known_pages().await?;
        Ok(Listed { complete, landmark: None, may_be_empty: true })
    }

    fn meet(&mut self, url: Url, depth: u32) {
        if self.waiting.len() < MAX_WAITING && self.bounds.holds(&url) && self.met.insert(url.as_str().to_owned()) {
            self.waiting.push_back((url, depth));
        }
    }

    async fn sitemaps(&mut self) -> Result<(), SourceError> {
        let mut waiting: VecDeque<(Url, u32)> = self.bounds.sitemaps.iter().map(|url| (url.clone(), 0)).collect();
        // Those that the site itself names.
        for start in &self.bounds.starts {
            if let Ok(robots) = self.robots.of(start, self.bounds, self.requests).await {
                waiting.extend(robots.sitemaps().iter().cloned().map(|url| (url, 0)));
            }
        }
        let mut read = HashSet::new();
        while let Some((url, depth)) = waiting.pop_front() {
            if read.len() >= MAX_SITEMAPS || !self.bounds.may_ask(&url) || !read.insert(url.clone()) {
                continue;
            }
            match self.sitemap(&url).await {
                Ok(found) => {
                    self.answered += 1;
                    for page in found.pages {
                        self.meet(page, 0);
                    }
                    if depth < MAX_SITEMAP_DEPTH {
                        waiting.extend(found.sitemaps.into_iter().map(|url| (url, depth + 1)));
                    }
                }
                // Pages that only it names are known, or they are met once it answers again.
                Err(error) => self.tell(Found::Failed { key: url.into(), error }).await?,
            }
        }
        Ok(())
    }

    async fn sitemap(&self, url: &Url) -> Result<Sitemap, SourceError> {
        let what = || url.to_string();
        let (status, body) = self.requests.small(self.bounds, url, sitemap::MAX_BYTES).await?;
        match status {
            200..=299 => {}
            404 | 410 => return Err(SourceError::Missing { what: what() }),
            status => return Err(SourceError::Status { what: what(), status }),
        }
        let read = tokio::task::spawn_blocking(move || Sitemap::read(&body));
        let read = read.await.map_err(|error| SourceError::panicked(&error))?;
        read.ok_or_else(|| SourceError::MediaType { what: what(), media_type: "no sitemap".into() })
    }

    /// Whether everything that was met was asked for.
    async fn walk(&mut self) -> Result<bool, SourceError> {
        while let Some((url, depth)) = self.waiting.pop_front() {
            if self.pages >= self.settings.max_pages {
                let error = SourceError::TooManyPages { pages: self.settings.max_pages };
                self.tell(Found::Failed { key: url.into(), error }).await?;
                return Ok(false);
            }
            self.visit(&url, Some(depth)).await?;
        }
        Ok(true)
    }

    /// Pages that nothing leads to any more are there until the site says otherwise.
    async fn known_pages(&mut self) -> Result<bool, SourceError> {
        let mut last = String::new();
        loop {
            let known = self.listing.known.after(&last, KNOWN_PAGE).await?;
            let Some(end) = known.last() else { return Ok(true) };
            last.clone_from(&end.key);
            for item in known {
                let Ok(url) = Url::parse(&item.key) else { continue };
                if self.told.contains(&item.key) || self.met.contains(&item.key) || !self.bounds.holds(&url) {
                    continue;
                }
                if self.pages >= self.settings.max_pages {
                    return Ok(false);
                }
                self.met.insert(item.key);
                self.visit(&url, None).await?;
            }
        }
    }

    /// Asks for one page. Without a depth its links are not followed.
    async fn visit(&mut self, url: &Url, depth: Option<u32>) -> Result<(), SourceError> {
        let key = url.as_str().to_owned();
        if self.told.contains(&key) {
            return Ok(());
        }
        let is_start = self.bounds.starts.contains(url);
        let allowed = match self.robots.of(url, self.bounds, self.requests).await {
            Ok(robots) => robots.is_url_allowed(url),
            Err(error) => return self.fail(key, error, is_start).await,
        };
        if !allowed {
            if is_start {
                let host = url.host_str().unwrap_or_default().to_owned();
                return self.fail(key, SourceError::Robots { host }, true).await;
            }
            return Ok(());
        }
        self.pages += 1;
        let known = self.listing.known.item(&key).await?;
        let fingerprint = known.as_ref().and_then(|item| item.fingerprint.as_deref());
        let answer = self.requests.page(self.bounds, url, fingerprint).await;
        match answer {
            Ok(answer) => {
                self.unanswered = 0;
                self.answered += usize::from(is_start && !matches!(answer, Answer::Gone));
                match answer {
                    Answer::Page(page) => self.page(page, depth, is_start).await,
                    Answer::Unchanged { url: found, headers } => match known {
                        Some(known) if found == *url => self.unchanged(known, &headers, &found, depth).await,
                        _ => Ok(()),
                    },
                    Answer::Gone if is_start => {
                        self.tell(Found::Gone { key: key.clone() }).await?;
                        let error = SourceError::Missing { what: key.clone() };
                        self.tell(Found::Failed { key, error }).await
                    }
                    Answer::Gone => self.tell(Found::Gone { key }).await,
                }
            }
            // It moved away: what was known under this address is gone from the site.
            Err(SourceError::LeadsOut { .. }) if !is_start => Ok(()),
            Err(error) => self.fail(key, error, is_start).await,
        }
    }

    async fn fail(&mut self, key: String, error: SourceError, is_start: bool) -> Result<(), SourceError> {
        if matches!(error, SourceError::Unreachable { .. } | SourceError::TimedOut { .. }) {
            self.unanswered += 1;
            if self.unanswered >= MAX_UNANSWERED {
                // The site is down: each further page would take minutes, and nothing more would be known.
                return Err(error);
            }
        }
        if is_start && self.silent.is_none() {
            self.silent = Some(match &error {
                SourceError::Robots { host } => SourceError::Robots { host: host.clone() },
                SourceError::Denied { what } => SourceError::Denied { what: what.clone() },
                SourceError::LeadsOut { what, to } => SourceError::LeadsOut { what: what.clone(), to: to.clone() },
                SourceError::Status { what, status } => SourceError::Status { what: what.clone(), status: *status },
                other => SourceError::Unreachable { what: key.clone(), reason: other.to_string() },
            });
        }
        self.tell(Found::Failed { key, error }).await
    }

    async fn page(&mut self, page: Page, depth: Option<u32>, is_start: bool) -> Result<(), SourceError> {
        // A redirect may have led to what was met already, or to what is not asked for.
        let url = page.url.clone();
        self.met.insert(url.as_str().to_owned());
        let media_type = page.media_type();
        if self.told.contains(url.as_str()) || !(self.bounds.holds(&url) || is_start) {
            return Ok(());
        }
        if let Some(media_type) = media_type.as_deref().filter(|media_type| !is_read(media_type)) {
            if is_start {
                let error = SourceError::MediaType { what: url.to_string(), media_type: media_type.to_owned() };
                return self.tell(Found::Failed { key: url.into(), error }).await;
            }
            return Ok(());
        }
        let (headers, fingerprint) = (page.headers().clone(), page.fingerprint());
        let file = match page.keep(&self.listing.room).await {
            Ok(file) => file,
            Err(error) => return self.fail(url.into(), error, is_start).await,
        };
        let is_html = media_type.as_deref().is_none_or(is_html);
        let (file, links) = read_links(file, is_html, &url, &headers).await?;
        self.follow(&links, depth);
        let address = self.address(&url, &links);
        if links.noindex || !self.bounds.takes(&address) || !self.told.insert(address.as_str().to_owned()) {
            return Ok(());
        }
        self.met.insert(address.as_str().to_owned());
        self.tell(Found::Item(Item {
            source_uri: address.as_str().to_owned(),
            file_name: file_name(&address, is_html),
            // A state of another address says nothing about this one.
            fingerprint: fingerprint.filter(|_| address == url),
            content: Content::Here(file),
            key: address.into(),
        }))
        .await
    }

    async fn unchanged(
        &mut self,
        known: KnownItem,
        headers: &HeaderMap,
        url: &Url,
        depth: Option<u32>,
    ) -> Result<(), SourceError> {
        // Its links are those of the bytes that are kept.
        let kept = known.sha256.as_deref().and_then(|sha256| self.listing.known.kept(sha256));
        let links = match kept {
            Some(path) => kept_links(path, url, headers).await?,
            None => Links::default(),
        };
        self.follow(&links, depth);
        if links.noindex || !self.bounds.takes(url) || !self.told.insert(known.key.clone()) {
            return Ok(());
        }
        self.tell(Found::Item(Item {
            key: known.key,
            source_uri: known.source_uri,
            file_name: known.file_name,
            fingerprint: known.fingerprint,
            content: Content::OnDemand,
        }))
        .await
    }

    fn follow(&mut self, links: &Links, depth: Option<u32>) {
        let Some(depth) = depth.filter(|depth| *depth < self.settings.depth && !links.nofollow) else { return };
        for url in &links.to {
            self.meet(url.clone(), depth + 1);
        }
    }

    /// Under which address a page is kept: the one that it calls its own, if that is on the site.
    fn address(&self, url: &Url, links: &Links) -> Url {
        links.canonical.clone().filter(|canonical| self.bounds.holds(canonical)).unwrap_or_else(|| url.clone())
    }

    async fn tell(&self, found: Found) -> Result<(), SourceError> {
        self.listing.tell(found).await
    }
}

/// Off the async threads; gives the file back.
async fn read_links(
    file: tempfile::NamedTempFile,
    is_html: bool,
    url: &Url,
    headers: &HeaderMap,
) -> Result<(tempfile::NamedTempFile, Links), SourceError> {
    if !is_html {
        return Ok((file, with_headers(Links::default(), headers)));
    }
    let url = url.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let links = file.reopen().map(|page| Links::read_from(page, &url)).unwrap_or_default();
        (file, links)
    });
    let (file, links) = reading.await.map_err(|error| SourceError::panicked(&error))?;
    Ok((file, with_headers(links, headers)))
}

async fn kept_links(path: std::path::PathBuf, url: &Url, headers: &HeaderMap) -> Result<Links, SourceError> {
    let url = url.clone();
    let reading = tokio::task::spawn_blocking(move || {
        fs_err::File::open(path).map(|page| Links::read_from(page, &url)).unwrap_or_default()
    });
    let links = reading.await.map_err(|error| SourceError::panicked(&error))?;
    Ok(with_headers(links, headers))
}

fn with_headers(mut links: Links, headers: &HeaderMap) -> Links {
    for value in headers.get_all("x-robots-tag") {
        links.obey(value.to_str().unwrap_or_default());
    }
    links
}

fn is_html(media_type: &str) -> bool {
    matches!(media_type, "text/html" | "application/xhtml+xml")
}

fn is_read(media_type: &str) -> bool {
    let is_text = media_type.starts_with("text/") && !NO_DOCUMENTS.contains(&media_type);
    is_text
        || MEDIA_TYPES.contains(&media_type)
        || MEDIA_TYPE_FAMILIES.iter().any(|family| media_type.starts_with(family))
}

/// A name by which the format can be told, as a browser would save it.
fn file_name(url: &Url, is_html: bool) -> String {
    let url = cleaned(url.clone());
    let last = url.path_segments().and_then(|mut parts| parts.rfind(|part| !part.is_empty()));
    let name = last.or(url.host_str()).unwrap_or("page").to_owned();
    let has_ending = last.is_some_and(|last| last.contains('.'));
    if is_html && !has_ending { format!("{name}.html") } else { name }
}
