//! Answers without a document that went. An answer keeps its id, question and time; of the document's passages and
//! quotes the places stay and the words go, and the answer's text keeps only what is quoted from other documents.

use serde_json::{Value, json};

use crate::ids::DocumentId;

/// Stands in an answer's text for what went.
pub(crate) const MARK: &str = "[removed]";
/// Fields that say where a quote stood, and no words of it.
const PLACES: [&str; 5] = ["document", "revision", "chunk", "media_type", "marker"];

/// Whether an answer's body holds words of a document.
pub(crate) fn quotes(body: &str, document: DocumentId) -> bool {
    match serde_json::from_str::<Value>(body) {
        Ok(body) => parts(&body).any(|part| is_of(part, document) && part["removed"] != true),
        // Not an answer as they are written here: nobody can say what is in it.
        Err(_) => body != damaged(),
    }
}

/// The body of an answer without words of a document.
pub(crate) fn without(body: &str, document: DocumentId) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(body) else {
        return damaged();
    };
    if body["outcome"] != "abstained"
        && parts(&body).any(|part| is_of(part, document))
        && let Some(text) = body["text"].as_str()
    {
        body["text"] = kept_text(text, &body["citations"], document).into();
    }
    for list in ["citations", "passages"] {
        for part in body.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if is_of(part, document) {
                blank(part);
                part["removed"] = true.into();
            }
        }
    }
    body.to_string()
}

/// In the place of a body that cannot be read.
fn damaged() -> String {
    json!({"removed": true}).to_string()
}

fn parts(body: &Value) -> impl Iterator<Item = &Value> {
    ["citations", "passages"].into_iter().flat_map(|list| body[list].as_array().into_iter().flatten())
}

fn is_of(part: &Value, document: DocumentId) -> bool {
    part["document"].as_str().and_then(|text| text.parse().ok()) == Some(document)
}

