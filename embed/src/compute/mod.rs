//! Kernels of the encoder: `f32` in, `f32` out, one thread each. The instruction set (AVX-512, AVX2,
//! NEON, plain) is chosen at run time by `pulp`; a result does not depend on what else is in the batch.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod panels;

#[cfg(test)]
pub(crate) mod tests;
