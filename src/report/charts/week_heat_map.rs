//! One number for each hour of the week, as a map of 7 days by 24 hours.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, Bounds, Breadth, FAINT_LABEL, FAINT_LINES, Face, LABEL},
    check_amount, check_length,
    scale::{Axis, percent, short_number},
    spots::Spot,
    week_words::{amount, describe, finding, hour_name},
};

/// Days in the order of the rows.
pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub(super) const HOURS: usize = 24;
/// From nothing to much: the sequential scheme `Blues` of ColorBrewer, safe for colour-vision deficiencies and
/// falling in lightness (https://colorbrewer2.org, 5 of its 9 classes).
const RAMP: [RGBColor; 5] = [
    RGBColor(0xF7, 0xFB, 0xFF),
    RGBColor(0xC6, 0xDB, 0xEF),
    RGBColor(0x6B, 0xAE, 0xD6),
    RGBColor(0x21, 0x71, 0xB5),
    RGBColor(0x08, 0x30, 0x6B),
];
/// Height of a row in pixels.
const ROW: f64 = 46.0;
/// Height of a row of a narrow picture, which is an hour, in pixels.
const NARROW_ROW: f64 = 20.0;
/// Values in the cells.
const CELL_FACE: Face = Face { size: 12.0, bold: false, colour: BLACK };
/// Thickness of the colour key, in pixels.
const KEY: f64 = 14.0;
/// Length of the colour key, in pixels.
const KEY_LENGTH: f64 = 360.0;
const NARROW_KEY_LENGTH: f64 = 220.0;
/// Room under the rows for the caption of the hours and the key with its texts, in pixels.
const BELOW_ROWS: f64 = 112.0;
/// The same in a narrow picture, where the captions may take two lines.
const BELOW_NARROW_ROWS: f64 = 146.0;

/// A number for each hour of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct WeekHeatMap {
    /// States the finding. When empty, the chart states it from its numbers.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// Time zone of the hours, e.g. `Europe/Berlin`; empty when it goes without saying.
    pub zone: String,
    /// What the values are.
    pub quantity: WeekQuantity,
    /// 168 values: the hours from 0 to 23 of Monday, then those of Tuesday and so on. `None` where there is no
    /// value, e.g. the share left over from no traffic.
    pub values: Vec<Option<f64>>,
}

/// What a [`WeekHeatMap`] shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeekQuantity {
    /// Share of the tokens left to pay-as-you-go, from 0 to 1, when so many GSUs are bought.
    Spill {
        /// The count.
        gsus: u32,
    },
    /// Load in GSUs.
    Load,
}

/// Draws a row for each day and a column for each hour, or in a narrow picture the other way round, the darker the more, with a colour key below. The values
/// stand in the cells if all of them have room there.
///
/// The picture's file stem is `spill-heat-map` or `load-heat-map`.
///
/// # Errors
///
/// When there are not 168 values, a share is not from 0 to 1, or a load is not a number, negative or above 1e15.
pub fn draw_week_heat_map(map: &WeekHeatMap) -> Result<Chart, ChartError> {
    check(map)?;
    let map = &with_clean_texts(map);
    canvas::at_both_breadths(|breadth| draw(map, breadth))
}

fn draw(map: &WeekHeatMap, breadth: Breadth) -> Result<Chart, ChartError> {
    let heading = canvas::lay_out_heading(&map.title, &map.subtitle, breadth);
    let grid = Grid::under(canvas::heading_bottom(&heading) + 36.0, breadth);
    let bounds = grid.bounds;
    let axis = colour_axis(map);
    let below = if breadth.is_narrow() { BELOW_NARROW_ROWS } else { BELOW_ROWS };
    let height = (bounds.bottom + below).round();
    let name = match map.quantity {
        WeekQuantity::Spill { .. } => "spill-heat-map",
        WeekQuantity::Load => "load-heat-map",
    };
    let chart = canvas::draw_picture(breadth, name, &map.title, describe(map), height, |area| {
        canvas::draw_heading(area, &heading)?;
        draw_frame(area, &grid, &map.zone)?;
        draw_cells(area, map, axis.top(), &grid)?;
        draw_key(area, map, &axis, &grid)
    })?;
    Ok(chart.with_spots(&spots(map, &grid)))
}

