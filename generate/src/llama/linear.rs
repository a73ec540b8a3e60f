//! A matrix product without bias, in as many bits as the file has, or in eight.

use candle_core::{Device, Tensor};

use super::eight_bit::EightBit;
use crate::error::Result;
use crate::weights::Gguf;

pub(super) enum Linear {
    /// `(inputs, outputs)`, as exact as the file.
    Floats(Tensor),
    /// For files of eight bits or fewer: nothing to speak of is lost, and it is faster.
    Bytes(EightBit),
}

impl Linear {
    pub(super) fn load(file: &mut Gguf, name: &str) -> Result<Self> {
        let weight = file.floats(name)?;
        Self::from_weight(&weight, file.is_exact(name))
    }

    /// From `(outputs, inputs)`; where `exact`, shares its memory.
    pub(super) fn from_weight(weight: &Tensor, exact: bool) -> Result<Self> {
        let (_, inputs) = weight.dims2()?;
        let bytes = if exact { None } else { EightBit::from_floats(&weight.flatten_all()?.to_vec1::<f32>()?, inputs) };
        Ok(match bytes {
            Some(bytes) => Self::Bytes(bytes),
            None => Self::Floats(weight.t()?),
        })
    }

    /// `(rows, inputs)` to `(rows, outputs)`.
    pub(super) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        match self {
            Self::Floats(weight) => Ok(rows.matmul(weight)?),
            Self::Bytes(weight) => {
                let products = weight.multiply(&rows.flatten_all()?.to_vec1::<f32>()?);
                let shape = (rows.dim(0)?, weight.outputs());
                Ok(Tensor::from_vec(products, shape, &Device::Cpu)?)
            }
        }
    }
}
