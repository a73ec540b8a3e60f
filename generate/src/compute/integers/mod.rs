//! What the product of bytes needs of an instruction set, sixteen outputs at a time.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

mod avx2;
mod plain;
mod vnni;

use std::sync::OnceLock;

use pulp::NullaryFnOnce;

pub(in crate::compute) use self::plain::half_to_float;

/// Outputs at a time.
pub(super) const LANES: usize = 16;

/// Weights of [`LANES`] outputs, four consecutive inputs of each.
pub(super) type Weights = [u8; 4 * LANES];

/// One instruction set; a value of it is the proof that the machine has it.
pub(super) trait Integers: Copy {
    type Weights: Copy;
    type Sums: Copy;
    type Floats: Copy;

    fn load(self, weights: &Weights) -> Self::Weights;
    /// Lower four bits of every byte.
    fn low(self, weights: Self::Weights) -> Self::Weights;
    /// Upper four bits of every byte.
    fn high(self, weights: Self::Weights) -> Self::Weights;
    fn same(self, value: i32) -> Self::Sums;
    /// Adds each output's four weights times the four signed bytes of `group`, exactly. `FULL`: weights above
    /// 127 occur.
    fn dot<const FULL: bool>(self, sums: Self::Sums, weights: Self::Weights, group: i32) -> Self::Sums;
    fn floats(self, sums: Self::Sums) -> Self::Floats;
    /// 16-bit floats (IEEE 754 binary16).
    fn halves(self, bits: &[u16; LANES]) -> Self::Floats;
    fn splat(self, value: f32) -> Self::Floats;
    fn multiply(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b + c`, rounded once.
    fn multiply_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    fn store(self, floats: Self::Floats) -> [f32; LANES];
}

/// Work that is compiled for every instruction set.
pub(super) trait WithIntegers {
    fn run<I: Integers>(self, integers: I);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

impl Instructions {
    /// The fastest that the machine has.
    pub(super) fn best() -> Self {
        static BEST: OnceLock<Instructions> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self::Plain))
    }

    /// All that the machine has, the fastest first.
    pub(super) fn available() -> Vec<Self> {
        let mut available = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            available.extend(vnni::Vnni::try_new().map(|_| Self::Vnni));
            available.extend(pulp::x86::V3::try_new().map(|_| Self::Avx2));
        }
        available.push(Self::Plain);
        available
    }

    /// Falls back to [`Plain`](Self::Plain) where the machine lacks them.
    pub(super) fn run<W: WithIntegers>(self, work: W) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => {
                if let Some(integers) = vnni::Vnni::try_new() {
                    return integers.vectorize(Run { integers, work });
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                if let Some(integers) = pulp::x86::V3::try_new() {
                    return integers.vectorize(Run { integers, work });
                }
            }
            Self::Plain => {}
        }
        pulp::Arch::new().dispatch(Run { integers: plain::Plain, work });
    }
}

struct Run<I, W> {
    integers: I,
    work: W,
}

impl<I: Integers, W: WithIntegers> NullaryFnOnce for Run<I, W> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.work.run(self.integers);
    }
}
