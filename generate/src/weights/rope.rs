//! Rotary positions: how far each pair of a head turns per token, with every kind of scaling worked in.
//! Source of the formulas: `modeling_rope_utils.py` of the transformers library.

use std::f64::consts::TAU;

/// Which two numbers of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// `2 i` and `2 i + 1`: GGUF files of the Llama family, whose query and key rows were reordered for it.
    Interleaved,
    /// `i` and `i + size / 2`: safetensors, and GGUF files of the Qwen family.
    Halves,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rope {
    pub(crate) pairing: Pairing,
    /// Radians per position, one per pair. Scaling and the file's own factors are applied.
    pub(crate) frequencies: Vec<f32>,
    /// Multiplied onto cosine and sine; 1 but for `Scaling::Yarn`.
    pub(crate) magnitude: f32,
}

/// How positions beyond those of the first training were taught.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scaling {
    None,
    Linear { factor: f64 },
    Llama3 { factor: f64, low_frequency_factor: f64, high_frequency_factor: f64, original_tokens: f64 },
    Yarn(Yarn),
}

/// <https://arxiv.org/abs/2309.00071>
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Yarn {
    pub(super) factor: f64,
    pub(super) original_tokens: f64,
    pub(super) beta_fast: f64,
    pub(super) beta_slow: f64,
    /// Whether the bounds of the ramp are whole pairs.
    pub(super) whole_bounds: bool,
    pub(super) magnitude: f64,
}

impl Yarn {
    /// What the paper recommends for the magnitude, times `weight` on its logarithmic part.
    pub(super) fn recommended_magnitude(factor: f64, weight: f64) -> f64 {
        if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 }
    }

    fn frequency(&self, frequency: f64, pair: usize, base: f64, head_size: usize) -> f64 {
        let size = head_size as f64;
        let bound = |turns: f64| size * (self.original_tokens / (turns * TAU)).ln() / (2.0 * base.ln());
        let (mut low, mut high) = (bound(self.beta_fast), bound(self.beta_slow));
        if self.whole_bounds {
            (low, high) = (low.floor(), high.ceil());
        }
        let (low, mut high) = (low.max(0.0), high.min(size - 1.0));
        if (high - low).abs() < f64::EPSILON {
            high += 0.001;
        }
        let stretched = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
        frequency / self.factor * stretched + frequency * (1.0 - stretched)
    }
}

impl Rope {
    /// `head_size` is even, the numbers of `scaling` positive: see [`super::shape`].
    pub(super) fn new(pairing: Pairing, base: f64, head_size: usize, scaling: Scaling) -> Self {
        let frequencies = (0..head_size / 2).map(|pair| {
            let frequency = base.powf(-2.0 * pair as f64 / head_size as f64);
            (match scaling {
                Scaling::None => frequency,
                Scaling::Linear { factor } => frequency / factor,
                Scaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_tokens } => {
                    let turns = original_tokens * frequency / TAU;
                    if turns > high_frequency_factor {
                        frequency
                    } else if turns < low_frequency_factor {
                        frequency / factor
                    } else {
                        let smooth = (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor);
                        (1.0 - smooth) * frequency / factor + smooth * frequency
                    }
                }
                Scaling::Yarn(yarn) => yarn.frequency(frequency, pair, base, head_size),
            }) as f32
        });
        let magnitude = if let Scaling::Yarn(yarn) = scaling { yarn.magnitude as f32 } else { 1.0 };
        Self { pairing, frequencies: frequencies.collect(), magnitude }
    }

    /// Cosine and sine of each pair's angle at a position.
    pub(crate) fn turns(&self, position: usize) -> impl Iterator<Item = (f32, f32)> {
        self.frequencies.iter().map(move |frequency| {
            let (sine, cosine) = (position as f64 * f64::from(*frequency)).sin_cos();
            (cosine as f32 * self.magnitude, sine as f32 * self.magnitude)
        })
    }

    /// `rope_freqs.weight` of a GGUF file: one divisor per pair.
    pub(super) fn divide(&mut self, factors: &[f32]) {
        self.frequencies.iter_mut().zip(factors).for_each(|(frequency, factor)| *frequency /= factor);
    }
}
