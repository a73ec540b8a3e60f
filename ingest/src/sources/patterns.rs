//! Which items a source takes: glob patterns over their keys.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::SourceError;

/// A name that no pattern means in particular.
const ANY_NAME: &str = "\u{1}any name at all, as long as no pattern of question marks is\u{1}";

/// Patterns of one source. `*.pdf` means a name at any depth, `drafts/` a folder with everything below it, and what
/// has a `/` elsewhere is read from the root.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    include: GlobSet,
    exclude: GlobSet,
    everything: bool,
}

impl Patterns {
    pub(super) fn new(include: &[String], exclude: &[String]) -> Result<Self, SourceError> {
        Ok(Self {
            include: set("include", include)?,
            exclude: set("exclude", exclude)?,
            everything: include.is_empty(),
        })
    }

    pub(super) fn take(&self, key: &str) -> bool {
        (self.everything || self.include.is_match(key)) && !self.exclude.is_match(key)
    }

    /// Whether it is excluded, whatever is included.
    pub(super) fn leaves_out(&self, key: &str) -> bool {
        self.exclude.is_match(key)
    }

    /// Whether nothing below a folder can be taken, so that it need not be read.
    pub(super) fn skip_folder(&self, key: &str) -> bool {
        // `drafts/**` matches what is below drafts, whatever its name.
        self.exclude.is_match(format!("{key}/{ANY_NAME}"))
            && self.exclude.is_match(format!("{key}/{ANY_NAME}/{ANY_NAME}"))
    }
}

fn set(name: &'static str, patterns: &[String]) -> Result<GlobSet, SourceError> {
    let wrong = |error: globset::Error| SourceError::Setting { name, reason: error.to_string() };
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let mut whole = pattern.trim_start_matches("./").to_owned();
        if let Some(folder) = whole.strip_suffix('/') {
            whole = format!("{folder}/**");
        }
        let rooted = whole.strip_prefix('/').map(str::to_owned);
        let anywhere = !pattern.trim_end_matches('/').contains('/');
        whole = match rooted {
            Some(rooted) => rooted,
            None if anywhere => format!("**/{whole}"),
            None => whole,
        };
        let glob = GlobBuilder::new(&whole).literal_separator(true).build().map_err(wrong)?;
        builder.add(glob);
    }
    builder.build().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(include: &[&str], exclude: &[&str]) -> Patterns {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Patterns::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn a_name_means_any_depth_and_a_path_the_root() {
        let some = patterns(&["*.pdf", "notes/*.md"], &["drafts/", "/old.pdf"]);
        for (key, taken) in [
            ("a.pdf", true),
            ("deep/down/a.pdf", true),
            ("a.txt", false),
            ("notes/a.md", true),
            ("notes/deep/a.md", false),
            ("other/notes/a.md", false),
            ("drafts/a.pdf", false),
            ("x/drafts/deep/a.pdf", false),
            ("old.pdf", false),
            ("x/old.pdf", true),
        ] {
            assert_eq!(some.take(key), taken, "{key}");
        }
        assert!(some.skip_folder("drafts") && some.skip_folder("x/drafts"));
        assert!(!some.skip_folder("x"), "something in it may be taken");
        assert!(patterns(&[], &[]).take("anything/at.all"));
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        let error = Patterns::new(&[], &["[".to_owned()]).unwrap_err();
        assert!(error.to_string().starts_with("setting exclude"), "{error}");
    }
}
