//! Ratios with their ranges on a logarithmic axis, in groups: a forest plot.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, BOLD_LABEL, Bounds, FAINT_LABEL, Face, LABEL},
    check_most,
    scale::{log_marks, short_ratio},
};

/// Most rows in one chart.
const MOST_ROWS: usize = 100;
/// Height of a row and of a group's heading in pixels.
const ROW: f64 = 24.0;
const GROUP_ROW: f64 = 30.0;
/// Labels and remarks longer than this are cut, with an ellipsis, in pixels.
const LONGEST_NAME: f64 = 300.0;
const LONGEST_NOTE: f64 = 220.0;
/// Room under the rows for the axis and its caption, in pixels.
const AXIS_ROWS: f64 = 64.0;
/// Half the size of a mark in pixels.
const MARK: f64 = 4.5;
/// How far the axis reaches at most on either side of 1; marks beyond stand at its border.
const FURTHEST: f64 = 1e4;

/// Ratios in groups, each row a point with its range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RatioForest {
    /// States the finding.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// What 1 stands for, written under the axis, e.g. `the placement in the bill`.
    pub one: String,
    /// Groups from top to bottom; together 1 to 100 rows.
    pub groups: Vec<RatioGroup>,
}

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RatioGroup {
    /// Stands above them in bold; may be empty.
    pub heading: String,
    /// The rows.
    pub rows: Vec<RatioRow>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RatioRow {
    /// Left of the plot.
    pub label: String,
    /// Whether it stands for the whole: bold, with a larger mark.
    pub total: bool,
    /// Whether it counts money; tokens otherwise. They differ in shape and colour.
    pub money: bool,
    /// The point and the two ends of its range; `None` where there is no ratio, and `note` says why.
    pub ratio: Option<[f64; 3]>,
    /// Right of the numbers in grey: grade and answers, or why there is no ratio.
    pub note: String,
}

/// Draws one row for each ratio: a mark with a line over its range, hollow where the range contains 1, and
/// the numbers beside it.
///
/// # Errors
///
/// When there is no row, or more than 100, or when a ratio is not a positive number or lies outside its range.
pub fn draw_ratio_forest(forest: &RatioForest) -> Result<Chart, ChartError> {
    check(forest)?;
    let forest = &with_clean_texts(forest);
    let heading = canvas::lay_out_heading(&forest.title, &forest.subtitle);
    let lines = lay_out(forest);
    let bounds = plot_bounds(&lines, canvas::heading_bottom(&heading) + 16.0);
    let axis = LogAxis::of(forest, bounds);
    let height = bounds.bottom + AXIS_ROWS;
    canvas::draw_picture("backend-ratios", &forest.title, describe(forest), height, |area| {
        canvas::draw_heading(area, &heading)?;
        draw_axis(area, &axis, &forest.one, bounds)?;
        for line in &lines {
            draw_line(area, line, &axis, bounds)?;
        }
        Ok(())
    })
}

/// A heading or a row at its height below the top of the plot.
struct Line<'a> {
    centre: f64,
    label: String,
    /// `None` for a heading.
    row: Option<&'a RatioRow>,
    numbers: String,
    note: String,
}

/// The axis: what its two ends stand for.
struct LogAxis {
    low: f64,
    high: f64,
    left: f64,
    right: f64,
    marks: Vec<(f64, String)>,
}

impl LogAxis {
    /// Holds every range and 1, with some room around.
    fn of(forest: &RatioForest, bounds: Bounds) -> LogAxis {
        let ends = || forest.groups.iter().flat_map(|group| &group.rows).filter_map(|row| row.ratio);
        let low = ends().map(|[_, low, _]| low).fold(1.0, f64::min).max(1.0 / FURTHEST);
        let high = ends().map(|[_, _, high]| high).fold(1.0, f64::max).min(FURTHEST);
        // At least a tenth around 1, so that equal things do not look far apart.
        let (low, high) = (low.min(0.95), high.max(1.05));
        let room = (high / low).powf(0.04);
        let (low, high) = (low / room, high * room);
        let (left, right) = (bounds.left, bounds.right);
        let mut axis = LogAxis { low, high, left, right, marks: Vec::new() };
        axis.marks = log_marks(low, high, |marks| {
            let mut ends = marks.iter().map(|(value, text)| {
                let half = canvas::text_width(text, FAINT_LABEL) / 2.0 + 7.0;
                (axis.x(*value) - half, axis.x(*value) + half)
            });
            let Some(mut last) = ends.next() else { return true };
            ends.all(|next| {
                let apart = last.1 <= next.0;
                last = next;
                apart
            })
        });
        axis
    }

