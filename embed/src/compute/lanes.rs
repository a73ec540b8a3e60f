//! Reductions in a fixed order: sixteen running values, then halves onto halves. A compiler may not
//! reorder floating-point sums by itself; in this order they are vector code on every machine.

pub(super) const LANES: usize = 16;

/// One value out of sixteen.
#[inline(always)]
pub(super) fn reduce(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = combine(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

/// Sum of `term` over `values`.
#[inline(always)]
pub(super) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += term(*value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += term(*value);
    }
    reduce(lanes, |a, b| a + b)
}
