//! Text becomes the words that carry its content: folded, lightly stemmed, without stop words.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Function words and question words of the languages that questions are asked in, folded.
const STOP_WORDS: &str = "a about after all also am an and any are as at be been before being but by can could did do does \
doing for from had has have he her his how i if in into is it its me more most much many my no not of on or our out over \
she should so some such than that the their them then there these they this those to under up was we were what when where \
which while who whom whose why will with would you your tell explain name called \
le la les un une des du de d l au aux et ou ni mais donc car que qu qui quoi quel quelle quels quelles dont comment \
combien pourquoi quand est sont etait etaient ete etre a ont avait avoir fait faire il elle ils elles on nous vous je tu se s sa \
son ses leur leurs ce cet cette ces c n ne pas plus par pour sur dans en avec sans sous y m t j lequel laquelle \
der die das den dem des ein eine einer eines einem einen und oder aber ist sind war waren wird werden hat haben hatte wer was wo \
wann wie warum wieso welche welcher welches wem wen im in am an auf aus bei mit nach von vor zu zum zur fur uber nicht sich es er \
sie ihr wir man als auch dass \
el los las una unos unas y o del al es son era fue ser ha han como cuando donde quien que cual cuales cuanto cuantos por para con \
sin su sus se lo \
il lo gli i uno di da dal della dei delle e sono stato stata che chi cosa quale quali quando dove come quanto quanti perche con per \
su nel nella si \
het een van en is zijn was waren wordt wat wie waar wanneer waarom hoe welke met voor op te bij dat die \
o os as um uma uns umas do da dos das no na nos nas foi sao quem qual quais onde quanto";

/// Words of at least this many chars lose common endings.
const STEM_FROM_CHARS: usize = 5;

/// Distinct content words in the order of the text.
pub(crate) fn content_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in folded_words(text) {
        if is_stop_word(&word) {
            continue;
        }
        let stem = stem(&word);
        if !words.contains(&stem) {
            words.push(stem);
        }
    }
    words
}

/// Lowercase, without accents, split at everything but letters and digits.
pub(crate) fn folded_words(text: &str) -> Vec<String> {
    let folded = text.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase).collect::<String>();
    let words = folded.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(ToOwned::to_owned).collect()
}

/// Numbers as they are written: a statement must not change one.
pub(crate) fn numbers(text: &str) -> Vec<String> {
    let runs = text.split(|char: char| !(char.is_ascii_digit() || matches!(char, '.' | ',')));
    let runs = runs.map(|run| run.trim_matches(['.', ',']).replace(',', "."));
    runs.filter(|run| !run.is_empty()).collect()
}

/// Folded words of the question that name something: capitals inside it, and digits. What a sentence, or a
/// language as German, writes with a capital anyway is no name for that.
pub(crate) fn names(question: &str, capitals_name: bool) -> Vec<String> {
    let mut names = Vec::new();
    for (place, word) in question.split_whitespace().enumerate() {
        let after_quote = word.trim_start_matches(|char: char| !char.is_alphanumeric());
        // French elides before a name: "d'Amiens".
        let bare = after_quote.rsplit(['\'', '’']).find(|part| part.chars().count() > 1).unwrap_or(after_quote);
        let capital = place > 0 && capitals_name && bare.starts_with(char::is_uppercase);
        for part in folded_words(bare) {
            let digits = part.chars().filter(char::is_ascii_digit).collect::<String>();
            // "FY2022" is found as "2022".
            let name = if digits.is_empty() { part } else { digits };
            let names_something =
                capital && !is_stop_word(&name) || name.starts_with(|char: char| char.is_ascii_digit());
            if names_something && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn is_stop_word(word: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split(' ').collect());
    SET.contains(word)
}

/// Endings of number, tense and derivation that the languages share. Crude on purpose: both sides of a
/// comparison go through it.
fn stem(word: &str) -> String {
    const ENDINGS: [&str; 17] = [
        "ements", "ement", "ations", "ation", "ingly", "ings", "ing", "edly", "ies", "ied", "es", "ed", "en", "er",
        "e", "s", "y",
    ];
    let chars = word.chars().count();
    if chars < STEM_FROM_CHARS || word.chars().any(char::is_numeric) {
        return word.strip_suffix('s').filter(|_| chars == 4).unwrap_or(word).to_owned();
    }
    for ending in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 3
        {
            return stem.to_owned();
        }
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_stemmed_and_without_stop_words() {
        for (text, expected) in [
            ("What is the capital of France?", &["capital", "franc"][..]),
            ("Quelle est la capitale de l'Île ?", &["capital", "ile"]),
            ("parking PARKED parks", &["park"]),
            ("Who wrote it?", &["wrot"]),
            ("", &[]),
        ] {
            assert_eq!(content_words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_are_capitals_and_digits_inside_a_question() {
        for (question, expected) in [
            ("What did Marthe Keller plant in 1962?", &["marthe", "keller", "1962"][..]),
            ("Quelle est la population d'Amiens ?", &["amiens"]),
            ("What was 3M's capital expenditure in FY2018?", &["3", "2018"]),
            ("How deep is the well?", &[]),
        ] {
            assert_eq!(names(question, true), expected, "{question}");
        }
        assert_eq!(names("Wie tief ist der Brunnen von 1874?", false), ["1874"]);
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(numbers("In 1999, 3.5 % of 1,200."), ["1999", "3.5", "1.200"]);
    }
}
