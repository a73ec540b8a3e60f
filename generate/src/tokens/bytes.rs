//! Byte-level vocabularies write every byte as a printable character: back to bytes.

/// GPT-2's printable stand-ins become bytes again.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(character.to_string().as_bytes()),
        }
    }
    bytes
}

/// Printable bytes stand for themselves, the others were numbered from U+0100 on, in order.
fn byte_of(character: char) -> Option<u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let code = u32::from(character);
    match u8::try_from(code) {
        Ok(byte) => printable(byte).then_some(byte),
        Err(_) => (0..=u8::MAX).filter(|byte| !printable(*byte)).nth((code as usize).checked_sub(256)?),
    }
}

/// What stands for each byte, by byte.
#[cfg(test)]
pub(crate) fn byte_stand_ins() -> impl Iterator<Item = char> {
    let code = |byte: u8| (0..512).filter_map(char::from_u32).find(|char| byte_of(*char) == Some(byte));
    (0..=u8::MAX).filter_map(code)
}

/// The byte of a token such as `<0x0A>`.
pub(super) fn byte_of_name(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_the_bytes_they_stand_for() {
        assert_eq!(bytes_of("Ġthe"), b" the");
        assert_eq!(bytes_of("Ċ"), b"\n");
        assert_eq!(bytes_of("Ã©"), "é".as_bytes());
        assert_eq!(byte_stand_ins().count(), 256);
    }

    #[test]
    fn names_of_bytes_have_two_digits() {
        for (name, byte) in
            [("<0x0A>", Some(10)), ("<0xFF>", Some(255)), ("<0x>", None), ("<0x123>", None), ("a", None)]
        {
            assert_eq!(byte_of_name(name), byte, "{name}");
        }
    }
}
