//! Low-rank adapters on a device: see [`crate::llama::Adapter`].

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::projection::tensor;
use crate::error::Result;
use crate::llama::{Factors, Part, read_factors};
use crate::weights::Shape;

/// Matrices that share their inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Group {
    QueriesKeysValues,
    AttentionOutput,
    GateUp,
    Down,
}

impl Group {
    fn of(part: Part) -> Self {
        match part {
            Part::Query | Part::Key | Part::Value => Self::QueriesKeysValues,
            Part::AttentionOutput => Self::AttentionOutput,
            Part::Gate | Part::Up => Self::GateUp,
            Part::Down => Self::Down,
        }
    }

    /// In the order of their outputs.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::QueriesKeysValues => &[Part::Query, Part::Key, Part::Value],
            Self::AttentionOutput => &[Part::AttentionOutput],
            Self::GateUp => &[Part::Gate, Part::Up],
            Self::Down => &[Part::Down],
        }
    }
}

/// What one adapter adds, by layer and group.
pub(crate) struct Adapter {
    factors: HashMap<(usize, Group), Joined>,
}

/// Of the parts of a group together: `B A x`, B being zero where a part's outputs meet another's rank.
struct Joined {
    /// `(ranks, inputs)`.
    down: Tensor,
    /// `(outputs, ranks)`.
    up: Tensor,
}

/// Rows of a step that an adapter changes.
pub(super) struct Adapted {
    pub(super) rows: Range<usize>,
    pub(super) adapter: Arc<Adapter>,
}

pub(super) struct Delta<'a> {
    rows: Range<usize>,
    joined: &'a Joined,
}

impl Adapter {
    pub(super) fn load(directory: &Path, shape: &Shape, compute: DType, device: &Device) -> Result<Self> {
        let mut groups = HashMap::<_, Vec<Factors>>::new();
        for factors in read_factors(directory, shape)? {
            groups.entry((factors.layer, Group::of(factors.part))).or_default().push(factors);
        }
        let factors =
            groups.into_iter().map(|(key, factors)| Ok((key, join(key.1, &factors, shape, compute, device)?)));
        Ok(Self { factors: factors.collect::<Result<_>>()? })
    }
}

fn join(
    group: Group,
    factors: &[Factors],
    shape: &Shape,
    compute: DType,
    device: &Device,
) -> candle_core::Result<Joined> {
    let (mut down, mut up) = (Vec::new(), Vec::new());
    for factors in factors {
        down.push(tensor(&factors.down, compute, device)?);
        let blocks = group.parts().iter().map(|part| {
            let (outputs, _) = part.sizes(shape);
            if *part == factors.part {
                Tensor::from_slice(&factors.up, (outputs, factors.rank), device)?.to_dtype(compute)
            } else {
                Tensor::zeros((outputs, factors.rank), compute, device)
            }
        });
        up.push(Tensor::cat(&blocks.collect::<candle_core::Result<Vec<_>>>()?, 0)?);
    }
    Ok(Joined { down: Tensor::cat(&down, 0)?, up: Tensor::cat(&up, 1)? })
}

impl Adapted {
    pub(super) fn delta(&self, layer: usize, group: Group) -> Option<Delta<'_>> {
        let joined = self.adapter.factors.get(&(layer, group))?;
        Some(Delta { rows: self.rows.clone(), joined })
    }
}

impl Delta<'_> {
    /// `inputs` are those of `products`, `(rows, outputs)`.
    pub(super) fn add(&self, inputs: &Tensor, products: &Tensor) -> candle_core::Result<()> {
        let own = |tensor: &Tensor| tensor.narrow(0, self.rows.start, self.rows.len());
        let added = own(inputs)?.matmul(&self.joined.down.t()?)?.matmul(&self.joined.up.t()?)?;
        products.slice_set(&(own(products)? + added)?, 0, self.rows.start)
    }
}
