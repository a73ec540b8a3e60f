//! Removing a document from every place where its text may be, and the receipt of it.

use crate::Result;
use crate::ids::DocumentId;
use crate::receipt::{Cause, Finding, Place, Receipt, Subject, Until};
use crate::source::KnownItem;
use crate::sql::changes::ChangeKind;
use crate::sql::now_ms;
use crate::sql::traces::Rows;
use crate::store::Store;
use crate::trace::{Trace, Traces};

/// What was there before a deletion.
pub(crate) struct Before {
    pub rows: Rows,
    pub traces: Traces,
    pub originals: u64,
}

impl Store {
    /// Takes a document out of database, indexes, originals and answers, in whatever state it is, and out of their
    /// files as far as that can be done now.
    pub async fn remove_document(&self, document: DocumentId) -> Result<Receipt> {
        self.remove(document, None).await
    }

    /// The same for a document that its source does not hold any more, with what was known of the item.
    pub(crate) async fn remove_with_item(&self, document: DocumentId, item: &KnownItem) -> Result<Receipt> {
        self.remove(document, Some(item)).await
    }

    async fn remove(&self, document: DocumentId, item: Option<&KnownItem>) -> Result<Receipt> {
        let trace = Trace::Document(document);
        let cause = if item.is_some() { Cause::Sync } else { Cause::Operator };
        let traces = self.sets.look(&trace, cause == Cause::Operator).await?;
        let mut receipt = Receipt::new(Subject::Document(document), now_ms(), cause);

        let mut transaction = self.database.begin().await?;
        let known = self.database.existing(&mut transaction, document).await?;
        let rows = self.database.rows_of_document(&mut transaction, document).await?;
        let created_at = self.database.created_at(&mut transaction, document).await?;
        self.database.delete_jobs(&mut transaction, document).await?;
        let mut blobs = vec![known.sha256];
        let mut sequence = 0;
        for (revision, sha256) in self.database.revisions_of(&mut transaction, document).await? {
            self.database.delete_revision(&mut transaction, revision).await?;
            sequence = self.database.insert_change(&mut transaction, ChangeKind::Remove, revision).await?;
            blobs.push(sha256);
        }
        blobs.sort_unstable();
        blobs.dedup();
        self.database.delete_document(&mut transaction, document).await?;
        // After the document: an answer that quotes it is either seen here, or kept without it.
        self.database.redact_answers(&mut transaction, document).await?;
        if let Some(item) = item {
            self.sources().delete_item_within(&mut transaction, item).await?;
        }
        let before = Before { rows, traces, originals: self.originals(&blobs) };
        receipt.body.sha256.clone_from(&blobs);
        receipt.body.backups = self.database.backups_since(&mut transaction, created_at).await?;
        receipt.body.findings = self.findings(&receipt, &before, None).await;
        self.database.insert_receipt(&mut transaction, &receipt).await?;
        transaction.commit().await?;
        self.changed(document);

        // First, because nobody would come back for them if an index could not follow now.
        for sha256 in &blobs {
            self.drop_blob_if_unused(sha256).await?;
        }
        self.sets.catch_up(sequence).await?;
        self.complete(receipt, &before, &trace).await
    }

    /// Sweeps, looks again everywhere, and writes down what was found.
    pub(crate) async fn complete(&self, mut receipt: Receipt, before: &Before, trace: &Trace) -> Result<Receipt> {
        let thorough = receipt.body.cause == Cause::Operator;
        let mut log_is_empty = false;
        if thorough {
            self.sets.sweep(trace).await;
            log_is_empty = self.database.empty_log().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the database's log could not be emptied");
                false
            });
        }
        for sha256 in &receipt.body.sha256 {
            if let (Subject::Document(document), true) = (&receipt.subject, self.blobs.path(sha256).exists()) {
                receipt.body.kept_for.extend(self.database.sharers(sha256, *document).await?);
            }
        }
        let mut transaction = self.database.begin().await?;
        let rows = match trace {
            Trace::Document(document) => self.database.rows_of_document(&mut transaction, *document).await?,
            Trace::Person(name) => self.database.rows_of_person(&mut transaction, name).await?,
        };
        transaction.rollback().await?;
        let traces = self.sets.look(trace, thorough).await?;
        let after = Before { rows, traces, originals: self.originals(&receipt.body.sha256) };
        receipt.body.findings = self.findings(&receipt, before, Some((&after, log_is_empty))).await;
        self.database.complete_receipt(&receipt).await?;
        let remaining: Vec<&str> = receipt.remaining().map(|finding| finding.place.as_str()).collect();
        tracing::info!(receipt = receipt.id, remains_in = remaining.join(" "), "removed");
        Ok(receipt)
    }

    /// `after`: what was found, and whether the database's log was emptied; nothing before it was looked for.
    pub(crate) async fn findings(
        &self,
        receipt: &Receipt,
        before: &Before,
        after: Option<(&Before, bool)>,
    ) -> Vec<Finding> {
        let until = |until| if after.is_some() { until } else { Until::LookedAgain };
        let mut findings: Vec<Finding> = Vec::new();
        for (place, found) in &before.rows {
            let found_after = after.and_then(|(after, _)| after.rows.iter().find(|(known, _)| known == place));
            let remains = match place {
                Place::SourceItems => Until::SourceLetsGo,
                Place::AccessEntries if matches!(receipt.subject, Subject::Document(_)) => Until::ListIsCleared,
                _ => Until::RemovedAgain,
            };
            findings.push(Finding::new(*place, Some(*found), found_after.map(|(_, found)| *found), until(remains)));
        }
        let in_log = after.and_then(|(_, log_is_empty)| log_is_empty.then_some(0));
        let remains = if self.database.is_shared() { Until::Vacuumed } else { Until::LogIsEmptied };
        findings.push(Finding::new(Place::DatabaseFiles, None, in_log, until(remains)));
        findings.extend(self.sets.findings(&before.traces, after.map(|(after, _)| &after.traces)).await);
        if matches!(receipt.subject, Subject::Document(_)) {
            let originals = after.map(|(after, _)| after.originals);
            let remains = until(Until::OthersAreRemoved);
            findings.push(Finding::new(Place::Originals, Some(before.originals), originals, remains));
        }
        findings.push(Finding::new(Place::Memory, None, None, until(Until::MemoryIsReused)));
        findings
    }

    /// How many of these bytes are kept.
    fn originals(&self, blobs: &[String]) -> u64 {
        blobs.iter().filter(|sha256| self.blobs.path(sha256).exists()).count() as u64
    }
}
