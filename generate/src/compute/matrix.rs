//! A weight matrix in whatever form its file has it, and its products.

use std::ops::Range;
use std::sync::Arc;

use super::blocks::Blocks;
use super::float_panels::FloatPanels;
use super::floats;
use super::inputs::{BLOCK, Inputs};
use super::integers::{Instructions, LANES};
use super::product::Product;
use super::team::Team;
use crate::weights::Stored;

/// `(outputs, inputs)`, cut into panels of outputs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Matrix {
    form: Arc<Form>,
}

enum Form {
    Blocks(Blocks),
    Floats(FloatPanels),
}

/// Chunks for each thread, so that one that is slow takes fewer.
const CHUNKS_PER_THREAD: usize = 4;
/// Weights worth a chunk of their own: some microseconds.
const CHUNK_WEIGHTS: usize = 1 << 15;

impl Matrix {
    /// A matrix, or a vector as one output.
    pub(crate) fn pack(stored: &Stored) -> Self {
        let inputs = stored.shape.last().copied().unwrap_or(0);
        let outputs = stored.shape.iter().rev().skip(1).product();
        // Blocks of 16 inputs share the scale of 32, so odd ones are kept as floats.
        let blocks = if inputs.is_multiple_of(BLOCK) { Blocks::pack(stored, outputs, inputs) } else { None };
        let form = blocks.map_or_else(|| Form::Floats(FloatPanels::pack(stored, outputs, inputs)), Form::Blocks);
        Self { form: Arc::new(form) }
    }

    /// `weight` is `(outputs, inputs)`.
    pub(crate) fn from_floats(weight: &[f32], outputs: usize, inputs: usize) -> Self {
        Self { form: Arc::new(Form::Floats(FloatPanels::from_floats(weight, outputs, inputs))) }
    }

    pub(crate) fn inputs(&self) -> usize {
        match &*self.form {
            Form::Blocks(blocks) => blocks.inputs,
            Form::Floats(panels) => panels.inputs,
        }
    }

    pub(crate) fn outputs(&self) -> usize {
        match &*self.form {
            Form::Blocks(blocks) => blocks.outputs,
            Form::Floats(panels) => panels.outputs,
        }
    }

    /// Its inputs are needed as bytes.
    pub(crate) fn takes_bytes(&self) -> bool {
        matches!(*self.form, Form::Blocks(_))
    }

    /// The same memory.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.form, &other.form)
    }

    /// Of memory.
    pub(crate) fn bytes(&self) -> usize {
        match &*self.form {
            Form::Blocks(blocks) => blocks.bytes(),
            Form::Floats(panels) => panels.bytes(),
        }
    }

    /// The weights of one output.
    pub(crate) fn row(&self, output: usize) -> Vec<f32> {
        match &*self.form {
            Form::Blocks(blocks) => blocks.row(output),
            Form::Floats(panels) => panels.row(output),
        }
    }

    fn panel_outputs(&self) -> usize {
        if self.takes_bytes() { LANES } else { floats::WIDTH }
    }

    fn panels(&self) -> usize {
        self.outputs().div_ceil(self.panel_outputs())
    }

    /// `(rows, outputs)` on the caller's thread.
    pub(crate) fn multiply(&self, inputs: &Inputs) -> Vec<f32> {
        self.multiply_panels(inputs, 0..self.panels())
    }

    /// `(rows, outputs of the panels)`.
    fn multiply_panels(&self, inputs: &Inputs, panels: Range<usize>) -> Vec<f32> {
        match &*self.form {
            Form::Blocks(blocks) => {
                let outputs = (panels.end * LANES).min(blocks.outputs) - panels.start * LANES;
                let mut products = vec![0.0; inputs.rows() * outputs];
                let product = Product { blocks, tiles: &inputs.tiles, panels, products: &mut products };
                product.run(Instructions::best());
                products
            }
            Form::Floats(matrix) => matrix.multiply(inputs, panels),
        }
    }
}

/// Each matrix times the inputs, `(rows, outputs)`, the panels of all shared between the team's threads.
pub(crate) fn multiply_all(team: &Team, matrices: &[&Matrix], inputs: &Inputs) -> Vec<Vec<f32>> {
    if team.threads() == 1 {
        return matrices.iter().map(|matrix| matrix.multiply(inputs)).collect();
    }
    let mut parts = Vec::new();
    for (index, matrix) in matrices.iter().enumerate() {
        let panels = matrix.panels();
        let least = (CHUNK_WEIGHTS / (matrix.inputs() * matrix.panel_outputs()).max(1)).max(1);
        let share = panels.div_ceil(team.threads() * CHUNKS_PER_THREAD).max(least);
        for start in (0..panels).step_by(share) {
            parts.push((index, start..(start + share).min(panels)));
        }
    }
    let parts: Arc<[_]> = parts.into();
    let (owned, shared, rows) =
        (matrices.iter().map(|matrix| (*matrix).clone()).collect::<Vec<_>>(), inputs.clone(), inputs.rows());
    let claimed = Arc::clone(&parts);
    let products = team.run(parts.len(), move |part| {
        let (index, panels) = &claimed[part];
        owned[*index].multiply_panels(&shared, panels.clone())
    });
    let mut all = matrices.iter().map(|matrix| vec![0.0; rows * matrix.outputs()]).collect::<Vec<_>>();
    for ((index, panels), part) in parts.iter().zip(products) {
        let (matrix, out) = (matrices[*index], &mut all[*index]);
        let first = panels.start * matrix.panel_outputs();
        let width = part.len() / rows.max(1);
        for (out, part) in out.chunks_exact_mut(matrix.outputs()).zip(part.chunks_exact(width)) {
            out[first..first + width].copy_from_slice(part);
        }
    }
    all
}
