//! One block of each ggml format becomes floats. Source of the layouts and of the order of operations:
//! <https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c>

use half::f16;

/// The half-precision number at byte `at`.
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Low halves of the bytes, then high halves.
fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().map(|byte| byte & 15).chain(bytes.iter().map(|byte| byte >> 4))
}

pub(super) fn q4_0(block: &[u8], floats: &mut Vec<f32>) {
    let scale = half(block, 0);
    floats.extend(nibbles(&block[2..]).map(|value| (f32::from(value) - 8.0) * scale));
}

pub(super) fn q4_1(block: &[u8], floats: &mut Vec<f32>) {
    let (scale, least) = (half(block, 0), half(block, 2));
    floats.extend(nibbles(&block[4..]).map(|value| f32::from(value) * scale + least));
}

/// Four low bits each from `low`, the fifth from 32 bits.
fn five_bits(high: &[u8], low: &[u8]) -> impl Iterator<Item = u8> {
    let high = high.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    nibbles(low).enumerate().map(move |(index, value)| value | ((high >> index & 1) as u8) << 4)
}

pub(super) fn q5_0(block: &[u8], floats: &mut Vec<f32>) {
    let scale = half(block, 0);
    floats.extend(five_bits(&block[2..6], &block[6..]).map(|value| (f32::from(value) - 16.0) * scale));
}

pub(super) fn q5_1(block: &[u8], floats: &mut Vec<f32>) {
    let (scale, least) = (half(block, 0), half(block, 2));
    floats.extend(five_bits(&block[4..8], &block[8..]).map(|value| f32::from(value) * scale + least));
}

pub(super) fn q8_0(block: &[u8], floats: &mut Vec<f32>) {
    let scale = half(block, 0);
    floats.extend(block[2..].iter().map(|value| f32::from(value.cast_signed()) * scale));
}

/// Bits `2 × (index / 32 mod 4)` of 64 bytes: the order in which 2-bit values of 256 are packed.
fn two_bits(bytes: &[u8], index: usize) -> u8 {
    bytes[index / 128 * 32 + index % 32] >> (index / 32 % 4 * 2) & 3
}

pub(super) fn q2_k(block: &[u8], floats: &mut Vec<f32>) {
    let (scales, values) = (&block[..16], &block[16..80]);
    let (scale, least) = (half(block, 80), half(block, 82));
    floats.extend((0..256).map(|index| {
        let group = scales[index / 16];
        scale * f32::from(group & 15) * f32::from(two_bits(values, index)) - least * f32::from(group >> 4)
    }));
}

pub(super) fn q3_k(block: &[u8], floats: &mut Vec<f32>) {
    let (high, values, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let scale = half(block, 108);
    let group = |index: usize| {
        let low = if index < 8 { scales[index] & 15 } else { scales[index - 8] >> 4 };
        let high = scales[8 + index % 4] >> (index / 4 * 2) & 3;
        f32::from(low | high << 4) - 32.0
    };
    floats.extend((0..256).map(|index| {
        let is_high = high[index % 32] >> (index / 32) & 1 == 1;
        let value = f32::from(two_bits(values, index)) - if is_high { 0.0 } else { 4.0 };
        scale * group(index / 16) * value
    }));
}

/// Scale and minimum, 6 bits each, of group `index` of eight.
fn scale_and_least(packed: &[u8], index: usize) -> (f32, f32) {
    let (scale, least) = if index < 4 {
        (packed[index] & 63, packed[index + 4] & 63)
    } else {
        let (low, first, second) = (packed[index + 4], packed[index - 4], packed[index]);
        (low & 15 | first >> 6 << 4, low >> 4 | second >> 6 << 4)
    };
    (f32::from(scale), f32::from(least))
}

pub(super) fn q4_k(block: &[u8], floats: &mut Vec<f32>) {
    let (scale, least) = (half(block, 0), half(block, 2));
    let (packed, values) = (&block[4..16], &block[16..]);
    for (pair, values) in values.chunks_exact(32).enumerate() {
        for (index, value) in nibbles(values).enumerate() {
            let (own_scale, own_least) = scale_and_least(packed, 2 * pair + index / 32);
            floats.push(scale * own_scale * f32::from(value) - least * own_least);
        }
    }
}

pub(super) fn q5_k(block: &[u8], floats: &mut Vec<f32>) {
    let (scale, least) = (half(block, 0), half(block, 2));
    let (packed, high, values) = (&block[4..16], &block[16..48], &block[48..]);
    for (pair, values) in values.chunks_exact(32).enumerate() {
        for (index, value) in nibbles(values).enumerate() {
            let group = 2 * pair + index / 32;
            let (own_scale, own_least) = scale_and_least(packed, group);
            let value = value | (high[index % 32] >> group & 1) << 4;
            floats.push(scale * own_scale * f32::from(value) - least * own_least);
        }
    }
}

pub(super) fn q6_k(block: &[u8], floats: &mut Vec<f32>) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half(block, 208);
    floats.extend((0..256).map(|index| {
        // Within 128 values: 64 low nibbles, then the high nibbles of the same bytes.
        let byte = low[index / 128 * 64 + index % 64];
        let nibble = if index % 128 < 64 { byte & 15 } else { byte >> 4 };
        let value = nibble | two_bits(high, index) << 4;
        scale * f32::from(scales[index / 16].cast_signed()) * (f32::from(value) - 32.0)
    }));
}
