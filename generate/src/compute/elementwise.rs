//! What happens between the products: norms, rotations, gates.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use pulp::Arch;

/// Sums that run side by side; their order is fixed, so that every machine gives the same.
const LANES: usize = 16;

/// `weight · x / √(mean(x²) + epsilon)` of every row of `weight`'s length (Zhang and Sennrich 2019).
pub(crate) fn rms_norm(rows: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut normed = vec![0.0; rows.len()];
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let out = normed.chunks_exact_mut(weight.len());
            for (row, out) in rows.chunks_exact(weight.len()).zip(out) {
                let mean = sum_of_squares(row) / row.len() as f32;
                let scale = 1.0 / (mean + epsilon).sqrt();
                for ((out, value), weight) in out.iter_mut().zip(row).zip(weight) {
                    *out = value * scale * weight;
                }
            }
        },
    );
    normed
}

#[inline(always)]
fn sum_of_squares(row: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += value * value;
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += value * value;
    }
    sums.iter().sum()
}

/// `silu(gate) · up`, into `gate`.
pub(crate) fn gated(gate: &mut [f32], up: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (gate, up) in gate.iter_mut().zip(up) {
                let magnitude = exp_of_negative(-gate.abs());
                // Of e^-|x| only, so that nothing overflows.
                let upper = if *gate >= 0.0 { 1.0 } else { magnitude };
                *gate = *gate * upper / (1.0 + magnitude) * up;
            }
        },
    );
}

pub(crate) fn add(to: &mut [f32], other: &[f32]) {
    for (to, other) in to.iter_mut().zip(other) {
        *to += other;
    }
}

/// To every row of `bias`'s length.
pub(crate) fn add_bias(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        add(row, bias);
    }
}

/// `e^x` for x ≤ 0 (0 below -87); within 2e-7, relative. Two-step reduction by ln 2, then Cephes' degree-5
/// polynomial (`expf`).
#[inline(always)]
pub(super) fn exp_of_negative(x: f32) -> f32 {
    /// Adding 1.5·2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let exponent = shifted - ROUND;
    let rest = x - exponent * (355.0 / 512.0);
    let rest = rest + exponent * 2.121_944_4e-4;
    let mut polynomial = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        polynomial = polynomial * rest + coefficient;
    }
    let mantissa = polynomial * rest * rest + rest + 1.0;
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    mantissa * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_the_sigmoid_linear_unit() {
        for x in [-200.0_f32, -9.5, -1.0, -1e-3, 0.0, 0.7, 12.0, 300.0] {
            let mut gate = [x];
            gated(&mut gate, &[2.0]);
            let exact = 2.0 * f64::from(x) / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(gate[0]) - exact).abs() <= 1e-6 * exact.abs() + 1e-30, "{x}");
        }
    }

    #[test]
    fn a_normed_row_has_the_length_of_its_weights() {
        let row = (0..50).map(|index| (index % 7) as f32 - 3.0).collect::<Vec<_>>();
        let normed = rms_norm(&[row.clone(), row.iter().map(|value| value * 9.0).collect()].concat(), &[1.0; 50], 0.0);
        for (value, larger) in normed[..50].iter().zip(&normed[50..]) {
            assert!((value - larger).abs() < 1e-6);
        }
        let mean = normed[..50].iter().map(|value| value * value).sum::<f32>() / 50.0;
        assert!((mean - 1.0).abs() < 1e-5);
    }
}
