//! What moves the bill: a bar from the low to the high end of each input, and its part in the variance.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    canvas::{self, Area, BOLD_LABEL, Bounds, Breadth, FAINT_LABEL, FAINT_LINES, LABEL},
    check_most,
    scale::{percent, short_usd},
};

/// Inputs and open questions, widest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drivers {
    /// States the finding; empty = the widest bar is named.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// Bars from top to bottom, at most 40.
    pub bars: Vec<DriverBar>,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DriverBar {
    /// What it is.
    pub label: String,
    /// Change of the mean month at its low end, USD.
    pub low_usd: f64,
    /// And at its high end.
    pub high_usd: f64,
    /// Its total Sobol index for the bill; `None` for an open question, which is drawn in grey.
    pub variance_share: Option<f64>,
    /// Where that index is below what the study can tell: the upper end of its 95 % interval.
    pub below: Option<f64>,
}

/// Most bars in one chart.
const MOST_BARS: usize = 40;
/// Largest amount that is drawn, USD.
const USD_MAX: f64 = 1e15;
/// Height of a bar's row, in pixels.
const PITCH: f64 = 34.0;
/// The same in a narrow picture, where name and share stand above the bar.
const NARROW_PITCH: f64 = 52.0;
/// Half the thickness of a bar, in pixels.
const HALF: f64 = 9.0;
/// Room for the captions above the bars and the unit below, in pixels.
const CAPTION_ROW: f64 = 26.0;
const UNIT_ROW: f64 = 40.0;
/// Caption of the right column.
const SHARE_CAPTION: &str = "ST, share of variance";

/// Draws a tornado: one bar for each input from its low to its high end around no change, the amounts at its
/// ends, its total Sobol index at the right. Open questions are grey, since no index can be given.
///
/// # Errors
///
/// When there is no bar or more than 40, or an amount or a share is not a number or beyond ±1e15.
pub fn draw_drivers(drivers: &Drivers) -> Result<Chart, ChartError> {
    check(drivers)?;
    let drivers = &with_clean_texts(drivers);
    canvas::at_both_breadths(|breadth| draw(drivers, breadth))
}

fn draw(drivers: &Drivers, breadth: Breadth) -> Result<Chart, ChartError> {
    let heading = canvas::lay_out_heading(&drivers.title, &drivers.subtitle, breadth);
    let top = canvas::heading_bottom(&heading) + 12.0 + CAPTION_ROW;
    let bounds = plot_bounds(drivers, top, breadth);
    let scale = Scale::of(&drivers.bars, bounds);
    let unit = "change of the mean month, USD; left of the line cheaper, right of it dearer";
    let unit = canvas::break_lines(unit, FAINT_LABEL, 3, breadth.inner());
    let height = bounds.bottom + UNIT_ROW + FAINT_LINES.leading * (unit.len() - 1) as f64;
    canvas::draw_picture(breadth, "drivers", &drivers.title, describe(drivers), height, |area| {
        canvas::draw_heading(area, &heading)?;
        let caption = (breadth.right(), top - CAPTION_ROW / 2.0);
        canvas::write_text(area, SHARE_CAPTION, caption, HPos::Right, FAINT_LABEL)?;
        let ends = vec![canvas::at(scale.zero, bounds.top), canvas::at(scale.zero, bounds.bottom)];
        area.draw(&PathElement::new(ends, canvas::stroke(canvas::GREY, 1.0)))?;
        for (index, bar) in drivers.bars.iter().enumerate() {
            let row = Row { bounds, breadth, middle: top + pitch(breadth) * (index as f64 + 0.5) };
            draw_bar(area, bar, &scale, &row)?;
        }
        let below = bounds.bottom + 20.0 - FAINT_LINES.leading / 2.0;
        canvas::write_lines(area, &unit, (breadth.margin(), below), FAINT_LINES)?;
        Ok(())
    })
}

