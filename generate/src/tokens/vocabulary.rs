//! The vocabulary that a GGUF file carries: bytes that are joined within words (`gpt2`), or
//! `SentencePiece` (`llama`). Keys: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#ggml>

use std::collections::{HashMap, HashSet};

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::{NormalizerWrapper, Tokenizer};

use super::bytes::{byte_of_name, bytes_of};
use super::sentence_pieces::{SPACE, SentencePieces};
use super::special::Entry;
use super::words::Words;
use super::{Encoder, Parts};
use crate::error::Result;
use crate::weights::Gguf;

const TOKENS: &str = "tokenizer.ggml.tokens";
const MODEL: &str = "tokenizer.ggml.model";

/// `tokenizer.ggml.token_type`
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;
const BYTE: i64 = 6;

pub(super) fn parts(file: &Gguf) -> Result<Parts> {
    let texts = file.texts(TOKENS)?;
    let key = "tokenizer.ggml.token_type";
    let kinds = if file.has(key) { file.counts(key)? } else { vec![1; texts.len()] };
    if kinds.len() != texts.len() {
        return Err(file.damaged(key, "has not one entry per token"));
    }
    let is_bytes = match file.text(MODEL)? {
        "gpt2" => true,
        "llama" => false,
        other => return Err(file.unreadable(MODEL, format!("is `{other}`; `gpt2` and `llama` can be read"))),
    };
    let (encoder, adds_begin) =
        if is_bytes { byte_level(file, &texts, &kinds)? } else { (sentence_pieces(file, &texts, &kinds)?, true) };
    let bytes = texts.iter().zip(&kinds).map(|(text, kind)| match *kind {
        CONTROL | UNKNOWN => Vec::new(),
        USER_DEFINED => text.as_bytes().to_vec(),
        _ if is_bytes => bytes_of(text),
        BYTE => byte_of_name(text).into_iter().collect(),
        _ => text.replace(SPACE, " ").into_bytes(),
    });
    let key = "tokenizer.ggml.add_bos_token";
    let adds_begin = if file.has(key) { file.truth(key)? } else { adds_begin };
    let token = |end: &str| token(file, end, texts.len());
    // Its own numbers, for files that name none.
    let default = |token: u32| (!is_bytes && (token as usize) < texts.len()).then_some(token);
    Ok(Parts {
        encoder,
        special: special(&texts, &kinds).collect(),
        bytes: bytes.collect(),
        begin: token("bos_token_id")?.or(default(1)),
        adds_begin,
        end: token("eos_token_id")?.or(default(2)),
        more_ends: [token("eot_token_id")?, token("eom_token_id")?].into_iter().flatten().collect(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    })
}

/// A key that names a token.
fn token(file: &Gguf, end: &str, size: usize) -> Result<Option<u32>> {
    let key = format!("tokenizer.ggml.{end}");
    if !file.has(&key) {
        return Ok(None);
    }
    match file.count(&key)? {
        token if token < size => Ok(Some(token as u32)),
        token => Err(file.damaged(&key, format!("{token} is not in the vocabulary"))),
    }
}

fn special<'a>(texts: &'a [&str], kinds: &'a [i64]) -> impl Iterator<Item = Entry> + 'a {
    let all = texts.iter().zip(kinds).enumerate();
    all.filter(|(_, (_, kind))| matches!(**kind, CONTROL | USER_DEFINED)).map(|(token, (text, kind))| Entry {
        text: (*text).to_owned(),
        token: token as u32,
        is_control: *kind == CONTROL,
        ..Entry::default()
    })
}

/// And whether a begin token is added.
fn byte_level(file: &Gguf, texts: &[&str], kinds: &[i64]) -> Result<(Encoder, bool)> {
    let key = "tokenizer.ggml.pre";
    let name = if file.has(key) { file.text(key)? } else { "default" };
    let Some(words) = Words::of(name) else {
        return Err(file.unreadable(key, format!("is `{name}`, words that are cut in a way that cannot be read")));
    };
    let key = "tokenizer.ggml.merges";
    let merges = file.texts(key)?.into_iter().map(|merge| {
        let (left, right) = merge.split_once(' ').ok_or_else(|| file.damaged(key, "an entry is not a pair"))?;
        Ok((left.to_owned(), right.to_owned()))
    });
    let merges = merges.collect::<Result<Vec<_>>>()?;
    let joined = merges.iter().flat_map(|(left, right)| [left.clone(), right.clone(), format!("{left}{right}")]);
    let joined = joined.collect::<HashSet<_>>();
    let hidden = special(texts, kinds).filter(Entry::needs_trust).map(|entry| entry.text);
    // What only our text may hold is no word of the vocabulary.
    let hidden = hidden.filter(|text| !joined.contains(text)).collect::<HashSet<_>>();
    let vocabulary = texts.iter().enumerate().filter(|(_, text)| !hidden.contains(**text));
    let vocabulary = vocabulary.map(|(token, text)| ((*text).to_owned(), token as u32)).collect::<Vocab>();
    let model = BPE::builder().vocab_and_merges(vocabulary, merges).ignore_merges(words.keeps_tokens).build();
    let mut tokenizer = Tokenizer::new(model.map_err(|error| file.damaged(key, error.to_string()))?);
    if words.composes {
        let composed = tokenizer.with_normalizer(Some(NormalizerWrapper::NFC(NFC)));
        composed.map_err(|error| file.damaged(TOKENS, error.to_string()))?;
    }
    let cut = words.pre_tokenizer().map_err(|error| file.damaged("tokenizer.ggml.pre", error.to_string()))?;
    tokenizer.with_pre_tokenizer(Some(cut));
    Ok((Encoder::Library { first: Box::new(tokenizer), later: None }, words.adds_begin))
}

fn sentence_pieces(file: &Gguf, texts: &[&str], kinds: &[i64]) -> Result<Encoder> {
    let key = "tokenizer.ggml.scores";
    let scores = file.numbers(key)?;
    if scores.len() != texts.len() {
        return Err(file.damaged(key, "has not one entry per token"));
    }
    let key = "tokenizer.ggml.add_space_prefix";
    let adds_space = if file.has(key) { file.truth(key)? } else { true };
    let mut pieces = HashMap::new();
    let mut unused = HashSet::new();
    let mut bytes = [None; 256];
    for (token, ((text, kind), score)) in texts.iter().zip(kinds).zip(scores).enumerate() {
        let token = token as u32;
        match *kind {
            UNKNOWN | CONTROL | USER_DEFINED => {}
            BYTE => {
                let byte = byte_of_name(text).ok_or_else(|| file.damaged(TOKENS, format!("`{text}` is no byte")))?;
                bytes[usize::from(byte)] = Some(token);
            }
            kind => {
                pieces.insert((*text).to_owned(), (token, score));
                if kind == UNUSED {
                    unused.insert(token);
                }
            }
        }
    }
    let unknown = kinds.iter().position(|kind| *kind == UNKNOWN).map(|token| token as u32);
    Ok(Encoder::Pieces(Box::new(SentencePieces { pieces, unused, bytes, unknown, adds_space })))
}
