//! Layer normalisation, and the L2 norm.

use pulp::Arch;

use super::lanes::sum;

/// `weight · (x - mean) / sqrt(variance + epsilon) + bias`, over the last dimension.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl LayerNorm {
    /// Normalises each row of `values` (`(rows, width)`) in place.
    pub(crate) fn apply(&self, values: &mut [f32]) {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in values.chunks_exact_mut(self.weight.len()) {
                    self.row(row);
                }
            },
        );
    }

    #[inline(always)]
    fn row(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum(row, |value| value) / count;
        let variance = sum(row, |value| (value - mean) * (value - mean)) / count;
        let scale = 1.0 / (variance + self.epsilon).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
            *value = (*value - mean) * scale * weight + bias;
        }
    }
}

/// Divides by the Euclidean norm; a zero vector stays zero.
pub(crate) fn l2_normalise(vector: &mut [f32]) {
    let norm = sum(vector, |value| value * value).sqrt();
    if norm > 0.0 {
        for value in vector {
            *value /= norm;
        }
    }
}
