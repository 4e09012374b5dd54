//! The report as one self-contained page.

use askama::Template;

use super::{Block, Cell, Piece, Report, Table, charts::Chart};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    charts: &'a [Chart],
    version: &'a str,
}

/// The page: first screen, charts inline, tables, warnings; no network, no script needed to read it.
///
/// # Errors
///
/// When the template cannot be written, which memory running out alone can cause.
pub fn html(report: &Report, charts: &[Chart]) -> Result<String, askama::Error> {
    Page { report, charts, version: env!("CARGO_PKG_VERSION") }.render()
}

impl Cell {
    /// CSS class of its alignment.
    fn align(&self) -> &'static str {
        if self.number.is_some() { "n" } else { "" }
    }
}

impl Table {
    /// CSS class of a column's caption: that of the numbers below it.
    fn align(&self, column: &usize) -> &'static str {
        let mut cells = self.rows.iter().filter_map(|row| row.get(*column));
        if cells.any(|cell| cell.number.is_some()) { "n" } else { "" }
    }
}
