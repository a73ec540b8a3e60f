//! Against what other implementations compute: `tests/references.py` and `tests/llama_cpp_greedy.py` write what
//! is compared here, and say how. Run with `--ignored --nocapture` and `TERROIR_REFERENCES` set to their folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use candle_core::safetensors::load;
use serde_json::Value;

use crate::backend::{Backend, Sequence};
use crate::compute::Team;
use crate::error::Result;
use crate::gpu;
use crate::llama::{Adapter, Llama, OnCpu};
use crate::weights::Weights;

/// How far off logits may be.
#[derive(Clone, Copy)]
struct Tolerance {
    /// Of their spread, by the root of the mean square of the differences.
    mean: f64,
    /// A greedy token may be another one where its logit is higher by no more than this.
    margin: f32,
}

/// Keys and values are remembered in 16-bit floats; everything else is computed in 32.
const IN_32_BITS: Tolerance = Tolerance { mean: 1e-2, margin: 0.05 };
/// A GPU computes weights of 16 bits in 16 bits.
const IN_16_BITS: Tolerance = Tolerance { mean: 5e-2, margin: 0.5 };

struct Model<B: Backend> {
    backend: B,
    adapter: Option<Arc<B::Adapter>>,
    tolerance: Tolerance,
}

fn open(path: &Path) -> Model<OnCpu> {
    let llama = Llama::load(&mut Weights::open(path).expect("the model opens")).expect("the model loads");
    Model { backend: OnCpu { llama, team: Team::new(2).expect("threads start") }, adapter: None, tolerance: IN_32_BITS }
}

/// What a GPU computes, on candle's CPU where there is none.
fn open_on_device(path: &Path) -> Model<gpu::Llama> {
    let mut weights = Weights::open(path).expect("the model opens");
    let device = gpu::test_device();
    let backend = gpu::Llama::load(&mut weights, Some(256 << 20), 1024, &device).expect("the model loads");
    let has_16_bits = path.to_string_lossy().ends_with("-bf16");
    let tolerance = if has_16_bits && !device.is_cpu() { IN_16_BITS } else { IN_32_BITS };
    Model { backend, adapter: None, tolerance }
}

impl<B: Backend> Model<B> {
    fn read(&self, tokens: &[u32], cache: &mut B::Cache) -> Vec<Vec<f32>> {
        let sequence = Sequence { tokens, cache, adapter: self.adapter.clone(), wanted: tokens.len() };
        let logits = self.backend.forward(&mut [sequence]).expect("is computed");
        logits.chunks(self.backend.shape().vocabulary).map(<[f32]>::to_vec).collect()
    }

    /// With each of the adapters that lie beside it, and with none.
    fn check(&mut self, directory: &Path, load: impl Fn(&B, &Path) -> Result<B::Adapter>) {
        let mut adapters = vec![(None, directory.to_owned())];
        if let Ok(entries) = std::fs::read_dir(directory.join("adapters")) {
            let folders = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
            adapters.extend(folders.map(|path| (Some(path.clone()), path)));
        }
        for (adapter, reference) in adapters {
            self.adapter = adapter.map(|path| load(&self.backend, &path).expect("the adapter loads").into());
            let off = compare(self, &reference);
            let mean = (off.squares / off.logits as f64).sqrt();
            let name = reference.display();
            println!(
                "{name}: {mean:.1e} of the spread, at most {:.1e}; {} greedy tokens differ",
                off.largest, off.tokens
            );
            assert!(mean < self.tolerance.mean && off.tokens == 0, "{name}");
        }
    }
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TERROIR_REFERENCES").map(PathBuf::from);
    if folder.is_none() {
        println!("TERROIR_REFERENCES is not set: nothing is compared");
    }
    folder
}

fn greatest(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap_or(0)
}

#[derive(Default)]
struct Difference {
    squares: f64,
    logits: usize,
    /// Relative to the spread.
    largest: f64,
    /// Greedy tokens that differ though the margin is clear.
    tokens: usize,
}