/// Where the bars lie: between names and shares, or all over a narrow picture.
fn plot_bounds(drivers: &Drivers, top: f64, breadth: Breadth) -> Bounds {
    let labels = drivers.bars.iter().map(|bar| canvas::text_width(&bar.label, LABEL));
    let bottom = top + pitch(breadth) * drivers.bars.len() as f64;
    match breadth {
        Breadth::Wide => Bounds {
            left: breadth.margin() + labels.fold(0.0, f64::max) + 12.0,
            top,
            right: breadth.right() - canvas::text_width(SHARE_CAPTION, FAINT_LABEL) - 12.0,
            bottom,
        },
        Breadth::Narrow => Bounds { left: breadth.margin(), top, right: breadth.right(), bottom },
    }
}

fn pitch(breadth: Breadth) -> f64 {
    if breadth.is_narrow() { NARROW_PITCH } else { PITCH }
}

/// Where one bar and its texts stand; `middle` in pixels.
struct Row {
    bounds: Bounds,
    breadth: Breadth,
    middle: f64,
}

fn check(drivers: &Drivers) -> Result<(), ChartError> {
    if drivers.bars.is_empty() {
        return Err(ChartError::Empty { what: "bar" });
    }
    check_most(drivers.bars.len(), MOST_BARS, "bars")?;
    for bar in &drivers.bars {
        for (end, usd) in [("low", bar.low_usd), ("high", bar.high_usd)] {
            super::check_amount(usd.abs(), || format!("the {end} end of `{}`", bar.label))?;
        }
        for share in [bar.variance_share, bar.below].into_iter().flatten() {
            if !share.is_finite() || share.abs() > USD_MAX {
                return Err(ChartError::Share { what: format!("`{}`", bar.label), found: share });
            }
        }
    }
    Ok(())
}

/// Labels longer than this are cut, with an ellipsis, in pixels.
const LONGEST_LABEL: f64 = 400.0;

fn with_clean_texts(drivers: &Drivers) -> Drivers {
    let bars = drivers.bars.iter().map(|bar| DriverBar {
        label: canvas::shorten(&canvas::one_line(&bar.label), LONGEST_LABEL, LABEL),
        ..bar.clone()
    });
    Drivers {
        title: match drivers.title.as_str() {
            "" => finding(drivers),
            title => canvas::one_line(title),
        },
        subtitle: canvas::one_line(&drivers.subtitle),
        bars: bars.collect(),
    }
}

/// Names the widest bar.
fn finding(drivers: &Drivers) -> String {
    let size = |bar: &&DriverBar| bar.low_usd.abs().max(bar.high_usd.abs());
    let widest = drivers.bars.iter().max_by(|a, b| size(a).total_cmp(&size(b)));
    widest.map_or_else(String::new, |bar| {
        let name = canvas::one_line(&bar.label);
        let moves = format!("{} to {}", signed(bar.low_usd), signed(bar.high_usd));
        format!("`{}` moves the month most: {moves}", name.trim_end_matches('.'))
    })
}

/// `+$1,200`, `−$800`, `$0`.
fn signed(usd: f64) -> String {
    let sign = if usd > 0.0 { "+" } else { "−" };
    if usd == 0.0 { "$0".into() } else { format!("{sign}{}", short_usd(usd.abs())) }
}

/// Where no change lies, and pixels per dollar.
struct Scale {
    zero: f64,
    per_usd: f64,
}

impl Scale {
    /// Both sides with the room that their amounts need.
    fn of(bars: &[DriverBar], bounds: Bounds) -> Scale {
        let room = |of: fn(&DriverBar) -> f64| {
            bars.iter().map(|bar| canvas::text_width(&signed(of(bar)), BOLD_LABEL) + 14.0).fold(0.0, f64::max)
        };
        // An input may lower the bill at its high end.
        let left = bars.iter().map(|bar| -bar.low_usd.min(bar.high_usd)).fold(0.0, f64::max);
        let right = bars.iter().map(|bar| bar.low_usd.max(bar.high_usd)).fold(0.0, f64::max);
        let (room_left, room_right) = (room(low), room(high));
        let width = bounds.right - bounds.left - room_left - room_right;
        let per_usd = if left + right > 0.0 { width / (left + right) } else { 0.0 };
        Scale { zero: bounds.left + room_left + left * per_usd, per_usd }
    }

