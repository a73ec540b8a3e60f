//! Messages behind two sound header fields.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::named(&[&b"From: a@example.org\nSubject: "[..], bytes].concat(), "a.eml");
});