/// Where the hours stand: days from top to bottom, or in a narrow picture from left to right.
struct Grid {
    bounds: Bounds,
    breadth: Breadth,
}

impl Grid {
    fn under(top: f64, breadth: Breadth) -> Grid {
        let days = DAYS.iter().map(|day| canvas::text_width(day, LABEL));
        let (names, height) = match breadth {
            Breadth::Wide => (days.fold(0.0, f64::max), ROW * DAYS.len() as f64),
            Breadth::Narrow => (canvas::text_width("00", FAINT_LABEL), NARROW_ROW * HOURS as f64),
        };
        let left = breadth.margin() + names + 10.0;
        Grid { bounds: Bounds { left, top, right: breadth.right(), bottom: top + height }, breadth }
    }

    /// The cell of an hour of the week.
    fn cell(&self, index: usize) -> Bounds {
        let (day, hour) = (index / HOURS, index % HOURS);
        let (column, columns, row, height) = match self.breadth {
            Breadth::Wide => (hour, HOURS, day, ROW),
            Breadth::Narrow => (day, DAYS.len(), hour, NARROW_ROW),
        };
        let width = (self.bounds.right - self.bounds.left) / columns as f64;
        let (left, top) = (self.bounds.left + width * column as f64, self.bounds.top + height * row as f64);
        Bounds { left, top, right: left + width, bottom: top + height }
    }
}

/// What every hour says.
fn spots(map: &WeekHeatMap, grid: &Grid) -> Vec<Spot> {
    let spot = |(index, value): (usize, &Option<f64>)| {
        let value = value.map_or_else(|| "no value".to_string(), |value| amount(map.quantity, value));
        Spot { bounds: grid.cell(index), text: format!("{}: {value}", hour_name(index)) }
    };
    map.values.iter().enumerate().map(spot).collect()
}

fn check(map: &WeekHeatMap) -> Result<(), ChartError> {
    check_length(map.values.len(), DAYS.len() * HOURS, || "a week".into())?;
    for (index, value) in map.values.iter().enumerate() {
        let Some(value) = *value else { continue };
        let hour = || hour_name(index);
        match map.quantity {
            WeekQuantity::Spill { .. } if !(0.0..=1.0).contains(&value) => {
                return Err(ChartError::Share { what: hour(), found: value });
            }
            _ => check_amount(value, || format!("the load on {}", hour()))?,
        }
    }
    Ok(())
}

fn with_clean_texts(map: &WeekHeatMap) -> WeekHeatMap {
    let title = canvas::one_line(&map.title);
    WeekHeatMap {
        title: if title.is_empty() { finding(map) } else { title },
        subtitle: canvas::one_line(&map.subtitle),
        zone: canvas::one_line(&map.zone),
        ..map.clone()
    }
}

/// The values of the colours, in percent for shares. Small shares do not become dark: the key reaches 10 % at
/// least.
fn colour_axis(map: &WeekHeatMap) -> Axis {
    let highest = map.values.iter().copied().flatten().fold(0.0, f64::max);
    match map.quantity {
        WeekQuantity::Spill { .. } => Axis::up_to((100.0 * highest).max(10.0), 5),
        // A load of hardly anything is not dark either.
        WeekQuantity::Load => Axis::up_to(if highest > 0.0 { highest.max(0.1) } else { highest }, 5),
    }
}

