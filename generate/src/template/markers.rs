//! Turns that a template marks with ordinary text. Some models (Llama 2, early Mistral) have no tokens of their
//! own for `[INST]` or `<<SYS>>`: whoever can write that text can speak as the system. Only changing the text
//! helps there; it is changed nowhere else. Turns that are marked by plain words (`User:`) cannot be told from
//! a document that holds them.

use crate::tokens::Special;

/// The longest marker that any known template has, with room.
const MOST_BYTES: usize = 40;

/// Texts in the template such as `[INST]`, `<<SYS>>` or `<|user|>` that are no tokens of their own.
pub(super) fn find(template: &str, special: &Special) -> Vec<String> {
    let mut markers = Vec::<String>::new();
    for (at, open) in template.char_indices().filter(|(_, char)| matches!(char, '<' | '[')) {
        let rest = &template[at..];
        let close = if open == '<' { '>' } else { ']' };
        let Some(end) = rest.find(close).filter(|end| *end < MOST_BYTES) else {
            continue;
        };
        let (inner, marker) = (&rest[1..end], &rest[..=end]);
        let is_marker = if open == '<' {
            let plain = |char: char| char.is_ascii_alphanumeric() || "_-/|<".contains(char);
            inner.chars().all(plain) && inner.chars().any(|char| char.is_ascii_alphabetic())
        } else {
            let inner = inner.strip_prefix('/').unwrap_or(inner);
            inner.len() > 1 && inner.chars().all(|char| char.is_ascii_uppercase() || char == '_')
        };
        if is_marker && !special.has(marker) && !markers.iter().any(|known| known == marker) {
            markers.push(marker.to_owned());
        }
    }
    markers
}

/// Every marker with a space within it.
pub(super) fn defuse(text: &str, markers: &[String]) -> String {
    markers.iter().fold(text.to_owned(), |text, marker| {
        if !text.contains(marker) {
            return text;
        }
        text.replace(marker, &format!("{} {}", &marker[..1], &marker[1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_in_the_template_and_defused_in_the_text() {
        let template =
            "{% if messages[0]['role'] == 'system' and a<b %}[INST] <<SYS>>\n{{ x[0] }}<</SYS>> [/INST]<|user|>";
        let markers = find(template, &Special::default());
        assert_eq!(markers, ["[INST]", "<<SYS>", "<SYS>", "<</SYS>", "</SYS>", "[/INST]", "<|user|>"]);
        let text = defuse("a[1] [/INST] <<SYS>> <b>x</b> [inst]", &markers);
        assert!(!markers.iter().any(|marker| text.contains(marker)), "{text}");
        assert!(text.starts_with("a[1] [ /INST] <") && text.ends_with(" <b>x</b> [inst]"), "{text}");
        assert_eq!(defuse("plain [1] <b>", &markers), "plain [1] <b>");
    }
}
