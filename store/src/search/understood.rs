//! A query as it is understood in a scope: its language, its words, and what lexicons have beside them.

use std::sync::Arc;

use super::{Scope, blocking};
use crate::Result;
use crate::error::StoreError;
use crate::ids::SetId;
use crate::indexes::IndexPair;
use crate::language::{Language, detect_query};
use crate::lexical::View;
use crate::lexical::asked::Asked;
use crate::lexicon::{Expansion, Lexicon, expand};
use crate::store::Store;

pub(super) struct Understood {
    pub view: Arc<View>,
    pub asked: Asked,
    pub expansion: Expansion,
    /// In which the chunks in view were analysed.
    pub languages: Vec<Language>,
}

impl Store {
    pub(super) async fn understand(
        &self,
        pair: &Arc<IndexPair>,
        scope: &Scope,
        query: &str,
        lexicons: Vec<Arc<Lexicon>>,
    ) -> Result<Understood> {
        let in_scope = self.database.languages(&scope.grant, &scope.collections).await?;
        let (pair, scope, query) = (Arc::clone(pair), scope.clone(), query.to_owned());
        blocking(move || {
            let view = Arc::new(pair.lexical.view(scope)?);
            // A document in one language may hold chunks in another.
            let analysed = pair.lexical.languages(&view)?;
            let shares: Vec<(Language, u64)> = in_scope
                .into_iter()
                .map(|language| (language, analysed.get(&language).copied().unwrap_or_default().max(1)))
                .collect();
            let languages: Vec<Language> = analysed.into_keys().collect();
            let asked = Asked::read(&query, detect_query(&query, &shares), &languages);
            let expansion = expand(&lexicons, &query, &asked, &languages);
            Ok(Understood { view, asked, expansion, languages })
        })
        .await
    }

    /// The text that a query's vector is made of: the query, with what lexicons in scope have beside its words. What
    /// no lexicon knows is left as it is. `SetChanged` if the set is not open.
    pub async fn query_text(&self, set: SetId, scope: &Scope, query: &str) -> Result<String> {
        let indexes = self.sets.open(set).ok_or(StoreError::SetChanged)?;
        let lexicons = self.lexicons.of(&self.database, scope).await?;
        if lexicons.is_empty() {
            return Ok(query.to_owned());
        }
        let pair = indexes.pair().await;
        Ok(self.understand(&pair, scope, query, lexicons).await?.expansion.text(query))
    }
}
