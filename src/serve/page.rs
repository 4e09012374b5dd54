//! The page around the report: inputs on the left, the report on the right.

use askama::Template;

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
