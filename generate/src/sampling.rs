//! Logits become the next token, by the definitions of llama.cpp's samplers.
//!
//! ```text
//! logits ─▶ logit_bias ─▶ allowed tokens ─▶ penalties ─▶ temperature 0: the most likely
//!                                                    └─▶ top_k ─▶ top_p ─▶ min_p ─▶ temperature ─▶ draw
//! ```

mod candidates;
mod probabilities;
mod sampler;

use crate::error::{GenerateError, Result};

pub(crate) use self::sampler::{Choice, Sampler};

/// Most alternatives that are reported for a token, as in `OpenAI`'s API.
pub const MAX_ALTERNATIVES: usize = 20;

/// How the next token is drawn. The same seed and prompt give the same text, on every platform on which
/// the model computes the same logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1 samples from the model's distribution. Applied last: the cuts
    /// below see the distribution at temperature 1.
    pub temperature: f32,
    /// Only the most likely tokens that together have this probability; 1 is off.
    pub top_p: f32,
    /// Only this many of the most likely tokens; 0 is off.
    pub top_k: usize,
    /// Only tokens at least this likely relative to the most likely one; 0 is off.
    pub min_p: f32,
    /// Divides the logits of tokens that were read or written lately (multiplies negative ones); 1 is off.
    pub repetition_penalty: f32,
    /// Taken off a token's logit for each time that it was read or written lately; 0 is off.
    pub frequency_penalty: f32,
    /// Taken off the logits of all tokens that were read or written lately; 0 is off.
    pub presence_penalty: f32,
    /// How many of the last tokens, prompt included, the penalties look at.
    pub penalty_last_n: usize,
    /// Added to logits, by token. 100 all but forces a token, -100 all but bans it.
    pub logit_bias: Vec<(u32, f32)>,
    /// Absent: another text every time, unless the temperature is 0.
    pub seed: Option<u64>,
    /// Report the probability of every token written, and of this many alternatives. They are the
    /// model's own: before bias, penalties and cuts.
    pub log_probabilities: Option<usize>,
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
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            penalty_last_n: 64,
            logit_bias: Vec::new(),
            seed: None,
            log_probabilities: None,
            max_tokens: 256,
            stop: Vec::new(),
        }
    }
}

impl Sampling {
    /// Refuses values that have no meaning.
    pub fn check(&self) -> Result<()> {
        let positive = |value: f32, limit: f32| value > 0.0 && value <= limit;
        let within = |value: f32, limit: f32| (-limit..=limit).contains(&value);
        let bias = self.logit_bias.iter().map(|(_, bias)| *bias).find(|bias| !within(*bias, 100.0));
        let alternatives = self.log_probabilities.unwrap_or(0);
        let rules = [
            ("temperature", self.temperature, (0.0..=10.0).contains(&self.temperature), "use a number from 0 to 10"),
            ("top_p", self.top_p, positive(self.top_p, 1.0), "use a number above 0 and up to 1"),
            ("min_p", self.min_p, (0.0..=1.0).contains(&self.min_p), "use a number from 0 to 1"),
            (
                "repetition_penalty",
                self.repetition_penalty,
                positive(self.repetition_penalty, 10.0),
                "use a number above 0 and up to 10",
            ),
            (
                "frequency_penalty",
                self.frequency_penalty,
                within(self.frequency_penalty, 2.0),
                "use a number from -2 to 2",
            ),
            (
                "presence_penalty",
                self.presence_penalty,
                within(self.presence_penalty, 2.0),
                "use a number from -2 to 2",
            ),
            ("logit_bias", bias.unwrap_or(0.0), bias.is_none(), "use numbers from -100 to 100"),
            ("top_logprobs", alternatives as f32, alternatives <= MAX_ALTERNATIVES, "use a whole number from 0 to 20"),
        ];
        match rules.into_iter().find(|(_, _, holds, _)| !holds) {
            None => Ok(()),
            Some((parameter, value, _, expected)) => {
                Err(GenerateError::Sampling { parameter, value: value.to_string(), expected })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_without_meaning_are_refused_by_name() {
        let plain = Sampling::default;
        for (parameter, sampling) in [
            ("temperature", Sampling { temperature: f32::NAN, ..plain() }),
            ("temperature", Sampling { temperature: -1.0, ..plain() }),
            ("top_p", Sampling { top_p: 0.0, ..plain() }),
            ("min_p", Sampling { min_p: 1.5, ..plain() }),
            ("repetition_penalty", Sampling { repetition_penalty: 0.0, ..plain() }),
            ("frequency_penalty", Sampling { frequency_penalty: 2.1, ..plain() }),
            ("presence_penalty", Sampling { presence_penalty: f32::INFINITY, ..plain() }),
            ("logit_bias", Sampling { logit_bias: vec![(1, 5.0), (2, -101.0)], ..plain() }),
            ("top_logprobs", Sampling { log_probabilities: Some(21), ..plain() }),
        ] {
            match sampling.check() {
                Err(GenerateError::Sampling { parameter: named, .. }) => assert_eq!(named, parameter),
                other => panic!("{sampling:?}: {other:?}"),
            }
        }
        plain().check().expect("the defaults have a meaning");
    }
}
