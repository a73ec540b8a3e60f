//! Compressed RTF ([MS-OXRTFCP]): literals, and references into the last four thousand bytes.

/// What the window holds before the first byte.
const WINDOW: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW_BYTES: usize = 4_096;
const HEAD_BYTES: usize = 16;
const COMPRESSED: &[u8] = b"LZFu";
const PLAIN: &[u8] = b"MELA";

/// The RTF, as far as it is not cut off; `None` if it is something else. A reference gives at most 17 bytes for
/// two, so that the result is bounded by the input.
pub(super) fn expand(bytes: &[u8]) -> Option<Vec<u8>> {
    let kind = bytes.get(8..12)?;
    let data = bytes.get(HEAD_BYTES..)?;
    if kind == PLAIN {
        return Some(data.to_vec());
    }
    if kind != COMPRESSED {
        return None;
    }
    let mut window = [0_u8; WINDOW_BYTES];
    window[..WINDOW.len()].copy_from_slice(WINDOW);
    let mut at = WINDOW.len();
    let mut expanded = Vec::new();
    let mut data = data.iter().copied();
    while let Some(flags) = data.next() {
        for bit in 0..8 {
            let Some(first) = data.next() else { return Some(expanded) };
            if flags & (1 << bit) == 0 {
                write(&mut window, &mut at, &mut expanded, first);
                continue;
            }
            let Some(second) = data.next() else { return Some(expanded) };
            let reference = usize::from(u16::from_be_bytes([first, second]));
            let (offset, length) = (reference >> 4, (reference & 0xf) + 2);
            // The end points at the place where the next byte would be written.
            if offset == at {
                return Some(expanded);
            }
            for step in 0..length {
                let byte = window[(offset + step) % WINDOW_BYTES];
                write(&mut window, &mut at, &mut expanded, byte);
            }
        }
    }
    Some(expanded)
}

fn write(window: &mut [u8; WINDOW_BYTES], at: &mut usize, expanded: &mut Vec<u8>, byte: u8) {
    window[*at] = byte;
    *at = (*at + 1) % WINDOW_BYTES;
    expanded.push(byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(WINDOW.len(), 207);
        let simple = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(expand(simple).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let repeating = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04 WXYZ\x0dn}\x01\x0e\xb0";
        assert_eq!(expand(repeating).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        assert_eq!(expand(b"\0\0\0\0\0\0\0\0MELA\0\0\0\0{\\rtf1}").unwrap(), b"{\\rtf1}");
        assert_eq!(expand(b"short"), None);
    }
}
