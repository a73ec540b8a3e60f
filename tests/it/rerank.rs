//! A reranker: imported, configured, and what it changes. Its weights are made here; what matters is that its
//! order is the order.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::service::{Database, Service, database, models_dir, program};

const TEXTS: [&str; 4] = [
    "The cellar keeps twelve degrees all year round.",
    "The harvest begins in September, when the berries are ripe.",
    "Bottles are stored on their sides in the cellar.",
    "The press was repaired in spring and works again.",
];

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

/// BERT with letters as its words, in the files of a cross-encoder.
fn write_reranker(folder: &Path) {
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
    part("bert.pooler.dense", hidden, hidden);
    part("classifier", 1, hidden);
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
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": words,
        "hidden_size": hidden, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": inner,
        "hidden_act": "gelu", "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// A folder with the default models and the reranker, imported by command.
fn models_with_reranker() -> tempfile::TempDir {
    let models = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(models_dir()).into_iter().map(Result::unwrap) {
        let target = models.path().join(entry.path().strip_prefix(models_dir()).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else if fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    let made = tempfile::Builder::new().prefix("judge-").tempdir().unwrap();
    let folder = made.path().join("judge");
    fs::create_dir(&folder).unwrap();
    write_reranker(&folder);
    let mut import = Command::new(program());
    import.args(["models", "import", "--accept-unknown"]).arg(&folder).env("TERROIR_MODELS_DIR", models.path());
    assert!(import.output().unwrap().status.success());
    models
}

fn start(database: &Database, models: &Path) -> Service {
    let models = models.to_str().unwrap();
    Service::start_with(database, &[("TERROIR_MODELS_DIR", models), ("TERROIR_MODELS_RERANK", "judge")])
}

#[test]
fn a_reranker_has_the_last_word_on_the_order() {
    let models = models_with_reranker();
    let service = start(&database(), models.path());
    let listed = service.get("/v1/models").json();
    assert!(listed["data"].as_array().unwrap().iter().any(|model| model["id"] == "judge"), "{listed}");
    for (index, text) in TEXTS.iter().enumerate() {
        service.add(&format!("{index}.txt"), text.as_bytes());
    }
    let query = "How warm is the cellar?";
    let found = service.post("/api/v1/search", &json!({"query": query, "top_k": 3})).json();
    let hits = found["hits"].as_array().unwrap();
    let scores = hits.iter().map(|hit| hit["rerank_score"].as_f64().unwrap()).collect::<Vec<_>>();
    assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{found}");

    let body = json!({"query": query, "documents": TEXTS, "top_n": 3, "return_documents": true});
    let ranked = service.post("/v1/rerank", &body).json();
    let results = ranked["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for (hit, result) in hits.iter().zip(results) {
        assert_eq!(hit["text"], result["document"]["text"], "{found} {ranked}");
        assert_eq!(result["document"]["text"], TEXTS[result["index"].as_u64().unwrap() as usize]);
        let (one, other) = (hit["rerank_score"].as_f64().unwrap(), result["relevance_score"].as_f64().unwrap());
        assert!((one - other).abs() < 1e-5 && (0.0..=1.0).contains(&one));
    }
    // A leg by itself is not reordered.
    let lexical = service.post("/api/v1/search", &json!({"query": query, "mode": "lexical"})).json();
    assert!(lexical["hits"][0]["rerank_score"].is_null(), "{lexical}");
    let objects = json!({"query": query, "documents": [{"text": TEXTS[0]}], "model": "judge"});
    assert_eq!(service.post("/v1/rerank", &objects).json()["results"][0]["index"], 0);
    for (body, code) in [
        (json!({"query": query, "documents": []}), "invalid_request"),
        (json!({"query": query, "documents": ["a"], "model": "other"}), "model_not_found"),
    ] {
        assert_eq!(service.post("/v1/rerank", &body).error_code(), code);
    }
}

#[test]
fn without_a_reranker_the_route_says_how_to_have_one() {
    let service = Service::start(&database());
    let reply = service.post("/v1/rerank", &json!({"query": "a", "documents": ["b"]}));
    assert_eq!(reply.error_code(), "model_missing");
}
