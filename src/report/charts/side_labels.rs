//! Labels right of a plot: a name and a note in two columns, led to from the lines they belong to. Under a
//! narrow plot they are lines of a key.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    ChartError,
    axes::NUMBER_AXIS_ROWS,
    canvas::{self, Area, BOLD_LABEL, Bounds, Breadth, FAINT_LABEL, FAINT_LINES, Face, LABEL},
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

/// What a plot with labels leaves of its picture.
pub(super) struct Framed {
    pub(super) bounds: Bounds,
    pub(super) height: f64,
    /// Beside the plot, cut to the room there is for them.
    pub(super) labels: Vec<SideLabel>,
    /// Under a narrow plot, and where it starts.
    pub(super) key: Vec<KeyLine>,
    pub(super) key_top: f64,
}

/// Lays out a plot whose horizontal axis counts in numbers, `left` pixels right of the margin, with labels
/// beside it or under it.
pub(super) fn frame(breadth: Breadth, left: f64, top: f64, labels: Vec<SideLabel>) -> Framed {
    let left = breadth.margin() + left;
    let labels = if breadth.is_narrow() { labels } else { shortened(labels) };
    if !breadth.is_narrow() {
        let right = breadth.right() - side_labels_width(&labels);
        let bounds = Bounds { left, top, right, bottom: canvas::HEIGHT - NUMBER_AXIS_ROWS };
        return Framed { bounds, height: canvas::HEIGHT, labels, key: Vec::new(), key_top: bounds.bottom };
    }
    // A number at the right end of the axis is centred there.
    let right = breadth.right() - 8.0;
    let bounds = Bounds { left, top, right, bottom: top + canvas::NARROW_PLOT };
    let key = key_of(&labels);
    let key_top = bounds.bottom + NUMBER_AXIS_ROWS - 8.0;
    let height = (key_top + key_height(&key) + 10.0).round();
    Framed { bounds, height, labels, key, key_top }
}

/// Cuts names and notes to the room there is for them.
fn shortened(labels: Vec<SideLabel>) -> Vec<SideLabel> {
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

/// A label under a narrow plot: a stroke in the colour of its line, its name, and its note behind or below.
pub(super) struct KeyLine {
    colour: RGBColor,
    bold: bool,
    name: String,
    /// Behind the name where one line holds both.
    behind: Option<String>,
    below: Vec<String>,
}

/// Distance between the lines of a key, in pixels.
const KEY_LEADING: f64 = 19.0;
/// Gap above a key, in pixels.
const KEY_GAP: f64 = 8.0;

/// Lays out labels as lines under a narrow plot, in their order.
pub(super) fn key_of(labels: &[SideLabel]) -> Vec<KeyLine> {
    labels.iter().map(|label| key_line(&label.name, &label.note, label.bold, label.colour)).collect()
}

/// One line of a key; a long note breaks into at most three lines of its own.
pub(super) fn key_line(name: &str, note: &str, bold: bool, colour: RGBColor) -> KeyLine {
    let room = Breadth::Narrow.inner() - LEADER - 6.0;
    let face = if bold { BOLD_LABEL } else { LABEL };
    let name = canvas::shorten(name, room, face);
    let both = canvas::text_width(&name, face) + COLUMN_GAP + canvas::text_width(note, FAINT_LABEL);
    let (behind, below) = match note {
        "" => (None, Vec::new()),
        note if both <= room => (Some(note.to_owned()), Vec::new()),
        note => (None, canvas::break_lines(note, FAINT_LABEL, 3, room)),
    };
    KeyLine { colour, bold, name, behind, below }
}

/// Height of a key with the gap above it, in pixels.
pub(super) fn key_height(key: &[KeyLine]) -> f64 {
    let below: usize = key.iter().map(|line| line.below.len()).sum();
    KEY_GAP + KEY_LEADING * key.len() as f64 + FAINT_LINES.leading * below as f64
}

/// Draws a key under a narrow plot.
pub(super) fn draw_key(area: &Area, key: &[KeyLine], top: f64) -> Result<(), ChartError> {
    let margin = Breadth::Narrow.margin();
    let left = margin + LEADER + 6.0;
    let mut top = top + KEY_GAP;
    for line in key {
        let centre = top + KEY_LEADING / 2.0;
        let stroke = canvas::stroke(line.colour, if line.bold { 3.5 } else { 1.8 });
        let ends = vec![canvas::at(margin, centre), canvas::at(margin + LEADER, centre)];
        area.draw(&PathElement::new(ends, stroke))?;
        let face = if line.bold { BOLD_LABEL } else { LABEL };
        canvas::write_text(area, &line.name, (left, centre), HPos::Left, face)?;
        if let Some(note) = &line.behind {
            let behind = left + canvas::text_width(&line.name, face) + COLUMN_GAP;
            canvas::write_text(area, note, (behind, centre), HPos::Left, FAINT_LABEL)?;
        }
        top = canvas::write_lines(area, &line.below, (left, top + KEY_LEADING), FAINT_LINES)?;
    }
    Ok(())
}

fn face_of(label: &SideLabel) -> Face {
    if label.bold { BOLD_LABEL } else { LABEL }
}

/// Width of the column of names in pixels.
fn name_width(labels: &[SideLabel]) -> f64 {
    labels.iter().map(|label| canvas::text_width(&label.name, face_of(label))).fold(0.0, f64::max)
}
