//! What a sequence remembers: keys and values of its tokens, layer by layer.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;

/// Tokens that room is made for at once.
const STEP_TOKENS: usize = 64;

/// Forked with [`fork`](Self::fork); two forks share nothing that either writes.
pub(crate) struct Cache {
    layers: Vec<Option<KeysValues>>,
    tokens: usize,
}

/// Each `(key heads, capacity, head size)`; the first `tokens` are set.
struct KeysValues {
    keys: Tensor,
    values: Tensor,
    tokens: usize,
    /// The buffers are another cache's as well: copy before writing.
    shared: bool,
}

impl Cache {
    pub(crate) fn new(layers: usize) -> Self {
        Self { layers: (0..layers).map(|_| None).collect(), tokens: 0 }
    }

    /// Tokens remembered.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// The same past, with a future of its own.
    pub(crate) fn fork(&mut self) -> Self {
        let layers = self.layers.iter_mut().map(|layer| {
            let layer = layer.as_mut()?;
            layer.shared = true;
            Some(KeysValues { keys: layer.keys.clone(), values: layer.values.clone(), ..*layer })
        });
        Self { layers: layers.collect(), tokens: self.tokens }
    }

    /// Remembers the new `(key heads, tokens, head size)` and gives all so far.
    pub(super) fn extend(&mut self, layer: usize, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let slot = &mut self.layers[layer];
        let known = slot.as_ref().map_or(0, |known| known.tokens);
        let tokens = known + keys.dim(1)?;
        if layer == 0 {
            self.tokens = tokens;
        }
        let fits = slot.as_ref().is_some_and(|known| !known.shared && tokens <= known.keys.dim(1).unwrap_or(0));
        if !fits {
            *slot = Some(KeysValues::grown(slot.as_ref(), keys, tokens)?);
        }
        let Some(buffers) = slot.as_mut() else {
            return Ok((keys.clone(), values.clone()));
        };
        buffers.keys.slice_set(&keys.contiguous()?, 1, known)?;
        buffers.values.slice_set(&values.contiguous()?, 1, known)?;
        buffers.tokens = tokens;
        Ok((buffers.keys.narrow(1, 0, tokens)?, buffers.values.narrow(1, 0, tokens)?))
    }
}

impl KeysValues {
    /// New buffers with room for `tokens` and the old content.
    fn grown(old: Option<&Self>, like: &Tensor, tokens: usize) -> Result<Self> {
        let (heads, _, size) = like.dims3()?;
        // A quarter more, so that writing token by token copies seldom.
        let capacity = (tokens + tokens / 4).next_multiple_of(STEP_TOKENS);
        let empty = || Tensor::zeros((heads, capacity, size), DType::F32, &Device::Cpu);
        let new = Self { keys: empty()?, values: empty()?, tokens, shared: false };
        if let Some(old) = old {
            new.keys.slice_set(&old.keys.narrow(1, 0, old.tokens)?.contiguous()?, 1, 0)?;
            new.values.slice_set(&old.values.narrow(1, 0, old.tokens)?.contiguous()?, 1, 0)?;
        }
        Ok(new)
    }
}
