//! How far an installed model's vectors are from those of the sentence-transformers library:
//!
//! ```text
//! python embed/tests/vectors.py data/models/all-MiniLM-L6-v2 corpus.jsonl 200 vectors.json
//! cargo run --release -p terroir-embed --example compare -- data/models all-MiniLM-L6-v2 vectors.json
//! ```

use std::path::Path;
use std::time::Instant;

use serde::Deserialize;
use terroir_embed::{Encoder, EncoderOptions, Input, ModelStore, Priority};

#[derive(Deserialize)]
struct Case {
    text: String,
    vector: Vec<f32>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [models, name, reference] = arguments.as_slice() else {
        return Err("give the models folder, a model's name and the file of vectors.py".into());
    };
    let cases = serde_json::from_slice::<Vec<Case>>(&fs_err::read(reference)?)?;
    let encoder = Encoder::open(&ModelStore::open(Path::new(models))?.files(name)?, EncoderOptions::default())?;
    let texts = cases.iter().map(|case| case.text.clone()).collect();
    let started = Instant::now();
    let vectors = encoder.encode_blocking(texts, Input::Passage, Priority::Bulk)?;
    let seconds = started.elapsed().as_secs_f64();

    let (mut smallest, mut largest) = (1.0_f64, 0.0_f64);
    for (case, vector) in cases.iter().zip(&vectors) {
        if case.vector.len() != vector.len() {
            return Err(format!("{} dimensions here, {} there", vector.len(), case.vector.len()).into());
        }
        let pairs = || case.vector.iter().zip(vector).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let (dot, a, b) = pairs().fold((0.0, 0.0, 0.0), |(dot, aa, bb), (a, b)| (dot + a * b, aa + a * a, bb + b * b));
        smallest = smallest.min(dot / (a * b).sqrt());
        largest = pairs().map(|(a, b)| (a - b).abs()).fold(largest, f64::max);
    }
    println!("{} texts, smallest cosine {smallest:.8}, largest difference {largest:.1e}", cases.len());
    println!("{:.1} passages/s on {} threads", cases.len() as f64 / seconds, encoder.threads());
    Ok(())
}
