//! ZIP archives, and what lies in them.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::named(bytes, "a.zip");
});
