use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use terroir_store::{Language, detect};

use super::of_chunks;
use crate::blocks::BlockBuilder;
use crate::chunk::{Chunk, TokenCounter, chunk};
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::limits::Limits;
use crate::parse::parse;

const MIN_RIGHT: f64 = 0.95;

/// Two special tokens, and a token for each four bytes of a word, as models of one language have them.
struct Words;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        2 + text.split_whitespace().map(|word| word.len().div_ceil(4)).sum::<usize>()
    }
}

fn document(blocks: &[(BlockKind, &str)]) -> ParsedDocument {
    let mut builder = BlockBuilder::default();
    for (kind, text) in blocks {
        builder.push(*kind, text);
    }
    ParsedDocument::flowing(MediaType::Text, None, builder.finish(), None)
}

fn languages(document: &ParsedDocument, max_tokens: usize) -> Vec<Language> {
    of_chunks(document, &chunk(document, max_tokens, &Words))
}

const HEADING: BlockKind = BlockKind::Heading { level: 1 };

#[test]
fn what_says_little_follows_its_neighbours() {
    let made = document(&[
        (HEADING, "Ordre du jour"),
        (
            BlockKind::Paragraph,
            "Le conseil municipal s'est réuni mardi pour voter le budget de la commune et des écoles.",
        ),
        (HEADING, "2024"),
        (BlockKind::Table, "Total | 1 200 | 3 400\nSolde | 12 | 14"),
        (HEADING, "Installation"),
        (BlockKind::Code, "fn main() { println!(\"hello world\"); }"),
        (HEADING, "Clôture"),
        (BlockKind::Paragraph, "La séance est levée à vingt heures, et la date de la prochaine réunion reste à fixer."),
    ]);
    assert_eq!(languages(&made, 256), [Language::French; 4]);
}

#[test]
fn paragraphs_of_other_languages_keep_theirs() {
    let made = document(&[
        (HEADING, "Français"),
        (
            BlockKind::Paragraph,
            "Le conseil municipal s'est réuni mardi pour voter le budget de la commune et des écoles.",
        ),
        (HEADING, "Deutsch"),
        (
            BlockKind::Paragraph,
            "Der Gemeinderat hat am Dienstag über den Haushalt der Gemeinde und der Schulen abgestimmt.",
        ),
        (HEADING, "English"),
        (BlockKind::Paragraph, "The council met on Tuesday to vote on the budget of the village and of its schools."),
    ]);
    assert_eq!(languages(&made, 256), [Language::French, Language::German, Language::English]);
}

#[test]
fn a_document_may_say_its_language_where_words_do_not() {
    let mut made = document(&[(BlockKind::Paragraph, "Quantum 12")]);
    made.metadata.language = Some("de-CH".into());
    assert_eq!(languages(&made, 256), [Language::German]);
    let other = document(&[(BlockKind::Paragraph, "会议于星期二举行")]);
    assert_eq!(languages(&other, 256), [Language::Other]);
}

/// Right and all, of the detection alone and with what is around.
#[derive(Debug, Default)]
struct Tally {
    alone: usize,
    around: usize,
    chunks: usize,
}

#[derive(Default)]
struct Tallies(BTreeMap<String, Tally>);

impl Tallies {
    fn count(&mut self, name: &str, document: &ParsedDocument, expected: impl Fn(&Chunk) -> Language) {
        let chunks = chunk(document, 256, &Words);
        let found = of_chunks(document, &chunks);
        let tally = self.0.entry(name.to_owned()).or_default();
        for (chunk, found) in chunks.iter().zip(found) {
            let expected = expected(chunk);
            tally.chunks += 1;
            tally.alone += usize::from(detect(&chunk.text) == expected);
            tally.around += usize::from(found == expected);
            if found != expected && std::env::var_os("TERROIR_SHOW").is_some() {
                println!("{name}: {found:?}, not {expected:?}: {:?}", chunk.text.chars().take(150).collect::<String>());
            }
        }
    }

    fn print_and_check(&self) {
        println!("{:<34} {:>7} {:>8} {:>12}", "labelled chunks", "chunks", "alone", "with others");
        for (name, tally) in &self.0 {
            let share = |right: usize| right as f64 / tally.chunks.max(1) as f64;
            println!("{name:<34} {:>7} {:>8.4} {:>12.4}", tally.chunks, share(tally.alone), share(tally.around));
        }
        for (name, tally) in &self.0 {
            assert!(tally.around as f64 >= MIN_RIGHT * tally.chunks as f64, "{name}");
        }
    }
}

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("{} is absent: nothing to check", folder.display());
    None
}

/// Titles and texts of a set.
fn texts(path: &Path) -> Vec<(String, String)> {
    let lines = fs_err::read_to_string(path).expect("the set can be read");
    let field = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let values = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON"));
    values.map(|value| (field(&value, "title"), field(&value, "text"))).collect()
}

