//! What a file without a name is taken for, and what it then becomes.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    drop(terroir_ingest::detect::detect(bytes, None));
    terroir_fuzz::check(&terroir_ingest::parse::parse(bytes, None, &terroir_fuzz::limits()));
});
