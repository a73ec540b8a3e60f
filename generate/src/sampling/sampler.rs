//! Draws the tokens of one text.

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::Sampling;
use super::candidates::Candidates;
use super::probabilities::{log_sum, most_likely};
use crate::constraint::TokenSet;
use crate::error::{GenerateError, Result};

/// A token, and how likely it was where that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) token: u32,
    /// By the model's own distribution.
    pub(crate) log_probability: Option<f32>,
    /// The most likely tokens, best first.
    pub(crate) top: Vec<(u32, f32)>,
}

impl Choice {
    /// A token that nothing else could have taken the place of.
    pub(crate) fn forced(token: u32) -> Self {
        Self { token, log_probability: None, top: Vec::new() }
    }
}

/// One per text: the generator goes on from token to token. A greedy one without log-probabilities
/// allocates nothing per token.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    /// Named, and turned into numbers here: what a seed draws does not change with a version of a crate.
    random: ChaCha8Rng,
    candidates: Candidates,
    /// Tokens of the last ones, sorted, for counting.
    recent: Vec<u32>,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let random = sampling.seed.map_or_else(ChaCha8Rng::from_os_rng, |seed| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&seed.to_le_bytes());
            ChaCha8Rng::from_seed(key)
        });
        Self { sampling, random, candidates: Candidates::default(), recent: Vec::new() }
    }

    /// `history` is the prompt and what was written after it. Only tokens in `allowed` are drawn. The
    /// logits are used up.
    pub(crate) fn next(&mut self, logits: &mut [f32], history: &[u32], allowed: Option<&TokenSet>) -> Result<Choice> {
        let wanted = self.sampling.log_probabilities;
        let sum = wanted.map(|_| log_sum(logits));
        let top = match (wanted, sum) {
            (Some(count), Some(sum)) => most_likely(logits, sum, count, &mut self.candidates),
            _ => Vec::new(),
        };
        // The bias and the penalties change logits of few tokens: their raw values are kept to report one.
        let raw = wanted.map(|_| logits.to_vec());
        for (token, bias) in &self.sampling.logit_bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
        self.penalise(logits, history);
        let token =
            if self.sampling.temperature == 0.0 { greatest(logits, allowed) } else { self.draw(logits, allowed) };
        let token = token.ok_or_else(|| GenerateError::Inference {
            reason: "the model rates no token that may follow with a number".to_owned(),
        })?;
        let log_probability = raw.zip(sum).map(|(raw, sum)| raw[token as usize] - sum);
        Ok(Choice { token, log_probability, top })
    }

    /// Positive logits shrink, negative ones grow away from zero (Keskar et al. 2019, section 4.1); then
    /// frequency and presence are taken off.
    fn penalise(&mut self, logits: &mut [f32], history: &[u32]) {
        let Sampling { repetition_penalty, frequency_penalty, presence_penalty, penalty_last_n, .. } = self.sampling;
        #[expect(clippy::float_cmp, reason = "exactly these values are off")]
        let off = repetition_penalty == 1.0 && frequency_penalty == 0.0 && presence_penalty == 0.0;
        if off {
            return;
        }
        self.recent.clear();
        self.recent.extend(&history[history.len().saturating_sub(penalty_last_n)..]);
        self.recent.sort_unstable();
        for group in self.recent.chunk_by(|a, b| a == b) {
            let Some(logit) = group.first().and_then(|token| logits.get_mut(*token as usize)) else {
                continue;
            };
            *logit = if *logit > 0.0 { *logit / repetition_penalty } else { *logit * repetition_penalty };
            *logit -= group.len() as f32 * frequency_penalty + presence_penalty;
        }
    }

    fn draw(&mut self, logits: &[f32], allowed: Option<&TokenSet>) -> Option<u32> {
        self.candidates.refill(finite(logits).filter(|(token, _)| permits(allowed, *token)));
        if self.candidates.is_empty() {
            return None;
        }
        if self.sampling.top_k > 0 {
            self.candidates.most_likely(self.sampling.top_k);
        }
        self.candidates.most_probable(self.sampling.top_p);
        self.candidates.relatively_likely(self.sampling.min_p);
        // What is certain takes no random number: a text is the same whether its format forces tokens at once
        // or they are drawn one by one.
        if let Some(token) = self.candidates.only() {
            return Some(token);
        }
        self.candidates.weigh(self.sampling.temperature);
        // 53 random bits make a share from 0 to 1.
        let share = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        self.candidates.at(share)
    }
}

fn finite(logits: &[f32]) -> impl Iterator<Item = (u32, f32)> {
    (0..).zip(logits.iter().copied()).filter(|(_, logit)| logit.is_finite())
}

fn permits(allowed: Option<&TokenSet>, token: u32) -> bool {
    allowed.is_none_or(|allowed| (token as usize) < allowed.len() && allowed.is_allowed(token))
}

