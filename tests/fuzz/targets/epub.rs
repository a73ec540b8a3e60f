//! The parser `epub`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let container = b"<container><rootfiles><rootfile full-path='a.opf'/></rootfiles></container>";
        let publication = b"<package><manifest><item id='c' href='c.xhtml' media-type='application/xhtml+xml'/></manifest><spine><itemref idref='c'/></spine></package>";
        let file = terroir_fuzz::container(&[("mimetype", b"application/epub+zip"), ("META-INF/container.xml", container), ("a.opf", publication), ("c.xhtml", bytes)]);
        terroir_ingest::epub::parse(&file, limits)
    });
});
