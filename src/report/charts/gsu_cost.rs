//! Monthly cost over the number of GSUs bought: one line for each commitment term.

use std::cmp::Ordering;

use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    Chart, ChartError,
    axes::{draw_number_axis, draw_value_axis, marks_width, steps_in},
    canvas::{self, Area, Bounds, Breadth, FAINT_LABEL, LABEL, Plot},
    check_amount, check_length, check_most,
    curve::{Point, below, thin_out},
    gsu_best::{Best, BreakEven, best_of, break_even, describe},
    scale::{Axis, push_apart, short_number, short_usd},
    side_labels::{self, SideLabel, draw_side_labels},
    spots::count_spots,
};

/// Colours of the terms. Each differs from the ones before it in lightness, so that they can be told apart in
/// grey as far as that goes.
pub(super) const TERM_COLOURS: [RGBColor; 6] =
    [canvas::ORANGE, canvas::GREEN, canvas::BLUE, canvas::INK, canvas::PURPLE, canvas::SKY];
/// Colour of the line without any GSU.
const NONE_COLOUR: RGBColor = canvas::VERMILLION;
/// Most GSU counts in one chart.
const MOST_COUNTS: usize = 100_000;
/// Room above the plot for the names of lines that leave it, in pixels.
const NAME_ROW: f64 = 20.0;
/// Counts at least this many pixels apart get a dot each.
const DOT_PITCH: f64 = 7.0;

/// Monthly cost by the number of GSUs bought, for each commitment term, beside the cost without any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GsuCost {
    /// States the finding. When empty, the chart states it from its numbers.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// GSU counts in rising order, 1 to 100,000 of them. They need not be consecutive.
    pub counts: Vec<u32>,
    /// Commitment terms, usually from the shortest to the longest, 1 to 6 of them.
    pub terms: Vec<TermCost>,
    /// Mean cost in USD per month when no GSU is bought and all is paid as it goes.
    pub pay_as_you_go_usd: f64,
}

/// What each GSU count costs on one commitment term.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TermCost {
    /// Name of the term, e.g. `1 month`.
    pub label: String,
    /// Mean USD per month, GSUs and the pay-as-you-go rest together, one value for each count. `None` where the
    /// term cannot be bought at that count, so that the line stops.
    pub usd: Vec<Option<f64>>,
}

/// Draws monthly cost over GSU count: one line for each term with its best count marked, and a dashed line for
/// buying none.
///
/// The axis of cost is chosen around the cost without GSUs: it ends at one and a half times that, or a little
/// above the best count of the dearest term, and lines are cut there. Counts that are dearer on every term are left out and the
/// subtitle says so. Where several counts fall on one pixel, the cheapest and the dearest of them are drawn.
///
/// # Errors
///
/// When there is no count or term, or more than 100,000 counts or 6 terms, when counts do not rise, when a term
/// has not one value for each count, or when an amount is not a number, negative or above 1e15 USD.
pub fn draw_gsu_cost(cost: &GsuCost) -> Result<Chart, ChartError> {
    check(cost)?;
    let cost = &with_clean_texts(cost);
    canvas::at_both_breadths(|breadth| draw(cost, breadth))
}

fn draw(cost: &GsuCost, breadth: Breadth) -> Result<Chart, ChartError> {
    let view = choose_view(cost);
    let subtitle = canvas::with_note(&cost.subtitle, &view.note, breadth);
    let heading = canvas::lay_out_heading(&cost.title, &subtitle, breadth);
    let (lines, labels) = lay_out_lines(cost, &view);
    let names_row = if lines.iter().any(|line| line.leaves) { NAME_ROW } else { 0.0 };
    let (left, top) = (marks_width(&view.axis.marks()), canvas::heading_bottom(&heading) + 40.0 + names_row);
    let frame = side_labels::frame(breadth, left, top, labels);
    let bounds = frame.bounds;

    let chart =
        canvas::draw_picture(breadth, "gsu-cost", &cost.title, describe(cost), frame.height, |area| {
            canvas::draw_heading(area, &heading)?;
            let inner = canvas::part_of(area, bounds);
            let mut plot = canvas::plot_between(&inner, view.x_top, view.axis.bottom(), view.axis.top())?;
            let unit = (breadth.margin(), top - 22.0 - names_row);
            draw_axes(area, &plot, &view, bounds, unit)?;
            draw_none(&mut plot, cost.pay_as_you_go_usd, view.x_top)?;
            for line in &lines {
                draw_line(&mut plot, line, &view, bounds)?;
            }
            for line in &lines {
                draw_best(&mut plot, line, &view, cost.pay_as_you_go_usd)?;
            }
            draw_names(area, &plot, &lines, view.axis.top(), bounds)?;
            let (bottom, top) = (view.axis.bottom(), view.axis.top());
            let height_of = |usd: f64| canvas::place_of(&plot, 0.0, usd.clamp(bottom, top)).1;
            // Below the names of the lines that leave, where there are any.
            let rows = Bounds { top: bounds.top + 0.7 * names_row, ..bounds };
            match breadth {
                Breadth::Wide => draw_side_labels(area, &frame.labels, rows, height_of),
                Breadth::Narrow => side_labels::draw_key(area, &frame.key, frame.key_top),
            }
        })?;
    Ok(chart.with_spots(&count_spots(cost, view.x_top, bounds)))
}