fn compare<B: Backend>(model: &Model<B>, directory: &Path) -> Difference {
    let expected = load(directory.join("reference.safetensors"), &Device::Cpu).expect("the reference loads");
    let mut all = Difference::default();
    for prompt in 0.. {
        let Some(ids) = expected.get(&format!("prompt.{prompt}.ids")) else { break };
        let ids = ids.to_vec1::<i32>().expect("ids").iter().map(|id| *id as u32).collect::<Vec<_>>();
        let part = |name: &str| &expected[&format!("prompt.{prompt}.{name}")];
        let logits = part("logits").to_vec2::<f32>().expect("logits");
        let mut cache = model.backend.cache();
        let ours = model.read(&ids, &mut cache);
        assert_eq!(ours.len(), logits.len());
        for (ours, theirs) in ours.iter().zip(&logits) {
            let mean = theirs.iter().sum::<f32>() / theirs.len() as f32;
            let spread = (theirs.iter().map(|logit| (logit - mean).powi(2)).sum::<f32>() / theirs.len() as f32).sqrt();
            for (ours, theirs) in ours.iter().zip(theirs) {
                let off = f64::from((ours - theirs).abs() / spread);
                all.squares += off * off;
                all.logits += 1;
                all.largest = all.largest.max(off);
            }
        }
        let greedy = part("greedy").to_vec1::<i32>().expect("tokens");
        let margins = part("margins").to_vec1::<f32>().expect("margins");
        let mut last = ours.last().expect("a prompt has tokens").clone();
        for (token, margin) in greedy.iter().zip(margins) {
            all.tokens += usize::from(greatest(&last) != *token as usize && margin > model.tolerance.margin);
            last = model.read(&[*token as u32], &mut cache).remove(0);
        }
    }
    all
}

#[test]
#[ignore = "compares with what another library computed"]
fn logits_are_those_of_transformers() {
    let Some(folder) = folder() else { return };
    let mut directories =
        std::fs::read_dir(folder).expect("the folder opens").map(|entry| entry.expect("an entry").path());
    let mut all = directories.by_ref().filter(|path| path.join("reference.safetensors").is_file()).collect::<Vec<_>>();
    all.sort();
    assert!(!all.is_empty(), "there are no references");
    for directory in all {
        open(&directory).check(&directory, |on_cpu, folder| Adapter::load(folder, on_cpu.shape()));
        open_on_device(&directory).check(&directory, gpu::Llama::adapter);
    }
}

/// Each line has a prompt, what llama.cpp wrote and by which margin. Its own text is read here, so that one
/// near-tie does not hide what comes after it.
#[test]
#[ignore = "compares with what another program wrote"]
fn greedy_tokens_are_those_of_llama_cpp() {
    let Some(folder) = folder() else { return };
    let model = std::env::var_os("TERROIR_REFERENCE_GGUF").map(PathBuf::from).expect("TERROIR_REFERENCE_GGUF is set");
    let model = open(&model);
    let lines = std::env::var_os("TERROIR_REFERENCE_GREEDY").map_or_else(|| folder.join("greedy.jsonl"), PathBuf::from);
    let lines = std::fs::read_to_string(lines).expect("the lines are there");
    let numbers = |value: &Value| {
        value.as_array().expect("a list").iter().map(|n| n.as_f64().expect("a number")).collect::<Vec<_>>()
    };
    let (mut tokens, mut prompts, mut whole, mut ties) = (0, 0, 0, Vec::new());
    for line in lines.lines() {
        let line = serde_json::from_str::<Value>(line).expect("a line of JSON");
        let ids = |key: &str| numbers(&line[key]).iter().map(|id| *id as u32).collect::<Vec<_>>();
        let (prompt, output, margins) = (ids("prompt"), ids("output"), numbers(&line["margins"]));
        let text = [&prompt[..], &output].concat();
        let logits = model.read(&text[..text.len() - 1], &mut model.backend.cache());
        let mut same = true;
        for (index, (token, margin)) in output.iter().zip(margins).enumerate() {
            let logits = &logits[prompt.len() - 1 + index];
            let ours = greatest(logits);
            tokens += 1;
            if ours != *token as usize {
                ties.push((margin, logits[ours] - logits[*token as usize], prompts, index));
                same = false;
            }
        }
        prompts += 1;
        whole += usize::from(same);
    }
    ties.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{prompts} prompts, {tokens} tokens: {} differ; {whole} texts are the same throughout", ties.len());
    for (margin, ours, prompt, index) in ties.iter().take(20) {
        println!("prompt {prompt}, token {index}: llama.cpp's margin is {margin:.4}, ours {ours:.4}");
    }
    // Both round inputs to eight bits, each in its own way: some tenths of a logit.
    assert!(ties.iter().all(|(margin, ours, ..)| *margin < 1.0 && *ours < 1.0), "more than rounding");
    assert!(ties.len() * 20 <= tokens, "more than rounding");
}
