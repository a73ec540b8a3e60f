//! AVX2 with FMA: products of bytes by way of 16-bit sums, two registers for sixteen outputs.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{__m256, __m256i};

use pulp::x86::V3;

use super::plain::half_to_float;
use super::{Integers, LANES, Weights};

impl Integers for V3 {
    type Weights = [__m256i; 2];
    type Sums = [__m256i; 2];
    type Floats = [__m256; 2];

    #[inline(always)]
    fn load(self, weights: &Weights) -> [__m256i; 2] {
        pulp::cast(*weights)
    }

    #[inline(always)]
    fn low(self, weights: [__m256i; 2]) -> [__m256i; 2] {
        let mask = self.avx._mm256_set1_epi8(0x0f);
        [self.avx2._mm256_and_si256(weights[0], mask), self.avx2._mm256_and_si256(weights[1], mask)]
    }

    #[inline(always)]
    fn high(self, weights: [__m256i; 2]) -> [__m256i; 2] {
        self.low([self.avx2._mm256_srli_epi16::<4>(weights[0]), self.avx2._mm256_srli_epi16::<4>(weights[1])])
    }

    #[inline(always)]
    fn same(self, value: i32) -> [__m256i; 2] {
        [self.avx._mm256_set1_epi32(value); 2]
    }

    /// The 16-bit sums of two products saturate above 2·127·128, so full bytes go in two parts.
    #[inline(always)]
    fn dot<const FULL: bool>(self, sums: [__m256i; 2], weights: [__m256i; 2], group: i32) -> [__m256i; 2] {
        let group = self.avx._mm256_set1_epi32(group);
        let ones = self.avx._mm256_set1_epi16(1);
        let mut out = sums;
        for (sum, weights) in out.iter_mut().zip(weights) {
            if FULL {
                let last_bit = self.avx2._mm256_and_si256(weights, self.avx._mm256_set1_epi8(1));
                let rest = self.avx2._mm256_srli_epi16::<1>(weights);
                let rest = self.avx2._mm256_and_si256(rest, self.avx._mm256_set1_epi8(0x7f));
                let twos = self.avx._mm256_set1_epi16(2);
                let pairs = self.avx2._mm256_maddubs_epi16(rest, group);
                *sum = self.avx2._mm256_add_epi32(*sum, self.avx2._mm256_madd_epi16(pairs, twos));
                let pairs = self.avx2._mm256_maddubs_epi16(last_bit, group);
                *sum = self.avx2._mm256_add_epi32(*sum, self.avx2._mm256_madd_epi16(pairs, ones));
            } else {
                let pairs = self.avx2._mm256_maddubs_epi16(weights, group);
                *sum = self.avx2._mm256_add_epi32(*sum, self.avx2._mm256_madd_epi16(pairs, ones));
            }
        }
        out
    }

    #[inline(always)]
    fn floats(self, sums: [__m256i; 2]) -> [__m256; 2] {
        [self.avx._mm256_cvtepi32_ps(sums[0]), self.avx._mm256_cvtepi32_ps(sums[1])]
    }

    #[inline(always)]
    fn halves(self, bits: &[u16; LANES]) -> [__m256; 2] {
        let mut floats = [0.0; LANES];
        for (float, bits) in floats.iter_mut().zip(bits) {
            *float = half_to_float(*bits);
        }
        pulp::cast(floats)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [__m256; 2] {
        [self.avx._mm256_set1_ps(value); 2]
    }

    #[inline(always)]
    fn multiply(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        [self.avx._mm256_mul_ps(a[0], b[0]), self.avx._mm256_mul_ps(a[1], b[1])]
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        [self.fma._mm256_fmadd_ps(a[0], b[0], c[0]), self.fma._mm256_fmadd_ps(a[1], b[1], c[1])]
    }

    #[inline(always)]
    fn store(self, floats: [__m256; 2]) -> [f32; LANES] {
        pulp::cast(floats)
    }
}
