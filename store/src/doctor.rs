//! Whether the database and both indexes say the same, document by document; and mending what differs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Result;
use crate::access::revision_of;
use crate::ids::RevisionId;
use crate::indexes::Indexes;
use crate::sql::chunks::StoredRevision;
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

/// A revision whose entries are not as many as its chunks, or not for the readers that it is for. Only entries for
/// the right readers are counted.
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
        self.sets.catch_up(last).await?;
        let in_use = self.sets.in_use();
        let mut report = self.examine(&in_use, repair).await?;
        // Nobody searches in a set that stands beside, but it is to take the other's place.
        for other in self.sets.each().into_iter().skip(1) {
            let beside = self.examine(&other, repair).await?;
            report.healthy &= beside.healthy;
            report.mended += beside.mended;
            report.differences.extend(beside.differences);
        }
        Ok(report)
    }

    async fn examine(&self, indexes: &Indexes, repair: bool) -> Result<DoctorReport> {
        let report = self.compare(indexes).await?;
        if !repair || report.healthy {
            return Ok(report);
        }
        let differing: Vec<RevisionId> =
            report.differences.iter().filter_map(|difference| difference.revision.parse().ok()).collect();
        indexes.mend(&differing).await?;
        let mended = report.differences.len() as u64;
        Ok(DoctorReport { mended, ..self.compare(indexes).await? })
    }

    async fn compare(&self, indexes: &Indexes) -> Result<DoctorReport> {
        let pair = indexes.pair().await;
        // The indexes are asked first: a revision that is written meanwhile is no stranger then.
        let mut indexed = pair.lexical.revisions()?;
        let dense_counts = pair.dense.stamps().await?;
        indexed.extend(dense_counts.keys().filter_map(|stamp| revision_of(stamp)));
        let mut stamps_by_revision: BTreeMap<RevisionId, u64> = BTreeMap::new();
        for revision in dense_counts.keys().filter_map(|stamp| revision_of(stamp)) {
            *stamps_by_revision.entry(revision).or_default() += 1;
        }
        let stored = self.database.stored_revisions(indexes.set.id).await?;
        let mut differences = Vec::new();
        let (mut documents, mut chunks_sql) = (0, 0);
        for StoredRevision { revision, document, stamp, chunks, .. } in stored.iter().filter(|stored| stored.is_current)
        {
            documents += 1;
            chunks_sql += chunks;
            // For the right readers, and for no others.
            let lexical = (pair.lexical.count_stamp(stamp)?, pair.lexical.count_revision(*revision)?);
            let dense = match dense_counts.get(stamp) {
                Some(dense) if dense == chunks && stamps_by_revision.get(revision) == Some(&1) => (*dense, *dense),
                _ => (pair.dense.count_stamp(stamp).await?, pair.dense.count_revision(*revision).await?),
            };
            if (lexical, dense) != ((*chunks, *chunks), (*chunks, *chunks)) {
                differences.push(Difference {
                    revision: revision.to_string(),
                    document: Some(document.to_string()),
                    chunks_sql: *chunks,
                    chunks_lexical: lexical.0,
                    chunks_dense: dense.0,
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
            documents,
            chunks_sql,
            chunks_lexical: pair.lexical.len(),
            chunks_dense: pair.dense.len().await?,
            differences,
            mended: 0,
        })
    }
}
