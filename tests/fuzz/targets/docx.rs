//! The parser `docx`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let file = terroir_fuzz::container(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", bytes), ("word/numbering.xml", bytes), ("word/styles.xml", bytes), ("word/footnotes.xml", bytes)]);
        terroir_ingest::docx::parse(&file, limits)
    });
});
