//! Text becomes tokens and back, with the vocabulary that the model carries.
//!
//! ```text
//! text ─ Special ─▶ special tokens, and plain text between them ─ Encoder ─▶ tokens
//! ```
//! Special tokens are found only in text that is ours, and plain text never becomes one: see [`special`].

mod bytes;
mod detokenizer;
mod library;
mod sentence_pieces;
mod special;
#[cfg(test)]
mod tests;
mod vocabulary;
mod words;

use std::sync::Arc;

use tokenizers::Tokenizer;

#[cfg(test)]
pub(crate) use self::bytes::byte_stand_ins;
pub(crate) use self::detokenizer::Detokenizer;
use self::sentence_pieces::SentencePieces;
use self::special::{Entry, Piece};
pub(crate) use self::special::{Special, without_marks};
use crate::error::{GenerateError, Result};
use crate::weights::{Source, Weights};

/// Chat models end a turn with a token of its own that the metadata need not name.
const ENDS: [&str; 8] =
    ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "</s>"];

#[derive(Debug)]
pub(crate) struct Tokens {
    encoder: Encoder,
    special: Arc<Special>,
    /// Bytes of every token; empty for control tokens.
    bytes: Vec<Vec<u8>>,
    is_control: Vec<bool>,
    begin: Option<u32>,
    adds_begin: bool,
    end: Vec<u32>,
    begin_text: String,
    end_text: String,
}

/// Plain text to tokens.
#[derive(Debug)]
enum Encoder {
    /// `later` where text that is not at the very beginning is cut differently.
    Library {
        first: Box<Tokenizer>,
        later: Option<Box<Tokenizer>>,
    },
    Pieces(Box<SentencePieces>),
}

impl Encoder {
    fn encode(&self, text: &str, is_first: bool) -> Result<Vec<u32>> {
        match self {
            Self::Pieces(pieces) => Ok(pieces.encode(text)),
            Self::Library { first, later } => {
                let tokenizer = later.as_ref().filter(|_| !is_first).unwrap_or(first);
                let encoding = tokenizer.encode_fast(text, false);
                let encoding = encoding.map_err(|error| GenerateError::Inference { reason: error.to_string() })?;
                Ok(encoding.get_ids().to_vec())
            }
        }
    }
}

/// What the files of a model say, whatever their format.
struct Parts {
    encoder: Encoder,
    special: Vec<Entry>,
    bytes: Vec<Vec<u8>>,
    begin: Option<u32>,
    adds_begin: bool,
    end: Option<u32>,
    more_ends: Vec<u32>,
    /// By token.
    texts: Vec<String>,
}

impl Tokens {
    pub(crate) fn load(weights: &Weights) -> Result<Self> {
        let parts = match weights.source() {
            Source::Gguf(file) => vocabulary::parts(file)?,
            Source::Folder(folder) => {
                let parts = library::parts(&folder.directory)?;
                let (size, known) = (parts.texts.len(), weights.shape().vocabulary);
                if size > known {
                    let reason = format!("has {size} tokens, but the weights know {known}");
                    let file = folder.directory.join("tokenizer.json");
                    return Err(GenerateError::Damaged { file, part: "model.vocab".into(), reason });
                }
                parts
            }
        };
        Ok(Self::new(parts))
    }

    fn new(parts: Parts) -> Self {
        let mut is_control = vec![false; parts.texts.len()];
        for entry in parts.special.iter().filter(|entry| entry.is_control) {
            is_control[entry.token as usize] = true;
        }
        let text_of = |token: Option<u32>| token.and_then(|token| parts.texts.get(token as usize).cloned());
        let ends = parts.texts.iter().enumerate().filter(|(_, text)| ENDS.contains(&text.as_str()));
        let ends = ends.map(|(token, _)| token as u32);
        Self {
            begin_text: text_of(parts.begin).unwrap_or_default(),
            end_text: text_of(parts.end).unwrap_or_default(),
            end: parts.end.into_iter().chain(parts.more_ends).chain(ends).collect(),
            encoder: parts.encoder,
            special: Arc::new(Special::new(parts.special)),
            bytes: parts.bytes,
            is_control,
            begin: parts.begin,
            adds_begin: parts.adds_begin && parts.begin.is_some(),
        }
    }

    /// Tokens of the text. Special tokens are recognised only where the text is ours: `trusted`. Foreign text
    /// within ours must have gone through [`Special::guard`], as a chat template sends it.
    pub(crate) fn encode(&self, text: &str, trusted: bool) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        for piece in self.special.split(text, trusted) {
            match piece {
                Piece::Token(token) => tokens.push(token),
                Piece::Plain(text) => self.encode_plain(&text, tokens.is_empty(), &mut tokens)?,
            }
        }
        Ok(tokens)
    }

    /// Never a control token, even where a vocabulary can spell one: the text is cut until it cannot.
    fn encode_plain(&self, text: &str, is_first: bool, tokens: &mut Vec<u32>) -> Result<()> {
        let encoded = self.encoder.encode(text, is_first)?;
        if !encoded.iter().any(|token| self.is_control(*token)) {
            tokens.extend(encoded);
            return Ok(());
        }
        let characters = text.chars().count();
        let Some((middle, _)) = text.char_indices().nth(characters / 2).filter(|_| characters > 1) else {
            return Ok(());
        };
        self.encode_plain(&text[..middle], is_first, tokens)?;
        self.encode_plain(&text[middle..], false, tokens)
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.encode(text, false).map_or(0, |tokens| tokens.len())
    }

    /// In the vocabulary. The weights may have rows for more.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A token that is not written, such as the end of a turn.
    pub(crate) fn is_control(&self, token: u32) -> bool {
        self.is_control.get(token as usize).copied().unwrap_or(false)
    }

    /// For text of others that is put within ours.
    pub(crate) fn special(&self) -> Arc<Special> {
        Arc::clone(&self.special)
    }

    /// The token that every text of this model begins with, if it has one.
    pub(crate) fn begin(&self) -> Option<u32> {
        self.begin
    }

    /// Whether a text without a chat template begins with [`Tokens::begin`]; templates write it themselves.
    pub(crate) fn adds_begin(&self) -> bool {
        self.adds_begin
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

    /// Bytes that the token stands for; not always whole characters.
    pub(crate) fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }
}
