//! A BERT small enough to write to a temporary folder in a test: random weights, a vocabulary of
//! single letters, the files of a real checkpoint.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::json;
use tempfile::TempDir;

use crate::compute::tests::noise;
use crate::{ModelFiles, Passport};

pub(crate) const HIDDEN: usize = 24;
pub(crate) const MAX_TOKENS: usize = 16;
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// The folder lives as long as the value.
pub(crate) struct TinyModel {
    pub(crate) folder: TempDir,
}

impl TinyModel {
    pub(crate) fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_weights(folder.path());
        write_json(folder.path(), "tokenizer.json", &tokenizer());
        write_json(folder.path(), "sentence_bert_config.json", &json!({"max_seq_length": MAX_TOKENS}));
        write_json(
            folder.path(),
            "config.json",
            &json!({
                "model_type": "bert", "vocab_size": 30, "hidden_size": HIDDEN, "num_hidden_layers": 2,
                "num_attention_heads": 3, "intermediate_size": 40, "hidden_act": "gelu",
                "max_position_embeddings": 32, "type_vocab_size": 2, "layer_norm_eps": 1e-12
            }),
        );
        Self { folder }
    }

    pub(crate) fn files(&self) -> ModelFiles {
        let passport = Passport {
            name: "tiny".to_owned(),
            role: "embed".to_owned(),
            architecture: "bert".to_owned(),
            licence: "none".to_owned(),
            source: "random numbers".to_owned(),
            sha256: "0".repeat(64),
            bytes: 0,
            quantisation: None,
        };
        let directory = self.folder.path().to_owned();
        ModelFiles { weights: directory.join("model.safetensors"), directory, passport }
    }
}

fn write_json(folder: &Path, name: &str, value: &serde_json::Value) {
    fs_err::write(folder.join(name), value.to_string()).unwrap();
}

fn write_weights(folder: &Path) {
    let mut tensors = HashMap::new();
    let mut add = |name: &str, shape: &[usize]| {
        let seed = name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let values = noise(shape.iter().product(), seed);
        tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    for (table, rows) in [("word", 30), ("position", 32), ("token_type", 2)] {
        add(&format!("embeddings.{table}_embeddings.weight"), &[rows, HIDDEN]);
    }
    add("embeddings.LayerNorm.weight", &[HIDDEN]);
    add("embeddings.LayerNorm.bias", &[HIDDEN]);
    for layer in 0..2 {
        let prefix = format!("encoder.layer.{layer}");
        for (name, inputs, outputs) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", HIDDEN, 40),
            ("output.dense", 40, HIDDEN),
        ] {
            add(&format!("{prefix}.{name}.weight"), &[outputs, inputs]);
            add(&format!("{prefix}.{name}.bias"), &[outputs]);
        }
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
            add(&format!("{prefix}.{norm}.weight"), &[HIDDEN]);
            add(&format!("{prefix}.{norm}.bias"), &[HIDDEN]);
        }
    }
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

fn tokenizer() -> serde_json::Value {
    let mut vocabulary = HashMap::from([("[PAD]".to_owned(), 0), ("[UNK]".to_owned(), 1)]);
    vocabulary.extend([("[CLS]".to_owned(), 2), ("[SEP]".to_owned(), 3)]);
    vocabulary.extend(LETTERS.chars().zip(4..).map(|(letter, id)| (letter.to_string(), id)));
    let special = |content: &str, id: u32| {
        json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false})
    };
    json!({
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special("[PAD]", 0), special("[UNK]", 1), special("[CLS]", 2), special("[SEP]", 3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                               "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary}
    })
}
