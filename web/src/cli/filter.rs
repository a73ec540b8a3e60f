//! The filter of `search` and `ask`, and how facets are printed.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value, json};

#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only documents of this type: pdf, word, slides, sheet, web, mail, text, book, article, data, code, image,
    /// archive or other; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only passages in this language (en, fr, de, es, it, nl, pt, und); may be repeated
    #[arg(long = "language", value_name = "CODE")]
    languages: Vec<String>,
    /// Only documents of this source, or "upload" for those of none; may be repeated
    #[arg(long = "source", value_name = "NAME")]
    sources: Vec<String>,
    /// Only documents by this author, accents and capitals aside; may be repeated
    #[arg(long = "author", value_name = "NAME")]
    authors: Vec<String>,
    /// Only documents of this year, or of these: 2021, 2019..2023, 2019.. or ..2023
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    year: Option<String>,
    /// Only documents added on this day, or in this time: 2024-01-31, 2024-01-01..2024-03-31, 2024-01-01..
    #[arg(long, value_name = "RANGE")]
    added: Option<String>,
}

impl FilterArgs {
    /// As the API has it; nothing where nothing is asked for.
    pub fn json(&self) -> anyhow::Result<Option<Value>> {
        let mut filter = Map::new();
        let lists = [
            ("types", &self.types),
            ("languages", &self.languages),
            ("sources", &self.sources),
            ("authors", &self.authors),
        ];
        for (key, values) in lists {
            if !values.is_empty() {
                filter.insert(key.into(), json!(values));
            }
        }
        if let Some(text) = &self.year {
            let (from, to) = ends(text)?;
            let year = |end: Option<&str>| -> anyhow::Result<Option<i32>> {
                end.map(|text| text.parse().with_context(|| format!("{text:?} is no year"))).transpose()
            };
            filter.insert("year".into(), json!({"from": year(from)?, "to": year(to)?}));
        }
        if let Some(text) = &self.added {
            let (from, to) = ends(text)?;
            filter.insert("added".into(), json!({"from": from, "to": to}));
        }
        Ok((!filter.is_empty()).then_some(Value::Object(filter)))
    }
}

/// `a..b`, `a..`, `..b`, or `a` for both.
fn ends(text: &str) -> anyhow::Result<(Option<&str>, Option<&str>)> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let end = |text: &'_ str| !text.trim().is_empty();
    if !end(from) && !end(to) {
        bail!("{text:?} is no range; write FROM..TO, FROM.. or ..TO");
    }
    Ok((Some(from.trim()).filter(|text| end(text)), Some(to.trim()).filter(|text| end(text))))
}

/// One line for each property that documents have.
pub fn print_facets(facets: &Value) {
    for property in ["type", "language", "source", "author", "year"] {
        let values = facets[property].as_array().map_or(&[][..], Vec::as_slice);
        if values.is_empty() {
            continue;
        }
        let counted =
            values.iter().map(|value| format!("{} ({})", value["value"].as_str().unwrap_or(""), value["documents"]));
        println!("{property:<9} {}", counted.collect::<Vec<_>>().join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_end_or_two() {
        assert_eq!(ends("2019..2023").unwrap(), (Some("2019"), Some("2023")));
        assert_eq!(ends("2019..").unwrap(), (Some("2019"), None));
        assert_eq!(ends("..2023").unwrap(), (None, Some("2023")));
        assert_eq!(ends("2021").unwrap(), (Some("2021"), Some("2021")));
        assert!(ends("..").is_err() && ends("").is_err());
    }
}
