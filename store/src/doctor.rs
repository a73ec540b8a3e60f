//! Whether the database and both indexes say the same, document by document; and mending what differs.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::Result;
use crate::ids::RevisionId;
use crate::store::Store;

#[derive(Debug, Clone, Serialize)]
pub struct DoctorReport {
    pub healthy: bool,
    /// Documents that can be searched.
    pub documents: u64,
    pub chunks_sql: u64,
    pub chunks_lexical: u64,
    pub chunks_dense: u64,
    pub differences: Vec<Difference>,
    /// Differences that were mended in this run.
    pub mended: u64,
}

/// A revision whose entries are not as many as its chunks.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    pub revision: String,
    /// None for entries of a revision that the database does not know.
    pub document: Option<String>,
    pub chunks_sql: u64,
    pub chunks_lexical: u64,
    pub chunks_dense: u64,
}

impl Store {
    /// Compares; with `repair`, mends what differs and compares again.
    pub async fn doctor(&self, repair: bool) -> Result<DoctorReport> {
        let last = self.database.last_change().await?;
        self.indexes.catch_up(last).await?;
        let report = self.compare().await?;
        if !repair || report.healthy {
            return Ok(report);
        }
        let differing: Vec<RevisionId> =
            report.differences.iter().filter_map(|difference| difference.revision.parse().ok()).collect();
        self.indexes.mend(&differing).await?;
        let mended = report.differences.len() as u64;
        Ok(DoctorReport { mended, ..self.compare().await? })
    }

    async fn compare(&self) -> Result<DoctorReport> {
        let pair = self.indexes.pair().await;
        // The indexes are asked first: a revision that is written meanwhile is no stranger then.
        let mut indexed = pair.lexical.revisions()?;
        let dense_counts = pair.dense.revisions().await?;
        indexed.extend(dense_counts.keys());
        let counts = self.database.chunk_counts().await?;
        let mut differences = Vec::new();
        let mut chunks_sql = 0;
        for (revision, document, chunks) in &counts {
            chunks_sql += chunks;
            let lexical = pair.lexical.count_revision(*revision)?;
            let dense = match dense_counts.get(revision) {
                Some(dense) if dense == chunks => *dense,
                _ => pair.dense.count_revision(*revision).await?,
            };
            if (lexical, dense) != (*chunks, *chunks) {
                differences.push(Difference {
                    revision: revision.to_string(),
                    document: Some(document.to_string()),
                    chunks_sql: *chunks,
                    chunks_lexical: lexical,
                    chunks_dense: dense,
                });
            }
        }
        // Revisions that are being written right now are known, and not yet current.
        let known: BTreeSet<RevisionId> = self.database.all_revisions().await?.into_iter().collect();
        for revision in indexed.difference(&known) {
            let lexical = pair.lexical.count_revision(*revision)?;
            let dense = pair.dense.count_revision(*revision).await?;
            if lexical + dense > 0 {
                differences.push(Difference {
                    revision: revision.to_string(),
                    document: None,
                    chunks_sql: 0,
                    chunks_lexical: lexical,
                    chunks_dense: dense,
                });
            }
        }
        Ok(DoctorReport {
            healthy: differences.is_empty(),
            documents: counts.len() as u64,
            chunks_sql,
            chunks_lexical: pair.lexical.len(),
            chunks_dense: pair.dense.len().await?,
            differences,
            mended: 0,
        })
    }
}
