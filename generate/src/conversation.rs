//! A question in a conversation → the same question for somebody who has not heard what came before. Retrieval knows
//! nothing of earlier questions, and "how long does it take?" finds nothing by itself.
//!
//! Rules rather than a model: small models rewrite questions that were good as they stood. A question that points back
//! gets the words of the earlier one that it does not have, in brackets; every other stays as it is.

use crate::words::{content_words, folded_words, names};

/// Words that stand for something that was named before, folded: English, French, German, Spanish, Italian, Dutch.
const POINTING: &str = "he she it they him her them his hers its their theirs this these those \
il elle ils elles lui leur leurs eux celui celle ceux celles cela ca ceci y en ce cet cette ces son sa ses \
er sie es ihm ihn ihr ihnen ihre ihrem ihren ihrer sein seine seinem seinen seiner dieser diese dieses diesem diesen dessen deren dort \
ella ellos ellas le les lo su sus este esta estos estas eso esa ese alli \
lui lei loro esso essa suo sua suoi sue questo questa questi queste quello quella \
hij zij ze het hem haar hun deze dit dat die daar";
/// Words that begin a question that goes on with another.
const GOING_ON: [&str; 12] = ["and", "but", "or", "et", "mais", "ou", "und", "aber", "oder", "y", "pero", "e"];
/// A question with so few words of its own is about something else.
const ELLIPTICAL_WORDS: usize = 1;
/// One that goes on with another may have some more.
const GOING_ON_WORDS: usize = 4;
/// A question that says so much by itself needs no more, whatever stands in it; nor does one that names something.
const COMPLETE_WORDS: usize = 4;
/// Words that are carried on, the latest first to go.
const MAX_CARRIED: usize = 8;
/// Earlier questions that are looked at.
const MAX_EARLIER: usize = 20;

/// The question with what it points back to; none if it stands by itself. `earlier`: the questions before it, oldest
/// first. `capitals_name`: a word with a capital inside a sentence names something, as it does but for German.
pub fn standalone(question: &str, earlier: &[String], capitals_name: bool) -> Option<String> {
    let mut topic: Vec<String> = Vec::new();
    for before in &earlier[earlier.len().saturating_sub(MAX_EARLIER)..] {
        let own = spoken(before);
        if points_back(before, capitals_name) {
            let new: Vec<String> = missing(&own, &topic);
            topic.extend(new);
        } else {
            topic = own;
        }
    }
    if !points_back(question, capitals_name) {
        return None;
    }
    let carried = missing(&topic, &spoken(question));
    let carried: Vec<String> = carried.into_iter().take(MAX_CARRIED).collect();
    (!carried.is_empty()).then(|| format!("{} ({})", question.trim(), carried.join(" ")))
}

/// Whether the question is about something that it does not name.
fn points_back(question: &str, capitals_name: bool) -> bool {
    let words = folded_words(question);
    let own = content_words(question).len();
    let points = words.iter().any(|word| POINTING.split_whitespace().any(|pointing| pointing == word));
    let goes_on = words.first().is_some_and(|first| GOING_ON.contains(&first.as_str()));
    let is_named = !names(question, capitals_name).is_empty();
    (goes_on && own <= GOING_ON_WORDS) || (!is_named && (own <= ELLIPTICAL_WORDS || (points && own < COMPLETE_WORDS)))
}

/// The words that carry content, as they are written.
fn spoken(question: &str) -> Vec<String> {
    let pieces = question.split(|char: char| !(char.is_alphanumeric() || matches!(char, '-' | '.' | '/')));
    let pieces = pieces.map(|piece| piece.trim_matches(['-', '.', '/'])).filter(|piece| !piece.is_empty());
    let mut words: Vec<String> = Vec::new();
    for piece in pieces.filter(|piece| !content_words(piece).is_empty()) {
        if !words.iter().any(|known| known == piece) {
            words.push(piece.to_owned());
        }
    }
    words
}

/// Those of `words` that `there` has in no form.
fn missing(words: &[String], there: &[String]) -> Vec<String> {
    let known = content_words(&there.join(" "));
    let is_new = |word: &&String| content_words(word).iter().any(|stem| !known.contains(stem));
    words.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(earlier: &[&str], question: &str) -> Option<String> {
        let earlier: Vec<String> = earlier.iter().map(|question| (*question).to_owned()).collect();
        standalone(question, &earlier, true)
    }

    #[test]
    fn what_points_back_gets_what_it_points_to() {
        for (earlier, question, expected) in [
            (
                &["When does the ferry to Évian leave?"][..],
                "How long does it take?",
                "How long does it take? (ferry Évian leave)",
            ),
            (&["Who was Marthe Keller?"], "Where did she study?", "Where did she study? (Marthe Keller)"),
            (&["Quels sont les horaires de la piscine ?"], "Et le dimanche ?", "Et le dimanche ? (horaires piscine)"),
            (&["Wann öffnet das Rathaus?"], "Und wo liegt es?", "Und wo liegt es? (öffnet Rathaus)"),
            (&["What is the AB-1234 valve?"], "Why?", "Why? (AB-1234 valve)"),
        ] {
            assert_eq!(after(earlier, question).as_deref(), Some(expected), "{question}");
        }
    }

    #[test]
    fn german_nouns_are_no_names() {
        let earlier = ["Wann öffnet das Rathaus?".to_owned()];
        let understood = standalone("Welche Farbe hat es?", &earlier, false);
        assert_eq!(understood.as_deref(), Some("Welche Farbe hat es? (öffnet Rathaus)"));
    }

    #[test]
    fn the_topic_is_that_of_the_last_question_that_stood_by_itself() {
        let earlier = ["When does the ferry leave?", "Is the mill open?", "What does it grind?"];
        assert_eq!(after(&earlier, "Who owns it?").as_deref(), Some("Who owns it? (mill open grind)"));
    }

    #[test]
    fn what_stands_by_itself_stays_as_it_is() {
        for question in [
            "Which bells were cast in Strasbourg?",
            "Quelle est la population d'Amiens ?",
            "Wie tief ist der Brunnen von 1874?",
        ] {
            assert_eq!(after(&["When does the ferry leave?"], question), None, "{question}");
        }
        assert_eq!(after(&[], "How long does it take?"), None, "nothing to point to");
        assert_eq!(after(&["Why?"], "And then?"), None);
        assert_eq!(after(&[""], ""), None);
    }
}
