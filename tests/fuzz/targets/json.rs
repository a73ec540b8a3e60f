//! The parser `json`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let among = [terroir_ingest::document::MediaType::Json, terroir_ingest::document::MediaType::JsonLines];
        let Some((media_type, skip)) = terroir_fuzz::choose(bytes, &among) else { return Err(terroir_ingest::error::ParseError::Empty) };
        terroir_ingest::json::parse(media_type, &bytes[skip..], limits)
    });
});
