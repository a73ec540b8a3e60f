//! The engine on a tiny random model: against a naive forward pass, against itself, and when things fail.

use std::time::Duration;

use candle_core::quantized::gguf_file::Value;

use super::*;
use crate::gguf::Gguf;
use crate::llama::{Llama, Sequence, Wanted};
use crate::tiny::{self, Tiny};

fn open(tiny: &Tiny) -> Generator {
    let options = GeneratorOptions { threads: 2, queue_capacity: 1, context_tokens: 256 };
    Generator::open(&tiny.files(), options).expect("the tiny model opens")
}

fn load(tiny: &Tiny) -> Llama {
    Llama::load(&mut Gguf::open(&tiny.write()).expect("opens")).expect("loads")
}

fn refusal(tiny: &Tiny) -> String {
    let opened = Generator::open(&tiny.files(), GeneratorOptions::default());
    opened.expect_err("it is refused").to_string()
}

fn close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance, "{a} {b}");
    }
}

mod naive {
    use crate::tiny::{EPSILON, FEED_FORWARD, HEADS, HIDDEN, KEY_HEADS, LAYERS, ROPE_BASE, Tiny, VOCABULARY};

    const SIZE: usize = HIDDEN / HEADS;

    /// `weight` is `(outputs, inputs)`.
    fn product(weight: &[f32], input: &[f64], outputs: usize) -> Vec<f64> {
        let row = |output: usize| weight[output * input.len()..][..input.len()].iter().zip(input);
        (0..outputs).map(|output| row(output).map(|(weight, input)| f64::from(*weight) * input).sum()).collect()
    }

    fn norm(weight: &[f32], input: &[f64]) -> Vec<f64> {
        let mean = input.iter().map(|value| value * value).sum::<f64>() / input.len() as f64;
        input.iter().zip(weight).map(|(value, weight)| value / (mean + EPSILON).sqrt() * f64::from(*weight)).collect()
    }

    fn rotate(heads: &mut [f64], position: usize) {
        for head in heads.chunks_mut(SIZE) {
            for pair in 0..SIZE / 2 {
                let angle = position as f64 * ROPE_BASE.powf(-2.0 * pair as f64 / SIZE as f64);
                let (a, b) = (head[2 * pair], head[2 * pair + 1]);
                head[2 * pair] = a * angle.cos() - b * angle.sin();
                head[2 * pair + 1] = a * angle.sin() + b * angle.cos();
            }
        }
    }

    fn attend(query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let mut out = Vec::new();
        for head in 0..HEADS {
            let own = head / (HEADS / KEY_HEADS) * SIZE;
            let query = &query[head * SIZE..][..SIZE];
            let score = |key: &Vec<f64>| {
                key[own..own + SIZE].iter().zip(query).map(|(a, b)| a * b).sum::<f64>() / (SIZE as f64).sqrt()
            };
            let weights = keys.iter().map(|key| score(key).exp()).collect::<Vec<_>>();
            let total = weights.iter().sum::<f64>();
            for index in own..own + SIZE {
                out.push(weights.iter().zip(values).map(|(weight, value)| weight / total * value[index]).sum());
            }
        }
        out
    }

