//! Folders with safetensors: configurations, shards, positions, damage.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use serde_json::{Value, json};

use super::{close, refusal};
use crate::weights::*;

const HIDDEN: usize = 32;

/// A model of two layers, four heads, two key heads.
struct Model {
    directory: tempfile::TempDir,
    config: Value,
    /// Name, format, shape.
    tensors: Vec<(String, &'static str, Vec<usize>)>,
}

fn bytes_of(format: &str, shape: &[usize]) -> Vec<u8> {
    let values = (0..shape.iter().product::<usize>()).map(|index| (index % 50) as f32 / 8.0 - 2.0);
    values
        .flat_map(|value| match format {
            "F16" => f16::from_f32(value).to_le_bytes().to_vec(),
            "BF16" => bf16::from_f32(value).to_le_bytes().to_vec(),
            "F64" => f64::from(value).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        })
        .collect()
}

fn write(path: &Path, tensors: &[(String, &'static str, Vec<usize>)]) {
    let mut header = json!({"__metadata__": {"format": "pt"}});
    let mut data = Vec::new();
    for (name, format, shape) in tensors {
        let start = data.len();
        data.extend(bytes_of(format, shape));
        header[name] = json!({"dtype": format, "shape": shape, "data_offsets": [start, data.len()]});
    }
    let header = header.to_string();
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    std::fs::write(path, bytes).expect("writes");
}

impl Model {
    fn new(model_type: &str, head_size: usize) -> Self {
        let (queries, keys) = (4 * head_size, 2 * head_size);
        let mut tensors = vec![
            ("model.embed_tokens.weight".to_owned(), "BF16", vec![40, HIDDEN]),
            ("model.norm.weight".to_owned(), "F32", vec![HIDDEN]),
            ("lm_head.weight".to_owned(), "F16", vec![40, HIDDEN]),
        ];
        for layer in 0..2 {
            for (name, shape) in [
                ("input_layernorm.weight", vec![HIDDEN]),
                ("self_attn.q_proj.weight", vec![queries, HIDDEN]),
                ("self_attn.k_proj.weight", vec![keys, HIDDEN]),
                ("self_attn.v_proj.weight", vec![keys, HIDDEN]),
                ("self_attn.o_proj.weight", vec![HIDDEN, queries]),
                ("post_attention_layernorm.weight", vec![HIDDEN]),
                ("mlp.gate_proj.weight", vec![64, HIDDEN]),
                ("mlp.up_proj.weight", vec![64, HIDDEN]),
                ("mlp.down_proj.weight", vec![HIDDEN, 64]),
            ] {
                tensors.push((format!("model.layers.{layer}.{name}"), "BF16", shape));
            }
            if model_type == "qwen2" {
                for (name, size) in [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)] {
                    tensors.push((format!("model.layers.{layer}.self_attn.{name}.bias"), "BF16", vec![size]));
                }
            }
            if model_type == "qwen3" {
                for name in ["q_norm", "k_norm"] {
                    tensors.push((format!("model.layers.{layer}.self_attn.{name}.weight"), "BF16", vec![head_size]));
                }
            }
        }
        let config = json!({
            "model_type": model_type, "architectures": ["SomeForCausalLM"], "hidden_size": HIDDEN,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64,
            "vocab_size": 40, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        });
        let mut model = Self { directory: tempfile::tempdir().expect("a directory"), config, tensors };
        if head_size * 4 != HIDDEN {
            model.config["head_dim"] = head_size.into();
        }
        model
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self) -> &Path {
        std::fs::write(self.path("config.json"), self.config.to_string()).expect("writes");
        write(&self.path("model.safetensors"), &self.tensors);
        self.directory.path()
    }

    fn open(&self) -> Weights {
        Weights::open(self.write()).expect("opens")
    }
}

#[test]
fn shapes_of_every_architecture() {
    for (model, head_size, window) in [
        (Model::new("llama", 8), 8, None),
        (Model::new("mistral", 8), 8, Some(4096)),
        (Model::new("mistral", 16).with("sliding_window", Value::Null), 16, None),
        (Model::new("mistral", 8).with("sliding_window", json!(64)), 8, Some(64)),
        (Model::new("qwen2", 8).with("sliding_window", json!(64)), 8, None),
        (Model::new("qwen3", 16), 16, None),
        (
            Model::new("qwen2", 8)
                .with("sliding_window", json!(64))
                .with("use_sliding_window", json!(true))
                .with("max_window_layers", json!(0)),
            8,
            Some(64),
        ),
    ] {
        let mut weights = model.open();
        let shape = weights.shape().clone();
        assert_eq!((shape.layers, shape.hidden, shape.feed_forward, shape.vocabulary), (2, HIDDEN, 64, 40));
        assert_eq!((shape.heads, shape.key_heads, shape.head_size), (4, 2, head_size));
        assert_eq!((shape.context_tokens, shape.window_tokens), (512, window), "{}", model.config);
        assert_eq!((shape.rope.pairing, shape.rope.frequencies.len()), (Pairing::Halves, head_size / 2));
        let stored = weights.read("blk.1.attn_k.weight").expect("reads");
        assert_eq!((stored.kind, stored.shape.clone()), (Kind::BF16, vec![2 * head_size, HIDDEN]));
        assert_eq!(stored.floats()[..3], [-2.0, -1.875, -1.75]);
        assert_eq!(weights.read("output.weight").expect("reads").kind, Kind::F16);
        assert!(weights.has("blk.0.ffn_down.weight") && !weights.has("blk.0.ffn_down.bias"));
    }
}

#[test]
fn a_tied_model_has_no_output_of_its_own() {
    let tied = Model::new("llama", 8).with("tie_word_embeddings", json!(true));
    assert!(!tied.open().has("output.weight"));
    let mut untied = Model::new("llama", 8);
    untied.tensors.retain(|(name, ..)| name != "lm_head.weight");
    assert!(!untied.open().has("output.weight"));
    assert!(refusal(untied.with("tie_word_embeddings", json!(false)).write()).contains("tie_word_embeddings"));
}

/// Expected: `ROPE_INIT_FUNCTIONS` of `modeling_rope_utils.py`, transformers 5.24, for heads of 64.
#[test]
fn positions_are_scaled_as_the_library_scales_them() {
    let llama3 = json!({"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 32.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192});
    let old_llama3 = json!({"type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192});
    let yarn =
        json!({"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 32768});
    let own_yarn = json!({"rope_type": "yarn", "rope_theta": 10_000.0, "factor": 16.0, "beta_fast": 16, "beta_slow": 2,
        "original_max_position_embeddings": 4096, "mscale": 0.8, "mscale_all_dim": 0.5, "truncate": false});
    let as_llama3 = [
        (1, 6.636_013e-1),
        (10, 1.656_044e-2),
        (14, 3.211_446e-3),
        (16, 4.295_567e-4),
        (18, 1.946_163_9e-5),
        (24, 1.661_967_4e-6),
        (31, 9.418_306_5e-8),
    ];
    for (key, rope, expected, magnitude) in [
        ("rope_parameters", llama3, as_llama3, 1.0),
        ("rope_scaling", old_llama3, as_llama3, 1.0),
        (
            "rope_parameters",
            json!({"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}),
            [
                (0, 0.25),
                (1, 1.874_735_5e-1),
                (5, 5.928_434e-2),
                (12, 7.905_695e-3),
                (16, 2.5e-3),
                (24, 2.5e-4),
                (31, 3.333_803_8e-5),
            ],
            1.0,
        ),
        (
            "rope_parameters",
            yarn,
            [
                (1, 6.493_816_4e-1),
                (10, 1.333_521_5e-2),
                (12, 5.154_795_5e-3),
                (14, 1.778_530_3e-3),
                (16, 5.833_333_7e-4),
                (18, 1.757_068_7e-4),
                (31, 3.849_816_3e-7),
            ],
            1.138_629_4,
        ),
        (
            "rope_parameters",
            own_yarn,
            [
                (1, 7.498_942e-1),
                (12, 3.162_278e-2),
                (14, 1.519_945_4e-2),
                (16, 5.952_024e-3),
                (18, 1.887_649_3e-3),
                (20, 2.408_111_2e-4),
                (31, 8.334_509e-6),
            ],
            1.073_050_7,
        ),
    ] {
        let model = Model::new("llama", 64).with(key, rope).with("max_position_embeddings", json!(131_072));
        let model = if key == "rope_scaling" { model.with("rope_theta", json!(500_000.0)) } else { model };
        let rope = model.open().shape().rope.clone();
        close(&rope.frequencies, &expected);
        assert!((rope.magnitude - magnitude).abs() < 1e-6, "{}", rope.magnitude);
    }
}

#[test]
fn configurations_that_cannot_be_read_are_refused_by_name() {
    for (key, value) in [
        ("model_type", Value::Null),
        ("model_type", json!(3)),
        ("hidden_size", Value::Null),
        ("hidden_size", json!(-32)),
        ("hidden_size", json!(1_u64 << 60)),
        ("num_hidden_layers", json!(0)),
        ("num_attention_heads", json!(5)),
        ("num_key_value_heads", json!(3)),
        ("head_dim", json!(1 << 23)),
        ("rms_norm_eps", json!(-1.0)),
        ("rope_theta", json!("ten")),
        ("hidden_act", json!("gelu")),
        ("quantization_config", json!({"quant_method": "gptq"})),
        ("architectures", json!(["LlamaForSequenceClassification"])),
        ("partial_rotary_factor", json!(0.5)),
        ("rope_scaling.rope_type", json!({"rope_type": "dynamic", "factor": 2.0})),
        ("rope_scaling.type", json!({"type": "longrope"})),
        ("rope_scaling.factor", json!({"rope_type": "linear"})),
        ("rope_scaling.factor", json!({"rope_type": "linear", "factor": 0})),
        (
            "rope_scaling.low_freq_factor",
            json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}),
        ),
        ("rope_scaling", json!([1])),
    ] {
        let model = Model::new("llama", 8).with(key.split('.').next().unwrap_or(key), value);
        let reason = refusal(model.write());
        assert!(reason.contains(key), "{key}: {reason}");
    }
    assert!(refusal(Model::new("mixtral", 8).write()).contains("`mixtral`"));
    let mixed = Model::new("qwen2", 8).with("sliding_window", json!(64)).with("use_sliding_window", json!(true));
    let mixed = mixed.with("layer_types", json!(["full_attention", "sliding_attention"]));
    assert!(refusal(mixed.write()).contains("layer_types"));
}

#[test]
fn tensors_are_held_against_the_configuration() {
    let add = |name: &str, format: &'static str, shape: &[usize]| {
        let mut model = Model::new("llama", 8);
        model.tensors.retain(|(known, ..)| known != name);
        model.tensors.push((name.to_owned(), format, shape.to_vec()));
        refusal(model.write())
    };
    for (name, format, shape, part) in [
        ("model.layers.0.mlp.up_proj.weight", "BF16", &[64, 31][..], "blk.0.ffn_up.weight"),
        ("model.layers.0.mlp.up_proj.weight", "F64", &[64, 32], "F64"),
        ("model.layers.0.block_sparse_moe.gate.weight", "BF16", &[8, 32], "block_sparse_moe"),
        ("model.layers.7.input_layernorm.weight", "BF16", &[32], "blk.7.attn_norm.weight"),
        ("model.layers.0.self_attn.q_norm.weight", "BF16", &[8], "attn_q_norm"),
    ] {
        let reason = add(name, format, shape);
        assert!(reason.contains(part), "{part}: {reason}");
    }
    // What older libraries stored beside the weights does not matter.
    let mut model = Model::new("llama", 8);
    model.tensors.push(("model.layers.0.self_attn.rotary_emb.inv_freq".into(), "F32", vec![4]));
    model.open();
}

#[test]
fn shards_are_found_by_their_index() {
    let model = Model::new("qwen3", 16);
    let whole = model.write().to_owned();
    let mut expected = Weights::open(&whole).expect("opens");
    std::fs::remove_file(model.path("model.safetensors")).expect("removes");
    assert!(refusal(&whole).contains("model.safetensors.index.json"));
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let (first, second) = model.tensors.split_at(9);
    let mut map = serde_json::Map::new();
    for (name, tensors) in names.iter().zip([first, second]) {
        map.extend(tensors.iter().map(|(tensor, ..)| (tensor.clone(), json!(name))));
    }
    let write_index = |map: &serde_json::Map<String, Value>| {
        std::fs::write(model.path("model.safetensors.index.json"), json!({"weight_map": map}).to_string())
            .expect("writes");
    };
    write_index(&map);
    write(&model.path(names[0]), first);
    assert!(Weights::open(&whole).is_err());
    write(&model.path(names[1]), second);
    let mut weights = Weights::open(&whole).expect("opens");
    for name in ["token_embd.weight", "blk.1.attn_q_norm.weight", "blk.1.ffn_down.weight"] {
        assert_eq!(weights.read(name).expect("reads"), expected.read(name).expect("reads"), "{name}");
    }
    Weights::open(&model.path(names[1])).expect("one shard stands for all");
    map.insert("x".into(), json!("../outside.safetensors"));
    write_index(&map);
    assert!(refusal(&whole).contains("not in a file of this folder"));
}

#[test]
fn headers_that_lie_are_refused() {
    let model = Model::new("llama", 8);
    model.write();
    let path = model.path("model.safetensors");
    let whole = std::fs::read(&path).expect("reads");
    let header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &[0; 64]].concat();
    let tensor = |shape: &str, offsets: &str| {
        header(&format!(r#"{{"lm_head.weight": {{"dtype": "F32", "shape": {shape}, "data_offsets": {offsets}}}}}"#))
    };
    for (part, bytes) in [
        ("header", Vec::new()),
        ("header", whole[..7].to_vec()),
        ("header", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("header", header("{")),
        ("header", header("[]")),
        ("lm_head.weight", tensor("[4]", "[0, 8]")),
        ("lm_head.weight", tensor("[4]", "[16, 0]")),
        ("lm_head.weight", tensor("[-4]", "[0, 16]")),
        ("lm_head.weight", tensor("[4294967296, 4294967296]", "[0, 0]")),
        ("lm_head.weight", tensor("[0]", "[18446744073709551615, 18446744073709551615]")),
        ("weight", whole[..whole.len() - 1].to_vec()),
    ] {
        std::fs::write(&path, bytes).expect("writes");
        let reason = refusal(model.directory.path());
        assert!(reason.contains(part), "{part}: {reason}");
    }
}