/// Which part of the numbers is drawn.
struct View {
    axis: Axis,
    /// GSU count at the right border.
    x_top: f64,
    /// Says what is left out; empty when nothing is.
    note: String,
}

/// One term as it is drawn.
struct TermLine<'cost> {
    name: &'cost str,
    colour: RGBColor,
    best: Option<Best>,
    break_even: Option<BreakEven>,
    /// Stretches of counts at which the term can be bought.
    runs: Vec<Vec<Point>>,
    /// Whether the line goes on above the top of the plot.
    leaves: bool,
    /// Whether no other term has a cheaper count.
    cheapest: bool,
}

fn check(cost: &GsuCost) -> Result<(), ChartError> {
    if cost.counts.is_empty() {
        return Err(ChartError::Empty { what: "GSU count" });
    }
    if cost.terms.is_empty() {
        return Err(ChartError::Empty { what: "term" });
    }
    check_most(cost.counts.len(), MOST_COUNTS, "GSU counts")?;
    check_most(cost.terms.len(), TERM_COLOURS.len(), "terms")?;
    if let Some(pair) = cost.counts.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(ChartError::NotRising { found: pair[1], before: pair[0] });
    }
    check_amount(cost.pay_as_you_go_usd, || "the cost without GSUs".into())?;
    for term in &cost.terms {
        check_length(term.usd.len(), cost.counts.len(), || format!("the term `{}`", term.label))?;
        for (usd, count) in term.usd.iter().zip(&cost.counts) {
            let what = || format!("the cost of {count} GSU for `{}`", term.label);
            usd.map_or(Ok(()), |usd| check_amount(usd, what))?;
        }
    }
    Ok(())
}

fn with_clean_texts(cost: &GsuCost) -> GsuCost {
    let mut cost = cost.clone();
    cost.subtitle = canvas::one_line(&cost.subtitle);
    for term in &mut cost.terms {
        term.label = canvas::one_line(&term.label);
    }
    cost.title = match canvas::one_line(&cost.title) {
        title if title.is_empty() => finding(&cost),
        title => title,
    };
    cost
}

/// The finding as a title.
fn finding(cost: &GsuCost) -> String {
    let none = cost.pay_as_you_go_usd;
    let Some((term, best)) = cheapest_purchase(cost) else {
        return format!("0 GSU: no term can be bought, all pay-as-you-go costs {} a month", short_usd(none));
    };
    let purchase = format!("{} GSU for {}", count(best.gsus), term.label);
    let more = short_usd((best.usd - none).abs());
    match best.usd.total_cmp(&none) {
        Ordering::Less => {
            format!("Cheapest: {purchase}, {more} a month less than 0 GSU")
        }
        Ordering::Equal => format!("0 GSU and the best purchase ({purchase}) cost the same"),
        Ordering::Greater => {
            format!("Cheapest: 0 GSU; the best purchase ({purchase}) costs {more} more a month")
        }
    }
}

/// The cheapest count of the cheapest term; the first of equal ones.
fn cheapest_purchase(cost: &GsuCost) -> Option<(&TermCost, Best)> {
    let bests = cost.terms.iter().filter_map(|term| Some((term, best_of(&cost.counts, term)?)));
    bests.min_by(|a, b| a.1.usd.total_cmp(&b.1.usd))
}

