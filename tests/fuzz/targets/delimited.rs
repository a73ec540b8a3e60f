//! The parser `delimited`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: terroir_fuzz::tolerate_libraries(), |bytes: &[u8]| {
    terroir_fuzz::fallible(|limits| {
        let among = [terroir_ingest::document::MediaType::Csv, terroir_ingest::document::MediaType::Tsv];
        let Some((media_type, skip)) = terroir_fuzz::choose(bytes, &among) else { return Err(terroir_ingest::error::ParseError::Empty) };
        terroir_ingest::delimited::parse(media_type, &bytes[skip..], limits)
    });
});
