//! Kernels against straightforward loops in `f64`.

use pulp::{Arch, Scalar};

use super::activation::{exp2_of_negative, gelu};
use super::attention::{Attention, Scratch};
use super::linear::{Linear, Precision};
use super::matmul::{Finish, Matmul, Rows, RowsMut};
use super::norm::LayerNorm;
use super::panels::{Panels, WIDTH};

/// Numbers in [-1, 1), the same in every run.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Every instruction set that the kernels have code for and this machine can run.
fn instruction_sets() -> Vec<Arch> {
    let mut sets = vec![Arch::Scalar, Arch::new()];
    #[cfg(target_arch = "x86_64")]
    sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
    sets
}

#[test]
fn matmul_equals_the_plain_loop_at_every_edge() {
    for set in instruction_sets() {
        for (rows, depth, columns) in
            [(1, 1, 1), (5, 7, 33), (12, 8, 32), (13, 9, 64), (31, 40, 100), (3, 16, 5), (150, 3, 2)]
        {
            check_matmul(set, rows, depth, columns);
        }
    }
}

fn check_matmul(set: Arch, rows: usize, depth: usize, columns: usize) {
    let lhs = noise(rows * depth, 1);
    let weight = noise(columns * depth, 2);
    let panels = Panels::from_weight(&weight, columns, depth);
    let mut bias = noise(columns, 3);
    bias.resize(columns.div_ceil(WIDTH) * WIDTH, 0.0);
    let residual = noise(rows * columns, 4);
    for finish in [Finish::Store, Finish::Add] {
        let mut out = if finish == Finish::Add { residual.clone() } else { vec![f32::NAN; rows * columns] };
        set.dispatch(Matmul {
            rows: Rows { data: &lhs, stride: depth, count: rows },
            panels: &panels,
            bias: &bias,
            finish,
            out: RowsMut { data: &mut out, stride: columns },
        });
        for row in 0..rows {
            for column in 0..columns {
                let product = |k: usize| f64::from(lhs[row * depth + k]) * f64::from(weight[column * depth + k]);
                let mut expected = (0..depth).map(product).sum::<f64>() + f64::from(bias[column]);
                if finish == Finish::Add {
                    expected += f64::from(residual[row * columns + column]);
                }
                let found = f64::from(out[row * columns + column]);
                assert!(
                    (found - expected).abs() < 1e-5,
                    "({row}, {column}) of {rows}×{depth}×{columns}, {finish:?}, with {set:?}"
                );
            }
        }
    }
}

#[test]
fn halves_are_the_products_of_what_was_rounded() {
    let rounded = |values: &[f32]| values.iter().map(|value| half::bf16::from_f32(*value).to_f32()).collect::<Vec<_>>();
    for (rows, depth, columns) in [(1, 1, 1), (5, 7, 33), (12, 8, 32), (13, 9, 64), (31, 40, 100), (150, 384, 96)] {
        let (lhs, weight) = (noise(rows * depth, 1), noise(columns * depth, 2));
        let multiply = |lhs: &[f32], weight: &[f32], precision| {
            let mut out = noise(rows * columns, 4);
            Linear::new(weight, noise(columns, 3), depth, precision).apply(lhs, Finish::Add, &mut out);
            out
        };
        let expected = multiply(&rounded(&lhs), &rounded(&weight), Precision::Full);
        let found = multiply(&lhs, &weight, Precision::Fast);
        // Where there is no code for them, nothing was rounded.
        let full = multiply(&lhs, &weight, Precision::Full);
        for ((found, expected), full) in found.iter().zip(expected).zip(full) {
            let off = (found - expected).abs().min((found - full).abs());
            assert!(off < 3e-5, "{rows}×{depth}×{columns}: {found} instead of {expected}");
        }
    }
}

