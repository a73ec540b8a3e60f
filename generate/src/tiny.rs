//! A Llama of a few thousand random weights, written as a GGUF file: for tests of the whole engine.

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use terroir_embed::{ModelFiles, Passport};

pub(crate) const HIDDEN: usize = 32;
pub(crate) const LAYERS: usize = 2;
pub(crate) const HEADS: usize = 4;
pub(crate) const KEY_HEADS: usize = 2;
pub(crate) const FEED_FORWARD: usize = 64;
pub(crate) const ROPE_BASE: f64 = 10_000.0;
pub(crate) const EPSILON: f64 = 1e-5;

/// The 256 bytes' stand-ins and two control tokens.
pub(crate) const VOCABULARY: usize = 258;

pub(crate) struct Tiny {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    pub(crate) metadata: Vec<(String, Value)>,
    /// How matrices are stored.
    pub(crate) stored: GgmlDType,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let mut random = StdRng::seed_from_u64(11);
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: &[usize]| {
            let count = shape.iter().product::<usize>();
            let values = (0..count).map(|_| random.random_range(-0.4..0.4)).collect::<Vec<f32>>();
            tensors.push((name, shape.to_vec(), values));
        };
        add("token_embd.weight".into(), &[VOCABULARY, HIDDEN]);
        add("output_norm.weight".into(), &[HIDDEN]);
        let keys = HIDDEN / HEADS * KEY_HEADS;
        for layer in 0..LAYERS {
            for (name, shape) in [
                ("attn_norm", &[HIDDEN][..]),
                ("attn_q", &[HIDDEN, HIDDEN]),
                ("attn_k", &[keys, HIDDEN]),
                ("attn_v", &[keys, HIDDEN]),
                ("attn_output", &[HIDDEN, HIDDEN]),
                ("ffn_norm", &[HIDDEN]),
                ("ffn_gate", &[FEED_FORWARD, HIDDEN]),
                ("ffn_up", &[FEED_FORWARD, HIDDEN]),
                ("ffn_down", &[HIDDEN, FEED_FORWARD]),
            ] {
                add(format!("blk.{layer}.{name}.weight"), shape);
            }
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory, tensors, metadata: metadata(), stored: GgmlDType::F32 }
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) {
        self.metadata.push((key.into(), value));
    }

    /// More tokens, of whole texts, behind the others. Their weights are zeros.
    pub(crate) fn add_tokens(&mut self, texts: &[&str]) {
        if let Some((_, shape, values)) = self.tensors.iter_mut().find(|(name, ..)| name == "token_embd.weight") {
            shape[0] += texts.len();
            values.resize(values.len() + texts.len() * HIDDEN, 0.0);
        }
        for (key, value) in &mut self.metadata {
            match (key.as_str(), value) {
                ("tokenizer.ggml.tokens", Value::Array(tokens)) => {
                    let stand_ins = crate::tokens::byte_stand_ins().collect::<Vec<_>>();
                    let text = |text: &str| text.bytes().map(|byte| stand_ins[usize::from(byte)]).collect::<String>();
                    tokens.extend(texts.iter().map(|other| Value::String(text(other))));
                }
                ("tokenizer.ggml.token_type", Value::Array(kinds)) => {
                    kinds.extend(texts.iter().map(|_| Value::I32(1)));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn without(&mut self, key: &str) {
        self.metadata.retain(|(known, _)| known != key);
        self.tensors.retain(|(known, ..)| known != key);
    }

    pub(crate) fn values(&self, name: &str) -> &[f32] {
        let tensor = self.tensors.iter().find(|(known, ..)| known == name);
        &tensor.expect("the tensor was made").2
    }

    pub(crate) fn write(&self) -> PathBuf {
        let path = self.directory.path().join("tiny.gguf");
        let stored = self.tensors.iter().map(|(name, shape, values)| {
            let tensor = Tensor::from_slice(values, shape.as_slice(), &Device::Cpu).expect("a tensor");
            let stored = if shape.len() > 1 { self.stored } else { GgmlDType::F32 };
            (name.as_str(), QTensor::quantize(&tensor, stored).expect("rows fill their blocks"))
        });
        let stored = stored.collect::<Vec<_>>();
        let tensors = stored.iter().map(|(name, tensor)| (*name, tensor)).collect::<Vec<_>>();
        let metadata = self.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect::<Vec<_>>();
        let mut file = std::fs::File::create(&path).expect("a file");
        gguf_file::write(&mut file, &metadata, &tensors).expect("a GGUF file");
        path
    }

    pub(crate) fn files(&self) -> ModelFiles {
        model_files(&self.write())
    }
}

pub(crate) fn model_files(path: &Path) -> ModelFiles {
    let text = |text: &str| text.to_owned();
    ModelFiles {
        directory: path.parent().map(Path::to_owned).unwrap_or_default(),
        weights: path.to_owned(),
        passport: Passport {
            name: text("tiny"),
            role: text("generate"),
            architecture: text("llama"),
            licence: text("unknown"),
            source: text("random"),
            sha256: String::new(),
            bytes: 0,
            quantisation: None,
        },
    }
}

fn metadata() -> Vec<(String, Value)> {
    let count = |count: usize| Value::U32(count as u32);
    let mut tokens = vec![Value::String("<|im_start|>".into()), Value::String("<|im_end|>".into())];
    tokens.extend(crate::tokens::byte_stand_ins().map(|char| Value::String(char.to_string())));
    let kinds = (0..VOCABULARY).map(|token| Value::I32(if token < 2 { 3 } else { 1 }));
    let entries = [
        ("general.architecture", Value::String("llama".into())),
        ("llama.block_count", count(LAYERS)),
        ("llama.context_length", count(256)),
        ("llama.embedding_length", count(HIDDEN)),
        ("llama.feed_forward_length", count(FEED_FORWARD)),
        ("llama.attention.head_count", count(HEADS)),
        ("llama.attention.head_count_kv", count(KEY_HEADS)),
        ("llama.rope.freq_base", Value::F32(ROPE_BASE as f32)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(EPSILON as f32)),
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String("smollm".into())),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
        ("tokenizer.ggml.merges", Value::Array(Vec::new())),
        ("tokenizer.ggml.bos_token_id", count(0)),
        ("tokenizer.ggml.eos_token_id", count(1)),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
