//! Tables as text: CSV in all its dialects, and TSV.

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument, Warning};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::tables::RowWriter;
use crate::text::decode;

const SEPARATORS: &[u8] = b",;\t|";
/// Records that decide on the separator.
const SAMPLE: usize = 50;
/// Without a name that says so, text is a table if it has this many records …
const LEAST_RECORDS: usize = 4;
/// … whose cells are as short as those of tables are.
const MAX_MEAN_CELL_CHARS: usize = 40;

pub fn parse(media_type: MediaType, bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(bytes);
    let mut warnings: Vec<Warning> = warning.into_iter().collect();
    let (separator, text) = match named_separator(&text) {
        Some(named) => named,
        None if media_type == MediaType::Tsv => (b'\t', text.as_str()),
        None => (separator(&text), text.as_str()),
    };
    let mut builder = BlockBuilder::default();
    let mut writer = RowWriter::new(&mut builder);
    for (record, number) in records(text, separator).into_records().zip(1..) {
        let record = record.map_err(|error| ParseError::damaged("csv", error))?;
        if number > limits.max_rows {
            warnings.push(rows_left_out(limits));
            break;
        }
        writer.row(&record.iter().collect::<Vec<_>>());
    }
    drop(writer);
    Ok(ParsedDocument::flowing(media_type, None, builder.finish(), warnings))
}

/// What is said of a file with more rows than are read.
pub(crate) fn rows_left_out(limits: &Limits) -> Warning {
    let message = format!("only the first {} rows were read; split the file to have all of them", limits.max_rows);
    Warning::new("rows_left_out", message, None)
}

/// Whether text that says nothing about itself is a table: `head` is its beginning.
pub(crate) fn is_table(head: &str) -> bool {
    let whole_lines = head.rfind('\n').map_or("", |end| &head[..end]);
    let separator = separator(whole_lines);
    let sample = sample(whole_lines, separator);
    let Some(width) = sample.first().map(StringRecord::len) else { return false };
    let least = if separator == b'\t' { 2 } else { 3 };
    let cells: usize = sample.iter().map(StringRecord::len).sum();
    let chars: usize = sample.iter().flat_map(StringRecord::iter).map(str::len).sum();
    sample.len() >= LEAST_RECORDS
        && width >= least
        && sample.iter().all(|record| record.len() == width)
        && chars <= MAX_MEAN_CELL_CHARS * cells
}

/// Excel's own way to name the separator: a first line such as `sep=;`.
fn named_separator(text: &str) -> Option<(u8, &str)> {
    let (line, rest) = text.split_once('\n')?;
    let separator = line.trim_end_matches('\r').strip_prefix("sep=")?;
    match separator.as_bytes() {
        [only] if only.is_ascii() => Some((*only, rest)),
        _ => None,
    }
}

fn records(text: &str, separator: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

fn sample(text: &str, separator: u8) -> Vec<StringRecord> {
    records(text, separator).into_records().take(SAMPLE).filter_map(Result::ok).collect()
}

/// The separator that gives the most records the same number of cells, of these the one that gives the most.
fn separator(text: &str) -> u8 {
    let score = |separator: &&u8| {
        let sample = sample(text, **separator);
        let widths: Vec<usize> = sample.iter().map(StringRecord::len).filter(|width| *width > 1).collect();
        let usual = widths.iter().max_by_key(|width| widths.iter().filter(|other| other == width).count());
        let usual = usual.copied().unwrap_or_default();
        let agreeing = widths.iter().filter(|width| **width == usual).count();
        (agreeing * 100 / sample.len().max(1), usual)
    };
    // The first of equals: a comma, unless something speaks against it.
    SEPARATORS.iter().rev().max_by_key(score).copied().unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> Vec<String> {
        let document = parse(MediaType::Csv, text.as_bytes(), &Limits::default()).unwrap();
        document.blocks.into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn cells_keep_separators_and_line_ends_in_quotes() {
        let rows = tables("name,note\n\"Keller, M.\",\"said \"\"no\"\"\ntwice\"\n");
        assert_eq!(rows, ["name | note\nKeller, M. | said \"no\" twice"]);
    }

    #[test]
    fn separators_are_found() {
        for text in ["a;b;c\n1,5;2,5;3\n", "a\tb\tc\n1,5\t2,5\t3\n", "a|b|c\n1,5|2,5|3\n", "sep=;\na;b;c\n1,5;2,5;3"] {
            assert_eq!(tables(text), ["a | b | c\n1,5 | 2,5 | 3"], "{text}");
        }
    }

    #[test]
    fn rows_beyond_the_limit_are_left_out_and_said_so() {
        let limits = Limits { max_rows: 3, ..Limits::default() };
        let document = parse(MediaType::Csv, b"a,b\n1,2\n3,4\n5,6\n7,8\n", &limits).unwrap();
        assert_eq!(document.blocks[0].text, "a | b\n1 | 2\n3 | 4");
        assert_eq!(document.warnings[0].code, "rows_left_out");
    }
}
