//! The vocabulary of a folder with safetensors: `tokenizer.json`, read by the library that wrote it, and the
//! files beside it that say where a text begins and ends.

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr as _;

use serde_json::{Map, Value};
use tokenizers::Tokenizer;

use super::bytes::{byte_of_name, bytes_of};
use super::sentence_pieces::SPACE;
use super::special::{Entry, Strips};
use super::{Encoder, Parts};
use crate::error::{GenerateError, Result};
use crate::weights::{read_json, read_json_if_there};

const FILE: &str = "tokenizer.json";
/// Far above any vocabulary.
const MOST_TOKENS: u64 = 1 << 22;

type Object = Map<String, Value>;

/// Of the files in `directory`.
pub(super) fn parts(directory: &Path) -> Result<Parts> {
    let path = directory.join(FILE);
    let mut json = read_json(&path)?;
    let special = special(&path, &json)?;
    let texts = texts(&path, &json, &special)?;
    let bytes = bytes(&json, &texts, &special);
    let begins = begins(&json);
    hide(&mut json, &special);
    let encoder = encoder(&path, &json)?;

    let beside = |name: &str| Ok::<_, GenerateError>(read_json_if_there(&directory.join(name))?.unwrap_or_default());
    let (named, generation, config) =
        (beside("tokenizer_config.json")?, beside("generation_config.json")?, beside("config.json")?);
    let token_of = |text: &str| texts.iter().position(|known| known == text).map(|token| token as u32);
    let named_token = |key: &str| match named.get(key) {
        Some(Value::String(text)) => token_of(text),
        Some(Value::Object(token)) => token.get("content").and_then(Value::as_str).and_then(token_of),
        _ => None,
    };
    let numbered = |from: &Object, key: &str| {
        let tokens = match from.get(key) {
            Some(Value::Array(tokens)) => tokens.as_slice(),
            Some(token) => std::slice::from_ref(token),
            None => &[],
        };
        let tokens = tokens.iter().filter_map(Value::as_u64).filter(|token| (*token as usize) < texts.len());
        tokens.map(|token| token as u32).collect::<Vec<_>>()
    };
    let begin = named_token("bos_token").or_else(|| numbered(&config, "bos_token_id").first().copied());
    let more_ends = [numbered(&generation, "eos_token_id"), numbered(&config, "eos_token_id")].concat();
    Ok(Parts {
        encoder,
        special,
        bytes,
        begin,
        adds_begin: named.get("add_bos_token").and_then(Value::as_bool).unwrap_or(begins) && begin.is_some(),
        end: named_token("eos_token").or_else(|| more_ends.first().copied()),
        more_ends,
        texts,
    })
}

fn damaged(path: &Path, part: &str, reason: impl Into<String>) -> GenerateError {
    GenerateError::Damaged { file: path.to_owned(), part: part.to_owned(), reason: reason.into() }
}

fn special(path: &Path, json: &Object) -> Result<Vec<Entry>> {
    let key = "added_tokens";
    let added = json.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let entries = added.iter().map(|token| {
        let is = |key: &str| token.get(key).and_then(Value::as_bool).unwrap_or(false);
        let text = token.get("content").and_then(Value::as_str);
        let number = token.get("id").and_then(Value::as_u64).filter(|number| *number < MOST_TOKENS);
        let (Some(text), Some(number)) = (text, number) else {
            return Err(damaged(path, key, "an entry has no content or no id in range"));
        };
        Ok(Entry {
            text: text.to_owned(),
            token: number as u32,
            is_control: is("special"),
            strips: Strips { left: is("lstrip"), right: is("rstrip") },
            is_word: is("single_word"),
        })
    });
    entries.collect()
}

/// By token.
fn texts(path: &Path, json: &Object, special: &[Entry]) -> Result<Vec<String>> {
    let key = "model.vocab";
    let model = json.get("model").and_then(Value::as_object);
    let kind = model.and_then(|model| model.get("type")).and_then(Value::as_str).unwrap_or("BPE");
    let vocabulary = model.and_then(|model| model.get("vocab")).and_then(Value::as_object);
    let Some(vocabulary) = vocabulary.filter(|_| kind == "BPE") else {
        let reason = format!("`{kind}` cannot be read; only BPE with its vocabulary can");
        return Err(GenerateError::Unreadable { file: path.to_owned(), part: "model.type".into(), reason });
    };
    let mut texts = Vec::new();
    let ordinary = vocabulary.iter().map(|(text, number)| (text, number.as_u64()));
    for (text, number) in ordinary.chain(special.iter().map(|entry| (&entry.text, Some(entry.token.into())))) {
        let Some(number) = number.filter(|number| *number < MOST_TOKENS) else {
            return Err(damaged(path, key, format!("`{text}` has no id in range")));
        };
        let number = number as usize;
        if texts.len() <= number {
            texts.resize(number + 1, String::new());
        }
        texts[number].clone_from(text);
    }
    Ok(texts)
}

