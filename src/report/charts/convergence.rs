//! How precisely each total was known after so many dollars: lines on a logarithmic axis of half widths.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, BOLD_LABEL, Bounds, Breadth, FAINT_LABEL, LABEL, Look},
    check_amount, check_most,
    gsu_cost::TERM_COLOURS,
    scale::{Axis, log_marks, short_usd},
    side_labels::{self, SideLabel, draw_side_labels, side_labels_width},
};

/// Most lines in one chart.
const MOST_LINES: usize = 24;
/// Half widths drawn at least and at most; what lies beyond is drawn at the border.
const LEAST: f64 = 1e-5;
const MOST: f64 = 10.0;
/// Room that the caption of the half widths takes above the plot, in pixels.
const CAPTION: f64 = 340.0;
/// The axis goes on to the budget unless that is more than so many times what was spent.
const BUDGET_IN_SIGHT: f64 = 2.0;
/// Room for the axis and its caption below, and above for that of the other axis, in pixels.
const BELOW: f64 = 56.0;
const ABOVE: f64 = 40.0;
/// The same above a narrow plot: that caption, and the budget under it.
const NARROW_ABOVE: f64 = 60.0;
/// Names and notes longer than this are cut, with an ellipsis, in pixels.
const LONGEST_NAME: f64 = 210.0;
const LONGEST_NOTE: f64 = 150.0;
/// Height of the banner in pixels.
const BANNER: f64 = 30.0;
const BANNER_LINES: Look = Look { face: BOLD_LABEL, leading: 18.0 };

/// Half widths of totals over the money that was spent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrecisionCourse {
    /// States the finding.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// A warning across the picture, e.g. that answers were simulated.
    pub banner: Option<String>,
    /// Half width over total that was asked for.
    pub target: f64,
    /// US dollars that might be spent.
    pub budget_usd: f64,
    /// The totals, 1 to 24.
    pub lines: Vec<PrecisionLine>,
}

/// One total.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrecisionLine {
    /// Its name.
    pub label: String,
    /// US dollars spent so far and half width over total, in the order of time. 0 is a total known exactly.
    pub points: Vec<(f64, f64)>,
    /// Written behind the last half width, e.g. `31 answers`.
    pub note: String,
}

/// Draws a line for each total with its last half width, and the lines of target and budget.
///
/// # Errors
///
/// When there is no line, or more than 24, when an amount or a half width is not a number, negative or above
/// 1e15, or when the dollars of a line fall.
pub fn draw_precision_course(course: &PrecisionCourse) -> Result<Chart, ChartError> {
    check(course)?;
    let course = &with_clean_texts(course);
    canvas::at_both_breadths(|breadth| draw(course, breadth))
}

fn draw(course: &PrecisionCourse, breadth: Breadth) -> Result<Chart, ChartError> {
    let heading = canvas::lay_out_heading(&course.title, &course.subtitle, breadth);
    let banner_top = canvas::heading_bottom(&heading) + 8.0;
    let banner = banner_lines(course, breadth);
    let labels = side_labels(course);
    let mut scales = Scales::of(course, breadth);
    let bounds = plot_bounds(&labels, banner_top + banner_height(&banner), breadth);
    scales.bounds = bounds;
    let key = if breadth.is_narrow() { side_labels::key_of(&labels) } else { Vec::new() };
    let below = if breadth.is_narrow() { side_labels::key_height(&key) } else { 0.0 };
    let height = (bounds.bottom + BELOW + below).round();
    canvas::draw_picture(breadth, "convergence", &course.title, describe(course), height, |area| {
        canvas::draw_heading(area, &heading)?;
        draw_banner(area, &banner, banner_top, breadth)?;
        draw_axes(area, &scales, breadth)?;
        draw_targets(area, course, &scales, breadth)?;
        for (index, line) in course.lines.iter().enumerate() {
            draw_line(area, line, colour(index), &scales)?;
        }
        match breadth {
            Breadth::Wide => draw_side_labels(area, &labels, bounds, |value| scales.y(value)),
            Breadth::Narrow => side_labels::draw_key(area, &key, bounds.bottom + BELOW - 10.0),
        }
    })
}

