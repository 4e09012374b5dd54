//! Cost by token class: one horizontal stacked bar for each placement.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Bar, Chart, ChartError, CostByClass,
    canvas::{self, Area, BOLD_LABEL, Bounds, Breadth, FAINT_LABEL, LABEL, Plot},
    check_amount, check_length, check_most,
    scale::{Axis, short_usd},
    spots::Spot,
};
use crate::report::format::money_small;

/// Colours of the classes. Neighbours differ in lightness, so that they can be told apart in grey.
const CLASS_COLOURS: [RGBColor; 8] = [
    canvas::BLUE,
    canvas::YELLOW,
    canvas::VERMILLION,
    canvas::SKY,
    canvas::INK,
    canvas::PALE_GREY,
    canvas::GREEN,
    canvas::ORANGE,
];
/// Most bars in one chart.
const MOST_BARS: usize = 100;
/// Height of a row of the legend in pixels.
const LEGEND_ROW: f64 = 22.0;
/// Side of a colour sample in the legend, in pixels.
const SAMPLE: f64 = 12.0;
/// Room under the bars for amounts and unit, in pixels.
const AXIS_ROWS: f64 = 62.0;
/// Distance between the centres of two bars in pixels: the least and the most.
const BAR_PITCH: (f64, f64) = (30.0, 64.0);
/// The same in a narrow picture, where the name stands above its bar.
const NARROW_PITCH: f64 = 46.0;
/// Remarks of a narrow picture are cut at this many pixels.
const NARROW_REMARK: f64 = 150.0;

/// Draws one horizontal stacked bar for each placement, with its total and its remark at the end, and a
/// legend above.
///
/// # Errors
///
/// When there is no bar or class, or more than 100 bars or 8 classes, when a bar has not one value for each
/// class, or when a value or a total is not a number, negative or above 1e15.
pub fn draw_cost_by_class(cost: &CostByClass) -> Result<Chart, ChartError> {
    check(cost)?;
    let cost = &with_clean_texts(cost);
    canvas::at_both_breadths(|breadth| draw(cost, breadth))
}

fn draw(cost: &CostByClass, breadth: Breadth) -> Result<Chart, ChartError> {
    let heading = canvas::lay_out_heading(&cost.title, &cost.subtitle, breadth);
    let legend_top = canvas::heading_bottom(&heading) + 10.0;
    let legend = lay_out_legend(&cost.classes, legend_top, breadth);
    let rows = lay_out_rows(&cost.bars, breadth);
    let bounds = bar_bounds(&rows, legend_bottom(&legend, legend_top) + 14.0, breadth);
    let axis = value_axis(&rows, bounds, breadth);

    let height = bounds.bottom + AXIS_ROWS;
    let chart =
        canvas::draw_picture(breadth, "cost-by-class", &cost.title, describe(cost), height, |area| {
            canvas::draw_heading(area, &heading)?;
            draw_legend(area, &legend)?;
            let inner = canvas::part_of(area, bounds);
            let mut plot = canvas::plot_in(&inner, axis.end, rows.len() as f64)?;
            draw_axis(area, &plot, &axis, &cost.unit, bounds)?;
            for (index, row) in rows.iter().enumerate() {
                // The plot counts from the bottom, the list from the top.
                let bottom = (rows.len() - index - 1) as f64;
                draw_bar(&mut plot, row, bottom, breadth)?;
                draw_bar_texts(area, &plot, row, bottom, (bounds, breadth))?;
            }
            Ok(())
        })?;
    Ok(chart.with_spots(&spots(cost, bounds, breadth)))
}

