//! Requests: one after the other, with a pause between them, tried again where the server says that it is busy.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::super::{Room, SourceError, http};
use super::bounds::{Bounds, authority, cleaned};

const ATTEMPTS: u32 = 4;
const MAX_REDIRECTS: usize = 5;
/// Longest time between two attempts, whatever the server asks for.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// From the request to the head of the answer.
const HEAD: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Requests {
    client: reqwest::Client,
    delay: Duration,
    /// When a host may be asked again, and the pause that it wants.
    turns: Mutex<HashMap<String, (Instant, Duration)>>,
}

pub(super) enum Answer {
    Page(Page),
    /// As it was when it had this fingerprint.
    Unchanged {
        url: Url,
        headers: HeaderMap,
    },
    /// There is none, and the server is sure.
    Gone,
}

/// A page whose head has arrived.
pub(super) struct Page {
    /// Where it was found in the end.
    pub(super) url: Url,
    response: Response,
}

impl Requests {
    pub(super) fn new(client: reqwest::Client, delay_ms: u64) -> Self {
        Self { client, delay: Duration::from_millis(delay_ms), turns: Mutex::default() }
    }

    /// Asks for a page, unless it is as it was when it had `fingerprint`. Redirects stay on the site.
    pub(super) async fn page(
        &self,
        bounds: &Bounds,
        url: &Url,
        fingerprint: Option<&str>,
    ) -> Result<Answer, SourceError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.patiently(&url, fingerprint).await?;
            let status = response.status();
            if status == StatusCode::NOT_MODIFIED {
                return Ok(Answer::Unchanged { headers: response.headers().clone(), url });
            }
            if status.is_success() {
                return Ok(Answer::Page(Page { url, response }));
            }
            if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
                return Ok(Answer::Gone);
            }
            if !status.is_redirection() {
                return Err(refused(&url, status));
            }
            url = redirected(&url, &response, bounds)?;
        }
        Err(SourceError::Unreachable { what: url.into(), reason: "it leads from one address to the next".into() })
    }

    /// A file that fits into memory: status and body, cut at `max_bytes`.
    pub(super) async fn small(
        &self,
        bounds: &Bounds,
        url: &Url,
        max_bytes: usize,
    ) -> Result<(u16, Vec<u8>), SourceError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut response = self.patiently(&url, None).await?;
            if response.status().is_redirection() {
                url = redirected(&url, &response, bounds)?;
                continue;
            }
            let mut body = Vec::new();
            while let Some(part) = response.chunk().await.map_err(|error| broke(&url, &error))? {
                body.extend_from_slice(&part[..part.len().min(max_bytes - body.len())]);
                if body.len() == max_bytes {
                    break;
                }
            }
            return Ok((response.status().as_u16(), body));
        }
        Ok((StatusCode::NOT_FOUND.as_u16(), Vec::new()))
    }

    /// From now on at least this long between two requests to the host of `url`.
    pub(super) async fn slow_down(&self, url: &Url, delay: Duration) {
        let mut turns = self.turns.lock().await;
        let turn = turns.entry(authority(url)).or_insert((Instant::now(), self.delay));
        turn.1 = turn.1.max(delay);
    }

    /// Waits for its turn, and tries again what may pass: 429, errors of the server, lost connections.
    async fn patiently(&self, url: &Url, fingerprint: Option<&str>) -> Result<Response, SourceError> {
        let mut attempt = 1;
        loop {
            self.turn(url).await;
            let result = self.once(url, fingerprint).await;
            let wait = match &result {
                Ok(response) => retry_after(response, attempt),
                Err(SourceError::Unreachable { .. } | SourceError::TimedOut { .. }) => Some(backoff(attempt)),
                Err(_) => None,
            };
            let Some(wait) = wait.filter(|_| attempt < ATTEMPTS) else { return result };
            tokio::time::sleep(wait.min(MAX_WAIT)).await;
            attempt += 1;
        }
    }

    async fn once(&self, url: &Url, fingerprint: Option<&str>) -> Result<Response, SourceError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html, application/pdf, */*;q=0.5"));
        for line in fingerprint.unwrap_or_default().lines() {
            let (name, value) = match line.split_at_checked(2) {
                Some(("E ", value)) => (header::IF_NONE_MATCH, value),
                Some(("M ", value)) => (header::IF_MODIFIED_SINCE, value),
                _ => continue,
            };
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        let request = self.client.get(url.clone()).headers(headers).send();
        let timed_out = || SourceError::TimedOut { what: url.to_string(), seconds: HEAD.as_secs() };
        let answered = tokio::time::timeout(HEAD, request).await.map_err(|_| timed_out())?;
        answered.map_err(|error| if error.is_timeout() { timed_out() } else { broke(url, &error) })
    }

    async fn turn(&self, url: &Url) {
        let until = {
            let mut turns = self.turns.lock().await;
            let turn = turns.entry(authority(url)).or_insert((Instant::now(), self.delay));
            let until = turn.0;
            turn.0 = until.max(Instant::now()) + turn.1;
            until
        };
        tokio::time::sleep_until(until).await;
    }
}

impl Page {
    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// What the server calls the type, without parameters, in lower case.
    pub(super) fn media_type(&self) -> Option<String> {
        let value = self.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or(value).trim().to_lowercase())
    }

    /// What the server will know this state of the page by.
    pub(super) fn fingerprint(&self) -> Option<String> {
        let line = |mark: &str, name| {
            let value = self.headers().get(name)?.to_str().ok()?;
            Some(format!("{mark} {value}"))
        };
        let lines: Vec<String> =
            [line("E", header::ETAG), line("M", header::LAST_MODIFIED)].into_iter().flatten().collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    pub(super) async fn keep(self, room: &Room) -> Result<tempfile::NamedTempFile, SourceError> {
        let what = self.url.to_string();
        if let Some(bytes) = self.response.content_length() {
            room.check(&what, bytes)?;
        }
        let url = self.url;
        room.receive(&what, self.response.bytes_stream(), |error| broke(&url, &error)).await
    }
}

fn redirected(url: &Url, response: &Response, bounds: &Bounds) -> Result<Url, SourceError> {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let to = location.and_then(|location| url.join(location).ok()).map(cleaned);
    let to = to.ok_or_else(|| refused(url, response.status()))?;
    if bounds.may_ask(&to) {
        return Ok(to);
    }
    Err(SourceError::LeadsOut { what: url.to_string(), to: authority(&to) })
}

fn refused(url: &Url, status: StatusCode) -> SourceError {
    let what = url.to_string();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SourceError::Denied { what },
        _ => SourceError::Status { what, status: status.as_u16() },
    }
}

fn broke(url: &Url, error: &reqwest::Error) -> SourceError {
    SourceError::Unreachable { what: url.to_string(), reason: http::reason(error) }
}

fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(250 << attempt.min(8))
}

/// How long to wait before the next attempt, where another may help.
fn retry_after(response: &Response, attempt: u32) -> Option<Duration> {
    let status = response.status();
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    Some(seconds.unwrap_or_default().max(backoff(attempt)))
}
