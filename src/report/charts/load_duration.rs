//! The hours of a week sorted by load, with lines at named GSU counts.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    axes::{draw_number_axis, draw_value_axis, marks_width, steps_in},
    canvas::{self, Area, BLUE, Bounds, Breadth, FAINT_LABEL, Plot},
    check_amount, check_length, check_most,
    curve::{Point, thin_out},
    scale::{Axis, percent, short_number},
    side_labels::{self, SideLabel, draw_side_labels},
    spots::{Spot, bands},
};

/// Colours of the named counts, in their order; the first ones come again when there are more counts.
const COUNT_COLOURS: [RGBColor; 6] =
    [canvas::VERMILLION, canvas::ORANGE, canvas::GREEN, canvas::PURPLE, canvas::INK, canvas::SKY];
/// Most hours in one chart: a leap year.
const MOST_HOURS: usize = 8_784;
/// Most named counts in one chart.
const MOST_COUNTS: usize = 12;

/// Load of each hour in GSUs, and the GSU counts it is compared with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadDuration {
    /// States the finding. When empty, the chart states it from its numbers.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// Mean load of each hour in GSUs, in any order: 168 values for a week, 8,784 at most.
    pub load_gsus: Vec<f64>,
    /// How the load of single windows scatters inside each hour.
    pub windows: Option<WindowLoad>,
    /// GSU counts with a name, at most 12.
    pub counts: Vec<NamedCount>,
}

/// Range of the load of single enforcement windows, one value for each hour in the order of the loads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowLoad {
    /// 5th percentile in GSUs.
    pub low_gsus: Vec<f64>,
    /// 95th percentile in GSUs.
    pub high_gsus: Vec<f64>,
}

/// A number of GSUs and what it stands for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedCount {
    /// What the count stands for, e.g. `at most 5 % left to pay-as-you-go`.
    pub label: String,
    /// The count.
    pub gsus: u32,
}

/// Draws the load-duration curve: the hours from the busiest to the quietest as a curve of steps, and a dashed
/// line at each named count with its name and the share of hours whose mean load is above it.
///
/// A count far above all loads is named at the top without a line.
///
/// # Errors
///
/// When there is no hour, or more than 8,784 hours or 12 counts, when lists differ in length, a range is upside
/// down, or a load is not a number, negative or above 1e15.
pub fn draw_load_duration(load: &LoadDuration) -> Result<Chart, ChartError> {
    check(load)?;
    let load = &with_clean_texts(load);
    canvas::at_both_breadths(|breadth| draw(load, breadth))
}

fn draw(load: &LoadDuration, breadth: Breadth) -> Result<Chart, ChartError> {
    let hours = sorted_hours(load);
    let heading = canvas::lay_out_heading(&load.title, &load.subtitle, breadth);
    let axis = Axis::up_to(highest(load, &hours), 5);
    let marks = axis.plain_marks("");
    let labels = lay_out_labels(load, &hours, axis.top());
    let top = canvas::heading_bottom(&heading) + 40.0;
    let frame = side_labels::frame(breadth, marks_width(&marks), top, labels);
    let bounds = frame.bounds;

    let alt = describe(load, &hours);
    let chart = canvas::draw_picture(breadth, "load-duration", &load.title, alt, frame.height, |area| {
        canvas::draw_heading(area, &heading)?;
        let inner = canvas::part_of(area, bounds);
        let mut plot = canvas::plot_in(&inner, 100.0, axis.top())?;
        draw_axes(area, &plot, &marks, bounds, breadth)?;
        draw_hours(&mut plot, load, &hours, 100.0 / (bounds.right - bounds.left))?;
        draw_counts(&mut plot, load, axis.top())?;
        let height_of = |gsus: f64| canvas::place_of(&plot, 0.0, gsus.min(axis.top())).1;
        match breadth {
            Breadth::Wide => draw_side_labels(area, &frame.labels, bounds, height_of),
            Breadth::Narrow => side_labels::draw_key(area, &frame.key, frame.key_top),
        }
    })?;
    Ok(chart.with_spots(&spots(&hours, bounds)))
}

