//! What a person says about a source, by kind. Kept as JSON; never a secret: it names credentials.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::SourceError;
use super::patterns::Patterns;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSettings {
    Folder(FolderSettings),
    Site(SiteSettings),
    Git(GitSettings),
    Bucket(BucketSettings),
}

/// A folder of the machine that the service runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    /// Absolute.
    pub path: PathBuf,
    #[serde(default)]
    pub include: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Files and folders whose names begin with a dot.
    #[serde(default)]
    pub hidden: bool,
    /// Changes are noticed as they happen.
    #[serde(default = "yes")]
    pub watch: bool,
}

/// Pages of a web site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSettings {
    /// Where reading begins.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Lists of pages (XML, also compressed, also lists of lists; or a line per address).
    #[serde(default)]
    pub sitemaps: Vec<String>,
    /// Hosts beside those of `urls` and `sitemaps`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What paths begin with; none: all of them.
    #[serde(default)]
    pub prefixes: Vec<String>,
    #[serde(default)]
    pub include: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Links between a start and a page.
    #[serde(default = "default_depth")]
    pub depth: u32,
    #[serde(default = "default_max_pages")]
    pub max_pages: u32,
    /// Between two requests to a host. A longer one in robots.txt counts.
    #[serde(default = "default_delay_ms")]
    pub delay_ms: u64,
}

/// A branch of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitSettings {
    pub url: String,
    /// The repository's own choice if left out.
    #[serde(default)]
    pub branch: Option<String>,
    /// Part of the tree.
    #[serde(default)]
    pub folder: Option<String>,
    #[serde(default)]
    pub include: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub credentials: Option<String>,
}

/// An object store or a folder of another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSettings {
    pub service: BucketService,
    /// Of an object store.
    #[serde(default)]
    pub bucket: Option<String>,
    /// Part of the tree.
    #[serde(default)]
    pub folder: Option<String>,
    /// Without credentials only: otherwise they say whom they are for.
    #[serde(default)]
    pub endpoint: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub include: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub credentials: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BucketService {
    S3,
    Webdav,
    Sftp,
}

fn yes() -> bool {
    true
}

fn default_depth() -> u32 {
    5
}

fn default_max_pages() -> u32 {
    1000
}

fn default_delay_ms() -> u64 {
    500
}

/// Longest pause between two requests that a person may ask for.
const MAX_DELAY_MS: u64 = 60_000;
const MAX_PAGES: u32 = 100_000;

impl SourceSettings {
    pub const KINDS: [&'static str; 4] = ["folder", "site", "git", "bucket"];

    /// Reads the settings of a kind, and says what is wrong with them.
    pub fn read(kind: &str, settings: &serde_json::Value) -> Result<Self, SourceError> {
        let wrong = |error: serde_json::Error| SourceError::Setting { name: "settings", reason: error.to_string() };
        let settings = settings.clone();
        let read = match kind {
            "folder" => Self::Folder(serde_json::from_value(settings).map_err(wrong)?),
            "site" => Self::Site(serde_json::from_value(settings).map_err(wrong)?),
            "git" => Self::Git(serde_json::from_value(settings).map_err(wrong)?),
            "bucket" => Self::Bucket(serde_json::from_value(settings).map_err(wrong)?),
            other => {
                return Err(SourceError::Setting {
                    name: "kind",
                    reason: format!("there is no {other:?}; there are {}", Self::KINDS.join(", ")),
                });
            }
        };
        read.check()?;
        Ok(read)
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::Site(_) => "site",
            Self::Git(_) => "git",
            Self::Bucket(_) => "bucket",
        }
    }

    /// With every default filled in.
    pub fn to_json(&self) -> serde_json::Value {
        let written = match self {
            Self::Folder(settings) => serde_json::to_value(settings),
            Self::Site(settings) => serde_json::to_value(settings),
            Self::Git(settings) => serde_json::to_value(settings),
            Self::Bucket(settings) => serde_json::to_value(settings),
        };
        written.unwrap_or_default()
    }