/// Chooses the axes so that the cost without GSUs and the best counts can be told apart.
fn choose_view(cost: &GsuCost) -> View {
    /// The axis goes at least to this many times the cost without GSUs.
    const ABOVE_NONE: f64 = 1.5;
    /// It also goes at least to this many times the dearest of the best counts.
    const ABOVE_BEST: f64 = 1.1;
    /// But it ends at this many times the cost without GSUs or of the best purchase, whichever is dearer.
    const MOST_ABOVE: f64 = 3.0;
    let none = cost.pay_as_you_go_usd;
    let amounts = || cost.terms.iter().flat_map(|term| term.usd.iter().copied().flatten()).chain([none]);
    let bests = cost.terms.iter().filter_map(|term| best_of(&cost.counts, term));
    let dearest_best = bests.map(|best| best.usd).fold(0.0, f64::max);
    let anchor = cheapest_purchase(cost).map_or(none, |(_, best)| best.usd.max(none));
    let wished = (ABOVE_NONE * none).max(ABOVE_BEST * dearest_best).min(MOST_ABOVE * anchor);
    let highest = amounts().fold(0.0, f64::max).min(wished);
    let axis = Axis::between(amounts().fold(f64::INFINITY, f64::min), highest, 6);

    let shows =
        |index: &usize| cost.terms.iter().any(|term| term.usd[*index].is_some_and(|usd| usd <= axis.top()));
    let last = cost.counts.len() - 1;
    let last_shown = (0..=last).rev().find(shows).unwrap_or(last);
    // One more, so that the lines are seen to leave.
    let drawn = (last_shown + 1).min(last);
    // A lone count stands in the middle.
    let room = if last == 0 { 2.0 } else { 1.0 };
    let x_top = room * f64::from(cost.counts[drawn].max(1));
    let note = match cost.counts.get(last_shown + 1) {
        Some(next) => {
            format!("not drawn: {} GSU and more, above {} on every term", count(*next), short_usd(axis.top()))
        }
        None => String::new(),
    };
    let crosses = |term: &TermCost| break_even(&cost.counts, term, none).and_then(|pays| pays.crossing);
    let ring = cost.terms.iter().any(|term| crosses(term).is_some()).then(|| "ring: break-even".to_owned());
    let notes: Vec<String> = ring.into_iter().chain([note]).filter(|note| !note.is_empty()).collect();
    View { axis, x_top, note: notes.join(" · ") }
}

/// The lines of all terms in their order, and the labels from the dearest line to the cheapest.
fn lay_out_lines<'cost>(cost: &'cost GsuCost, view: &View) -> (Vec<TermLine<'cost>>, Vec<SideLabel>) {
    let none = cost.pay_as_you_go_usd;
    let cheapest = cheapest_purchase(cost);
    let (mut lines, mut labels) = (Vec::new(), Vec::new());
    for (term, colour) in cost.terms.iter().zip(TERM_COLOURS) {
        let runs = runs(&cost.counts, &term.usd);
        let best = best_of(&cost.counts, term);
        let pays = break_even(&cost.counts, term, none);
        let end = runs.last().and_then(|run| run.iter().take_while(|point| point.0 <= view.x_top).last());
        let end = end.copied().unwrap_or_default();
        let leaves = end.1 > view.axis.top();
        let is_cheapest = cheapest.is_some_and(|(other, _)| std::ptr::eq(other, term));
        labels.push(SideLabel {
            name: term.label.clone(),
            note: best.map_or("not offered".into(), |best| {
                let pays = pays.map_or_else(String::new, |pays| format!("; pays to {}", count(pays.gsus)));
                format!("best: {} GSU, {}{pays}", count(best.gsus), short_usd(best.usd))
            }),
            bold: best.is_some_and(|best| is_cheapest && best.usd < none),
            colour,
            value: end.1,
            leads: best.is_some() && !leaves && end.0 >= view.x_top,
        });
        lines.push(TermLine {
            name: &term.label,
            colour,
            best,
            break_even: pays,
            runs,
            leaves,
            cheapest: is_cheapest,
        });
    }
    labels.push(SideLabel {
        name: "0 GSU".into(),
        note: format!("all pay-as-you-go, {}", short_usd(none)),
        bold: cheapest.is_none_or(|(_, best)| best.usd >= none),
        colour: NONE_COLOUR,
        value: none,
        leads: none <= view.axis.top(),
    });
    labels.sort_by(|a, b| b.value.total_cmp(&a.value));
    (lines, labels)
}

