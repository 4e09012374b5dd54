//! How tokens of single requests spread: a row of dots or bars for each model, classes one under the other.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, BOLD_LABEL, Bounds, Breadth, FAINT_LABEL, LABEL, Look},
    check_amount, check_most,
    scale::{Axis, short_number},
};

/// Most rows and constants in one chart.
const MOST_ROWS: usize = 60;
const MOST_CONSTANTS: usize = 30;
/// Height of a row in pixels, and how much of it the highest bar takes.
const ROW: f64 = 40.0;
/// The same in a narrow picture, where a row's texts stand above it.
const NARROW_ROW: f64 = 76.0;
const BAR: f64 = 22.0;
/// How far above the bottom of its row a row's base line lies, in pixels.
const BASE: f64 = 12.0;
/// Height of a panel's heading and of its axis in pixels.
const PANEL_HEADING: f64 = 30.0;
const PANEL_AXIS: f64 = 30.0;
/// Height of the key and of a line of text below the panels, in pixels.
const KEY_ROW: f64 = 26.0;
const TEXT_ROW: f64 = 20.0;
/// Labels and remarks longer than this are cut, with an ellipsis, in pixels.
const LONGEST_NAME: f64 = 330.0;
const LONGEST_NOTE: f64 = 200.0;
/// Up to so many answers of one number are drawn as dots.
const DOTS_MAX: u64 = 5;
/// Radius of a dot and half the width of a bar that stands for one number, in pixels.
const DOT: f64 = 2.9;

/// Distributions of tokens, a panel for each class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenSpread {
    /// States the finding.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// Classes from top to bottom; together 1 to 60 rows.
    pub panels: Vec<SpreadPanel>,
    /// What does not vary and the like, in words, 30 lines at most.
    pub constants: Vec<String>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpreadPanel {
    /// The class, in bold above its rows.
    pub heading: String,
    /// The rows.
    pub rows: Vec<SpreadRow>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpreadRow {
    /// Left of the plot.
    pub label: String,
    /// Answers by tokens, ascending; empty where only a range is known.
    pub bins: Vec<SpreadBin>,
    /// Tokens that 5 % of requests stay below.
    pub p05: f64,
    /// Tokens of the middle request.
    pub p50: f64,
    /// Tokens that 5 % of requests exceed.
    pub p95: f64,
    /// Right of the numbers in grey: grade and answers.
    pub note: String,
}

/// Answers with `from` to `to` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpreadBin {
    /// Least tokens.
    pub from: f64,
    /// Most tokens; the same where the bin is a single number.
    pub to: f64,
    /// Answers.
    pub answers: u64,
}

/// Draws one row for each model of each class: a dot for each answer or bars where there are many, a band where
/// only a range is known, with the middle and the 95th percentile marked and written.
///
/// # Errors
///
/// When there is no row, or more than 60, more than 30 constants, or when a number of tokens is not a number,
/// negative, above 1e15, or out of order.
pub fn draw_token_spread(spread: &TokenSpread) -> Result<Chart, ChartError> {
    check(spread)?;
    let spread = &with_clean_texts(spread);
    canvas::at_both_breadths(|breadth| draw(spread, breadth))
}

fn draw(spread: &TokenSpread, breadth: Breadth) -> Result<Chart, ChartError> {
    let heading = canvas::lay_out_heading(&spread.title, &spread.subtitle, breadth);
    let key_top = canvas::heading_bottom(&heading) + 8.0;
    let columns = Columns::of(spread, breadth);
    let key = key_entries(spread);
    let key_rows = if breadth.is_narrow() { key.len() } else { 1 };
    let panels_top = key_top + KEY_ROW + TEXT_ROW * (key_rows - 1) as f64;
    let panels: f64 = spread.panels.iter().map(|panel| panel_height(panel, breadth)).sum();
    let constants_top = panels_top + panels + 6.0;
    let constants = constant_lines(spread, breadth);
    let below = match constants.len() {
        0 => 0.0,
        lines => TEXT_ROW * (lines + 1) as f64 + 8.0,
    };
    let height = (constants_top + below + 8.0).round();
    canvas::draw_picture(breadth, "token-distributions", &spread.title, describe(spread), height, |area| {
        canvas::draw_heading(area, &heading)?;
        draw_key(area, &key, key_top + KEY_ROW / 2.0, breadth)?;
        let mut top = panels_top;
        for panel in &spread.panels {
            draw_panel(area, panel, &columns, top)?;
            top += panel_height(panel, breadth);
        }
        draw_constants(area, &constants, (breadth.margin(), constants_top))
    })
}

