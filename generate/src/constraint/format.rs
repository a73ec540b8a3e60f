//! The forms that a text can be held to.

use serde_json::{Value, json};

/// What a written text must be. Text that ends early, at the limit of tokens or a stop text, is the
/// beginning of such a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Format {
    /// Anything.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that the schema accepts. `strict` refuses keywords that cannot be enforced; otherwise the
    /// text may break what those say.
    JsonSchema { schema: Value, strict: bool },
    /// All of the text matches, in the syntax of Rust's `regex` crate; no look-around and no references back.
    Regex(String),
    /// Anything, in which whatever stands between quotation marks stands verbatim in one of these passages.
    Quotes(Vec<String>),
}

/// The schema with our options, which replace any that it came with. White space is fixed: a small model that
/// may begin a new line may never stop, and what is fixed need not be computed.
pub(super) fn with_options(schema: &Value, strict: bool) -> Value {
    let mut schema = match schema {
        // `true` and `false` are schemas; anything else that is no object is refused by the compiler.
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        other => other.clone(),
    };
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert(
            "x-guidance".to_owned(),
            json!({
                "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ",
                "lenient": !strict, "coerce_one_of": true,
            }),
        );
    }
    schema
}

/// Where in `schema` the part is that `compiles` refuses, as a JSON pointer: the deepest part that is refused
/// by itself.
pub(super) fn fault(schema: &Value, mut compiles: impl FnMut(&Value) -> bool) -> String {
    let definitions = ["$defs", "definitions"].map(|key| (key, schema.get(key).cloned()));
    let mut pointer = String::new();
    let mut part = schema;
    // Each try compiles a part of the schema: a hostile one must not make many of them.
    let mut tries = 64;
    loop {
        let mut refused = None;
        for (step, inner) in parts(part) {
            if tries == 0 {
                return pointer;
            }
            tries -= 1;
            let mut alone = inner.clone();
            if let Some(keywords) = alone.as_object_mut() {
                for (key, value) in &definitions {
                    if let Some(value) = value {
                        keywords.entry(*key).or_insert_with(|| value.clone());
                    }
                }
            }
            if !compiles(&alone) {
                refused = Some((step, inner));
                break;
            }
        }
        let Some((step, inner)) = refused else {
            return pointer;
        };
        pointer.push_str(&step);
        part = inner;
    }
}

/// The schemas right inside a schema, with their pointers from it.
fn parts(schema: &Value) -> Vec<(String, &Value)> {
    let mut parts = Vec::new();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(named)) => {
                parts.extend(named.iter().map(|(name, part)| (format!("/{keyword}/{}", escaped(name)), part)));
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(listed)) => {
                parts.extend(listed.iter().enumerate().map(|(index, part)| (format!("/{keyword}/{index}"), part)));
            }
            ("items" | "additionalProperties", Value::Object(_)) => parts.push((format!("/{keyword}"), value)),
            _ => {}
        }
    }
    parts
}

/// RFC 6901, section 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_part_at_fault_is_found() {
        let bad = |value: &Value| !value.to_string().contains("unknown");
        let schema =
            json!({"properties": {"fine": {}, "a/b": {"items": {"anyOf": [{"type": "null"}, {"unknown": 1}]}}}});
        assert_eq!(fault(&schema, bad), "/properties/a~1b/items/anyOf/1");
        assert_eq!(fault(&json!({"unknown": {}}), bad), "");
    }
}