/// What every bar says, its whole row at a time: the smallest classes are too narrow to be pointed at.
fn spots(cost: &CostByClass, bounds: Bounds, breadth: Breadth) -> Vec<Spot> {
    let height = (bounds.bottom - bounds.top) / cost.bars.len() as f64;
    let spot = |(at, bar): (usize, &Bar)| {
        let total: f64 = bar.values.iter().sum();
        let mut text = format!("{}: {}", bar.label, money_small(total));
        for (class, value) in cost.classes.iter().zip(&bar.values).filter(|(_, value)| **value > 0.0) {
            text += &format!("\n{class}: {}", money_small(*value));
        }
        let top = bounds.top + height * at as f64;
        let bounds = Bounds { left: breadth.margin(), right: breadth.right(), top, bottom: top + height };
        Spot { bounds, text }
    };
    cost.bars.iter().enumerate().map(spot).collect()
}

/// An entry of the legend; `left` and `centre` in pixels.
struct Entry {
    name: String,
    colour: RGBColor,
    left: f64,
    centre: f64,
}

/// A bar with its texts as they will be drawn.
struct Row<'bar> {
    label: String,
    values: &'bar [f64],
    total: f64,
    total_text: String,
    remark: Option<String>,
}

/// Amounts along the bars. `end` is the amount at the right border of the plot.
struct ValueAxis {
    marks: Vec<(f64, String)>,
    end: f64,
}

fn check(cost: &CostByClass) -> Result<(), ChartError> {
    if cost.classes.is_empty() {
        return Err(ChartError::Empty { what: "class" });
    }
    if cost.bars.is_empty() {
        return Err(ChartError::Empty { what: "bar" });
    }
    check_most(cost.classes.len(), CLASS_COLOURS.len(), "classes")?;
    check_most(cost.bars.len(), MOST_BARS, "bars")?;
    for bar in &cost.bars {
        let what = || format!("the bar `{}`", bar.label);
        check_length(bar.values.len(), cost.classes.len(), what)?;
        for (value, class) in bar.values.iter().zip(&cost.classes) {
            check_amount(*value, || format!("`{class}` of `{}`", bar.label))?;
        }
        let total = bar.values.iter().sum();
        check_amount(total, || format!("the total of `{}`", bar.label))?;
    }
    Ok(())
}

fn with_clean_texts(cost: &CostByClass) -> CostByClass {
    let clean_bar = |bar: &Bar| Bar {
        label: canvas::one_line(&bar.label),
        values: bar.values.clone(),
        remark: bar.remark.as_deref().map(canvas::one_line),
    };
    CostByClass {
        title: canvas::one_line(&cost.title),
        subtitle: canvas::one_line(&cost.subtitle),
        unit: canvas::one_line(&cost.unit),
        classes: cost.classes.iter().map(|class| canvas::one_line(class)).collect(),
        bars: cost.bars.iter().map(clean_bar).collect(),
    }
}

/// Places the legend in as many rows as it needs.
fn lay_out_legend(classes: &[String], top: f64, breadth: Breadth) -> Vec<Entry> {
    let mut left = breadth.margin();
    let mut centre = top + LEGEND_ROW / 2.0;
    let mut entries = Vec::new();
    for (class, colour) in classes.iter().zip(CLASS_COLOURS) {
        let name = canvas::shorten(class, breadth.longest_label(), LABEL);
        let width = SAMPLE + 6.0 + canvas::text_width(&name, LABEL);
        if left > breadth.margin() && left + width > breadth.right() {
            left = breadth.margin();
            centre += LEGEND_ROW;
        }
        entries.push(Entry { name, colour, left, centre });
        left += width + 20.0;
    }
    entries
}

fn legend_bottom(legend: &[Entry], top: f64) -> f64 {
    legend.last().map_or(top, |entry| entry.centre + LEGEND_ROW / 2.0)
}

fn lay_out_rows(bars: &[Bar], breadth: Breadth) -> Vec<Row<'_>> {
    let longest_remark = if breadth.is_narrow() { NARROW_REMARK } else { breadth.longest_label() };
    let rows = bars.iter().map(|bar| {
        let total = bar.values.iter().sum();
        let remark = bar.remark.as_deref().filter(|remark| !remark.is_empty());
        Row {
            label: canvas::shorten(&bar.label, breadth.longest_label(), LABEL),
            values: &bar.values,
            total,
            total_text: short_usd(total),
            remark: remark.map(|text| canvas::shorten(text, longest_remark, FAINT_LABEL)),
        }
    });
    rows.collect()
}

