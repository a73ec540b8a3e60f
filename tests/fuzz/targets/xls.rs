//! The parser `xls`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    // Behind the detection, which refuses circles of sectors that the library would follow for ever.
    terroir_fuzz::named(bytes, "a.xls");
});
