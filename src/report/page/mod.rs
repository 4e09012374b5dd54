//! The report as one self-contained page: no network, readable without its script, printable.
//!
//! The page is a frame around one `<main>`. A live page replaces that element by [`main_part`] of another plan
//! and calls `window.burndown.init(document.querySelector("main"))`; which tab is open, which term is chosen
//! and how many GSUs survive that.

mod parts;
mod pools;
mod slim;
mod summary;

use askama::Template;
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::{Block, Piece, Report, charts::Chart};
use parts::Part;

pub(super) use pools::pools as pool_views;
pub use pools::{CountView, MarkView, PoolView, TermView};
pub(super) use summary::summary;

/// What the page looks like, light, dark and on paper.
pub const STYLE: &str = include_str!("style.css");

/// Tabs, sorting, the GSU slider, copying, values on charts.
pub const SCRIPT: &str = include_str!("script.js");

/// What stands around the report in a page. The default is the file that `plan --out` writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// Whether the page may talk to the server that it came from, load scripts and styles from there included.
    /// A file may talk to nobody.
    pub own_server: bool,
    /// HTML at the end of `<head>`.
    pub head: &'a str,
    /// HTML in front of `<main>`.
    pub before_main: &'a str,
}

#[derive(Template)]
#[template(path = "page/page.html")]
struct Page<'a> {
    title: &'a str,
    policy: String,
    style: &'a str,
    script: &'a str,
    frame: &'a Frame<'a>,
    main: String,
    version: &'a str,
}

#[derive(Template)]
#[template(path = "page/main.html")]
struct Main<'a> {
    report: &'a Report,
    parts: Vec<Part<'a>>,
}

/// The page as a file of its own.
///
/// # Errors
///
/// When the template cannot be written, which memory running out alone can cause.
pub fn html(report: &Report, charts: &[Chart]) -> Result<String, askama::Error> {
    page(report, charts, &Frame::default())
}

/// The page in a frame.
///
/// # Errors
///
/// When the template cannot be written, which memory running out alone can cause.
pub fn page(report: &Report, charts: &[Chart], frame: &Frame<'_>) -> Result<String, askama::Error> {
    let page = Page {
        title: &report.title,
        policy: policy(frame),
        style: STYLE,
        script: SCRIPT,
        frame,
        main: main_part(report, charts)?,
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render()
}

/// The `<main>` element alone. It is well-formed XML, too.
///
/// # Errors
///
/// When the template cannot be written, which memory running out alone can cause.
pub fn main_part(report: &Report, charts: &[Chart]) -> Result<String, askama::Error> {
    Main { report, parts: parts::parts(report, charts) }.render()
}

/// The Content-Security-Policy: the script is the page's own, named by its digest, and nothing is loaded.
fn policy(frame: &Frame<'_>) -> String {
    let script = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    let own = if frame.own_server { " 'self'" } else { "" };
    let connect = if frame.own_server { "'self'" } else { "'none'" };
    format!(
        "default-src 'none'; script-src 'sha256-{script}'{own}; style-src 'unsafe-inline'{own}; \
         connect-src {connect}; img-src data:; base-uri 'none'; form-action 'none'"
    )
}
