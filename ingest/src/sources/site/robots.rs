//! What robots.txt allows, host by host (RFC 9309).

use std::collections::HashMap;
use std::time::Duration;

use robotxt::{AccessResult, Robots};
use url::Url;

use super::super::{SourceError, http};
use super::bounds::Bounds;
use super::request::Requests;

/// A longer pause than this is not waited for.
const MAX_DELAY: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(super) struct AllRobots(HashMap<String, Result<Robots, (String, u16)>>);

impl AllRobots {
    /// The rules of a page's host, read when it is asked for the first time. A host whose rules cannot be read is
    /// not asked for anything.
    pub(super) async fn of(&mut self, url: &Url, bounds: &Bounds, requests: &Requests) -> Result<&Robots, SourceError> {
        let host = url[..url::Position::BeforePath].to_owned();
        let is_known = self.0.contains_key(&host);
        if !is_known {
            let read = read(url, bounds, requests).await?;
            if let Ok(robots) = &read {
                let delay = robots.crawl_delay().unwrap_or_default().min(MAX_DELAY);
                requests.slow_down(url, delay).await;
            }
            self.0.insert(host.clone(), read);
        }
        match self.0.get(&host) {
            Some(Ok(robots)) => Ok(robots),
            Some(Err((what, status))) => Err(SourceError::Status { what: what.clone(), status: *status }),
            None => Err(SourceError::Robots { host }),
        }
    }
}

async fn read(url: &Url, bounds: &Bounds, requests: &Requests) -> Result<Result<Robots, (String, u16)>, SourceError> {
    let Ok(address) = robotxt::robots_url(url) else { return Ok(Ok(Robots::disallow_all())) };
    let (status, body) = requests.small(bounds, &address, robotxt::BYTE_LIMIT).await?;
    Ok(match status {
        200..=299 => Ok(Robots::from_access(AccessResult::Successful(&body), http::AGENT)),
        500.. | 429 => Err((address.to_string(), status)),
        _ => Ok(Robots::from_access(AccessResult::Unavailable, http::AGENT)),
    })
}
