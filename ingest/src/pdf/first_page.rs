//! What the first page of a publication says about it: identifier, title, authors.

use std::ops::Range;

use crate::document::{Block, BlockKind};
use crate::dublin_core::doi;
use crate::title::sensible;

/// The head of a page, and its foot where publishers put the identifier, are within so many characters.
const MAX_CHARS: usize = 12_000;
/// Blocks between the title and the names of the authors.
const MAX_BLOCKS_TO_AUTHORS: usize = 2;
/// More names in one line than this are no line of authors.
const MAX_AUTHORS: usize = 40;

/// The identifier that the first page gives, if it gives one: several are those of other works.
pub(super) fn identifier(blocks: &[Block]) -> Option<String> {
    let texts: Vec<&str> = on_first_page(blocks).map(|block| block.text.as_str()).collect();
    let text: String = texts.join("\n").chars().take(MAX_CHARS).collect();
    let mut found: Vec<String> = Vec::new();
    for (start, _) in text.match_indices("10.") {
        let before: String = text[..start].chars().rev().take(12).collect::<String>().to_lowercase();
        // Reversed: `doi`, `doi.org/`, `doi:`.
        if before.contains("iod")
            && let Some(identifier) = doi(&text[start..])
            && !found.contains(&identifier)
        {
            found.push(identifier);
        }
    }
    match found.as_slice() {
        [] => preprint(&text),
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// Every preprint on arXiv has the identifier that its stamp on the margin makes.
fn preprint(text: &str) -> Option<String> {
    let (_, stamp) = text.split_once("arXiv:")?;
    let number: String = stamp.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let (month, serial) = number.trim_end_matches('.').split_once('.')?;
    (month.len() == 4 && matches!(serial.len(), 4 | 5)).then(|| format!("10.48550/arXiv.{month}.{serial}"))
}

/// The largest heading, the first of them. The heading of a section is no title.
pub(super) fn title(blocks: &[Block]) -> Option<String> {
    let parts: Vec<&str> = blocks[main_heading(blocks)?].iter().map(|block| block.text.as_str()).collect();
    sensible(&parts.join(" ")).filter(|title| !is_section(title))
}

/// The blocks of the main heading: a change of font in the middle of it makes it two.
fn main_heading(blocks: &[Block]) -> Option<Range<usize>> {
    let level = |block: &Block| match block.kind {
        BlockKind::Heading { level } if block.page == Some(1) => Some(level),
        _ => None,
    };
    let top = blocks.iter().filter_map(level).min()?;
    let first = blocks.iter().position(|block| level(block) == Some(top))?;
    let is_one = |pair: &&[Block]| pair.iter().all(|block| level(block).is_some()) && is_next_line(&pair[0], &pair[1]);
    let before = blocks[..=first].windows(2).rev().take_while(is_one).count();
    let behind = blocks[first..].windows(2).take_while(is_one).count();
    Some(first - before..first + 1 + behind)
}

/// Is `below` the next line of what `above` is, as large and close to it?
fn is_next_line(above: &Block, below: &Block) -> bool {
    let (Some(last), Some(next)) = (above.lines.last(), below.lines.first()) else { return false };
    let (height, next_height) = (last.bottom - last.top, next.bottom - next.top);
    (height - next_height).abs() < 0.12 * height && (0.0..0.6 * height).contains(&(next.top - last.bottom))
}

/// `3.1 Methods`, `Contents`.
fn is_section(title: &str) -> bool {
    const SECTIONS: [&str; 14] = [
        "abstract",
        "contents",
        "table of contents",
        "introduction",
        "summary",
        "inhalt",
        "inhaltsverzeichnis",
        "einleitung",
        "zusammenfassung",
        "sommaire",
        "table des matières",
        "résumé",
        "índice",
        "indice",
    ];
    let label = title.split(' ').next().unwrap_or_default();
    let is_number = label.chars().any(|c| c.is_ascii_digit())
        && label.len() <= 6
        && label.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ')');
    is_number && title.contains(' ') && !is_year(label) || SECTIONS.contains(&title.to_lowercase().as_str())
}

fn is_year(number: &str) -> bool {
    number.len() == 4 && number.starts_with(['1', '2'])
}

/// The names below the title of an article, if nothing else can be meant.
pub(super) fn authors(blocks: &[Block]) -> Vec<String> {
    let is_article = on_first_page(blocks).any(|block| {
        let text: String = block.text.chars().take(40).collect::<String>().to_lowercase();
        ["abstract", "résumé", "zusammenfassung", "resumen", "riassunto"].iter().any(|word| text.starts_with(word))
    });
    let Some(heading) = main_heading(blocks).filter(|_| is_article) else { return Vec::new() };
    let below = blocks[heading.end..].iter().take(MAX_BLOCKS_TO_AUTHORS).take_while(|block| block.page == Some(1));
    below.map(|block| names(&block.text)).find(|names| !names.is_empty()).unwrap_or_default()
}

/// All parts of the line as names, or none.
fn names(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    if line.split(|c: char| !c.is_ascii_digit()).any(is_year) {
        return names;
    }
    let line = line.replace(" and ", ", ").replace(" et ", ", ").replace(" und ", ", ");
    for part in line.split([',', ';', '·', '•', '&', '\n']) {
        // Marks of affiliation stand behind the names.
        let name = part.trim_matches(|c: char| !c.is_alphabetic() && c != '.');
        if name.is_empty() {
            continue;
        }
        if !is_name(name) || names.len() == MAX_AUTHORS {
            return Vec::new();
        }
        names.push(name.to_owned());
    }
    names
}

/// Two to four words that begin like names, `J.` and `van` among them.
fn is_name(text: &str) -> bool {
    const PARTICLES: [&str; 14] =
        ["van", "von", "de", "der", "den", "di", "da", "del", "della", "du", "la", "le", "el", "bin"];
    const NOT_NAMES: [&str; 20] = [
        "university",
        "université",
        "universität",
        "universidad",
        "institute",
        "institut",
        "department",
        "school",
        "college",
        "laboratory",
        "lab",
        "labs",
        "center",
        "centre",
        "inc.",
        "corporation",
        "research",
        "conference",
        "proceedings",
        "journal",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_word = |word: &&str| {
        let begins = word.chars().next().is_some_and(char::is_uppercase);
        let is_plain = word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\'' | '’'));
        is_plain && (begins || PARTICLES.contains(word)) && !NOT_NAMES.contains(&word.to_lowercase().as_str())
    };
    let is_shouted = words.iter().all(|word| word.chars().all(|c| !c.is_lowercase()));
    (2..=4).contains(&words.len())
        && words.iter().all(is_word)
        && !is_shouted
        && words.last().is_some_and(|last| last.chars().count() > 1)
}

