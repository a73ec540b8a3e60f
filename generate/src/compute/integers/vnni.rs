//! AVX-512 with VNNI: four products of bytes per lane and instruction.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{__m256i, __m512, __m512i, _mm512_dpbusd_epi32};

use super::{Integers, LANES, Weights};

pulp::simd_type! {
    pub(super) struct Vnni {
        pub sse: "sse",
        pub sse2: "sse2",
        pub avx: "avx",
        pub avx2: "avx2",
        pub fma: "fma",
        pub avx512f: "avx512f",
        pub avx512bw: "avx512bw",
        pub avx512cd: "avx512cd",
        pub avx512dq: "avx512dq",
        pub avx512vl: "avx512vl",
        pub avx512vnni: "avx512vnni",
    }
}

impl Integers for Vnni {
    type Weights = __m512i;
    type Sums = __m512i;
    type Floats = __m512;

    #[inline(always)]
    fn load(self, weights: &Weights) -> __m512i {
        pulp::cast(*weights)
    }

    #[inline(always)]
    fn low(self, weights: __m512i) -> __m512i {
        self.avx512f._mm512_and_si512(weights, self.avx512f._mm512_set1_epi32(0x0f0f_0f0f))
    }

    #[inline(always)]
    fn high(self, weights: __m512i) -> __m512i {
        self.low(self.avx512bw._mm512_srli_epi16::<4>(weights))
    }

    #[inline(always)]
    fn same(self, value: i32) -> __m512i {
        self.avx512f._mm512_set1_epi32(value)
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the one instruction that pulp does not wrap")]
    fn dot<const FULL: bool>(self, sums: __m512i, weights: __m512i, group: i32) -> __m512i {
        let group = self.same(group);
        // SAFETY: `self` exists only where the machine has AVX512F and AVX512_VNNI; no memory is touched.
        unsafe { _mm512_dpbusd_epi32(sums, weights, group) }
    }

    #[inline(always)]
    fn floats(self, sums: __m512i) -> __m512 {
        self.avx512f._mm512_cvtepi32_ps(sums)
    }

    #[inline(always)]
    fn halves(self, bits: &[u16; LANES]) -> __m512 {
        let bits: __m256i = pulp::cast(*bits);
        self.avx512f._mm512_cvtph_ps(bits)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        self.avx512f._mm512_set1_ps(value)
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        self.avx512f._mm512_mul_ps(a, b)
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        self.avx512f._mm512_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    fn store(self, floats: __m512) -> [f32; LANES] {
        pulp::cast(floats)
    }
}
