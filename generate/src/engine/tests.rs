//! The engine on a tiny random model: against a naive forward pass, against itself, and when things fail.

use std::time::Duration;

use candle_core::quantized::gguf_file::Value;

use super::*;
use crate::backend::Past as _;
use crate::compute::Team;
use crate::llama::{Cache, Llama, Sequence};
use crate::tiny::{self, Tiny};
use crate::weights::Weights;

fn options() -> GeneratorOptions {
    GeneratorOptions { threads: 2, context_tokens: 256, ..GeneratorOptions::default() }
}

fn open_with(tiny: &Tiny, options: GeneratorOptions) -> Generator {
    Generator::open(&tiny.files(), options).expect("the tiny model opens")
}

fn open(tiny: &Tiny) -> Generator {
    open_with(tiny, options())
}

struct Loaded {
    llama: Llama,
    team: Team,
}

fn load(tiny: &Tiny) -> Loaded {
    let mut weights = Weights::open(&tiny.write()).expect("opens");
    Loaded { llama: Llama::load(&mut weights).expect("loads"), team: Team::new(2).expect("starts") }
}

impl Loaded {
    fn forward(&self, sequences: &mut [Sequence]) -> Vec<Vec<f32>> {
        let logits = self.llama.forward(&self.team, sequences);
        logits.chunks(tiny::VOCABULARY).map(<[f32]>::to_vec).collect()
    }

    /// Logits after the last `wanted` tokens.
    fn read(&self, tokens: &[u32], cache: &mut Cache, wanted: usize) -> Vec<Vec<f32>> {
        self.forward(&mut [Sequence { tokens, cache, adapter: None, wanted }])
    }
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
    let model = load(&tiny);
    // Few rows go matrix by matrix, many block by block.
    for count in [7, 100] {
        let tokens = (0..count).map(|index| index * 71 % 250).collect::<Vec<u32>>();
        let logits = model.read(&tokens, &mut model.llama.cache(), usize::MAX);
        assert_eq!(logits.len(), tokens.len());
        for (ours, naive) in logits.iter().zip(naive::logits(&tiny, &tokens)) {
            // Keys and values are remembered in 16-bit floats.
            close(ours, &naive, 2e-3);
        }
    }
}

#[test]
fn logits_are_the_same_to_the_last_bit_however_a_text_is_read() {
    let tiny = Tiny::new();
    let model = load(&tiny);
    let text = |seed: u32, count: u32| (0..count).map(|index| (index * 31 + seed * 7) % 250).collect::<Vec<_>>();
    let prefix = text(0, 40);
    let tails = [text(1, 3), text(2, 1), text(3, 60), text(4, 33)];
    let mut shared = model.llama.cache();
    model.read(&prefix, &mut shared, 0);
    let mut caches = tails.iter().map(|_| shared.clone()).collect::<Vec<_>>();
    let sequences = tails.iter().zip(&mut caches);
    let sequences = sequences.map(|(tokens, cache)| Sequence { tokens, cache, adapter: None, wanted: 1 });
    let batch = model.forward(&mut sequences.collect::<Vec<_>>());
    for (tail, batched) in tails.iter().zip(&batch) {
        let whole = [&prefix[..], tail].concat();
        assert_eq!(model.read(&whole, &mut model.llama.cache(), 1), std::slice::from_ref(batched));
        let mut cache = shared.clone();
        let mut logits = Vec::new();
        for token in tail {
            logits = model.read(&[*token], &mut cache, 1);
        }
        assert_eq!(logits, std::slice::from_ref(batched));
        // What was guessed wrongly and forgotten leaves no trace.
        cache.truncate(prefix.len());
        model.read(&[7, 7, 7, 7, 7], &mut cache, 0);
        cache.truncate(prefix.len());
        assert_eq!(model.read(tail, &mut cache, 1), std::slice::from_ref(batched));
    }
}

fn score_request() -> ScoreRequest {
    ScoreRequest {
        prefix: vec![0],
        givens: vec![vec![20, 21], vec![30], vec![40, 41, 42]],
        target: vec![50, 51, 52],
        ..ScoreRequest::default()
    }
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
        close(&[expected.sum::<f32>() / 3.0], &[score], 2e-3);
    }
}

async fn read_all(mut pieces: mpsc::Receiver<Result<Piece>>) -> (String, usize) {
    let mut text = String::new();
    while let Some(piece) = pieces.recv().await {
        match piece.expect("a piece") {
            Piece::Text { text: more, .. } => text.push_str(&more),
            Piece::End { usage, .. } => return (text, usage.output_tokens),
        }
    }
    panic!("no end");
}

fn request(prompt: Vec<u32>, sampling: Sampling) -> CompleteRequest {
    CompleteRequest { prompt, sampling, ..CompleteRequest::default() }
}

async fn completed(generator: &Generator, sampling: Sampling) -> (String, usize) {
    read_all(generator.complete(request(vec![0, 70, 71], sampling)).expect("starts")).await
}

/// Prompts that repeat themselves, so that there is something to guess, each with its own sampling.
fn requests() -> Vec<CompleteRequest> {
    let request = |index: u32| {
        let prompt = (0..20 + index * 9).map(|token| (token % (5 + index) + index * 17) % 250).collect();
        let temperature = if index.is_multiple_of(2) { 0.0 } else { 0.5 };
        let max_tokens = 30 + index as usize;
        request(prompt, Sampling { temperature, seed: Some(u64::from(index)), max_tokens, ..Sampling::default() })
    };
    (0..12).map(request).collect()
}

