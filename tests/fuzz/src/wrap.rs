//! Files around the bytes of an input: what is inside an archive or a PDF is reached only by bytes whose
//! checksums and tables are right.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

/// What an input is, inside a PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Font {
    /// The content of the page.
    None,
    /// The `/ToUnicode` of a font with one-byte codes.
    ToUnicode,
    /// The `/Encoding` and `/ToUnicode` of a font with codes of several bytes.
    CMap,
    /// The program embedded in a font.
    Program,
}

/// A PDF of one page with the input in the place that `font` says.
pub fn pdf_page(input: &[u8], font: Font) -> Vec<u8> {
    let shown = "BT /F1 12 Tf 72 700 Td (Words on a page, \\001\\002\\003) Tj ET /F2 12 Tf BT 72 600 Td <0001002041424344> Tj ET";
    let content = if font == Font::None { input } else { shown.as_bytes() };
    let (to_unicode, program) = match font {
        Font::None => ("", ""),
        Font::ToUnicode => ("/ToUnicode 7 0 R", ""),
        Font::CMap => ("/Encoding 7 0 R /ToUnicode 7 0 R", ""),
        Font::Program => ("", "/FontFile 7 0 R /FontFile3 7 0 R"),
    };
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 612 792]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/Contents 6 0 R/Resources<</Font<</F1 4 0 R/F2 5 0 R>>>>>>".to_owned(),
        format!("<</Type/Font/Subtype/TrueType/BaseFont/Vine/FontDescriptor<</Flags 4 {program}>> {to_unicode}>>"),
        format!(
            "<</Type/Font/Subtype/Type0/BaseFont/Vine/Encoding/Identity-H {to_unicode}/DescendantFonts[<</Subtype\
             /CIDFontType2/FontDescriptor<</Flags 4 {program}>>/W[1[500 600]]>>]>>"
        ),
    ];
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(file.len());
        file.extend(format!("{number} 0 obj{object}endobj\n").as_bytes());
    }
    for (number, stream) in [(6, content), (7, input)] {
        places.push(file.len());
        file.extend(format!("{number} 0 obj<</Length {}>>stream\n", stream.len()).as_bytes());
        file.extend(stream);
        file.extend(b"\nendstream endobj\n");
    }
    let table = file.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in places {
        writeln!(end, "{place:010} 00000 n ").expect("a string takes all that is written");
    }
    write!(end, "trailer<</Size 8/Root 1 0 R>>\nstartxref\n{table}\n%%EOF")
        .expect("a string takes all that is written");
    file.extend(end.as_bytes());
    file
}

/// An archive of these parts, as Office documents, books and `OpenDocument` are.
pub fn container(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in parts {
        archive.start_file(*name, stored).expect("memory can be written to");
        archive.write_all(content).expect("memory can be written to");
    }
    archive.finish().expect("memory can be written to").into_inner()
}
