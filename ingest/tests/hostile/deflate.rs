//! Compressed streams of any length, without holding what they expand to.

use std::io::{Cursor, Read as _, Write as _};

/// `unit`, `times` in a row, as a raw deflate stream.
pub fn raw(unit: &[u8], times: usize) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive_of(&[("a", unit, times)]))).expect("it was just made");
    let mut bytes = Vec::new();
    let mut entry = archive.by_index_raw(0).expect("it has an entry");
    entry.read_to_end(&mut bytes).expect("memory can be read");
    bytes
}

/// The same in the form of zlib, as PDF has it.
pub fn zlib(unit: &[u8], times: usize) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x9c];
    bytes.extend(raw(unit, times));
    bytes.extend(adler32(unit, times).to_be_bytes());
    bytes
}

/// An archive whose entries hold their `unit` so many times.
pub fn archive_of(entries: &[(&str, &[u8], usize)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().large_file(true);
    for (name, unit, times) in entries {
        archive.start_file(*name, options).expect("memory can be written to");
        // Fewer calls for short units.
        let batch = (1 << 16) / unit.len().max(1) + 1;
        let many = unit.repeat(batch);
        for _ in 0..times / batch {
            archive.write_all(&many).expect("memory can be written to");
        }
        for _ in 0..times % batch {
            archive.write_all(unit).expect("memory can be written to");
        }
    }
    archive.finish().expect("memory can be written to").into_inner()
}

fn adler32(unit: &[u8], times: usize) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut low, mut high) = (1_u32, 0_u32);
    for _ in 0..times {
        for byte in unit {
            low = (low + u32::from(*byte)) % MODULUS;
            high = (high + low) % MODULUS;
        }
    }
    high << 16 | low
}
