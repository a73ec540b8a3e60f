//! Kernels of the encoder: `f32` in, `f32` out, one thread each. The instruction set (AVX-512, AVX2,
//! NEON, plain) is chosen at run time by `pulp`; a result does not depend on what else is in the batch.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

pub(crate) mod activation;
pub(crate) mod attention;
#[cfg(target_arch = "x86_64")]
mod halves;
mod lanes;
pub(crate) mod layer;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod panels;

#[cfg(test)]
pub(crate) mod tests;
