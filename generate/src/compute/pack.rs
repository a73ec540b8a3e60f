//! Rows of the quantised formats of GGUF files become numbers, scales and least values.
//! Formats: <https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c> (`dequantize_row_*`).

use half::f16;

use crate::weights::Kind;

/// Weights of a superblock, which has scales of scales.
const SUPERBLOCK: usize = 256;

pub(super) struct Layout {
    /// Inputs that share a scale.
    pub(super) block: usize,
    /// The largest number.
    pub(super) most: u8,
    /// The number that stands for zero, where one does in all blocks.
    pub(super) zero: Option<i32>,
}

/// None for floats.
pub(super) fn layout(kind: Kind) -> Option<Layout> {
    let (block, most, zero) = match kind {
        Kind::F32 | Kind::F16 | Kind::BF16 => return None,
        Kind::Q4_0 => (32, 15, Some(8)),
        Kind::Q4_1 | Kind::Q4K => (32, 15, None),
        Kind::Q5_0 => (32, 31, Some(16)),
        Kind::Q5_1 | Kind::Q5K => (32, 31, None),
        Kind::Q8_0 => (32, 255, Some(128)),
        Kind::Q2K => (16, 3, None),
        Kind::Q3K => (16, 7, Some(4)),
        Kind::Q6K => (16, 63, Some(32)),
    };
    Some(Layout { block, most, zero })
}

/// One output's weights.
pub(super) struct Row {
    pub(super) numbers: Vec<u8>,
    pub(super) scales: Vec<f32>,
    /// Zero where the layout has a zero.
    pub(super) least: Vec<f32>,
}

impl Row {
    pub(super) fn new(inputs: usize, blocks: usize) -> Self {
        Self { numbers: vec![0; inputs], scales: vec![0.0; blocks], least: vec![0.0; blocks] }
    }
}

/// `bytes` hold exactly the row's blocks.
pub(super) fn unpack(kind: Kind, bytes: &[u8], row: &mut Row) {
    match kind {
        Kind::Q4_0 => small::<18>(bytes, row, |block, scale, _, numbers| {
            *scale = half_at(block, 0);
            halves(&block[2..], numbers);
        }),
        Kind::Q4_1 => small::<20>(bytes, row, |block, scale, least, numbers| {
            (*scale, *least) = (half_at(block, 0), half_at(block, 2));
            halves(&block[4..], numbers);
        }),
        Kind::Q5_0 => small::<22>(bytes, row, |block, scale, _, numbers| {
            *scale = half_at(block, 0);
            halves(&block[6..], numbers);
            fifth_bits(&block[2..6], numbers);
        }),
        Kind::Q5_1 => small::<24>(bytes, row, |block, scale, least, numbers| {
            (*scale, *least) = (half_at(block, 0), half_at(block, 2));
            halves(&block[8..], numbers);
            fifth_bits(&block[4..8], numbers);
        }),
        Kind::Q8_0 => small::<34>(bytes, row, |block, scale, _, numbers| {
            *scale = half_at(block, 0);
            for (number, byte) in numbers.iter_mut().zip(&block[2..]) {
                *number = byte ^ 0x80;
            }
        }),
        Kind::Q2K => large::<84, 16>(bytes, row, two_bits),
        Kind::Q3K => large::<110, 16>(bytes, row, three_bits),
        Kind::Q4K => large::<144, 8>(bytes, row, |block, scales, least, numbers| {
            scales_and_least(block, scales, least);
            nibbles_by_64(&block[16..], numbers);
        }),
        Kind::Q5K => large::<176, 8>(bytes, row, |block, scales, least, numbers| {
            scales_and_least(block, scales, least);
            nibbles_by_64(&block[48..], numbers);
            for (at, number) in numbers.iter_mut().enumerate() {
                *number |= (block[16 + at % 32] >> (at / 32) & 1) << 4;
            }
        }),
        Kind::Q6K => large::<210, 16>(bytes, row, six_bits),
        Kind::F32 | Kind::F16 | Kind::BF16 => {}
    }
}

/// Blocks of 32.
fn small<const BYTES: usize>(
    bytes: &[u8],
    row: &mut Row,
    unpack: impl Fn(&[u8; BYTES], &mut f32, &mut f32, &mut [u8; 32]),
) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter().zip(row.numbers.as_chunks_mut::<32>().0);
    for (((block, numbers), scale), least) in blocks.zip(&mut row.scales).zip(&mut row.least) {
        unpack(block, scale, least, numbers);
    }
}