/// What places along the sorted hours say.
fn spots(hours: &[Hour], bounds: Bounds) -> Vec<Spot> {
    let share = |at: usize| (at as f64 + 0.5) / hours.len() as f64;
    let places: Vec<f64> = (0..hours.len()).map(share).collect();
    let text = |at: usize| {
        let Hour { mean, low, high } = hours[at];
        let range = if low < high {
            format!("\n90 % of its windows: {} to {} GSU", short_number(low), short_number(high))
        } else {
            String::new()
        };
        let before = percent(share(at));
        format!("{before} of the hours are busier or as busy\nmean load: {} GSU{range}", short_number(mean))
    };
    bands(bounds, &places).into_iter().map(|(at, bounds)| Spot { bounds, text: text(at) }).collect()
}

/// One hour: its mean load and the range of its windows, in GSUs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hour {
    mean: f64,
    low: f64,
    high: f64,
}

fn check(load: &LoadDuration) -> Result<(), ChartError> {
    let count = load.load_gsus.len();
    if count == 0 {
        return Err(ChartError::Empty { what: "hour" });
    }
    check_most(count, MOST_HOURS, "hours")?;
    check_most(load.counts.len(), MOST_COUNTS, "named counts")?;
    for (hour, gsus) in load.load_gsus.iter().enumerate() {
        check_amount(*gsus, || format!("the load of hour {hour}"))?;
    }
    let Some(windows) = &load.windows else {
        return Ok(());
    };
    check_length(windows.low_gsus.len(), count, || "the low end of the windows".into())?;
    check_length(windows.high_gsus.len(), count, || "the high end of the windows".into())?;
    for (hour, (low, high)) in windows.low_gsus.iter().zip(&windows.high_gsus).enumerate() {
        check_amount(*low, || format!("the low end of the windows in hour {hour}"))?;
        check_amount(*high, || format!("the high end of the windows in hour {hour}"))?;
        if low > high {
            return Err(ChartError::WindowRange { hour, low: *low, high: *high });
        }
    }
    Ok(())
}

fn with_clean_texts(load: &LoadDuration) -> LoadDuration {
    let mut load = load.clone();
    load.subtitle = canvas::one_line(&load.subtitle);
    for count in &mut load.counts {
        count.label = canvas::one_line(&count.label);
    }
    load.title = match canvas::one_line(&load.title) {
        title if title.is_empty() => finding(&load.load_gsus),
        title => title,
    };
    load
}

/// The finding as a title.
fn finding(load_gsus: &[f64]) -> String {
    let mut sorted = load_gsus.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (quietest, busiest) = (sorted[0], sorted[sorted.len() - 1]);
    // The least load that at least half of the hours do not exceed, so that the sentence is exact.
    let middle = sorted[(sorted.len() - 1) / 2];
    match (quietest == busiest, busiest) {
        (true, 0.0) => "No hour needs any GSU".to_owned(),
        (true, all) => format!("Every hour needs {} GSU", short_number(all)),
        (false, busiest) if busiest < 0.01 => "Every hour needs less than 0.01 GSU on average".to_owned(),
        (false, _) => format!(
            "Half of the hours need at most {} GSU on average; the busiest needs {}",
            short_number(middle),
            short_number(busiest)
        ),
    }
}

/// The hours from the busiest to the quietest. Without window loads the range is the mean.
fn sorted_hours(load: &LoadDuration) -> Vec<Hour> {
    let hour = |(index, mean): (usize, &f64)| {
        let windows = load.windows.as_ref();
        let (low, high) = windows.map_or((*mean, *mean), |w| (w.low_gsus[index], w.high_gsus[index]));
        Hour { mean: *mean, low, high }
    };
    let mut hours: Vec<Hour> = load.load_gsus.iter().enumerate().map(hour).collect();
    hours.sort_by(|a, b| b.mean.total_cmp(&a.mean).then(b.high.total_cmp(&a.high)));
    hours
}

/// What the axis must reach: all loads, and the counts that are not far above them.
fn highest(load: &LoadDuration, hours: &[Hour]) -> f64 {
    /// Counts above this many times the highest load have no line, which would press the curve flat. A single
    /// GSU, the least there is to buy, always has one.
    const FAR_ABOVE: f64 = 2.5;
    let highest = hours.iter().map(|hour| hour.mean.max(hour.high)).fold(0.0, f64::max);
    let counts = load.counts.iter().map(|count| f64::from(count.gsus));
    counts.filter(|gsus| highest == 0.0 || *gsus <= (FAR_ABOVE * highest).max(1.0)).fold(highest, f64::max)
}