/// Where the texts and the plot stand from left to right, in pixels.
struct Columns {
    left: f64,
    right: f64,
    numbers: f64,
    breadth: Breadth,
}

impl Columns {
    fn of(spread: &TokenSpread, breadth: Breadth) -> Columns {
        if breadth.is_narrow() {
            // A number at the right end of the axis is centred there.
            let right = breadth.right() - 10.0;
            return Columns { left: breadth.margin() + 4.0, right, numbers: breadth.right(), breadth };
        }
        let rows = || spread.panels.iter().flat_map(|panel| &panel.rows);
        let widest = |widths: &mut dyn Iterator<Item = f64>| widths.fold(0.0, f64::max);
        let label =
            |row: &SpreadRow| canvas::text_width(&canvas::shorten(&row.label, LONGEST_NAME, LABEL), LABEL);
        let note = |row: &SpreadRow| {
            canvas::text_width(&canvas::shorten(&row.note, LONGEST_NOTE, FAINT_LABEL), FAINT_LABEL)
        };
        let notes = widest(&mut rows().map(note));
        let numbers = widest(&mut rows().map(|row| canvas::text_width(&numbers(row), LABEL)));
        let numbers_left = breadth.right() - notes - 14.0 - numbers;
        Columns {
            left: breadth.margin() + widest(&mut rows().map(label)) + 14.0,
            right: numbers_left - 22.0,
            numbers: numbers_left,
            breadth,
        }
    }
}

fn check(spread: &TokenSpread) -> Result<(), ChartError> {
    let rows = || spread.panels.iter().flat_map(|panel| &panel.rows);
    if rows().next().is_none() {
        return Err(ChartError::Empty { what: "row" });
    }
    check_most(rows().count(), MOST_ROWS, "rows")?;
    check_most(spread.constants.len(), MOST_CONSTANTS, "constants")?;
    for row in rows() {
        let what = || format!("the tokens of `{}`", row.label);
        let bins = row.bins.iter().flat_map(|bin| [bin.from, bin.to]);
        for tokens in bins.clone().chain([row.p05, row.p50, row.p95]) {
            check_amount(tokens, what)?;
        }
        let bins: Vec<f64> = bins.collect();
        if !bins.is_sorted() || row.p05 > row.p50 || row.p50 > row.p95 {
            return Err(ChartError::Unordered { what: what() });
        }
    }
    Ok(())
}

fn with_clean_texts(spread: &TokenSpread) -> TokenSpread {
    let row = |row: &SpreadRow| SpreadRow {
        label: canvas::one_line(&row.label),
        note: canvas::one_line(&row.note),
        ..row.clone()
    };
    let panel = |panel: &SpreadPanel| SpreadPanel {
        heading: canvas::one_line(&panel.heading),
        rows: panel.rows.iter().map(row).collect(),
    };
    TokenSpread {
        title: canvas::one_line(&spread.title),
        subtitle: canvas::one_line(&spread.subtitle),
        panels: spread.panels.iter().filter(|panel| !panel.rows.is_empty()).map(panel).collect(),
        constants: spread.constants.iter().map(|line| canvas::one_line(line)).collect(),
    }
}

fn row_height(breadth: Breadth) -> f64 {
    if breadth.is_narrow() { NARROW_ROW } else { ROW }
}

fn panel_height(panel: &SpreadPanel, breadth: Breadth) -> f64 {
    PANEL_HEADING + row_height(breadth) * panel.rows.len() as f64 + PANEL_AXIS
}

/// `P50 312 · P95 1,480`.
fn numbers(row: &SpreadRow) -> String {
    format!("P50 {} · P95 {}", short_number(row.p50), short_number(row.p95))
}

/// The most that a row shows.
fn highest(row: &SpreadRow) -> f64 {
    row.bins.iter().map(|bin| bin.to).fold(row.p95, f64::max)
}

