//! The types of documents that a person tells apart: families of media types, under short names that stay.

/// A name and the media types that it stands for; one that ends in `/` stands for all that begin so.
const TYPES: [(&str, &[&str]); 13] = [
    ("pdf", &["application/pdf"]),
    (
        "word",
        &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/msword",
            "application/vnd.oasis.opendocument.text",
            "application/rtf",
        ],
    ),
    (
        "slides",
        &[
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.ms-powerpoint",
            "application/vnd.oasis.opendocument.presentation",
        ],
    ),
    (
        "sheet",
        &[
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel",
            "application/vnd.oasis.opendocument.spreadsheet",
            "text/csv",
            "text/tab-separated-values",
        ],
    ),
    ("web", &["text/html", "application/xhtml+xml"]),
    ("mail", &["message/rfc822", "application/vnd.ms-outlook"]),
    ("text", &["text/plain", "text/markdown", "text/x-rst", "text/asciidoc", "text/org", "text/x-tex", "text/vtt"]),
    ("book", &["application/epub+zip"]),
    ("article", &["application/jats+xml"]),
    ("data", &["application/json", "application/jsonl", "application/xml"]),
    ("code", &["text/x-source"]),
    ("image", &["image/"]),
    ("archive", &["application/zip"]),
];

/// Of what is in no family.
const OTHER: &str = "other";

/// The type of a document of this media type.
pub fn document_type(media_type: &str) -> &'static str {
    let is_of = |known: &&str| media_type == *known || (known.ends_with('/') && media_type.starts_with(*known));
    TYPES.iter().find(|(_, media_types)| media_types.iter().any(&is_of)).map_or(OTHER, |(name, _)| name)
}

/// Every name that there is.
pub fn document_types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name).chain([OTHER])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_has_one_type_and_a_type_one_name() {
        let mut names: Vec<&str> = document_types().collect();
        let mut media_types: Vec<&str> =
            TYPES.iter().flat_map(|(_, media_types)| media_types.iter().copied()).collect();
        let counts = (names.len(), media_types.len());
        names.sort_unstable();
        names.dedup();
        media_types.sort_unstable();
        media_types.dedup();
        assert_eq!(counts, (names.len(), media_types.len()));
        for (media_type, name) in [
            ("application/pdf", "pdf"),
            ("image/png", "image"),
            ("image", "other"),
            ("text/plain", "text"),
            ("text/plainer", "other"),
            ("", "other"),
        ] {
            assert_eq!(document_type(media_type), name, "{media_type}");
        }
    }
}
