//! Random walks: whatever the logits, the text is one that the constraint allows.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Constraint, Format, TokenSet, Vocabulary};
use crate::error::GenerateError;
use crate::tiny::Tiny;
use crate::tokens::Tokens;
use crate::weights::Weights;

/// Tokens of one byte, and of several that straddle marks, words and characters.
const MERGED: [&str; 14] =
    ["the", " the", "\":", "{\"", "\", \"", "in 19", " \"", ".\" ", "62", "tru", "é", " été\u{bb} ", "\u{ab}", "ers"];

fn tokens() -> Arc<Tokens> {
    let mut tiny = Tiny::new();
    tiny.add_tokens(&MERGED);
    Arc::new(Tokens::load(&Weights::open(&tiny.write()).expect("opens")).expect("loads"))
}

fn vocabulary(tokens: &Arc<Tokens>) -> Vocabulary {
    Vocabulary::new(Arc::clone(tokens)).expect("the tokens have bytes")
}

/// Draws among the allowed tokens until the text ends; prefers the end from `patience` on. The text, and
/// whether it ended by itself.
fn walk(tokens: &Tokens, mut constraint: Constraint, random: &mut StdRng, patience: usize) -> (String, bool) {
    let mut bytes = Vec::new();
    for step in 0..patience + 4000 {
        if constraint.is_finished() {
            return (String::from_utf8(bytes).expect("whole characters"), true);
        }
        let forced = constraint.forced();
        let allowed = constraint.allowed().expect("something may follow").clone();
        let choices = listed(&allowed);
        if let Some(first) = forced.first() {
            assert!(choices.contains(first), "a forced token is allowed");
        }
        let end = choices.iter().find(|token| tokens.is_end(**token)).filter(|_| step >= patience);
        // Marks are rare among all tokens, and what is between them is what matters.
        let mark = choices.iter().find(|token| tokens.bytes(**token) == b"\"").filter(|_| random.random_bool(0.2));
        let token = *end.or(mark).or_else(|| choices.choose(random)).expect("the set is not empty");
        constraint.accept(token).expect("it was allowed");
        if tokens.is_end(token) {
            assert!(constraint.is_finished());
        }
        bytes.extend(tokens.bytes(token));
    }
    (String::from_utf8_lossy(&bytes).into_owned(), false)
}

fn listed(set: &TokenSet) -> Vec<u32> {
    set.to_list()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it is the test")]
struct Bottle {
    name: String,
    year: u16,
    grapes: Vec<Grape>,
    price: Option<f64>,
    cellar: BTreeMap<String, bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Grape {
    Pinot,
    Chardonnay,
}

fn bottle() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 8},
            "year": {"type": "integer", "minimum": 1900, "maximum": 2100},
            "grapes": {"type": "array", "items": {"$ref": "#/$defs/grape"}, "minItems": 1, "maxItems": 3},
            "price": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1000}, {"type": "null"}]},
            "cellar": {"type": "object", "properties": {"left": {"type": "boolean"}}, "additionalProperties": false},
        },
        "required": ["name", "year", "grapes", "price", "cellar"],
        "additionalProperties": false,
        "$defs": {"grape": {"enum": ["pinot", "chardonnay"]}},
    })
}

fn constraint(vocabulary: &Vocabulary, format: &Format) -> Constraint {
    Constraint::new(vocabulary, format).expect("it compiles").expect("it constrains")
}

#[test]
fn any_walk_through_a_schema_is_valid() {
    let tokens = tokens();
    let vocabulary = vocabulary(&tokens);
    let first = constraint(&vocabulary, &Format::JsonSchema { schema: bottle(), strict: true });
    let mut ended = 0;
    for seed in 0..60 {
        let (text, whole) = walk(&tokens, first.clone(), &mut StdRng::seed_from_u64(seed), 0);
        if whole {
            let bottle = serde_json::from_str::<Bottle>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!((1900..=2100).contains(&bottle.year) && (1..=3).contains(&bottle.grapes.len()), "{text}");
            assert!(bottle.name.chars().count() <= 8, "{text}");
            ended += 1;
        }
    }
    assert!(ended >= 55, "only {ended} walks ended");
}

#[test]
fn any_walk_through_an_object_is_an_object() {
    let tokens = tokens();
    let first = constraint(&vocabulary(&tokens), &Format::JsonObject);
    for seed in 0..30 {
        let (text, whole) = walk(&tokens, first.clone(), &mut StdRng::seed_from_u64(seed), 0);
        if whole {
            // Numbers may be larger than any that Rust reads: they are not read.
            let read = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            read.unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(text.trim_start().starts_with('{'), "{text}");
        }
    }
}

type Check = fn(&str) -> bool;

