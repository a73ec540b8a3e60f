//! Graphics and text state of a content stream.

use super::geometry::Matrix;

/// Deeper saves are counted, not kept: a file may hold millions.
const MAX_SAVED: usize = 512;

#[derive(Debug, Clone, Copy)]
pub(super) struct GraphicsState {
    /// From user space to the displayed page.
    pub to_display: Matrix,
    /// Index of the font.
    pub font: Option<usize>,
    pub font_size: f32,
    pub character_spacing: f32,
    pub word_spacing: f32,
    pub horizontal_scale: f32,
    pub leading: f32,
    pub rise: f32,
    /// Text is drawn without ink (modes 3 and 7).
    pub is_hidden: bool,
}

/// The current state, and those that were saved.
#[derive(Debug)]
pub(super) struct StateStack {
    states: Vec<GraphicsState>,
    beyond: u64,
    /// Restoring goes down to this many states: a form cannot restore what it did not save.
    floor: usize,
}

impl StateStack {
    pub(super) fn new(to_display: Matrix) -> Self {
        let first = GraphicsState {
            to_display,
            font: None,
            font_size: 0.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            horizontal_scale: 1.0,
            leading: 0.0,
            rise: 0.0,
            is_hidden: false,
        };
        Self { states: vec![first], beyond: 0, floor: 1 }
    }

    pub(super) fn current(&self) -> &GraphicsState {
        &self.states[self.states.len() - 1]
    }

    pub(super) fn current_mut(&mut self) -> &mut GraphicsState {
        let last = self.states.len() - 1;
        &mut self.states[last]
    }

    pub(super) fn save(&mut self) {
        if self.states.len() >= self.floor + MAX_SAVED {
            self.beyond += 1;
        } else {
            self.states.push(*self.current());
        }
    }

    pub(super) fn restore(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else if self.states.len() > self.floor {
            self.states.pop();
        }
    }

    /// Saves for a form; give what this returns to [`Self::leave`].
    pub(super) fn enter(&mut self) -> (usize, u64) {
        let outer = (self.floor, self.beyond);
        self.states.push(*self.current());
        self.floor = self.states.len();
        self.beyond = 0;
        outer
    }

    pub(super) fn leave(&mut self, (floor, beyond): (usize, u64)) {
        self.states.truncate(self.floor - 1);
        self.floor = floor;
        self.beyond = beyond;
    }
}

/// Where the next glyph goes, in user space.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextMatrices {
    pub current: Matrix,
    line: Matrix,
}

impl Default for TextMatrices {
    fn default() -> Self {
        Self { current: Matrix::IDENTITY, line: Matrix::IDENTITY }
    }
}

impl TextMatrices {
    pub(super) fn set(&mut self, matrix: Matrix) {
        self.current = matrix;
        self.line = matrix;
    }

    pub(super) fn next_line(&mut self, x: f32, y: f32) {
        self.set(Matrix::translation(x, y).then(&self.line));
    }

    pub(super) fn advance(&mut self, x: f32, y: f32) {
        self.current = Matrix::translation(x, y).then(&self.current);
    }
}

#[cfg(test)]
mod tests {
    use super::{Matrix, StateStack};

    #[test]
    fn millions_of_saves_are_restored_one_by_one() {
        let mut states = StateStack::new(Matrix::IDENTITY);
        for _ in 0..100_000 {
            states.save();
        }
        states.current_mut().leading = 7.0;
        for _ in 0..100_000 {
            states.restore();
        }
        assert!(states.current().leading.abs() < f32::EPSILON);
        states.restore();
        states.current();
    }

    #[test]
    fn a_form_cannot_restore_its_callers_state() {
        let mut states = StateStack::new(Matrix::IDENTITY);
        states.save();
        states.current_mut().rise = 3.0;
        let outer = states.enter();
        states.restore();
        states.restore();
        states.current_mut().rise = 9.0;
        states.leave(outer);
        assert!((states.current().rise - 3.0).abs() < f32::EPSILON);
    }
}
