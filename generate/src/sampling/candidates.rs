//! The tokens that are still in the race, and the cuts that leave the likely ones.

use std::cmp::Ordering;

/// A token that may be drawn. `weight` is its logit, and from [`Candidates::weigh`] on proportional to its
/// probability.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    token: u32,
    logit: f32,
    weight: f32,
}

/// More likely ones first; equal ones by token, so that a choice does not depend on their order.
fn by_likelihood(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
}

/// First size of the sorted front that [`Candidates::most_probable`] looks at.
const FRONT: usize = 64;

/// Kept from token to token: the room is reused.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    list: Vec<Candidate>,
    /// This many are sorted, at the front.
    sorted: usize,
}

impl Candidates {
    pub(super) fn refill(&mut self, tokens: impl Iterator<Item = (u32, f32)>) {
        self.sorted = 0;
        self.list.clear();
        self.list.extend(tokens.map(|(token, logit)| Candidate { token, logit, weight: logit }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The token, where it is the last one.
    pub(super) fn only(&self) -> Option<u32> {
        match self.list.as_slice() {
            [candidate] => Some(candidate.token),
            _ => None,
        }
    }

    pub(super) fn top(&self) -> impl Iterator<Item = (u32, f32)> {
        self.list.iter().map(|candidate| (candidate.token, candidate.logit))
    }

    /// The `count` most likely, sorted. The rest is not sorted, only dropped.
    pub(super) fn most_likely(&mut self, count: usize) {
        self.sort_front(count);
        self.list.truncate(count);
    }

    fn sort_front(&mut self, count: usize) {
        if self.sorted >= count.min(self.list.len()) {
            return;
        }
        if count < self.list.len() {
            self.list.select_nth_unstable_by(count, by_likelihood);
        }
        let end = count.min(self.list.len());
        self.list[..end].sort_unstable_by(by_likelihood);
        self.sorted = end;
    }

    /// The fewest most likely ones that together have the share `wanted` of the probability. Sorts only as
    /// far as it must.
    pub(super) fn most_probable(&mut self, wanted: f32) {
        if self.list.is_empty() || wanted >= 1.0 {
            return;
        }
        self.weigh(1.0);
        let wanted = f64::from(wanted) * self.total();
        let mut front = FRONT;
        loop {
            self.sort_front(front);
            let mut sum = 0.0;
            let enough = self.list[..self.sorted].iter().position(|candidate| {
                sum += f64::from(candidate.weight);
                sum >= wanted
            });
            if let Some(last) = enough {
                self.list.truncate(last + 1);
                return;
            }
            // Rounding can leave the sum of all a little short of the wanted share.
            if self.sorted == self.list.len() {
                return;
            }
            front *= 8;
        }
    }

    /// Those at least `share` times as likely as the most likely one.
    pub(super) fn relatively_likely(&mut self, share: f32) {
        if share <= 0.0 {
            return;
        }
        let least = self.greatest() + libm::logf(share);
        self.list.retain(|candidate| candidate.logit >= least);
        self.sorted = self.sorted.min(self.list.len());
    }

    fn greatest(&self) -> f32 {
        self.list.iter().map(|candidate| candidate.logit).fold(f32::NEG_INFINITY, f32::max)
    }

    /// Weights proportional to probabilities at `temperature`; the most likely one has 1.
    pub(super) fn weigh(&mut self, temperature: f32) {
        let greatest = self.greatest();
        for candidate in &mut self.list {
            candidate.weight = libm::expf((candidate.logit - greatest) / temperature);
        }
    }

    fn total(&self) -> f64 {
        self.list.iter().map(|candidate| f64::from(candidate.weight)).sum()
    }

    /// The token at `share`, from 0 to 1, of the way through the weights.
    pub(super) fn at(&self, share: f64) -> Option<u32> {
        let mut left = share * self.total();
        let drawn = self.list.iter().find(|candidate| {
            left -= f64::from(candidate.weight);
            left < 0.0
        });
        drawn.or(self.list.last()).map(|candidate| candidate.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(logits: &[f32]) -> Candidates {
        let mut candidates = Candidates::default();
        candidates.refill((0..).zip(logits.iter().copied()));
        candidates
    }

    fn tokens(candidates: &Candidates) -> Vec<u32> {
        let mut tokens = candidates.top().map(|(token, _)| token).collect::<Vec<_>>();
        tokens.sort_unstable();
        tokens
    }

    /// Cuts by the definition, on a wholly sorted list.
    fn naive(logits: &[f32], top_k: usize, top_p: f64, min_p: f32) -> Vec<u32> {
        let mut sorted = (0..).zip(logits.iter().copied()).collect::<Vec<(u32, f32)>>();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if top_k > 0 {
            sorted.truncate(top_k);
        }
        let total = sorted.iter().map(|(_, logit)| f64::from(*logit).exp()).sum::<f64>();
        let mut sum = 0.0;
        let mut kept = Vec::new();
        for (token, logit) in &sorted {
            kept.push((*token, *logit));
            sum += f64::from(*logit).exp() / total;
            if sum >= top_p {
                break;
            }
        }
        let least = if min_p > 0.0 { kept[0].1 + min_p.ln() } else { f32::NEG_INFINITY };
        let mut kept =
            kept.into_iter().filter(|(_, logit)| *logit >= least).map(|(token, _)| token).collect::<Vec<_>>();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn cuts_are_those_of_the_definition() {
        // A flat distribution makes the nucleus grow past its first front, equal logits test the order.
        let shapes: [fn(u32) -> f32; 3] = [
            |index| (index * 37 % 1009) as f32 / 1000.0,
            |index| (index % 7) as f32,
            |index| -((index * 31 % 997) as f32),
        ];
        for shape in shapes {
            let logits = (0..3000).map(shape).collect::<Vec<_>>();
            for (top_k, top_p, min_p) in [
                (0, 0.9, 0.0),
                (40, 1.0, 0.0),
                (0, 1.0, 0.3),
                (500, 0.5, 0.7),
                (1, 0.1, 0.0),
                (5000, 0.95, 0.05),
                (0, 0.01, 0.0),
            ] {
                let mut candidates = filled(&logits);
                if top_k > 0 {
                    candidates.most_likely(top_k);
                }
                candidates.most_probable(top_p);
                candidates.relatively_likely(min_p);
                assert_eq!(
                    tokens(&candidates),
                    naive(&logits, top_k, f64::from(top_p), min_p),
                    "{top_k} {top_p} {min_p}"
                );
            }
        }
    }

    #[test]
    fn shares_are_those_of_the_weights() {
        let mut candidates = filled(&[0.0, 3.0_f32.ln(), f32::NEG_INFINITY]);
        candidates.weigh(1.0);
        for (share, token) in [(0.0, 0), (0.24, 0), (0.26, 1), (0.999, 1)] {
            assert_eq!(candidates.at(share), Some(token), "{share}");
        }
        candidates.weigh(0.5);
        assert_eq!(candidates.at(0.11), Some(1), "a colder draw has 0 in one case of ten");
        assert_eq!(filled(&[]).at(0.5), None);
    }
}
