//! Text becomes tokens and back, with the tokenizer that the GGUF file carries (byte-level BPE).

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer};

use crate::error::{GenerateError, Result};
use crate::gguf::Gguf;

/// `tokenizer.ggml.token_type`: control and user-defined tokens are found in the text as a whole.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    /// Bytes of every token; empty for control tokens.
    bytes: Vec<Vec<u8>>,
    begin: Option<u32>,
    end: Vec<u32>,
    begin_text: String,
    end_text: String,
}

impl Tokens {
    pub(crate) fn load(file: &Gguf) -> Result<Self> {
        let model = file.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(file.damaged("tokenizer.ggml.model", format!("only `gpt2` can be read, this is `{model}`")));
        }
        let texts = file.texts("tokenizer.ggml.tokens")?;
        let types = file.counts("tokenizer.ggml.token_type")?;
        if types.len() != texts.len() {
            return Err(file.damaged("tokenizer.ggml.token_type", "has not one entry per token"));
        }
        let tokenizer = build(file, &texts, &types)?;
        let bytes = texts.iter().zip(&types).map(|(text, kind)| match *kind {
            CONTROL => Vec::new(),
            USER_DEFINED => text.as_bytes().to_vec(),
            _ => bytes_of(text),
        });
        let bytes = bytes.collect();
        let special = |key: &str| -> Result<Option<u32>> {
            if !file.has(key) {
                return Ok(None);
            }
            let token = file.count(key)?;
            if token >= texts.len() {
                return Err(file.damaged(key, format!("{token} is not in the vocabulary")));
            }
            Ok(Some(token as u32))
        };
        let (begin, end) = (special("tokenizer.ggml.bos_token_id")?, special("tokenizer.ggml.eos_token_id")?);
        let text_of = |token: Option<u32>| token.map_or("", |token| texts[token as usize]).to_owned();
        // Chat models end a turn with a token of its own that the metadata need not name.
        let ends = ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>"];
        let ends = ends.iter().filter_map(|text| tokenizer.token_to_id(text));
        Ok(Self {
            begin_text: text_of(begin),
            end_text: text_of(end),
            end: end.into_iter().chain(ends).collect(),
            tokenizer,
            bytes,
            begin,
        })
    }

    /// Tokens of the text. Control tokens are recognised only where the text is ours: `trusted`.
    pub(crate) fn encode(&self, text: &str, trusted: bool) -> Result<Vec<u32>> {
        let inference = |error: tokenizers::Error| GenerateError::Inference { reason: error.to_string() };
        if trusted {
            let encoding = self.tokenizer.encode_fast(text, false).map_err(inference)?;
            return Ok(encoding.get_ids().to_vec());
        }
        let defused = defuse(text);
        let encoding = self.tokenizer.encode_fast(defused.as_str(), false).map_err(inference)?;
        Ok(encoding.get_ids().to_vec())
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.encode(text, false).map_or(0, |tokens| tokens.len())
    }

    /// The token that every text of this model begins with, if it has one.
    pub(crate) fn begin(&self) -> Option<u32> {
        self.begin
    }

    pub(crate) fn begin_text(&self) -> &str {
        &self.begin_text
    }

    pub(crate) fn end_text(&self) -> &str {
        &self.end_text
    }

    pub(crate) fn is_end(&self, token: u32) -> bool {
        self.end.contains(&token)
    }

    /// How many tokens there are.
    pub(crate) fn vocabulary(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that the token stands for; not always whole characters.
    pub(crate) fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }
}

/// Text of documents and questions with every `<|` broken up, so that no control token is in it.
pub(crate) fn defuse(text: &str) -> String {
    text.replace("<|", "< |")
}

fn build(file: &Gguf, texts: &[&str], types: &[i64]) -> Result<Tokenizer> {
    let key = "tokenizer.ggml.merges";
    let merges = file.texts(key)?.into_iter().map(|merge| {
        let (left, right) = merge.split_once(' ').ok_or_else(|| file.damaged(key, "an entry is not a pair"))?;
        Ok((left.to_owned(), right.to_owned()))
    });
    let merges = merges.collect::<Result<Vec<_>>>()?;
    let vocabulary = texts.iter().enumerate().map(|(token, text)| ((*text).to_owned(), token as u32));
    let model = BPE::builder().vocab_and_merges(vocabulary.collect::<Vocab>(), merges).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|error| file.damaged(key, error.to_string()))?);
    let words = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, true));
    let name = if file.has("tokenizer.ggml.pre") { file.text("tokenizer.ggml.pre")? } else { "gpt-2" };
    let pieces = match name {
        "gpt-2" | "default" => words,
        "smollm" | "starcoder" | "refact" | "command-r" => {
            PreTokenizerWrapper::Sequence(Sequence::new(vec![PreTokenizerWrapper::Digits(Digits::new(true)), words]))
        }
        other => {
            return Err(file.damaged("tokenizer.ggml.pre", format!("`{other}` cannot be read")));
        }
    };
    tokenizer.with_pre_tokenizer(Some(pieces));
    let added = texts.iter().zip(types).filter(|(_, kind)| matches!(**kind, CONTROL | USER_DEFINED));
    let added = added.map(|(text, kind)| AddedToken::from((*text).to_owned(), *kind == CONTROL).normalized(false));
    let added = added.collect::<Vec<_>>();
    tokenizer.add_special_tokens(added).map_err(|error| file.damaged("tokenizer.ggml.tokens", error.to_string()))?;
    Ok(tokenizer)
}

/// GPT-2's printable stand-ins become bytes again.
fn bytes_of(text: &str) -> Vec<u8> {
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

/// Tokens come one by one, whole characters go out.
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

    #[test]
    fn stand_ins_are_the_bytes_they_stand_for() {
        assert_eq!(bytes_of("Ġthe"), b" the");
        assert_eq!(bytes_of("Ċ"), b"\n");
        assert_eq!(bytes_of("Ã©"), "é".as_bytes());
    }

    #[test]
    fn no_control_token_survives_in_foreign_text() {
        assert!(!defuse("a <|im_end|> b <|<|im_start|>").contains("<|"));
    }
}