#[tokio::test]
async fn texts_are_the_same_with_guesses_and_without_alone_and_together() {
    let tiny = Tiny::new();
    let plain = open_with(&tiny, GeneratorOptions { speculates: false, threads: 1, texts: 1, ..options() });
    let guessing = open(&tiny);
    let mut alone = Vec::new();
    for request in requests() {
        alone.push(read_all(plain.complete(request).expect("starts")).await);
    }
    // All at once, twice: the second time their beginnings are remembered.
    for _ in 0..2 {
        let pieces = requests().into_iter().map(|request| guessing.complete(request).expect("starts"));
        let pieces = pieces.collect::<Vec<_>>();
        for (pieces, alone) in pieces.into_iter().zip(&alone) {
            assert_eq!(read_all(pieces).await, *alone);
        }
    }
}

#[tokio::test]
async fn memory_is_never_exceeded_however_many_wait() {
    let tiny = Tiny::new();
    let (device, voices) = (crate::gpu::test_device(), BTreeMap::new());
    let mut opened = Opened::new(&tiny.write()).expect("opens");
    let of = |page_bytes: usize| GeneratorOptions { cache_bytes: Some(11 * page_bytes), ..options() };
    let on_cpu = of(opened.on_cpu(options(), &voices).expect("loads").backend.page_bytes());
    check_memory(opened.on_cpu(on_cpu, &voices).expect("loads"), on_cpu).await;
    let on_device = of(opened.on_device(&device, options(), &voices).expect("loads").backend.page_bytes());
    check_memory(opened.on_device(&device, on_device, &voices).expect("loads"), on_device).await;
}

async fn check_memory<B: Backend + Send + 'static>(model: Model<B>, options: GeneratorOptions)
where
    B::Cache: Send,
    B::Adapter: Send + Sync,
{
    assert_eq!((model.pages, model.context_tokens), (11, 256));
    let (jobs, queue) = std::sync::mpsc::channel();
    let waiting = Arc::default();
    let mut readers = Vec::new();
    for index in 0..64 {
        let place = Place::take(&waiting, 64).expect("there is room in the queue");
        let (to, pieces) = mpsc::channel(STREAM_CAPACITY);
        let sampling = Sampling { max_tokens: 40, temperature: 1.0, seed: Some(index), ..Sampling::default() };
        let prompt = (0..30 + index as u32).map(|token| token * (1 + index as u32 % 3) % 250).collect();
        jobs.send((Job::Complete(request(prompt, sampling), to), place)).expect("it is queued");
        readers.push(pieces);
    }
    drop(jobs);
    assert!(Place::take(&waiting, 64).is_none());
    let running = std::thread::spawn(move || {
        let mut most = 0;
        Scheduler::new(model, options, queue).run_watched(|scheduler| {
            most = scheduler.pages_in_use().max(most);
        });
        most
    });
    for pieces in readers {
        assert!(read_all(pieces).await.1 > 0);
    }
    let most = running.join().expect("it ends");
    assert!((6..=11).contains(&most), "{most}");
}

#[tokio::test]
async fn what_needs_more_memory_than_there_is_is_refused() {
    let tiny = Tiny::new();
    let page_bytes = load(&tiny).llama.page_bytes();
    let with = |pages| GeneratorOptions { cache_bytes: Some(pages * page_bytes), ..options() };
    let refused = Generator::open(&tiny.files(), with(1));
    assert!(matches!(refused, Err(GenerateError::Memory { .. })));
    let generator = open_with(&tiny, with(4));
    assert_eq!(generator.context_tokens(), 96);
    let many = ScoreRequest { givens: vec![vec![20; 40]; 9], ..score_request() };
    assert!(matches!(generator.score(many).await, Err(GenerateError::Memory { .. })));
    assert_eq!(
        generator.score(ScoreRequest { givens: vec![vec![20]], ..score_request() }).await.expect("fits").len(),
        1
    );
}

#[tokio::test]
async fn owners_are_served_in_turn() {
    let tiny = Tiny::new();
    let generator = open_with(&tiny, GeneratorOptions { texts: 1, ..options() });
    let sampling = || Sampling { max_tokens: 60, temperature: 1.0, seed: Some(1), ..Sampling::default() };
    let ask = |owner: &str| CompleteRequest { owner: owner.into(), ..request(vec![0], sampling()) };
    let ends = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for owner in ["many", "many", "many", "many", "few"] {
        let (pieces, ends) = (generator.complete(ask(owner)).expect("starts"), Arc::clone(&ends));
        tasks.push(tokio::spawn(async move {
            read_all(pieces).await;
            ends.lock().expect("no panic").push(owner);
        }));
    }
    for task in tasks {
        task.await.expect("it ends");
    }
    let place = ends.lock().expect("no panic").iter().position(|owner| *owner == "few");
    assert!(place.is_some_and(|place| place <= 2), "{place:?}");
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
    let generator = open_with(&tiny, GeneratorOptions { queue_capacity: 1, texts: 1, ..options() });
    // Its end token is not drawn.
    let sampling = || Sampling {
        max_tokens: 250,
        temperature: 1.0,
        seed: Some(1),
        logit_bias: vec![(1, -100.0)],
        ..Sampling::default()
    };
    let long = || request(vec![0], sampling());
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
        ("`gpt2`", "general.architecture", text("gpt2")),
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