const SETS: [(&str, Language); 8] = [
    ("regulation/gdpr_fr.jsonl", Language::French),
    ("regulation/gdpr_de.jsonl", Language::German),
    ("regulation/gdpr_en.jsonl", Language::English),
    ("retrieval/piaf_fr/corpus.jsonl", Language::French),
    ("retrieval/xquad_de/corpus.jsonl", Language::German),
    ("retrieval/xquad_es/corpus.jsonl", Language::Spanish),
    ("retrieval/squad2_halfdev/corpus.jsonl", Language::English),
    ("retrieval/cisi/corpus.jsonl", Language::English),
];

#[test]
#[ignore = "reads the folder of real data"]
fn chunks_of_documents_in_one_language() {
    let Some(data) = data() else { return };
    let mut tallies = Tallies::default();
    for (set, language) in SETS {
        for part in texts(&data.join(set)).chunks(20).take(10) {
            let blocks: Vec<(BlockKind, &str)> = part
                .iter()
                .flat_map(|(title, text)| [(HEADING, title.as_str()), (BlockKind::Paragraph, text.as_str())])
                .collect();
            tallies.count(set, &document(&blocks), |_| language);
        }
    }
    // One short sentence in each chunk.
    for (set, language) in &SETS[..3] {
        for part in texts(&data.join(set)).chunks(20) {
            let sentences: Vec<String> =
                part.iter().map(|(_, text)| text.chars().skip(40).take(45).collect()).collect();
            let blocks: Vec<(BlockKind, &str)> =
                sentences.iter().flat_map(|text| [(HEADING, "1"), (BlockKind::Paragraph, text.as_str())]).collect();
            tallies.count(&format!("{set}, 45 characters"), &document(&blocks), |_| *language);
        }
    }
    tallies.print_and_check();
}

#[test]
#[ignore = "reads the folder of real data"]
fn chunks_of_documents_that_change_their_language() {
    let Some(data) = data() else { return };
    let mut tallies = Tallies::default();
    let sets: Vec<(Vec<(String, String)>, Language)> =
        SETS[..3].iter().map(|(set, language)| (texts(&data.join(set)), *language)).collect();
    for (run, headings) in [(1, true), (2, true), (1, false), (3, false)] {
        let mut blocks = Vec::new();
        let mut marks = Vec::new();
        for index in 0..90 {
            let (texts, language) = &sets[index / run % sets.len()];
            let Some((title, text)) = texts.get(index) else { continue };
            // Paragraphs of some sentences: articles are longer than chunks.
            let text: String = text.chars().take(700).collect();
            if headings {
                blocks.push((HEADING, title.clone()));
                marks.push(*language);
            }
            blocks.push((BlockKind::Paragraph, text));
            marks.push(*language);
        }
        let borrowed: Vec<(BlockKind, &str)> = blocks.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
        let made = document(&borrowed);
        let ranges = made.block_ranges();
        let most = |chunk: &Chunk| {
            let mut chars: BTreeMap<Language, u32> = BTreeMap::new();
            for ((start, end), language) in ranges.iter().zip(&marks) {
                let common = chunk.char_end.min(*end).saturating_sub(chunk.char_start.max(*start));
                *chars.entry(*language).or_default() += common;
            }
            chars.into_iter().max_by_key(|(_, count)| *count).map_or(Language::Other, |(language, _)| language)
        };
        let name = format!("changes every {run}{}", if headings { ", headings" } else { "" });
        tallies.count(&name, &made, most);
    }
    tallies.print_and_check();
}

#[test]
#[ignore = "reads the folder of real data"]
fn chunks_of_real_files_with_tables_and_lists() {
    let Some(data) = data() else { return };
    let mut tallies = Tallies::default();
    let files = [
        ("documents/mymairie_fr", "pdf", Language::French),
        ("documents/typeset", "pdf", Language::German),
        ("documents/financial-filings/pdfs", "pdf", Language::English),
    ];
    for (folder, extension, language) in files {
        let folder_path = data.join(folder);
        let mut paths: Vec<PathBuf> = fs_err::read_dir(&folder_path)
            .expect("the folder can be listed")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        let matching = paths.iter().filter(|path| path.extension().is_some_and(|found| found == extension));
        for path in matching.take(25) {
            // One of the typeset documents is in French.
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let language = if name.starts_with("fr_") { Language::French } else { language };
            let bytes = fs_err::read(path).expect("the file can be read");
            if bytes.len() < 2 << 20
                && let Ok(document) = parse(&bytes, Some(&name), &Limits::default())
            {
                tallies.count(folder, &document, |_| language);
            }
        }
    }
    tallies.print_and_check();
}