fn draw_panel(area: &Area, panel: &SpreadPanel, columns: &Columns, top: f64) -> Result<(), ChartError> {
    let breadth = columns.breadth;
    let heading = canvas::shorten(&panel.heading, breadth.inner(), BOLD_LABEL);
    let place = (breadth.margin(), top + PANEL_HEADING - 13.0);
    canvas::write_text(area, &heading, place, HPos::Left, BOLD_LABEL)?;
    let bounds = Bounds {
        left: columns.left,
        top: top + PANEL_HEADING,
        right: columns.right,
        bottom: top + PANEL_HEADING + row_height(breadth) * panel.rows.len() as f64,
    };
    let width = bounds.right - bounds.left;
    let axis = Axis::up_to(
        panel.rows.iter().map(highest).fold(0.0, f64::max),
        (width / 90.0).clamp(1.0, 6.0) as u32,
    );
    let x_of = |tokens: f64| bounds.left + tokens / axis.top() * width;
    for (value, text) in axis.plain_marks("") {
        let x = x_of(value);
        let ends = vec![canvas::at(x, bounds.top), canvas::at(x, bounds.bottom)];
        area.draw(&PathElement::new(ends, canvas::stroke(canvas::GRID, 1.0)))?;
        canvas::write_text(area, &text, (x, bounds.bottom + 12.0), HPos::Center, FAINT_LABEL)?;
    }
    for (index, row) in panel.rows.iter().enumerate() {
        let base = bounds.top + row_height(breadth) * (index + 1) as f64 - BASE;
        draw_row_texts(area, row, columns, base)?;
        let line = vec![canvas::at(bounds.left, base), canvas::at(bounds.right, base)];
        area.draw(&PathElement::new(line, canvas::stroke(canvas::PALE_GREY, 1.0)))?;
        draw_answers(area, row, base, &x_of)?;
        draw_percentile(area, x_of(row.p50), base, true)?;
        draw_percentile(area, x_of(row.p95), base, false)?;
    }
    Ok(())
}

/// Name, numbers and note of a row: beside it, or in two lines above it.
fn draw_row_texts(area: &Area, row: &SpreadRow, columns: &Columns, base: f64) -> Result<(), ChartError> {
    let breadth = columns.breadth;
    let note = canvas::shorten(&row.note, LONGEST_NOTE, FAINT_LABEL);
    if breadth.is_narrow() {
        let top = base + BASE - NARROW_ROW;
        let patch = [canvas::at(0.0, top), canvas::at(breadth.width(), top + 36.0)];
        area.draw(&Rectangle::new(patch, WHITE.filled()))?;
        let room = breadth.inner() - canvas::text_width(&numbers(row), LABEL) - 10.0;
        let label = canvas::shorten(&row.label, room, LABEL);
        canvas::write_text(area, &label, (breadth.margin(), top + 10.0), HPos::Left, LABEL)?;
        canvas::write_text(area, &numbers(row), (columns.numbers, top + 10.0), HPos::Right, LABEL)?;
        if !note.is_empty() {
            canvas::write_text(area, &note, (breadth.margin(), top + 27.0), HPos::Left, FAINT_LABEL)?;
        }
        return Ok(());
    }
    let label = canvas::shorten(&row.label, LONGEST_NAME, LABEL);
    let middle = base - BAR / 2.0 + 4.0;
    canvas::write_text(area, &label, (columns.left - 12.0, middle), HPos::Right, LABEL)?;
    canvas::write_text(area, &numbers(row), (columns.numbers, middle), HPos::Left, LABEL)?;
    if !note.is_empty() {
        canvas::write_text(area, &note, (breadth.right(), middle), HPos::Right, FAINT_LABEL)?;
    }
    Ok(())
}

/// What was seen, above the base line: dots, bars, or the band of a range.
fn draw_answers(
    area: &Area,
    row: &SpreadRow,
    base: f64,
    x_of: &impl Fn(f64) -> f64,
) -> Result<(), ChartError> {
    if row.bins.is_empty() {
        return draw_band(area, x_of(row.p05), x_of(row.p95), base);
    }
    let most = row.bins.iter().map(|bin| bin.answers).max().unwrap_or(1);
    for bin in row.bins.iter().filter(|bin| bin.answers > 0) {
        let (left, right) = (x_of(bin.from), x_of(bin.to));
        if bin.from == bin.to && most <= DOTS_MAX {
            for dot in 0..bin.answers {
                draw_dot(area, left, base - DOT - 0.8 - (2.0 * DOT - 1.6) * dot as f64)?;
            }
            continue;
        }
        let top = base - BAR * bin.answers as f64 / most as f64;
        let (left, right) = if right - left < 2.0 { (left - 1.6, left + 1.6) } else { (left, right - 0.6) };
        let corners = [canvas::at(left, top), canvas::at(right, base)];
        area.draw(&Rectangle::new(corners, canvas::BLUE.filled()))?;
    }
    Ok(())
}

