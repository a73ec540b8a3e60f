//! What a file says about the document in it: its Info dictionary, its XMP packet, its first page.

use lopdf::Document;

use super::budget::Budget;
use super::xmp::Packet;
use super::{first_page, lookup};
use crate::document::{Block, Metadata};
use crate::dublin_core::{doi, year};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::title::sensible;

/// Publishers write the identifier into one of these fields.
const IDENTIFIER_KEYS: [&[u8]; 4] = [b"doi", b"DOI", b"WPS-ARTICLEDOI", b"Subject"];

/// Title and the rest. What was written on purpose counts before what programs write, that before what the first
/// page looks like.
pub(super) fn read(
    document: &Document,
    blocks: &[Block],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<(Option<String>, Metadata), ParseError> {
    let info = lookup::dictionary(document, &document.trailer, b"Info");
    let field = |key: &[u8]| Some(lookup::text(lookup::value(document, info?, key)?.as_str().ok()?));
    let packet = Packet::read(document, limits, budget)?;
    let title = field(b"Title").and_then(|title| sensible(&title));
    let title = title.or(packet.title).or_else(|| first_page::title(blocks));

    let mut metadata = Metadata::default();
    for name in authors(&field(b"Author").unwrap_or_default(), &packet.authors) {
        metadata.add_authors(&name);
    }
    if metadata.authors.is_empty() {
        for name in first_page::authors(blocks) {
            metadata.add_authors(&name);
        }
    }
    metadata.year = packet.year.or_else(|| field(b"CreationDate").and_then(|date| year(&date)));
    let stated = IDENTIFIER_KEYS.into_iter().filter_map(field).find_map(|text| doi(&text));
    metadata.doi = packet.doi.or(stated).or_else(|| first_page::identifier(blocks));
    let language = document.catalog().ok().and_then(|catalog| lookup::value(document, catalog, b"Lang"));
    let language = language.and_then(|tag| tag.as_str().ok()).map(lookup::text).filter(|tag| !tag.is_empty());
    metadata.language = language.or(packet.language);
    Ok((title, metadata))
}

/// The packet has a name in each entry; the dictionary has all in one, however they are put together.
fn authors(field: &str, entries: &[String]) -> Vec<String> {
    let listed = if entries.len() > 1 { entries.to_vec() } else { separated(field) };
    let listed = if listed.is_empty() { entries.to_vec() } else { listed };
    listed.into_iter().filter(|name| !is_account(name)).collect()
}

fn separated(field: &str) -> Vec<String> {
    let field = field.replace(" and ", ";");
    let parts: Vec<&str> = field.split([',', '&']).map(str::trim).collect();
    // `Roche, Anna` is one name; `Anna Roche, Paul Vidal` are two.
    let is_full_name = |part: &&str| {
        let words = part.split_whitespace().count();
        (2..=4).contains(&words) && part.chars().next().is_some_and(char::is_uppercase)
    };
    let names = if parts.len() > 1 && parts.iter().all(is_full_name) { parts.join(";") } else { field.clone() };
    names.split(';').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Names that programs and systems give to whoever uses them.
fn is_account(name: &str) -> bool {
    const ACCOUNTS: [&str; 16] = [
        "anonymous",
        "admin",
        "administrator",
        "administrateur",
        "author",
        "default",
        "guest",
        "none",
        "owner",
        "root",
        "test",
        "unknown",
        "user",
        "utilisateur",
        "benutzer",
        "usuario",
    ];
    ACCOUNTS.contains(&name.trim().to_lowercase().as_str()) || !name.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::authors;

    #[test]
    fn fields_of_authors_are_taken_apart() {
        for (field, expected) in [
            ("Anna Roche", &["Anna Roche"][..]),
            ("Roche, Anna", &["Roche, Anna"]),
            ("Anna Roche, Paul Vidal and Léa Petit", &["Anna Roche", "Paul Vidal", "Léa Petit"]),
            ("A. Roche; B. Vidal", &["A. Roche", "B. Vidal"]),
            ("Vineyards, a division of Cellars", &["Vineyards, a division of Cellars"]),
            ("Vines & Sons Company", &["Vines & Sons Company"]),
            ("Administrator", &[]),
            ("anonymous", &[]),
            ("", &[]),
        ] {
            assert_eq!(authors(field, &[]), expected, "{field}");
        }
        let entries = ["Anna Roche".to_owned(), "Paul Vidal".to_owned()];
        assert_eq!(authors("Anna Roche et al.", &entries), entries);
    }
}