    fn x(&self, ratio: f64) -> f64 {
        let ratio = ratio.clamp(self.low, self.high);
        self.left + (ratio / self.low).ln() / (self.high / self.low).ln() * (self.right - self.left)
    }
}

fn check(forest: &RatioForest) -> Result<(), ChartError> {
    let rows = || forest.groups.iter().flat_map(|group| &group.rows);
    if rows().next().is_none() {
        return Err(ChartError::Empty { what: "row" });
    }
    check_most(rows().count(), MOST_ROWS, "rows")?;
    for row in rows() {
        let Some([point, low, high]) = row.ratio else { continue };
        let sound = [point, low, high].iter().all(|value| value.is_finite() && *value > 0.0);
        if !sound || low > point || point > high {
            return Err(ChartError::Ratio { row: row.label.clone(), point, low, high });
        }
    }
    Ok(())
}

fn with_clean_texts(forest: &RatioForest) -> RatioForest {
    let row = |row: &RatioRow| RatioRow {
        label: canvas::one_line(&row.label),
        note: canvas::one_line(&row.note),
        ..row.clone()
    };
    let group = |group: &RatioGroup| RatioGroup {
        heading: canvas::one_line(&group.heading),
        rows: group.rows.iter().map(row).collect(),
    };
    RatioForest {
        title: canvas::one_line(&forest.title),
        subtitle: canvas::one_line(&forest.subtitle),
        one: canvas::one_line(&forest.one),
        groups: forest.groups.iter().map(group).collect(),
    }
}

fn face_of(row: &RatioRow) -> Face {
    if row.total { BOLD_LABEL } else { LABEL }
}

/// Headings and rows from top to bottom; `centre` counts from the top of the plot.
fn lay_out(forest: &RatioForest) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut top = 0.0;
    for group in &forest.groups {
        if !group.heading.is_empty() {
            let widest = canvas::WIDTH - 2.0 * canvas::MARGIN;
            let label = canvas::shorten(&group.heading, widest, BOLD_LABEL);
            let (numbers, note) = (String::new(), String::new());
            lines.push(Line { centre: top + GROUP_ROW / 2.0, label, row: None, numbers, note });
            top += GROUP_ROW;
        }
        for row in &group.rows {
            lines.push(Line {
                centre: top + ROW / 2.0,
                label: canvas::shorten(&row.label, LONGEST_NAME, face_of(row)),
                row: Some(row),
                numbers: row.ratio.map_or_else(|| "no ratio".into(), numbers),
                note: canvas::shorten(&row.note, LONGEST_NOTE, FAINT_LABEL),
            });
            top += ROW;
        }
    }
    lines
}

/// `1.02 (0.98 to 1.05)`, or `0.500` alone where there is no range.
fn numbers([point, low, high]: [f64; 3]) -> String {
    let exact = high - low <= 1e-9 * point;
    let [point, low, high] = [point, low, high].map(short_ratio);
    if exact { point } else { format!("{point} ({low} to {high})") }
}

fn plot_bounds(lines: &[Line], top: f64) -> Bounds {
    let rows = || lines.iter().filter_map(|line| Some((line, line.row?)));
    let labels = rows().map(|(line, row)| canvas::text_width(&line.label, face_of(row)));
    let height: f64 = lines.iter().map(|line| if line.row.is_some() { ROW } else { GROUP_ROW }).sum();
    Bounds {
        left: canvas::MARGIN + labels.fold(0.0, f64::max) + 16.0,
        top,
        right: canvas::WIDTH - canvas::MARGIN - numbers_width(lines) - notes_width(lines) - 16.0,
        bottom: (top + height + 6.0).round(),
    }
}

fn numbers_width(lines: &[Line]) -> f64 {
    lines.iter().map(|line| canvas::text_width(&line.numbers, LABEL)).fold(0.0, f64::max)
}

fn notes_width(lines: &[Line]) -> f64 {
    let widest = lines.iter().map(|line| canvas::text_width(&line.note, FAINT_LABEL)).fold(0.0, f64::max);
    if widest > 0.0 { widest + 12.0 } else { 0.0 }
}

