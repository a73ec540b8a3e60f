//! Log-probabilities of the model's own distribution.

use super::candidates::Candidates;

/// The natural logarithm of the sum of all tokens' weights.
pub(super) fn log_sum(logits: &[f32]) -> f32 {
    let greatest = logits.iter().copied().filter(|logit| !logit.is_nan()).fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.iter().filter(|logit| !logit.is_nan()).map(|logit| f64::from(libm::expf(logit - greatest)));
    (libm::log(weights.sum()) + f64::from(greatest)) as f32
}

/// The `count` most likely tokens with their log-probabilities, best first.
pub(super) fn most_likely(logits: &[f32], log_sum: f32, count: usize, room: &mut Candidates) -> Vec<(u32, f32)> {
    if count == 0 {
        return Vec::new();
    }
    room.refill((0..).zip(logits.iter().copied()).filter(|(_, logit)| logit.is_finite()));
    room.most_likely(count);
    room.top().map(|(token, logit)| (token, logit - log_sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_all_tokens_make_one() {
        let logits = (0..500).map(|index| (index as f32 * 0.37).sin() * 9.0).collect::<Vec<_>>();
        let sum = log_sum(&logits);
        let all = most_likely(&logits, sum, 500, &mut Candidates::default());
        let total = all.iter().map(|(_, probability)| f64::from(*probability).exp()).sum::<f64>();
        assert!((total - 1.0).abs() < 1e-5, "{total}");
        assert!(all.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    }
}
