//! In which encoding the bytes of a font are.

use std::collections::HashMap;

use encoding_rs::{Encoding, WINDOWS_1252};

/// The fonts of a document, by number.
#[derive(Debug, Default)]
pub(super) struct Fonts {
    encodings: HashMap<i32, &'static Encoding>,
    /// The font that is being defined.
    open: Option<i32>,
}

impl Fonts {
    /// Takes a control word of the table of fonts.
    pub(super) fn define(&mut self, name: &str, number: Option<i32>) {
        match (name, number) {
            ("f", _) => self.open = number,
            ("fcharset", Some(charset)) => self.set(of_charset(charset)),
            ("cpg", Some(page)) => self.set(of_page(page)),
            _ => {}
        }
    }

    pub(super) fn encoding(&self, font: i32) -> Option<&'static Encoding> {
        self.encodings.get(&font).copied()
    }

    fn set(&mut self, encoding: Option<&'static Encoding>) {
        if let (Some(font), Some(encoding)) = (self.open, encoding) {
            self.encodings.insert(font, encoding);
        }
    }
}

/// The encoding of a Windows code page; `None` for those of DOS, which only very old files have.
pub(super) fn of_page(page: i32) -> Option<&'static Encoding> {
    codepage::to_encoding(u16::try_from(page).ok()?)
}

/// The code page of a Windows character set.
fn of_charset(charset: i32) -> Option<&'static Encoding> {
    let page = match charset {
        0 => return Some(WINDOWS_1252),
        77 => 10_000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    of_page(page)
}