fn plot_bounds(labels: &[SideLabel], banner_bottom: f64, breadth: Breadth) -> Bounds {
    match breadth {
        Breadth::Wide => Bounds {
            left: breadth.margin() + 58.0,
            top: banner_bottom + ABOVE,
            right: breadth.right() - side_labels_width(labels),
            bottom: canvas::HEIGHT.max(banner_bottom + ABOVE + 19.0 * labels.len() as f64 + BELOW) - BELOW,
        },
        Breadth::Narrow => {
            let top = banner_bottom + NARROW_ABOVE;
            let bottom = top + canvas::NARROW_PLOT;
            Bounds { left: breadth.margin() + 50.0, top, right: breadth.right() - 8.0, bottom }
        }
    }
}

/// Both axes.
struct Scales {
    money: Axis,
    low: f64,
    high: f64,
    bounds: Bounds,
}

impl Scales {
    fn of(course: &PrecisionCourse, breadth: Breadth) -> Scales {
        let points = || course.lines.iter().flat_map(|line| &line.points);
        let spent = points().map(|(usd, _)| *usd).fold(0.0, f64::max);
        let in_sight = course.budget_usd <= BUDGET_IN_SIGHT * spent || spent == 0.0;
        let furthest = if in_sight { spent.max(course.budget_usd) } else { spent };
        let widths = || points().map(|(_, width)| *width).chain([course.target]).filter(|width| *width > 0.0);
        let low = widths().fold(f64::INFINITY, f64::min).clamp(LEAST, MOST);
        let high = widths().fold(0.0, f64::max).clamp(low, MOST);
        let bounds = Bounds { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };
        // Room above and below, so that a single value has an axis around it.
        Scales {
            money: Axis::up_to(furthest, if breadth.is_narrow() { 3 } else { 6 }),
            low: low / 1.25,
            high: high * 1.25,
            bounds,
        }
    }

    fn x(&self, usd: f64) -> f64 {
        let Bounds { left, right, .. } = self.bounds;
        left + usd.min(self.money.top()) / self.money.top() * (right - left)
    }

    fn y(&self, half_width: f64) -> f64 {
        let Bounds { top, bottom, .. } = self.bounds;
        let width = half_width.clamp(self.low, self.high);
        bottom - (width / self.low).ln() / (self.high / self.low).ln() * (bottom - top)
    }
}

fn check(course: &PrecisionCourse) -> Result<(), ChartError> {
    if course.lines.is_empty() {
        return Err(ChartError::Empty { what: "line" });
    }
    check_most(course.lines.len(), MOST_LINES, "lines")?;
    check_amount(course.target, || "the target".into())?;
    check_amount(course.budget_usd, || "the budget".into())?;
    for line in &course.lines {
        for (usd, width) in &line.points {
            check_amount(*usd, || format!("the money spent on `{}`", line.label))?;
            check_amount(*width, || format!("the half width of `{}`", line.label))?;
        }
        if !line.points.is_sorted_by(|a, b| a.0 <= b.0) {
            return Err(ChartError::Unordered { what: format!("the money spent on `{}`", line.label) });
        }
    }
    Ok(())
}

fn with_clean_texts(course: &PrecisionCourse) -> PrecisionCourse {
    let line = |line: &PrecisionLine| PrecisionLine {
        label: canvas::one_line(&line.label),
        note: canvas::one_line(&line.note),
        points: line.points.clone(),
    };
    PrecisionCourse {
        title: canvas::one_line(&course.title),
        subtitle: canvas::one_line(&course.subtitle),
        banner: course.banner.as_deref().map(canvas::one_line),
        lines: course.lines.iter().map(line).collect(),
        ..course.clone()
    }
}

/// The first six lines have a colour of their own.
fn colour(index: usize) -> RGBColor {
    TERM_COLOURS.get(index).copied().unwrap_or(canvas::PALE_GREY)
}

/// `±4.8 %`, or what else there is to say of the last point.
fn last_width(line: &PrecisionLine) -> String {
    match line.points.last() {
        None => "no interval yet".into(),
        Some((_, 0.0)) => "exact".into(),
        Some((_, width)) => format!("±{}", percent(*width)),
    }
}