/// The colour of a share of the key, from 0 to 1.
fn colour_at(share: f64) -> RGBColor {
    let last = RAMP.len() - 1;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let index = (place as usize).min(last - 1);
    let part = place - index as f64;
    let mix = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
    let (from, to) = (RAMP[index], RAMP[index + 1]);
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Black or white, whichever is easier to read on a colour.
fn text_colour(background: RGBColor) -> RGBColor {
    let stands_out = |colour| canvas::contrast(background, colour);
    if stands_out(BLACK) >= stands_out(WHITE) { BLACK } else { WHITE }
}

/// Days and hours at their rows and columns, what the hours are below.
fn draw_frame(area: &Area, grid: &Grid, zone: &str) -> Result<(), ChartError> {
    let Grid { bounds, breadth } = *grid;
    let beside = |index: usize, text: &str, face: Face| {
        let cell = grid.cell(index);
        let place = (bounds.left - 10.0, (cell.top + cell.bottom) / 2.0);
        canvas::write_text(area, text, place, HPos::Right, face)
    };
    let above = |index: usize, text: &str, face: Face| {
        let cell = grid.cell(index);
        let place = ((cell.left + cell.right) / 2.0, bounds.top - 13.0);
        canvas::write_text(area, text, place, HPos::Center, face)
    };
    for (day, name) in DAYS.iter().enumerate() {
        match breadth {
            Breadth::Wide => beside(day * HOURS, name, LABEL)?,
            Breadth::Narrow => above(day * HOURS, &name[..3], LABEL)?,
        }
    }
    for hour in 0..HOURS {
        match breadth {
            Breadth::Wide => above(hour, &hour.to_string(), FAINT_LABEL)?,
            Breadth::Narrow => beside(hour, &hour.to_string(), FAINT_LABEL)?,
        }
    }
    let caption = match zone {
        "" => "hour of the day: 15 is from 15:00 to 16:00".to_owned(),
        zone => format!("hour of the day: 15 is from 15:00 to 16:00 in {zone}"),
    };
    let (left, lines) = captions(grid);
    let caption = canvas::break_lines(&caption, FAINT_LABEL, lines, bounds.right - left);
    let top = bounds.bottom + 17.0 - FAINT_LINES.leading / 2.0;
    canvas::write_lines(area, &caption, (left, top), FAINT_LINES)?;
    Ok(())
}

/// Where captions start, and how many lines they may take.
fn captions(grid: &Grid) -> (f64, usize) {
    if grid.breadth.is_narrow() { (grid.breadth.margin(), 2) } else { (grid.bounds.left, 1) }
}

fn draw_cells(area: &Area, map: &WeekHeatMap, top: f64, grid: &Grid) -> Result<(), ChartError> {
    let texts: Vec<String> = map.values.iter().map(|value| cell_text(map.quantity, *value)).collect();
    let first = grid.cell(0);
    // All or none: a cell without a number would look like one without a value.
    let legible =
        texts.iter().all(|text| canvas::text_width(text, CELL_FACE) <= first.right - first.left - 5.0);
    for (index, (value, text)) in map.values.iter().zip(texts).enumerate() {
        let cell = grid.cell(index);
        let corners = [canvas::at(cell.left, cell.top), canvas::at(cell.right - 1.0, cell.bottom - 1.0)];
        let Some(value) = *value else {
            draw_missing(area, corners)?;
            continue;
        };
        let colour = colour_at(in_key_unit(map.quantity, value) / top);
        area.draw(&Rectangle::new(corners, colour.filled()))?;
        if legible {
            // Nothing steps back behind the numbers.
            let ink = if text == "0" { canvas::GREY } else { text_colour(colour) };
            let face = Face { colour: ink, ..CELL_FACE };
            let centre = ((cell.left + cell.right - 1.0) / 2.0, (cell.top + cell.bottom - 1.0) / 2.0);
            canvas::write_text(area, &text, centre, HPos::Center, face)?;
        }
    }
    Ok(())
}

/// A value in the unit of the colour key.
fn in_key_unit(quantity: WeekQuantity, value: f64) -> f64 {
    match quantity {
        WeekQuantity::Spill { .. } => 100.0 * value,
        WeekQuantity::Load => value,
    }
}

/// The value without its unit, which the key gives.
fn cell_text(quantity: WeekQuantity, value: Option<f64>) -> String {
    match (quantity, value) {
        (_, None) => String::new(),
        (WeekQuantity::Spill { .. }, Some(share)) => percent(share).replace(" %", ""),
        (WeekQuantity::Load, Some(gsus)) => match gsus {
            0.0 => "0".to_owned(),
            ..0.05 => "<0.1".to_owned(),
            ..9.95 => format!("{gsus:.1}"),
            _ => short_number(gsus.round()),
        },
    }
}

/// A white cell with a stroke across.
fn draw_missing(area: &Area, corners: [(i32, i32); 2]) -> Result<(), ChartError> {
    let [(left, top), (right, bottom)] = corners;
    let pale = canvas::stroke(canvas::PALE_GREY, 1.0);
    area.draw(&Rectangle::new(corners, pale))?;
    area.draw(&PathElement::new(vec![(left, bottom), (right, top)], pale))?;
    Ok(())
}

/// The colours from zero to the highest mark with their amounts, and what is drawn where there is no value.
fn draw_key(area: &Area, map: &WeekHeatMap, axis: &Axis, grid: &Grid) -> Result<(), ChartError> {
    let pieces = if grid.breadth.is_narrow() { 60 } else { 120 };
    let (left, lines) = captions(grid);
    let narrow = grid.breadth.is_narrow();
    let top = grid.bounds.bottom + if narrow { 96.0 } else { 62.0 };
    let caption = match map.quantity {
        WeekQuantity::Spill { gsus } => {
            format!("% of the tokens left to pay-as-you-go, {} GSU bought", short_number(f64::from(gsus)))
        }
        WeekQuantity::Load => "load in GSUs".to_owned(),
    };
    let caption = canvas::break_lines(&caption, FAINT_LABEL, lines, grid.bounds.right - left);
    let place = (left, top - 12.0 - FAINT_LINES.leading * (caption.len() as f64 - 0.5));
    canvas::write_lines(area, &caption, place, FAINT_LINES)?;
    let length = if narrow { NARROW_KEY_LENGTH } else { KEY_LENGTH };
    // A number at the start of the key is centred there.
    let start = if narrow { left + 12.0 } else { left };
    let x_of = |share: f64| start + length * share;
    for piece in 0..pieces {
        // Each reaches to the end, so that no gap shines through between two.
        let corners = [canvas::at(x_of(piece as f64 / pieces as f64), top), canvas::at(x_of(1.0), top + KEY)];
        let colour = colour_at((piece as f64 + 0.5) / pieces as f64);
        area.draw(&Rectangle::new(corners, colour.filled()))?;
    }
    let frame = [canvas::at(x_of(0.0), top), canvas::at(x_of(1.0), top + KEY)];
    area.draw(&Rectangle::new(frame, canvas::stroke(canvas::PALE_GREY, 1.0)))?;
    let suffix = if map.quantity == WeekQuantity::Load { "" } else { " %" };
    for (value, text) in axis.plain_marks(suffix) {
        let place = (x_of(value / axis.top()), top + KEY + 13.0);
        canvas::write_text(area, &text, place, HPos::Center, FAINT_LABEL)?;
    }
    if map.values.iter().all(Option::is_some) {
        return Ok(());
    }
    let (gap, sample) = if narrow { (20.0, 12.0) } else { (60.0, 24.0) };
    let left = x_of(1.0) + gap;
    draw_missing(area, [canvas::at(left, top), canvas::at(left + sample, top + KEY)])?;
    let place = (left + sample + 8.0, top + KEY / 2.0);
    canvas::write_text(area, "no value", place, HPos::Left, FAINT_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPILL: WeekQuantity = WeekQuantity::Spill { gsus: 12 };

    #[test]
    fn colours_fall_in_lightness_and_carry_legible_numbers() {
        let mut before = f64::INFINITY;
        for step in 0..=100 {
            let colour = colour_at(f64::from(step) / 100.0);
            let lightness = canvas::luminance(colour);
            assert!(lightness < before, "{colour:?} at {step} %");
            before = lightness;
            let contrast = canvas::contrast(colour, text_colour(colour));
            assert!(contrast >= 4.5, "{colour:?} at {step} %: {contrast}");
        }
        assert!(canvas::contrast(RAMP[0], canvas::GREY) >= 4.5, "a zero in its cell");
        assert_eq!((colour_at(0.0), colour_at(1.0)), (RAMP[0], RAMP[4]));
    }

    #[test]
    fn cells_say_what_is_not_quite_nothing() {
        let texts = [0.0, 0.001, 0.314, 1.0].map(|share| cell_text(SPILL, Some(share)));
        assert_eq!(texts, ["0", "<1", "31", "100"]);
        let texts =
            [0.0, 0.04, 0.31, 10.0, 17.26, 2_140.0].map(|gsus| cell_text(WeekQuantity::Load, Some(gsus)));
        assert_eq!(texts, ["0", "<0.1", "0.3", "10", "17", "2,140"]);
    }
}