#[test]
fn any_walk_through_a_regex_matches() {
    let tokens = tokens();
    let vocabulary = vocabulary(&tokens);
    let cases: [(&str, Check); 3] = [
        (r"[a-f]{2,5}/\d{3}", |text| {
            text.split_once('/').is_some_and(|(left, right)| {
                (2..=5).contains(&left.len())
                    && left.bytes().all(|byte| (b'a'..=b'f').contains(&byte))
                    && right.chars().count() == 3
                    && right.chars().all(char::is_numeric)
            })
        }),
        ("(yes|no|été)", |text| ["yes", "no", "été"].contains(&text)),
        (r"(the )*end\.", |text| text.ends_with("end.") && text.replace("the ", "") == "end."),
    ];
    for (pattern, matches) in cases {
        let first = constraint(&vocabulary, &Format::Regex(pattern.into()));
        for seed in 0..40 {
            let (text, whole) = walk(&tokens, first.clone(), &mut StdRng::seed_from_u64(seed), 0);
            assert!(whole && matches(&text), "{pattern}: {text}");
        }
    }
}

#[test]
fn any_walk_through_quotes_quotes_passages() {
    const PASSAGES: [&str; 3] = [
        "The orchard was planted in 1962 by Marthe Keller. It has two hundred quince trees.",
        "Elle dit «\u{a0}nous étions jeunes cet été-là\u{a0}» et rit — the others, too: \"planted in 1962\" they say.",
        "the the the the the the the orchards",
    ];
    let tokens = tokens();
    let vocabulary = vocabulary(&tokens);
    let quotes = constraint(&vocabulary, &Format::Quotes(PASSAGES.map(str::to_owned).to_vec()));
    let mut seen = 0;
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        // Free text may hold parts of characters.
        let mut bytes = Vec::new();
        let mut constraint = quotes.clone();
        for step in 0..3000 {
            let choices = listed(constraint.allowed().expect("something may follow"));
            let end = choices.iter().find(|token| tokens.is_end(**token)).filter(|_| step > 300);
            let mark = choices.iter().find(|token| tokens.bytes(**token) == b"\"").filter(|_| random.random_bool(0.3));
            let token = *end.or(mark).or_else(|| choices.choose(&mut random)).expect("not empty");
            constraint.accept(token).expect("it was allowed");
            bytes.extend(tokens.bytes(token));
            if constraint.is_finished() {
                break;
            }
        }
        assert!(constraint.is_finished(), "quotes end, and then the text may");
        let text = String::from_utf8_lossy(&bytes);
        let mut rest = text.as_ref();
        while let Some(open) = rest.find(['"', '\u{201c}', '\u{ab}']) {
            let mark = rest[open..].chars().next().expect("it was found");
            let close = match mark {
                '\u{201c}' => '\u{201d}',
                '\u{ab}' => '\u{bb}',
                other => other,
            };
            let inside = &rest[open + mark.len_utf8()..];
            let quote = &inside[..inside.find(close).expect("it is closed")];
            assert!(quote.len() >= 12 && PASSAGES.iter().any(|passage| passage.contains(quote)), "{quote}");
            rest = &inside[quote.len() + close.len_utf8()..];
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} quotes");
}

#[test]
fn what_cannot_be_enforced_is_refused_with_its_place() {
    let vocabulary = vocabulary(&tokens());
    let deep = (0..100).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    let strict = |schema: Value| Format::JsonSchema { schema, strict: true };
    for (format, part) in [
        (
            strict(json!({"type": "object", "properties": {"a": {"type": "array", "items": {"not": {}}}}})),
            "/properties/a/items",
        ),
        (strict(json!({"type": "object", "properties": {"a": {"type": "strin"}}})), "strin"),
        (strict(json!({"type": "string", "format": "no-such"})), "no-such"),
        (strict(json!({"$ref": "#/$defs/missing"})), "missing"),
        (strict(json!({"$ref": "https://example.invalid/schema"})), ""),
        (strict(json!(["type"])), "object"),
        (strict(json!({"type": "integer", "minimum": 5, "maximum": 1})), ""),
        (Format::Regex("(unclosed".into()), "unclosed"),
        (Format::Regex(r"a(?=b)".into()), "look-around"),
        (Format::Regex("(".repeat(5000)), ""),
    ] {
        match Constraint::new(&vocabulary, &format) {
            Err(GenerateError::Format { reason }) => assert!(reason.contains(part), "{reason} has no {part}"),
            other => panic!("{format:?}: {other:?}"),
        }
    }
    let lenient = Format::JsonSchema { schema: json!({"type": "string", "format": "no-such"}), strict: false };
    assert!(Constraint::new(&vocabulary, &lenient).is_ok());
    assert!(Constraint::new(&vocabulary, &strict(deep)).is_ok());
    // A million million letters take no more room than their pattern.
    let mut long = constraint(&vocabulary, &Format::Regex("((((a{1000}){1000}){1000}){1000})".into()));
    assert!(long.allowed().is_ok_and(|allowed| allowed.num_set() > 0));
    assert!(Constraint::new(&vocabulary, &Format::Text).is_ok_and(|constraint| constraint.is_none()));
}
