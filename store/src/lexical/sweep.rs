//! Entries that are deleted stay in their segments until these are merged. Here segments that hold some are written
//! anew at once: on tantivy's own merging threads, so that batches are not kept waiting.

use std::time::{Duration, Instant};

use tantivy::Term;
use tantivy::index::SegmentId;
use tokio::sync::oneshot;

use super::LexicalIndex;
use super::index::Command;
use crate::Result;
use crate::error::StoreError;

/// After a merge that came to nothing, because the index merged the same segments by itself.
const PAUSE: Duration = Duration::from_millis(50);

impl LexicalIndex {
    /// Entries with a term, those included that are deleted and still in a segment.
    pub fn count_with_deleted(&self, term: &Term) -> Result<u64> {
        let mut count = 0;
        for segment in self.reader.searcher().segment_readers() {
            count += u64::from(segment.inverted_index(term.field())?.doc_freq(term)?);
        }
        Ok(count)
    }

    /// Writes segments anew that hold deleted entries with the term, until there are none or the time is up.
    pub async fn sweep(&self, term: &Term, time: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            let littered = self.littered(term)?;
            if littered.is_empty() || started.elapsed() >= time {
                break;
            }
            let (reply, begun) = oneshot::channel();
            self.command(Command::Merge(littered, reply)).await?;
            for merge in begun.await.map_err(|_| StoreError::Stopped)? {
                let left = time.saturating_sub(started.elapsed());
                // A merge that was overtaken by another of the same segments is as good as one that was made.
                if let Ok(Err(error)) = tokio::time::timeout(left, merge).await {
                    tracing::debug!(%error, "a merge of the lexical index came to nothing");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            self.reader.reload()?;
        }
        // Files of segments that were merged go once no reader is on them.
        let (reply, collected) = oneshot::channel();
        self.command(Command::Collect(reply)).await?;
        let collected = collected.await.map_err(|_| StoreError::Stopped)?;
        let left = time.saturating_sub(started.elapsed()).max(PAUSE);
        if let Ok(Err(error)) = tokio::time::timeout(left, collected).await {
            tracing::warn!(%error, "files of the lexical index that nobody needs stay until its next commit");
        }
        Ok(())
    }

    /// Segments that hold deleted entries, some of them with the term.
    fn littered(&self, term: &Term) -> Result<Vec<SegmentId>> {
        let mut found = Vec::new();
        for segment in self.reader.searcher().segment_readers() {
            if segment.num_deleted_docs() > 0 && segment.inverted_index(term.field())?.doc_freq(term)? > 0 {
                found.push(segment.segment_id());
            }
        }
        Ok(found)
    }
}
