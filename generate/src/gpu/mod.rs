//! The Llama family on a GPU, over candle's tensors: what [`crate::llama`] is on the CPU.
//!
//! ```text
//! tokens of all texts (rows) ─▶ Step: positions, slots, tiles, page numbers, uploaded once
//!   └▶ layers: norm ─▶ q, k, v ─▶ turned, remembered in pages ─▶ attention over pages ─▶ feed-forward
//! rows that are asked for ─▶ norm ─▶ output (rows, vocabulary)
//! ```
//! Matrix products are candle's (cuBLAS, or its kernels for quantised weights); what is between them is in
//! [`kernels`]. Products run over a fixed number of rows at a time, filled up with padding: which kernel cuBLAS
//! picks depends on that number, so a row's result does not depend on what is computed beside it.

mod adapter;
mod kernels;
mod layer;
mod pages;
mod projection;
mod step;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use self::adapter::Adapted;
pub(crate) use self::adapter::Adapter;
use self::layer::{Layer, Shared};
pub(crate) use self::pages::Cache;
use self::pages::{Copied, Pool};
use self::projection::{Projection, compute_type, tensor};
use self::step::Step;
use crate::backend::Backend;
use crate::compute::{Heads, PAGE_TOKENS};
use crate::error::{GenerateError, Result};
use crate::weights::{Shape, Weights};

/// Rows that plain matrices are multiplied with at a time. A GPU needs as long for one as for so many: it waits
/// for the weights.
const MULTIPLE: usize = 64;
/// Heads of other sizes do not fit the attention kernel's registers.
const MOST_HEAD_SIZE: usize = 256;

/// Where tests compute on the CPU.
const CACHE_BYTES: usize = 64 << 20;
/// What the widest step computes, and the libraries' own memory.
#[cfg(feature = "cuda")]
const STEP_BYTES: usize = 3 << 30;

pub(crate) struct Llama {
    shape: Shape,
    heads: Heads,
    device: Device,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    output: Projection,
    /// `(positions, pairs, cosine | sine)`.
    turns: Tensor,
    compute: DType,
    multiple: usize,
    pool: Arc<Pool>,
    pages: usize,
    bytes: u64,
}

type Sequence<'a> = crate::backend::Sequence<'a, Cache, Adapter>;

impl From<candle_core::Error> for GenerateError {
    fn from(error: candle_core::Error) -> Self {
        // A backtrace may follow.
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        Self::Device { reason }
    }
}

/// The first CUDA device.
#[cfg(feature = "cuda")]
pub(crate) fn device() -> Result<Device> {
    Ok(Device::new_cuda(0)?)
}

/// The GPU where there is one, or the CPU in its place.
#[cfg(test)]
pub(crate) fn test_device() -> Device {
    #[cfg(feature = "cuda")]
    if let Ok(device) = device() {
        return device;
    }
    Device::Cpu
}

impl Llama {
    /// Everything was checked against the file before: see [`Weights::open`]. `cache_bytes` of the device's memory
    /// are taken for pages.
    pub(crate) fn load(
        weights: &mut Weights,
        cache_bytes: Option<usize>,
        context_tokens: usize,
        device: &Device,
    ) -> Result<Self> {
        let shape = weights.shape().clone();
        let heads = Heads { queries: shape.heads, keys: shape.key_heads, size: shape.head_size };
        if heads.size > MOST_HEAD_SIZE {
            let reason = format!("its heads have {} numbers, at most {MOST_HEAD_SIZE} are computed here", heads.size);
            return Err(GenerateError::Device { reason });
        }
        let embedding = weights.read("token_embd.weight")?;
        // Quantised files keep some tensors as floats: what is multiplied most decides.
        let kind = weights.kind("blk.0.ffn_down.weight")?;
        let floats = kind.block_elements() == 1;
        let compute = compute_type(kind);
        // On the CPU, where tests compute, products of 16-bit floats are not to be had.
        let compute = if device.is_cpu() { DType::F32 } else { compute };
        let output = if weights.has("output.weight") { weights.read("output.weight")? } else { embedding.clone() };
        let cache_bytes = cache_bytes.map_or_else(|| free_bytes(device, weights.bytes()), Ok)?;
        let pages = cache_bytes / page_bytes(&shape);
        let layers = (0..shape.layers).map(|index| {
            let dims = (pages, 2, heads.keys, PAGE_TOKENS, heads.size);
            let pages = Tensor::zeros(dims, page_type(compute), device)?;
            Layer::load(weights, index, compute, pages, device)
        });
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let llama = Self {
            embedding: tensor(&embedding, if floats { compute } else { DType::F16 }, device)?,
            norm: tensor(&weights.read("output_norm.weight")?, compute, device)?,
            output: Projection::new(vec![(output, None)], compute, device)?,
            turns: turns(&shape, context_tokens.min(shape.context_tokens), device)?,
            multiple: if floats { MULTIPLE } else { 1 },
            pool: Pool::new(pages),
            device: device.clone(),
            layers,
            heads,
            shape,
            compute,
            pages,
            bytes: weights.bytes(),
        };
        // Another thread computes: on a stream of its own, which would not wait for this one's.
        llama.device.synchronize()?;
        Ok(llama)
    }

