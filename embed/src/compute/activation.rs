//! Elementwise functions without branches or calls, so that a loop over them becomes vector code.

use pulp::Simd;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    /// `x · Φ(x)` with the error function, as BERT was trained; not the tanh approximation.
    Gelu,
}

/// `x · Φ(x)`; within 4e-7 of the exact value, absolute.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let half = simd.mul_f32s(simd.splat_f32s(0.5), x);
    let erf = erf(simd, simd.mul_f32s(x, simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2)));
    simd.mul_add_e_f32s(half, erf, half)
}

/// Rational approximation of the error function, `x·P(x²)/Q(x²)` on [-4, 4], outside of which `f32`
/// rounds to ±1; within 3e-7. Coefficients: Eigen (`generic_fast_erf_float`), MPL-2.0.
#[inline(always)]
fn erf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(-4.0)), simd.splat_f32s(4.0));
    let square = simd.mul_f32s(x, x);
    let mut numerator = simd.splat_f32s(-2.726_142_3e-10);
    for coefficient in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2] {
        numerator = simd.mul_add_e_f32s(numerator, square, simd.splat_f32s(coefficient));
    }
    let mut denominator = simd.splat_f32s(-1.456_607_2e-5);
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_474e-2] {
        denominator = simd.mul_add_e_f32s(denominator, square, simd.splat_f32s(coefficient));
    }
    simd.div_f32s(simd.mul_f32s(x, numerator), denominator)
}

/// `e^x` for x ≤ 0 (0 below -87); within 2e-7, relative. Two-step reduction by ln 2, then Cephes' degree-5
/// polynomial (`expf`).
#[inline(always)]
pub(crate) fn exp_of_negative(x: f32) -> f32 {
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
