//! The parser `plain_markup`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::infallible(|| {
        use terroir_ingest::document::MediaType;
        let among = [MediaType::Latex, MediaType::ReStructuredText, MediaType::Org, MediaType::AsciiDoc];
        let (media_type, skip) = terroir_fuzz::choose(bytes, &among).unwrap_or((MediaType::Latex, 0));
        terroir_ingest::plain_markup::parse(media_type, &bytes[skip..])
    });
});
