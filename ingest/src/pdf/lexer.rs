//! A content stream as operators with their operands. Never fails: what cannot be read is skipped,
//! as every viewer does.

/// Arrays and dictionaries in content streams are flat; deeper ones come from hostile files.
const MAX_DEPTH: usize = 16;
/// Items of one array; no line of text has so many.
const MAX_ITEMS: usize = 100_000;
/// No operator takes more; the operands before the last ones are dropped.
const MAX_OPERANDS: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Number(f32),
    Name(Vec<u8>),
    String(Vec<u8>),
    Array(Vec<Operand>),
    Dictionary(Vec<(Vec<u8>, Operand)>),
    Other,
}

impl Operand {
    pub(super) fn number(&self) -> Option<f32> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn string(&self) -> Option<&[u8]> {
        match self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }
}

pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    position: usize,
}

enum Token<'a> {
    Operand(Operand),
    Operator(&'a [u8]),
    ArrayEnd,
    DictionaryEnd,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next operator; its operands replace what was in `operands`. An inline image is the operator `BI`, without
    /// its data.
    pub(super) fn next_operator(&mut self, operands: &mut Vec<Operand>) -> Option<&'a [u8]> {
        operands.clear();
        loop {
            match self.token(0)? {
                Token::Operand(operand) => {
                    if operands.len() == MAX_OPERANDS {
                        operands.remove(0);
                    }
                    operands.push(operand);
                }
                Token::Operator(b"BI") => {
                    self.skip_inline_image();
                    operands.clear();
                    return Some(b"BI");
                }
                Token::Operator(operator) => return Some(operator),
                Token::ArrayEnd | Token::DictionaryEnd => {}
            }
        }
    }

    fn token(&mut self, depth: usize) -> Option<Token<'a>> {
        self.skip_white_space();
        let byte = *self.bytes.get(self.position)?;
        let next = self.bytes.get(self.position + 1).copied();
        let operand = match byte {
            b'(' => Operand::String(self.literal_string()),
            b'<' if next == Some(b'<') => {
                self.position += 2;
                self.dictionary(depth)
            }
            b'<' => Operand::String(self.hexadecimal_string()),
            b'>' => {
                self.position += if next == Some(b'>') { 2 } else { 1 };
                return Some(Token::DictionaryEnd);
            }
            b'[' => {
                self.position += 1;
                self.array(depth)
            }
            b']' => {
                self.position += 1;
                return Some(Token::ArrayEnd);
            }
            b'/' => {
                self.position += 1;
                Operand::Name(self.name())
            }
            b'+' | b'-' | b'.' | b'0'..=b'9' => Operand::Number(self.number()),
            b'{' | b'}' | b')' => {
                self.position += 1;
                Operand::Other
            }
            _ => {
                let word = self.regular();
                match word {
                    b"true" | b"false" | b"null" => Operand::Other,
                    _ => return Some(Token::Operator(word)),
                }
            }
        };
        Some(Token::Operand(operand))
    }

    fn skip_white_space(&mut self) {
        while let Some(&byte) = self.bytes.get(self.position) {
            if byte == b'%' {
                while !matches!(self.bytes.get(self.position), None | Some(b'\n' | b'\r')) {
                    self.position += 1;
                }
            } else if is_white_space(byte) {
                self.position += 1;
            } else {
                return;
            }
        }
    }

    fn regular(&mut self) -> &'a [u8] {
        let start = self.position;
        while self.bytes.get(self.position).is_some_and(|&byte| !is_white_space(byte) && !is_delimiter(byte)) {
            self.position += 1;
        }
        &self.bytes[start..self.position]
    }

    fn name(&mut self) -> Vec<u8> {
        decode_name(self.regular())
    }

    /// Also reads what real files contain: `--5`, `1.-2`, `12-3` (12), `.`.
    fn number(&mut self) -> f32 {
        let mut negative = false;
        while let Some(sign @ (b'+' | b'-')) = self.bytes.get(self.position) {
            negative |= *sign == b'-';
            self.position += 1;
        }
        let (mut value, mut scale) = (0.0_f64, 0.0_f64);
        while let Some(&byte) = self.bytes.get(self.position) {
            match byte {
                b'0'..=b'9' if scale == 0.0 => value = value * 10.0 + f64::from(byte - b'0'),
                b'0'..=b'9' => {
                    value += f64::from(byte - b'0') * scale;
                    scale /= 10.0;
                }
                b'.' if scale == 0.0 => scale = 0.1,
                b'-' | b'.' => {}
                _ => break,
            }
            self.position += 1;
        }
        (if negative { -value } else { value }) as f32
    }

    fn literal_string(&mut self) -> Vec<u8> {
        self.position += 1;
        let mut string = Vec::new();
        let mut open = 1_usize;
        while let Some(&byte) = self.bytes.get(self.position) {
            self.position += 1;
            match byte {
                b'(' => open += 1,
                b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut string);
                    continue;
                }
                b'\r' => {
                    if self.bytes.get(self.position) == Some(&b'\n') {
                        self.position += 1;
                    }
                    string.push(b'\n');
                    continue;
                }
                _ => {}
            }
            string.push(byte);
        }
        string
    }

    fn escape(&mut self, string: &mut Vec<u8>) {
        let Some(&byte) = self.bytes.get(self.position) else {
            return;
        };
        self.position += 1;
        match byte {
            b'n' => string.push(b'\n'),
            b'r' => string.push(b'\r'),
            b't' => string.push(b'\t'),
            b'b' => string.push(8),
            b'f' => string.push(12),
            b'\n' => {}
            b'\r' => {
                if self.bytes.get(self.position) == Some(&b'\n') {
                    self.position += 1;
                }
            }
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.bytes.get(self.position) else {
                        break;
                    };
                    code = code * 8 + u32::from(digit - b'0');
                    self.position += 1;
                }
                string.push(code as u8);
            }
            _ => string.push(byte),
        }
    }

    fn hexadecimal_string(&mut self) -> Vec<u8> {
        self.position += 1;
        let mut string = Vec::new();
        let mut high = None;
        while let Some(&byte) = self.bytes.get(self.position) {
            self.position += 1;
            if byte == b'>' {
                break;
            }
            let Some(digit) = (byte as char).to_digit(16) else {
                continue;
            };
            match high.take() {
                None => high = Some(digit),
                Some(first) => string.push((first * 16 + digit) as u8),
            }
        }
        if let Some(first) = high {
            string.push((first * 16) as u8);
        }
        string
    }

    fn array(&mut self, depth: usize) -> Operand {
        if depth >= MAX_DEPTH {
            return Operand::Other;
        }
        let mut items = Vec::new();
        while let Some(token) = self.token(depth + 1) {
            match token {
                Token::Operand(operand) if items.len() < MAX_ITEMS => items.push(operand),
                // An operator in an array means that its end is missing or that it holds rubbish:
                // the array ends at text operators, the rubbish is dropped.
                Token::Operator(b"TJ" | b"Tj" | b"ET" | b"BT") | Token::ArrayEnd => break,
                Token::Operand(_) | Token::Operator(_) | Token::DictionaryEnd => {}
            }
        }
        Operand::Array(items)
    }

    fn dictionary(&mut self, depth: usize) -> Operand {
        if depth >= MAX_DEPTH {
            return Operand::Other;
        }
        let mut entries = Vec::new();
        let mut key = None;
        while let Some(token) = self.token(depth + 1) {
            match (token, key.take()) {
                (Token::DictionaryEnd, _) => break,
                (Token::Operand(Operand::Name(name)), None) => key = Some(name),
                (Token::Operand(value), Some(name)) => entries.push((name, value)),
                _ => {}
            }
        }
        Operand::Dictionary(entries)
    }

    /// From behind `BI` to behind `EI`. The data has no length: its end is an `EI` between white
    /// space that is followed by text, not by more binary data.
    fn skip_inline_image(&mut self) {
        loop {
            match self.token(0) {
                None => return,
                Some(Token::Operator(b"ID")) => break,
                Some(_) => {}
            }
        }
        self.position += 1;
        while self.position < self.bytes.len() {
            let rest = &self.bytes[self.position..];
            let Some(found) = rest.windows(2).position(|pair| pair == b"EI") else {
                self.position = self.bytes.len();
                return;
            };
            let end = found + 2;
            let is_word = (found == 0 || is_white_space(rest[found - 1]))
                && rest.get(end).is_none_or(|&byte| is_white_space(byte));
            let is_text = rest[end..].iter().take(12).all(|&byte| is_white_space(byte) || (0x20..0x7f).contains(&byte));
            self.position += end;
            if is_word && is_text {
                return;
            }
        }
    }
}

