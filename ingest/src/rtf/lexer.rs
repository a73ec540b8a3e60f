//! Bytes of RTF → groups, control words and text.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// A control word, or a control symbol, and its number.
    Control(&'a str, Option<i32>),
    /// A byte written as two hexadecimal digits.
    Byte(u8),
    /// Bytes as they stand, without line ends.
    Text(&'a [u8]),
}

pub(super) struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn control(&mut self) -> Option<Token<'a>> {
        let after = &self.rest[1..];
        let first = *after.first()?;
        if first == b'\'' {
            let digits = after.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            self.rest = &after[if byte.is_some() { 3 } else { 1 }..];
            return Some(byte.map_or(Token::Text(b""), Token::Byte));
        }
        if !first.is_ascii_alphabetic() {
            self.rest = &after[1..];
            let symbol = std::str::from_utf8(&after[..1]).unwrap_or_default();
            return Some(Token::Control(symbol, None));
        }
        let length = after.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = std::str::from_utf8(&after[..length]).unwrap_or_default();
        let rest = &after[length..];
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..sign + digits]).ok().filter(|_| digits > 0);
        let number = number.and_then(|number| number.parse().ok());
        let rest = if digits > 0 { &rest[sign + digits..] } else { rest };
        // One space ends a control word and is no text.
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        if let ("bin", Some(length)) = (name, number) {
            let length = usize::try_from(length).unwrap_or_default().min(self.rest.len());
            self.rest = &self.rest[length..];
        }
        Some(Token::Control(name, number))
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = *self.rest.first()?;
            match first {
                b'\r' | b'\n' | 0 => self.rest = &self.rest[1..],
                b'{' | b'}' => {
                    self.rest = &self.rest[1..];
                    return Some(if first == b'{' { Token::Open } else { Token::Close });
                }
                b'\\' => return self.control(),
                _ => {
                    let end = self.rest.iter().position(|byte| matches!(byte, b'{' | b'}' | b'\\' | b'\r' | b'\n' | 0));
                    let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                    self.rest = rest;
                    return Some(Token::Text(text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_bytes_are_told_apart() {
        let found: Vec<Token<'_>> = Lexer::new(b"{\\rtf1\\u-10 ?a\r\nb\\'e9\\~\\bin3 x}yz}\\'zz\\").collect();
        let expected = [
            Token::Open,
            Token::Control("rtf", Some(1)),
            Token::Control("u", Some(-10)),
            Token::Text(b"?a"),
            Token::Text(b"b"),
            Token::Byte(0xe9),
            Token::Control("~", None),
            Token::Control("bin", Some(3)),
            Token::Text(b"z"),
            Token::Close,
            Token::Text(b""),
            Token::Text(b"zz"),
        ];
        // The bytes of `\bin` are gone, braces among them.
        assert_eq!(found, expected);
    }
}