    /// A name that tells it from others of its kind.
    pub fn suggested_name(&self) -> String {
        let tail = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let name = match self {
            Self::Folder(settings) => tail(&settings.path.to_string_lossy()),
            Self::Site(settings) => {
                let first = settings.urls.first().or(settings.sitemaps.first());
                let host = first.and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned));
                host.unwrap_or_default()
            }
            Self::Git(settings) => tail(&settings.url).trim_end_matches(".git").to_owned(),
            Self::Bucket(settings) => {
                let named = settings.bucket.clone().or(settings.folder.as_deref().map(tail));
                named.or(settings.credentials.clone()).unwrap_or_default()
            }
        };
        let name: String = name.chars().filter(|character| !character.is_control()).take(100).collect();
        if name.trim().is_empty() { self.kind().to_owned() } else { name }
    }

    pub fn credentials(&self) -> Option<&str> {
        match self {
            Self::Git(settings) => settings.credentials.as_deref(),
            Self::Bucket(settings) => settings.credentials.as_deref(),
            Self::Folder(_) | Self::Site(_) => None,
        }
    }

    fn check(&self) -> Result<(), SourceError> {
        match self {
            Self::Folder(settings) => {
                Patterns::new(&settings.include, &settings.exclude)?;
                if !settings.path.is_absolute() {
                    return setting("path", "it must be absolute");
                }
            }
            Self::Site(settings) => check_site(settings)?,
            Self::Git(settings) => {
                Patterns::new(&settings.include, &settings.exclude)?;
                check_git(settings)?;
            }
            Self::Bucket(settings) => {
                Patterns::new(&settings.include, &settings.exclude)?;
                check_bucket(settings)?;
            }
        }
        Ok(())
    }
}

fn setting<T>(name: &'static str, reason: impl Into<String>) -> Result<T, SourceError> {
    Err(SourceError::Setting { name, reason: reason.into() })
}

