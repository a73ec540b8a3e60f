//! Names of languages: as documents say them (BCP 47), and as tesseract names its data.

use terroir_store::Language;

/// ISO 639-1, and tesseract's name. Those of one alphabet come before the others.
const NAMES: &[(&str, &str)] = &[
    ("en", "eng"),
    ("fr", "fra"),
    ("de", "deu"),
    ("es", "spa"),
    ("it", "ita"),
    ("nl", "nld"),
    ("pt", "por"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("da", "dan"),
    ("et", "est"),
    ("eu", "eus"),
    ("fi", "fin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("is", "isl"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("nb", "nor"),
    ("no", "nor"),
    ("oc", "oci"),
    ("br", "bre"),
    ("pl", "pol"),
    ("ro", "ron"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sv", "swe"),
    ("tr", "tur"),
    ("vi", "vie"),
    ("la", "lat"),
    ("ar", "ara"),
    ("bg", "bul"),
    ("el", "ell"),
    ("fa", "fas"),
    ("he", "heb"),
    ("hi", "hin"),
    ("ja", "jpn"),
    ("ko", "kor"),
    ("ru", "rus"),
    ("th", "tha"),
    ("uk", "ukr"),
    ("zh", "chi_sim"),
];

/// Data that is no language.
const NO_LANGUAGES: [&str; 2] = ["osd", "equ"];
/// Finds out how a page is turned.
pub(super) const ORIENTATION: &str = "osd";

/// The data for a language, by its tag (`fr`, `fr-FR`), or by tesseract's name for it.
pub(super) fn data_of(tag: &str) -> Option<String> {
    let tag = tag.trim();
    if NAMES.iter().any(|(_, name)| *name == tag) {
        return Some(tag.to_owned());
    }
    let lower = tag.to_ascii_lowercase().replace('_', "-");
    if lower.starts_with("zh-tw") || lower.starts_with("zh-hant") {
        return Some("chi_tra".into());
    }
    let language = lower.split('-').next().unwrap_or_default();
    NAMES.iter().find(|(code, _)| *code == language).map(|(_, name)| (*name).to_owned())
}

/// The data for a language that was detected.
pub(super) fn data_for(language: Language) -> Option<String> {
    data_of(language.as_str())
}

/// What `tesseract --list-langs` writes: a line about its folder, then a name per line.
pub(super) fn listed(output: &str) -> Vec<String> {
    let names = output.lines().map(str::trim).filter(|line| !line.is_empty() && is_name(line));
    names.map(str::to_owned).collect()
}

/// The languages among what is installed.
pub(super) fn languages(installed: &[String]) -> Vec<String> {
    let names = installed.iter().filter(|name| !NO_LANGUAGES.contains(&name.as_str()) && !name.contains('/'));
    names.cloned().collect()
}

/// Goes into an argument of a program: letters, digits, and what joins them.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_find_their_data() {
        for (tag, expected) in [
            ("fr", Some("fra")),
            ("fr-FR", Some("fra")),
            ("deu", Some("deu")),
            ("zh_TW", Some("chi_tra")),
            ("xx", None),
        ] {
            assert_eq!(data_of(tag).as_deref(), expected, "{tag}");
        }
        assert_eq!(data_for(Language::German).as_deref(), Some("deu"));
        assert_eq!(data_for(Language::Other), None);
    }

    #[test]
    fn the_list_of_languages_is_read_without_its_head() {
        let output = "List of available languages in \"/usr/share/tessdata/\" (4):\ndeu\neng\nosd\nscript/Latin\n";
        let installed = listed(output);
        assert_eq!(installed, ["deu", "eng", "osd", "script/Latin"]);
        assert_eq!(languages(&installed), ["deu", "eng"]);
    }
}
