//! One number for each hour of the week, as a map of 7 days by 24 hours.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, Bounds, FAINT_LABEL, Face, LABEL},
    check_amount, check_length,
    scale::{Axis, percent, short_number},
    spots::Spot,
};

/// Days in the order of the rows.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOURS: usize = 24;
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
/// Values in the cells.
const CELL_FACE: Face = Face { size: 12.0, bold: false, colour: BLACK };
/// Thickness of the colour key, in pixels.
const KEY: f64 = 14.0;
/// Length of the colour key, in pixels.
const KEY_LENGTH: f64 = 360.0;
/// Room under the rows for the caption of the hours and the key with its texts, in pixels.
const BELOW_ROWS: f64 = 112.0;

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

/// Draws a row for each day and a column for each hour, the darker the more, with a colour key below. The values
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
    let heading = canvas::lay_out_heading(&map.title, &map.subtitle);
    let days = DAYS.iter().map(|day| canvas::text_width(day, LABEL));
    let left = canvas::MARGIN + days.fold(0.0, f64::max) + 10.0;
    let top = canvas::heading_bottom(&heading) + 36.0;
    let bounds =
        Bounds { left, top, right: canvas::WIDTH - canvas::MARGIN, bottom: top + ROW * DAYS.len() as f64 };
    let axis = colour_axis(map);
    let height = (bounds.bottom + BELOW_ROWS).round();
    let name = match map.quantity {
        WeekQuantity::Spill { .. } => "spill-heat-map",
        WeekQuantity::Load => "load-heat-map",
    };
    let chart = canvas::draw_picture(name, &map.title, describe(map), height, |area| {
        canvas::draw_heading(area, &heading)?;
        draw_frame(area, bounds, &map.zone)?;
        draw_cells(area, map, axis.top(), bounds)?;
        draw_key(area, map, &axis, bounds)
    })?;
    Ok(chart.with_spots(&spots(map, bounds)))
}

