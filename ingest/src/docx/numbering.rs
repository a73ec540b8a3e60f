//! The numbers of lists and headings, which a document does not hold as text: `word/numbering.xml` says how
//! to count (ECMA-376, 17.9).

use std::collections::HashMap;

use quick_xml::events::BytesStart;

use super::walk::{Visitor, attribute, walk};
use crate::error::ParseError;
use crate::limits::Limits;

const LEVELS: usize = 9;
/// Letters and Roman numerals of larger numbers grow without bound.
const MAX_SPELLED: u32 = 3_999;

/// Which list a paragraph or a style belongs to, as far as it says so itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NumberingReference {
    /// `0` takes a paragraph out of the list of its style.
    number: Option<u32>,
    level: Option<usize>,
    /// The style that says so: levels can name the style that they belong to.
    pub(super) style: Option<String>,
}

impl NumberingReference {
    /// Takes what an element inside `w:numPr` says.
    pub(super) fn take(&mut self, name: &str, element: &BytesStart<'_>) {
        let value = || attribute(element, "val")?.parse().ok();
        match name {
            "numId" => self.number = value(),
            "ilvl" => self.level = value().map(|level| level as usize).filter(|level| *level < LEVELS),
            _ => {}
        }
    }

    /// What this does not say, the other does.
    pub(super) fn or(self, other: &Self) -> Self {
        let style = if self.number.is_some() { self.style } else { other.style.clone() };
        Self { number: self.number.or(other.number), level: self.level.or(other.level), style }
    }

    pub(super) fn is_list(&self) -> bool {
        self.number.is_some_and(|number| number > 0)
    }
}

/// The definitions of lists, and how far each has been counted.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// Levels of the abstract definitions.
    definitions: HashMap<u32, Vec<Level>>,
    lists: HashMap<u32, List>,
    counters: HashMap<u32, [Option<u32>; LEVELS]>,
    open_definition: Option<u32>,
    open_list: Option<u32>,
    open_override: Option<usize>,
}

#[derive(Debug, Default)]
struct Level {
    start: u32,
    format: String,
    /// For example `%1.%2`: the counters of these levels.
    pattern: String,
    style: Option<String>,
}

#[derive(Debug, Default)]
struct List {
    definition: u32,
    /// Where levels begin anew at the first use of this list.
    restarts: Vec<(usize, u32)>,
}

impl Numbering {
    pub(super) fn read(xml: &str, limits: &Limits) -> Result<Self, ParseError> {
        let mut numbering = Self::default();
        walk(xml, limits, &mut numbering)?;
        Ok(numbering)
    }

    /// Counts a paragraph; the label that it is drawn with, empty for bullets and unknown lists.
    pub(super) fn next_label(&mut self, reference: &NumberingReference) -> String {
        let Some(list) = reference.number.and_then(|number| self.lists.get_mut(&number)) else { return String::new() };
        let Some(levels) = self.definitions.get(&list.definition) else { return String::new() };
        let of_style = || levels.iter().position(|level| level.style.is_some() && level.style == reference.style);
        let current = reference.level.or_else(of_style).unwrap_or(0);
        let counters = self.counters.entry(list.definition).or_default();
        for (level, start) in list.restarts.drain(..) {
            counters[level] = start.checked_sub(1);
        }
        let start = |level: usize| levels.get(level).map_or(1, |level| level.start);
        counters[current] = Some(counters[current].map_or(start(current), |count| count.saturating_add(1)));
        counters[current + 1..].fill(None);
        let Some(level) = levels.get(current) else { return String::new() };
        let mut label = level.pattern.clone();
        for (number, counter) in counters.iter().enumerate().take(current + 1) {
            let count = counter.unwrap_or_else(|| start(number));
            let format = levels.get(number).map_or("decimal", |level| level.format.as_str());
            label = label.replace(&format!("%{}", number + 1), &spelled(count, format));
        }
        // Bullets are drawn from symbol fonts.
        if level.format == "bullet" { String::new() } else { label }
    }

    fn level(&mut self) -> Option<&mut Level> {
        self.definitions.get_mut(&self.open_definition?)?.last_mut()
    }
}

