//! Spend by calendar month: one line for each placement, a range, a budget.

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError, Line, MonthlySpend,
    axes::{draw_value_axis, marks_width},
    canvas::{self, Area, BLUE, Bounds, Breadth, FAINT_LABEL, INK, Plot},
    check_amount, check_length,
    end_labels::{
        EndLabel, LABELLED_OTHERS, OTHER_COLOURS, draw_end_labels, end_labels, key_of_ends, labels_width,
        last_value,
    },
    months::{Month, month_marks, read_months},
    scale::{Axis, short_usd},
    side_labels::{draw_key, key_height},
    spots::{Spot, bands},
};
use crate::report::format::money_whole;

/// Room under the plot for months and years, in pixels.
const MONTH_ROWS: f64 = 52.0;

/// Draws spend by month: the chosen placement as a thick line in its 90 % range, the others as thin lines,
/// the budget dashed. Each line is labelled at its right end with its last value.
///
/// # Errors
///
/// When an amount is not a number, negative or above 1e15 USD, a range is upside down, the months are not
/// consecutive, lists differ in length, or the chosen placement is never available.
pub fn draw_monthly_spend(spend: &MonthlySpend) -> Result<Chart, ChartError> {
    let months = read_months(&spend.months)?;
    check(spend)?;
    let spend = &with_clean_texts(spend);
    canvas::at_both_breadths(|breadth| draw(spend, &months, breadth))
}

fn draw(spend: &MonthlySpend, months: &[Month], breadth: Breadth) -> Result<Chart, ChartError> {
    let (labelled, unlabelled) = split_others(&spend.others);
    let subtitle = subtitle_with_note(&spend.subtitle, unlabelled.len(), breadth);
    let heading = canvas::lay_out_heading(&spend.title, &subtitle, breadth);
    let axis = Axis::up_to(highest(spend), 5);
    let labels = end_labels(spend, &labelled, months);
    let bounds = plot_bounds(&heading, &axis, &labels, breadth);
    let key = if breadth.is_narrow() { key_of_ends(&labels) } else { Vec::new() };
    let height =
        if breadth.is_narrow() { bounds.bottom + MONTH_ROWS + key_height(&key) } else { canvas::HEIGHT };

    let alt = describe(spend, months);
    let chart = canvas::draw_picture(breadth, "monthly-spend", &spend.title, alt, height.round(), |area| {
        canvas::draw_heading(area, &heading)?;
        let inner = canvas::part_of(area, bounds);
        let mut plot = canvas::plot_in(&inner, last_x(months.len()), axis.top())?;
        draw_value_axis(area, &plot, &axis.marks(), bounds)?;
        let unit = (breadth.margin(), bounds.top - 22.0);
        canvas::write_text(area, "USD per month", unit, HPos::Left, FAINT_LABEL)?;
        draw_month_axis(area, &plot, months, bounds, breadth)?;
        draw_range(&mut plot, spend)?;
        for line in unlabelled {
            draw_line(&mut plot, &line.usd, canvas::PALE_GREY, 1.2)?;
        }
        for (line, colour) in labelled.iter().zip(OTHER_COLOURS) {
            draw_line(&mut plot, &line.usd, colour, 1.8)?;
        }
        if let Some(budget) = spend.budget_usd {
            draw_budget(&mut plot, months.len(), budget)?;
        }
        draw_line(&mut plot, &spend.chosen.usd, BLUE, 3.5)?;
        match breadth {
            Breadth::Wide => draw_end_labels(area, &plot, &labels, bounds),
            Breadth::Narrow => draw_key(area, &key, bounds.bottom + MONTH_ROWS - 10.0),
        }
    })?;
    Ok(chart.with_spots(&spots(spend, bounds)))
}

/// What every month says.
fn spots(spend: &MonthlySpend, bounds: Bounds) -> Vec<Spot> {
    let count = spend.months.len();
    let places: Vec<f64> = (0..count).map(|month| month as f64 / last_x(count)).collect();
    let line = |line: &Line, month: usize| {
        line.usd[month].map(|usd| format!("\n{}: {}", line.label, money_whole(usd))).unwrap_or_default()
    };
    let text = |month: usize| {
        let mut text = spend.months[month].clone() + &line(&spend.chosen, month);
        if spend.chosen.usd[month].is_some() {
            let (low, high) = (money_whole(spend.low[month]), money_whole(spend.high[month]));
            text += &format!("\n90 % range: {low} to {high}");
        }
        text + &spend.others.iter().map(|other| line(other, month)).collect::<String>()
    };
    let bands = bands(bounds, &places).into_iter();
    bands.map(|(month, bounds)| Spot { bounds, text: text(month) }).collect()
}

