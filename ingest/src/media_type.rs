//! The formats that can be read, by their media types.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaType {
    Pdf,
    Docx,
    Xlsx,
    Pptx,
    Xls,
    Odt,
    Ods,
    Odp,
    Rtf,
    Epub,
    Html,
    Markdown,
    Text,
    Csv,
    Tsv,
    Json,
    /// A JSON value on each line.
    JsonLines,
    Xml,
    /// Journal articles in XML.
    Jats,
    Email,
    /// Messages as Outlook keeps them.
    Outlook,
    Zip,
    Code,
    ReStructuredText,
    AsciiDoc,
    Org,
    Latex,
    Subtitles,
    /// Word 97 to 2003: read as what LibreOffice makes of it.
    Doc,
    /// `PowerPoint` 97 to 2003, likewise.
    Ppt,
    Png,
    Jpeg,
    Tiff,
    Webp,
    Gif,
    Bmp,
    /// PBM, PGM and PPM.
    Pnm,
}

const NAMES: &[(MediaType, &str)] = &[
    (MediaType::Pdf, "application/pdf"),
    (MediaType::Docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (MediaType::Xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (MediaType::Pptx, "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (MediaType::Xls, "application/vnd.ms-excel"),
    (MediaType::Odt, "application/vnd.oasis.opendocument.text"),
    (MediaType::Ods, "application/vnd.oasis.opendocument.spreadsheet"),
    (MediaType::Odp, "application/vnd.oasis.opendocument.presentation"),
    (MediaType::Rtf, "application/rtf"),
    (MediaType::Epub, "application/epub+zip"),
    (MediaType::Html, "text/html"),
    (MediaType::Markdown, "text/markdown"),
    (MediaType::Text, "text/plain"),
    (MediaType::Csv, "text/csv"),
    (MediaType::Tsv, "text/tab-separated-values"),
    (MediaType::Json, "application/json"),
    (MediaType::JsonLines, "application/jsonl"),
    (MediaType::Xml, "application/xml"),
    (MediaType::Jats, "application/jats+xml"),
    (MediaType::Email, "message/rfc822"),
    (MediaType::Outlook, "application/vnd.ms-outlook"),
    (MediaType::Zip, "application/zip"),
    (MediaType::Code, "text/x-source"),
    (MediaType::ReStructuredText, "text/x-rst"),
    (MediaType::AsciiDoc, "text/asciidoc"),
    (MediaType::Org, "text/org"),
    (MediaType::Latex, "text/x-tex"),
    (MediaType::Subtitles, "text/vtt"),
    (MediaType::Doc, "application/msword"),
    (MediaType::Ppt, "application/vnd.ms-powerpoint"),
    (MediaType::Png, "image/png"),
    (MediaType::Jpeg, "image/jpeg"),
    (MediaType::Tiff, "image/tiff"),
    (MediaType::Webp, "image/webp"),
    (MediaType::Gif, "image/gif"),
    (MediaType::Bmp, "image/bmp"),
    (MediaType::Pnm, "image/x-portable-anymap"),
];

impl MediaType {
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(media_type, _)| *media_type == self).map_or("application/octet-stream", |(_, name)| name)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(media_type, _)| *media_type).ok_or_else(|| D::Error::custom("unknown media type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_one_name_and_comes_back_from_it() {
        for (media_type, name) in NAMES {
            assert_eq!(media_type.as_str(), *name);
            let json = serde_json::to_string(media_type).unwrap();
            assert_eq!(serde_json::from_str::<MediaType>(&json).unwrap(), *media_type);
        }
    }
}
