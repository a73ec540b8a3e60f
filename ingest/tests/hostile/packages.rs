//! Archives, Office documents, books, compound files.

use std::io::{Cursor, Write as _};

use super::{Hostile, READ, deflate, hostile};

const HUGE: usize = 1 << 30;

pub const FILES: &[fn() -> Hostile] = &[
    || hostile("zip: bomb", "a.zip", deflate::archive_of(&[("a.txt", b"word ", 3 << 28)]), "limit_exceeded"),
    || hostile("zip: bombs in archives in archives", "a.zip", matryoshka(), "limit_exceeded"),
    || hostile("zip: one file ten thousand times", "a.zip", overlapping(10_000), "damaged_file"),
    || hostile("zip: four billion entries", "a.zip", claiming_entries(), "damaged_file"),
    || hostile("zip: cut off", "a.zip", cut_off(), "damaged_file"),
    || {
        hostile(
            "docx: bomb",
            "a.docx",
            docx(b"<w:document><w:body>", b"<w:p><w:r><w:t>word</w:t></w:r></w:p>", HUGE / 32),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "docx: nested a million deep",
            "a.docx",
            docx(b"<w:document><w:body>", b"<w:tbl><w:tr><w:tc>", 500_000),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "docx: entities that laugh",
            "a.docx",
            docx(LAUGHS.as_bytes(), b"<w:p><w:r><w:t>&j;</w:t></w:r></w:p>", 1),
            "no_text",
        )
    },
    || {
        hostile(
            "docx: a file of the disk",
            "a.docx",
            docx(
                b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><w:document><w:body>",
                b"<w:p><w:r><w:t>&x; word</w:t></w:r></w:p>",
                1,
            ),
            READ,
        )
    },
    || {
        hostile(
            "xlsx: two billion rows",
            "a.xlsx",
            xlsx(
                b"<dimension ref=\"A1:XFD2147483648\"/>",
                b"<row r=\"2147483647\"><c r=\"XFD2147483647\"><v>1</v></c></row>",
                1,
            ),
            READ,
        )
    },
    || {
        hostile(
            "xlsx: corners of a sheet",
            "a.xlsx",
            xlsx(
                b"",
                b"<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>",
                1,
            ),
            READ,
        )
    },
    || {
        hostile(
            "xlsx: bomb",
            "a.xlsx",
            xlsx(b"", b"<row><c t=\"inlineStr\"><is><t>word</t></is></c></row>", HUGE / 48),
            "limit_exceeded",
        )
    },
    || {
        hostile("xlsx: merged to the last cell", "a.xlsx", xlsx(b"", b"<row r=\"1\"><c r=\"A1\"><v>1</v></c></row></sheetData><mergeCells><mergeCell ref=\"A1:XFD1048576\"/></mergeCells><sheetData>", 1), READ)
    },
    || hostile("ods: cells two billion times", "a.ods", ods(), READ),
    || hostile("odt: bomb", "a.odt", odt(b"<text:p>word</text:p>", HUGE / 20), "limit_exceeded"),
    || {
        hostile(
            "odt: a trillion spaces",
            "a.odt",
            odt(b"<text:p>a<text:s text:c=\"1000000000000\"/>b</text:p>", 10_000),
            READ,
        )
    },
    || hostile("epub: one chapter a hundred thousand times", "a.epub", epub(), READ),
    || hostile("pptx: a slide two hundred thousand times", "a.pptx", pptx(), "limit_exceeded"),
    || hostile("msg: chain of sectors in a circle", "a.msg", circular("/__properties_version1.0"), "damaged_file"),
    || hostile("xls: one cell, and room claimed for a hundred million", "a.xls", xls(400_000), "limit_exceeded"),
    || hostile("xls: one cell, and room claimed for a whole sheet", "a.xls", xls(65_536), READ),
    || hostile("xls: chain of sectors in a circle", "a.xls", circular("/Workbook"), "damaged_file"),
    || {
        hostile(
            "gzip",
            "a.gz",
            [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &deflate::raw(b"word ", 1 << 24)].concat(),
            "unsupported_format",
        )
    },
];

const LAUGHS: &str = "<!DOCTYPE a [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\
    <!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">\
    <!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\"><!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;\">\
    <!ENTITY i \"&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;\"><!ENTITY j \"&i;&i;&i;&i;&i;&i;&i;&i;&i;&i;\">]>\
    <w:document><w:body>";

