//! The encoder of each index set that is open.

use std::fmt;
use std::sync::{Arc, PoisonError};

use terroir_embed::{EmbedError, Encoder};
use terroir_store::{IndexSet, Store};

type Open = dyn Fn(&str) -> Result<Encoder, EmbedError> + Send + Sync;

/// Opens encoders when they are needed, and keeps those of the sets in use and beside. Cheap to clone.
#[derive(Clone)]
pub struct Encoders(Arc<Inner>);

struct Inner {
    store: Store,
    open: Box<Open>,
    known: std::sync::Mutex<Vec<Encoder>>,
    /// A model is loaded once, whoever asks first.
    opening: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Encoders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Encoders").finish_non_exhaustive()
    }
}

impl Encoders {
    /// `first` is open already; `open` opens a model by its name and may take seconds.
    pub fn new(
        store: Store,
        first: Encoder,
        open: impl Fn(&str) -> Result<Encoder, EmbedError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            open: Box::new(open),
            known: std::sync::Mutex::new(vec![first]),
            opening: tokio::sync::Mutex::new(()),
        }))
    }

    /// The set that searches go to, and its encoder.
    pub async fn in_use(&self) -> Result<(IndexSet, Encoder), EmbedError> {
        let set = self.0.store.set_in_use();
        let encoder = self.of(&set).await?;
        Ok((set, encoder))
    }

    /// The encoder that makes a set's vectors. Fails if the model of that name has other weights now.
    pub async fn of(&self, set: &IndexSet) -> Result<Encoder, EmbedError> {
        if let Some(encoder) = self.known(&set.model_sha256) {
            return Ok(encoder);
        }
        let _one = self.0.opening.lock().await;
        if let Some(encoder) = self.known(&set.model_sha256) {
            return Ok(encoder);
        }
        let encoder = self.opened(&set.model).await?;
        let found = &encoder.passport().sha256;
        if *found != set.model_sha256 {
            let (expected, found) = (set.model_sha256.clone(), found.clone());
            return Err(EmbedError::OtherWeights { name: set.model.clone(), expected, found });
        }
        let open: Vec<String> = self.0.store.open_sets().into_iter().map(|open| open.model_sha256).collect();
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|encoder| open.contains(&encoder.passport().sha256));
        known.push(encoder.clone());
        Ok(encoder)
    }

    /// A model that is not of a set yet.
    pub async fn opened(&self, name: &str) -> Result<Encoder, EmbedError> {
        let (inner, name) = (Arc::clone(&self.0), name.to_owned());
        let opened = tokio::task::spawn_blocking(move || (inner.open)(&name)).await;
        opened.unwrap_or_else(|error| Err(EmbedError::Crashed { reason: error.to_string() }))
    }

    fn known(&self, sha256: &str) -> Option<Encoder> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|encoder| encoder.passport().sha256 == sha256).cloned()
    }
}