fn decode_name(raw: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let digit = |index: usize| tail.get(index).and_then(|&b| (b as char).to_digit(16));
        if let (b'#', Some(high), Some(low)) = (byte, digit(0), digit(1)) {
            name.push((high * 16 + low) as u8);
            rest = &tail[2..];
        } else {
            name.push(byte);
        }
    }
    name
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use super::{Lexer, Operand};

    fn operators(content: &[u8]) -> Vec<(String, Vec<Operand>)> {
        let mut lexer = Lexer::new(content);
        let mut operands = Vec::new();
        let mut found = Vec::new();
        while let Some(operator) = lexer.next_operator(&mut operands) {
            found.push((String::from_utf8_lossy(operator).into_owned(), operands.clone()));
        }
        found
    }

    #[test]
    fn strings_with_escapes() {
        let found = operators(b"(a\\(b\\)(c)\\101\\n\\\nd) Tj <4142 4> Tj");
        assert_eq!(found[0].1, [Operand::String(b"a(b)(c)A\nd".to_vec())]);
        assert_eq!(found[1].1, [Operand::String(b"AB@".to_vec())]);
    }

    #[test]
    fn numbers_as_found_in_real_files() {
        let found = operators(b"1 -2.5 .5 --3 4. +6 m");
        let numbers: Vec<f32> = found[0].1.iter().filter_map(Operand::number).collect();
        assert_eq!(numbers, [1.0, -2.5, 0.5, -3.0, 4.0, 6.0]);
    }

    #[test]
    fn inline_images_are_skipped_even_with_ei_inside() {
        let found = operators(b"q BI /W 1 /H 1 ID \x00 EI \xff\xfe\x01 EI Q (x) Tj");
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["q", "BI", "Q", "Tj"]);
    }

    #[test]
    fn dictionaries_arrays_names() {
        let found = operators(b"/Sp#61n <</MCID 0/ActualText(x)>> BDC [(a)-120(b)]TJ");
        assert_eq!(found[0].1[0].name(), Some(&b"Span"[..]));
        let Operand::Dictionary(entries) = &found[0].1[1] else {
            panic!("no dictionary: {:?}", found[0].1);
        };
        assert_eq!(entries.len(), 2);
        assert_eq!(found[1].0, "TJ");
    }

    #[test]
    fn deep_nesting_and_rubbish_end() {
        let deep = vec![b'['; 100_000];
        assert!(operators(&deep).is_empty());
        operators(b")>>]}{ \xff\xfe BI ID ");
        operators(b"<< /A << /B");
    }
}
