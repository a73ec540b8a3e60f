//! A web site: pages behind links and sitemaps, asked for politely and only on hosts that a person named.

mod bounds;
mod crawl;
mod links;
mod request;
mod robots;
mod sitemap;

use self::bounds::Bounds;
use self::crawl::Crawl;
use self::request::{Answer, Requests};
use super::{Item, Listed, Listing, Origin, Room, SiteSettings, SourceError};

#[derive(Debug)]
pub(super) struct Site {
    bounds: Bounds,
    settings: SiteSettings,
    requests: Requests,
}

impl Site {
    pub(super) fn open(settings: &SiteSettings) -> Result<Self, SourceError> {
        Ok(Self {
            bounds: Bounds::new(settings)?,
            settings: settings.clone(),
            requests: Requests::new(super::http::client()?, settings.delay_ms),
        })
    }
}

impl Origin for Site {
    const PARALLEL: usize = 1;

    async fn list(&self, listing: &Listing) -> Result<Listed, SourceError> {
        Crawl::new(&self.bounds, &self.settings, &self.requests, listing).run().await
    }

    /// Whatever is known of the page: its document is not as it was left.
    async fn fetch(&self, item: &Item, room: &Room) -> Result<tempfile::NamedTempFile, SourceError> {
        let url = super::settings::web_address("urls", &item.key)?;
        match self.requests.page(&self.bounds, &url, None).await? {
            Answer::Page(page) => page.keep(room).await,
            Answer::Unchanged { .. } | Answer::Gone => Err(SourceError::Missing { what: item.key.clone() }),
        }
    }
}