/// The first of the greatest, so that the choice does not depend on the order of equals.
fn greatest(logits: &[f32], allowed: Option<&TokenSet>) -> Option<u32> {
    let mut best = None;
    let mut consider = |token: u32, logit: f32| {
        if logit.is_finite() && best.is_none_or(|(_, greatest)| logit > greatest) {
            best = Some((token, logit));
        }
    };
    match allowed {
        None => finite(logits).for_each(|(token, logit)| consider(token, logit)),
        // A constraint often leaves a handful of tokens.
        Some(allowed) => allowed.iter_set_entries(|token| {
            if let Some(logit) = logits.get(token) {
                consider(token as u32, *logit);
            }
        }),
    }
    best.map(|(token, _)| token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.1, 2.0, 1.9, -1.0, 0.5];

    fn warm() -> Sampling {
        Sampling { temperature: 1.5, seed: Some(7), ..Sampling::default() }
    }

    fn choice(sampling: Sampling, logits: &[f32], history: &[u32]) -> Choice {
        Sampler::new(sampling).next(&mut logits.to_vec(), history, None).expect("a token")
    }

    fn drawn(sampling: Sampling, times: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..times).map(|_| sampler.next(&mut LOGITS.to_vec(), &[], None).expect("a token").token).collect()
    }

    #[test]
    fn zero_temperature_takes_the_most_likely() {
        assert_eq!(drawn(Sampling::default(), 20), [1; 20]);
        assert_eq!(choice(Sampling::default(), &[f32::NAN, 1.0, 1.0, f32::NEG_INFINITY], &[]).token, 1);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let other = Sampling { seed: Some(8), ..warm() };
        assert_eq!(drawn(warm(), 50), drawn(warm(), 50));
        assert_ne!(drawn(warm(), 50), drawn(other, 50));
    }

    /// Written down once: whoever changes the generator changes every seeded text.
    #[test]
    fn a_seed_draws_what_it_always_drew() {
        assert_eq!(drawn(Sampling { temperature: 1.0, seed: Some(42), ..warm() }, 12), SEED_42);
    }
    const SEED_42: [u32; 12] = [1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2];

    #[test]
    fn frequencies_are_probabilities() {
        let mut counts = [0_u32; 5];
        for token in drawn(Sampling { temperature: 1.0, ..warm() }, 20_000) {
            counts[token as usize] += 1;
        }
        let total = LOGITS.iter().map(|logit| logit.exp()).sum::<f32>();
        for (count, logit) in counts.iter().zip(LOGITS) {
            let (seen, expected) = (*count as f32 / 20_000.0, logit.exp() / total);
            assert!((seen - expected).abs() < 0.015, "{seen} {expected}");
        }
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
    fn penalties_count_the_last_tokens_of_prompt_and_text() {
        let plain = Sampling::default;
        let repetition = Sampling { repetition_penalty: 1.3, ..plain() };
        assert_eq!(choice(repetition.clone(), &LOGITS, &[1]).token, 2);
        assert_eq!(choice(repetition, &[-1.0, -1.1], &[0]).token, 1, "a negative logit moves down");
        let presence = Sampling { presence_penalty: 0.2, ..plain() };
        assert_eq!(choice(presence, &LOGITS, &[1]).token, 2);
        let frequency = Sampling { frequency_penalty: 0.06, ..plain() };
        assert_eq!(choice(frequency.clone(), &LOGITS, &[1]).token, 1);
        assert_eq!(choice(frequency.clone(), &LOGITS, &[1, 3, 1]).token, 2);
        let short = Sampling { penalty_last_n: 2, ..frequency };
        assert_eq!(choice(short, &LOGITS, &[1, 3, 1]).token, 1, "the first is out of sight");
        let known = Sampling { presence_penalty: 2.0, ..plain() };
        assert_eq!(choice(known, &LOGITS, &[1, u32::MAX]).token, 2, "tokens beyond the vocabulary are no matter");
    }

    #[test]
    fn a_bias_forces_and_bans() {
        let biased = |bias: &[(u32, f32)]| Sampling { logit_bias: bias.to_vec(), ..warm() };
        assert_eq!(drawn(biased(&[(3, 100.0)]), 50), [3; 50]);
        assert!(!drawn(biased(&[(1, -100.0), (99, 5.0)]), 200).contains(&1));
    }

    #[test]
    fn only_allowed_tokens_are_drawn() {
        let mut allowed = TokenSet::alloc(5);
        allowed.allow_token(3);
        allowed.allow_token(0);
        for (sampling, expected) in [(Sampling::default(), vec![0]), (warm(), vec![0, 3])] {
            let mut sampler = Sampler::new(sampling);
            let next = |_| sampler.next(&mut LOGITS.to_vec(), &[], Some(&allowed)).expect("a token").token;
            let mut seen = (0..200).map(next).collect::<Vec<_>>();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, expected);
        }
        let none = TokenSet::alloc(5);
        for sampling in [Sampling::default(), warm()] {
            assert!(Sampler::new(sampling.clone()).next(&mut LOGITS.to_vec(), &[], Some(&none)).is_err());
            assert!(Sampler::new(sampling).next(&mut [f32::NAN, f32::INFINITY], &[], None).is_err());
        }
    }

    #[test]
    fn log_probabilities_are_the_models_own() {
        let sampling = Sampling {
            log_probabilities: Some(2),
            logit_bias: vec![(3, 100.0)],
            presence_penalty: 2.0,
            ..Sampling::default()
        };
        let choice = choice(sampling, &LOGITS, &[1]);
        let sum = LOGITS.iter().map(|logit| logit.exp()).sum::<f32>().ln();
        assert_eq!(choice.token, 3);
        assert!((choice.log_probability.expect("asked for") - (-1.0 - sum)).abs() < 1e-5);
        assert_eq!(choice.top.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 2]);
        assert!((choice.top[0].1 - (2.0 - sum)).abs() < 1e-5);
    }
}
