//! What lies in a ZIP archive or in an OLE compound file, by the parts that only one format has.

use std::io::Cursor;

use super::unsupported;
use crate::document::MediaType;
use crate::error::{ParseError, guarded};
use crate::limits::Limits;
use crate::package::Package;

/// The part that says what an archive is, of `OpenDocument` and EPUB.
const MIMETYPE: &str = "mimetype";

pub(super) fn zip(bytes: &[u8]) -> Result<MediaType, ParseError> {
    let limits = Limits { max_expanded_bytes: 1 << 20, max_entries: u64::MAX, ..Limits::default() };
    let mut package = Package::open(bytes, "zip", &limits)?;
    let declared = match package.part(MIMETYPE) {
        Ok(declared) => declared.unwrap_or_default(),
        Err(_) => String::new(),
    };
    let names = package.names();
    let starts = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    // Templates have types of their own that begin with these.
    for (kind, media_type) in [
        ("application/vnd.oasis.opendocument.text", MediaType::Odt),
        ("application/vnd.oasis.opendocument.spreadsheet", MediaType::Ods),
        ("application/vnd.oasis.opendocument.presentation", MediaType::Odp),
        ("application/epub", MediaType::Epub),
    ] {
        if declared.trim().starts_with(kind) {
            return Ok(media_type);
        }
    }
    if declared.trim().starts_with("application/vnd.oasis.opendocument") {
        return Err(unsupported("OpenDocument drawing or formula"));
    }
    if !package.has("[Content_Types].xml") && !package.has("_rels/.rels") && !package.has("word/document.xml") {
        return Ok(if package.has("META-INF/container.xml") { MediaType::Epub } else { MediaType::Zip });
    }
    if package.has("xl/workbook.bin") {
        return Err(unsupported("Excel binary workbook (XLSB)"));
    }
    let main =
        package.relations("").ok().and_then(|relations| Some(relations.of_kind("officeDocument")?.target.clone()));
    let main = main.unwrap_or_default();
    Ok(if starts("ppt/") || main.ends_with("presentation.xml") {
        MediaType::Pptx
    } else if starts("xl/") || main.ends_with("workbook.xml") {
        MediaType::Xlsx
    } else if starts("word/") || !main.is_empty() {
        MediaType::Docx
    } else {
        MediaType::Zip
    })
}

pub(super) fn ole(bytes: &[u8]) -> Result<MediaType, ParseError> {
    let names = guarded("ole", || {
        let file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|error| ParseError::damaged("ole", error))?;
        Ok(file.read_root_storage().map(|entry| entry.name().to_owned()).collect())
    });
    // Some programs leave an allocation table behind that is not quite right; the names stand there all the same.
    let names: Vec<String> = names.or_else(|error| first_names(bytes).ok_or(error))?;
    let has = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if has("EncryptedPackage") {
        return Err(ParseError::Locked { format: "office".into() });
    }
    if has("__properties_version1.0") {
        return Ok(MediaType::Outlook);
    }
    // A text with an embedded workbook keeps that workbook in a storage of its own.
    if has("WordDocument") {
        return Ok(MediaType::Doc);
    }
    if has("PowerPoint Document") || has("PP97_DUALSTORAGE") {
        return Ok(MediaType::Ppt);
    }
    if has("Workbook") || has("Book") {
        return Ok(MediaType::Xls);
    }
    Err(unsupported("OLE file of an unknown program"))
}

/// The names in the first sector of the directory ([MS-CFB], 2.2 and 2.6).
fn first_names(bytes: &[u8]) -> Option<Vec<String>> {
    let number = |at: usize, length: usize| -> Option<u32> {
        let bytes = bytes.get(at..at + length)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    };
    let sector_bytes = 1_usize << number(30, 2).filter(|shift| matches!(shift, 9 | 12))?;
    let start = usize::try_from(number(48, 4)?).ok()?.checked_add(1)?.checked_mul(sector_bytes)?;
    let directory = bytes.get(start..start.checked_add(sector_bytes)?)?;
    let names: Vec<String> = directory
        .chunks_exact(128)
        .filter(|entry| entry[66] != 0)
        .map(|entry| encoding_rs::UTF_16LE.decode_without_bom_handling(&entry[..64]).0.replace('\0', ""))
        .collect();
    (names.len() > 1).then_some(names)
}

#[cfg(test)]
mod tests {
    use crate::detect::detect;
    use crate::document::MediaType;
    use crate::made::{self, zip};

    fn ole(stream: &str) -> Vec<u8> {
        made::ole(&[(&format!("/{stream}"), Vec::new())])
    }

    #[test]
    fn parts_tell_archives_apart() {
        for (parts, expected) in [
            (&[("mimetype", "application/vnd.oasis.opendocument.text-template")][..], MediaType::Odt),
            (&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet\n")], MediaType::Ods),
            (&[("mimetype", "application/epub+zip")], MediaType::Epub),
            (&[("META-INF/container.xml", "")], MediaType::Epub),
            (&[("[Content_Types].xml", ""), ("ppt/presentation.xml", "")], MediaType::Pptx),
            (&[("[Content_Types].xml", ""), ("xl/workbook.xml", "")], MediaType::Xlsx),
            (&[("word/document.xml", "")], MediaType::Docx),
            (&[("xl/notes.txt", ""), ("a.txt", "")], MediaType::Zip),
        ] {
            assert_eq!(detect(&zip(parts), Some("a.docx")), Ok(expected), "{parts:?}");
        }
    }

    #[test]
    fn streams_tell_compound_files_apart() {
        assert_eq!(detect(&ole("Workbook"), None), Ok(MediaType::Xls));
        assert_eq!(detect(&ole("__properties_version1.0"), None), Ok(MediaType::Outlook));
        assert_eq!(detect(&ole("WordDocument"), Some("a.xls")), Ok(MediaType::Doc));
        assert_eq!(detect(&ole("PowerPoint Document"), None), Ok(MediaType::Ppt));
        let mut damaged = ole("WordDocument");
        // The number of sectors of the allocation table.
        damaged[44] = 200;
        assert_eq!(detect(&damaged, None), Ok(MediaType::Doc));
        assert_eq!(detect(&ole("EncryptedPackage"), None).unwrap_err().code(), "encrypted_file");
    }
}
