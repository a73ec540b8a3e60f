//! Titles that documents give themselves: often those of a template, or of a file.

const MAX_CHARS: usize = 300;

/// `None` for what programs write without being asked: file names, paths, `Untitled`.
pub(crate) fn sensible(raw: &str) -> Option<String> {
    let title: Vec<&str> =
        raw.split(|c: char| c.is_whitespace() || c.is_control()).filter(|part| !part.is_empty()).collect();
    let title = title.join(" ");
    let lower = title.to_lowercase();
    let is_path = title.contains('\\')
        || title.starts_with('/')
        || lower.starts_with("file:")
        || lower.starts_with("http")
        || lower.starts_with("www.");
    // One word of small letters with signs between its parts, or with signs that no title has: a file without its end.
    let is_bare_file =
        !title.contains(' ') && (title.contains('_') || title.contains('-') && !title.chars().any(char::is_uppercase));
    let extensions = [
        ".doc", ".docx", ".pdf", ".tex", ".dvi", ".ps", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".indd", ".qxd",
        ".rtf", ".txt", ".ods", ".odp", ".epub", ".csv", ".html", ".htm", ".md", ".p65", ".fm",
    ];
    let is_file = extensions.iter().any(|extension| lower.ends_with(extension));
    let is_default = lower.starts_with("microsoft word -")
        || lower.starts_with("microsoft powerpoint -")
        || lower.starts_with("untitled")
        || matches!(
            lower.as_str(),
            "title"
                | "document"
                | "document1"
                | "book1"
                | "sheet1"
                | "print"
                | "none"
                | "sans titre"
                | "unbenannt"
                | "powerpoint presentation"
                | "présentation powerpoint"
                | "slide 1"
                | "unknown"
        );
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    let is_sensible = letters >= 3
        && letters * 2 >= title.chars().filter(|c| !c.is_whitespace()).count()
        && title.chars().count() <= MAX_CHARS
        && !title.contains('\u{fffd}')
        && !is_path
        && !is_file
        && !is_bare_file
        && !is_default;
    is_sensible.then_some(title)
}

#[cfg(test)]
mod tests {
    use super::sensible;

    #[test]
    fn titles_that_say_nothing_are_refused() {
        for title in [
            "Microsoft Word - x.doc",
            "C:\\a\\b",
            "/home/a/b",
            "report.pdf",
            "untitled",
            "",
            "  ",
            "12-34",
            "Document1",
            "fake-memo",
            "Rapport_final",
            "www.example.org",
        ] {
            assert_eq!(sensible(title), None, "{title}");
        }
        assert_eq!(sensible("  A \n study ").as_deref(), Some("A study"));
        assert_eq!(sensible("Jean-Paul").as_deref(), Some("Jean-Paul"));
    }
}
