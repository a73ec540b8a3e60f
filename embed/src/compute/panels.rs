//! Weights as the matmul kernel reads them: panels of `WIDTH` columns, each row of a panel contiguous.

/// Columns of a panel: two AVX-512 registers.
pub(crate) const WIDTH: usize = 32;

/// A matrix `(depth, columns)`, the columns padded with zeros to a multiple of [`WIDTH`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Panels {
    /// Panel after panel, each `(depth, WIDTH)`.
    data: Vec<[f32; WIDTH]>,
    depth: usize,
    columns: usize,
}

impl Panels {
    /// From a linear layer's weight `(columns, depth)`, row-major as checkpoints store it.
    pub(crate) fn from_weight(weight: &[f32], columns: usize, depth: usize) -> Self {
        let mut panels = Self::default();
        panels.reshape(depth, columns);
        for (column, values) in weight.chunks_exact(depth).enumerate() {
            panels.set_column(column, values);
        }
        panels
    }

    /// Takes a new shape and keeps the allocation. Old values stay until they are set; in the padding
    /// they change nothing but results that nobody reads.
    pub(crate) fn reshape(&mut self, depth: usize, columns: usize) {
        self.depth = depth;
        self.columns = columns;
        self.data.resize(columns.div_ceil(WIDTH) * depth, [0.0; WIDTH]);
    }

    #[inline(always)]
    pub(crate) fn set_column(&mut self, column: usize, values: &[f32]) {
        let panel = self.panel_mut(column / WIDTH);
        for (row, value) in panel.iter_mut().zip(values) {
            row[column % WIDTH] = *value;
        }
    }

    #[inline(always)]
    pub(crate) fn set_row(&mut self, row: usize, values: &[f32]) {
        // Whole panels apart: a copy of known length is two registers, another is a call.
        let (panels, rest) = values.as_chunks::<WIDTH>();
        for (panel, values) in panels.iter().enumerate() {
            self.panel_mut(panel)[row] = *values;
        }
        if !rest.is_empty() {
            self.panel_mut(panels.len())[row][..rest.len()].copy_from_slice(rest);
        }
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// `(depth, WIDTH)`.
    #[inline(always)]
    pub(crate) fn panel(&self, index: usize) -> &[[f32; WIDTH]] {
        &self.data[index * self.depth..(index + 1) * self.depth]
    }

    #[inline(always)]
    fn panel_mut(&mut self, index: usize) -> &mut [[f32; WIDTH]] {
        &mut self.data[index * self.depth..(index + 1) * self.depth]
    }
}
