//! Object stores and folders of other machines, through `OpenDAL`.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::raw::Servicer;
use opendal::services::{S3, Sftp, Webdav};
use opendal::{Builder as _, ErrorKind, HttpTransporter, Metadata, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use url::Url;

use super::patterns::Patterns;
use super::{
    BucketService, BucketSettings, Content, Credential, Found, Item, Listed, Listing, Origin, Reach, Room, SourceError,
    http,
};

/// Longest call that moves no content, and longest silence of one that does.
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: usize = 3;
/// Before the first of them; doubles.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Bucket {
    /// Tries again by itself.
    operator: Operator,
    /// Does not: a listing of a folder that broke off cannot be taken up in its middle.
    once: Operator,
    patterns: Patterns,
    /// What the addresses of its documents begin with.
    address: String,
    /// A disk of another machine may be missing without an error; a bucket that can be listed is itself.
    may_be_empty: bool,
}

impl Bucket {
    pub(super) fn open(settings: &BucketSettings, reach: &Reach) -> Result<Self, SourceError> {
        let credential = match &settings.credentials {
            Some(name) => reach.credential(name)?.clone(),
            None => Credential { endpoint: settings.endpoint.clone().unwrap_or_default(), ..Credential::default() },
        };
        if Url::parse(&credential.endpoint).is_ok_and(|url| url.has_host() && !http::may_ask(&url)) {
            return Err(SourceError::Setting { name: "endpoint", reason: "it is never asked for documents".into() });
        }
        let folder = settings.folder.as_deref().unwrap_or_default().trim_matches('/').to_owned();
        if settings.service != BucketService::Sftp {
            HttpTransporter::install_default(ReqwestTransport::new(http::client()?));
        }
        let (operator, address) = match settings.service {
            BucketService::S3 => s3(settings, &credential, &folder),
            BucketService::Webdav => webdav(&credential, &folder),
            BucketService::Sftp => sftp(&credential, &folder),
        }?;
        let folder = if folder.is_empty() { folder } else { format!("{folder}/") };
        Self::over(operator, settings, format!("{address}/{folder}"))
    }

    /// A bucket behind any operator.
    pub(super) fn over(operator: Operator, settings: &BucketSettings, address: String) -> Result<Self, SourceError> {
        let once = operator.layer(TimeoutLayer::new().with_timeout(TIMEOUT).with_io_timeout(TIMEOUT));
        Ok(Self {
            operator: once.clone().layer(RetryLayer::new().with_max_times(RETRIES).with_jitter()),
            once,
            patterns: Patterns::new(&settings.include, &settings.exclude)?,
            address,
            may_be_empty: settings.service == BucketService::S3,
        })
    }

    /// Where the server lists everything below a place itself.
    async fn list_all(&self, listing: &Listing) -> Result<(), SourceError> {
        let error = |error: opendal::Error| self.error("", &error);
        let mut entries = self.operator.lister_with("").recursive(true).await.map_err(error)?;
        while let Some(entry) = entries.try_next().await.map_err(error)? {
            let (key, metadata) = entry.into_parts();
            self.tell(key, &metadata, listing).await?;
        }
        Ok(())
    }

    /// Folder by folder. `OpenDAL` would do it too, and leave out folders that it could not read.
    async fn walk(&self, listing: &Listing) -> Result<(), SourceError> {
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = match self.entries(&folder).await {
                Ok(entries) => entries,
                // It went while its neighbours were listed.
                Err(error) if error.kind() == ErrorKind::NotFound && !folder.is_empty() => continue,
                Err(error) if error.kind() == ErrorKind::PermissionDenied && !folder.is_empty() => {
                    let error = self.error(&folder, &error);
                    let key = folder.trim_end_matches('/').to_owned();
                    listing.tell(Found::Closed { key, error }).await?;
                    continue;
                }
                Err(error) => return Err(self.error(&folder, &error)),
            };
            for (key, metadata) in entries {
                if metadata.is_dir() {
                    if key.trim_matches('/') != folder.trim_matches('/')
                        && !self.patterns.skip_folder(key.trim_matches('/'))
                    {
                        folders.push(key);
                    }
                } else {
                    self.tell(key, &metadata, listing).await?;
                }
            }
        }
        Ok(())
    }

    /// What lies in one folder, read anew from its beginning after an error that may pass.
    async fn entries(&self, folder: &str) -> Result<Vec<(String, Metadata)>, opendal::Error> {
        let mut attempt = 0;
        loop {
            let read = async {
                let entries = self.once.lister_with(folder).await?;
                entries.map_ok(opendal::Entry::into_parts).try_collect().await
            };
            match read.await {
                Err(error) if error.is_temporary() && attempt < RETRIES => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE * (1 << attempt)).await;
                }
                result => return result,
            }
        }
    }

    async fn tell(&self, key: String, metadata: &Metadata, listing: &Listing) -> Result<(), SourceError> {
        if !metadata.is_file() || !self.patterns.take(&key) {
            return Ok(());
        }
        if let Err(error) = listing.room.check(&key, metadata.content_length()) {
            return listing.tell(Found::Failed { key, error }).await;
        }
        let item = Item {
            source_uri: format!("{}{key}", self.address),
            file_name: key.rsplit('/').next().unwrap_or(&key).to_owned(),
            fingerprint: fingerprint(metadata),
            content: Content::OnDemand,
            key,
        };
        listing.tell(Found::Item(item)).await
    }

    fn error(&self, what: &str, error: &opendal::Error) -> SourceError {
        let what = format!("{}{what}", self.address);
        match error.kind() {
            ErrorKind::NotFound => SourceError::Missing { what },
            ErrorKind::PermissionDenied => SourceError::Denied { what },
            // Its message alone: the rest may hold headers.
            _ => SourceError::Unreachable { what, reason: first_line(error.message()) },
        }
    }
}

