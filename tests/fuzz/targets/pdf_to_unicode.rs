//! A font's `/ToUnicode`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| terroir_ingest::pdf::parse(&terroir_fuzz::pdf_page(bytes, terroir_fuzz::Font::ToUnicode), limits));
});