fn check(spend: &MonthlySpend) -> Result<(), ChartError> {
    let count = spend.months.len();
    check_length(spend.low.len(), count, || "the low end of the range".into())?;
    check_length(spend.high.len(), count, || "the high end of the range".into())?;
    for line in spend.others.iter().chain([&spend.chosen]) {
        check_length(line.usd.len(), count, || format!("`{}`", line.label))?;
        for (usd, month) in line.usd.iter().zip(&spend.months) {
            let what = || format!("the spend of `{}` in `{month}`", line.label);
            usd.map_or(Ok(()), |usd| check_amount(usd, what))?;
        }
    }
    if let Some(budget) = spend.budget_usd {
        check_amount(budget, || "the budget".into())?;
    }
    let available = |index: &usize| spend.chosen.usd[*index].is_some();
    for index in (0..count).filter(available) {
        let (low, high, month) = (spend.low[index], spend.high[index], &spend.months[index]);
        check_amount(low, || format!("the low end of the range in `{month}`"))?;
        check_amount(high, || format!("the high end of the range in `{month}`"))?;
        if low > high {
            let month = month.clone();
            return Err(ChartError::Range { month, low, high });
        }
    }
    if last_value(&spend.chosen).is_none() {
        let label = spend.chosen.label.clone();
        return Err(ChartError::NeverAvailable { label });
    }
    Ok(())
}

fn with_clean_texts(spend: &MonthlySpend) -> MonthlySpend {
    let mut spend = spend.clone();
    spend.title = canvas::one_line(&spend.title);
    spend.subtitle = canvas::one_line(&spend.subtitle);
    for line in spend.others.iter_mut().chain([&mut spend.chosen]) {
        line.label = canvas::one_line(&line.label);
    }
    spend
}

