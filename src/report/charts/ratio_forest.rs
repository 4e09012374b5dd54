//! Ratios with their ranges on a logarithmic axis, in groups: a forest plot.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, BOLD_LABEL, Bounds, Breadth, FAINT_LABEL, FAINT_LINES, Face, LABEL, Look},
    check_most,
    scale::{log_marks, short_ratio},
};

/// Most rows in one chart.
const MOST_ROWS: usize = 100;
/// Height of a row and of a group's heading in pixels.
const ROW: f64 = 24.0;
const GROUP_ROW: f64 = 30.0;
/// The same in a narrow picture, where a row has its name and numbers, its note and its mark under each other.
const NARROW_ROW: f64 = 58.0;
const HEADING_LINES: Look = Look { face: BOLD_LABEL, leading: 18.0 };
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
    canvas::at_both_breadths(|breadth| draw(forest, breadth))
}

fn draw(forest: &RatioForest, breadth: Breadth) -> Result<Chart, ChartError> {
    let heading = canvas::lay_out_heading(&forest.title, &forest.subtitle, breadth);
    let lines = lay_out(forest, breadth);
    let bounds = plot_bounds(&lines, canvas::heading_bottom(&heading) + 16.0, breadth);
    let axis = LogAxis::of(forest, bounds);
    let caption = format!("times {} (the line at 1), logarithmic", forest.one);
    let most = if breadth.is_narrow() { 3 } else { 1 };
    let caption = canvas::break_lines(&caption, FAINT_LABEL, most, breadth.right() - bounds.left);
    let height = bounds.bottom + AXIS_ROWS + FAINT_LINES.leading * (caption.len() - 1) as f64;
    canvas::draw_picture(breadth, "backend-ratios", &forest.title, describe(forest), height, |area| {
        canvas::draw_heading(area, &heading)?;
        draw_axis(area, &axis, &caption, bounds)?;
        for line in &lines {
            match (breadth, line.row) {
                (_, None) => draw_group(area, line, bounds, breadth)?,
                (Breadth::Wide, Some(row)) => draw_row(area, line, row, &axis, bounds)?,
                (Breadth::Narrow, Some(row)) => draw_narrow_row(area, line, row, &axis, bounds)?,
            }
        }
        Ok(())
    })
}

