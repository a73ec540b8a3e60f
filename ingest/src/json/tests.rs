use super::*;

fn blocks(media_type: MediaType, text: &str) -> Vec<(&'static str, String)> {
    let document = parse(media_type, text.as_bytes(), &Limits::default()).unwrap();
    document.blocks.into_iter().map(|block| (block.kind.as_str(), block.text)).collect()
}

fn expected<const N: usize>(blocks: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
    blocks.map(|(kind, text)| (kind, text.to_owned())).to_vec()
}

#[test]
fn values_have_paths_and_lists_of_records_are_tables() {
    let text = r#"{"zone": "north", "open": true, "at": {"lat": 46.5, "tags": ["a", "b"]}, "none": null,
        "trees": [{"kind": "pear", "kg": 120}, {"kind": "quince", "kg": 80, "note": "late"}]}"#;
    let found = blocks(MediaType::Json, text);
    let tree = "kind | kg | note\npear | 120\nquince | 80 | late";
    let values = "zone: north\nopen: true\nat.lat: 46.5\nat.tags: a, b";
    assert_eq!(found, expected([("code", values), ("heading", "trees"), ("table", tree)]));
}

#[test]
fn records_with_texts_stand_under_their_names() {
    let long = "A sentence about the mill. ".repeat(10);
    let text = format!(
        "{{\"title\": \"The mill\", \"body\": \"{long}\", \"at\": {{\"x\": 1}}}}\n{{\"title\": \"Well\", \"n\": 2}}\n{{broken\n"
    );
    let found = blocks(MediaType::JsonLines, &text);
    let long = long.trim();
    assert_eq!(
        found,
        expected([
            ("heading", "The mill"),
            ("code", "title: The mill"),
            ("caption", "body"),
            ("paragraph", long),
            ("code", "at.x: 1"),
            ("heading", "Well"),
            ("code", "title: Well\nn: 2"),
        ])
    );
}

#[test]
fn deep_nesting_is_an_error() {
    let deep = "[".repeat(100_000);
    assert_eq!(parse(MediaType::Json, deep.as_bytes(), &Limits::default()).unwrap_err().code(), "damaged_file");
}
