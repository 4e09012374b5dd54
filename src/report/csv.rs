//! Each table as CSV, numbers unrounded.

use super::{Cell, Table};

/// One table as CSV text with a header line.
///
/// # Panics
///
/// Never: writing to memory cannot fail, and all rows have the header's length.
pub fn csv(table: &Table) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(&table.columns).expect("memory takes any record");
    for row in &table.rows {
        writer.write_record(row.iter().map(value)).expect("memory takes any record");
    }
    String::from_utf8(writer.into_inner().expect("memory flushes")).expect("text in, text out")
}

/// A formula-like text (`=`, `+`, `-`, `@` first) is quoted with an apostrophe, since spreadsheets would run it.
fn value(cell: &Cell) -> String {
    match cell.number {
        Some(number) => number.to_string(),
        None if cell.text.starts_with(['=', '+', '-', '@']) => format!("'{}", cell.text),
        None => cell.text.clone(),
    }
}