#[test]
fn a_row_gives_the_same_bits_wherever_it_stands() {
    let (depth, columns) = (24, 48);
    let panels = Panels::from_weight(&noise(columns * depth, 2), columns, depth);
    let row = noise(depth, 5);
    let multiply = |rows: &[f32], count: usize| {
        let mut out = vec![0.0; count * columns];
        Arch::new().dispatch(Matmul {
            rows: Rows { data: rows, stride: depth, count },
            panels: &panels,
            bias: &[],
            finish: Finish::Gelu,
            out: RowsMut { data: &mut out, stride: columns },
        });
        out
    };
    let fast = Linear::new(&noise(columns * depth, 2), vec![0.0; columns], depth, Precision::Fast);
    let multiply_fast = |rows: &[f32], count: usize| {
        let mut out = vec![0.0; count * columns];
        fast.apply(rows, Finish::Gelu, &mut out);
        out
    };
    let (alone, alone_fast) = (multiply(&row, 1), multiply_fast(&row, 1));
    for count in [4, 12, 17] {
        let many = multiply(&row.repeat(count), count);
        assert!(many.chunks_exact(columns).all(|found| found == alone), "among {count}");
        let many = multiply_fast(&row.repeat(count), count);
        assert!(many.chunks_exact(columns).all(|found| found == alone_fast), "among {count}");
    }
}

#[test]
fn gelu_is_exact_to_single_precision() {
    for step in -8000..=8000 {
        let x = f64::from(step) / 1000.0;
        let expected = 0.5 * x * (1.0 + erf_series(x * std::f64::consts::FRAC_1_SQRT_2));
        let found = f64::from(gelu(Scalar, x as f32));
        assert!((found - expected).abs() < 1.5e-6_f64.max(x.abs() * 4e-7), "gelu({x}) = {found}, not {expected}");
    }
}

/// Maclaurin series; converges for the tested range in `f64` up to |x| ≈ 4, where erf is ±1 to 1e-8.
fn erf_series(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn powers_of_two_are_exact_to_single_precision() {
    for step in 0..=125_000 {
        let x = -(step as f32) / 1000.0;
        let expected = f64::from(x).exp2();
        let error = (f64::from(exp2_of_negative(Scalar, x)) - expected).abs() / expected;
        assert!(error < 2e-7, "2^{x} is off by {error}");
    }
    assert!(exp2_of_negative(Scalar, f32::NEG_INFINITY) < 1e-37);
}

#[test]
fn layer_norm_normalises_each_row() {
    let width = 37;
    let norm = LayerNorm { weight: noise(width, 1), bias: noise(width, 2), epsilon: 1e-12 };
    let values = noise(2 * width, 3);
    let mut found = values.clone();
    norm.apply(&mut found);
    for (row, found) in values.chunks_exact(width).zip(found.chunks_exact(width)) {
        let row = row.iter().copied().map(f64::from).collect::<Vec<_>>();
        let mean = row.iter().sum::<f64>() / width as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        for i in 0..width {
            let expected = (row[i] - mean) / variance.sqrt() * f64::from(norm.weight[i]) + f64::from(norm.bias[i]);
            assert!((f64::from(found[i]) - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn attention_stays_within_its_sequence() {
    for set in instruction_sets() {
        check_attention(set);
    }
}

fn check_attention(set: Arch) {
    let (size, stride) = (6, 15);
    // As a part of a longer batch.
    let sequences = [40..43, 43..44, 44..64, 64..124];
    let qkv = noise(84 * 3 * size, 7);
    let mut out = vec![f32::NAN; 84 * stride];
    let mut scratch = Scratch::default();
    let head = RowsMut { data: &mut out[4..], stride };
    set.dispatch(Attention { qkv: &qkv, size, sequences: &sequences, out: head, scratch: &mut scratch });
    let at = |token: usize, part: usize, column: usize| f64::from(qkv[((token - 40) * 3 + part) * size + column]);
    for sequence in &sequences {
        for token in sequence.clone() {
            let weight = |other: usize| {
                let score = (0..size).map(|c| at(token, 0, c) * at(other, 1, c)).sum::<f64>();
                (score / (size as f64).sqrt()).exp()
            };
            let total = sequence.clone().map(weight).sum::<f64>();
            for column in 0..size {
                let sum = sequence.clone().map(|other| weight(other) * at(other, 2, column)).sum::<f64>();
                let found = f64::from(out[(token - 40) * stride + 4 + column]);
                assert!((found - sum / total).abs() < 1e-5, "token {token}, column {column} with {set:?}");
            }
        }
    }
    assert!(out.chunks(stride).all(|row| row[..4].iter().chain(&row[4 + size..]).all(|other| other.is_nan())));
}