/// The stretches of neighbouring counts with a cost.
fn runs(counts: &[u32], usd: &[Option<f64>]) -> Vec<Vec<Point>> {
    let mut runs: Vec<Vec<Point>> = vec![Vec::new()];
    for (gsus, usd) in counts.iter().zip(usd) {
        match (usd, runs.last_mut()) {
            (Some(usd), Some(run)) => run.push((f64::from(*gsus), *usd)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn draw_axes(
    area: &Area,
    plot: &Plot,
    view: &View,
    bounds: Bounds,
    unit_place: (f64, f64),
) -> Result<(), ChartError> {
    draw_value_axis(area, plot, &view.axis.marks(), bounds)?;
    let unit = match view.axis.bottom() {
        0.0 => "USD per month".to_owned(),
        bottom => format!("USD per month, from {}", short_usd(bottom)),
    };
    canvas::write_text(area, &unit, unit_place, HPos::Left, FAINT_LABEL)?;
    let mut marks = Axis::whole_up_to(view.x_top, steps_in(bounds, 70.0)).plain_marks("");
    marks.retain(|(gsus, _)| *gsus <= view.x_top);
    draw_number_axis(area, plot, &marks, "GSUs bought", bounds)
}

/// The dashed line of buying none, with a dot at zero GSUs.
fn draw_none(plot: &mut Plot, usd: f64, x_top: f64) -> Result<(), ChartError> {
    let (dash, space) = (canvas::fine(7.0), canvas::fine(5.0));
    let ends = [(0.0, usd), (x_top, usd)];
    plot.draw_series(DashedLineSeries::new(ends, dash, space, canvas::stroke(NONE_COLOUR, 1.8)))?;
    plot.draw_series([Circle::new((0.0, usd), canvas::fine(4.0), NONE_COLOUR.filled())])?;
    Ok(())
}

/// A term's line up to the top of the plot. Counts that stand far apart are dots on it; where several share a
/// pixel the stroke is thin, so that its thickness is that of the saw-tooth.
fn draw_line(plot: &mut Plot, line: &TermLine, view: &View, bounds: Bounds) -> Result<(), ChartError> {
    let pixel = view.x_top / (bounds.right - bounds.left);
    for run in &line.runs {
        let shown: Vec<Point> = run.iter().copied().take_while(|point| point.0 <= view.x_top).collect();
        let thinned = thin_out(&shown, pixel);
        let width = match (thinned.len() < shown.len(), line.cheapest) {
            (true, _) => 1.0,
            (false, true) => 2.4,
            (false, false) => 1.6,
        };
        for part in below(&thinned, view.axis.top()) {
            plot.draw_series(LineSeries::new(part, canvas::stroke(line.colour, width)))?;
        }
        let apart =
            shown.len() < 2 || shown.windows(2).all(|pair| pair[1].0 - pair[0].0 >= DOT_PITCH * pixel);
        let dots = shown.iter().filter(|point| apart && point.1 <= view.axis.top());
        let radius = canvas::fine(width + 0.8);
        plot.draw_series(dots.map(|point| Circle::new(*point, radius, line.colour.filled())))?;
    }
    Ok(())
}

/// A large dot at the best count of a term.
fn draw_best(plot: &mut Plot, line: &TermLine, view: &View, none: f64) -> Result<(), ChartError> {
    if let Some(x) = line.break_even.and_then(|pays| pays.crossing).filter(|x| *x <= view.x_top) {
        plot.draw_series([
            Circle::new((x, none), canvas::fine(6.0), line.colour.filled()),
            Circle::new((x, none), canvas::fine(4.0), WHITE.filled()),
        ])?;
    }
    let Some(best) = line.best.filter(|best| best.usd <= view.axis.top()) else {
        return Ok(());
    };
    let place = (f64::from(best.gsus), best.usd);
    plot.draw_series([
        Circle::new(place, canvas::fine(6.2), WHITE.filled()),
        Circle::new(place, canvas::fine(5.0), line.colour.filled()),
    ])?;
    Ok(())
}

/// Names of the lines that leave the plot, above the places where they do.
fn draw_names(
    area: &Area,
    plot: &Plot,
    lines: &[TermLine],
    y_top: f64,
    bounds: Bounds,
) -> Result<(), ChartError> {
    let leaving: Vec<(&TermLine, f64)> = lines
        .iter()
        .filter(|line| line.leaves)
        .filter_map(|line| {
            let part = below(line.runs.last()?, y_top).pop()?;
            let (x, _) = canvas::place_of(plot, part.last()?.0, y_top);
            Some((line, x))
        })
        .collect();
    if leaving.is_empty() {
        return Ok(());
    }
    let (left, right) = (bounds.left, bounds.right);
    let room = (right - left) / leaving.len() as f64 - 12.0;
    let names: Vec<String> =
        leaving.iter().map(|(line, _)| canvas::shorten(line.name, room, LABEL)).collect();
    let widest = names.iter().map(|name| canvas::text_width(name, LABEL)).fold(0.0, f64::max);
    let ends: Vec<f64> = leaving.iter().map(|(_, x)| *x).collect();
    let places = push_apart(&ends, widest + 12.0, left + widest / 2.0, right - widest / 2.0);
    for ((name, end), place) in names.iter().zip(ends).zip(places) {
        let colour = canvas::GREY;
        let tick = vec![canvas::at(end, bounds.top), canvas::at(place, bounds.top - 6.0)];
        area.draw(&PathElement::new(tick, canvas::stroke(colour, 1.0)))?;
        canvas::write_text(area, name, (place, bounds.top - 14.0), HPos::Center, LABEL)?;
    }
    Ok(())
}

/// A count with commas between groups of three digits.
pub(super) fn count(gsus: u32) -> String {
    short_number(f64::from(gsus))
}

#[cfg(test)]
mod tests {
    use super::super::examples::{steep_terms, usual_gsu_cost};
    use super::*;

    #[test]
    fn the_finding_names_the_cheapest_count_and_the_difference() {
        let check = |none: f64, amounts: &[Option<f64>], expected: &str| {
            let cost = GsuCost {
                counts: (1..=amounts.len() as u32).collect(),
                terms: vec![
                    TermCost { label: "1 week".into(), usd: vec![None; amounts.len()] },
                    TermCost { label: "1 year".into(), usd: amounts.into() },
                ],
                pay_as_you_go_usd: none,
                ..GsuCost::default()
            };
            assert_eq!(draw_gsu_cost(&cost).unwrap().title, expected);
        };
        check(
            8_000.0,
            &[Some(8_400.0), Some(8_310.0), Some(8_310.0)],
            "Cheapest: 0 GSU; the best purchase (2 GSU for 1 year) costs $310 more a month",
        );
        check(
            8_000.0,
            &[Some(7_000.0), Some(8_310.0)],
            "Cheapest: 1 GSU for 1 year, $1,000 a month less than 0 GSU",
        );
        check(70.0, &[Some(70.0)], "0 GSU and the best purchase (1 GSU for 1 year) cost the same");
        check(70.0, &[None], "0 GSU: no term can be bought, all pay-as-you-go costs $70.00 a month");
    }

    #[test]
    fn the_axis_shows_the_costs_around_none_and_not_three_times_the_peak() {
        let check = |cost: &GsuCost, bottom, top, x_top, note: &str| {
            let view = choose_view(cost);
            let found = (view.axis.bottom(), view.axis.top(), view.x_top, view.note.as_str());
            assert_eq!(found, (bottom, top, x_top, note));
        };
        let cost = |none, usd: &[f64]| GsuCost {
            counts: (1..=usd.len() as u32).collect(),
            terms: vec![TermCost { label: "a".into(), usd: usd.iter().copied().map(Some).collect() }],
            pay_as_you_go_usd: none,
            ..GsuCost::default()
        };
        let rising: Vec<f64> = (1..=100).map(|gsus| 1_000.0 * f64::from(gsus)).collect();
        check(
            &cost(5_000.0, &rising),
            0.0,
            8_000.0,
            9.0,
            "ring: break-even · not drawn: 9 GSU and more, above $8,000 on every term",
        );
        // A purchase far above the cost without any is still in the picture.
        check(
            &cost(5.0, &rising),
            0.0,
            1_200.0,
            2.0,
            "not drawn: 2 GSU and more, above $1,200 on every term",
        );
        check(&cost(5_000.0, &[5_200.0, 4_900.0]), 4_900.0, 5_200.0, 2.0, "");
        check(&cost(0.0, &[0.0]), 0.0, 1.0, 2.0, "");
    }

    #[test]
    fn twenty_thousand_counts_make_a_small_picture_that_still_shows_the_best() {
        let cost = steep_terms(20_000);
        let chart = draw_gsu_cost(&cost).unwrap();
        assert!(chart.svg.len() < 120_000, "{} bytes", chart.svg.len());
        let points = chart.svg.matches("<polyline").count();
        assert!(points >= 4, "{points} lines");
        let best = best_of(&cost.counts, &cost.terms[3]).unwrap();
        let saw_tooth: Vec<Point> = runs(&cost.counts, &cost.terms[3].usd).concat();
        assert!(thin_out(&saw_tooth, 30.0).contains(&(f64::from(best.gsus), best.usd)));
    }

    #[test]
    fn terms_can_be_told_apart_in_grey() {
        let used = &TERM_COLOURS[..usual_gsu_cost().terms.len()];
        for (index, first) in used.iter().enumerate() {
            for second in &used[index + 1..] {
                let contrast = canvas::contrast(*first, *second);
                assert!(contrast > 1.4, "{first:?} and {second:?}: {contrast}");
            }
        }
    }
}
