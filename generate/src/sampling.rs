//! Logits become the next token.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::error::{GenerateError, Result};

/// How the next token is drawn. The same seed and prompt give the same text.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1 samples from the model's distribution.
    pub temperature: f32,
    /// Only the most likely tokens that together have this probability; 1 is off.
    pub top_p: f32,
    /// Only this many of the most likely tokens; 0 is off.
    pub top_k: usize,
    /// Only tokens at least this likely relative to the most likely one; 0 is off.
    pub min_p: f32,
    /// Divides the logits of tokens that were already written; 1 is off.
    pub repetition_penalty: f32,
    /// Absent: another text every time, unless the temperature is 0.
    pub seed: Option<u64>,
    pub max_tokens: usize,
    /// The text ends before any of these.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: None,
            max_tokens: 256,
            stop: Vec::new(),
        }
    }
}

impl Sampling {
    /// Refuses values that have no meaning.
    pub fn check(&self) -> Result<()> {
        let refuse = |parameter, value: f32, expected| {
            Err(GenerateError::Sampling { parameter, value: value.to_string(), expected })
        };
        if !(0.0..=10.0).contains(&self.temperature) {
            return refuse("temperature", self.temperature, "use a number from 0 to 10");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top_p", self.top_p, "use a number above 0 and up to 1");
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return refuse("min_p", self.min_p, "use a number from 0 to 1");
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty <= 10.0) {
            return refuse("repetition_penalty", self.repetition_penalty, "use a number above 0 and up to 10");
        }
        Ok(())
    }
}

/// Draws tokens for one text.
pub(crate) struct Sampler {
    sampling: Sampling,
    random: StdRng,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let random = sampling.seed.map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64);
        Self { sampling, random }
    }

    /// `written` are the tokens so far; the prompt is not penalised.
    pub(crate) fn next(&mut self, logits: &[f32], written: &[u32]) -> u32 {
        let mut logits = logits.to_vec();
        self.penalise(&mut logits, written);
        let temperature = self.sampling.temperature;
        if temperature == 0.0 {
            return most_likely(&logits);
        }
        let mut candidates = logits
            .iter()
            .enumerate()
            .filter(|(_, logit)| logit.is_finite())
            .map(|(token, logit)| (token as u32, *logit))
            .collect::<Vec<_>>();
        candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.sampling.top_k > 0 {
            candidates.truncate(self.sampling.top_k);
        }
        let Some((_, best)) = candidates.first().copied() else {
            return 0;
        };
        for (_, logit) in &mut candidates {
            *logit = ((*logit - best) / temperature).exp();
        }
        candidates.retain(|(_, weight)| *weight >= self.sampling.min_p);
        self.nucleus(&mut candidates);
        self.draw(&candidates)
    }

    /// Positive logits shrink, negative ones grow away from zero (Keskar et al. 2019, section 4.1).
    fn penalise(&self, logits: &mut [f32], written: &[u32]) {
        let penalty = self.sampling.repetition_penalty;
        if (penalty - 1.0).abs() < f32::EPSILON {
            return;
        }
        let mut seen = written.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }

    fn nucleus(&self, candidates: &mut Vec<(u32, f32)>) {
        if self.sampling.top_p >= 1.0 {
            return;
        }
        let wanted = self.sampling.top_p * candidates.iter().map(|(_, weight)| weight).sum::<f32>();
        let mut sum = 0.0;
        let kept = candidates.iter().take_while(|(_, weight)| {
            let before = sum;
            sum += weight;
            before < wanted
        });
        let kept = kept.count().max(1);
        candidates.truncate(kept);
    }

    fn draw(&mut self, candidates: &[(u32, f32)]) -> u32 {
        let total = candidates.iter().map(|(_, weight)| weight).sum::<f32>();
        let mut left = self.random.random::<f32>() * total;
        for (token, weight) in candidates {
            left -= weight;
            if left < 0.0 {
                return *token;
            }
        }
        candidates.last().map_or(0, |(token, _)| *token)
    }
}

/// The first of the greatest, so that the choice does not depend on the order of equals.
fn most_likely(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > logits[best] || logits[best].is_nan() {
            best = token;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.1, 2.0, 1.9, -1.0, 0.5];

    fn drawn(sampling: Sampling, times: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..times).map(|_| sampler.next(&LOGITS, &[])).collect()
    }

    fn warm() -> Sampling {
        Sampling { temperature: 1.5, seed: Some(7), ..Sampling::default() }
    }

    #[test]
    fn zero_temperature_takes_the_most_likely() {
        assert_eq!(drawn(Sampling::default(), 20), [1; 20]);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let other = Sampling { seed: Some(8), ..warm() };
        assert_eq!(drawn(warm(), 50), drawn(warm(), 50));
        assert_ne!(drawn(warm(), 50), drawn(other, 50));
    }

    #[test]
    fn cuts_keep_the_most_likely_tokens_only() {
        let cases = [
            (Sampling { top_k: 2, ..warm() }, vec![1, 2]),
            (Sampling { top_p: 0.6, ..warm() }, vec![1, 2]),
            (Sampling { min_p: 0.9, ..warm() }, vec![1, 2]),
            (Sampling { top_p: 0.01, ..warm() }, vec![1]),
        ];
        for (sampling, allowed) in cases {
            let mut seen = drawn(sampling.clone(), 300);
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, allowed, "{sampling:?}");
        }
    }

    #[test]
    fn a_penalty_moves_away_from_written_tokens() {
        let sampling = Sampling { repetition_penalty: 1.3, ..Sampling::default() };
        assert_eq!(Sampler::new(sampling).next(&LOGITS, &[1]), 2);
    }

    #[test]
    fn values_without_meaning_are_refused() {
        for sampling in [
            Sampling { temperature: f32::NAN, ..warm() },
            Sampling { temperature: -1.0, ..warm() },
            Sampling { top_p: 0.0, ..warm() },
            Sampling { min_p: 1.5, ..warm() },
            Sampling { repetition_penalty: 0.0, ..warm() },
        ] {
            assert!(sampling.check().is_err(), "{sampling:?}");
        }
        assert!(warm().check().is_ok());
    }
}