    fn x(&self, usd: f64) -> f64 {
        self.zero + usd * self.per_usd
    }
}

fn low(bar: &DriverBar) -> f64 {
    bar.low_usd.min(bar.high_usd).min(0.0)
}

fn high(bar: &DriverBar) -> f64 {
    bar.low_usd.max(bar.high_usd).max(0.0)
}

fn draw_bar(area: &Area, bar: &DriverBar, scale: &Scale, row: &Row) -> Result<(), ChartError> {
    // In a narrow picture the bar has the lower half of its row.
    let y = if row.breadth.is_narrow() { row.middle + 11.0 } else { row.middle };
    let open = bar.variance_share.is_none();
    let (from, to) = (scale.x(low(bar)), scale.x(high(bar)));
    let parts = [(from, scale.zero, canvas::BLUE), (scale.zero, to, canvas::ORANGE)];
    for (left, right, colour) in parts.into_iter().filter(|(left, right, _)| right > left) {
        let colour = if open { canvas::PALE_GREY } else { colour };
        area.draw(&Rectangle::new(
            [canvas::at(left, y - HALF), canvas::at(right, y + HALF)],
            colour.filled(),
        ))?;
    }
    if low(bar) < 0.0 {
        canvas::write_text(area, &signed(low(bar)), (from - 6.0, y), HPos::Right, BOLD_LABEL)?;
    }
    if high(bar) > 0.0 || low(bar) == 0.0 {
        canvas::write_text(area, &signed(high(bar)), (to + 6.0, y), HPos::Left, BOLD_LABEL)?;
    }
    let share = share_text(bar).unwrap_or_else(|| "open question".to_string());
    let face = if open { FAINT_LABEL } else { LABEL };
    if row.breadth.is_narrow() {
        let y = row.middle - 13.0;
        let room = row.breadth.inner() - canvas::text_width(&share, face) - 10.0;
        let label = canvas::shorten(&bar.label, room, LABEL);
        // Hides the line of no change behind the words.
        let patch = [canvas::at(row.breadth.margin(), y - 9.0), canvas::at(row.breadth.right(), y + 9.0)];
        area.draw(&Rectangle::new(patch, WHITE.filled()))?;
        canvas::write_text(area, &label, (row.breadth.margin(), y), HPos::Left, LABEL)?;
        return canvas::write_text(area, &share, (row.breadth.right(), y), HPos::Right, face);
    }
    canvas::write_text(area, &bar.label, (row.bounds.left - 12.0, y), HPos::Right, LABEL)?;
    canvas::write_text(area, &share, (row.breadth.right(), y), HPos::Right, face)
}

/// `62 %`, or `below 1.4 %` where no more can be told; nothing for an open question.
fn share_text(bar: &DriverBar) -> Option<String> {
    let share = bar.variance_share?;
    Some(bar.below.map_or_else(|| in_percent(share), |below| format!("below {}", in_percent(below))))
}

/// An estimate may lie a little outside of 0 to 1.
fn in_percent(share: f64) -> String {
    percent(share.clamp(0.0, 9.99))
}

/// The chart in sentences.
fn describe(drivers: &Drivers) -> String {
    let title = drivers.title.trim_end_matches('.');
    let mut alt = format!("{title}. Tornado chart, change of the mean month in USD at each input's ends.");
    for bar in &drivers.bars {
        let share = share_text(bar)
            .map_or_else(|| "an open question".to_string(), |share| format!("{share} of the variance"));
        alt += &format!(" {}: {} to {}, {share}.", bar.label, signed(bar.low_usd), signed(bar.high_usd));
    }
    alt
}
