//! The same model on a device as on the CPU. In a build with the feature `cuda`, and where there is a GPU, it is that.
//! Elsewhere it is the CPU again: what is checked then is everything but the CUDA kernels themselves, which
//! `tests/kernels.py` runs in an emulation.

use std::collections::BTreeMap;

use candle_core::quantized::GgmlDType;

use super::*;
use crate::backend::Past;
use crate::compute::Team;
use crate::llama::{self, OnCpu};
use crate::tiny::{Tiny, VOCABULARY};

fn on_device(tiny: &Tiny) -> Llama {
    let mut weights = Weights::open(&tiny.write()).expect("opens");
    let cache_bytes = 64 * page_bytes(weights.shape());
    Llama::load(&mut weights, Some(cache_bytes), 256, &test_device()).expect("loads")
}

fn on_cpu(tiny: &Tiny) -> OnCpu {
    let llama = llama::Llama::load(&mut Weights::open(&tiny.write()).expect("opens")).expect("loads");
    OnCpu { llama, team: Team::new(1).expect("starts") }
}

/// All logits of texts read in one step, each after its cache.
fn read<B: Backend>(backend: &B, texts: &[&[u32]], caches: &mut [B::Cache]) -> Vec<Vec<f32>> {
    let sequences = texts.iter().zip(caches).map(|(tokens, cache)| {
        let wanted = tokens.len();
        crate::backend::Sequence { tokens, cache, adapter: None, wanted }
    });
    let logits = backend.forward(&mut sequences.collect::<Vec<_>>()).expect("is computed");
    logits.chunks(backend.shape().vocabulary).map(<[f32]>::to_vec).collect()
}

fn text(seed: u32, count: u32) -> Vec<u32> {
    (0..count).map(|index| (index * 31 + seed * 7) % 250).collect()
}

fn farthest(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
    pairs.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max)
}

#[test]
fn logits_are_those_of_the_cpu() {
    for window in [None, Some(20)] {
        let mut tiny = Tiny::new();
        if let Some(window) = window {
            tiny.set("llama.attention.sliding_window", candle_core::quantized::gguf_file::Value::U32(window));
        }
        let (device, cpu) = (on_device(&tiny), on_cpu(&tiny));
        let texts = [text(1, 70), text(2, 1), text(3, 33)];
        let texts = texts.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let (mut theirs, mut ours) = (vec![cpu.cache(); 3], vec![device.cache(); 3]);
        assert!(farthest(&read(&device, &texts, &mut ours), &read(&cpu, &texts, &mut theirs)) < 2e-3);
        // And what follows, when each remembers something else.
        let next = [&[9][..], &[8, 7, 6], &[5, 4]];
        assert!(farthest(&read(&device, &next, &mut ours), &read(&cpu, &next, &mut theirs)) < 2e-3);
    }
}

#[test]
fn quantised_weights_stay_quantised() {
    let mut tiny = Tiny::new();
    tiny.stored = GgmlDType::Q8_0;
    let (device, cpu) = (on_device(&tiny), on_cpu(&tiny));
    let texts = [&text(1, 40)[..]];
    let logits = read(&device, &texts, &mut [device.cache()]);
    // Both round a row's inputs to eight bits.
    let off = farthest(&logits, &read(&cpu, &texts, &mut [cpu.cache()]));
    assert!(off > 0.0 && off < 0.1, "{off}");
    assert!(device.bytes() < on_device(&Tiny::new()).bytes() / 3);
}

#[test]
fn a_row_does_not_depend_on_what_is_computed_beside_it() {
    let device = on_device(&Tiny::new());
    let (prefix, tails) = (text(0, 40), [text(1, 3), text(2, 1), text(3, 90), text(4, 33)]);
    let mut shared = [device.cache()];
    read(&device, &[&prefix], &mut shared);
    let [shared] = shared;
    let all = tails.iter().map(Vec::as_slice).collect::<Vec<_>>();
    let batch = read(&device, &all, &mut vec![shared.clone(); 4]);
    let mut batched = batch.iter();
    for tail in &tails {
        let expected = batched.by_ref().take(tail.len()).cloned().collect::<Vec<_>>();
        assert_eq!(read(&device, &[tail], &mut [shared.clone()]), expected);
        let mut cache = [shared.clone()];
        let one_by_one = tail.iter().flat_map(|token| read(&device, &[&[*token]], &mut cache));
        assert_eq!(one_by_one.collect::<Vec<_>>(), expected);
        // What was guessed wrongly and forgotten leaves no trace.
        cache[0].truncate(prefix.len());
        read(&device, &[&[7, 7, 7, 7, 7]], &mut cache);
        cache[0].truncate(prefix.len());
        assert_eq!(read(&device, &[tail], &mut cache), expected);
    }
}

#[test]
fn no_page_is_lost_and_none_is_given_twice() {
    let device = on_device(&Tiny::new());
    let mut caches = Vec::new();
    // 64 pages of 32 tokens: the ninth text finds seven of the eight it needs, and gives them back.
    for seed in 0..8 {
        let mut cache = [device.cache()];
        read(&device, &[&text(seed, 225)], &mut cache);
        caches.extend(cache);
    }
    let mut numbers = caches.iter().flat_map(Past::pages).collect::<Vec<_>>();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..64).collect::<Vec<_>>());
    let mut late = device.cache();
    let sequence = Sequence { tokens: &[1], cache: &mut late, adapter: None, wanted: 1 };
    assert!(matches!(device.forward(&mut [sequence]), Err(GenerateError::Inference { .. })));
    caches.pop();
    assert_eq!(read(&device, &[&[1]], &mut [late])[0].len(), VOCABULARY);
}

#[tokio::test]
async fn texts_are_those_of_the_cpu() {
    let options = crate::GeneratorOptions { threads: 1, context_tokens: 256, ..Default::default() };
    let tiny = Tiny::new();
    let files = tiny.files();
    let device = crate::Generator::open_on(&files, &test_device(), options, &BTreeMap::new()).expect("opens");
    let cpu = crate::Generator::open(&files, options).expect("opens");
    for prompt in ["one", "and another one, somewhat longer"] {
        let request = || crate::WriteRequest {
            prompt: crate::Prompt::Text(prompt.to_owned()),
            sampling: crate::Sampling { max_tokens: 40, ..Default::default() },
            texts: 1,
            ..Default::default()
        };
        let (mut texts, mut ours) = (Vec::new(), String::new());
        for generator in [&device, &cpu] {
            let mut pieces = generator.write(request()).await.expect("starts").remove(0);
            ours.clear();
            while let Some(piece) = pieces.recv().await {
                if let crate::Piece::Text { text, .. } = piece.expect("goes on") {
                    ours.push_str(&text);
                }
            }
            texts.push(ours.clone());
        }
        assert!(!texts[0].is_empty());
        assert_eq!(texts[0], texts[1]);
    }
}