/// Labels of counts and of the right end of the curve, which is the quietest hour; from the top down.
fn lay_out_labels(load: &LoadDuration, hours: &[Hour], top: f64) -> Vec<SideLabel> {
    let mut labels = Vec::new();
    for (count, colour) in load.counts.iter().zip(COUNT_COLOURS.iter().cycle()) {
        let gsus = f64::from(count.gsus);
        let above = hours_above(hours, gsus);
        let arrow = if gsus > top { "↑ " } else { "" };
        labels.push(SideLabel {
            name: format!("{arrow}{} GSU", short_number(gsus)),
            note: match count.label.as_str() {
                "" => above,
                label => format!("{label}: {above}"),
            },
            bold: false,
            colour: *colour,
            value: gsus,
            leads: gsus <= top,
        });
    }
    let end = |gsus: f64, note: &str, bold, colour| SideLabel {
        name: format!("{} GSU", short_number(gsus)),
        note: note.to_owned(),
        bold,
        colour,
        value: gsus,
        leads: true,
    };
    let quietest = hours[hours.len() - 1];
    labels.push(end(quietest.mean, "mean load of the quietest hour", true, BLUE));
    if load.windows.is_some() {
        labels.push(end(quietest.high, "95th percentile of its windows", false, canvas::RANGE));
        labels.push(end(quietest.low, "5th percentile of its windows", false, canvas::RANGE));
    }
    labels.sort_by(|a, b| b.value.total_cmp(&a.value));
    labels
}

/// In how many hours the mean load is above a count, in words.
fn hours_above(hours: &[Hour], gsus: f64) -> String {
    match hours.iter().filter(|hour| hour.mean > gsus).count() {
        0 => "no hour above".to_owned(),
        above => format!("{} of hours above", percent(above as f64 / hours.len() as f64)),
    }
}

fn draw_axes(
    area: &Area,
    plot: &Plot,
    marks: &[(f64, String)],
    bounds: Bounds,
    breadth: Breadth,
) -> Result<(), ChartError> {
    draw_value_axis(area, plot, marks, bounds)?;
    let place = (breadth.margin(), bounds.top - 22.0);
    canvas::write_text(area, "load in GSUs", place, HPos::Left, FAINT_LABEL)?;
    let shares = Axis::up_to(100.0, steps_in(bounds, 90.0).min(5)).plain_marks(" %");
    let caption = match breadth {
        Breadth::Wide => "share of hours, from the busiest to the quietest",
        Breadth::Narrow => "share of hours, the busiest first",
    };
    draw_number_axis(area, plot, &shares, caption, bounds)
}

/// The range of the windows, or else the area under the curve, and the curve itself.
fn draw_hours(plot: &mut Plot, load: &LoadDuration, hours: &[Hour], pixel: f64) -> Result<(), ChartError> {
    let curve = |value: fn(&Hour) -> f64| thin_out(&steps(hours, value), pixel / 2.0);
    let (upper, lower) = match load.windows {
        Some(_) => (curve(|hour| hour.high), curve(|hour| hour.low)),
        None => (curve(|hour| hour.mean), vec![(0.0, 0.0), (100.0, 0.0)]),
    };
    let outline: Vec<Point> = upper.iter().copied().chain(lower.iter().rev().copied()).collect();
    plot.draw_series([Polygon::new(outline, BLUE.mix(0.16))])?;
    if load.windows.is_some() {
        for edge in [upper, lower] {
            plot.draw_series(LineSeries::new(edge, canvas::stroke(canvas::RANGE, 1.2)))?;
        }
    }
    plot.draw_series(LineSeries::new(curve(|hour| hour.mean), canvas::stroke(BLUE, 2.6)))?;
    Ok(())
}

/// A step for each hour, as wide as its share of all hours in percent.
fn steps(hours: &[Hour], value: fn(&Hour) -> f64) -> Vec<Point> {
    let width = 100.0 / hours.len() as f64;
    let ends = |(index, hour): (usize, &Hour)| {
        let index = index as f64;
        [(index * width, value(hour)), ((index + 1.0) * width, value(hour))]
    };
    hours.iter().enumerate().flat_map(ends).collect()
}