/// A name, then a beginning, a unit so many times, and an end.
type Part<'a> = (&'a str, &'a [u8], &'a [u8], usize, &'a [u8]);

fn package(parts: &[Part<'_>]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, begin, unit, times, end) in parts {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory can be written to");
        archive.write_all(begin).expect("memory can be written to");
        let many = unit.repeat(1_000);
        for _ in 0..times / 1_000 {
            archive.write_all(&many).expect("memory can be written to");
        }
        archive.write_all(&unit.repeat(times % 1_000)).expect("memory can be written to");
        archive.write_all(end).expect("memory can be written to");
    }
    archive.finish().expect("memory can be written to").into_inner()
}

fn part<'a>(name: &'a str, content: &'a [u8]) -> Part<'a> {
    (name, content, b"", 0, b"")
}

/// Ten archives in each of ten archives, and so on: a terabyte.
fn matryoshka() -> Vec<u8> {
    let mut inner = deflate::archive_of(&[("a.txt", b"word ", 20 << 20)]);
    for _ in 0..4 {
        let names: Vec<String> = (0..10).map(|number| format!("{number}.zip")).collect();
        let entries: Vec<(&str, &[u8], usize)> = names.iter().map(|name| (name.as_str(), &inner[..], 1)).collect();
        inner = deflate::archive_of(&entries);
    }
    inner
}

