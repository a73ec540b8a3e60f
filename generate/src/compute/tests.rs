//! Products and attention against plain double-precision ones, on every instruction set of the machine.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::blocks::Blocks;
use super::inputs::Inputs;
use super::integers::Instructions;
use super::product::Product;
use super::*;
use crate::weights::{Kind, Stored};

const QUANTISED: [Kind; 10] =
    [Kind::Q4_0, Kind::Q4_1, Kind::Q5_0, Kind::Q5_1, Kind::Q8_0, Kind::Q2K, Kind::Q3K, Kind::Q4K, Kind::Q5K, Kind::Q6K];

/// Any bit pattern is a weight; only the scales (16-bit floats) are kept to values that do not overflow.
fn random_stored(kind: Kind, outputs: usize, inputs: usize, random: &mut StdRng) -> Stored {
    let blocks = outputs * inputs / kind.block_elements();
    let halves = match kind {
        Kind::Q4_0 | Kind::Q5_0 | Kind::Q8_0 => vec![0],
        Kind::Q4_1 | Kind::Q5_1 | Kind::Q4K | Kind::Q5K => vec![0, 2],
        Kind::Q2K => vec![80, 82],
        Kind::Q3K => vec![108],
        _ => vec![208],
    };
    let mut bytes = Vec::new();
    for _ in 0..blocks {
        let mut block = (0..kind.block_bytes()).map(|_| random.random::<u8>()).collect::<Vec<_>>();
        for at in &halves {
            let scale = half::f16::from_f32(random.random_range(0.001..0.01));
            block[*at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
        bytes.extend(block);
    }
    Stored { kind, shape: vec![outputs, inputs], bytes }
}

fn noise(count: usize, random: &mut StdRng) -> Vec<f32> {
    (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Root of the mean square of the differences, relative to that of the reference.
fn off(values: &[f32], reference: &[f64]) -> f64 {
    assert_eq!(values.len(), reference.len());
    let square = values.iter().zip(reference).map(|(value, exact)| (f64::from(*value) - exact).powi(2)).sum::<f64>();
    (square / reference.iter().map(|exact| exact * exact).sum::<f64>()).sqrt()
}

fn reference(rows: &[f32], weights: &[f32], inputs: usize) -> Vec<f64> {
    let row = |row: &[f32]| {
        let outputs = weights.chunks(inputs);
        let dot = |weights: &[f32]| weights.iter().zip(row).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        outputs.map(dot).collect::<Vec<_>>()
    };
    rows.chunks(inputs).flat_map(row).collect()
}

#[test]
fn packed_weights_are_those_of_the_file() {
    let mut random = StdRng::seed_from_u64(1);
    for kind in QUANTISED {
        let stored = random_stored(kind, 21, 512, &mut random);
        let blocks = Blocks::pack(&stored, 21, 512).unwrap();
        let packed = (0..21).flat_map(|output| blocks.row(output)).collect::<Vec<_>>();
        let exact = stored.floats().iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        // Scales of scales are rounded to 16-bit floats.
        assert!(off(&packed, &exact) < 5e-4, "{kind:?}: {}", off(&packed, &exact));
    }
}

#[test]
fn products_of_every_kind_on_every_instruction_set() {
    let mut random = StdRng::seed_from_u64(2);
    for kind in QUANTISED {
        let (outputs, inputs) = (37, 768);
        let stored = random_stored(kind, outputs, inputs, &mut random);
        let blocks = Blocks::pack(&stored, outputs, inputs).unwrap();
        let rows = noise(23 * inputs, &mut random);
        let exact = reference(&rows, &stored.floats(), inputs);
        let quantised = Inputs::new(rows, inputs, true);
        let multiply = |instructions: Instructions| {
            let mut products = vec![0.0; 23 * outputs];
            Product { blocks: &blocks, tiles: &quantised.tiles, panels: 0..3, products: &mut products }
                .run(instructions);
            products
        };
        let best = multiply(Instructions::best());
        // Inputs of eight bits: half a step of 1/127 of the greatest, on average a third of that.
        assert!(off(&best, &exact) < 0.01, "{kind:?}: {}", off(&best, &exact));
        for instructions in Instructions::available() {
            assert_eq!(multiply(instructions), best, "{kind:?} {instructions:?}");
        }
    }
}

#[test]
fn floats_are_multiplied_as_the_file_has_them() {
    let mut random = StdRng::seed_from_u64(3);
    let (outputs, inputs) = (70, 50);
    let weights = noise(outputs * inputs, &mut random);
    let bytes = |kind| match kind {
        Kind::F32 => weights.iter().flat_map(|weight| weight.to_le_bytes()).collect::<Vec<_>>(),
        Kind::F16 => weights.iter().flat_map(|weight| half::f16::from_f32(*weight).to_le_bytes()).collect(),
        _ => weights.iter().flat_map(|weight| half::bf16::from_f32(*weight).to_le_bytes()).collect(),
    };
    for kind in [Kind::F32, Kind::F16, Kind::BF16] {
        let stored = Stored { kind, shape: vec![outputs, inputs], bytes: bytes(kind) };
        let matrix = Matrix::pack(&stored);
        let rows = noise(11 * inputs, &mut random);
        let exact = reference(&rows, &stored.floats(), inputs);
        assert!(off(&matrix.multiply(&Inputs::new(rows, inputs, false)), &exact) < 1e-6, "{kind:?}");
        assert_eq!(matrix.row(69), stored.floats()[69 * inputs..]);
    }
}

#[test]
fn a_row_s_products_do_not_depend_on_the_rows_beside_it_or_the_threads() {
    let mut random = StdRng::seed_from_u64(4);
    let team = Team::new(3).unwrap();
    for kind in [Kind::Q4_1, Kind::Q6K, Kind::Q8_0, Kind::F32] {
        let (outputs, inputs) = (300, 256);
        let matrix = if kind == Kind::F32 {
            Matrix::from_floats(&noise(outputs * inputs, &mut random), outputs, inputs)
        } else {
            Matrix::pack(&random_stored(kind, outputs, inputs, &mut random))
        };
        let rows = noise(30 * inputs, &mut random);
        let all = matrix.multiply(&Inputs::new(rows.clone(), inputs, matrix.takes_bytes()));
        for (start, count) in [(0, 30), (3, 1), (7, 13), (11, 2), (20, 7)] {
            let some = rows[start * inputs..(start + count) * inputs].to_vec();
            let some = Inputs::new(some, inputs, matrix.takes_bytes());
            let products = multiply_all(&team, &[&matrix, &matrix], &some);
            assert_eq!(products[0], all[start * outputs..(start + count) * outputs], "{kind:?} {start} {count}");
            assert_eq!(products[0], products[1]);
        }
    }
}

/// Softmax over what each row sees, in double precision.
fn attend(
    heads: Heads,
    keys: &[f32],
    values: &[f32],
    query: &[f32],
    head: usize,
    seen: std::ops::Range<usize>,
) -> Vec<f64> {
    let own = head / (heads.queries / heads.keys) * heads.size;
    let at =
        |rows: &[f32], token: usize, number: usize| f64::from(rows[token * heads.keys * heads.size + own + number]);
    let scores = seen.clone().map(|token| {
        let dot = (0..heads.size).map(|number| at(keys, token, number) * f64::from(query[head * heads.size + number]));
        (dot.sum::<f64>() / (heads.size as f64).sqrt()).exp()
    });
    let scores = scores.collect::<Vec<_>>();
    let total = scores.iter().sum::<f64>();
    let number =
        |number| seen.clone().zip(&scores).map(|(token, score)| score * at(values, token, number)).sum::<f64>();
    (0..heads.size).map(|index| number(index) / total).collect()
}

#[test]
fn attention_is_a_softmax_over_what_a_row_sees() {
    let mut random = StdRng::seed_from_u64(5);
    for (heads, window_tokens) in [
        (Heads { queries: 6, keys: 2, size: 40 }, None),
        (Heads { queries: 3, keys: 3, size: 64 }, Some(20)),
        (Heads { queries: 4, keys: 1, size: 8 }, Some(50)),
    ] {
        let (tokens, known) = (130, 61);
        let width = heads.keys * heads.size;
        // As the pages keep them.
        let halves =
            |values: Vec<f32>| values.iter().map(|value| half::f16::from_f32(*value).to_f32()).collect::<Vec<_>>();
        let keys = halves(noise(tokens * width, &mut random));
        let values = halves(noise(tokens * width, &mut random));
        let mut pages = vec![Page::new(heads); tokens.div_ceil(PAGE_TOKENS)];
        for token in 0..tokens {
            let row = token * width..(token + 1) * width;
            pages[token / PAGE_TOKENS].set(heads, token % PAGE_TOKENS, &keys[row.clone()], &values[row]);
        }
        let pages = pages.into_iter().map(Arc::new).collect::<Vec<_>>();
        let query_width = heads.queries * heads.size;
        let queries = noise((tokens - known) * query_width, &mut random);
        let work = |queries, position| Attention { heads, pages: &pages, queries, position, window_tokens };
        let all = work(&queries, known).attend(0..heads.keys);
        let mut exact = Vec::new();
        for (row, query) in queries.chunks(query_width).enumerate() {
            let end = known + row + 1;
            let start = window_tokens.map_or(0, |window| end.saturating_sub(window));
            exact.extend((0..heads.queries).flat_map(|head| attend(heads, &keys, &values, query, head, start..end)));
            // Alone, by itself, it is the same to the last bit.
            let alone = work(query, known + row).attend(0..heads.keys);
            assert_eq!(alone, all[row * query_width..(row + 1) * query_width], "{heads:?} {row}");
        }
        assert!(off(&all, &exact) < 1e-6, "{heads:?}: {}", off(&all, &exact));
    }
}