/// Where the bars lie. Few bars do not fill the usual height, many exceed it.
fn bar_bounds(rows: &[Row], top: f64, breadth: Breadth) -> Bounds {
    if breadth.is_narrow() {
        let bottom = (top + NARROW_PITCH * rows.len() as f64).round();
        return Bounds { left: breadth.margin() + 4.0, top, right: breadth.right(), bottom };
    }
    let labels = rows.iter().map(|row| canvas::text_width(&row.label, LABEL));
    let count = rows.len() as f64;
    let pitch = (canvas::HEIGHT - AXIS_ROWS - top) / count;
    let pitch = pitch.clamp(BAR_PITCH.0, BAR_PITCH.1);
    Bounds {
        left: breadth.margin() + labels.fold(0.0, f64::max) + 10.0,
        top,
        right: breadth.right(),
        bottom: (top + pitch * count).round(),
    }
}

/// Scales the bars so that each one, together with the text behind it, fits into the plot.
fn value_axis(rows: &[Row], bounds: Bounds, breadth: Breadth) -> ValueAxis {
    let width = bounds.right - bounds.left;
    let end_of = |row: &Row| row.total * width / (width - end_text_width(row));
    let highest = rows.iter().map(|row| row.total).fold(0.0, f64::max);
    let end = rows.iter().map(end_of).fold(0.0, f64::max);
    // One step for every hundred pixels leaves room for the amounts.
    let steps = (width * highest / end.max(f64::MIN_POSITIVE) / 100.0).clamp(1.0, 6.0);
    let axis = Axis::up_to(highest, steps as u32);
    let end = if highest == 0.0 { axis.top() } else { end.max(0.000_1) };
    let mut marks = axis.marks();
    marks.retain(|(mark, text)| {
        let x = bounds.left + mark / end * width;
        *mark <= end && x + canvas::text_width(text, FAINT_LABEL) / 2.0 < breadth.width() - 4.0
    });
    ValueAxis { marks, end }
}

/// Width of total and remark, with the gaps before them, in pixels.
fn end_text_width(row: &Row) -> f64 {
    let remark = row.remark.as_deref().map_or(0.0, |text| 10.0 + canvas::text_width(text, FAINT_LABEL));
    8.0 + canvas::text_width(&row.total_text, BOLD_LABEL) + remark
}

fn draw_legend(area: &Area, legend: &[Entry]) -> Result<(), ChartError> {
    for entry in legend {
        let top = entry.centre - SAMPLE / 2.0;
        let corners = [canvas::at(entry.left, top), canvas::at(entry.left + SAMPLE, top + SAMPLE)];
        area.draw(&Rectangle::new(corners, entry.colour.filled()))?;
        let place = (entry.left + SAMPLE + 6.0, entry.centre);
        canvas::write_text(area, &entry.name, place, HPos::Left, LABEL)?;
    }
    Ok(())
}

fn draw_axis(
    area: &Area,
    plot: &Plot,
    axis: &ValueAxis,
    unit: &str,
    bounds: Bounds,
) -> Result<(), ChartError> {
    for (value, text) in &axis.marks {
        let (x, _) = canvas::place_of(plot, *value, 0.0);
        let ends = vec![canvas::at(x, bounds.top), canvas::at(x, bounds.bottom)];
        let colour = if *value == 0.0 { canvas::GREY } else { canvas::GRID };
        area.draw(&PathElement::new(ends, canvas::stroke(colour, 1.0)))?;
        canvas::write_text(area, text, (x, bounds.bottom + 14.0), HPos::Center, FAINT_LABEL)?;
    }
    let unit = canvas::shorten(unit, bounds.right - bounds.left, FAINT_LABEL);
    let place = (bounds.left, bounds.bottom + 36.0);
    canvas::write_text(area, &unit, place, HPos::Left, FAINT_LABEL)
}

