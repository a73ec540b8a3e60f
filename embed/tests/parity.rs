//! The default encoder against vectors of the sentence-transformers library (`tests/reference.py`).

use std::path::PathBuf;

use serde::Deserialize;
use terroir_embed::{Encoder, EncoderOptions, Input, ModelStore, Precision, Priority};

#[derive(Deserialize)]
struct Case {
    text: String,
    /// Of the whole text, special tokens included.
    tokens: usize,
    vector: Vec<f32>,
}

fn encoder(precision: Precision) -> Encoder {
    let directory = std::env::var_os("TERROIR_MODELS_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/models")), PathBuf::from);
    let files = ModelStore::open(&directory)
        .and_then(|store| store.files("all-MiniLM-L6-v2"))
        .unwrap_or_else(|error| panic!("run `make models` first, this test needs the real model: {error}"));
    Encoder::open(&files, EncoderOptions { threads: 2, precision, ..EncoderOptions::default() })
        .expect("the files were just checked")
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn vectors_and_token_counts_equal_the_reference() {
    let encoder = encoder(Precision::Full);
    assert_eq!((encoder.dimensions(), encoder.max_tokens()), (384, 256));
    let cases = include_str!("fixtures/minilm_reference.json");
    let cases = serde_json::from_str::<Vec<Case>>(cases).unwrap();
    assert!(cases.iter().any(|case| case.tokens > encoder.max_tokens()), "one text is cut");
    let texts = cases.iter().map(|case| case.text.clone()).collect::<Vec<_>>();
    let vectors = encoder.encode_blocking(texts, Input::Passage, Priority::Bulk).unwrap();
    for (case, vector) in cases.iter().zip(&vectors) {
        assert_eq!(encoder.count_tokens(&case.text, Input::Passage), case.tokens, "`{}`", case.text);
        let furthest = case.vector.iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // The reference is rounded to six digits.
        assert!(furthest < 2e-6, "`{}` is off by {furthest}", case.text);
        assert!(cosine(&case.vector, vector) > 0.999_999, "`{}`", case.text);
    }
}

/// Rounding to 16 bits turns a vector by less than a degree, where the machine does that at all.
#[test]
fn fast_vectors_point_where_the_reference_does() {
    let encoder = encoder(Precision::Fast);
    let cases = serde_json::from_str::<Vec<Case>>(include_str!("fixtures/minilm_reference.json")).unwrap();
    let texts = cases.iter().map(|case| case.text.clone()).collect::<Vec<_>>();
    let vectors = encoder.encode_blocking(texts, Input::Passage, Priority::Bulk).unwrap();
    for (case, vector) in cases.iter().zip(&vectors) {
        let cosine = cosine(&case.vector, vector);
        assert!(cosine > 0.9999, "`{}`: {cosine}", case.text);
    }
}
