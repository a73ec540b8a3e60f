//! `bench`: speed of the models, and of searching, on this machine.

mod passages;
mod search;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use terroir_embed::{Encoder, EncoderOptions, ModelFiles, ModelStore, Passport};
use terroir_generate::Device;
use terroir_generate::bench::Workload;

use super::print_json;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Passages and tokens per second of the embedding model
    Embed {
        /// A text file, one passage per line
        #[arg(long, value_name = "LINES.txt")]
        input: PathBuf,
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Tokens per second of the generating model, reading and writing
    Generate {
        /// An installed model's name, or a GGUF file or a folder with safetensors; the configured model if left out
        #[arg(long, value_name = "NAME|PATH")]
        model: Option<String>,
        #[arg(long, default_value_t = 512)]
        prompt_tokens: usize,
        #[arg(long, default_value_t = 64)]
        output_tokens: usize,
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Texts that are written at the same time
        #[arg(long, default_value_t = 8)]
        texts: usize,
        #[arg(long, value_parser = PossibleValuesParser::new(["cpu", "cuda"]), default_value = "cpu")]
        device: String,
    },
    /// Searches by words, by meaning and by both, beside how passages are put in, at any number of passages
    Search(search::SearchBench),
}

/// A file that was not imported. Measuring it proves nothing about where it comes from, and answers nobody.
fn measured_only(file: &Path) -> ModelFiles {
    let passport = Passport {
        name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        role: "generate".into(),
        architecture: "unknown".into(),
        licence: "unknown".into(),
        source: file.display().to_string(),
        sha256: String::new(),
        bytes: 0,
        quantisation: None,
    };
    let directory = file.parent().unwrap_or(Path::new(".")).to_owned();
    ModelFiles { directory, weights: file.to_owned(), passport }
}

pub fn bench(settings: &Settings, command: &BenchCommand, json: bool) -> anyhow::Result<()> {
    match command {
        BenchCommand::Embed { input, threads } => {
            let models = ModelStore::open(&settings.models_dir())?;
            let text = fs_err::read_to_string(input)?;
            let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
            anyhow::ensure!(!lines.is_empty(), "{} has no lines", input.display());
            let options = EncoderOptions { threads: *threads, ..settings.encoder_options() };
            let encoder = Encoder::open(&models.files(&settings.models.embed)?, options)?;
            let measured = terroir_embed::bench::bench(&encoder, &lines)?;
            if json {
                return print_json(&measured);
            }
            println!(
                "{:.1} passages/s, {:.0} tokens/s on {threads} threads ({} passages, {:.1} s)",
                measured.passages_per_s, measured.tokens_per_s, measured.passages, measured.wall_seconds
            );
            Ok(())
        }
        BenchCommand::Generate { model, prompt_tokens, output_tokens, threads, texts, device } => {
            let models = ModelStore::open(&settings.models_dir())?;
            let name = model.as_ref().unwrap_or(&settings.models.generate);
            let files = match Path::new(name) {
                path if path.is_file() || path.join("config.json").is_file() => measured_only(path),
                _ => models.files(name).context("opening the generating model")?,
            };
            let workload = Workload {
                prompt_tokens: *prompt_tokens,
                output_tokens: *output_tokens,
                threads: *threads,
                texts: *texts,
                device: if device == "cuda" { Device::Cuda } else { Device::Cpu },
            };
            let measured = terroir_generate::bench::bench(&files, workload)?;
            if json {
                return print_json(&measured);
            }
            let rate = |tokens_per_s: Option<f64>| tokens_per_s.unwrap_or_default();
            println!(
                "prefill {:.0} tokens/s, decode {:.0} tokens/s on {device}; {texts} texts together {:.0} tokens/s; \
                 grounded text {:.0} tokens/s, with guessed tokens {:.0} tokens/s{}",
                measured.prefill_tokens_per_s,
                rate(measured.decode_tokens_per_s),
                measured.together_tokens_per_s,
                rate(measured.grounded_tokens_per_s),
                rate(measured.guessed_tokens_per_s),
                if measured.guessed_alike { "" } else { " (another text)" }
            );
            Ok(())
        }
        BenchCommand::Search(arguments) => search::search(arguments, json),
    }
}
