//! Runs the content of a page: operators in, placed glyphs out.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::budget::Budget;
use super::file::Page;
use super::font::Font;
use super::geometry::{Matrix, Rectangle};
use super::glyphs::{PageGlyphs, Placement};
use super::lexer::{Lexer, Operand};
use super::lookup;
use super::marks::{Layers, Marks};
use super::state::{GraphicsState, StateStack, TextMatrices};
use crate::error::ParseError;
use crate::layout::PageSize;

/// Decoded forms are kept up to this much: letterheads are drawn on every page.
const MAX_KEPT_FORM_BYTES: usize = 32 << 20;
/// Kept fonts are found by the address of their dictionary, which the document owns.
type FontKey = usize;

/// What pages share.
pub(super) struct Shared<'a> {
    document: &'a Document,
    fonts: Vec<Font>,
    font_index: HashMap<FontKey, usize>,
    forms: HashMap<ObjectId, Rc<[u8]>>,
    kept_form_bytes: usize,
    layers: Layers,
}

impl<'a> Shared<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            fonts: Vec::new(),
            font_index: HashMap::new(),
            forms: HashMap::new(),
            kept_form_bytes: 0,
            layers: Layers::read(document),
        }
    }

    fn font(&mut self, dictionary: &'a Dictionary, budget: &mut Budget) -> Result<usize, ParseError> {
        let key = std::ptr::from_ref(dictionary).addr();
        if let Some(&index) = self.font_index.get(&key) {
            return Ok(index);
        }
        let index = self.fonts.len();
        self.fonts.push(Font::read(self.document, dictionary, budget)?);
        self.font_index.insert(key, index);
        Ok(index)
    }

    fn form_content(
        &mut self,
        id: Option<ObjectId>,
        stream: &Stream,
        budget: &mut Budget,
    ) -> Result<Rc<[u8]>, ParseError> {
        if let Some(kept) = id.and_then(|id| self.forms.get(&id)) {
            return Ok(Rc::clone(kept));
        }
        let content: Rc<[u8]> = lookup::decoded(stream, budget)?.into();
        if let Some(id) = id
            && self.kept_form_bytes + content.len() <= MAX_KEPT_FORM_BYTES
        {
            self.kept_form_bytes += content.len();
            self.forms.insert(id, Rc::clone(&content));
        }
        Ok(content)
    }
}

pub(super) struct Interpreter<'a, 's> {
    shared: &'s mut Shared<'a>,
    budget: &'s mut Budget,
    page: &'s Page<'a>,
    pub glyphs: PageGlyphs,
    states: StateStack,
    text: TextMatrices,
    marks: Marks,
    /// Forms that are being drawn, outermost first.
    open_forms: Vec<ObjectId>,
    depth: usize,
}

impl<'a, 's> Interpreter<'a, 's> {
    pub(super) fn new(shared: &'s mut Shared<'a>, budget: &'s mut Budget, page: &'s Page<'a>) -> Self {
        Self {
            shared,
            budget,
            page,
            glyphs: PageGlyphs::default(),
            states: StateStack::new(page.to_display),
            text: TextMatrices::default(),
            marks: Marks::default(),
            open_forms: Vec::new(),
            depth: 0,
        }
    }

    pub(super) fn run(&mut self, content: &[u8], resources: Option<&'a Dictionary>) -> Result<(), ParseError> {
        let mut lexer = Lexer::new(content);
        let mut operands = Vec::new();
        while let Some(operator) = lexer.next_operator(&mut operands) {
            self.budget.operator()?;
            self.execute(operator, &operands, resources)?;
        }
        Ok(())
    }

    /// Draws a form outside of the page's content, from a fresh state: an annotation.
    pub(super) fn run_annotation(&mut self, object: &'a Object, to_page: &Matrix) -> Result<(), ParseError> {
        self.states = StateStack::new(to_page.then(&self.page.to_display));
        self.marks = Marks::default();
        self.draw_form(object, None)
    }

    fn execute(
        &mut self,
        operator: &[u8],
        operands: &[Operand],
        resources: Option<&'a Dictionary>,
    ) -> Result<(), ParseError> {
        match operator {
            b"q" => self.states.save(),
            b"Q" => self.states.restore(),
            b"cm" => {
                if let Some(matrix) = matrix(operands) {
                    let state = self.states.current_mut();
                    state.to_display = matrix.then(&state.to_display);
                }
            }
            b"Do" => {
                let name = operands.first().and_then(Operand::name);
                let object = resources
                    .and_then(|found| lookup::dictionary(self.shared.document, found, b"XObject"))
                    .zip(name)
                    .and_then(|(forms, name)| forms.get(name).ok());
                if let Some(object) = object {
                    self.draw_form(object, resources)?;
                }
            }
            b"BI" => self.cover(),
            b"gs" => self.external_state(operands, resources)?,
            b"BMC" | b"BDC" => {
                self.marks.begin(self.shared.document, operands, resources, &self.shared.layers, &self.glyphs);
            }
            b"EMC" => self.marks.end(&mut self.glyphs),
            _ => self.execute_text(operator, operands, resources)?,
        }
        Ok(())
    }

