//! Kernels of a decoder on the CPU, without knowledge of models: products of quantised and plain weights,
//! attention over pages, and threads that share them. The instruction set is chosen at run time.
//!
//! Every kernel gives a row the same result, to the last bit, whatever rows are computed with it: what a
//! model writes does not depend on who else is being answered, and a replayed record gives the same tokens.

mod attention;
mod blocks;
mod elementwise;
mod float_panels;
mod floats;
mod inputs;
mod integers;
mod matrix;
mod pack;
mod pages;
mod product;
mod rotary;
mod team;
#[cfg(test)]
mod tests;

pub(crate) use self::attention::Attention;
pub(crate) use self::elementwise::{add, add_bias, gated, rms_norm};
pub(crate) use self::inputs::Inputs;
pub(crate) use self::matrix::{Matrix, multiply_all};
pub(crate) use self::pages::{Heads, PAGE_TOKENS, Page};
pub(crate) use self::rotary::Rotations;
pub(crate) use self::team::Team;