impl Origin for Bucket {
    const PARALLEL: usize = 8;

    async fn list(&self, listing: &Listing) -> Result<Listed, SourceError> {
        if self.once.info().capability().list_with_recursive {
            self.list_all(listing).await?;
        } else {
            self.walk(listing).await?;
        }
        Ok(Listed { complete: true, landmark: None, may_be_empty: self.may_be_empty })
    }

    async fn fetch(&self, item: &Item, room: &Room) -> Result<tempfile::NamedTempFile, SourceError> {
        let error = |error: opendal::Error| self.error(&item.key, &error);
        let reader = self.operator.reader(&item.key).await.map_err(error)?;
        let stream = reader.into_bytes_stream(..).await.map_err(error)?;
        let broke = |error: std::io::Error| SourceError::io(format!("{}{}", self.address, item.key), &error);
        room.receive(&item.key, stream, broke).await
    }
}

/// What the server knows a state of the file by; else its length and when it was written.
fn fingerprint(metadata: &Metadata) -> Option<String> {
    if let Some(etag) = metadata.etag() {
        return Some(format!("{}:{etag}", metadata.content_length()));
    }
    metadata.last_modified().map(|written| format!("{}:{written}", metadata.content_length()))
}

type Opened = Result<(Operator, String), SourceError>;

fn s3(settings: &BucketSettings, credential: &Credential, folder: &str) -> Opened {
    let bucket = settings.bucket.as_deref().unwrap_or_default();
    let region = [settings.region.as_deref().unwrap_or_default(), &credential.region, "us-east-1"];
    let region = region.into_iter().find(|region| !region.is_empty()).unwrap_or_default();
    // Nothing of this machine's environment or surroundings is shown to the server.
    let mut builder = S3::default()
        .bucket(bucket)
        .root(folder)
        .region(region)
        .endpoint(&credential.endpoint)
        .disable_config_load()
        .disable_ec2_metadata();
    builder = if credential.access_key_id.is_empty() {
        builder.skip_signature()
    } else {
        builder
            .access_key_id(&credential.access_key_id)
            .secret_access_key(&credential.secret_access_key)
            .session_token(&credential.session_token)
    };
    Ok((Operator::new(builder).map_err(|error| misfit(&error))?, format!("s3://{bucket}")))
}

fn webdav(credential: &Credential, folder: &str) -> Opened {
    let endpoint = credential.endpoint.trim_end_matches('/');
    let mut builder = Webdav::default().endpoint(endpoint).root(folder);
    if !credential.token.is_empty() {
        builder = builder.token(&credential.token);
    } else if !credential.username.is_empty() {
        builder = builder.username(&credential.username).password(&credential.password);
    }
    Ok((Operator::new(builder).map_err(|error| misfit(&error))?, endpoint.to_owned()))
}

fn sftp(credential: &Credential, folder: &str) -> Opened {
    let endpoint = credential.endpoint.trim_end_matches('/');
    // The program ssh is given this: it must not read it as one of its options.
    if endpoint.is_empty() || endpoint.starts_with('-') || endpoint.contains(char::is_whitespace) {
        return Err(SourceError::Setting { name: "credentials", reason: "their endpoint is no SSH server".into() });
    }
    let key = credential.key_file.to_string_lossy();
    let folder = if folder.is_empty() { String::new() } else { format!("/{folder}") };
    let builder = Sftp::default().endpoint(endpoint).user(&credential.username).key(&key).root(&folder);
    let service: Servicer = Arc::new(builder.build().map_err(|error| misfit(&error))?);
    let host = endpoint.trim_start_matches("ssh://").rsplit('@').next().unwrap_or_default();
    // Without the layers of `Operator::new`: they look behind links, which may lead anywhere.
    Ok((Operator::from_parts(OperationContext::default(), service), format!("sftp://{host}")))
}

fn misfit(error: &opendal::Error) -> SourceError {
    SourceError::Setting { name: "settings", reason: first_line(error.message()) }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