fn draw_axis(area: &Area, axis: &LogAxis, one: &str, bounds: Bounds) -> Result<(), ChartError> {
    for (value, text) in &axis.marks {
        let x = axis.x(*value);
        let ends = vec![canvas::at(x, bounds.top), canvas::at(x, bounds.bottom)];
        let stroke = match *value == 1.0 {
            true => canvas::stroke(canvas::GREY, 1.6),
            false => canvas::stroke(canvas::GRID, 1.0),
        };
        area.draw(&PathElement::new(ends, stroke))?;
        canvas::write_text(area, text, (x, bounds.bottom + 14.0), HPos::Center, FAINT_LABEL)?;
    }
    let caption = format!("times {one} (the line at 1), logarithmic");
    let width = canvas::WIDTH - canvas::MARGIN - bounds.left;
    let caption = canvas::shorten(&caption, width, FAINT_LABEL);
    canvas::write_text(area, &caption, (bounds.left, bounds.bottom + 38.0), HPos::Left, FAINT_LABEL)
}

fn draw_line(area: &Area, line: &Line, axis: &LogAxis, bounds: Bounds) -> Result<(), ChartError> {
    let y = bounds.top + line.centre;
    let Some(row) = line.row else {
        // Hides the grid behind the heading.
        let width = canvas::text_width(&line.label, BOLD_LABEL);
        let patch =
            [canvas::at(canvas::MARGIN - 2.0, y - 10.0), canvas::at(canvas::MARGIN + width + 6.0, y + 10.0)];
        area.draw(&Rectangle::new(patch, WHITE.filled()))?;
        return canvas::write_text(area, &line.label, (canvas::MARGIN, y), HPos::Left, BOLD_LABEL);
    };
    canvas::write_text(area, &line.label, (bounds.left - 12.0, y), HPos::Right, face_of(row))?;
    if let Some(ratio) = row.ratio {
        draw_mark(area, row, ratio.map(|value| axis.x(value)), y, ratio)?;
    }
    let face = match row.ratio {
        Some(_) => face_of(row),
        None => FAINT_LABEL,
    };
    let left = bounds.right + 12.0;
    canvas::write_text(area, &line.numbers, (left, y), HPos::Left, Face { bold: false, ..face })?;
    if !line.note.is_empty() {
        let right = canvas::WIDTH - canvas::MARGIN;
        canvas::write_text(area, &line.note, (right, y), HPos::Right, FAINT_LABEL)?;
    }
    Ok(())
}

/// A line over the range and a mark at the point: a square for money, a disc for tokens.
fn draw_mark(
    area: &Area,
    row: &RatioRow,
    [x, left, right]: [f64; 3],
    y: f64,
    [_, low, high]: [f64; 3],
) -> Result<(), ChartError> {
    let colour = if row.money { canvas::BLUE } else { canvas::VERMILLION };
    let line = canvas::stroke(colour, if row.total { 2.6 } else { 1.8 });
    if right - left > 1.0 {
        area.draw(&PathElement::new(vec![canvas::at(left, y), canvas::at(right, y)], line))?;
        for end in [left, right] {
            let tick = vec![canvas::at(end, y - 4.0), canvas::at(end, y + 4.0)];
            area.draw(&PathElement::new(tick, line))?;
        }
    }
    let size = if row.total { MARK + 1.0 } else { MARK };
    // Hollow: the range contains 1.
    let inside = if low < 1.0 && 1.0 < high { WHITE } else { colour };
    if row.money {
        let corners = |size: f64| [canvas::at(x - size, y - size), canvas::at(x + size, y + size)];
        area.draw(&Rectangle::new(corners(size), colour.filled()))?;
        area.draw(&Rectangle::new(corners(size - 1.8), inside.filled()))?;
    } else {
        area.draw(&Circle::new(canvas::at(x, y), canvas::fine(size), colour.filled()))?;
        area.draw(&Circle::new(canvas::at(x, y), canvas::fine(size - 1.8), inside.filled()))?;
    }
    Ok(())
}

/// The chart in sentences.
fn describe(forest: &RatioForest) -> String {
    let title = forest.title.trim_end_matches('.');
    let mut alt = format!("{title}. Forest plot: ratios to {}, with 90 % ranges.", forest.one);
    for group in &forest.groups {
        let heading = group.heading.trim_end_matches('.');
        if !heading.is_empty() {
            alt += &format!(" {heading}:");
        }
        let rows = group.rows.iter().map(|row| match row.ratio {
            Some(ratio) if row.note.is_empty() => format!("{} {}", row.label, numbers(ratio)),
            Some(ratio) => format!("{} {}, {}", row.label, numbers(ratio), row.note),
            None => format!("{} no ratio, {}", row.label, row.note),
        });
        alt += &format!(" {}.", rows.collect::<Vec<_>>().join("; "));
    }
    alt
}