/// Two digits: `0.52 %`, `4.8 %`, `31 %`.
fn percent(share: f64) -> String {
    match 100.0 * share {
        small @ ..0.995 => format!("{small:.2} %"),
        middle @ ..9.95 => format!("{middle:.1} %"),
        large => format!("{large:.0} %"),
    }
}

fn side_labels(course: &PrecisionCourse) -> Vec<SideLabel> {
    let labels = course.lines.iter().enumerate().map(|(index, line)| SideLabel {
        name: canvas::shorten(&line.label, LONGEST_NAME, LABEL),
        note: canvas::shorten(&note_of(line), LONGEST_NOTE, FAINT_LABEL),
        bold: false,
        colour: colour(index),
        value: line.points.last().map_or(LEAST, |(_, width)| *width),
        // Lines end where their last answer came, usually before the border.
        leads: false,
    });
    labels.collect()
}

/// `±4.8 %, 31 answers`.
fn note_of(line: &PrecisionLine) -> String {
    match line.note.is_empty() {
        true => last_width(line),
        false => format!("{}, {}", last_width(line), line.note),
    }
}

/// The banner's text as lines; none without a banner.
fn banner_lines(course: &PrecisionCourse, breadth: Breadth) -> Vec<String> {
    let most = if breadth.is_narrow() { 4 } else { 1 };
    let text = course.banner.as_deref().unwrap_or_default();
    canvas::break_lines(text, BOLD_LABEL, most, breadth.inner() - 24.0)
}

fn banner_height(lines: &[String]) -> f64 {
    match lines.len() {
        0 => 0.0,
        lines => BANNER + BANNER_LINES.leading * (lines - 1) as f64,
    }
}

fn draw_banner(area: &Area, lines: &[String], top: f64, breadth: Breadth) -> Result<(), ChartError> {
    if lines.is_empty() {
        return Ok(());
    }
    let height = banner_height(lines) - 4.0;
    let corners = [canvas::at(breadth.margin(), top), canvas::at(breadth.right(), top + height)];
    area.draw(&Rectangle::new(corners, canvas::YELLOW.filled()))?;
    let first = top + (height - BANNER_LINES.leading * lines.len() as f64) / 2.0;
    canvas::write_lines(area, lines, (breadth.margin() + 12.0, first), BANNER_LINES)?;
    Ok(())
}

fn draw_axes(area: &Area, scales: &Scales, breadth: Breadth) -> Result<(), ChartError> {
    let bounds = scales.bounds;
    let (above, caption) = match breadth {
        Breadth::Wide => (22.0, "half width of the interval, share of the total, logarithmic"),
        Breadth::Narrow => (42.0, "half width, share of the total, logarithmic"),
    };
    let place = (breadth.margin(), bounds.top - above);
    canvas::write_text(area, caption, place, HPos::Left, FAINT_LABEL)?;
    // In percent, so that the marks are round there.
    let far_enough = |marks: &[(f64, String)]| {
        let rows: Vec<f64> = marks.iter().map(|(value, _)| scales.y(value / 100.0)).collect();
        rows.windows(2).all(|pair| pair[0] - pair[1] >= 22.0)
    };
    for (value, text) in log_marks(100.0 * scales.low, 100.0 * scales.high, far_enough) {
        let y = scales.y(value / 100.0);
        let ends = vec![canvas::at(bounds.left, y), canvas::at(bounds.right, y)];
        area.draw(&PathElement::new(ends, canvas::stroke(canvas::GRID, 1.0)))?;
        canvas::write_text(area, &format!("{text} %"), (bounds.left - 8.0, y), HPos::Right, FAINT_LABEL)?;
    }
    let bottom = vec![canvas::at(bounds.left, bounds.bottom), canvas::at(bounds.right, bounds.bottom)];
    area.draw(&PathElement::new(bottom, canvas::stroke(canvas::GREY, 1.0)))?;
    for (value, text) in scales.money.marks() {
        let x = scales.x(value);
        let tick = vec![canvas::at(x, bounds.bottom), canvas::at(x, bounds.bottom + 5.0)];
        area.draw(&PathElement::new(tick, canvas::stroke(canvas::GREY, 1.0)))?;
        canvas::write_text(area, &text, (x, bounds.bottom + 16.0), HPos::Center, FAINT_LABEL)?;
    }
    let place = (bounds.left, bounds.bottom + 37.0);
    canvas::write_text(area, "US dollars spent on all placements together", place, HPos::Left, FAINT_LABEL)
}