/// Numbers stay, words go.
fn blank(value: &mut Value) {
    match value {
        Value::String(text) => text.clear(),
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Object(fields) => {
            for (_, field) in fields.iter_mut().filter(|(name, _)| !PLACES.contains(&name.as_str())) {
                blank(field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text's statements end in the markers of their citations. One that is, word by word, a quote of another document
/// stays; nobody can say of any other that it owes nothing to the document.
fn kept_text(text: &str, citations: &Value, document: DocumentId) -> String {
    let quote_of = |marker: u64| {
        let citation = citations.as_array()?.iter().find(|citation| citation["marker"] == marker)?;
        (!is_of(citation, document) && citation["removed"] != true)
            .then(|| words(citation["quote"].as_str()?))
            .flatten()
    };
    let mut kept: Vec<String> = Vec::new();
    for (statement, markers, shown) in statements(text) {
        // Another document went before.
        let mut statement = statement.trim_start();
        while let Some(rest) = statement.strip_prefix(MARK) {
            kept.push(MARK.to_owned());
            statement = rest.trim_start();
        }
        let statement = words(statement);
        let stands = statement.as_ref().is_some_and(|statement| {
            markers.iter().filter_map(|marker| quote_of(*marker)).any(|quote| quote.contains(statement))
        });
        match statement {
            None if shown.is_empty() => {}
            None => kept.push(shown.to_owned()),
            Some(statement) if stands => kept.push(format!("{statement} {shown}")),
            Some(_) => kept.push(MARK.to_owned()),
        }
    }
    kept.join(" ").trim().to_owned()
}

/// The text as its words, one space between them; none if there are none.
fn words(text: &str) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

/// Each statement, the markers behind it, and how they are written: `A. [1] [2] B.` is `A.` with 1 and 2, and `B.` with
/// none.
fn statements(text: &str) -> Vec<(&str, Vec<u64>, &str)> {
    let mut found = Vec::new();
    let (mut start, mut from) = (0, 0);
    while let Some(open) = text[from..].find('[').map(|place| place + from) {
        let mut end = open;
        let mut markers = Vec::new();
        while let Some((marker, after)) = marker_at(text, end) {
            markers.push(marker);
            end = after;
        }
        if markers.is_empty() {
            from = open + 1;
            continue;
        }
        found.push((&text[start..open], markers, text[open..end].trim_end()));
        (start, from) = (end, end);
    }
    if !text[start..].trim().is_empty() {
        found.push((&text[start..], Vec::new(), ""));
    }
    found
}

/// A marker that begins here, behind white space, and where it ends.
fn marker_at(text: &str, from: usize) -> Option<(u64, usize)> {
    let rest = &text[from..];
    let digits = rest.trim_start().strip_prefix('[')?;
    let length = digits.find(']')?;
    let marker = digits[..length].parse().ok()?;
    Some((marker, text.len() - digits.len() + length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CollectionId;

    fn id(name: &str) -> DocumentId {
        DocumentId::derive(CollectionId::derive("default"), name)
    }

    fn answer(text: &str) -> String {
        let part = |marker: u32, name: &str, key: &str, words: &str| {
            json!({"marker": marker, "document": id(name).to_string(), key: words, "title": name, "media_type": "text/plain",
                   "locator": {"page": 2, "heading_path": [name], "char_start": 7}})
        };
        json!({
            "id": "1", "outcome": "answered", "text": text,
            "citations": [part(1, "heron", "quote", "Herons\nnest here."), part(2, "stork", "quote", "Storks don't.")],
            "passages": [part(1, "stork", "text", "Storks don't. At all."), part(2, "heron", "text", "Herons nest here.")],
            "model": {"name": "m"},
        })
        .to_string()
    }

    #[test]
    fn the_words_of_the_document_go_and_those_of_others_stay() {
        let body = answer("Herons nest here. [1] Storks don't. [2]");
        assert!(quotes(&body, id("heron")) && !quotes(&body, id("crane")));
        let left = without(&body, id("heron"));
        assert!(!left.to_lowercase().contains("herons") && !left.contains("\"heron\""), "{left}");
        assert!(!quotes(&left, id("heron")) && quotes(&left, id("stork")));
        let left: Value = serde_json::from_str(&left).unwrap();
        assert_eq!(left["text"], "[removed] Storks don't. [2]");
        assert_eq!(left["citations"][1]["quote"], "Storks don't.");
        assert_eq!(left["passages"][1]["locator"]["page"], 2);
        assert_eq!(left["passages"][1]["document"], id("heron").to_string());
        assert_eq!(left["model"]["name"], "m");
        // What stands behind a mark is still a quote when a third one goes.
        let still: Value = serde_json::from_str(&without(&with_third(&left), id("crane"))).unwrap();
        assert_eq!(still["text"], "[removed] Storks don't. [2]");
        // The other as well, and once more.
        let left = without(&without(&left.to_string(), id("stork")), id("stork"));
        assert_eq!(serde_json::from_str::<Value>(&left).unwrap()["text"], "[removed] [removed]");
    }

    fn with_third(answer: &Value) -> String {
        let mut answer = answer.clone();
        let crane = json!({"marker": 3, "document": id("crane").to_string(), "text": "Cranes."});
        answer["passages"].as_array_mut().unwrap().push(crane);
        answer.to_string()
    }

    #[test]
    fn free_text_is_kept_by_nobody() {
        for text in
            ["Birds nest near water.", "Birds nest. [2]", "See [3] and Herons nest here. [2] More", "Wading [a] birds"]
        {
            let left = without(&answer(text), id("heron"));
            let left: Value = serde_json::from_str(&left).unwrap();
            let left = left["text"].as_str().unwrap();
            assert!(left.split_whitespace().all(|word| word == MARK), "{text}: {left}");
        }
        let untouched: Value = serde_json::from_str(&without(&answer("Birds."), id("crane"))).unwrap();
        assert_eq!(untouched["text"], "Birds.");
    }

    #[test]
    fn what_cannot_be_read_goes_as_a_whole() {
        let left = without("{\"text\": \"Herons", id("heron"));
        assert!(!left.contains("Herons") && !quotes(&left, id("heron")));
    }
}
