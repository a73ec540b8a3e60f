//! What a reranker makes of the order that both legs gave.

use terroir_embed::{EmbedError, Priority, Reranker};
use terroir_ingest::worker::with_context;
use terroir_store::Hit;

use crate::config;

/// A reranker's number between 0 and 1.
pub fn relevance(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

/// Puts the best hits of a hybrid search in their final order; those that the reranker does not read stay behind them.
/// It does not have the last word alone: on what it was not trained for it knows less than both legs together.
pub async fn rerank(
    reranker: &Reranker,
    settings: &config::Search,
    query: &str,
    hits: &mut [Hit],
) -> Result<(), EmbedError> {
    let read = hits.len().min(settings.rerank_passages);
    let Some(hits) = hits.get_mut(..read) else { return Ok(()) };
    let texts = hits.iter().map(text).collect();
    let scores = reranker.score(query, texts, Priority::Interactive).await?;
    for (hit, score) in hits.iter_mut().zip(scores) {
        hit.rerank_score = Some(relevance(score));
    }
    let place = |hit: &Hit| {
        let relevance = hit.rerank_score.unwrap_or_default();
        settings.rerank_weight * relevance + (1.0 - settings.rerank_weight) * hit.score
    };
    // Stable: what is not told apart stays in the order of the mix.
    hits.sort_by(|a, b| place(b).total_cmp(&place(a)));
    Ok(())
}

/// What it reads is what the embedding model reads.
fn text(hit: &Hit) -> String {
    let title = Some(hit.title.as_str()).filter(|title| *title != hit.file_name);
    with_context(title, &hit.heading_path, &hit.text)
}