/// Dashed lines at the target and, where it is in sight, at the budget, named above the plot.
fn draw_targets(
    area: &Area,
    course: &PrecisionCourse,
    scales: &Scales,
    breadth: Breadth,
) -> Result<(), ChartError> {
    let bounds = scales.bounds;
    let y = scales.y(course.target);
    dashed(area, (bounds.left, y), (bounds.right, y))?;
    let text = format!("asked for: ±{}", percent(course.target));
    let width = canvas::text_width(&text, FAINT_LABEL);
    // Under the caption of the axis, at the right border of the plot, behind a patch that hides the lines.
    let centre = (y - 10.0).max(bounds.top + 2.0);
    let patch =
        [canvas::at(bounds.right - width - 6.0, centre - 8.0), canvas::at(bounds.right - 2.0, centre + 8.0)];
    area.draw(&Rectangle::new(patch, WHITE.filled()))?;
    canvas::write_text(area, &text, (bounds.right - 4.0, centre), HPos::Right, FAINT_LABEL)?;
    if course.budget_usd > scales.money.top() {
        return Ok(());
    }
    let x = scales.x(course.budget_usd);
    dashed(area, (x, bounds.bottom), (x, bounds.top - 6.0))?;
    let text = format!("budget {}", short_usd(course.budget_usd));
    let half = canvas::text_width(&text, FAINT_LABEL) / 2.0;
    // Right of the caption of the other axis; in a narrow picture that one stands higher.
    let first = bounds.left + half + if breadth.is_narrow() { 0.0 } else { CAPTION };
    let centre = x.clamp(first, (bounds.right - half).max(first));
    canvas::write_text(area, &text, (centre, bounds.top - 14.0), HPos::Center, FAINT_LABEL)
}

fn dashed(area: &Area, from: (f64, f64), to: (f64, f64)) -> Result<(), ChartError> {
    const DASH: f64 = 7.0;
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let along = |part: f64| {
        let part = (part / length).min(1.0);
        canvas::at(from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
    };
    let mut start = 0.0;
    while start < length {
        let ends = vec![along(start), along(start + DASH)];
        area.draw(&PathElement::new(ends, canvas::stroke(canvas::INK, 1.4)))?;
        start += 2.0 * DASH;
    }
    Ok(())
}

fn draw_line(area: &Area, line: &PrecisionLine, colour: RGBColor, scales: &Scales) -> Result<(), ChartError> {
    let points: Vec<(i32, i32)> =
        line.points.iter().map(|(usd, width)| canvas::at(scales.x(*usd), scales.y(*width))).collect();
    if points.len() > 1 {
        area.draw(&PathElement::new(points.clone(), canvas::stroke(colour, 1.8)))?;
    }
    if let Some(last) = points.last() {
        area.draw(&Circle::new(*last, canvas::fine(4.0), colour.filled()))?;
    }
    Ok(())
}

/// The chart in sentences.
fn describe(course: &PrecisionCourse) -> String {
    let banner = course.banner.as_ref().map(|text| format!("{}. ", text.trim_end_matches('.')));
    let mut alt = format!(
        "{}{}. Line chart of the half width of each total's interval over US dollars spent. Asked for: ±{}, \
         budget {}.",
        banner.unwrap_or_default(),
        course.title.trim_end_matches('.'),
        percent(course.target),
        short_usd(course.budget_usd)
    );
    for line in &course.lines {
        let spent = line.points.last().map(|(usd, _)| format!(" after {}", short_usd(*usd)));
        let note = if line.note.is_empty() { String::new() } else { format!(", {}", line.note) };
        alt += &format!(" {}: {}{}{note}.", line.label, last_width(line), spent.unwrap_or_default());
    }
    alt
}
