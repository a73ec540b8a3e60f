//! The parser `xml`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| terroir_ingest::xml_file::parse(bytes, limits));
});