impl Visitor for Numbering {
    fn start(&mut self, element: &BytesStart<'_>) {
        let number = |name| attribute(element, name).and_then(|value| value.parse::<u32>().ok());
        match element.local_name().as_ref() {
            "abstractNum" => {
                self.open_definition = number("abstractNumId");
                self.definitions.extend(self.open_definition.map(|id| (id, Vec::new())));
            }
            "lvl" => {
                if let Some(levels) = self.open_definition.and_then(|id| self.definitions.get_mut(&id))
                    && levels.len() < LEVELS
                {
                    levels.push(Level { start: 1, ..Level::default() });
                }
            }
            "start" => {
                if let (Some(level), Some(start)) = (self.level(), number("val")) {
                    level.start = start;
                }
            }
            "numFmt" => {
                if let Some(level) = self.level() {
                    level.format = attribute(element, "val").unwrap_or_default();
                }
            }
            "lvlText" => {
                if let Some(level) = self.level() {
                    level.pattern = attribute(element, "val").unwrap_or_default();
                }
            }
            "pStyle" => {
                if let Some(level) = self.level() {
                    level.style = attribute(element, "val");
                }
            }
            "num" => {
                self.open_list = number("numId");
                self.lists.extend(self.open_list.map(|id| (id, List::default())));
            }
            "abstractNumId" => {
                if let (Some(list), Some(definition)) =
                    (self.open_list.and_then(|id| self.lists.get_mut(&id)), number("val"))
                {
                    list.definition = definition;
                }
            }
            "lvlOverride" => {
                self.open_override = number("ilvl").map(|level| level as usize).filter(|level| *level < LEVELS);
            }
            "startOverride" => {
                let list = self.open_list.and_then(|id| self.lists.get_mut(&id));
                if let (Some(list), Some(level), Some(start)) = (list, self.open_override, number("val")) {
                    list.restarts.push((level, start));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "abstractNum" => self.open_definition = None,
            "num" => self.open_list = None,
            _ => {}
        }
    }
}

/// A number in the formats that Western documents use; others as digits.
fn spelled(number: u32, format: &str) -> String {
    match format {
        "none" => String::new(),
        "decimalZero" => format!("{number:02}"),
        _ if number == 0 || number > MAX_SPELLED => number.to_string(),
        "lowerLetter" => letters(number),
        "upperLetter" => letters(number).to_uppercase(),
        "lowerRoman" => roman(number).to_lowercase(),
        "upperRoman" => roman(number),
        _ => number.to_string(),
    }
}

/// a … z, aa, bb … (not aa, ab: ECMA-376, 17.18.59).
fn letters(number: u32) -> String {
    let letter = char::from(b'a' + ((number - 1) % 26) as u8);
    std::iter::repeat_n(letter, (number - 1) as usize / 26 + 1).collect()
}

fn roman(mut number: u32) -> String {
    const STEPS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut spelled = String::new();
    for (value, letters) in STEPS {
        while number >= value {
            spelled.push_str(letters);
            number -= value;
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_word_does() {
        for (number, format, expected) in [
            (4, "decimal", "4"),
            (4, "decimalZero", "04"),
            (28, "lowerLetter", "bb"),
            (3, "upperLetter", "C"),
            (1994, "upperRoman", "MCMXCIV"),
            (4, "lowerRoman", "iv"),
            (0, "lowerRoman", "0"),
            (u32::MAX, "lowerLetter", "4294967295"),
        ] {
            assert_eq!(spelled(number, format), expected);
        }
    }

    #[test]
    fn levels_count_under_one_another() {
        let xml = "<w:numbering><w:abstractNum w:abstractNumId=\"7\">\
            <w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/><w:numFmt w:val=\"decimal\"/><w:lvlText w:val=\"%1\"/></w:lvl>\
            <w:lvl w:ilvl=\"1\"><w:start w:val=\"1\"/><w:numFmt w:val=\"lowerLetter\"/><w:lvlText w:val=\"%1.%2)\"/></w:lvl></w:abstractNum>\
            <w:num w:numId=\"2\"><w:abstractNumId w:val=\"7\"/></w:num>\
            <w:num w:numId=\"3\"><w:abstractNumId w:val=\"7\"/><w:lvlOverride w:ilvl=\"0\"><w:startOverride w:val=\"5\"/></w:lvlOverride></w:num></w:numbering>";
        let mut numbering = Numbering::read(xml, &Limits::default()).unwrap();
        let mut label = |number, level| {
            numbering.next_label(&NumberingReference { number: Some(number), level: Some(level), style: None })
        };
        let labels = [(2, 0), (2, 1), (2, 1), (2, 0), (2, 1), (3, 0), (3, 0), (9, 0)]
            .map(|(number, level)| label(number, level));
        assert_eq!(labels, ["1", "1.a)", "1.b)", "2", "2.a)", "5", "6", ""]);
    }
}
