//! How far each glyph moves the pen, in parts of the font size.

use std::collections::HashMap;

use lopdf::{Dictionary, Document, Object};

use crate::pdf::lookup;

/// More entries than any font has glyphs.
const MAX_ENTRIES: usize = 0x2_0000;

/// `/W` and `/DW`, or `/W2` and `/DW2`, of a composite font: `VALUES` numbers per CID.
#[derive(Debug)]
pub(super) struct CidMetrics<const VALUES: usize> {
    single: HashMap<u32, [f32; VALUES]>,
    /// (first, last, values), in the order of the file.
    ranges: Vec<(u32, u32, [f32; VALUES])>,
    pub default: [f32; VALUES],
}

impl<const VALUES: usize> CidMetrics<VALUES> {
    /// A range stays a range: the file may claim that it covers four billion codes.
    pub(super) fn read(document: &Document, font: &Dictionary, key: &[u8], default: [f32; VALUES]) -> Self {
        let mut metrics = Self { single: HashMap::new(), ranges: Vec::new(), default };
        let mut items = lookup::array(document, font, key)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| lookup::resolve(document, item));
        while let Some(first) = items.next().and_then(lookup::as_number) {
            match items.next() {
                Some(Object::Array(list)) => metrics.add_list(document, first as u32, list),
                Some(last) => {
                    let Some(last) = lookup::as_number(last) else {
                        break;
                    };
                    let mut values = [0.0; VALUES];
                    for value in &mut values {
                        *value = items.next().and_then(lookup::as_number).unwrap_or(0.0) / 1000.0;
                    }
                    if metrics.ranges.len() < MAX_ENTRIES {
                        metrics.ranges.push((first as u32, last as u32, values));
                    }
                }
                None => break,
            }
        }
        metrics.ranges.sort_by_key(|&(first, ..)| first);
        metrics
    }

    fn add_list(&mut self, document: &Document, first: u32, list: &[Object]) {
        for (index, chunk) in list.chunks_exact(VALUES).enumerate() {
            if self.single.len() >= MAX_ENTRIES {
                return;
            }
            let mut values = [0.0; VALUES];
            for (value, item) in values.iter_mut().zip(chunk) {
                *value = lookup::resolve(document, item).and_then(lookup::as_number).unwrap_or(0.0) / 1000.0;
            }
            self.single.insert(first.saturating_add(index as u32), values);
        }
    }

    pub(super) fn get(&self, cid: u32) -> Option<[f32; VALUES]> {
        if let Some(&values) = self.single.get(&cid) {
            return Some(values);
        }
        let next = self.ranges.partition_point(|&(first, ..)| first <= cid);
        let &(_, last, values) = self.ranges.get(next.checked_sub(1)?)?;
        (cid <= last).then_some(values)
    }
}

/// `/Widths` of a simple font by code; `None` where the file says nothing.
pub(super) fn simple(document: &Document, font: &Dictionary, unit: f32) -> Vec<Option<f32>> {
    let mut widths = vec![None; 256];
    let first = lookup::integer(document, font, b"FirstChar").unwrap_or(0).clamp(0, 255) as usize;
    let listed = lookup::array(document, font, b"Widths").unwrap_or_default();
    for (slot, item) in widths[first..].iter_mut().zip(listed) {
        *slot = lookup::resolve(document, item).and_then(lookup::as_number).map(|width| width * unit);
    }
    widths
}

#[cfg(test)]
mod tests {
    use lopdf::{Document, dictionary};

    use super::CidMetrics;

    #[test]
    fn lists_ranges_and_huge_ranges() {
        let document = Document::new();
        let font = dictionary! {
            "W" => vec![
                1.into(), vec![500.into(), 600.into()].into(),
                10.into(), 4_294_967_295_i64.into(), 250.into(),
            ],
        };
        let metrics = CidMetrics::<1>::read(&document, &font, b"W", [1.0]);
        assert_eq!(metrics.get(2), Some([0.6]));
        assert_eq!(metrics.get(5), None);
        assert_eq!(metrics.get(4_000_000), Some([0.25]));
    }
}
