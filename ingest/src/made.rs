//! Files made for tests, part by part.

use std::io::{Cursor, Write as _};

/// An archive of parts of text, given by name and content.
pub(crate) fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    zip_of(parts)
}

/// An archive of any parts.
pub(crate) fn zip_of(parts: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name.as_ref(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_ref()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A compound file of streams, given by path and content. Storages come before what lies in them.
pub(crate) fn ole(streams: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((storage, _)) = path.rsplit_once('/').filter(|(storage, _)| !storage.is_empty()) {
            file.create_storage_all(storage).unwrap();
        }
        file.create_stream(path).unwrap().write_all(content).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}
