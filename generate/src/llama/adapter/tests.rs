//! Adapters against a model whose matrices were changed by the same amount beforehand.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::*;
use crate::compute::Team;
use crate::llama::{Llama, Sequence};
use crate::tiny::{FEED_FORWARD, HEADS, HIDDEN, KEY_HEADS, LAYERS, Tiny, VOCABULARY};
use crate::weights::Weights;

const RANK: usize = 3;
const ALPHA: f32 = 6.0;
const SIZE: usize = HIDDEN / HEADS;
const MATRICES: [(&str, &str, usize, usize); 3] = [
    ("self_attn.k_proj", "attn_k", KEY_HEADS * SIZE, HIDDEN),
    ("self_attn.o_proj", "attn_output", HIDDEN, HIDDEN),
    ("mlp.down_proj", "ffn_down", HIDDEN, FEED_FORWARD),
];

fn load(tiny: &Tiny) -> Llama {
    Llama::load(&mut Weights::open(&tiny.write()).expect("opens")).expect("loads")
}

/// Logits of two texts in one step, each with its adapter or none.
fn read(llama: &Llama, adapters: [Option<Arc<Adapter>>; 2]) -> Vec<Vec<f32>> {
    let team = Team::new(2).expect("starts");
    let mut caches = [llama.cache(), llama.cache()];
    let texts = [[3, 99, 201, 17, 4], [8, 120, 7, 7, 250]];
    let sequences = texts.iter().zip(&mut caches).zip(adapters);
    let sequences = sequences.map(|((tokens, cache), adapter)| Sequence { tokens, cache, adapter, wanted: 1 });
    llama.forward(&team, &mut sequences.collect::<Vec<_>>()).chunks(VOCABULARY).map(<[f32]>::to_vec).collect()
}

/// Writes an adapter; adds what it adds to `merged` as well.
fn write(directory: &Path, config: &serde_json::Value, merged: &mut Tiny) {
    let mut random = StdRng::seed_from_u64(3);
    let mut noise = |count: usize| (0..count).map(|_| random.random_range(-0.3..0.3)).collect::<Vec<f32>>();
    let mut tensors = HashMap::new();
    for layer in 0..LAYERS {
        for (theirs, ours, outputs, inputs) in MATRICES {
            let (down, up) = (noise(RANK * inputs), noise(outputs * RANK));
            let tensor = |values: &[f32], shape| Tensor::from_slice(values, shape, &Device::Cpu).expect("a tensor");
            let name = |factor| format!("base_model.model.model.layers.{layer}.{theirs}.lora_{factor}.weight");
            tensors.insert(name("A"), tensor(&down, (RANK, inputs)));
            tensors.insert(name("B"), tensor(&up, (outputs, RANK)));
            let name = format!("blk.{layer}.{ours}.weight");
            let (.., weight) = merged.tensors.iter_mut().find(|(known, ..)| *known == name).expect("it is there");
            for output in 0..outputs {
                // GGUF has the rows of keys in another order than the adapter.
                let within = output % SIZE;
                let row = output - within + within / 2 + within % 2 * (SIZE / 2);
                let row = if ours == "attn_k" { row } else { output };
                for input in 0..inputs {
                    let product = |rank: usize| up[row * RANK + rank] * down[rank * inputs + input];
                    weight[output * inputs + input] += ALPHA / RANK as f32 * (0..RANK).map(product).sum::<f32>();
                }
            }
        }
    }
    candle_core::safetensors::save(&tensors, directory.join("adapter_model.safetensors")).expect("writes");
    std::fs::write(directory.join("adapter_config.json"), config.to_string()).expect("writes");
}

fn config() -> serde_json::Value {
    json!({"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "use_dora": false, "modules_to_save": null})
}

#[test]
fn an_adapter_is_the_model_with_other_matrices_and_leaves_its_neighbours_alone() {
    let (tiny, mut merged, folder) = (Tiny::new(), Tiny::new(), tempfile::tempdir().expect("a folder"));
    write(folder.path(), &config(), &mut merged);
    let (base, merged) = (load(&tiny), load(&merged));
    let adapter = Arc::new(Adapter::load(folder.path(), base.shape()).expect("loads"));
    let (plain, other) = (read(&base, [None, None]), read(&merged, [None, None]));
    let mixed = read(&base, [Some(Arc::clone(&adapter)), None]);
    assert_eq!(mixed[1], plain[1]);
    assert_eq!(read(&base, [Some(Arc::clone(&adapter)), Some(adapter)])[0], mixed[0]);
    for ((mixed, other), plain) in mixed[0].iter().zip(&other[0]).zip(&plain[0]) {
        assert!((mixed - other).abs() < 2e-3, "{mixed} {other} {plain}");
    }
    assert!(mixed[0].iter().zip(&plain[0]).any(|(mixed, plain)| (mixed - plain).abs() > 0.1));
}

#[test]
fn what_would_be_computed_wrongly_is_refused_by_name() {
    let (tiny, folder) = (Tiny::new(), tempfile::tempdir().expect("a folder"));
    let base = load(&tiny);
    for (key, value) in [
        ("use_dora", json!(true)),
        ("peft_type", json!("IA3")),
        ("modules_to_save", json!(["lm_head"])),
        ("lora_alpha", json!("much")),
        ("alpha_pattern", json!({"k_proj": 3})),
    ] {
        let mut config = config();
        config[key] = value;
        write(folder.path(), &config, &mut Tiny::new());
        let refused = Adapter::load(folder.path(), base.shape()).err().expect("it is refused").to_string();
        assert!(refused.contains(key), "{key}: {refused}");
    }
    for (name, shape) in [
        ("base_model.model.model.layers.0.mlp.down_proj.lora_A.weight", (RANK, HIDDEN)),
        ("base_model.model.model.layers.9.mlp.down_proj.lora_A.weight", (RANK, FEED_FORWARD)),
        ("base_model.model.lm_head.lora_A.weight", (RANK, HIDDEN)),
    ] {
        write(folder.path(), &config(), &mut Tiny::new());
        let tensor = Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).expect("a tensor");
        let path = folder.path().join("adapter_model.safetensors");
        candle_core::safetensors::save(&HashMap::from([(name.to_owned(), tensor)]), &path).expect("writes");
        assert!(Adapter::load(folder.path(), base.shape()).is_err(), "{name}");
    }
}
