//! The parser `pptx`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let relations = b"<Relationships><Relationship Id='r1' Type='t/slide' Target='slides/slide1.xml'/></Relationships>";
        let list = b"<p:presentation><p:sldIdLst><p:sldId r:id='r1'/></p:sldIdLst></p:presentation>";
        let file = terroir_fuzz::container(&[("ppt/presentation.xml", list), ("ppt/_rels/presentation.xml.rels", relations), ("ppt/slides/slide1.xml", bytes)]);
        terroir_ingest::pptx::parse(&file, limits)
    });
});
