//! Whether one setting is better than another on the same queries, or only luckier.

use serde::Serialize;

/// Random reassignments. With 10,000 the standard error of a p of .05 is .002.
const REASSIGNMENTS: u32 = 10_000;

/// How much better the second setting is, in the mean over queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    pub queries: usize,
    /// Second less first.
    pub mean: f64,
    /// Queries for which the second is better, and for which it is worse.
    pub better: usize,
    pub worse: usize,
    /// How often chance alone gives a difference at least as large, in either direction.
    pub p: f64,
}

/// Fisher's randomisation test, two-sided, on pairs of scores of the same query: if the two settings were the
/// same, each pair could as well stand the other way round. It assumes nothing about how scores are
/// distributed, and agrees with the t test where both apply (Smucker, Allan and Carterette, "A Comparison of
/// Statistical Significance Tests for Information Retrieval Evaluation", CIKM 2007). Always the same random
/// numbers: a comparison that is repeated gives the same p.
pub fn paired_difference(pairs: &[(f64, f64)]) -> Difference {
    let differences: Vec<f64> =
        pairs.iter().map(|(first, second)| second - first).filter(|difference| *difference != 0.0).collect();
    let sum = differences.iter().fold(0.0, |sum, difference| sum + difference);
    let mut random = SplitMix(0);
    let mut as_large = 0_u32;
    for _ in 0..REASSIGNMENTS {
        let mut reassigned = 0.0;
        for part in differences.chunks(64) {
            let bits = random.next();
            for (place, difference) in part.iter().enumerate() {
                reassigned += if (bits >> place) & 1 == 0 { *difference } else { -difference };
            }
        }
        // Sums of the same numbers in another order differ in their last bits.
        as_large += u32::from(f64::abs(reassigned) >= sum.abs() - 1e-9);
    }
    Difference {
        queries: pairs.len(),
        mean: sum / pairs.len().max(1) as f64,
        better: differences.iter().filter(|difference| **difference > 0.0).count(),
        worse: differences.iter().filter(|difference| **difference < 0.0).count(),
        // The order as it was is one of the possible ones: p is never 0.
        p: f64::from(as_large + 1) / f64::from(REASSIGNMENTS + 1),
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_settings_do_not_differ() {
        let difference = paired_difference(&[(0.3, 0.3), (1.0, 1.0)]);
        assert_eq!((difference.mean, difference.better, difference.worse, difference.p), (0.0, 0, 0, 1.0));
        assert!((paired_difference(&[]).p - 1.0).abs() < f64::EPSILON);
    }

    /// Of the 2^10 ways to turn ten pairs round, two give a difference as large: p = 2 / 1024.
    #[test]
    fn p_is_the_share_of_reassignments_that_differ_as_much() {
        let difference = paired_difference(&[(0.0, 0.1); 10]);
        assert!((difference.p - 2.0 / 1024.0).abs() < 0.002, "{difference:?}");
        assert!((difference.mean - 0.1).abs() < 1e-12 && difference.better == 10, "{difference:?}");
        // Three against one: 10 of 16 reassignments are as far from 0.
        let mixed = paired_difference(&[(0.0, 0.1), (0.0, 0.1), (0.0, 0.1), (0.1, 0.0)]);
        assert!((mixed.p - 10.0 / 16.0).abs() < 0.02, "{mixed:?}");
    }
}
