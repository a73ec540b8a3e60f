//! Bytes from elsewhere, into a file that the blobs can take over, up to a limit.

use std::path::PathBuf;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;

use super::SourceError;

/// Where bytes go, and how many of one item.
#[derive(Debug, Clone)]
pub struct Room {
    /// The folder from which the blobs take files over.
    pub folder: PathBuf,
    pub max_bytes: u64,
}

/// How long a transfer may stand still.
const STILL: Duration = Duration::from_mins(1);

impl Room {
    pub(super) fn file(&self) -> Result<tempfile::NamedTempFile, SourceError> {
        tempfile::NamedTempFile::new_in(&self.folder).map_err(|error| SourceError::io("the data folder", &error))
    }

    pub(super) fn check(&self, what: &str, bytes: u64) -> Result<(), SourceError> {
        if bytes > self.max_bytes {
            return Err(SourceError::TooLarge { what: what.to_owned(), max_bytes: self.max_bytes });
        }
        Ok(())
    }

    /// Everything that a stream gives.
    pub(super) async fn receive<B: AsRef<[u8]>, E>(
        &self,
        what: &str,
        stream: impl Stream<Item = Result<B, E>>,
        broke: impl Fn(E) -> SourceError,
    ) -> Result<tempfile::NamedTempFile, SourceError> {
        let file = self.file()?;
        let reopened = file.reopen().map_err(|error| SourceError::io("the data folder", &error))?;
        let mut writer = tokio::fs::File::from_std(reopened);
        let mut bytes = 0;
        let mut stream = std::pin::pin!(stream);
        loop {
            let part = tokio::time::timeout(STILL, stream.next())
                .await
                .map_err(|_| SourceError::TimedOut { what: what.to_owned(), seconds: STILL.as_secs() })?;
            let Some(part) = part else { break };
            let part = part.map_err(&broke)?;
            bytes += part.as_ref().len() as u64;
            self.check(what, bytes)?;
            writer.write_all(part.as_ref()).await.map_err(|error| SourceError::io("the data folder", &error))?;
        }
        writer.flush().await.map_err(|error| SourceError::io("the data folder", &error))?;
        Ok(file)
    }
}