/// A heading or a row at its height below the top of the plot.
struct Line<'a> {
    centre: f64,
    height: f64,
    label: String,
    /// The lines of a heading.
    heading: Vec<String>,
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
fn lay_out(forest: &RatioForest, breadth: Breadth) -> Vec<Line<'_>> {
    let (lines_most, row_height) = if breadth.is_narrow() { (2, NARROW_ROW) } else { (1, ROW) };
    let mut lines: Vec<Line> = Vec::new();
    let mut top = 0.0;
    for group in &forest.groups {
        if !group.heading.is_empty() {
            let heading = canvas::break_lines(&group.heading, BOLD_LABEL, lines_most, breadth.inner());
            let height = GROUP_ROW + HEADING_LINES.leading * (heading.len() - 1) as f64;
            let centre = top + height / 2.0;
            let (label, numbers, note) = (String::new(), String::new(), String::new());
            lines.push(Line { centre, height, label, heading, row: None, numbers, note });
            top += height;
        }
        for row in &group.rows {
            lines.push(Line {
                centre: top + row_height / 2.0,
                height: row_height,
                label: canvas::shorten(&row.label, LONGEST_NAME, face_of(row)),
                heading: Vec::new(),
                row: Some(row),
                numbers: row.ratio.map_or_else(|| "no ratio".into(), numbers),
                note: canvas::shorten(&row.note, LONGEST_NOTE, FAINT_LABEL),
            });
            top += row_height;
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

fn plot_bounds(lines: &[Line], top: f64, breadth: Breadth) -> Bounds {
    let rows = || lines.iter().filter_map(|line| Some((line, line.row?)));
    let labels = rows().map(|(line, row)| canvas::text_width(&line.label, face_of(row)));
    let height: f64 = lines.iter().map(|line| line.height).sum();
    let bottom = (top + height + 6.0).round();
    match breadth {
        Breadth::Wide => Bounds {
            left: breadth.margin() + labels.fold(0.0, f64::max) + 16.0,
            top,
            right: breadth.right() - numbers_width(lines) - notes_width(lines) - 16.0,
            bottom,
        },
        Breadth::Narrow => Bounds { left: breadth.margin() + 8.0, top, right: breadth.right() - 8.0, bottom },
    }
}

fn numbers_width(lines: &[Line]) -> f64 {
    lines.iter().map(|line| canvas::text_width(&line.numbers, LABEL)).fold(0.0, f64::max)
}

fn notes_width(lines: &[Line]) -> f64 {
    let widest = lines.iter().map(|line| canvas::text_width(&line.note, FAINT_LABEL)).fold(0.0, f64::max);
    if widest > 0.0 { widest + 12.0 } else { 0.0 }
}

fn draw_axis(area: &Area, axis: &LogAxis, caption: &[String], bounds: Bounds) -> Result<(), ChartError> {
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
    let top = bounds.bottom + 38.0 - FAINT_LINES.leading / 2.0;
    canvas::write_lines(area, caption, (bounds.left, top), FAINT_LINES)?;
    Ok(())
}

/// A heading, with a patch that hides the grid behind it.
fn draw_group(area: &Area, line: &Line, bounds: Bounds, breadth: Breadth) -> Result<(), ChartError> {
    let y = bounds.top + line.centre;
    let half = HEADING_LINES.leading * line.heading.len() as f64 / 2.0;
    let widths = line.heading.iter().map(|text| canvas::text_width(text, BOLD_LABEL));
    let (left, right) = match breadth {
        Breadth::Wide => (breadth.margin() - 2.0, breadth.margin() + widths.fold(0.0, f64::max) + 6.0),
        Breadth::Narrow => (0.0, breadth.width()),
    };
    let reach = if breadth.is_narrow() { line.height / 2.0 } else { 10.0 };
    let patch = [canvas::at(left, y - reach), canvas::at(right, y + reach)];
    area.draw(&Rectangle::new(patch, WHITE.filled()))?;
    canvas::write_lines(area, &line.heading, (breadth.margin(), y - half), HEADING_LINES)?;
    Ok(())
}

/// Name and numbers in one line, the note below, the mark in a strip of its own.
fn draw_narrow_row(
    area: &Area,
    line: &Line,
    row: &RatioRow,
    axis: &LogAxis,
    bounds: Bounds,
) -> Result<(), ChartError> {
    let (breadth, y) = (Breadth::Narrow, bounds.top + line.centre);
    let patch = [canvas::at(0.0, y - NARROW_ROW / 2.0), canvas::at(breadth.width(), y + 5.0)];
    area.draw(&Rectangle::new(patch, WHITE.filled()))?;
    let face = if row.ratio.is_some() { LABEL } else { FAINT_LABEL };
    let words = canvas::shorten(&line.numbers, breadth.inner() - 40.0, face);
    let room = breadth.inner() - canvas::text_width(&words, face) - 10.0;
    let label = canvas::shorten(&line.label, room, face_of(row));
    canvas::write_text(area, &label, (breadth.margin(), y - 20.0), HPos::Left, face_of(row))?;
    canvas::write_text(area, &words, (breadth.right(), y - 20.0), HPos::Right, face)?;
    let note = canvas::shorten(&line.note, breadth.inner(), FAINT_LABEL);
    if !note.is_empty() {
        canvas::write_text(area, &note, (breadth.margin(), y - 3.0), HPos::Left, FAINT_LABEL)?;
    }
    match row.ratio {
        Some(ratio) => draw_mark(area, row, ratio.map(|value| axis.x(value)), y + 16.0, ratio),
        None => Ok(()),
    }
}

fn draw_row(
    area: &Area,
    line: &Line,
    row: &RatioRow,
    axis: &LogAxis,
    bounds: Bounds,
) -> Result<(), ChartError> {
    let y = bounds.top + line.centre;
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
        let right = Breadth::Wide.right();
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
