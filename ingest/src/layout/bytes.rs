//! [`Layout`] as bytes: a version, then pages and lines as variable-length integers.

use super::{Layout, LayoutError, LayoutLine, PageSize};

const VERSION: u8 = 1;
/// Lengths are stored in twentieths of a point.
const UNITS_PER_POINT: f32 = 20.0;

pub(super) fn encode(layout: &Layout) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    write_unsigned(&mut bytes, layout.pages.len() as u64);
    for page in &layout.pages {
        write_signed(&mut bytes, to_units(page.width));
        write_signed(&mut bytes, to_units(page.height));
    }
    write_unsigned(&mut bytes, layout.lines.len() as u64);
    let mut previous_end = 0_i64;
    for line in &layout.lines {
        write_unsigned(&mut bytes, u64::from(line.page));
        write_signed(&mut bytes, i64::from(line.char_start) - previous_end);
        write_unsigned(&mut bytes, u64::from(line.char_end.saturating_sub(line.char_start)));
        previous_end = i64::from(line.char_end);
        let top = to_units(line.top);
        write_signed(&mut bytes, top);
        write_signed(&mut bytes, to_units(line.bottom) - top);
        let mut previous_x = 0;
        for &x in &line.x {
            let x = to_units(x);
            write_signed(&mut bytes, x - previous_x);
            previous_x = x;
        }
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Layout, LayoutError> {
    let mut reader = Reader { bytes };
    if reader.byte()? != VERSION {
        return Err(LayoutError { reason: "unknown version" });
    }
    let mut layout = Layout::default();
    for _ in 0..reader.unsigned()? {
        layout.pages.push(PageSize { width: reader.points()?, height: reader.points()? });
    }
    let mut previous_end = 0_i64;
    for _ in 0..reader.unsigned()? {
        let page = to_u32(reader.unsigned()?)?;
        let char_start = previous_end.saturating_add(reader.signed()?);
        let char_start = to_u32(u64::try_from(char_start).map_err(|_| OUT_OF_RANGE)?)?;
        let length = to_u32(reader.unsigned()?)?;
        let char_end = char_start.checked_add(length).ok_or(OUT_OF_RANGE)?;
        previous_end = i64::from(char_end);
        let top = reader.signed()?;
        let bottom = top.saturating_add(reader.signed()?);
        let mut x = Vec::new();
        let mut previous_x = 0_i64;
        for _ in 0..=length {
            previous_x = previous_x.saturating_add(reader.signed()?);
            x.push(to_points(previous_x));
        }
        layout.lines.push(LayoutLine { page, char_start, char_end, top: to_points(top), bottom: to_points(bottom), x });
    }
    Ok(layout)
}

const OUT_OF_RANGE: LayoutError = LayoutError { reason: "number out of range" };

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, LayoutError> {
        let (&byte, rest) = self.bytes.split_first().ok_or(LayoutError { reason: "ends too early" })?;
        self.bytes = rest;
        Ok(byte)
    }

    fn unsigned(&mut self) -> Result<u64, LayoutError> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(OUT_OF_RANGE)
    }

    fn signed(&mut self) -> Result<i64, LayoutError> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn points(&mut self) -> Result<f32, LayoutError> {
        Ok(to_points(self.signed()?))
    }
}

fn write_unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Zigzag: small numbers of either sign stay short.
fn write_signed(bytes: &mut Vec<u8>, value: i64) {
    write_unsigned(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Not-a-number becomes 0, anything else is kept within ±50,000 km.
fn to_units(points: f32) -> i64 {
    i64::from((points * UNITS_PER_POINT).round() as i32)
}

fn to_points(units: i64) -> f32 {
    units as f32 / UNITS_PER_POINT
}

fn to_u32(value: u64) -> Result<u32, LayoutError> {
    u32::try_from(value).map_err(|_| OUT_OF_RANGE)
}
