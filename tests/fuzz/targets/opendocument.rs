//! The parser `opendocument`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let among = [terroir_ingest::document::MediaType::Odt, terroir_ingest::document::MediaType::Ods, terroir_ingest::document::MediaType::Odp];
        let Some((media_type, skip)) = terroir_fuzz::choose(bytes, &among) else { return Err(terroir_ingest::error::ParseError::Empty) };
        let file = terroir_fuzz::container(&[("content.xml", &bytes[skip..]), ("styles.xml", &bytes[skip..]), ("meta.xml", &bytes[skip..])]);
        terroir_ingest::opendocument::parse(media_type, &file, limits)
    });
});
