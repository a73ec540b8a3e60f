//! Every architecture against the sentence-transformers library (`architectures.py`): the same tiny random
//! checkpoints, from text to vector.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod checkpoint;

use std::path::{Path, PathBuf};

use checkpoint::read;
use serde::Deserialize;
use tempfile::TempDir;
use terroir_embed::{Encoder, EncoderOptions, Input, ModelStore, Precision, Priority};

const NAMES: [&str; 5] = ["bert", "distilbert", "xlm-roberta", "modernbert", "nomic_bert"];

#[derive(Deserialize)]
struct Case {
    text: String,
    input: String,
    /// Of the whole text without its prompt, special tokens included.
    tokens: usize,
    vector: Vec<f32>,
}

impl Case {
    fn input(&self) -> Input {
        match self.input.as_str() {
            "query" => Input::Query,
            "passage" => Input::Passage,
            _ => Input::Plain,
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures").join(name)
}

fn checkpoint(name: &str, rename: impl Fn(&str) -> String) -> TempDir {
    checkpoint::checkpoint(&fixture(name), rename)
}

/// Imports the folder, as a person would, and opens the model.
fn open(folder: &Path) -> (Encoder, TempDir) {
    let models = tempfile::tempdir().unwrap();
    let store = ModelStore::open(models.path()).unwrap();
    let passport = store.import(folder, true).unwrap();
    let files = store.files(&passport.name).unwrap();
    let options = EncoderOptions {
        threads: 2,
        queue_capacity: 64,
        max_batch_tokens: 300,
        max_tokens: 512,
        precision: Precision::Full,
    };
    (Encoder::open(&files, options).unwrap(), models)
}

fn encode(encoder: &Encoder, texts: &[&str], input: Input) -> Vec<Vec<f32>> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    encoder.encode_blocking(texts, input, Priority::Bulk).unwrap()
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// All texts of one input at once, against the library: largest difference and smallest cosine.
fn compare(encoder: &Encoder, name: &str) -> (f32, f64) {
    let cases = read::<Vec<Case>>(&fixture(name).join("reference.json"));
    let (mut largest, mut smallest) = (0.0_f32, 1.0_f64);
    for input in [Input::Plain, Input::Query, Input::Passage] {
        let cases = cases.iter().filter(|case| case.input() == input).collect::<Vec<_>>();
        let texts = cases.iter().map(|case| case.text.as_str()).collect::<Vec<_>>();
        for (case, vector) in cases.iter().zip(encode(encoder, &texts, input)) {
            assert_eq!(encoder.count_tokens(&case.text, Input::Plain), case.tokens, "{name}: `{}`", case.text);
            let difference = furthest(&case.vector, &vector);
            assert!(difference < 1e-5, "{name}: `{}` as {input:?} is off by {difference}", case.text);
            largest = largest.max(difference);
            smallest = smallest.min(cosine(&case.vector, &vector));
        }
    }
    assert!(smallest > 0.99999, "{name}: {smallest}");
    (largest, smallest)
}

#[test]
fn vectors_equal_those_of_the_library() {
    for name in NAMES {
        let folder = checkpoint(name, str::to_owned);
        let (encoder, _models) = open(folder.path());
        assert_eq!((encoder.dimensions(), encoder.max_tokens()), (48, 40), "{name}");
        assert_eq!(encoder.passport().architecture, name);
        let (largest, smallest) = compare(&encoder, name);
        println!("{name}: largest difference {largest:.1e}, smallest cosine {smallest:.9}");
    }
}

#[test]
fn a_vector_does_not_depend_on_its_batch() {
    for name in NAMES {
        let folder = checkpoint(name, str::to_owned);
        let (encoder, _models) = open(folder.path());
        let long = "grapes of the vineyard gave seven crates ".repeat(20);
        let texts = (0..60).map(|index| &long[..index * 7 % 113]).chain([long.as_str()]).collect::<Vec<_>>();
        let together = encode(&encoder, &texts, Input::Passage);
        for (text, vector) in texts.iter().zip(&together) {
            let difference = furthest(&encode(&encoder, &[text], Input::Passage)[0], vector);
            assert!(difference < 1e-6, "{name}: `{text}` differs by {difference}");
        }
    }
}

/// Networks with a head have a prefix before every name, and those from the hub older settings.
#[test]
fn other_spellings_of_a_checkpoint_give_the_same_vectors() {
    for (name, prefix, config) in [
        ("bert", "bert.", &[][..]),
        ("distilbert", "distilbert.", &[]),
        ("xlm-roberta", "roberta.", &[(r#""xlm-roberta""#, r#""camembert""#)]),
        (
            "modernbert",
            "model.",
            &[
                ("\"layer_types\"", "\"x\""),
                ("\"rope_parameters\"", "\"y\""),
                ("\"norm_eps\"", "\"global_rope_theta\": 160000.0, \"layer_norm_eps\": 1e-05, \"norm_eps\""),
            ],
        ),
        (
            "nomic_bert",
            "nomic_bert.",
            &[
                ("\"hidden_size\"", "\"n_embd\""),
                ("\"num_hidden_layers\"", "\"n_layer\""),
                ("\"num_attention_heads\"", "\"n_head\""),
                ("\"intermediate_size\"", "\"n_inner\""),
                ("\"max_position_embeddings\"", "\"n_positions\""),
                ("\"layer_norm_eps\"", "\"layer_norm_epsilon\""),
                ("\"hidden_act\": \"silu\"", "\"activation_function\": \"swiglu\", \"causal\": false"),
                ("\"rope_parameters\"", "\"rotary_emb_base\": 1000, \"x\""),
            ],
        ),
    ] {
        let folder = checkpoint(name, |tensor| format!("{prefix}{tensor}"));
        let path = folder.path().join("config.json");
        let mut text = fs_err::read_to_string(&path).unwrap();
        for (from, to) in config {
            assert!(text.contains(from), "{name}: {from}");
            text = text.replace(from, to);
        }
        fs_err::write(path, text).unwrap();
        compare(&open(folder.path()).0, name);
    }
}

/// The loader of candle-transformers would leave the norm out.
#[test]
fn a_missing_norm_is_an_error() {
    let folder = checkpoint("modernbert", |tensor| tensor.replace("2.attn_norm", "2.attn_norm_gone"));
    let models = tempfile::tempdir().unwrap();
    let store = ModelStore::open(models.path()).unwrap();
    let passport = store.import(folder.path(), true).unwrap();
    let error = Encoder::open(&store.files(&passport.name).unwrap(), EncoderOptions::default()).unwrap_err();
    assert!(error.to_string().contains("layers.2.attn_norm.weight"), "{error}");
}
