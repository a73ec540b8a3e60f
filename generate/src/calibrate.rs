//! Measures selection and abstention on reading sets that lie beside the repository, and prints features
//! to fit the constants of `evidence` and `select` with:
//! `cargo test --release -p terroir-generate calibrate -- --ignored --nocapture > features.tsv`

use std::path::Path;

use serde_json::Value;
use terroir_embed::{Encoder, EncoderOptions, ModelStore};

use crate::{AnswerRequest, Generator, GeneratorOptions, Passage, select};

/// Questions per set, spread over it.
const QUESTIONS: usize = 90;

struct Case {
    question: String,
    /// Gold answers; none where the paragraph does not answer.
    answers: Vec<String>,
    paragraph: String,
}

fn cases(path: &Path) -> Vec<Case> {
    let read = fs_err::read_to_string(path).expect("the reading set is readable");
    let set: Value = serde_json::from_str(&read).expect("the reading set is JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut cases = Vec::new();
    for article in list(&set["data"]) {
        for paragraph in list(&article["paragraphs"]) {
            for question in list(&paragraph["qas"]) {
                cases.push(Case {
                    question: text(&question["question"]),
                    answers: list(&question["answers"]).iter().map(|answer| text(&answer["text"])).collect(),
                    paragraph: text(&paragraph["context"]),
                });
            }
        }
    }
    let step = cases.len() / QUESTIONS;
    cases.into_iter().step_by(step.max(1)).take(QUESTIONS).collect()
}

fn models() -> (Generator, Encoder) {
    let directory = std::env::var("TERROIR_MODELS_DIR").unwrap_or_else(|_| "../data/models".into());
    let store = ModelStore::open(Path::new(&directory)).expect("run make models");
    let generate = store.files("SmolLM2-135M-Instruct").expect("run make models");
    let embed = store.files("all-MiniLM-L6-v2").expect("run make models");
    let options = GeneratorOptions { threads: 1, ..GeneratorOptions::default() };
    let generator = Generator::open(&generate, options).expect("the model opens");
    let encoder = Encoder::open(&embed, EncoderOptions::default()).expect("the model opens");
    (generator, encoder)
}

fn passage(text: &str) -> Passage {
    Passage { text: text.to_owned(), ..Passage::default() }
}

/// One line per candidate: set, kind (gold, unanswerable, other), question, rank, holds the answer, features.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures on data that lies beside the repository"]
async fn calibrate() {
    let (generator, encoder) = models();
    for (set, file) in [("squad", "squad2-half-dev.json"), ("piaf", "piaf-fr.json")] {
        let path = Path::new("../../shared/data/reading").join(file);
        if !path.exists() {
            println!("{} is absent: nothing measured", path.display());
            continue;
        }
        let cases = cases(&path);
        for (index, case) in cases.iter().enumerate() {
            let gold = if case.answers.is_empty() { "unanswerable" } else { "gold" };
            let other = &cases[(index + cases.len() / 2) % cases.len()];
            for (kind, paragraph) in [(gold, &case.paragraph), ("other", &other.paragraph)] {
                let passages = vec![passage(paragraph)];
                let request = AnswerRequest { question: case.question.clone(), passages, ..AnswerRequest::default() };
                let ranking = select::rank(&generator, &encoder, &request).await.expect("ranks");
                for (rank, candidate) in ranking.candidates.iter().enumerate() {
                    let holds = case.answers.iter().any(|answer| candidate.text.contains(answer.as_str()));
                    let evidence = candidate.evidence;
                    println!(
                        "{set}\t{kind}\t{index}\t{rank}\t{}\t{}\t{}\t{}\t{}\t{}",
                        u8::from(holds && kind == "gold"),
                        evidence.gain,
                        evidence.similarity,
                        evidence.overlap,
                        evidence.missing_names,
                        ranking.model_ms
                    );
                }
            }
        }
    }
}
