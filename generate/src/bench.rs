//! How fast a generating model is, and what it costs.

use std::time::Instant;

use serde::Serialize;
use terroir_embed::ModelFiles;
use terroir_embed::bench::{cpu_seconds, peak_rss_bytes};
use tokio::sync::mpsc;

use crate::engine::{CompleteRequest, Piece};
use crate::error::Result;
use crate::{Device, GenerateError, Generator, GeneratorOptions, Passage, Sampling, prompt};

/// Text to read; repeated as long as needed.
const TEXT: &str = "The committee met on the second floor and agreed that the new bridge would open in spring. ";
/// What a grounded answer is written from.
const PASSAGES: [(&str, &str); 3] = [
    (
        "Minutes of the council",
        "The council met on 12 March 2024. It agreed to repair the bridge over the river Aisne, which has been closed to lorries since 2021. The works begin in May and last eleven months. They cost 1.4 million euros, of which the department pays 40 percent and the region 20 percent.",
    ),
    (
        "The bridge",
        "The bridge was built in 1926 and is 84 metres long. It stands on four stone piers. An inspection in 2021 found that the second pier had sunk by nine centimetres. Since then lorries of more than 3.5 tonnes use the detour by Attichy, which is 14 kilometres longer.",
    ),
    (
        "Letter to the residents",
        "During the works pedestrians and bicycles may cross on a footbridge. The school bus of line 7 leaves ten minutes earlier. Shops on the quay stay open, and the Saturday market moves to the square in front of the town hall.",
    ),
];
const QUESTION: &str = "Repeat what the passages say about the bridge, the works and the detour, word by word.";
/// What each of them reads first.
const TOGETHER_PROMPT_TOKENS: usize = 128;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    pub prompt_tokens: usize,
    pub output_tokens: usize,
    pub threads: usize,
    /// Written at the same time.
    pub texts: usize,
    pub device: Device,
}

#[derive(Debug, Clone, Serialize)]
pub struct GenerateBench {
    pub prefill_tokens_per_s: f64,
    /// One text, a token at a time. Absent where fewer than two tokens were written.
    pub decode_tokens_per_s: Option<f64>,
    /// All texts at the same time, their tokens together, reading included.
    pub together_tokens_per_s: f64,
    pub texts: usize,
    /// Of the model's file. On a GPU a token of one text takes as long as reading them, at best.
    pub weights_bytes: u64,
    /// A text that is copied from passages, a token at a time and with guessed tokens.
    pub grounded_tokens_per_s: Option<f64>,
    pub guessed_tokens_per_s: Option<f64>,
    /// Whether it was the same text. On a GPU, products of quantised weights round otherwise where several tokens are
    /// computed together.
    pub guessed_alike: bool,
    /// Of all threads of the process for reading the prompt and writing one text.
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    pub load_ms: u64,
    pub threads: usize,
    pub prompt_tokens: usize,
    /// Of one text, which may be fewer than wanted where the context ends.
    pub output_tokens: usize,
    /// Highest resident memory of the process so far; absent where the system does not tell.
    pub peak_rss_bytes: Option<u64>,
}

/// Loads the model and measures it. Waits: not for an async thread.
pub fn bench(files: &ModelFiles, workload: Workload) -> Result<GenerateBench> {
    let Workload { prompt_tokens, output_tokens, threads, texts, device } = workload;
    let loading = Instant::now();
    let context_tokens = prompt_tokens.max(1024).saturating_add(output_tokens).saturating_add(1);
    let options =
        GeneratorOptions { device, threads, context_tokens, texts, speculates: false, ..GeneratorOptions::default() };
    let options = GeneratorOptions { queue_capacity: texts.max(options.queue_capacity), ..options };
    let generator = Generator::open(files, options)?;
    let load_ms = loading.elapsed().as_millis() as u64;
    let prompt = text(&generator, prompt_tokens)?;
    // The first computation touches memory that was only reserved. Its first token is another one, so that
    // nothing of the prompt is known before.
    run(&generator, &prompt[prompt.len().min(7)..prompt.len().min(64)], 2)?;

    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let one = run(&generator, &prompt, output_tokens)?;
    let (wall_seconds, cpu_seconds) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let together_tokens_per_s = together(&generator, texts, output_tokens)?;
    let grounded = grounded(&generator)?;
    let plain = run(&generator, &grounded, output_tokens)?;
    drop(generator);
    let generator = Generator::open(files, GeneratorOptions { speculates: true, ..options })?;
    run(&generator, &prompt[prompt.len().min(7)..prompt.len().min(64)], 2)?;
    let guessed = run(&generator, &grounded, output_tokens)?;
    let guessed_alike = guessed.text == plain.text;
    if !guessed_alike && device == Device::Cpu {
        return Err(GenerateError::Inference { reason: "guessed tokens changed the text".to_owned() });
    }
    Ok(GenerateBench {
        prefill_tokens_per_s: prompt.len() as f64 / one.first_seconds,
        decode_tokens_per_s: one.tokens_per_s(),
        together_tokens_per_s,
        texts,
        weights_bytes: generator.weights_bytes(),
        grounded_tokens_per_s: plain.tokens_per_s(),
        guessed_tokens_per_s: guessed.tokens_per_s(),
        guessed_alike,
        cpu_seconds,
        wall_seconds,
        load_ms,
        threads: generator.threads(),
        prompt_tokens: prompt.len(),
        output_tokens: one.tokens,
        peak_rss_bytes: peak_rss_bytes(),
    })
}

