//! The honest sentence where the passages hold no answer, in the question's language.

use crate::words::folded_words;

struct Language {
    sentence: &'static str,
    /// Folded words that are frequent in questions of this language and rare in the others.
    words: &'static str,
}

const LANGUAGES: [Language; 7] = [
    Language {
        sentence: "The documents do not answer this question.",
        words: "what who when where which how why is are was were does did do the of and many much in on to",
    },
    Language {
        sentence: "Les documents ne répondent pas à cette question.",
        words: "quel quelle quels quelles qui que qu est ce sont comment combien pourquoi ou quand la le les l d du des une et dans par pour au",
    },
    Language {
        sentence: "Die Dokumente beantworten diese Frage nicht.",
        words: "was wer wo wann wie warum welche welcher welches ist sind war waren der die das den dem wird hat viele und im von",
    },
    Language {
        sentence: "Los documentos no responden a esta pregunta.",
        words: "que quien cual cuales cuando donde como cuanto cuantos cuantas por es el la los las fue son del y en",
    },
    Language {
        sentence: "I documenti non rispondono a questa domanda.",
        words: "che chi cosa qual quale quali quando dove come quanto quanti quante perche e il lo gli della di nel sono stato",
    },
    Language {
        sentence: "De documenten beantwoorden deze vraag niet.",
        words: "wat wie waar wanneer waarom hoe hoeveel welke welk is zijn de het een van werd heeft in op en",
    },
    Language {
        sentence: "Os documentos não respondem a esta pergunta.",
        words: "que quem qual quais quando onde como quanto quantos quantas por foi o os as do da dos das em sao e no na",
    },
];

/// By the question's function words; English where they tell nothing.
pub(crate) fn sentence(question: &str) -> &'static str {
    let words = folded_words(question);
    let hits = |language: &Language| {
        words.iter().filter(|word| language.words.split(' ').any(|own| own == word.as_str())).count()
    };
    let mut best = &LANGUAGES[0];
    for language in &LANGUAGES[1..] {
        if hits(language) > hits(best) {
            best = language;
        }
    }
    best.sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_is_in_the_question_s_language() {
        for (question, beginning) in [
            ("What is the capital of France?", "The documents"),
            ("Quelle est la capitale de la France ?", "Les documents"),
            ("Qui a écrit ce livre ?", "Les documents"),
            ("Was ist die Hauptstadt von Frankreich?", "Die Dokumente"),
            ("¿Cuál es la capital de Francia?", "Los documentos"),
            ("Qual è la capitale della Francia?", "I documenti"),
            ("Wat is de hoofdstad van het land?", "De documenten"),
            ("Quem foi o rei do Brasil?", "Os documentos"),
            ("xyzzy", "The documents"),
        ] {
            assert!(sentence(question).starts_with(beginning), "{question}");
        }
    }
}
