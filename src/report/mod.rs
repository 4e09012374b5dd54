//! One [`Report`] value, drawn many ways: terminal, Markdown, CSV, HTML, charts.
//!
//! Every number on the first screen is a [`Figure`] that names its place in `plan.json`, so that no two
//! outputs can disagree and each number can be followed home.

mod backtest;
pub mod charts;
mod check;
mod compare;
mod compare_table;
mod compare_text;
mod convergence;
mod csv;
mod diff;
mod doubt_tables;
mod explain;
mod focus;
pub mod format;
mod gsu_cases;
mod gsu_form;
mod gsu_lines;
mod gsu_numbers;
mod gsu_pictures;
mod gsu_tables;
mod markdown;
mod memo;
mod page;
mod pictures;
mod ratio_tables;
mod reconcile;
mod scenarios;
mod screen;
mod sheet;
mod tables;
mod terminal;
mod token_pictures;

use crate::projection::Plan;

pub use backtest::{backtest_text, observed_text};
pub use check::{check_markdown, check_text};
pub use compare::{Comparison, Interval, RouteComparison, Row, compare};
pub use convergence::{convergence_picture, convergence_table};
pub use csv::csv;
pub use diff::{diff_markdown, diff_text};
pub use explain::{
    ExplainError, Explanation, Found, Input, PlanFile, ShownFigure, explain, explanation_text, figures_text,
    find, plan_file, shown_figures,
};
pub use focus::{FocusOf, advises_orders, focus};
pub use gsu_form::{Cheapest, FieldEntry, FormAnswer, GsuForms, LeftOut, PoolForm, RehearsedForm, gsu_forms};
pub use gsu_numbers::GsuAnswer;
pub use markdown::{markdown, short_markdown};
pub use memo::{memo_markdown, memo_text};
pub use page::{
    CountView, Frame, MarkView, PoolView, SCRIPT as REPORT_SCRIPT, STYLE as REPORT_STYLE, TermView, html,
    main_part, page,
};
pub use pictures::pictures;
pub use reconcile::{reconciliation_markdown, reconciliation_text};
pub use terminal::{plain_table, terminal};

/// All that a person is shown of a plan.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One line that names workload, volume and horizon.
    pub title: String,
    /// The plan in three sentences, for who reads no further.
    pub summary: Vec<Vec<Piece>>,
    /// The first screen, in order.
    pub sections: Vec<Section>,
    /// The detail behind it.
    pub tables: Vec<Table>,
    /// What every GSU count of each pool comes to at every term.
    pub pools: Vec<PoolView>,
    /// Warnings as sentences.
    pub warnings: Vec<String>,
}

/// A part of the first screen.
#[derive(Clone, Debug)]
pub struct Section {
    /// `BILL`, `GSU`, `WHERE` …
    pub heading: &'static str,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// Running text or rows.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph, wrapped to the width at hand.
    Text(Vec<Piece>),
    /// Rows of cells, the first column left-aligned, the others right-aligned.
    Rows {
        /// Captions of the columns; empty for none.
        header: Vec<String>,
        /// Cells.
        rows: Vec<Vec<Piece>>,
    },
}

/// Words or a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Words.
    Words(String),
    /// A number from the plan.
    Figure(Figure),
}

/// A number as shown, and where it stands in `plan.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// As shown.
    pub text: String,
    /// JSON pointer (RFC 6901) of the number that is shown.
    pub pointer: String,
}

impl Piece {
    /// As shown.
    pub fn text(&self) -> &str {
        match self {
            Piece::Words(words) => words,
            Piece::Figure(figure) => &figure.text,
        }
    }
}

/// Captions of columns.
fn captions<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(String::from).to_vec()
}

/// Words.
fn words(text: impl Into<String>) -> Piece {
    Piece::Words(text.into())
}

