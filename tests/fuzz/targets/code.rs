//! The parser `code`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::infallible(|| terroir_ingest::code::parse(bytes));
});
