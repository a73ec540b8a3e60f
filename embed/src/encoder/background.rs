//! How alike an encoder finds texts that have nothing to do with each other. Cosines of one model are no measure for
//! another: some hold unrelated texts for opposite, some for 0.8 alike, and tell everything apart above that.

use super::{Encoder, Input, Priority};
use crate::EmbedError;

/// Of pairs of unrelated texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    pub mean: f32,
    /// Standard deviation.
    pub spread: f32,
}

/// About as different as sentences can be; in English, which every encoder has seen.
const TEXTS: [&str; 24] = [
    "The treaty was signed in the palace after three weeks of negotiation.",
    "Whisk the egg whites until they form soft peaks, then fold in the sugar.",
    "Invoices are due within thirty days of receipt.",
    "The glacier has lost a third of its volume since the first survey.",
    "Mitochondria produce most of the energy that a cell uses.",
    "She won the final in straight sets without losing her serve.",
    "To restart the router, hold the button for ten seconds.",
    "Bach wrote the cantata for the second Sunday after Trinity.",
    "The bearing must be greased after every five hundred hours of operation.",
    "Employees may carry over up to five days of annual leave.",
    "A prime number has exactly two divisors.",
    "The ferry to the island leaves at half past six in the morning.",
    "Patients with a history of asthma were excluded from the trial.",
    "The painting hung for decades in a private house in Ghent.",
    "Sow the seeds in spring, two centimetres deep and a hand apart.",
    "The parliament rejected the amendment by a narrow majority.",
    "An index that fits in memory answers without touching the disk.",
    "He inherited the vineyard from an aunt whom he had never met.",
    "The comet will be visible to the naked eye until the end of the month.",
    "Tighten the bolts crosswise to the torque given in the table.",
    "Unemployment fell to its lowest level in twenty years.",
    "The wolf avoided the village and crossed the river upstream.",
    "Your parcel could not be delivered because nobody was at home.",
    "Concrete reaches most of its strength after four weeks.",
];

impl Encoder {
    /// Takes as long as a few passages.
    pub async fn background(&self) -> Result<Background, EmbedError> {
        let texts = TEXTS.map(str::to_owned).to_vec();
        Ok(background_of(&self.encode(texts, Input::Passage, Priority::Interactive).await?))
    }
}

fn background_of(vectors: &[Vec<f32>]) -> Background {
    let dot = |left: &[f32], right: &[f32]| left.iter().zip(right).map(|(left, right)| left * right).sum::<f32>();
    let pairs = vectors.iter().enumerate().flat_map(|(place, left)| {
        let others = vectors.get(place + 1..).unwrap_or_default();
        others.iter().map(move |right| dot(left, right))
    });
    let cosines: Vec<f32> = pairs.collect();
    let count = cosines.len().max(1) as f32;
    let mean = cosines.iter().sum::<f32>() / count;
    let variance = cosines.iter().map(|cosine| (cosine - mean).powi(2)).sum::<f32>() / count;
    Background { mean, spread: variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_spread_are_of_all_pairs() {
        let vectors = [vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.0]];
        let Background { mean, spread } = background_of(&vectors);
        assert!((mean - 1.0 / 3.0).abs() < 1e-6, "{mean}");
        assert!((spread - (2.0_f32 / 9.0).sqrt()).abs() < 1e-6, "{spread}");
        assert_eq!(background_of(&[]), Background { mean: 0.0, spread: 0.0 });
    }
}
