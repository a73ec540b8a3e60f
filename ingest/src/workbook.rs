//! Workbooks of Excel (XLSX, XLSM, XLS) → a heading and tables for every sheet, hidden ones included.

mod sheet;
mod shown;
#[cfg(test)]
pub(crate) mod tests;

use std::io::Cursor;

use calamine::{Data, DataRef, Reader as _, Xls, Xlsx, XlsxError};

use self::sheet::SheetRows;
use crate::blocks::BlockBuilder;
use crate::delimited::rows_left_out;
use crate::detect::extension;
use crate::document::{MediaType, ParsedDocument};
use crate::dublin_core::Properties;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::package::Package;
use crate::title::sensible;

pub fn parse(media_type: MediaType, bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut builder = BlockBuilder::default();
    let mut left_rows = limits.max_rows;
    let (properties, whole) = if media_type == MediaType::Xls {
        read_xls(bytes, &mut left_rows, &mut builder)?
    } else {
        read_xlsx(bytes, limits, &mut left_rows, &mut builder)?
    };
    let warnings = (!whole).then(|| rows_left_out(limits));
    let document = ParsedDocument::flowing(media_type, properties.title, builder.finish(), warnings);
    Ok(ParsedDocument { metadata: properties.metadata, ..document })
}

/// What the file says about itself, and whether all rows were read.
type Outcome = Result<(Properties, bool), ParseError>;

fn read_xlsx(bytes: &[u8], limits: &Limits, left_rows: &mut u64, builder: &mut BlockBuilder) -> Outcome {
    let damaged = |error: XlsxError| ParseError::damaged("xlsx", error);
    let mut package = Package::open(bytes, "xlsx", limits)?;
    // The library unpacks without a bound: what would be too much is found out before.
    for name in package.names().iter().filter(|name| matches!(extension(Some(name)).as_str(), "xml" | "rels")) {
        package.bytes(name)?;
    }
    let properties = Package::open(bytes, "xlsx", limits)?.properties()?;
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut whole = true;
    for name in workbook.sheet_names() {
        let mut reader = match workbook.worksheet_cells_reader(&name) {
            Ok(reader) => reader,
            // A sheet that is one chart.
            Err(XlsxError::NotAWorksheet(_)) => continue,
            Err(error) => return Err(damaged(error)),
        };
        let mut rows = SheetRows::new(*left_rows);
        while let Some((cell, style)) = reader.next_cell_with_style_id().map_err(damaged)? {
            let format = reader.styles().get(style).and_then(|style| style.number_format.as_ref());
            let text = shown::cell(cell.get_value(), format.map(|format| format.format_code.as_str()));
            let (row, column) = cell.get_position();
            if !rows.add(row, column, text) {
                break;
            }
        }
        whole &= rows.is_whole();
        *left_rows -= rows.write(&name, builder);
    }
    Ok((properties, whole))
}

fn read_xls(bytes: &[u8], left_rows: &mut u64, builder: &mut BlockBuilder) -> Outcome {
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::XlsError::Password => ParseError::Locked { format: "xls".into() },
        error => ParseError::damaged("xls", error),
    })?;
    let mut properties = Properties::default();
    // Broken properties do not make the sheets unreadable.
    if let Ok(known) = workbook.workbook_properties() {
        properties.title = known.title.and_then(|title| sensible(&title));
        properties.metadata.add_authors(&known.creator.unwrap_or_default());
    }
    let mut whole = true;
    for name in workbook.sheet_names() {
        let Ok(range) = workbook.worksheet_range(&name) else { continue };
        let (first_row, first_column) = range.start().unwrap_or_default();
        let mut rows = SheetRows::new(*left_rows);
        for (row, column, cell) in range.used_cells() {
            let text = shown::cell(&borrowed(cell), None);
            if !rows.add(first_row + row as u32, first_column + column as u32, text) {
                break;
            }
        }
        whole &= rows.is_whole();
        *left_rows -= rows.write(&name, builder);
    }
    Ok((properties, whole))
}

/// A cell of XLS as a cell of XLSX.
fn borrowed(cell: &Data) -> DataRef<'_> {
    match cell {
        Data::Empty => DataRef::Empty,
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => DataRef::SharedString(text),
        Data::Bool(value) => DataRef::Bool(*value),
        Data::DateTime(time) => DataRef::DateTime(*time),
        Data::Error(error) => DataRef::Error(error.clone()),
    }
}
