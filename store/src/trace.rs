//! What the indexes hold of a document or a person: entries that a search can find, and what is left of those that are
//! deleted.

use std::time::Duration;

use crate::Result;
use crate::access::Reader;
use crate::ids::DocumentId;
use crate::indexes::Indexes;
use crate::open_sets::OpenSets;
use crate::receipt::{Finding, Place, Until};

/// How long a removal waits for segments to be written anew.
const TIME_TO_SWEEP: Duration = Duration::from_secs(10);

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) enum Trace {
    Document(DocumentId),
    /// A person's name, in the lists of documents that are narrowed.
    Person(String),
}

/// What was found of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traces {
    lexical: u64,
    lexical_with_deleted: u64,
    dense: u64,
    /// None: not looked for.
    in_dense_files: Option<u64>,
}

impl Trace {
    /// As both indexes name it.
    fn text(&self) -> String {
        match self {
            Self::Document(document) => document.to_string(),
            Self::Person(name) => Reader::User(name.clone()).to_string(),
        }
    }
}

impl Traces {
    fn and(self, other: Self) -> Self {
        Self {
            lexical: self.lexical + other.lexical,
            lexical_with_deleted: self.lexical_with_deleted + other.lexical_with_deleted,
            dense: self.dense + other.dense,
            in_dense_files: self.in_dense_files.zip(other.in_dense_files).map(|(one, other)| one + other),
        }
    }
}

impl OpenSets {
    /// Looks into all indexes that there are; into the dense index's files only where it is asked to, since that
    /// reads them all.
    pub(crate) async fn look(&self, trace: &Trace, into_files: bool) -> Result<Traces> {
        let mut found = self.in_use().look(trace, into_files).await?;
        for other in self.everywhere().iter().skip(1) {
            found = found.and(other.look(trace, into_files).await?);
        }
        Ok(found)
    }

    /// Takes what is deleted out of the files, as far as that can be done now. What could not be stays until the
    /// indexes do it themselves: a removal does not fail for it.
    pub(crate) async fn sweep(&self, trace: &Trace) {
        for indexes in self.everywhere() {
            indexes.sweep(trace).await;
        }
    }

    pub(crate) async fn findings(&self, before: &Traces, after: Option<&Traces>) -> Vec<Finding> {
        let dense_until = if self.in_use().pair().await.dense.is_embedded() {
            Until::IndexIsBuiltAnew
        } else {
            Until::ServerOptimises
        };
        let until = |until| if after.is_some() { until } else { Until::LookedAgain };
        let of = |what: fn(&Traces) -> Option<u64>| (what(before), after.and_then(what));
        [
            (Place::LexicalIndex, of(|traces| Some(traces.lexical)), Until::RemovedAgain),
            (Place::LexicalSegments, of(|traces| Some(traces.lexical_with_deleted)), Until::SegmentsAreMerged),
            (Place::DenseIndex, of(|traces| Some(traces.dense)), Until::RemovedAgain),
            (Place::DenseFiles, of(|traces| traces.in_dense_files), dense_until),
        ]
        .into_iter()
        .map(|(place, (before, after), remains)| Finding::new(place, before, after, until(remains)))
        .collect()
    }
}

impl Indexes {
    async fn look(&self, trace: &Trace, into_files: bool) -> Result<Traces> {
        let pair = self.pair().await;
        let (term, dense) = match trace {
            Trace::Document(document) => {
                (pair.lexical.document_term(*document), pair.dense.count_document(*document).await?)
            }
            Trace::Person(_) => {
                let reader = trace.text();
                (pair.lexical.reader_term(&reader), pair.dense.count_reader(&reader).await?)
            }
        };
        Ok(Traces {
            lexical_with_deleted: pair.lexical.count_with_deleted(&term)?,
            lexical: pair.lexical.count(term)?,
            dense,
            in_dense_files: if into_files { pair.dense.in_files(&trace.text()).await? } else { None },
        })
    }

    async fn sweep(&self, trace: &Trace) {
        let pair = self.pair().await;
        let term = match trace {
            Trace::Document(document) => pair.lexical.document_term(*document),
            Trace::Person(_) => pair.lexical.reader_term(&trace.text()),
        };
        if let Err(error) = pair.lexical.sweep(&term, TIME_TO_SWEEP).await {
            tracing::warn!(%error, "deleted entries stay in the lexical index's segments until they are merged");
        }
        if let Err(error) = pair.dense.sweep().await {
            tracing::warn!(%error, "deleted points stay in the dense index's segments until they are optimised");
        }
    }
}
