//! Loops that a compiler turns into the vector code of any other machine (NEON among them).

use super::{Integers, LANES, Weights};

#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Integers for Plain {
    type Weights = Weights;
    type Sums = [i32; LANES];
    type Floats = [f32; LANES];

    #[inline(always)]
    fn load(self, weights: &Weights) -> Weights {
        *weights
    }

    #[inline(always)]
    fn low(self, mut weights: Weights) -> Weights {
        for weight in &mut weights {
            *weight &= 15;
        }
        weights
    }

    #[inline(always)]
    fn high(self, mut weights: Weights) -> Weights {
        for weight in &mut weights {
            *weight >>= 4;
        }
        weights
    }

    #[inline(always)]
    fn same(self, value: i32) -> [i32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn dot<const FULL: bool>(self, mut sums: [i32; LANES], weights: Weights, group: i32) -> [i32; LANES] {
        let inputs = group.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
        for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<4>().0) {
            for (weight, input) in weights.iter().zip(inputs) {
                *sum += i32::from(*weight) * input;
            }
        }
        sums
    }

    #[inline(always)]
    fn floats(self, sums: [i32; LANES]) -> [f32; LANES] {
        let mut floats = [0.0; LANES];
        for (float, sum) in floats.iter_mut().zip(sums) {
            *float = sum as f32;
        }
        floats
    }

    #[inline(always)]
    fn halves(self, bits: &[u16; LANES]) -> [f32; LANES] {
        let mut floats = [0.0; LANES];
        for (float, bits) in floats.iter_mut().zip(bits) {
            *float = half_to_float(*bits);
        }
        floats
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn multiply(self, mut a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        for (a, b) in a.iter_mut().zip(b) {
            *a *= b;
        }
        a
    }

    #[inline(always)]
    fn multiply_add(self, a: [f32; LANES], b: [f32; LANES], mut c: [f32; LANES]) -> [f32; LANES] {
        for ((c, a), b) in c.iter_mut().zip(a).zip(b) {
            *c = a.mul_add(b, *c);
        }
        c
    }

    #[inline(always)]
    fn store(self, floats: [f32; LANES]) -> [f32; LANES] {
        floats
    }
}

/// IEEE 754 binary16 without branches, for finite values: the exponent's bias is mended by a product, which
/// also gives the smallest values (subnormal ones) their place.
#[inline(always)]
pub(in crate::compute) fn half_to_float(bits: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_numbers_of_the_standard() {
        for (bits, float) in [
            (0x0000, 0.0_f32),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x8001, -5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half_to_float(bits).to_bits(), float.to_bits(), "{bits:#06x}");
        }
    }
}