/// All entries of the directory point at the same compressed bytes.
fn overlapping(entries: u32) -> Vec<u8> {
    let compressed = deflate::raw(b"word ", 1 << 20);
    let (length, expanded) = (compressed.len() as u32, 5_u32 << 20);
    let sizes = [0_u32.to_le_bytes(), length.to_le_bytes(), expanded.to_le_bytes()].concat();
    let mut file = [&b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0"[..], &sizes, b"\x05\0\0\0a.txt"].concat();
    file.extend(&compressed);
    let directory = file.len() as u32;
    for number in 0..entries {
        file.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0");
        file.extend(&sizes);
        file.extend(b"\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        file.extend(format!("{number:05}.txt").as_bytes());
    }
    let size = file.len() as u32 - directory;
    let count = (entries as u16).to_le_bytes();
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend([size.to_le_bytes(), directory.to_le_bytes()].concat());
    file.extend(b"\0\0");
    file
}

/// An end of a directory that speaks of more entries than the file could hold.
fn claiming_entries() -> Vec<u8> {
    let mut file = deflate::archive_of(&[("a.txt", b"word", 1)]);
    let end = file.windows(4).rposition(|window| window == b"PK\x05\x06").expect("the archive has an end");
    file.truncate(end);
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").expect("the archive has a directory");
    let place = file.len() as u64;
    file.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    for number in [u64::from(u32::MAX), u64::from(u32::MAX), 1 << 40, directory as u64] {
        file.extend(number.to_le_bytes());
    }
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(place.to_le_bytes());
    file.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    file
}

fn cut_off() -> Vec<u8> {
    let mut file = deflate::archive_of(&[("a.txt", b"word ", 1_000)]);
    file.truncate(file.len() - 30);
    file
}

fn docx(begin: &[u8], unit: &[u8], times: usize) -> Vec<u8> {
    package(&[
        part("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", begin, unit, times, b"</w:body></w:document>"),
    ])
}

fn xlsx(before: &[u8], rows: &[u8], times: usize) -> Vec<u8> {
    const WORKBOOK: &[u8] = b"<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
        xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
        <sheet name=\"A\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>";
    const RELATIONS: &[u8] = b"<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
        <Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
        Target=\"worksheets/sheet1.xml\"/></Relationships>";
    const ROOT: &[u8] = b"<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
        <Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
        Target=\"xl/workbook.xml\"/></Relationships>";
    let begin = [
        &b"<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">"[..],
        before,
        b"<sheetData>",
    ]
    .concat();
    package(&[
        part("[Content_Types].xml", b"<Types/>"),
        part("_rels/.rels", ROOT),
        part("xl/workbook.xml", WORKBOOK),
        part("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/worksheets/sheet1.xml", &begin, rows, times, b"</sheetData></worksheet>"),
    ])
}

fn ods() -> Vec<u8> {
    let content = b"<office:document-content><office:body><office:spreadsheet><table:table table:name=\"A\">\
        <table:table-row table:number-rows-repeated=\"2147483647\"><table:table-cell \
        table:number-columns-repeated=\"2147483647\" office:value-type=\"string\"><text:p>word</text:p>\
        </table:table-cell></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>";
    package(&[part("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"), part("content.xml", content)])
}

fn odt(unit: &[u8], times: usize) -> Vec<u8> {
    let begin = b"<office:document-content><office:body><office:text>";
    let end = b"</office:text></office:body></office:document-content>";
    package(&[part("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", begin, unit, times, end)])
}

fn epub() -> Vec<u8> {
    let begin =
        b"<package><manifest><item id=\"c\" href=\"c.xhtml\" media-type=\"application/xhtml+xml\"/></manifest><spine>";
    let container = b"<container><rootfiles><rootfile full-path=\"a.opf\"/></rootfiles></container>";
    package(&[
        part("mimetype", b"application/epub+zip"),
        part("META-INF/container.xml", container),
        ("a.opf", begin, b"<itemref idref=\"c\"/>", 100_000, b"</spine></package>"),
        part("c.xhtml", b"<html><body><p>A chapter of some words.</p></body></html>"),
    ])
}

fn pptx() -> Vec<u8> {
    let relations =
        b"<Relationships><Relationship Id=\"r1\" Type=\"t/slide\" Target=\"slides/slide1.xml\"/></Relationships>";
    let slide =
        b"<p:sld><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>Some words</a:t></a:r></a:p></p:txBody></p:sp>\
        </p:spTree></p:cSld></p:sld>";
    package(&[
        part("[Content_Types].xml", b"<Types/>"),
        part("ppt/_rels/presentation.xml.rels", relations),
        (
            "ppt/presentation.xml",
            b"<p:presentation><p:sldIdLst>",
            b"<p:sldId r:id=\"r1\"/>",
            200_000,
            b"</p:sldIdLst></p:presentation>",
        ),
        part("ppt/slides/slide1.xml", slide),
    ])
}

/// A workbook of one cell, which says that its sheet has so many rows of 256 columns. Readers take it at its word
/// and make room; a sheet can have 65,536.
fn xls(rows: u32) -> Vec<u8> {
    let record =
        |kind: u16, content: &[u8]| [&kind.to_le_bytes()[..], &(content.len() as u16).to_le_bytes(), content].concat();
    let begin = |of: u16| record(0x0809, &[&[0, 6][..], &of.to_le_bytes(), &[0; 12]].concat());
    let end = record(0x000a, &[]);
    let named = |place: u32| record(0x0085, &[&place.to_le_bytes()[..], &[0, 0, 1, 0], b"A"].concat());
    let place = (begin(5).len() + named(0).len() + end.len()) as u32;
    let size = [&[0; 4][..], &rows.to_le_bytes(), &[0, 0, 0, 1, 0, 0]].concat();
    let cell = [&[0; 6][..], &42_f64.to_le_bytes()].concat();
    let globals = [begin(5), named(place), end.clone()].concat();
    let sheet = [begin(16), record(0x0200, &size), record(0x0203, &cell), end].concat();
    let mut made = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("memory can be written to");
    made.create_stream("/Workbook")
        .and_then(|mut stream| stream.write_all(&[globals, sheet].concat()))
        .expect("memory can be written to");
    made.flush().expect("memory can be written to");
    made.into_inner().into_inner()
}

/// A compound file whose table of sectors leads from every sector to itself.
fn circular(stream: &str) -> Vec<u8> {
    let mut made = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("memory can be written to");
    made.create_stream(stream)
        .and_then(|mut stream| stream.write_all(&vec![0; 40_000]))
        .expect("memory can be written to");
    made.flush().expect("memory can be written to");
    let mut file = made.into_inner().into_inner();
    // The header's list of sectors that hold the table starts at byte 76.
    let first = u32::from_le_bytes([file[76], file[77], file[78], file[79]]) as usize;
    let sector_bytes = 1_usize << u16::from_le_bytes([file[30], file[31]]);
    let table = (first + 1) * sector_bytes;
    for (number, entry) in file[table..table + sector_bytes].chunks_exact_mut(4).enumerate() {
        if entry[3] != 0xff {
            entry.copy_from_slice(&(number as u32).to_le_bytes());
        }
    }
    file
}
