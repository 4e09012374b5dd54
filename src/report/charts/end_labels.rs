//! Labels at the right end of the lines of spend.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    ChartError, Line, MonthlySpend,
    canvas::{self, Area, BLUE, BOLD_LABEL, Bounds, FAINT_LABEL, INK, LABEL, Plot},
    months::Month,
    scale::{push_apart, short_usd},
    side_labels::{KeyLine, LABEL_GAP, LEADER, draw_leader, key_line},
};

/// How many of the other placements get a colour and a label.
pub(super) const LABELLED_OTHERS: usize = 6;
/// Colours of those, in order of rising mean spend.
pub(super) const OTHER_COLOURS: [RGBColor; LABELLED_OTHERS] =
    [canvas::ORANGE, canvas::GREEN, canvas::PURPLE, canvas::VERMILLION, canvas::SKY, canvas::GREY];
/// Names longer than this are cut, with an ellipsis, in pixels.
const LONGEST_NAME: f64 = 400.0;

/// What stands to the right of the plot: a value and a name, led to by a stroke of the line's colour.
pub(super) struct EndLabel {
    usd: f64,
    value: String,
    name: String,
    bold: bool,
    colour: RGBColor,
    /// Written behind the name when the line ends before the last month.
    remark: Option<String>,
}

/// Labels from the highest amount to the lowest, which is also their order on the page.
pub(super) fn end_labels(spend: &MonthlySpend, labelled: &[&Line], months: &[Month]) -> Vec<EndLabel> {
    let label = |last: usize, usd: f64, name: &str, colour| EndLabel {
        usd,
        value: short_usd(usd),
        name: canvas::shorten(name, LONGEST_NAME, LABEL),
        remark: (last + 1 < months.len()).then(|| format!("until {}", spend.months[last])),
        bold: false,
        colour,
    };
    let mut labels = Vec::new();
    if let Some((last, mean)) = last_value(&spend.chosen) {
        let (low, high) = (spend.low[last], spend.high[last]);
        let chosen = &spend.chosen.label;
        labels.push(EndLabel {
            name: canvas::shorten(chosen, LONGEST_NAME, BOLD_LABEL),
            bold: true,
            ..label(last, mean, chosen, BLUE)
        });
        if low < high {
            labels.push(label(last, high, "95th percentile", canvas::RANGE));
            labels.push(label(last, low, "5th percentile", canvas::RANGE));
        }
    }
    if let Some(budget) = spend.budget_usd {
        labels.push(label(months.len() - 1, budget, "budget", INK));
    }
    for (line, colour) in labelled.iter().zip(OTHER_COLOURS) {
        let last = last_value(line);
        labels.extend(last.map(|(last, usd)| label(last, usd, &line.label, colour)));
    }
    labels.sort_by(|a, b| b.usd.total_cmp(&a.usd));
    labels
}

/// The labels as lines under a narrow plot: value, name and remark.
pub(super) fn key_of_ends(labels: &[EndLabel]) -> Vec<KeyLine> {
    let line = |label: &EndLabel| {
        let text = format!("{} {}", label.value, label.name);
        key_line(&text, label.remark.as_deref().unwrap_or_default(), label.bold, label.colour)
    };
    labels.iter().map(line).collect()
}

/// Room for all labels with their strokes, in pixels.
pub(super) fn labels_width(labels: &[EndLabel]) -> f64 {
    let widths = labels.iter().map(|label| name_width(label) + remark_width(label));
    LEADER + value_width(labels) + 6.0 + widths.fold(0.0, f64::max)
}

/// Draws the labels to the right of the plot, each at the height of its amount if there is room.
pub(super) fn draw_end_labels(
    area: &Area,
    plot: &Plot,
    labels: &[EndLabel],
    bounds: Bounds,
) -> Result<(), ChartError> {
    let ends: Vec<f64> = labels.iter().map(|label| canvas::place_of(plot, 0.0, label.usd).1).collect();
    let rows = push_apart(&ends, LABEL_GAP, bounds.top - 6.0, bounds.bottom - 2.0);
    let value_right = bounds.right + LEADER + value_width(labels);
    for ((label, end), row) in labels.iter().zip(ends).zip(rows) {
        // A line that ended earlier is not led to: the stroke only shows its colour.
        let end = label.remark.is_none().then_some(end);
        let width = if label.bold { 3.5 } else { 1.8 };
        draw_leader(area, (bounds.right, end), row, canvas::stroke(label.colour, width))?;
        let (value, name) = (&label.value, &label.name);
        let place = (value_right, row);
        canvas::write_text(area, value, place, HPos::Right, BOLD_LABEL)?;
        let place = (value_right + 6.0, row);
        canvas::write_text(area, name, place, HPos::Left, name_face(label))?;
        if let Some(remark) = &label.remark {
            let place = (place.0 + name_width(label) + 6.0, row);
            canvas::write_text(area, remark, place, HPos::Left, FAINT_LABEL)?;
        }
    }
    Ok(())
}

/// Index of the last month with a value, and the value.
pub(super) fn last_value(line: &Line) -> Option<(usize, f64)> {
    let last = line.usd.iter().rposition(|usd| usd.is_some())?;
    Some((last, line.usd[last]?))
}

fn name_face(label: &EndLabel) -> canvas::Face {
    if label.bold { BOLD_LABEL } else { LABEL }
}

/// Width in pixels.
fn name_width(label: &EndLabel) -> f64 {
    canvas::text_width(&label.name, name_face(label))
}

/// Width of the remark with the gap before it, in pixels.
fn remark_width(label: &EndLabel) -> f64 {
    let remark = label.remark.as_deref();
    remark.map_or(0.0, |text| 6.0 + canvas::text_width(text, FAINT_LABEL))
}

/// Width of the column of values, with the gap before it, in pixels.
fn value_width(labels: &[EndLabel]) -> f64 {
    let widths = labels.iter().map(|label| canvas::text_width(&label.value, BOLD_LABEL));
    6.0 + widths.fold(0.0, f64::max)
}
