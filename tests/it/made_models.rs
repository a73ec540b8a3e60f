//! Small models whose weights are made here: what they say means nothing, but it is always the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::service::{models_dir, program};

/// A tensor's numbers: small, and different from one another.
fn numbers(name: &str, count: usize) -> Vec<u8> {
    let mut state = name.bytes().fold(7_u32, |state, byte| state.wrapping_mul(31).wrapping_add(u32::from(byte))) | 1;
    let mut number = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let small = f64::from(state) / f64::from(u32::MAX) - 0.5;
        if name.ends_with("LayerNorm.weight") { 1.0 } else { small as f32 }
    };
    (0..count).flat_map(|_| number().to_le_bytes()).collect()
}

/// What a made model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Encoder,
    Reranker,
}

/// BERT with letters as its words, in the files of its kind.
fn write(folder: &Path, made: Made) {
    let (words, hidden, inner) = (40, 8, 16);
    let mut shapes = vec![
        ("bert.embeddings.word_embeddings.weight".to_owned(), vec![words, hidden]),
        ("bert.embeddings.position_embeddings.weight".to_owned(), vec![64, hidden]),
        ("bert.embeddings.token_type_embeddings.weight".to_owned(), vec![2, hidden]),
    ];
    let mut part = |name: &str, outputs: usize, inputs: usize| {
        shapes.push((format!("{name}.weight"), if inputs == 0 { vec![outputs] } else { vec![outputs, inputs] }));
        shapes.push((format!("{name}.bias"), vec![outputs]));
    };
    part("bert.embeddings.LayerNorm", hidden, 0);
    for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
        part(&format!("bert.encoder.layer.0.{name}"), hidden, hidden);
    }
    part("bert.encoder.layer.0.attention.output.LayerNorm", hidden, 0);
    part("bert.encoder.layer.0.intermediate.dense", inner, hidden);
    part("bert.encoder.layer.0.output.dense", hidden, inner);
    part("bert.encoder.layer.0.output.LayerNorm", hidden, 0);
    if made == Made::Reranker {
        part("bert.pooler.dense", hidden, hidden);
        part("classifier", 1, hidden);
    }
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, shape) in shapes {
        let start = data.len();
        data.extend(numbers(&name, shape.iter().product()));
        header.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = Value::Object(header).to_string();
    let weights = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), weights).unwrap();

    let letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].into_iter().map(str::to_owned);
    let letters = letters.chain(('a'..='z').flat_map(|letter| [letter.to_string()]));
    let vocabulary = letters.zip(0..).map(|(text, id)| (text, json!(id))).collect::<Map<_, _>>();
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}
            }
        }
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let config = json!({
        "architectures": [if made == Made::Reranker { "BertForSequenceClassification" } else { "BertModel" }], "model_type": "bert", "vocab_size": words,
        "hidden_size": hidden, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": inner,
        "hidden_act": "gelu", "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// A folder with the default models and a made one, imported by command.
pub fn models_with(name: &str, made: Made) -> tempfile::TempDir {
    let models = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(models_dir()).into_iter().map(Result::unwrap) {
        let target = models.path().join(entry.path().strip_prefix(models_dir()).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else if fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    let making = tempfile::tempdir().unwrap();
    let folder = making.path().join(name);
    fs::create_dir(&folder).unwrap();
    write(&folder, made);
    let mut import = Command::new(program());
    import.args(["models", "import", "--accept-unknown"]).arg(&folder).env("TERROIR_MODELS_DIR", models.path());
    assert!(import.output().unwrap().status.success());
    models
}