/// What every hour says.
fn spots(map: &WeekHeatMap, bounds: Bounds) -> Vec<Spot> {
    let width = (bounds.right - bounds.left) / HOURS as f64;
    let spot = |(index, value): (usize, &Option<f64>)| {
        let left = bounds.left + width * (index % HOURS) as f64;
        let top = bounds.top + ROW * (index / HOURS) as f64;
        let value = value.map_or_else(|| "no value".to_string(), |value| amount(map.quantity, value));
        Spot {
            bounds: Bounds { left, top, right: left + width, bottom: top + ROW },
            text: format!("{}: {value}", hour_name(index)),
        }
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

/// The finding as a title: where most is, and where little.
fn finding(map: &WeekHeatMap) -> String {
    let known = || map.values.iter().copied().flatten();
    let amount = |value| amount(map.quantity, value);
    let (lowest, highest) = (known().fold(f64::INFINITY, f64::min), known().fold(0.0, f64::max));
    let (start, verb, rest) = match map.quantity {
        WeekQuantity::Spill { gsus } => {
            (format!("With {} GSU, ", short_number(f64::from(gsus))), "is left", " to pay-as-you-go")
        }
        WeekQuantity::Load => (String::new(), "are needed", ""),
    };
    if known().next().is_none() {
        return "No hour of the week has any traffic".to_owned();
    }
    if map.quantity == WeekQuantity::Load && is_nothing(map.quantity, highest) && highest > 0.0 {
        return "Less than 0.01 GSU is needed in any hour".to_owned();
    }
    if is_nothing(map.quantity, highest) {
        return capitalised(format!("{start}nothing {}{rest} in any hour", verb.replace("are", "is")));
    }
    if lowest == highest {
        return capitalised(format!("{start}{} {verb}{rest} in every hour", amount(highest)));
    }
    let (peak, when) = peak(&map.values, highest);
    format!("{start}{} {verb}{rest} {when} and {}", amount(peak), quiet(map, lowest, peak))
}

/// The highest value and when it is reached. Days that are nearly as high at that hour are named together, with
/// their mean.
fn peak(values: &[Option<f64>], highest: f64) -> (f64, String) {
    /// How near the other days must come to the highest.
    const NEARLY: f64 = 0.8;
    /// How near all seven days must come to it to be named together.
    const EQUALLY: f64 = 0.95;
    let index = values.iter().position(|value| *value == Some(highest)).unwrap_or_default();
    let (day, hour) = (index / HOURS, index % HOURS);
    let all: Vec<f64> = (0..DAYS.len())
        .filter_map(|day| values[day * HOURS + hour].filter(|value| *value >= EQUALLY * highest))
        .collect();
    if all.len() == DAYS.len() {
        return (all.iter().sum::<f64>() / all.len() as f64, format!("every day at {hour}:00"));
    }
    let (days, when) = if day < 5 { (0..5, "on weekdays") } else { (5..7, "at weekends") };
    let together: Vec<f64> = days
        .clone()
        .filter_map(|day| values[day * HOURS + hour].filter(|value| *value >= NEARLY * highest))
        .collect();
    match together.len() == days.len() {
        true => (together.iter().sum::<f64>() / together.len() as f64, format!("{when} at {hour}:00")),
        false => (highest, format!("on {}s at {hour}:00", DAYS[day])),
    }
}

/// What the quiet hours are like.
fn quiet(map: &WeekHeatMap, lowest: f64, peak: f64) -> String {
    /// The hours from midnight that are called night.
    const NIGHT: std::ops::Range<usize> = 0..6;
    let hours = map.values.iter().enumerate().filter_map(|(index, value)| Some((index % HOURS, (*value)?)));
    let night = hours.clone().filter(|(hour, _)| NIGHT.contains(hour)).map(|(_, value)| value);
    let night_most = night.clone().fold(0.0, f64::max);
    let without = hours.clone().filter(|(_, value)| is_nothing(map.quantity, *value)).count();
    match night.count() {
        1.. if is_nothing(map.quantity, night_most) => "nothing at night".to_owned(),
        1.. if night_most < 0.25 * peak => format!("at most {} at night", amount(map.quantity, night_most)),
        _ if without > 0 => {
            format!("nothing in {} of the hours", percent(without as f64 / hours.count() as f64))
        }
        _ => format!("at least {} in every hour", amount(map.quantity, lowest)),
    }
}

/// Whether a value is shown as nothing: a share that rounds to 0 %, a load below a hundredth of a GSU.
fn is_nothing(quantity: WeekQuantity, value: f64) -> bool {
    match quantity {
        WeekQuantity::Spill { .. } => value < 0.005,
        WeekQuantity::Load => value < 0.01,
    }
}

/// A value with its unit.
fn amount(quantity: WeekQuantity, value: f64) -> String {
    match quantity {
        WeekQuantity::Spill { .. } => percent(value),
        WeekQuantity::Load => format!("{} GSU", short_number(value)),
    }
}

/// E.g. `Wednesday at 15:00`.
fn hour_name(index: usize) -> String {
    format!("{} at {}:00", DAYS[index / HOURS], index % HOURS)
}

fn capitalised(text: String) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
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

/// Days to the left, hours above, what the hours are below.
fn draw_frame(area: &Area, bounds: Bounds, zone: &str) -> Result<(), ChartError> {
    for (index, day) in DAYS.iter().enumerate() {
        let y = bounds.top + ROW * (index as f64 + 0.5);
        canvas::write_text(area, day, (bounds.left - 10.0, y), HPos::Right, LABEL)?;
    }
    let width = (bounds.right - bounds.left) / HOURS as f64;
    for hour in 0..HOURS {
        let x = bounds.left + width * (hour as f64 + 0.5);
        canvas::write_text(area, &hour.to_string(), (x, bounds.top - 13.0), HPos::Center, FAINT_LABEL)?;
    }
    let caption = match zone {
        "" => "hour of the day: 15 is from 15:00 to 16:00".to_owned(),
        zone => format!("hour of the day: 15 is from 15:00 to 16:00 in {zone}"),
    };
    let caption = canvas::shorten(&caption, bounds.right - bounds.left, FAINT_LABEL);
    let place = (bounds.left, bounds.bottom + 17.0);
    canvas::write_text(area, &caption, place, HPos::Left, FAINT_LABEL)
}

fn draw_cells(area: &Area, map: &WeekHeatMap, top: f64, bounds: Bounds) -> Result<(), ChartError> {
    let width = (bounds.right - bounds.left) / HOURS as f64;
    let texts: Vec<String> = map.values.iter().map(|value| cell_text(map.quantity, *value)).collect();
    // All or none: a cell without a number would look like one without a value.
    let legible = texts.iter().all(|text| canvas::text_width(text, CELL_FACE) <= width - 5.0);
    for (index, (value, text)) in map.values.iter().zip(texts).enumerate() {
        let left = bounds.left + width * (index % HOURS) as f64;
        let cell_top = bounds.top + ROW * (index / HOURS) as f64;
        let corners = [canvas::at(left, cell_top), canvas::at(left + width - 1.0, cell_top + ROW - 1.0)];
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
            let centre = (left + (width - 1.0) / 2.0, cell_top + (ROW - 1.0) / 2.0);
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
fn draw_key(area: &Area, map: &WeekHeatMap, axis: &Axis, bounds: Bounds) -> Result<(), ChartError> {
    const PIECES: usize = 120;
    let top = bounds.bottom + 62.0;
    let caption = match map.quantity {
        WeekQuantity::Spill { gsus } => {
            format!("% of the tokens left to pay-as-you-go, {} GSU bought", short_number(f64::from(gsus)))
        }
        WeekQuantity::Load => "load in GSUs".to_owned(),
    };
    let place = (bounds.left, top - 12.0);
    canvas::write_text(area, &caption, place, HPos::Left, FAINT_LABEL)?;
    let x_of = |share: f64| bounds.left + KEY_LENGTH * share;
    for piece in 0..PIECES {
        // Each reaches to the end, so that no gap shines through between two.
        let corners = [canvas::at(x_of(piece as f64 / PIECES as f64), top), canvas::at(x_of(1.0), top + KEY)];
        let colour = colour_at((piece as f64 + 0.5) / PIECES as f64);
        area.draw(&Rectangle::new(corners, colour.filled()))?;
    }
    let frame = [canvas::at(bounds.left, top), canvas::at(x_of(1.0), top + KEY)];
    area.draw(&Rectangle::new(frame, canvas::stroke(canvas::PALE_GREY, 1.0)))?;
    let suffix = if map.quantity == WeekQuantity::Load { "" } else { " %" };
    for (value, text) in axis.plain_marks(suffix) {
        let place = (x_of(value / axis.top()), top + KEY + 13.0);
        canvas::write_text(area, &text, place, HPos::Center, FAINT_LABEL)?;
    }
    if map.values.iter().all(Option::is_some) {
        return Ok(());
    }
    let left = x_of(1.0) + 60.0;
    draw_missing(area, [canvas::at(left, top), canvas::at(left + 24.0, top + KEY)])?;
    let place = (left + 32.0, top + KEY / 2.0);
    canvas::write_text(area, "no value", place, HPos::Left, FAINT_LABEL)
}

/// The chart in sentences: the range of each day.
fn describe(map: &WeekHeatMap) -> String {
    let title = map.title.trim_end_matches('.');
    let what = match map.quantity {
        WeekQuantity::Spill { .. } => "share of the tokens left to pay-as-you-go",
        WeekQuantity::Load => "load in GSUs",
    };
    let mut alt = format!("{title}. Heat map of 7 days by 24 hours, {what}.");
    for (day, values) in DAYS.iter().zip(map.values.chunks(HOURS)) {
        let known = || values.iter().copied().flatten();
        let highest = known().fold(0.0, f64::max);
        let lowest = known().fold(f64::INFINITY, f64::min);
        let [low, high] = [lowest, highest].map(|value| amount(map.quantity, value));
        let hour = values.iter().position(|value| *value == Some(highest));
        alt += &match hour {
            None => format!(" {day}: no value."),
            Some(_) if low == high => format!(" {day}: {high}."),
            Some(hour) => format!(" {day}: {low} to {high}, most at {hour}:00."),
        };
    }
    alt
}

#[cfg(test)]
mod tests {
    use super::super::examples::week_of;
    use super::*;

    const SPILL: WeekQuantity = WeekQuantity::Spill { gsus: 12 };

    #[track_caller]
    fn check_finding(quantity: WeekQuantity, value: impl Fn(usize, usize) -> Option<f64>, expected: &str) {
        assert_eq!(finding(&week_of(quantity, value)), expected);
    }

    #[test]
    fn the_finding_says_where_most_is_left_and_where_nothing() {
        let office = |day: usize, hour: usize| {
            Some(if day < 5 && hour == 15 { 0.31 } else { f64::from(u8::from(hour == 12)) * 0.1 })
        };
        let expected = "With 12 GSU, 31 % is left to pay-as-you-go on weekdays at 15:00 and nothing at night";
        check_finding(SPILL, office, expected);
        let one_hour = |day, hour| Some(if day == 5 && hour == 3 { 0.4 } else { 0.0 });
        let expected = "With 12 GSU, 40 % is left to pay-as-you-go on Saturdays at 3:00 and nothing in 99 % of \
                        the hours";
        check_finding(SPILL, one_hour, expected);
        let parties = |day, hour| Some(if day > 4 && hour == 23 { 0.5 } else { 0.2 });
        let expected = "With 12 GSU, 50 % is left to pay-as-you-go at weekends at 23:00 and at least 20 % in \
                        every hour";
        check_finding(SPILL, parties, expected);
        let expected = "17 GSU are needed every day at 15:00 and at most 2 GSU at night";
        check_finding(WeekQuantity::Load, |_, hour| Some(if hour == 15 { 17.0 } else { 2.0 }), expected);
    }

    #[test]
    fn the_finding_of_an_even_week_names_no_hour() {
        let left = "With 12 GSU, nothing is left to pay-as-you-go in any hour";
        check_finding(SPILL, |_, _| Some(0.0), left);
        check_finding(SPILL, |_, _| Some(1.0), "With 12 GSU, 100 % is left to pay-as-you-go in every hour");
        check_finding(SPILL, |_, _| None, "No hour of the week has any traffic");
        check_finding(WeekQuantity::Load, |_, _| Some(0.0), "Nothing is needed in any hour");
        let tiny = "Less than 0.01 GSU is needed in any hour";
        check_finding(WeekQuantity::Load, |_, hour| Some(if hour == 3 { 0.002 } else { 0.0 }), tiny);
        check_finding(WeekQuantity::Load, |_, _| Some(9.0), "9 GSU are needed in every hour");
    }

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