fn text(generator: &Generator, tokens: usize) -> Result<Vec<u32>> {
    let mut prompt = generator.tokens().encode(&TEXT.repeat(tokens.div_ceil(8) + 1), false)?;
    prompt.truncate(tokens.max(1));
    Ok(prompt)
}

/// As the style `compose` asks.
fn grounded(generator: &Generator) -> Result<Vec<u32>> {
    let passage =
        |(title, text): (&str, &str)| Passage { title: title.to_owned(), text: text.to_owned(), ..Passage::default() };
    let passages = PASSAGES.map(passage);
    let messages = prompt::messages(QUESTION, &passages, generator.tokens(), 1000);
    generator.tokens().encode(&generator.template().render(&messages, None)?, true)
}

struct Run {
    text: String,
    tokens: usize,
    /// Until the first piece of text.
    first_seconds: f64,
    seconds: f64,
}

impl Run {
    fn tokens_per_s(&self) -> Option<f64> {
        let seconds = self.seconds - self.first_seconds;
        (self.tokens > 1 && seconds > 0.0).then(|| (self.tokens - 1) as f64 / seconds)
    }
}

/// Texts end at the limit only.
fn start(generator: &Generator, prompt: &[u32], max_tokens: usize) -> Result<mpsc::Receiver<Result<Piece>>> {
    let tokens = generator.tokens();
    let ends = (0..tokens.size() as u32).filter(|token| tokens.is_end(*token));
    let sampling = Sampling { max_tokens, logit_bias: ends.map(|end| (end, -100.0)).collect(), ..Sampling::default() };
    generator.complete(CompleteRequest { prompt: prompt.to_vec(), sampling, ..CompleteRequest::default() })
}

fn run(generator: &Generator, prompt: &[u32], max_tokens: usize) -> Result<Run> {
    let started = Instant::now();
    let mut pieces = start(generator, prompt, max_tokens)?;
    let (mut written, mut first_seconds) = (String::new(), None);
    while let Some(piece) = pieces.blocking_recv() {
        let seconds = started.elapsed().as_secs_f64();
        let first_seconds = *first_seconds.get_or_insert(seconds);
        match piece? {
            Piece::Text { text, .. } => written.push_str(&text),
            Piece::End { usage, .. } => {
                return Ok(Run { text: written, tokens: usage.output_tokens, first_seconds, seconds });
            }
        }
    }
    Err(GenerateError::Closed)
}

fn together(generator: &Generator, texts: usize, output_tokens: usize) -> Result<f64> {
    let prompt = text(generator, TOGETHER_PROMPT_TOKENS + texts)?;
    let started = Instant::now();
    // Each begins elsewhere, so that no two share what they remember.
    let prompts = prompt.windows(TOGETHER_PROMPT_TOKENS.min(prompt.len())).take(texts);
    let all = prompts.map(|text| start(generator, text, output_tokens));
    let all = all.collect::<Result<Vec<_>>>()?;
    // Each has its own reader: one that does not read stops its text.
    let tokens = std::thread::scope(|scope| {
        let readers = all.into_iter().map(|pieces| scope.spawn(|| count(pieces))).collect::<Vec<_>>();
        readers.into_iter().map(|reader| reader.join().unwrap_or(Err(GenerateError::Closed))).sum::<Result<usize>>()
    })?;
    Ok(tokens as f64 / started.elapsed().as_secs_f64())
}

/// Tokens of a text.
fn count(mut pieces: mpsc::Receiver<Result<Piece>>) -> Result<usize> {
    while let Some(piece) = pieces.blocking_recv() {
        if let Piece::End { usage, .. } = piece? {
            return Ok(usage.output_tokens);
        }
    }
    Err(GenerateError::Closed)
}