/// A number with its place in the plan.
fn shown(text: String, pointer: impl Into<String>) -> Piece {
    Piece::Figure(Figure { text, pointer: pointer.into() })
}

/// A table of the report; every cell is text, numbers unrounded enough to be computed with.
#[derive(Clone, Debug)]
pub struct Table {
    /// File stem of its CSV.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// Captions with their unit.
    pub columns: Vec<&'static str>,
    /// Cells.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell: what people read, and the number behind it for machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// For people.
    pub text: String,
    /// For machines, where it is a number.
    pub number: Option<f64>,
    /// JSON pointer (RFC 6901) of that number in `plan.json`; `None` where it is a sum or a quotient of several.
    pub pointer: Option<String>,
}

impl Cell {
    fn words(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), number: None, pointer: None }
    }

    fn number(number: f64, text: String) -> Cell {
        Cell { text, number: Some(number), pointer: None }
    }

    /// What is not known, which is not zero.
    fn unknown() -> Cell {
        Cell::words("–")
    }
}

/// A row whose numbers stand below `base` in `plan.json`, each in the field of its column. A field that starts
/// with `/` counts from the root, and an empty one is for words and for numbers that stand nowhere.
fn located(row: Vec<Cell>, base: &str, fields: &[&str]) -> Vec<Cell> {
    let mut fields = fields.iter();
    let place = |cell: Cell| {
        let field = fields.next().copied().unwrap_or_default();
        let pointer = match field {
            "" => None,
            field if field.starts_with('/') => Some(field.to_string()),
            field => Some(format!("{base}/{field}")),
        };
        Cell { pointer: pointer.filter(|_| cell.number.is_some()), ..cell }
    };
    row.into_iter().map(place).collect()
}

/// Lines of the first screen.
const LINES_MAX: usize = 30;

/// Rows that its lists keep.
const ROWS_MIN: usize = 2;

impl Report {
    /// Builds the report of a plan.
    pub fn of(plan: &Plan) -> Report {
        let mut report = Report {
            title: screen::title(plan),
            summary: page::summary(plan),
            sections: screen::sections(plan),
            tables: tables::tables(plan),
            pools: page::pool_views(plan),
            warnings: plan.warnings.iter().map(ToString::to_string).collect(),
        };
        report.shorten(plan);
        report.sections.extend(scenarios::section(plan));
        report
    }

    /// Shortens the first screen to its lines; the tables have all. The rows of a few routes go last of all.
    fn shorten(&mut self, plan: &Plan) {
        let fits = |report: &Report| terminal(report).lines().count() <= LINES_MAX;
        let early: &[&str] =
            if screen::has_few_routes(plan) { &["WRONG BY"] } else { &["WRONG BY", "WHERE"] };
        while !fits(self) && self.drop_last_row(early) {}
        if !fits(self)
            && let Some(next) = self.sections.iter_mut().find(|section| section.heading == "NEXT")
        {
            next.blocks = vec![Block::Text(screen::next_in_short(plan))];
        }
        while !fits(self) && self.drop_last_row(&["WHERE"]) {}
    }

    /// Takes the last row off the first list of these sections that can spare one.
    fn drop_last_row(&mut self, spares: &[&str]) -> bool {
        for heading in spares {
            let section = self.sections.iter_mut().find(|section| section.heading == *heading);
            for block in section.into_iter().flat_map(|section| &mut section.blocks) {
                if let Block::Rows { header, rows } = block
                    && rows.len() > ROWS_MIN
                {
                    rows.pop();
                    // What is left out is said where it costs no line.
                    match header.first_mut() {
                        Some(first) if *first == screen::IN_THE_BILL => {
                            *first = screen::IN_THE_BILL_AND_MORE.into();
                        }
                        Some(first) if *first == screen::PLACEMENTS => {
                            *first = screen::PLACEMENTS_AND_MORE.into();
                        }
                        _ => {}
                    }
                    return true;
                }
            }
        }
        false
    }
}