fn on_first_page(blocks: &[Block]) -> impl Iterator<Item = &Block> {
    blocks.iter().filter(|block| block.page == Some(1))
}

#[cfg(test)]
mod tests {
    use super::{Block, BlockKind, authors, identifier, is_section, names};

    fn page(blocks: &[(BlockKind, &str)]) -> Vec<Block> {
        let block = |(kind, text): &(BlockKind, &str)| Block {
            kind: *kind,
            text: (*text).to_owned(),
            heading_path: Vec::new(),
            page: Some(1),
            lines: Vec::new(),
        };
        blocks.iter().map(block).collect()
    }

    #[test]
    fn one_identifier_is_the_document_s_and_two_are_of_others() {
        for (text, expected) in [
            ("https://doi.org/10.1145/1542476.1542528", Some("10.1145/1542476.1542528")),
            ("DOI: 10.1000/182. Published 2009", Some("10.1000/182")),
            ("doi:10.1000/182 and doi:10.1000/183", None),
            ("Section 10.1/2 of the law", None),
            ("arXiv:2305.03393v1 [cs.CV] 5 May 2023", Some("10.48550/arXiv.2305.03393")),
            ("see arXiv: 12.5", None),
        ] {
            assert_eq!(identifier(&page(&[(BlockKind::Paragraph, text)])).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_names_and_other_lines() {
        assert_eq!(
            names("Andreas Gal∗+ , Brendan Eich∗ and Mike J. Shaver1"),
            ["Andreas Gal", "Brendan Eich", "Mike J. Shaver"]
        );
        assert_eq!(names("Jean-Luc d'Arc, Vincent van Gogh"), Vec::<String>::new(), "`d'Arc` may be anything");
        for line in [
            "Brown University, Providence",
            "The valley was settled long ago",
            "ANNUAL REPORT",
            "Lyon, France",
            "Anna Roche, May 2019",
            "",
        ] {
            assert_eq!(names(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn authors_only_where_there_is_an_abstract() {
        let article = [
            (BlockKind::Heading { level: 1 }, "Walls of the valley"),
            (BlockKind::Paragraph, "Anna Roche, Paul Vidal"),
            (BlockKind::Paragraph, "Abstract. The walls were counted."),
        ];
        assert_eq!(authors(&page(&article)), ["Anna Roche", "Paul Vidal"]);
        assert_eq!(authors(&page(&article[..2])), Vec::<String>::new());
    }

    #[test]
    fn headings_of_sections_are_no_titles() {
        for title in ["3.1 Methods", "Contents", "Table des matières", "23. If your country"] {
            assert!(is_section(title), "{title}");
        }
        for title in ["Walls of the valley", "2024 in numbers", "1984"] {
            assert!(!is_section(title), "{title}");
        }
    }
}
