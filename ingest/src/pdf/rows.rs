//! What stands on one base line.

/// Parts smaller than this share of the usual size may be sub- or superscripts.
const SCRIPT_SIZE: f32 = 0.85;
/// Rows that are compared with a part, before and behind its place.
const NEIGHBOURS: usize = 3;
/// Looking further back in a row for a part at the same place costs more than it finds.
const LOOK_BACK: usize = 48;
/// A script stands this close to the part it belongs to, in sizes of the row.
const SCRIPT_GAP: f32 = 0.6;

/// What rows are made of. Lengths in points.
pub(super) trait Placed {
    fn base(&self) -> f32;
    fn size(&self) -> f32;
    /// Top and bottom.
    fn height(&self) -> (f32, f32);
    /// Left and right.
    fn width(&self) -> (f32, f32);
}

/// Groups parts into rows, sub- and superscripts included; rows from top to bottom, each from left
/// to right.
pub(super) fn group<T: Placed>(mut parts: Vec<T>) -> Vec<Vec<T>> {
    parts.sort_by(|a, b| a.base().total_cmp(&b.base()));
    let mut sizes: Vec<f32> = parts.iter().map(Placed::size).collect();
    sizes.sort_by(f32::total_cmp);
    let usual = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
    let (small, full): (Vec<T>, Vec<T>) = parts.into_iter().partition(|part| part.size() < SCRIPT_SIZE * usual);
    let mut rows = in_order(full);
    rows.sort_by(|a, b| a.base.total_cmp(&b.base));
    let mut alone = Vec::new();
    for part in small {
        match script_row(&mut rows, &part) {
            Some(row) => row.parts.push(part),
            None => alone.push(part),
        }
    }
    rows.extend(in_order(alone));
    rows.sort_by(|a, b| a.base.total_cmp(&b.base));
    rows.into_iter()
        .map(|mut row| {
            row.parts.sort_by(|a, b| a.width().0.total_cmp(&b.width().0));
            row.parts
        })
        .collect()
}

/// Rows of parts that come sorted by base line.
fn in_order<T: Placed>(parts: Vec<T>) -> Vec<Row<T>> {
    let mut rows: Vec<Row<T>> = Vec::new();
    for part in parts {
        let best = rows
            .iter_mut()
            .rev()
            .take(NEIGHBOURS)
            .filter(|row| row.takes(&part))
            .min_by(|a, b| a.distance(&part).total_cmp(&b.distance(&part)));
        match best {
            Some(row) => row.push(part),
            None => rows.push(Row::new(part)),
        }
    }
    rows
}

/// The row beside one of whose parts a script stands.
fn script_row<'a, T: Placed>(rows: &'a mut [Row<T>], part: &T) -> Option<&'a mut Row<T>> {
    let near = rows.partition_point(|row| row.base < part.base());
    let from = near.saturating_sub(NEIGHBOURS);
    let to = (near + NEIGHBOURS).min(rows.len());
    rows[from..to]
        .iter_mut()
        .filter(|row| row.takes_script(part))
        .min_by(|a, b| a.distance(part).total_cmp(&b.distance(part)))
}

/// The place of a row is that of its largest part.
struct Row<T> {
    base: f32,
    top: f32,
    bottom: f32,
    size: f32,
    parts: Vec<T>,
}

impl<T: Placed> Row<T> {
    fn new(part: T) -> Self {
        let (top, bottom) = part.height();
        Self { base: part.base(), top, bottom, size: part.size(), parts: vec![part] }
    }

    fn distance(&self, part: &T) -> f32 {
        (self.base - part.base()).abs()
    }

    /// The share of the lower one's height that both have in common.
    fn overlap(&self, part: &T) -> f32 {
        let (top, bottom) = part.height();
        let common = self.bottom.min(bottom) - self.top.max(top);
        common / (self.bottom - self.top).min(bottom - top)
    }

    fn takes(&self, part: &T) -> bool {
        let (small, large) = (self.size.min(part.size()), self.size.max(part.size()));
        // What stands above or below a part of the row belongs to another line.
        self.overlap(part) >= 0.55
            && self.distance(part) < 0.35 * large
            && large < 3.0 * small
            && !self.parts.iter().rev().take(LOOK_BACK).any(|other| {
                let ((left, right), (from, to)) = (other.width(), part.width());
                let common = right.min(to) - left.max(from);
                let apart = (other.base() - part.base()).abs();
                common > 0.6 * (right - left).min(to - from) && apart > 0.35 * other.size().min(part.size())
            })
    }

    fn takes_script(&self, part: &T) -> bool {
        let (from, to) = part.width();
        let gap = SCRIPT_GAP * self.size;
        self.overlap(part) >= 0.4
            && self.distance(part) < 0.65 * self.size
            && part.size() < SCRIPT_SIZE * self.size
            && self.parts.iter().rev().any(|other| {
                let (left, right) = other.width();
                from < right + gap && to > left - gap
            })
    }

    fn push(&mut self, part: T) {
        if part.size() > self.size {
            (self.base, self.size) = (part.base(), part.size());
            (self.top, self.bottom) = part.height();
        }
        self.parts.push(part);
    }
}

#[cfg(test)]
mod tests {
    use super::{Placed, group};

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Part(&'static str, f32, f32, f32);

    impl Placed for Part {
        fn base(&self) -> f32 {
            self.2
        }
        fn size(&self) -> f32 {
            self.3
        }
        fn height(&self) -> (f32, f32) {
            (self.2 - 0.75 * self.3, self.2 + 0.25 * self.3)
        }
        fn width(&self) -> (f32, f32) {
            (self.1, self.1 + 40.0)
        }
    }

    fn names(parts: &[Part]) -> Vec<Vec<&'static str>> {
        group(parts.to_vec()).iter().map(|row| row.iter().map(|part| part.0).collect()).collect()
    }

    #[test]
    fn scripts_join_the_line_beside_them() {
        let parts = [
            Part("left", 0.0, 100.0, 10.0),
            Part("right", 200.0, 98.0, 10.0),
            Part("sup", 40.0, 96.0, 7.0),
            Part("sub", 240.0, 101.0, 7.0),
            Part("next", 0.0, 112.0, 10.0),
        ];
        assert_eq!(names(&parts), [vec!["left", "sup", "right", "sub"], vec!["next"]]);
    }

    #[test]
    fn columns_with_shifted_lines_do_not_chain() {
        let parts = [Part("l1", 0.0, 100.0, 10.0), Part("head", 200.0, 104.0, 12.0), Part("l2", 0.0, 112.0, 10.0)];
        let rows = names(&parts);
        assert!(!rows.iter().any(|row| row.contains(&"l1") && row.contains(&"l2")));
    }
}