/// Superblocks with `PARTS` blocks of their own.
fn large<const BYTES: usize, const PARTS: usize>(
    bytes: &[u8],
    row: &mut Row,
    unpack: impl Fn(&[u8; BYTES], &mut [f32; PARTS], &mut [f32; PARTS], &mut [u8; SUPERBLOCK]),
) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter().zip(row.numbers.as_chunks_mut::<SUPERBLOCK>().0);
    let scales = row.scales.as_chunks_mut::<PARTS>().0;
    for (((block, numbers), scales), least) in blocks.zip(scales).zip(row.least.as_chunks_mut::<PARTS>().0) {
        unpack(block, scales, least, numbers);
    }
}

fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// The first half of the numbers in the lower bits, the second in the upper ones.
fn halves(bytes: &[u8], numbers: &mut [u8; 32]) {
    let (first, second) = numbers.split_at_mut(16);
    for ((byte, first), second) in bytes.iter().zip(first).zip(second) {
        (*first, *second) = (byte & 15, byte >> 4);
    }
}

fn fifth_bits(bytes: &[u8], numbers: &mut [u8; 32]) {
    for (at, number) in numbers.iter_mut().enumerate() {
        *number |= (bytes[at / 8] >> (at % 8) & 1) << 4;
    }
}

/// Four times 32 bytes: the lower bits are 32 numbers, the upper ones the next 32.
fn nibbles_by_64(bytes: &[u8], numbers: &mut [u8; SUPERBLOCK]) {
    for (bytes, numbers) in bytes.as_chunks::<32>().0.iter().zip(numbers.as_chunks_mut::<64>().0) {
        let (first, second) = numbers.split_at_mut(32);
        for ((byte, first), second) in bytes.iter().zip(first).zip(second) {
            (*first, *second) = (byte & 15, byte >> 4);
        }
    }
}

/// `Q4_K`, `Q5_K`: eight pairs of six bits in twelve bytes, after the two scales of scales.
fn scales_and_least(block: &[u8], scales: &mut [f32; 8], least: &mut [f32; 8]) {
    let (of_scales, of_least, packed) = (half_at(block, 0), half_at(block, 2), &block[4..16]);
    for part in 0..8 {
        let (scale, low) = if part < 4 {
            (packed[part] & 63, packed[part + 4] & 63)
        } else {
            let scale = packed[part + 4] & 15 | packed[part - 4] >> 6 << 4;
            (scale, packed[part + 4] >> 4 | packed[part] >> 6 << 4)
        };
        scales[part] = of_scales * f32::from(scale);
        least[part] = -of_least * f32::from(low);
    }
}

/// `Q2_K`: 16 pairs of four bits, 64 bytes of numbers, the two scales of scales.
fn two_bits(block: &[u8; 84], scales: &mut [f32; 16], least: &mut [f32; 16], numbers: &mut [u8; SUPERBLOCK]) {
    let (of_scales, of_least) = (half_at(block, 80), half_at(block, 82));
    for ((scale, least), packed) in scales.iter_mut().zip(least).zip(block) {
        *scale = of_scales * f32::from(packed & 15);
        *least = -of_least * f32::from(packed >> 4);
    }
    pairs_of_bits(&block[16..80], numbers);
}

/// Twice 32 bytes: each pair of bits of all 32 in turn.
fn pairs_of_bits(bytes: &[u8], numbers: &mut [u8; SUPERBLOCK]) {
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = bytes[at / 128 * 32 + at % 32] >> (at % 128 / 32 * 2) & 3;
    }
}

/// `Q3_K`: 32 bytes of third bits, 64 of lower ones, 16 scales of six bits in twelve bytes, their scale.
fn three_bits(block: &[u8; 110], scales: &mut [f32; 16], _: &mut [f32; 16], numbers: &mut [u8; SUPERBLOCK]) {
    pairs_of_bits(&block[32..96], numbers);
    for (at, number) in numbers.iter_mut().enumerate() {
        *number |= (block[at % 32] >> (at / 32) & 1) << 2;
    }
    let packed = &block[96..108];
    for (part, scale) in scales.iter_mut().enumerate() {
        let low = if part < 8 { packed[part] & 15 } else { packed[part - 8] >> 4 };
        let high = packed[8 + part % 4] >> (part / 4 * 2) & 3;
        *scale = half_at(block, 108) * (f32::from(low | high << 4) - 32.0);
    }
}

/// `Q6_K`: 128 bytes of four bits, 64 of two, 16 signed scales, their scale.
fn six_bits(block: &[u8; 210], scales: &mut [f32; 16], _: &mut [f32; 16], numbers: &mut [u8; SUPERBLOCK]) {
    for (at, number) in numbers.iter_mut().enumerate() {
        let (half, within) = (at / 128, at % 128);
        let low = block[half * 64 + within % 64] >> (within / 64 * 4) & 15;
        let high = block[128 + half * 32 + within % 32] >> (within / 32 * 2) & 3;
        *number = low | high << 4;
    }
    for (scale, byte) in scales.iter_mut().zip(&block[192..208]) {
        *scale = half_at(block, 208) * f32::from(byte.cast_signed());
    }
}