    /// Logits after every token.
    pub(super) fn logits(tiny: &Tiny, tokens: &[u32]) -> Vec<Vec<f32>> {
        let embedding = tiny.values("token_embd.weight");
        let mut rows = tokens
            .iter()
            .map(|token| {
                let row = &embedding[*token as usize * HIDDEN..][..HIDDEN];
                row.iter().map(|value| f64::from(*value)).collect::<Vec<_>>()
            })
            .collect::<Vec<_>>();
        for layer in 0..LAYERS {
            let weight = |name: &str| tiny.values(&format!("blk.{layer}.{name}.weight"));
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for (position, row) in rows.iter_mut().enumerate() {
                let normed = norm(weight("attn_norm"), row);
                let mut query = product(weight("attn_q"), &normed, HIDDEN);
                let mut key = product(weight("attn_k"), &normed, KEY_HEADS * SIZE);
                rotate(&mut query, position);
                rotate(&mut key, position);
                keys.push(key);
                values.push(product(weight("attn_v"), &normed, KEY_HEADS * SIZE));
                let attended = product(weight("attn_output"), &attend(&query, &keys, &values), HIDDEN);
                row.iter_mut().zip(attended).for_each(|(row, new)| *row += new);
                let normed = norm(weight("ffn_norm"), row);
                let gate = product(weight("ffn_gate"), &normed, FEED_FORWARD);
                let up = product(weight("ffn_up"), &normed, FEED_FORWARD);
                let inner = gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect::<Vec<_>>();
                row.iter_mut().zip(product(weight("ffn_down"), &inner, HIDDEN)).for_each(|(row, new)| *row += new);
            }
        }
        let outputs =
            rows.iter().map(|row| product(embedding, &norm(tiny.values("output_norm.weight"), row), VOCABULARY));
        outputs.map(|row| row.into_iter().map(|value| value as f32).collect()).collect()
    }
}

#[test]
fn logits_are_those_of_a_naive_forward_pass() {
    let tiny = Tiny::new();
    let llama = load(&tiny);
    let tokens = [5, 77, 200, 3, 3, 150, 42];
    let mut cache = llama.cache();
    let mut sequences = [Sequence { tokens: &tokens, cache: &mut cache }];
    let logits =
        llama.forward(&mut sequences, Wanted::Tail(100)).expect("computes").to_vec2::<f32>().expect("two dimensions");
    for (ours, naive) in logits.iter().zip(naive::logits(&tiny, &tokens)) {
        close(ours, &naive, 2e-5);
    }
    assert_eq!(logits.len(), tokens.len());
}

#[test]
fn a_batch_and_a_forked_prefix_change_nothing() {
    let tiny = Tiny::new();
    let llama = load(&tiny);
    let (prefix, tails) = ([9, 8, 7, 6], [&[10, 11, 12][..], &[13], &[14, 15, 16, 17, 18]]);
    let mut shared = llama.cache();
    llama.next(&prefix, &mut shared).expect("computes");
    let mut caches = tails.map(|_| shared.fork());
    let mut sequences =
        tails.iter().zip(&mut caches).map(|(tokens, cache)| Sequence { tokens, cache }).collect::<Vec<_>>();
    let batch =
        llama.forward(&mut sequences, Wanted::Last).expect("computes").to_vec2::<f32>().expect("two dimensions");
    for (tail, batched) in tails.iter().zip(&batch) {
        let mut cache = llama.cache();
        let alone = llama.next(&[&prefix[..], tail].concat(), &mut cache).expect("computes");
        close(&alone, batched, 2e-5);
        let mut cache = shared.fork();
        let mut logits = Vec::new();
        for token in *tail {
            logits = llama.next(&[*token], &mut cache).expect("computes");
        }
        close(&alone, &logits, 2e-5);
    }
}

fn score_request() -> ScoreRequest {
    ScoreRequest { prefix: vec![0], givens: vec![vec![20, 21], vec![30], vec![40, 41, 42]], target: vec![50, 51, 52] }
}

#[tokio::test]
async fn scores_are_log_likelihoods_and_leave_no_state() {
    let tiny = Tiny::new();
    let generator = open(&tiny);
    let scores = generator.score(score_request()).await.expect("scores");
    let other = ScoreRequest { prefix: vec![0, 60], ..score_request() };
    generator.score(other).await.expect("scores");
    close(&generator.score(score_request()).await.expect("scores"), &scores, 0.0);
    for (given, score) in score_request().givens.iter().zip(scores) {
        let text = [&[0][..], given, &[50, 51, 52]].concat();
        let logits = naive::logits(&tiny, &text);
        let before = text.len() - 4;
        let expected = (0..3).map(|index| {
            let row = &logits[before + index];
            row[text[before + index + 1] as usize] - row.iter().map(|logit| logit.exp()).sum::<f32>().ln()
        });
        close(&[expected.sum::<f32>() / 3.0], &[score], 1e-4);
    }
}

