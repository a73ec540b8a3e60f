use super::*;

fn blocks(source: &[u8]) -> Vec<(&'static str, String)> {
    let document = parse(source, &Limits::default()).unwrap();
    document.blocks.into_iter().map(|block| (block.kind.as_str(), block.text)).collect()
}

fn expected<const N: usize>(blocks: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
    blocks.map(|(kind, text)| (kind, text.to_owned())).to_vec()
}

pub(crate) const SOURCE: &[u8] = b"{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fnil Times;}{\\f1\\fcharset204 Arial CYR;}}\
    {\\stylesheet{\\s1\\outlinelevel0 heading 1;}{\\*\\cs2 other;}}{\\info{\\title The mill}{\\author A. Roche}{\\creatim\\yr2019\\mo1}}{\\*\\generator X;}\
    {\\header Page}\\pard\\s1 Stones\\par\\pard\\plain Caf\\'e9 \\u8364? {\\f1\\'cc\\'e8\\'f0} \\u-10179?\\u-8704? {\\v hidden}{\\field{\\*\\fldinst HYPERLINK \"x\"}{\\fldrslt link}}{\\footnote A note.}.\\par\
    {\\listtext 1.\\tab}\\ls1 first\\par{\\pntext\\'b7\\tab}second\\par\
    \\pard\\trowd\\cellx1\\intbl a\\par b\\cell c\\cell\\row\\trowd\\intbl 1\\cell 2\\cell\\row\\pard After\\~it \\{x\\}\\par}";

#[test]
fn structure_and_encodings() {
    assert_eq!(
        blocks(SOURCE),
        expected([
            ("heading", "Stones"),
            ("paragraph", "Café € Мир 😀 link."),
            ("paragraph", "A note."),
            ("list_item", "1. first"),
            ("list_item", "second"),
            ("table", "a b | c\n1 | 2"),
            ("paragraph", "After it {x}"),
        ])
    );
    let document = parse(SOURCE, &Limits::default()).unwrap();
    assert_eq!(document.title.as_deref(), Some("The mill"));
    assert_eq!((document.metadata.authors, document.metadata.year), (vec!["A. Roche".to_owned()], Some(2019)));
}

#[test]
fn substitutes_are_as_many_as_the_file_says() {
    assert_eq!(
        blocks(b"{\\rtf1\\uc2 a\\u233 ??b{\\uc0\\u233 c}\\u233\\'c3\\'a9d}"),
        expected([("paragraph", "aébécéd")])
    );
}

#[test]
fn a_star_counts_only_where_a_group_begins() {
    assert_eq!(blocks(b"{\\rtf1 {\\b\\*\\cs7 kept}{\\*\\unknown gone}}"), expected([("paragraph", "kept")]));
}

#[test]
fn groups_that_never_close_and_too_many_of_them_end() {
    assert_eq!(blocks(b"{\\rtf1 a{\\b b{\\footnote c"), expected([("paragraph", "c"), ("paragraph", "ab")]));
    let deep = [b"{\\rtf1 ".as_slice(), &b"{".repeat(1_000_000)].concat();
    assert_eq!(parse(&deep, &Limits::default()).unwrap_err().code(), "limit_exceeded");
    assert!(blocks(b"{\\rtf1 }}}}}} text").len() == 1);
}
