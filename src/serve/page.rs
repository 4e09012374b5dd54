//! The page around the report: inputs on the left, the report on the right.

use askama::Template;

use crate::report::{Report, charts::Chart, html};

/// The script of the page.
pub const PAGE_SCRIPT: &str = include_str!("page.js");

/// The style of the page, beside that of the report.
pub const PAGE_STYLE: &str = include_str!("page.css");

#[derive(Template)]
#[template(path = "page.html")]
struct Shell<'a> {
    name: &'a str,
    version: &'a str,
}

/// The page without its numbers; its script asks for them.
///
/// # Errors
///
/// When the template cannot be written, which memory running out alone can cause.
pub fn page(name: &str) -> Result<String, askama::Error> {
    Shell { name, version: env!("CARGO_PKG_VERSION") }.render()
}

/// The report as a part of the page.
pub(super) fn report_part(report: &Report, charts: &[Chart]) -> Result<String, askama::Error> {
    let whole = html(report, charts)?;
    let between = |from: &str, to: &str| {
        let start = whole.find(from).map_or(0, |at| at);
        let end = whole.find(to).map_or(whole.len(), |at| at + to.len());
        whole[start..end].to_string()
    };
    Ok(between("<style>", "</style>") + &between("<main>", "</main>").replace("main>", "div>"))
}