/// A dashed line at each count inside the plot.
fn draw_counts(plot: &mut Plot, load: &LoadDuration, top: f64) -> Result<(), ChartError> {
    for (count, colour) in load.counts.iter().zip(COUNT_COLOURS.iter().cycle()) {
        let gsus = f64::from(count.gsus);
        if gsus > top {
            continue;
        }
        let (dash, space) = (canvas::fine(7.0), canvas::fine(5.0));
        let ends = [(0.0, gsus), (100.0, gsus)];
        plot.draw_series(DashedLineSeries::new(ends, dash, space, canvas::stroke(*colour, 1.8)))?;
    }
    Ok(())
}

/// The chart in sentences.
fn describe(load: &LoadDuration, hours: &[Hour]) -> String {
    let at = |index: usize| short_number(hours[index].mean);
    let mut alt = format!(
        "{}. Load-duration curve: mean load of {} in GSUs, from the busiest to the quietest. Busiest {}, \
         median {}, quietest {}.",
        load.title.trim_end_matches('.'),
        match hours.len() {
            1 => "1 hour".to_owned(),
            count => format!("{} hours", short_number(count as f64)),
        },
        at(0),
        at(hours.len() / 2),
        at(hours.len() - 1)
    );
    if load.windows.is_some() {
        let highest = hours.iter().map(|hour| hour.high).fold(0.0, f64::max);
        alt += &format!(" Windows reach {} at their 95th percentile.", short_number(highest));
    }
    for count in &load.counts {
        let gsus = f64::from(count.gsus);
        let above = hours_above(hours, gsus);
        alt += &format!(" {}: {} GSU, {above}.", count.label, short_number(gsus));
    }
    alt
}

#[cfg(test)]
mod tests {
    use super::super::examples::usual_load;
    use super::*;

    #[test]
    fn the_finding_is_exact_for_half_of_the_hours() {
        let check = |load: &[f64], expected: &str| assert_eq!(finding(load), expected);
        check(&[4.0, 1.0, 3.0, 2.0], "Half of the hours need at most 2 GSU on average; the busiest needs 4");
        check(&[17.0, 0.0, 8.6], "Half of the hours need at most 8.6 GSU on average; the busiest needs 17");
        check(&[0.0; 168], "No hour needs any GSU");
        check(&[9.0; 168], "Every hour needs 9 GSU");
        check(&[0.4], "Every hour needs 0.4 GSU");
    }

    #[test]
    fn hours_are_sorted_together_with_their_windows() {
        let load = LoadDuration {
            load_gsus: vec![1.0, 3.0, 2.0],
            windows: Some(WindowLoad { low_gsus: vec![0.1, 0.3, 0.2], high_gsus: vec![10.0, 30.0, 20.0] }),
            ..LoadDuration::default()
        };
        let sorted = sorted_hours(&load);
        let expected = [(3.0, 0.3, 30.0), (2.0, 0.2, 20.0), (1.0, 0.1, 10.0)];
        assert_eq!(sorted, expected.map(|(mean, low, high)| Hour { mean, low, high }));
        assert_eq!(steps(&sorted[..2], |h| h.mean), [(0.0, 3.0), (50.0, 3.0), (50.0, 2.0), (100.0, 2.0)]);
    }

    #[test]
    fn a_count_far_above_the_load_is_named_without_pressing_the_curve_flat() {
        let mut load = usual_load();
        load.windows = None;
        load.counts.push(NamedCount { label: "an old order".into(), gsus: 900 });
        let hours = sorted_hours(&load);
        assert!(highest(&load, &hours) < 30.0);
        let labels = lay_out_labels(&load, &hours, 30.0);
        assert_eq!((labels[0].name.as_str(), labels[0].leads), ("↑ 900 GSU", false));
        assert_eq!(labels[0].note, "an old order: no hour above");
    }

    #[test]
    fn a_label_says_in_how_many_hours_the_load_is_above_its_count() {
        let load = LoadDuration {
            load_gsus: vec![1.0, 2.0, 3.0, 4.0],
            counts: vec![NamedCount { label: "cheapest".into(), gsus: 3 }],
            ..LoadDuration::default()
        };
        let labels = lay_out_labels(&load, &sorted_hours(&load), 4.0);
        assert_eq!(labels[0].note, "cheapest: 25 % of hours above");
    }
}