fn draw_dot(area: &Area, x: f64, y: f64) -> Result<(), ChartError> {
    area.draw(&Circle::new(canvas::at(x, y), canvas::fine(DOT), canvas::BLUE.filled()))?;
    Ok(())
}

fn draw_band(area: &Area, left: f64, right: f64, base: f64) -> Result<(), ChartError> {
    let corners = [canvas::at(left, base - 9.0), canvas::at(right, base - 2.0)];
    area.draw(&Rectangle::new(corners, canvas::RANGE.filled()))?;
    Ok(())
}

/// A triangle under the base line: full for the middle, hollow for the 95th percentile.
fn draw_percentile(area: &Area, x: f64, base: f64, full: bool) -> Result<(), ChartError> {
    let corners = |grow: f64| {
        vec![
            canvas::at(x, base + 1.0 - 1.4 * grow),
            canvas::at(x - 4.2 - grow, base + 8.0 + 0.6 * grow),
            canvas::at(x + 4.2 + grow, base + 8.0 + 0.6 * grow),
        ]
    };
    area.draw(&Polygon::new(corners(0.8), canvas::INK.filled()))?;
    if !full {
        area.draw(&Polygon::new(corners(-1.2), WHITE.filled()))?;
    }
    Ok(())
}

/// A mark that the key explains.
#[derive(Clone, Copy)]
enum Mark {
    Answer,
    Range,
    Middle,
    High,
}

/// What the marks mean, those that occur.
fn key_entries(spread: &TokenSpread) -> Vec<(Mark, &'static str)> {
    let rows = || spread.panels.iter().flat_map(|panel| &panel.rows);
    let seen = rows().any(|row| !row.bins.is_empty()).then_some((Mark::Answer, "answers that were seen"));
    let range = rows().any(|row| row.bins.is_empty()).then_some((Mark::Range, "90 % range, shape not known"));
    let percentiles =
        [(Mark::Middle, "half of the requests take more (P50)"), (Mark::High, "5 % take more (P95)")];
    seen.into_iter().chain(range).chain(percentiles).collect()
}

/// The key in one row, or in a narrow picture a row for each mark.
fn draw_key(area: &Area, entries: &[(Mark, &str)], centre: f64, breadth: Breadth) -> Result<(), ChartError> {
    let (mut left, mut centre) = (breadth.margin(), centre);
    for (mark, text) in entries {
        match mark {
            Mark::Answer => draw_dot(area, left + 8.0, centre)?,
            Mark::Range => draw_band(area, left, left + 14.0, centre + 5.0)?,
            Mark::Middle => draw_percentile(area, left + 8.0, centre - 5.0, true)?,
            Mark::High => draw_percentile(area, left + 8.0, centre - 5.0, false)?,
        }
        canvas::write_text(area, text, (left + 20.0, centre), HPos::Left, FAINT_LABEL)?;
        match breadth {
            Breadth::Wide => left += 20.0 + canvas::text_width(text, FAINT_LABEL) + 24.0,
            Breadth::Narrow => centre += TEXT_ROW,
        }
    }
    Ok(())
}

/// What is not drawn, as lines; in a narrow picture each may take three.
fn constant_lines(spread: &TokenSpread, breadth: Breadth) -> Vec<String> {
    let most = if breadth.is_narrow() { 3 } else { 1 };
    let lines = |text: &String| canvas::break_lines(text, FAINT_LABEL, most, breadth.inner());
    spread.constants.iter().flat_map(lines).collect()
}

fn draw_constants(area: &Area, lines: &[String], (left, top): (f64, f64)) -> Result<(), ChartError> {
    if lines.is_empty() {
        return Ok(());
    }
    let heading = (left, top + TEXT_ROW / 2.0);
    canvas::write_text(area, "Not drawn", heading, HPos::Left, BOLD_LABEL)?;
    canvas::write_lines(area, lines, (left, top + TEXT_ROW), Look { face: FAINT_LABEL, leading: TEXT_ROW })?;
    Ok(())
}

/// The chart in sentences.
fn describe(spread: &TokenSpread) -> String {
    let title = spread.title.trim_end_matches('.');
    let mut alt = format!("{title}. Distributions of tokens in single requests.");
    for panel in &spread.panels {
        let rows = panel.rows.iter().map(|row| format!("{}: {}, {}", row.label, numbers(row), row.note));
        alt += &format!(" {}: {}.", panel.heading, rows.collect::<Vec<_>>().join("; "));
    }
    if !spread.constants.is_empty() {
        alt += &format!(" Not drawn: {}.", spread.constants.join("; "));
    }
    alt
}
