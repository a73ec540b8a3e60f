//! The encoder with a tiny random model, and its queue and threads with a scripted one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use super::queue::Queue;
use super::request::Request;
use super::threads::ModelThreads;
use super::tiny::{HIDDEN, MAX_TOKENS, TinyModel};
use super::{Encoder, EncoderOptions, Input, Priority};
use crate::{EmbedError, Precision};

const OPTIONS: EncoderOptions = EncoderOptions {
    threads: 2,
    queue_capacity: 64,
    max_batch_tokens: 40,
    max_tokens: 512,
    precision: Precision::Full,
};

fn words(count: usize) -> String {
    let letters = "abcdefghijklmnopqrstuvwxyz".chars().cycle().skip(count).take(count);
    letters.flat_map(|letter| [letter, ' ']).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_vector_is_the_same_alone_and_in_any_batch() {
    let model = TinyModel::write();
    let encoder = Encoder::open(&model.files(), OPTIONS).unwrap();
    let all = (0..40).map(|index| words(index % 14)).collect::<Vec<_>>();
    let together = encoder.encode_blocking(all.clone(), Input::Passage, Priority::Bulk).unwrap();
    for (text, vector) in all.iter().zip(&together) {
        assert_eq!(vector.len(), HIDDEN);
        assert!((vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-5);
        let alone = encoder.encode_blocking(vec![text.clone()], Input::Passage, Priority::Interactive).unwrap();
        assert_eq!(&alone[0], vector, "`{text}`");
    }
    assert_ne!(together[1], together[2], "different texts have different vectors");
}

#[test]
fn a_long_text_is_cut_and_counted_whole() {
    let model = TinyModel::write();
    let encoder = Encoder::open(&model.files(), OPTIONS).unwrap();
    let fits = "a b c d e f g h i j k l m n";
    assert_eq!(encoder.count_tokens(fits, Input::Passage), MAX_TOKENS);
    let much_longer = format!("{fits} {}", "o p q ".repeat(5000));
    assert_eq!(encoder.count_tokens(&much_longer, Input::Passage), MAX_TOKENS + 15_000);
    let barely_longer = format!("{fits} o");
    let vectors = encoder
        .encode_blocking(texts(&[fits, &barely_longer, &much_longer, "a b c"]), Input::Passage, Priority::Bulk)
        .unwrap();
    assert_eq!(vectors[0], vectors[1]);
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[3]);
}

#[test]
fn leading_white_space_and_unknown_words_do_not_hide_what_follows() {
    let model = TinyModel::write();
    let encoder = Encoder::open(&model.files(), OPTIONS).unwrap();
    let hidden = format!("{}{} a b", " ".repeat(5000), "\u{1F600}".repeat(2000));
    let plain = "zz a b";
    let vectors = encoder.encode_blocking(texts(&[&hidden, plain]), Input::Passage, Priority::Bulk).unwrap();
    assert_eq!(vectors[0], vectors[1], "an unknown word is one token however long it is");
}

#[test]
fn an_empty_request_and_an_empty_text_are_answered() {
    let model = TinyModel::write();
    let encoder = Encoder::open(&model.files(), OPTIONS).unwrap();
    assert!(encoder.encode_blocking(Vec::new(), Input::Passage, Priority::Bulk).unwrap().is_empty());
    assert_eq!(encoder.encode_blocking(texts(&[""]), Input::Passage, Priority::Bulk).unwrap()[0].len(), HIDDEN);
    assert_eq!(encoder.count_tokens("", Input::Passage), 2);
}

#[test]
fn the_bench_counts_what_was_computed() {
    let model = TinyModel::write();
    let encoder = Encoder::open(&model.files(), OPTIONS).unwrap();
    let passages = texts(&["a b", "", &words(100)]);
    let bench = crate::bench::bench(&encoder, &passages).unwrap();
    assert_eq!((bench.passages, bench.tokens, bench.threads), (3, 4 + 2 + MAX_TOKENS, 2));
    assert!(bench.passages_per_s > 0.0 && bench.wall_seconds > 0.0 && bench.cpu_seconds >= 0.0);
    let tokens = bench.tokens_per_s * bench.wall_seconds;
    assert!((tokens - bench.tokens as f64).abs() < 1e-6);
}

#[tokio::test]
async fn many_callers_at_once_each_get_their_own() {
    let model = TinyModel::write();
    let encoder = Encoder::open(&model.files(), OPTIONS).unwrap();
    let expected = encoder.encode(texts(&["a", "b c", "d"]), Input::Passage, Priority::Interactive).await.unwrap();
    let calls = (0..30).map(|_| {
        let encoder = encoder.clone();
        tokio::spawn(async move { encoder.encode(texts(&["a", "b c", "d"]), Input::Passage, Priority::Bulk).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap(), expected);
    }
}

#[test]
fn a_model_that_cannot_be_computed_is_refused_with_the_file() {
    for (file, content, expected) in [
        ("config.json", "{", "config.json"),
        ("config.json", r#"{"model_type": "bert"}"#, "missing field"),
        ("tokenizer.json", "{}", "tokenizer.json"),
        ("model.safetensors", "not a tensor", "model.safetensors"),
        ("sentence_bert_config.json", "[", "sentence_bert_config.json"),
        ("sentence_bert_config.json", r#"{"do_lower_case": true}"#, "lower case"),
        ("modules.json", r#"[{"type": "sentence_transformers.models.Dense"}]"#, "module `Dense`"),
        ("config_sentence_transformers.json", r#"{"prompts": 1}"#, "config_sentence_transformers.json"),
    ] {
        let model = TinyModel::write();
        fs_err::write(model.folder.path().join(file), content).unwrap();
        let error = Encoder::open(&model.files(), OPTIONS).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("terroir models import"), "{error}");
    }
    let model = TinyModel::write();
    let config = fs_err::read_to_string(model.folder.path().join("config.json")).unwrap();
    let config = config.replace(r#""model_type":"bert""#, r#""model_type":"t5""#);
    fs_err::write(model.folder.path().join("config.json"), config).unwrap();
    let error = Encoder::open(&model.files(), OPTIONS).unwrap_err().to_string();
    assert!(error.contains("`t5` is not supported"), "{error}");
}

/// A queue of capacity 2 whose one thread computes only when told to, and the texts it was given.
struct Scripted {
    queue: Arc<Queue<String>>,
    go: mpsc::SyncSender<()>,
    computed: Arc<Mutex<Vec<Vec<String>>>>,
    threads: Option<ModelThreads<String>>,
}

impl Scripted {
    fn start() -> Self {
        let queue = Arc::new(Queue::new(2, 40, 16));
        let (go, wait) = mpsc::sync_channel::<()>(100);
        let wait = Mutex::new(wait);
        let computed = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&computed);
        let threads = ModelThreads::start(1, &queue, move |texts: &[&String]| {
            let _told = wait.lock().unwrap().recv();
            log.lock().unwrap().push(texts.iter().map(|text| (*text).to_owned()).collect());
            assert!(texts.iter().all(|text| text.as_str() != "panic"), "told to");
            Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
        })
        .unwrap();
        Self { queue, go, computed, threads: Some(threads) }
    }

    /// Gives the thread a batch to sit on, so that what follows waits in the queue.
    fn occupy(&self) -> mpsc::Receiver<Result<Vec<Vec<f32>>, EmbedError>> {
        let (request, reply) = Request::blocking(texts(&["first"]));
        self.queue.push(request, Priority::Bulk).unwrap();
        while !self.queue.is_empty() {
            std::thread::yield_now();
        }
        reply
    }

    fn finish(mut self, batches: usize) -> Vec<Vec<String>> {
        for _ in 0..batches {
            self.go.send(()).unwrap();
        }
        while self.computed.lock().unwrap().len() < batches {
            std::thread::yield_now();
        }
        drop(self.threads.take());
        std::mem::take(&mut *self.computed.lock().unwrap())
    }
}

#[test]
fn interactive_goes_first_and_never_shares_a_batch_with_bulk() {
    let scripted = Scripted::start();
    let _first = scripted.occupy();
    let (bulk, _bulk_reply) = Request::blocking(texts(&["b1", "b2"]));
    scripted.queue.push(bulk, Priority::Bulk).unwrap();
    let (question, _question_reply) = Request::blocking(texts(&["q"]));
    scripted.queue.push(question, Priority::Interactive).unwrap();
    assert_eq!(scripted.finish(3), [texts(&["first"]), texts(&["q"]), texts(&["b1", "b2"])]);
}

#[test]
fn a_full_queue_is_busy_until_a_caller_goes_away() {
    let scripted = Scripted::start();
    let _first = scripted.occupy();
    let (gone, gone_reply) = Request::awaited(texts(&["gone"]));
    scripted.queue.push(gone, Priority::Interactive).unwrap();
    let (stays, _stays_reply) = Request::blocking(texts(&["stays"]));
    scripted.queue.push(stays, Priority::Bulk).unwrap();
    let (third, _) = Request::blocking(texts(&["third"]));
    assert!(matches!(scripted.queue.push(third, Priority::Interactive), Err(EmbedError::Busy)));

    drop(gone_reply);
    let (fourth, _fourth_reply) = Request::blocking(texts(&["fourth"]));
    scripted.queue.push(fourth, Priority::Bulk).unwrap();
    // The abandoned text is never computed; the two others share a batch across callers.
    assert_eq!(scripted.finish(2), [texts(&["first"]), texts(&["stays", "fourth"])]);
}

#[test]
fn batches_keep_the_token_budget_and_a_request_may_span_several() {
    let scripted = Scripted::start();
    let first = scripted.occupy();
    let long = "x".repeat(1000);
    let (request, reply) = Request::blocking(vec![long.clone(); 5]);
    scripted.queue.push(request, Priority::Bulk).unwrap();
    let batches = scripted.finish(4);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2, 1]);
    assert_eq!(first.recv().unwrap().unwrap(), [[5.0]]);
    assert_eq!(reply.recv().unwrap().unwrap(), vec![vec![1000.0]; 5]);
}

#[test]
fn a_panic_fails_its_batch_alone() {
    let scripted = Scripted::start();
    let (bad, bad_reply) = Request::blocking(texts(&["panic"]));
    scripted.queue.push(bad, Priority::Interactive).unwrap();
    while !scripted.queue.is_empty() {
        std::thread::yield_now();
    }
    let (good, good_reply) = Request::blocking(texts(&["good"]));
    scripted.queue.push(good, Priority::Bulk).unwrap();
    assert_eq!(scripted.finish(2).len(), 2);
    let error = bad_reply.recv().unwrap().unwrap_err();
    assert!(matches!(&error, EmbedError::Crashed { reason } if reason.contains("told to")), "{error}");
    assert_eq!(good_reply.recv().unwrap().unwrap(), [[4.0]]);
}

#[test]
fn closing_answers_those_who_wait_and_joins_the_threads() {
    let alive = Arc::new(AtomicUsize::new(0));
    let queue = Arc::new(Queue::new(8, 40, 16));
    let (started, has_started) = mpsc::sync_channel(1);
    let (release, held) = mpsc::sync_channel::<()>(1);
    let (held, counter) = (Mutex::new(held), Arc::clone(&alive));
    let threads = ModelThreads::start(1, &queue, move |texts: &[&String]| {
        counter.fetch_add(1, Ordering::SeqCst);
        started.send(()).unwrap();
        let _released = held.lock().unwrap().recv();
        counter.fetch_sub(1, Ordering::SeqCst);
        Ok(texts.iter().map(|_| vec![0.0]).collect())
    })
    .unwrap();
    let (running, running_reply) = Request::blocking(texts(&["running"]));
    queue.push(running, Priority::Bulk).unwrap();
    has_started.recv().unwrap();
    let (waiting, waiting_reply) = Request::blocking(texts(&["waiting"]));
    queue.push(waiting, Priority::Bulk).unwrap();

    queue.close();
    assert!(waiting_reply.recv().is_err(), "what waits is answered at once");
    release.send(()).unwrap();
    drop(threads);
    assert_eq!(alive.load(Ordering::SeqCst), 0, "no thread computes any more");
    assert_eq!(running_reply.recv().unwrap().unwrap(), [[0.0]], "what runs is finished");
    let (late, _) = Request::blocking(texts(&["late"]));
    assert!(matches!(queue.push(late, Priority::Bulk), Err(EmbedError::Closed)));
}
