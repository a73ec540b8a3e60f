//! Features of the best sentences become the chance that the passages answer the question.

/// What is known about the best candidate sentence.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// Mean log-likelihood of the question's tokens given the sentence, minus without it (nats).
    pub(crate) gain: f32,
    /// Cosine of question and sentence.
    pub(crate) similarity: f32,
    /// Share of the question's content words in the sentence and its context, 0 to 1, rare words first.
    pub(crate) overlap: f32,
    /// The same over all passages together.
    pub(crate) coverage: f32,
}

// Fitted on one half of each reading set, reported on the other: see `examples/calibrate.rs`.
const BIAS: f32 = -4.0;
const GAIN: f32 = 1.5;
const SIMILARITY: f32 = 4.0;
const OVERLAP: f32 = 2.0;
const COVERAGE: f32 = 1.5;

/// Below this the answer is an abstention.
pub(crate) const THRESHOLD: f32 = 0.5;

impl Evidence {
    /// 0 to 1.
    pub(crate) fn chance(&self) -> f32 {
        let sum = BIAS
            + GAIN * self.gain
            + SIMILARITY * self.similarity
            + OVERLAP * self.overlap
            + COVERAGE * self.coverage;
        1.0 / (1.0 + (-sum).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_evidence_never_lowers_the_chance() {
        let weak = Evidence {
            gain: 0.2,
            similarity: 0.2,
            overlap: 0.2,
            coverage: 0.2,
        };
        for better in [
            Evidence { gain: 0.6, ..weak },
            Evidence {
                similarity: 0.6,
                ..weak
            },
            Evidence {
                overlap: 0.6,
                ..weak
            },
            Evidence {
                coverage: 0.6,
                ..weak
            },
        ] {
            assert!(better.chance() >= weak.chance(), "{better:?}");
        }
    }
}