/// Where a bar has its middle in its row, as a share counted from the bottom, and half its thickness. The upper
/// half of a narrow picture's row holds the name.
fn place_in_row(breadth: Breadth) -> (f64, f64) {
    if breadth.is_narrow() { (0.3, 0.2) } else { (0.5, 0.32) }
}

/// One rectangle for each class that costs something, with a thin white line before it.
fn draw_bar(plot: &mut Plot, row: &Row, bottom: f64, breadth: Breadth) -> Result<(), ChartError> {
    /// In a narrower rectangle the white line would hide the colour, in pixels.
    const NARROWEST: f64 = 2.0;
    let (centre, half) = place_in_row(breadth);
    let (bottom, top) = (bottom + centre - half, bottom + centre + half);
    let mut start = 0.0;
    for (value, colour) in row.values.iter().zip(CLASS_COLOURS) {
        if *value == 0.0 {
            continue;
        }
        let end = start + value;
        let width = canvas::place_of(plot, end, 0.0).0 - canvas::place_of(plot, start, 0.0).0;
        plot.draw_series([Rectangle::new([(start, bottom), (end, top)], colour.filled())])?;
        if start > 0.0 && width >= NARROWEST {
            let ends = [(start, bottom), (start, top)];
            plot.draw_series([PathElement::new(ends, canvas::stroke(WHITE, 1.2))])?;
        }
        start = end;
    }
    Ok(())
}

/// Name before the bar or above it, total and remark behind it.
fn draw_bar_texts(
    area: &Area,
    plot: &Plot,
    row: &Row,
    bottom: f64,
    (bounds, breadth): (Bounds, Breadth),
) -> Result<(), ChartError> {
    let (end, y) = canvas::place_of(plot, row.total, bottom + place_in_row(breadth).0);
    match breadth {
        Breadth::Wide => {
            canvas::write_text(area, &row.label, (bounds.left - 10.0, y), HPos::Right, LABEL)?;
        }
        Breadth::Narrow => {
            let (_, above) = canvas::place_of(plot, 0.0, bottom + 0.72);
            let width = canvas::text_width(&row.label, LABEL);
            let patch = [
                canvas::at(bounds.left - 1.0, above - 8.0),
                canvas::at(breadth.margin() + width + 2.0, above + 8.0),
            ];
            area.draw(&Rectangle::new(patch, WHITE.filled()))?;
            canvas::write_text(area, &row.label, (breadth.margin(), above), HPos::Left, LABEL)?;
        }
    }
    // Hides the grid behind the text.
    let patch = [canvas::at(end + 2.0, y - 9.0), canvas::at(end + end_text_width(row) + 2.0, y + 9.0)];
    area.draw(&Rectangle::new(patch, WHITE.filled()))?;
    canvas::write_text(area, &row.total_text, (end + 8.0, y), HPos::Left, BOLD_LABEL)?;
    if let Some(remark) = &row.remark {
        let left = end + 8.0 + canvas::text_width(&row.total_text, BOLD_LABEL) + 10.0;
        canvas::write_text(area, remark, (left, y), HPos::Left, FAINT_LABEL)?;
    }
    Ok(())
}

/// The chart in sentences.
fn describe(cost: &CostByClass) -> String {
    let title = cost.title.trim_end_matches('.');
    let mut alt = format!("{title}. Stacked bar chart, {}.", cost.unit);
    for bar in &cost.bars {
        let total: f64 = bar.values.iter().sum();
        let classes = bar.values.iter().zip(&cost.classes);
        let parts: Vec<String> =
            classes.map(|(value, class)| format!("{class} {}", short_usd(*value))).collect();
        alt += &format!(" {}: {}, of it {}", bar.label, short_usd(total), parts.join(", "));
        if let Some(remark) = &bar.remark {
            alt += &format!(" ({remark})");
        }
        alt += ".";
    }
    alt
}
