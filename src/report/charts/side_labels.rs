//! Labels right of a plot: a name and a note in two columns, led to from the lines they belong to.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    ChartError,
    canvas::{self, Area, BOLD_LABEL, Bounds, FAINT_LABEL, Face, LABEL},
    scale::push_apart,
};

/// Length of the stroke that leads from a line to its label, in pixels.
pub(super) const LEADER: f64 = 18.0;
/// Distance between the centres of two labels, in pixels.
pub(super) const LABEL_GAP: f64 = 18.0;
/// Names and notes longer than this are cut, with an ellipsis, in pixels.
const LONGEST_NAME: f64 = 150.0;
const LONGEST_NOTE: f64 = 260.0;
/// Distance between the two columns, in pixels.
const COLUMN_GAP: f64 = 10.0;

/// What stands to the right of a plot.
pub(super) struct SideLabel {
    pub(super) name: String,
    /// Written in grey behind the name.
    pub(super) note: String,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
    /// Height in the plot at which the label would like to stand, in the units of the plot.
    pub(super) value: f64,
    /// Whether the line reaches the right border of the plot at that height, so that a stroke leads from there.
    pub(super) leads: bool,
}

/// Cuts names and notes to the room there is for them.
pub(super) fn shortened(labels: Vec<SideLabel>) -> Vec<SideLabel> {
    let shorten = |label: SideLabel| SideLabel {
        name: canvas::shorten(&label.name, LONGEST_NAME, face_of(&label)),
        note: canvas::shorten(&label.note, LONGEST_NOTE, FAINT_LABEL),
        ..label
    };
    labels.into_iter().map(shorten).collect()
}

/// Room for all labels with their strokes, in pixels.
pub(super) fn side_labels_width(labels: &[SideLabel]) -> f64 {
    let notes = labels.iter().map(|label| canvas::text_width(&label.note, FAINT_LABEL));
    LEADER + 6.0 + name_width(labels) + COLUMN_GAP + notes.fold(0.0, f64::max)
}

/// Draws the labels, each at its height if there is room. `height_of` gives that height in pixels.
///
/// Labels of equal height stand in the order in which they are given.
pub(super) fn draw_side_labels(
    area: &Area,
    labels: &[SideLabel],
    bounds: Bounds,
    height_of: impl Fn(f64) -> f64,
) -> Result<(), ChartError> {
    let ends: Vec<f64> = labels.iter().map(|label| height_of(label.value)).collect();
    let rows = push_apart(&ends, LABEL_GAP, bounds.top - 6.0, bounds.bottom - 2.0);
    let name_left = bounds.right + LEADER + 6.0;
    let note_left = name_left + name_width(labels) + COLUMN_GAP;
    for ((label, end), row) in labels.iter().zip(ends).zip(rows) {
        let width = if label.bold { 3.5 } else { 1.8 };
        let end = label.leads.then_some(end);
        draw_leader(area, (bounds.right, end), row, canvas::stroke(label.colour, width))?;
        canvas::write_text(area, &label.name, (name_left, row), HPos::Left, face_of(label))?;
        if !label.note.is_empty() {
            canvas::write_text(area, &label.note, (note_left, row), HPos::Left, FAINT_LABEL)?;
        }
    }
    Ok(())
}

/// A stroke from the end of a line, `(x, y)` in pixels, to the label in `row`. Without a `y` it only shows the
/// colour of the line.
pub(super) fn draw_leader(
    area: &Area,
    (x, y): (f64, Option<f64>),
    row: f64,
    stroke: ShapeStyle,
) -> Result<(), ChartError> {
    let (left, start) = match y {
        Some(end) => (x, end),
        None => (x + 4.0, row),
    };
    let points = vec![
        canvas::at(left, start),
        canvas::at(x + 5.0, start),
        canvas::at(x + LEADER - 4.0, row),
        canvas::at(x + LEADER, row),
    ];
    area.draw(&PathElement::new(points, stroke))?;
    Ok(())
}

fn face_of(label: &SideLabel) -> Face {
    if label.bold { BOLD_LABEL } else { LABEL }
}

/// Width of the column of names in pixels.
fn name_width(labels: &[SideLabel]) -> f64 {
    labels.iter().map(|label| canvas::text_width(&label.name, face_of(label))).fold(0.0, f64::max)
}
