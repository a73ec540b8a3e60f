//! Workbooks made here, part by part.

use super::*;
use crate::made;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A workbook of these sheets, given as rows of XML; the second is hidden.
pub(crate) fn xlsx(sheets: &[&str]) -> Vec<u8> {
    let numbered = |make: &dyn Fn(usize) -> String| (1..=sheets.len()).map(make).collect::<String>();
    let workbook = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATION}\"><sheets>{}</sheets></workbook>",
        numbered(&|number| {
            let state = if number == 2 { "hidden" } else { "visible" };
            format!("<sheet name=\"S{number}\" sheetId=\"{number}\" state=\"{state}\" r:id=\"rId{number}\"/>")
        })
    );
    let relations = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}<Relationship Id=\"rIdS\" Type=\"{RELATION}/styles\" Target=\"styles.xml\"/></Relationships>",
        numbered(&|number| format!(
            "<Relationship Id=\"rId{number}\" Type=\"{RELATION}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
        ))
    );
    let styles = format!(
        "<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"0.0%\"/></numFmts><cellXfs count=\"3\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>"
    );
    let root = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"a\" Type=\"{RELATION}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    let mut parts = vec![
        ("[Content_Types].xml".to_owned(), "<Types/>".to_owned()),
        ("_rels/.rels".to_owned(), root),
        ("xl/workbook.xml".to_owned(), workbook),
        ("xl/_rels/workbook.xml.rels".to_owned(), relations),
        ("xl/styles.xml".to_owned(), styles),
        ("docProps/core.xml".to_owned(), "<c xmlns:dc=\"d\"><dc:title>Harvest</dc:title></c>".to_owned()),
    ];
    for (rows, number) in sheets.iter().zip(1..) {
        let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{number}.xml"), sheet));
    }
    made::zip_of(&parts)
}

pub(crate) const SHEET: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>day</t></is></c><c r=\"B1\" t=\"inlineStr\"><is><t>share</t></is></c></row>\
    <row r=\"2\"><c r=\"A2\" s=\"1\"><v>45943</v></c><c r=\"B2\" s=\"2\"><v>0.125</v></c></row>";

/// A workbook of Excel 97 with one sheet: a record after the other, each with its number and its length.
pub(crate) fn xls() -> Vec<u8> {
    let record = |number: u16, content: &[u8]| {
        [&number.to_le_bytes()[..], &(content.len() as u16).to_le_bytes(), content].concat()
    };
    let begin = |kind: u8| record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let label = |column: u8, text: &str| {
        record(0x0204, &[&[0, 0, column, 0, 0, 0, text.len() as u8, 0, 0][..], text.as_bytes()].concat())
    };
    let number =
        |column: u8, value: f64| record(0x0203, &[&[1, 0, column, 0, 0, 0][..], &value.to_le_bytes()].concat());
    let end = record(0x000a, &[]);
    let globals_bytes = 20 + 4 + 8 + 2 + 4;
    let sheet = record(0x0085, &[&(globals_bytes as u32).to_le_bytes()[..], &[0, 0, 2, 0], b"S1"].concat());
    let stream = [
        begin(5),
        sheet,
        end.clone(),
        begin(0x10),
        label(0, "day"),
        label(1, "kg"),
        number(0, 1.0),
        number(1, 2.5),
        end,
    ];
    made::ole(&[("/Workbook", stream.concat())])
}

#[test]
fn older_workbooks_are_read() {
    let document = parse(MediaType::Xls, &xls(), &Limits::default()).unwrap();
    let texts: Vec<&str> = document.blocks.iter().map(|block| block.text.as_str()).collect();
    assert_eq!(texts, ["S1", "day | kg\n1 | 2.5"]);
}

#[test]
fn every_sheet_is_read_and_cells_are_shown_as_people_see_them() {
    let hidden = "<row r=\"1\"><c r=\"A1\"><v>7</v></c></row>";
    let document = parse(MediaType::Xlsx, &xlsx(&[SHEET, hidden]), &Limits::default()).unwrap();
    let found: Vec<(&str, &str)> =
        document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str())).collect();
    let table = "day | share\n2025-10-13 | 12.5%";
    assert_eq!(found, [("heading", "S1"), ("table", table), ("heading", "S2"), ("paragraph", "7")]);
    assert_eq!(document.title.as_deref(), Some("Harvest"));
    assert_eq!(document.blocks[3].heading_path, ["S2"]);
}

#[test]
fn a_sheet_as_wide_as_the_world_stays_small() {
    let row = |number: usize| {
        let row = number * 500 + 1;
        format!("<row r=\"{row}\"><c r=\"A{row}\"><v>1</v></c><c r=\"XFD{row}\"><v>2</v></c></row>")
    };
    let rows = (0..2000).map(row).collect::<Vec<_>>().concat();
    let document = parse(MediaType::Xlsx, &xlsx(&[&rows]), &Limits::default()).unwrap();
    assert!(document.text().len() < 100_000);
    assert!(document.blocks[1].text.starts_with("1 | 2"));
    let limits = Limits { max_rows: 10, ..Limits::default() };
    let short = parse(MediaType::Xlsx, &xlsx(&[&rows, SHEET]), &limits).unwrap();
    assert_eq!(short.warnings[0].code, "rows_left_out");
}

#[test]
fn a_bomb_is_refused_before_the_library_sees_it() {
    let bomb = xlsx(&[&" ".repeat(64 << 20)]);
    assert_eq!(parse(MediaType::Xlsx, &bomb, &Limits::default()).unwrap_err().code(), "limit_exceeded");
    assert_eq!(parse(MediaType::Xls, b"nothing", &Limits::default()).unwrap_err().code(), "damaged_file");
}
