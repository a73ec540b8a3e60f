//! Weight matrices that share their inputs, as one product where their format allows it.

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module as _, Result, Tensor};

use super::adapter::Delta;
use crate::weights::{Kind, Stored};

pub(super) struct Projection {
    /// Their outputs stand one after the other.
    matrices: Vec<Matrix>,
    /// Of all outputs.
    bias: Option<Tensor>,
}

enum Matrix {
    /// `(outputs, inputs)`.
    Floats(Tensor),
    Blocks(QMatMul),
}

/// Quantised weights are multiplied in 32-bit floats, others in their own.
pub(super) fn compute_type(kind: Kind) -> DType {
    match kind {
        Kind::F16 | Kind::BF16 => DType::BF16,
        _ => DType::F32,
    }
}

impl Projection {
    /// Each `(outputs, inputs)`, with its bias where it has one.
    pub(super) fn new(parts: Vec<(Stored, Option<Stored>)>, compute: DType, device: &Device) -> Result<Self> {
        let sizes = parts.iter().map(|(weight, _)| weight.shape.first().copied().unwrap_or(0)).collect::<Vec<_>>();
        let any = parts.iter().any(|(_, bias)| bias.is_some());
        let biases = parts.iter().zip(&sizes).map(|((_, bias), size)| match bias {
            Some(bias) => tensor(bias, compute, device),
            None => Tensor::zeros(*size, compute, device),
        });
        let biases = if any { biases.collect::<Result<Vec<_>>>()? } else { Vec::new() };
        let bias = (!biases.is_empty()).then(|| Tensor::cat(&biases, 0)).transpose()?;
        let mut weights = parts.into_iter().map(|(weight, _)| weight).collect::<Vec<_>>();
        if weights.windows(2).all(|pair| pair[0].kind == pair[1].kind) {
            weights = joined(weights).into_iter().collect();
        }
        let matrices = weights.iter().map(|weight| Matrix::new(weight, compute, device));
        Ok(Self { matrices: matrices.collect::<Result<_>>()?, bias })
    }

    /// `(rows, inputs)` to `(rows, outputs)`; `multiple` rows at a time.
    pub(super) fn multiply(&self, rows: &Tensor, multiple: usize, deltas: &[Delta]) -> Result<Tensor> {
        let parts = self.matrices.iter().map(|matrix| matrix.multiply(rows, multiple));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let mut products = if parts.len() == 1 { parts[0].clone() } else { Tensor::cat(&parts, 1)? };
        if let Some(bias) = &self.bias {
            products = products.broadcast_add(bias)?;
        }
        for delta in deltas {
            delta.add(rows, &products)?;
        }
        Ok(products)
    }
}

impl Matrix {
    fn new(weight: &Stored, compute: DType, device: &Device) -> Result<Self> {
        let Some(format) = format(weight.kind) else {
            return Ok(Self::Floats(tensor(weight, compute, device)?));
        };
        let storage = QStorage::from_data(weight.bytes.as_slice().into(), device, format)?;
        let weights = QTensor::new(storage, weight.shape.as_slice())?;
        Ok(Self::Blocks(QMatMul::from_qtensor(weights)?))
    }

    fn multiply(&self, rows: &Tensor, multiple: usize) -> Result<Tensor> {
        match self {
            // Which kernel is chosen depends on the number of rows: always the same one for the same number.
            Self::Floats(weights) if multiple > 1 => {
                let weights = weights.t()?;
                let count = rows.dim(0)?;
                let parts = (0..count).step_by(multiple).map(|row| rows.narrow(0, row, multiple)?.matmul(&weights));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                if parts.len() == 1 { Ok(parts[0].clone()) } else { Tensor::cat(&parts, 0) }
            }
            Self::Floats(weights) => rows.matmul(&weights.t()?),
            Self::Blocks(weights) => weights.forward(rows),
        }
    }
}

fn format(kind: Kind) -> Option<GgmlDType> {
    Some(match kind {
        Kind::F32 | Kind::F16 | Kind::BF16 => return None,
        Kind::Q4_0 => GgmlDType::Q4_0,
        Kind::Q4_1 => GgmlDType::Q4_1,
        Kind::Q5_0 => GgmlDType::Q5_0,
        Kind::Q5_1 => GgmlDType::Q5_1,
        Kind::Q8_0 => GgmlDType::Q8_0,
        Kind::Q2K => GgmlDType::Q2K,
        Kind::Q3K => GgmlDType::Q3K,
        Kind::Q4K => GgmlDType::Q4K,
        Kind::Q5K => GgmlDType::Q5K,
        Kind::Q6K => GgmlDType::Q6K,
    })
}

/// Rows of all, one after the other.
fn joined(parts: Vec<Stored>) -> Option<Stored> {
    parts.into_iter().reduce(|mut all, part| {
        all.bytes.extend(part.bytes);
        if let (Some(all), Some(part)) = (all.shape.first_mut(), part.shape.first()) {
            *all += part;
        }
        all
    })
}

/// As plain floats.
pub(super) fn tensor(stored: &Stored, compute: DType, device: &Device) -> Result<Tensor> {
    let plain = |dtype| Tensor::from_raw_buffer(&stored.bytes, dtype, &stored.shape, device)?.to_dtype(compute);
    match stored.kind {
        Kind::F32 => plain(DType::F32),
        Kind::F16 => plain(DType::F16),
        Kind::BF16 => plain(DType::BF16),
        // In main memory: the device has no kernel that takes every format apart.
        _ => Tensor::from_vec(stored.floats(), stored.shape.as_slice(), device)?.to_dtype(compute),
    }
}
