//! Rerankers against the sentence-transformers library (`architectures.py`): the same tiny random checkpoints, from
//! two texts to a score.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod checkpoint;

use std::path::Path;

use checkpoint::{checkpoint, read};
use serde::Deserialize;
use terroir_embed::{EmbedError, Encoder, EncoderOptions, ModelStore, Precision, Priority, Reranker};

const NAMES: [&str; 3] = ["bert", "distilbert", "xlm-roberta"];

#[derive(Deserialize)]
struct Case {
    query: String,
    passage: String,
    score: f32,
}

fn options() -> EncoderOptions {
    EncoderOptions { threads: 2, max_batch_tokens: 100, precision: Precision::Full, ..EncoderOptions::default() }
}

#[test]
fn scores_equal_those_of_the_library() {
    for name in NAMES {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rerankers").join(name);
        let (folder, models) = (checkpoint(&fixture, str::to_owned), tempfile::tempdir().unwrap());
        let store = ModelStore::open(models.path()).unwrap();
        let passport = store.import(folder.path(), true).unwrap();
        assert_eq!((passport.role.as_str(), passport.architecture.as_str()), ("rerank", name));
        let files = store.files(&passport.name).unwrap();
        assert!(matches!(Encoder::open(&files, options()), Err(EmbedError::Model { .. })));

        let reranker = Reranker::open(&files, options()).unwrap();
        assert_eq!(reranker.max_tokens(), 40);
        let cases = read::<Vec<Case>>(&fixture.join("reference.json"));
        let mut largest = 0.0_f32;
        for cases in cases.chunk_by(|a, b| a.query == b.query) {
            let passages = cases.iter().map(|case| case.passage.clone()).collect();
            let scores = reranker.score_blocking(&cases[0].query, passages, Priority::Bulk).unwrap();
            for (case, score) in cases.iter().zip(&scores) {
                let off = (case.score - score).abs();
                assert!(off < 1e-5, "{name}: `{}`, `{}` is off by {off}", case.query, case.passage);
                largest = largest.max(off);
            }
            // A score does not depend on what is scored beside it.
            let alone = reranker.score_blocking(&cases[0].query, vec![cases[2].passage.clone()], Priority::Interactive);
            assert_eq!(alone.unwrap(), scores[2..3]);
        }
        println!("{name}: {} pairs, off by at most {largest:.1e}", cases.len());
    }
}
