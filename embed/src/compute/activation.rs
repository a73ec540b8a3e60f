//! Elementwise functions without branches or calls, so that a loop over them becomes vector code.

use pulp::Simd;

/// `x · Φ(x)` with the error function, as BERT was trained; not the tanh approximation. Within 4e-7 of the exact value, absolute.
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

/// `2^x` for -125 ≤ x ≤ 0, and `2^-125` below; within 2e-7, relative. Coefficients: Cephes (`exp2f`).
#[inline(always)]
pub(crate) fn exp2_of_negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding 1.5·2^23 rounds to an integer and leaves it in the low bits.
    let round = simd.splat_f32s(12_582_912.0);
    let x = simd.max_f32s(x, simd.splat_f32s(-125.0));
    let shifted = simd.add_f32s(x, round);
    let rest = simd.sub_f32s(x, simd.sub_f32s(shifted, round));
    let mut power = simd.splat_f32s(1.535_336_2e-4);
    for coefficient in [1.339_887_4e-3, 9.618_437e-3, 5.550_332_5e-2, 0.240_226_48, std::f32::consts::LN_2, 1.0] {
        power = simd.mul_add_e_f32s(power, rest, simd.splat_f32s(coefficient));
    }
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(power), exponent))
}
