//! The style sheet: which styles are headings.

use std::collections::HashMap;

use crate::document::BlockKind;

#[derive(Debug, Default)]
pub(super) struct Styles {
    kinds: HashMap<i32, BlockKind>,
    open: Option<i32>,
    level: Option<u8>,
}

impl Styles {
    /// Takes a control word of the style sheet.
    pub(super) fn define(&mut self, name: &str, number: Option<i32>) {
        match name {
            "s" => self.open = number,
            "outlinelevel" => self.level = number.and_then(|level| u8::try_from(level).ok()),
            _ => {}
        }
    }

    /// Takes the name of a style, which ends its definition.
    pub(super) fn name(&mut self, name: &str) {
        let Some(number) = self.open.take() else { return };
        let level = self.level.take().filter(|level| *level < 9).map(|level| level + 1);
        let name = name.trim().trim_end_matches(';').to_lowercase();
        let named = name.strip_prefix("heading ").and_then(|level| level.parse().ok());
        let kind = match name.as_str() {
            "title" => Some(BlockKind::Heading { level: 1 }),
            "caption" => Some(BlockKind::Caption),
            "quote" | "intense quote" => Some(BlockKind::Quote),
            _ => level.or(named).map(|level: u8| BlockKind::Heading { level }),
        };
        self.kinds.extend(kind.map(|kind| (number, kind)));
    }

    pub(super) fn kind(&self, style: i32) -> Option<BlockKind> {
        self.kinds.get(&style).copied()
    }
}