/// The others that are available at some time: the cheapest by mean spend, and the rest.
fn split_others(others: &[Line]) -> (Vec<&Line>, Vec<&Line>) {
    let mean = |line: &Line| {
        let values: Vec<f64> = line.usd.iter().copied().flatten().collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let mut available: Vec<&Line> = others.iter().filter(|o| last_value(o).is_some()).collect();
    available.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
    let rest = available.split_off(available.len().min(LABELLED_OTHERS));
    (available, rest)
}

/// The subtitle, with a word about the lines that have no label.
fn subtitle_with_note(subtitle: &str, unlabelled: usize, breadth: Breadth) -> String {
    let note = match unlabelled {
        0 => String::new(),
        count => format!("+{count} more in light grey"),
    };
    canvas::with_note(subtitle, &note, breadth)
}

fn highest(spend: &MonthlySpend) -> f64 {
    let lines = spend.others.iter().chain([&spend.chosen]);
    let lines = lines.flat_map(|line| line.usd.iter().copied().flatten());
    let available = spend.high.iter().zip(&spend.chosen.usd);
    let range = available.filter_map(|(high, chosen)| chosen.map(|_| *high));
    lines.chain(range).chain(spend.budget_usd).fold(0.0, f64::max)
}

/// Where the plot lies: what headings, tick labels and end labels leave of the picture.
fn plot_bounds(heading: &canvas::Heading, axis: &Axis, labels: &[EndLabel], breadth: Breadth) -> Bounds {
    let (left, top) = (breadth.margin() + marks_width(&axis.marks()), canvas::heading_bottom(heading) + 40.0);
    match breadth {
        Breadth::Wide => {
            let right = breadth.right() - labels_width(labels);
            Bounds { left, top, right, bottom: canvas::HEIGHT - MONTH_ROWS }
        }
        Breadth::Narrow => {
            Bounds { left, top, right: breadth.right() - 8.0, bottom: top + canvas::NARROW_PLOT }
        }
    }
}

/// Right end of the axis of months. A single month is drawn from 0 to 1.
fn last_x(months: usize) -> f64 {
    months.saturating_sub(1).max(1) as f64
}

fn draw_month_axis(
    area: &Area,
    plot: &Plot,
    months: &[Month],
    bounds: Bounds,
    breadth: Breadth,
) -> Result<(), ChartError> {
    let most = if breadth.is_narrow() { 6 } else { 12 };
    for mark in month_marks(months, most) {
        let index = if months.len() == 1 { 0.5 } else { mark.index as f64 };
        let (x, _) = canvas::place_of(plot, index, 0.0);
        let tick = vec![canvas::at(x, bounds.bottom), canvas::at(x, bounds.bottom + 5.0)];
        area.draw(&PathElement::new(tick, canvas::stroke(canvas::GREY, 1.0)))?;
        let place = (x, bounds.bottom + 16.0);
        canvas::write_text(area, mark.month, place, HPos::Center, FAINT_LABEL)?;
        if let Some(year) = mark.year {
            let place = (x, bounds.bottom + 33.0);
            canvas::write_text(area, &year, place, HPos::Center, FAINT_LABEL)?;
        }
    }
    Ok(())
}

fn draw_range(plot: &mut Plot, spend: &MonthlySpend) -> Result<(), ChartError> {
    for run in runs(&spend.chosen.usd) {
        let edge = |ends: &[f64]| -> Vec<(f64, f64)> {
            run.iter().map(|point| (point.x, ends[point.month])).collect()
        };
        let (upper, lower) = (edge(&spend.high), edge(&spend.low));
        if run.len() == 1 {
            let ends = vec![upper[0], lower[0]];
            plot.draw_series([PathElement::new(ends, canvas::stroke(canvas::RANGE, 6.0))])?;
            continue;
        }
        let outline: Vec<_> = upper.iter().copied().chain(lower.iter().rev().copied()).collect();
        plot.draw_series([Polygon::new(outline, BLUE.mix(0.16))])?;
        for edge in [upper, lower] {
            plot.draw_series(LineSeries::new(edge, canvas::stroke(canvas::RANGE, 1.2)))?;
        }
    }
    Ok(())
}

/// A line that stops where there is no value, with a dot at each end that is not the border of the plot.
fn draw_line(plot: &mut Plot, usd: &[Option<f64>], colour: RGBColor, width: f64) -> Result<(), ChartError> {
    for run in runs(usd) {
        let points: Vec<_> = run.iter().map(|point| (point.x, point.usd)).collect();
        let lonely = points.len() == 1;
        let stops = run.last().is_some_and(|point| point.month + 1 < usd.len());
        if let Some(last) = points.last().filter(|_| lonely || stops) {
            let radius = canvas::fine(width + 1.5);
            plot.draw_series([Circle::new(*last, radius, ShapeStyle::from(colour).filled())])?;
        }
        plot.draw_series(LineSeries::new(points, canvas::stroke(colour, width)))?;
    }
    Ok(())
}

fn draw_budget(plot: &mut Plot, months: usize, usd: f64) -> Result<(), ChartError> {
    let ends = [(0.0, usd), (last_x(months), usd)];
    let (dash, space) = (canvas::fine(7.0), canvas::fine(5.0));
    plot.draw_series(DashedLineSeries::new(ends, dash, space, canvas::stroke(INK, 1.5)))?;
    Ok(())
}

/// A value of a line: which month, where on the axis of months, USD.
struct Point {
    month: usize,
    x: f64,
    usd: f64,
}

/// The stretches of consecutive months with a value. A chart of one month has it at both ends of the axis.
fn runs(usd: &[Option<f64>]) -> Vec<Vec<Point>> {
    if let [Some(usd)] = *usd {
        return vec![[0.0, 1.0].map(|x| Point { month: 0, x, usd }).into()];
    }
    let mut runs: Vec<Vec<Point>> = vec![Vec::new()];
    for (month, value) in usd.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(usd), Some(run)) => run.push(Point { month, x: month as f64, usd: *usd }),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// The chart in sentences.
fn describe(spend: &MonthlySpend, months: &[Month]) -> String {
    let mut alt =
        format!("{}. Line chart of USD per month, {}", spend.title.trim_end_matches('.'), spend.months[0]);
    if months.len() > 1 {
        alt += &format!(" to {}", spend.months[months.len() - 1]);
    }
    alt += &format!(". Chosen, {}", describe_line(&spend.chosen));
    let (last, _) = last_value(&spend.chosen).unwrap_or_default();
    let (low, high) = (short_usd(spend.low[last]), short_usd(spend.high[last]));
    alt += &format!(", 90 % range in {} {low} to {high}.", spend.months[last]);
    if let Some(budget) = spend.budget_usd {
        alt += &format!(" Budget {}.", short_usd(budget));
    }
    if !spend.others.is_empty() {
        let others: Vec<String> = spend.others.iter().map(describe_line).collect();
        alt += &format!(" Others: {}.", others.join("; "));
    }
    alt
}

fn describe_line(line: &Line) -> String {
    let values = || line.usd.iter().copied().flatten();
    if values().next().is_none() {
        return format!("{}: not available", line.label);
    }
    let lowest = short_usd(values().fold(f64::INFINITY, f64::min));
    let highest = short_usd(values().fold(0.0, f64::max));
    match lowest == highest {
        true => format!("{}: {lowest}", line.label),
        false => format!("{}: {lowest} to {highest}", line.label),
    }
}
