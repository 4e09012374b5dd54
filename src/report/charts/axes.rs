//! Axes that count in numbers: grid lines with texts to their left, marks with texts below.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    ChartError,
    canvas::{self, Area, Bounds, FAINT_LABEL, Plot},
};

/// Room that [`draw_number_axis`] needs under a plot, in pixels.
pub(super) const NUMBER_AXIS_ROWS: f64 = 56.0;

/// Room that texts left of a plot need with the gap behind them, in pixels.
pub(super) fn marks_width(marks: &[(f64, String)]) -> f64 {
    let widths = marks.iter().map(|(_, text)| canvas::text_width(text, FAINT_LABEL));
    widths.fold(0.0, f64::max) + 8.0
}

/// Horizontal grid lines with their texts to the left. The lowest is the axis itself and darker.
pub(super) fn draw_value_axis(
    area: &Area,
    plot: &Plot,
    marks: &[(f64, String)],
    bounds: Bounds,
) -> Result<(), ChartError> {
    for (index, (value, text)) in marks.iter().enumerate() {
        let (_, y) = canvas::place_of(plot, 0.0, *value);
        let ends = vec![canvas::at(bounds.left, y), canvas::at(bounds.right, y)];
        let colour = if index == 0 { canvas::GREY } else { canvas::GRID };
        area.draw(&PathElement::new(ends, canvas::stroke(colour, 1.0)))?;
        canvas::write_text(area, text, (bounds.left - 8.0, y), HPos::Right, FAINT_LABEL)?;
    }
    Ok(())
}

/// Marks under the plot with their texts, and what they count below them.
pub(super) fn draw_number_axis(
    area: &Area,
    plot: &Plot,
    marks: &[(f64, String)],
    caption: &str,
    bounds: Bounds,
) -> Result<(), ChartError> {
    for (value, text) in marks {
        let (x, _) = canvas::place_of(plot, *value, 0.0);
        let tick = vec![canvas::at(x, bounds.bottom), canvas::at(x, bounds.bottom + 5.0)];
        area.draw(&PathElement::new(tick, canvas::stroke(canvas::GREY, 1.0)))?;
        canvas::write_text(area, text, (x, bounds.bottom + 16.0), HPos::Center, FAINT_LABEL)?;
    }
    let place = (bounds.left, bounds.bottom + 37.0);
    canvas::write_text(area, caption, place, HPos::Left, FAINT_LABEL)
}

/// How many steps an axis of this length has room for, one for every `pitch` pixels: 1 to 10.
pub(super) fn steps_in(bounds: Bounds, pitch: f64) -> u32 {
    ((bounds.right - bounds.left) / pitch).clamp(1.0, 10.0) as u32
}
