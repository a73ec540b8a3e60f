//! Kernels against straightforward loops in `f64`.

use pulp::{Arch, Scalar};

use super::activation::{Activation, exp_of_negative, gelu};
use super::attention::Attention;
use super::matmul::{Matmul, Rows, RowsMut};
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
    let mut out = vec![f32::NAN; rows * columns];
    set.dispatch(Matmul {
        rows: Rows { data: &lhs, stride: depth, count: rows },
        panels: &panels,
        bias: &bias,
        activation: Activation::None,
        out: RowsMut { data: &mut out, stride: columns },
    });
    for row in 0..rows {
        for column in 0..columns {
            let products = (0..depth).map(|k| f64::from(lhs[row * depth + k]) * f64::from(weight[column * depth + k]));
            let expected = products.sum::<f64>() + f64::from(bias[column]);
            let found = f64::from(out[row * columns + column]);
            assert!((found - expected).abs() < 1e-5, "({row}, {column}) of {rows}×{depth}×{columns} with {set:?}");
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
            activation: Activation::Gelu,
            out: RowsMut { data: &mut out, stride: columns },
        });
        out
    };
    let alone = multiply(&row, 1);
    for count in [4, 12, 17] {
        let many = multiply(&row.repeat(count), count);
        assert!(many.chunks_exact(columns).all(|found| found == alone), "among {count}");
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
fn exp_is_exact_to_single_precision() {
    for step in 0..=86_000 {
        let x = -(step as f32) / 1000.0;
        let expected = f64::from(x).exp();
        let error = (f64::from(exp_of_negative(x)) - expected).abs() / expected;
        assert!(error < 3e-7, "exp({x}) is off by {error}");
    }
    assert!(exp_of_negative(f32::MIN) < 1e-37);
}

#[test]
fn layer_norm_adds_the_residual_and_normalises() {
    let width = 37;
    let norm = LayerNorm { weight: noise(width, 1), bias: noise(width, 2), epsilon: 1e-12 };
    let (values, residual) = (noise(2 * width, 3), noise(2 * width, 4));
    let mut found = values.clone();
    norm.apply(&mut found, &residual);
    for row in 0..2 {
        let sums = (0..width)
            .map(|i| f64::from(values[row * width + i]) + f64::from(residual[row * width + i]))
            .collect::<Vec<_>>();
        let mean = sums.iter().sum::<f64>() / width as f64;
        let variance = sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        for i in 0..width {
            let expected = (sums[i] - mean) / variance.sqrt() * f64::from(norm.weight[i]) + f64::from(norm.bias[i]);
            assert!((f64::from(found[row * width + i]) - expected).abs() < 1e-5);
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
    let (heads, hidden) = (2, 12);
    let sequences = [0..3, 3..4, 4..24];
    let qkv = noise(24 * 3 * hidden, 7);
    let mut out = vec![f32::NAN; 24 * hidden];
    set.dispatch(Attention { qkv: &qkv, heads, hidden, sequences: &sequences, out: &mut out });
    let size = hidden / heads;
    let at = |token: usize, part: usize, column: usize| f64::from(qkv[token * 3 * hidden + part * hidden + column]);
    for sequence in &sequences {
        for token in sequence.clone() {
            for column in 0..hidden {
                let base = column / size * size;
                let weights = sequence
                    .clone()
                    .map(|other| {
                        let score = (base..base + size).map(|c| at(token, 0, c) * at(other, 1, c)).sum::<f64>();
                        (score / (size as f64).sqrt()).exp()
                    })
                    .collect::<Vec<_>>();
                let total = weights.iter().sum::<f64>();
                let expected =
                    sequence.clone().zip(&weights).map(|(other, w)| w / total * at(other, 2, column)).sum::<f64>();
                let found = f64::from(out[token * hidden + column]);
                assert!((found - expected).abs() < 1e-5, "token {token}, column {column}");
            }
        }
    }
}
