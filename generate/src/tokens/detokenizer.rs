//! Tokens come one by one, whole characters go out.

#[derive(Default)]
pub(crate) struct Detokenizer {
    pending: Vec<u8>,
}

impl Detokenizer {
    /// The characters that `bytes` complete. Bytes that can never become one turn into U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let Some(wrong) = error.error_len() else {
                        self.pending.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending.drain(..valid + wrong);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_wait_for_their_last_byte() {
        let mut detokenizer = Detokenizer::default();
        let bytes = "é€😀a".as_bytes();
        let pieces = bytes.iter().map(|byte| detokenizer.push(&[*byte])).collect::<Vec<_>>();
        assert_eq!(pieces.concat(), "é€😀a");
        assert_eq!(pieces[0], "");
        assert_eq!(detokenizer.push(&[0xff, b'b']), "\u{fffd}b");
    }
}