/// Of every token; none for what is not written.
fn bytes(json: &Object, texts: &[String], special: &[Entry]) -> Vec<Vec<u8>> {
    let falls_back = json.get("model").and_then(|model| model.get("byte_fallback")).and_then(Value::as_bool);
    let has_spaces = [json.get("decoder"), json.get("pre_tokenizer")].into_iter().flatten().any(names_metaspace);
    let is_pieces = falls_back == Some(true) || has_spaces;
    let ordinary = texts.iter().map(|text| {
        if !is_pieces {
            return bytes_of(text);
        }
        byte_of_name(text).map_or_else(|| text.replace(SPACE, " ").into_bytes(), |byte| vec![byte])
    });
    let mut bytes = ordinary.collect::<Vec<_>>();
    for entry in special {
        bytes[entry.token as usize] = if entry.is_control { Vec::new() } else { entry.text.clone().into_bytes() };
    }
    bytes
}

fn names_metaspace(step: &Value) -> bool {
    let is_named = step.get("type").and_then(Value::as_str) == Some("Metaspace");
    let inner = ["decoders", "pretokenizers"].iter().filter_map(|key| step.get(key).and_then(Value::as_array));
    is_named || inner.flatten().any(names_metaspace)
}

/// Whether the library would put a token before every text.
fn begins(json: &Object) -> bool {
    fn first_is_special(step: &Value) -> bool {
        let single = step.get("single").and_then(Value::as_array).and_then(|single| single.first());
        let inner = step.get("processors").and_then(Value::as_array);
        single.is_some_and(|first| first.get("SpecialToken").is_some())
            || inner.is_some_and(|steps| steps.iter().any(first_is_special))
    }
    json.get("post_processor").is_some_and(first_is_special)
}

/// Special tokens are found by [`super::special`]; what only our text may hold is no word of the vocabulary.
fn hide(json: &mut Object, special: &[Entry]) {
    for key in ["added_tokens", "post_processor", "truncation", "padding"] {
        json.remove(key);
    }
    let Some(model) = json.get_mut("model").and_then(Value::as_object_mut) else {
        return;
    };
    let mut kept = HashSet::new();
    kept.extend(model.get("unk_token").and_then(Value::as_str).map(str::to_owned));
    for merge in model.get("merges").and_then(Value::as_array).into_iter().flatten() {
        let pair = match merge {
            Value::String(pair) => pair.split_once(' '),
            Value::Array(pair) => pair.first().and_then(Value::as_str).zip(pair.get(1).and_then(Value::as_str)),
            _ => None,
        };
        if let Some((left, right)) = pair {
            kept.extend([left.to_owned(), right.to_owned(), format!("{left}{right}")]);
        }
    }
    if let Some(vocabulary) = model.get_mut("vocab").and_then(Value::as_object_mut) {
        let hidden = special.iter().filter(|entry| entry.needs_trust() && !kept.contains(&entry.text));
        let hidden = hidden.map(|entry| entry.text.as_str()).collect::<HashSet<_>>();
        vocabulary.retain(|text, _| !hidden.contains(text.as_str()));
    }
}

fn encoder(path: &Path, json: &Object) -> Result<Encoder> {
    let build = |json: &Object| {
        let text = serde_json::to_string(json).map_err(|error| damaged(path, FILE, error.to_string()))?;
        Tokenizer::from_str(&text).map(Box::new).map_err(|error| damaged(path, FILE, error.to_string()))
    };
    let mut later = json.clone();
    let differs = later.get_mut("pre_tokenizer").is_some_and(without_first_space);
    Ok(Encoder::Library { first: build(json)?, later: differs.then(|| build(&later)).transpose()? })
}

/// A space that the library puts before the first part of a text, and only there.
fn without_first_space(step: &mut Value) -> bool {
    if let Some(scheme) = step.get_mut("prepend_scheme")
        && scheme == "first"
    {
        *scheme = "never".into();
        return true;
    }
    let inner = step.get_mut("pretokenizers").and_then(Value::as_array_mut);
    let mut changed = false;
    for step in inner.into_iter().flatten() {
        changed |= without_first_space(step);
    }
    changed
}
