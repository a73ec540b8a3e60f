//! The parser `html`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| terroir_ingest::html::parse(bytes, limits));
});