    fn execute_text(
        &mut self,
        operator: &[u8],
        operands: &[Operand],
        resources: Option<&'a Dictionary>,
    ) -> Result<(), ParseError> {
        let number = |index: usize| operands.get(index).and_then(Operand::number).unwrap_or(0.0);
        let string = |index: usize| operands.get(index).and_then(Operand::string);
        let state = self.states.current_mut();
        match operator {
            b"BT" => self.text = TextMatrices::default(),
            b"Tc" => state.character_spacing = number(0),
            b"Tw" => state.word_spacing = number(0),
            b"Tz" => state.horizontal_scale = number(0) / 100.0,
            b"TL" => state.leading = number(0),
            b"Ts" => state.rise = number(0),
            b"Tr" => state.is_hidden = matches!(number(0) as i32, 3 | 7),
            b"Tf" => {
                let size = number(1);
                self.set_font(operands.first().and_then(Operand::name), size, resources)?;
            }
            b"Td" => self.text.next_line(number(0), number(1)),
            b"TD" => {
                state.leading = -number(1);
                self.text.next_line(number(0), number(1));
            }
            b"Tm" => {
                if let Some(matrix) = matrix(operands) {
                    self.text.set(matrix);
                }
            }
            b"T*" => self.text.next_line(0.0, -state.leading),
            b"Tj" => self.show(string(0).unwrap_or_default())?,
            b"'" => {
                self.text.next_line(0.0, -state.leading);
                self.show(string(0).unwrap_or_default())?;
            }
            b"\"" => {
                state.word_spacing = number(0);
                state.character_spacing = number(1);
                self.text.next_line(0.0, -state.leading);
                self.show(string(2).unwrap_or_default())?;
            }
            b"TJ" => {
                if let Some(Operand::Array(items)) = operands.first() {
                    self.show_adjusted(items)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn set_font(
        &mut self,
        name: Option<&[u8]>,
        size: f32,
        resources: Option<&'a Dictionary>,
    ) -> Result<(), ParseError> {
        let document = self.shared.document;
        let dictionary = [resources, self.page.resources].into_iter().flatten().zip(std::iter::repeat(name)).find_map(
            |(found, name)| {
                let fonts = lookup::dictionary(document, found, b"Font")?;
                lookup::dictionary(document, fonts, name?)
            },
        );
        let font = match dictionary {
            Some(dictionary) => Some(self.shared.font(dictionary, self.budget)?),
            None => None,
        };
        let state = self.states.current_mut();
        state.font_size = size;
        if font.is_some() {
            state.font = font;
        }
        Ok(())
    }

    fn external_state(&mut self, operands: &[Operand], resources: Option<&'a Dictionary>) -> Result<(), ParseError> {
        let document = self.shared.document;
        let font = resources
            .and_then(|found| lookup::dictionary(document, found, b"ExtGState"))
            .zip(operands.first().and_then(Operand::name))
            .and_then(|(states, name)| lookup::dictionary(document, states, name))
            .and_then(|state| lookup::array(document, state, b"Font"));
        let Some([dictionary, size]) = font else {
            return Ok(());
        };
        let dictionary = lookup::resolve(document, dictionary).and_then(lookup::as_dictionary);
        if let (Some(dictionary), Some(size)) = (dictionary, lookup::as_number(size)) {
            let font = self.shared.font(dictionary, self.budget)?;
            let state = self.states.current_mut();
            state.font = Some(font);
            state.font_size = size;
        }
        Ok(())
    }

    fn show_adjusted(&mut self, items: &[Operand]) -> Result<(), ParseError> {
        for item in items {
            match item {
                Operand::String(bytes) => self.show(bytes)?,
                Operand::Number(thousandths) => {
                    let state = self.states.current();
                    let amount = -thousandths / 1000.0 * state.font_size;
                    let is_vertical = state.font.is_some_and(|font| self.shared.fonts[font].is_vertical());
                    if is_vertical {
                        self.text.advance(0.0, amount);
                    } else {
                        self.text.advance(amount * state.horizontal_scale, 0.0);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn show(&mut self, mut bytes: &[u8]) -> Result<(), ParseError> {
        let state = *self.states.current();
        let Some(font) = state.font.and_then(|index| self.shared.fonts.get_mut(index)) else {
            return Ok(());
        };
        let is_vertical = font.is_vertical();
        let is_hidden = self.marks.is_hidden();
        let is_artifact = self.marks.is_artifact();
        let spacing = state.character_spacing / nonzero(state.font_size);
        while !bytes.is_empty() {
            let (code, length) = font.next_code(bytes);
            bytes = bytes.get(length.max(1)..).unwrap_or_default();
            self.budget.glyph()?;
            if !is_hidden {
                let matrix = state.glyph_matrix().then(&self.text.current).then(&state.to_display);
                let placement = Placement {
                    matrix: &matrix,
                    font,
                    spacing,
                    is_artifact,
                    is_hidden: state.is_hidden,
                    page: self.page.size,
                };
                self.glyphs.draw(&code, &placement);
            }
            let extra = state.extra_spacing(code.is_single_byte_space);
            if is_vertical {
                self.text.advance(0.0, code.vertical_advance * state.font_size + extra);
            } else {
                let advance = code.width * state.font_size + extra;
                self.text.advance(advance * state.horizontal_scale, 0.0);
            }
        }
        Ok(())
    }

    /// Counts what a picture in the unit square covers of the page.
    fn cover(&mut self) {
        let PageSize { width, height } = self.page.size;
        let unit = Rectangle::from_corners([0.0, 0.0, 1.0, 1.0]);
        let covered = unit.mapped(&self.states.current().to_display);
        let page = Rectangle::from_corners([0.0, 0.0, width, height]);
        if let Some(seen) = covered.intersection(&page) {
            self.glyphs.picture_area += seen.width() * seen.height();
        }
    }

    /// Draws a form; pictures draw no text. A form inside itself and nesting beyond the limit draw
    /// nothing.
    fn draw_form(&mut self, object: &'a Object, outer: Option<&'a Dictionary>) -> Result<(), ParseError> {
        let document = self.shared.document;
        let id = object.as_reference().ok();
        let Some(Object::Stream(stream)) = lookup::resolve(document, object) else {
            return Ok(());
        };
        let is_form = lookup::name(document, &stream.dict, b"Subtype") == Some(b"Form") || stream.dict.has(b"BBox");
        let is_open = id.is_some_and(|id| self.open_forms.contains(&id));
        let is_hidden = stream.dict.get(b"OC").is_ok_and(|layer| self.shared.layers.hides(document, layer));
        if !is_hidden && lookup::name(document, &stream.dict, b"Subtype") == Some(b"Image") {
            self.cover();
        }
        if !is_form || is_open || is_hidden || !self.budget.may_nest(self.depth) {
            return Ok(());
        }
        self.budget.form()?;
        let content = self.shared.form_content(id, stream, self.budget)?;
        let resources = lookup::dictionary(document, &stream.dict, b"Resources").or(outer);
        let saved_text = self.text;
        let marks_depth = self.marks.depth();
        let states_depth = self.states.enter();
        if let Some(matrix) = lookup::matrix(document, &stream.dict, b"Matrix") {
            let state = self.states.current_mut();
            state.to_display = matrix.then(&state.to_display);
        }
        self.open_forms.extend(id);
        self.depth += 1;
        let outcome = self.run(&content, resources);
        self.depth -= 1;
        if id.is_some() {
            self.open_forms.pop();
        }
        self.states.leave(states_depth);
        self.marks.end_down_to(marks_depth, &mut self.glyphs);
        self.text = saved_text;
        outcome
    }
}

impl GraphicsState {
    /// From glyph space at font size 1 to text space.
    fn glyph_matrix(&self) -> Matrix {
        Matrix::new([self.font_size * self.horizontal_scale, 0.0, 0.0, self.font_size, 0.0, self.rise])
    }

    fn extra_spacing(&self, is_space: bool) -> f32 {
        self.character_spacing + if is_space { self.word_spacing } else { 0.0 }
    }
}

fn nonzero(number: f32) -> f32 {
    if number == 0.0 { 1.0 } else { number }
}

fn matrix(operands: &[Operand]) -> Option<Matrix> {
    let mut numbers = [0.0; 6];
    for (slot, operand) in numbers.iter_mut().zip(operands.get(..6)?) {
        *slot = operand.number()?;
    }
    Some(Matrix::new(numbers))
}