async fn completed(generator: &Generator, sampling: Sampling) -> (String, usize) {
    let mut pieces =
        generator.complete(CompleteRequest { prompt: vec![0, 70, 71], sampling, constraint: None }).expect("starts");
    let mut text = String::new();
    while let Some(piece) = pieces.recv().await {
        match piece.expect("a piece") {
            Piece::Text { text: more, .. } => text.push_str(&more),
            Piece::End { usage, .. } => return (text, usage.output_tokens),
        }
    }
    panic!("no end");
}

#[tokio::test]
async fn two_requests_are_two_fresh_models() {
    let tiny = Tiny::new();
    let generator = open(&tiny);
    let sampling = Sampling { temperature: 1.0, seed: Some(3), max_tokens: 40, ..Sampling::default() };
    let first = completed(&generator, sampling.clone()).await;
    generator.score(score_request()).await.expect("scores");
    assert_eq!(completed(&generator, sampling.clone()).await, first);
    assert_eq!(completed(&open(&tiny), sampling.clone()).await, first);
    let stop = first.0.chars().skip(4).take(3).collect::<String>();
    let (stopped, _) = completed(&generator, Sampling { stop: vec![stop.clone()], ..sampling }).await;
    assert_eq!(stopped, first.0[..first.0.find(&stop).expect("it is in the text")]);
}

#[tokio::test]
async fn a_full_queue_is_busy_and_a_reader_that_leaves_stops_the_model() {
    let tiny = Tiny::new();
    let generator = open(&tiny);
    let long = || CompleteRequest {
        prompt: vec![0],
        sampling: Sampling { max_tokens: 250, temperature: 1.0, seed: Some(1), ..Sampling::default() },
        constraint: None,
    };
    // Nobody reads: the model waits with a full stream. The next waits in the queue, one more is too many.
    let running = generator.complete(long()).expect("starts");
    let mut waiting = None;
    for _ in 0..200 {
        match generator.complete(long()) {
            Ok(receiver) if waiting.is_none() => waiting = Some(receiver),
            Ok(_) => panic!("the queue has one place"),
            Err(GenerateError::Busy) if waiting.is_some() => break,
            Err(error) => assert!(matches!(error, GenerateError::Busy), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(generator.complete(long()), Err(GenerateError::Busy)));
    drop((running, waiting));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let scores = tokio::time::timeout(Duration::from_secs(5), generator.score(score_request())).await;
    assert_eq!(scores.expect("the model is free").expect("scores").len(), 3);
}

#[test]
fn damaged_files_are_refused_by_name() {
    let number = |number| Some(Value::U32(number));
    let text = |text: &str| Some(Value::String(text.into()));
    let merges = Some(Value::Array(vec![Value::String("one".into())]));
    for (part, key, value) in [
        ("`qwen2`", "general.architecture", text("qwen2")),
        ("llama.block_count", "llama.block_count", None),
        ("llama.attention.head_count", "llama.attention.head_count", number(5)),
        ("llama.embedding_length", "llama.embedding_length", number(0)),
        ("blk.1.ffn_up.weight", "blk.1.ffn_up.weight", None),
        ("token_embd.weight", "llama.embedding_length", number(64)),
        ("tokenizer.ggml.merges", "tokenizer.ggml.merges", merges),
        ("tokenizer.ggml.bos_token_id", "tokenizer.ggml.bos_token_id", number(258)),
        ("header", "general.alignment", number(0)),
    ] {
        let mut tiny = Tiny::new();
        tiny.without(key);
        if let Some(value) = value {
            tiny.set(key, value);
        }
        let reason = refusal(&tiny);
        assert!(reason.contains(part), "{part}: {reason}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let tiny = Tiny::new();
    let whole = std::fs::read(tiny.write()).expect("reads");
    for length in (0..whole.len()).step_by(whole.len() / 60) {
        let path = tiny.directory.path().join("cut.gguf");
        std::fs::write(&path, &whole[..length]).expect("writes");
        let opened = Generator::open(&tiny::model_files(&path), GeneratorOptions::default());
        assert!(matches!(opened, Err(GenerateError::Damaged { .. })), "{length}");
    }
}