/// An address as people write it, for requests.
pub(super) fn web_address(name: &'static str, text: &str) -> Result<Url, SourceError> {
    let url = Url::parse(text).or_else(|error| setting(name, format!("{text:?}: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return setting(name, format!("{text:?} is no http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return setting(name, "an address here holds no user name or password");
    }
    Ok(url)
}

fn check_site(settings: &SiteSettings) -> Result<(), SourceError> {
    Patterns::new(&settings.include, &settings.exclude)?;
    if settings.urls.is_empty() && settings.sitemaps.is_empty() {
        return setting("urls", "at least one start or one sitemap is needed");
    }
    for url in &settings.urls {
        web_address("urls", url)?;
    }
    for url in &settings.sitemaps {
        web_address("sitemaps", url)?;
    }
    for host in &settings.hosts {
        let whole = web_address("hosts", &format!("http://{host}/"))?;
        if whole.path() != "/" || whole.query().is_some() {
            return setting("hosts", format!("{host:?} is no host name"));
        }
    }
    if let Some(prefix) = settings.prefixes.iter().find(|prefix| !prefix.starts_with('/')) {
        return setting("prefixes", format!("{prefix:?} does not begin with a slash"));
    }
    if !(1..=MAX_PAGES).contains(&settings.max_pages) {
        return setting("max_pages", format!("1 to {MAX_PAGES}"));
    }
    if settings.delay_ms > MAX_DELAY_MS {
        return setting("delay_ms", format!("at most {MAX_DELAY_MS}"));
    }
    Ok(())
}

fn check_git(settings: &GitSettings) -> Result<(), SourceError> {
    if let Some(branch) = &settings.branch {
        let strange = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
        if branch.is_empty() || branch.starts_with('-') || branch.contains("..") || branch.contains(strange) {
            return setting("branch", format!("{branch:?} is no name of a branch"));
        }
    }
    if settings.url.starts_with('-') || settings.url.contains(char::is_control) {
        return setting("url", "it is no address of a repository");
    }
    let url = Url::parse(&settings.url).or_else(|error| setting("url", error.to_string()))?;
    match url.scheme() {
        "https" | "http" => drop(web_address("url", &settings.url)?),
        "file" => {}
        "ssh" if url.password().is_none() && url.host_str().is_some_and(|host| !host.starts_with('-')) => {}
        _ => return setting("url", "https, http, ssh and file addresses without a password are understood"),
    }
    check_relative("folder", settings.folder.as_deref())
}

fn check_bucket(settings: &BucketSettings) -> Result<(), SourceError> {
    check_relative("folder", settings.folder.as_deref())?;
    let has_bucket = settings.bucket.as_deref().is_some_and(|bucket| !bucket.is_empty());
    match settings.service {
        BucketService::S3 if !has_bucket => return setting("bucket", "an object store has one; name it"),
        BucketService::Webdav | BucketService::Sftp if has_bucket => {
            return setting("bucket", "only object stores have buckets; use `folder`");
        }
        _ => {}
    }
    match (&settings.endpoint, &settings.credentials) {
        (Some(_), Some(_)) => setting("endpoint", "credentials say whom they are for: write it into their section"),
        (Some(endpoint), None) if settings.service != BucketService::Sftp => {
            web_address("endpoint", endpoint).map(drop)
        }
        (None, None) if settings.service != BucketService::S3 => setting("endpoint", "name the server's address"),
        (_, None) if settings.service == BucketService::Sftp => setting("credentials", "SFTP needs them"),
        _ => Ok(()),
    }
}

fn check_relative(name: &'static str, folder: Option<&str>) -> Result<(), SourceError> {
    let strange = folder.is_some_and(|folder| {
        folder.contains(char::is_control) || folder.split('/').any(|part| part == ".." || part == ".")
    });
    if strange { setting(name, "it is a path from the root, without dots") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_with_their_defaults() {
        let read = SourceSettings::read("folder", &json!({"path": "/srv/reports"})).unwrap();
        assert_eq!(read.to_json()["watch"], true);
        let read = SourceSettings::read("site", &json!({"urls": ["https://docs.example/"]})).unwrap();
        assert_eq!(read.to_json()["max_pages"], 1000);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (kind, settings, name) in [
            ("drawer", json!({}), "kind"),
            ("folder", json!({"path": "reports"}), "path"),
            ("folder", json!({"path": "/srv", "colour": 1}), "colour"),
            ("folder", json!({"path": "/srv", "include": ["["]}), "include"),
            ("site", json!({}), "urls"),
            ("site", json!({"urls": ["ftp://docs.example/"]}), "urls"),
            ("site", json!({"urls": ["https://me:secret@docs.example/"]}), "urls"),
            ("site", json!({"urls": ["https://docs.example/"], "prefixes": ["help"]}), "prefixes"),
            ("site", json!({"urls": ["https://docs.example/"], "hosts": ["a/b"]}), "hosts"),
            ("git", json!({"url": "--upload-pack=evil"}), "url"),
            ("git", json!({"url": "ext::sh -c evil"}), "url"),
            ("git", json!({"url": "https://me:secret@git.example/a"}), "url"),
            ("git", json!({"url": "https://git.example/a", "branch": "--all"}), "branch"),
            ("git", json!({"url": "https://git.example/a", "folder": "../.."}), "folder"),
            ("bucket", json!({"service": "s3"}), "bucket"),
            ("bucket", json!({"service": "webdav"}), "endpoint"),
            ("bucket", json!({"service": "webdav", "endpoint": "https://a.example", "credentials": "a"}), "endpoint"),
            ("bucket", json!({"service": "sftp", "endpoint": "a.example"}), "credentials"),
        ] {
            let error = SourceSettings::read(kind, &settings).unwrap_err().to_string();
            assert!(error.contains(name), "{kind} {settings}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
