use super::*;

fn blocks(html: &str) -> Vec<(&'static str, String)> {
    let document = parse(html.as_bytes(), &Limits::default()).unwrap();
    document.blocks.into_iter().map(|block| (block.kind.as_str(), block.text)).collect()
}

#[test]
fn content_is_kept_and_menus_are_not() {
    let html = "<title>T</title><body><nav><a href=x>Home</a></nav><header>Logo</header><ul><li><a href=1>One page</a><li><a href=2>Two</a><li><a href=3>Three</a><li><a href=4>Four</a></ul>\
        <h1>Cellar <em>rules</em></h1><p>Kept at<br>eleven degrees.<script>x()</script></p><ul><li>red<li>white</ul>\
        <table><caption>Stock</caption><tr><th>wine<th>bottles</tr><tr><td>red<td>12</tr></table><pre>a\n  b</pre><div hidden>secret</div><footer>Imprint</footer>";
    let expected = [
        ("heading", "Cellar rules"),
        ("paragraph", "Kept at eleven degrees."),
        ("list_item", "red"),
        ("list_item", "white"),
        ("caption", "Stock"),
        ("table", "wine | bottles\nred | 12"),
        ("code", "a\n  b"),
    ];
    assert_eq!(blocks(html), expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn words_of_inline_elements_join_as_they_are_written() {
    assert_eq!(blocks("<p>re<b>mark</b>able <i>and</i> so on</p>"), [("paragraph", "remarkable and so on".to_owned())]);
}

#[test]
fn declared_encodings_count() {
    let bytes = b"<html><meta charset=\"iso-8859-1\"><p>caf\xe9</p>";
    let document = parse(bytes, &Limits::default()).unwrap();
    assert_eq!(document.blocks[0].text, "café");
}

#[test]
fn deep_nesting_ends_with_an_error() {
    let html = format!("<html>{}x", "<div>".repeat(100_000));
    let error = parse(html.as_bytes(), &Limits::default()).map(|document| document.blocks.len());
    assert!(matches!(error, Err(ParseError::LimitExceeded { .. }) | Ok(1)), "{error:?}");
}
