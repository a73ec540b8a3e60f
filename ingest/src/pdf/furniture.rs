//! Running headers, footers and page numbers: found by repetition, taken out.

use std::collections::HashMap;

use super::lines::Region;

/// Lines this far from the top or bottom of the text may be furniture.
const EDGE_LINES: usize = 3;
/// Share of the page's height in which furniture stands, at either end.
const MARGIN_SHARE: f32 = 0.15;
/// Pages on which the same line must stand.
const MIN_PAGES: usize = 3;
/// Height within which lines count as standing at the same place, in points.
const SAME_HEIGHT_POINTS: f32 = 6.0;

/// What a line looks like from page to page: its text with numbers made alike, and its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Look {
    text: String,
    is_top: bool,
    height: i32,
}

impl Look {
    fn is_number(&self) -> bool {
        is_page_number(&self.text)
    }
}

/// Removes furniture from `pages`: the regions of each page, with the page's height.
pub(super) fn remove(pages: &mut [(f32, Vec<Region>)]) {
    let mut seen: HashMap<Look, usize> = HashMap::new();
    let candidates: Vec<Vec<(usize, usize, Look)>> =
        pages.iter().map(|(height, regions)| edge_lines(*height, regions)).collect();
    for page in &candidates {
        let mut looks: Vec<&Look> = page.iter().map(|(_, _, look)| look).collect();
        looks.sort_by(|a, b| a.text.cmp(&b.text).then(a.height.cmp(&b.height)));
        looks.dedup();
        for look in looks {
            *seen.entry(look.clone()).or_default() += 1;
        }
    }
    let page_count = pages.len();
    for ((_, regions), found) in pages.iter_mut().zip(candidates) {
        let mut doomed: Vec<(usize, usize)> = Vec::new();
        // A page has one number at either end: more of them are marks of a frame, or cells.
        let numbers =
            |is_top: bool| found.iter().filter(|(_, _, look)| look.is_top == is_top && look.is_number()).count();
        let numbers = [numbers(false), numbers(true)];
        for (region, line, look) in found {
            let times = repetitions(&seen, &look);
            let is_number = look.is_number() && numbers[usize::from(look.is_top)] == 1;
            if times >= MIN_PAGES || (is_number && (times >= 2 || page_count <= 2)) {
                doomed.push((region, line));
            }
        }
        doomed.sort_unstable();
        for (region, line) in doomed.into_iter().rev() {
            regions[region].remove(line);
        }
        regions.retain(|region| !region.is_empty());
    }
}

/// Heights are rounded, so neighbours count as well.
fn repetitions(seen: &HashMap<Look, usize>, look: &Look) -> usize {
    (look.height - 1..=look.height + 1).filter_map(|height| seen.get(&Look { height, ..look.clone() })).sum()
}

/// (region, line, look) of the lines at the top and bottom of a page.
fn edge_lines(page_height: f32, regions: &[Region]) -> Vec<(usize, usize, Look)> {
    let mut lines: Vec<(usize, usize, f32, f32)> = Vec::new();
    for (region_index, region) in regions.iter().enumerate() {
        for (line_index, line) in region.iter().enumerate() {
            if line.frame.is_upright() {
                lines.push((region_index, line_index, line.top, line.bottom));
            }
        }
    }
    lines.sort_by(|a, b| a.2.total_cmp(&b.2));
    let in_top = page_height * MARGIN_SHARE;
    let in_bottom = page_height * (1.0 - MARGIN_SHARE);
    let count = lines.len();
    let mut found = Vec::new();
    for (index, (region, line, top, bottom)) in lines.into_iter().enumerate() {
        let is_top = index < EDGE_LINES && top < in_top;
        let is_bottom = index + EDGE_LINES >= count && bottom > in_bottom;
        if !is_top && !is_bottom {
            continue;
        }
        let text = alike(&regions[region][line].visual_text());
        let height = (top / SAME_HEIGHT_POINTS).round() as i32;
        found.push((region, line, Look { text, is_top, height }));
    }
    found
}

/// The text with every number as `#` and without what changes from page to page.
fn alike(text: &str) -> String {
    let mut alike = String::with_capacity(text.len());
    let mut in_number = false;
    for c in text.chars() {
        if c.is_numeric() {
            // Numbers with nothing but space between them stay apart: a row of them numbers no page.
            if !std::mem::replace(&mut in_number, true) {
                alike.push('#');
            }
            continue;
        }
        in_number = false;
        if !c.is_whitespace() {
            alike.extend(c.to_lowercase());
        }
    }
    alike
}

fn is_page_number(alike: &str) -> bool {
    let bare = alike.trim_matches(|c: char| !c.is_alphanumeric() && c != '#');
    matches!(
        bare,
        "#" | "page#"
            | "seite#"
            | "#/#"
            | "page#of#"
            | "page#sur#"
            | "page#/#"
            | "seite#von#"
            | "#of#"
            | "p.#"
            | "p#"
            | "página#"
            | "pagina#"
    ) || (!bare.is_empty() && bare.len() <= 5 && bare.chars().all(|c| "ivxl".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::{alike, is_page_number};

    #[test]
    fn page_numbers() {
        for text in ["12", "- 12 -", "Page 3 of 10", "xiv", "Seite 4", "3/7"] {
            assert!(is_page_number(&alike(text)), "{text}");
        }
        for text in ["Chapter 3", "1 Introduction", "mild", "", "4 3 2 1"] {
            assert!(!is_page_number(&alike(text)), "{text}");
        }
    }
}
