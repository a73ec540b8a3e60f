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
        let parse = |difference: &Difference| difference.revision.parse::<RevisionId>().ok();
        let (known, unknown): (Vec<_>, Vec<_>) =
            report.differences.iter().partition(|difference| difference.document.is_some());
        let again: Vec<RevisionId> = known.into_iter().filter_map(parse).collect();
        let out: Vec<RevisionId> = unknown.into_iter().filter_map(parse).collect();
        self.indexes.mend(&again, &out).await?;
        let mended = report.differences.len() as u64;
        Ok(DoctorReport { mended, ..self.compare().await? })
    }

    async fn compare(&self) -> Result<DoctorReport> {
        let pair = self.indexes.pair().await;
        let counts = self.database.chunk_counts().await?;
        let mut differences = Vec::new();
        let mut chunks_sql = 0;
        for (revision, document, chunks) in &counts {
            chunks_sql += chunks;
            let lexical = pair.lexical.count_revision(*revision)?;
            let dense = pair.dense.count_revision(*revision).await?;
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
        let mut indexed = pair.lexical.revisions()?;
        indexed.extend(pair.dense.revisions().await?);
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