    /// Pages that all texts together may have.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    pub(crate) fn adapter(&self, directory: &Path) -> Result<Adapter> {
        let adapter = Adapter::load(directory, &self.shape, self.compute, &self.device)?;
        self.device.synchronize()?;
        Ok(adapter)
    }

    fn logits(&self, hidden: &Tensor, mut wanted: Vec<u32>) -> Result<Vec<f32>> {
        let count = wanted.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        wanted.resize(count.next_multiple_of(self.multiple), 0);
        let rows = hidden.index_select(&Tensor::new(wanted, &self.device)?, 0)?;
        let normed = candle_nn::ops::rms_norm(&rows, &self.norm, self.shape.epsilon as f32)?;
        let logits = self.output.multiply(&normed, self.multiple, &[])?.narrow(0, 0, count)?;
        // Half the bytes go over the bus where they are 16 bits.
        let logits = logits.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    fn copy(&self, copied: Copied) -> Result<()> {
        for layer in &self.layers {
            let page = layer.pages().narrow(0, copied.from as usize, 1)?.copy()?;
            layer.pages().slice_set(&page, 0, copied.to as usize)?;
        }
        Ok(())
    }
}

impl Backend for Llama {
    type Adapter = Adapter;
    type Cache = Cache;

    // With a token of each text at most as many rows as a product takes at once.
    const GUESS_ROWS: usize = 60;
    const MIXED_ROWS: usize = 512;
    const READING_ROWS: usize = 2048;

    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn page_bytes(&self) -> usize {
        page_bytes(&self.shape)
    }

    fn cache(&self) -> Cache {
        Cache::new(&self.pool)
    }

    fn forward(&self, sequences: &mut [Sequence]) -> Result<Vec<f32>> {
        for sequence in sequences.iter_mut() {
            let Ok(copied) = sequence.cache.grow(sequence.tokens.len()) else {
                return Err(GenerateError::Inference { reason: "no page of the device's memory is free".to_owned() });
            };
            if let Some(copied) = copied {
                self.copy(copied)?;
            }
        }
        let heads = self.heads;
        let step = Step::new(sequences, heads, self.multiple, &self.device)?;
        if step.places.longest > self.turns.dim(0)? {
            return Err(GenerateError::Inference { reason: "a text is longer than its context".to_owned() });
        }
        let mut end = 0;
        let adapted = sequences.iter().filter_map(|sequence| {
            let start = end;
            end += sequence.tokens.len();
            Some(Adapted { rows: start..end, adapter: sequence.adapter.clone()? })
        });
        let adapted = adapted.collect::<Vec<_>>();
        let shared = Shared {
            shape: &self.shape,
            heads,
            turns: &self.turns,
            step: &step,
            multiple: self.multiple,
            adapted: &adapted,
        };
        let mut hidden = self.embedding.index_select(&step.tokens, 0)?.to_dtype(self.compute)?;
        for layer in &self.layers {
            hidden = layer.forward(&shared, &hidden)?;
        }
        let logits = self.logits(&hidden, step.wanted)?;
        for sequence in sequences {
            sequence.cache.remember(sequence.tokens.len());
        }
        Ok(logits)
    }
}

/// Memory that [`PAGE_TOKENS`] remembered tokens take.
fn page_bytes(shape: &Shape) -> usize {
    shape.layers * 2 * shape.key_heads * PAGE_TOKENS * shape.head_size * DType::F16.size_in_bytes()
}

/// What is left for pages beside weights and what a step computes.
#[cfg(feature = "cuda")]
fn free_bytes(device: &Device, weights_bytes: u64) -> Result<usize> {
    use candle_core::cuda_backend::WrapErr as _;
    if device.is_cpu() {
        return Ok(CACHE_BYTES);
    }
    let (free, _) = candle_core::cuda_backend::cudarc::driver::result::mem_get_info().w()?;
    Ok((free / 10 * 9).saturating_sub(weights_bytes as usize + STEP_BYTES))
}

#[cfg(not(feature = "cuda"))]
#[expect(clippy::unnecessary_wraps, reason = "of the same shape as where there is a device to ask")]
fn free_bytes(_: &Device, _: u64) -> Result<usize> {
    Ok(CACHE_BYTES)
}

fn page_type(compute: DType) -> DType {
    if compute == DType::F32 { DType::F16 } else { compute }
}

fn turns(shape: &Shape, positions: usize, device: &Device) -> Result<Tensor> {
    let rope = &shape.rope;
    let turns = (0..positions).flat_map(|position| rope.turns(position).flat_map(|(cosine, sine)| [cosine, sine]));
    let turns = turns.collect::<Vec<f32>>();
    Ok(Tensor::from_vec(turns, (positions, rope.frequencies.len(), 2), device)?)
}
