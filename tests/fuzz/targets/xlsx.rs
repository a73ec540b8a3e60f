//! The parser `xlsx`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let relations = b"<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'><Relationship Id='r1' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet' Target='worksheets/sheet1.xml'/></Relationships>";
        let workbook = b"<workbook xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'><sheets><sheet name='A' sheetId='1' r:id='r1'/></sheets></workbook>";
        let file = terroir_fuzz::container(&[("xl/workbook.xml", workbook), ("xl/_rels/workbook.xml.rels", relations), ("xl/worksheets/sheet1.xml", bytes), ("xl/sharedStrings.xml", bytes), ("xl/styles.xml", bytes)]);
        terroir_ingest::workbook::parse(terroir_ingest::document::MediaType::Xlsx, &file, limits)
    });
});
