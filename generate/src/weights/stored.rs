//! A tensor as its file stores it: in floats, or in blocks of fewer bits (ggml's formats).

use super::blocks;

/// How the numbers of a tensor are stored. Layouts: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

/// For messages.
pub(super) const READABLE: &str =
    "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K can be read";

impl Kind {
    /// By ggml's number.
    pub(super) fn of_ggml(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::BF16,
            _ => return None,
        })
    }

    /// By the name in a safetensors header.
    pub(super) fn of_safetensors(name: &str) -> Option<Self> {
        match name {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::BF16),
            _ => None,
        }
    }

    pub(crate) fn block_elements(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a tensor; none where a row does not fill its blocks, or where the number overflows.
    pub(super) fn bytes(self, shape: &[usize]) -> Option<u64> {
        let elements = shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size as u64))?;
        let row = shape.last().copied().unwrap_or(1);
        let blocks = elements / self.block_elements() as u64;
        row.is_multiple_of(self.block_elements()).then_some(blocks)?.checked_mul(self.block_bytes() as u64)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) kind: Kind,
    /// Outermost first.
    pub(crate) shape: Vec<usize>,
    /// Whole blocks, rows one after the other.
    pub(crate) bytes: Vec<u8>,
}

impl Stored {
    /// The numbers that the blocks stand for, computed as ggml computes them.
    pub(crate) fn floats(&self) -> Vec<f32> {
        let blocks = self.bytes.chunks_exact(self.kind.block_bytes());
        let mut floats = Vec::with_capacity(blocks.len() * self.kind.block_elements());
        for block in blocks {
            match self.kind {
                Kind::F32 => floats.extend(block.first_chunk().map(|bytes| f32::from_le_bytes(*bytes))),
                Kind::F16 => floats.push(blocks::half(block, 0)),
                Kind::BF16 => {
                    floats.extend(block.first_chunk().map(|[low, high]| f32::from_le_bytes([0, 0, *low, *high])));
                }
                Kind::Q4_0 => blocks::q4_0(block, &mut floats),
                Kind::Q4_1 => blocks::q4_1(block, &mut floats),
                Kind::Q5_0 => blocks::q5_0(block, &mut floats),
                Kind::Q5_1 => blocks::q5_1(block, &mut floats),
                Kind::Q8_0 => blocks::q8_0(block, &mut floats),
                Kind::Q2K => blocks::q2_k(block, &mut floats),
                Kind::Q3K => blocks::q3_k(block, &mut floats),
                Kind::Q4K => blocks::q4_k(block, &mut floats),
                Kind::Q5K => blocks::q5_k(block, &mut floats),
                Kind::Q6K => blocks::q6_k(block, &mut floats),
            }
        }
        floats
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use candle_core::quantized::{GgmlDType, QStorage, QTensor};
    use candle_core::{Device, Tensor};
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    const KINDS: [(Kind, GgmlDType); 13] = [
        (Kind::F32, GgmlDType::F32),
        (Kind::F16, GgmlDType::F16),
        (Kind::BF16, GgmlDType::BF16),
        (Kind::Q4_0, GgmlDType::Q4_0),
        (Kind::Q4_1, GgmlDType::Q4_1),
        (Kind::Q5_0, GgmlDType::Q5_0),
        (Kind::Q5_1, GgmlDType::Q5_1),
        (Kind::Q8_0, GgmlDType::Q8_0),
        (Kind::Q2K, GgmlDType::Q2K),
        (Kind::Q3K, GgmlDType::Q3K),
        (Kind::Q4K, GgmlDType::Q4K),
        (Kind::Q5K, GgmlDType::Q5K),
        (Kind::Q6K, GgmlDType::Q6K),
    ];

    #[test]
    fn every_kind_is_what_another_reader_makes_of_it() {
        let mut random = rand::rngs::StdRng::seed_from_u64(5);
        // Twice one magnitude, then another: blocks differ in their scales.
        let values = (0..2048).map(|index| random.random_range(-1.0..1.0) * if index < 1024 { 0.05 } else { 3.0 });
        let tensor = Tensor::from_vec(values.collect::<Vec<f32>>(), (4, 512), &Device::Cpu).expect("a tensor");
        for (kind, theirs) in KINDS {
            assert_eq!(
                (kind.block_elements(), kind.block_bytes()),
                (theirs.block_size(), theirs.type_size()),
                "{kind:?}"
            );
            let quantised = QTensor::quantize(&tensor, theirs).expect("quantises");
            let bytes = quantised.data().expect("bytes").into_owned();
            assert_eq!(kind.bytes(&[4, 512]), Some(bytes.len() as u64), "{kind:?}");
            let stored = Stored { kind, shape: vec![4, 512], bytes };
            let expected = quantised.dequantize(&Device::Cpu).and_then(|floats| floats.flatten_all()?.to_vec1::<f32>());
            assert_eq!(stored.floats(), expected.expect("floats"), "{kind:?}");
        }
    }

    /// A quantiser does not use every bit pattern; a file may hold any.
    #[test]
    fn any_bytes_are_what_another_reader_makes_of_them() {
        let mut random = rand::rngs::StdRng::seed_from_u64(6);
        for (kind, theirs) in KINDS {
            let mut bytes = (0..kind.block_bytes() * 64).map(|_| random.random::<u8>()).collect::<Vec<_>>();
            let reference = QStorage::from_data(Cow::Borrowed(&bytes), &Device::Cpu, theirs).expect("bytes are taken");
            let reference = QTensor::new(reference, kind.block_elements() * 64).expect("a tensor");
            let expected =
                reference.dequantize(&Device::Cpu).and_then(|floats| floats.to_vec1::<f32>()).expect("floats");
            // What is no whole block is no number.
            bytes.push(7);
            let ours = Stored { kind, shape: vec![kind.block_elements() * 64], bytes }.floats();
            assert_eq!(ours.len(), expected.len());
            for (ours, expected) in ours.iter().zip(&expected) {
                assert!(
                    ours.to_bits() == expected.to_bits() || ours.is_nan() && expected.is_nan(),
                    "{kind:?} {ours} {expected}"
                );
            }
        }
    }

    #[test]
    fn rows_fill_their_blocks_and_sizes_do_not_overflow() {
        assert_eq!(Kind::Q4_0.bytes(&[3, 64]), Some(108));
        assert_eq!(Kind::Q4_0.bytes(&[32, 16]), None);
        assert_eq!(Kind::F16.bytes(&[usize::MAX, 2]), None);
        assert_eq!(Kind::F32.bytes(&[usize::MAX / 2]), None);
    }
}
