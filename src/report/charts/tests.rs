//! Charts as a whole: where text lies, which bytes come out, what is refused.

mod refused;

use std::collections::HashSet;

use resvg::{
    tiny_skia::Pixmap,
    usvg::{Group, Node, Rect},
};

use super::{
    Chart, ChartError, CostByClass, Drivers, GsuCost, LoadDuration, MonthlySpend, NamedCount,
    PrecisionCourse, RatioForest, TermCost, TokenSpread, WeekHeatMap, WeekQuantity, WindowLoad,
    draw_cost_by_class, draw_drivers, draw_gsu_cost, draw_load_duration, draw_monthly_spend,
    draw_precision_course, draw_ratio_forest, draw_token_spread, draw_week_heat_map,
    examples::{
        crowded_spend, driver, examples, flat_spend, months_from, plain_cost, usual_cost, usual_drivers,
        usual_gsu_cost, usual_load, usual_spend, usual_spill, week_of,
    },
    png::read_svg,
    request_examples::{rehearsed_course, usual_course, usual_ratios, usual_spreads},
    to_png,
};

/// Bounding boxes of all text as the renderer lays it out, in nominal pixels.
fn text_boxes(group: &Group, found: &mut Vec<(String, Rect)>) {
    for node in group.children() {
        match node {
            Node::Group(group) => text_boxes(group, found),
            Node::Text(text) => {
                let content = text.chunks().iter().map(|chunk| chunk.text()).collect();
                found.push((content, text.abs_bounding_box()));
            }
            _ => {}
        }
    }
}

#[test]
fn no_text_leaves_the_picture_or_overlaps_another() {
    let both = |(name, chart): (&'static str, Chart)| {
        [(name.to_string(), chart.svg), (format!("{name}, narrow"), chart.narrow)]
    };
    for (name, svg) in examples().into_iter().flat_map(both) {
        let tree = read_svg(&svg).unwrap();
        let (width, height) = (tree.size().width(), tree.size().height());
        let mut boxes = Vec::new();
        text_boxes(tree.root(), &mut boxes);
        assert!(boxes.len() >= 5, "{name}: an example draws five texts or more, this one {boxes:?}");
        for (index, (text, a)) in boxes.iter().enumerate() {
            let inside = a.left() >= 0.0 && a.top() >= 0.0 && a.right() <= width && a.bottom() <= height;
            assert!(inside, "{name}: `{text}` leaves the picture: {a:?}");
            for (other, b) in &boxes[index + 1..] {
                let apart = a.right() <= b.left()
                    || b.right() <= a.left()
                    || a.bottom() <= b.top()
                    || b.bottom() <= a.top();
                assert!(apart, "{name}: `{text}` {a:?} overlaps `{other}` {b:?}");
            }
        }
    }
}

#[test]
fn a_narrow_picture_fits_a_telephone_with_letters_that_can_be_read() {
    /// What a screen of 390 CSS pixels leaves a chart, over the picture's own width.
    const SHRINKS: f64 = 357.0 / 360.0;
    for (name, chart) in examples() {
        assert!(chart.narrow.starts_with("<svg width=\"360\""), "{name}");
        let sizes = chart.narrow.split("font-size=\"").skip(1);
        let sizes: Vec<f64> =
            sizes.map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap() / 10.0).collect();
        let least = sizes.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(least * SHRINKS >= 10.0, "{name}: {least}");
    }
}

#[test]
fn a_narrow_picture_tells_what_the_wide_one_tells() {
    let texts = |svg: &str| {
        let mut boxes = Vec::new();
        text_boxes(read_svg(svg).unwrap().root(), &mut boxes);
        boxes.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(" ")
    };
    let charts = [
        draw_monthly_spend(&usual_spend(12)),
        draw_cost_by_class(&usual_cost()),
        draw_gsu_cost(&usual_gsu_cost()),
        draw_load_duration(&usual_load()),
        draw_ratio_forest(&usual_ratios()),
        draw_token_spread(&usual_spreads()),
        draw_precision_course(&rehearsed_course()),
        draw_drivers(&usual_drivers()),
    ];
    for chart in charts.map(Result::unwrap) {
        let (wide, narrow) = (texts(&chart.svg), texts(&chart.narrow));
        // Every number beside a wide plot stands somewhere in the narrow one; marks on axes may be fewer.
        let numbers = wide.split(' ').filter(|word| {
            let value = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            word.starts_with(['$', '±', '+', '−']) && value.len() > 3
        });
        let missing: Vec<&str> = numbers.filter(|word| !narrow.contains(*word)).collect();
        let on_axis = |word: &&&str| wide.matches(*word).count() == 1 && word.contains('$');
        let lost = missing.iter().filter(|word| !on_axis(word)).count();
        assert_eq!(lost, 0, "{}: {missing:?} in {narrow}", chart.name);
    }
}

#[test]
fn lines_of_cost_end_at_the_top_and_do_not_run_along_it() {
    // The drawing library would press what lies above the plot flat against its border.
    let chart = draw_gsu_cost(&usual_gsu_cost()).unwrap();
    let lines = chart.svg.split("<polyline").skip(1).filter_map(|line| line.split(" points=\"").nth(1));
    let heights = lines.map(|line| -> Vec<&str> {
        let points = line.split('"').next().unwrap().split_whitespace();
        points.map(|point| point.split_once(',').unwrap().1).collect()
    });
    let curves: Vec<Vec<&str>> = heights.filter(|heights| heights.len() > 2).collect();
    let top = curves[0].last().unwrap();
    let ends = curves.iter().filter(|heights| heights.last() == Some(top)).collect::<Vec<_>>();
    assert_eq!(ends.len(), 4, "one for each term");
    for heights in ends {
        assert_eq!(heights.iter().filter(|height| *height == top).count(), 1, "{heights:?}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for ((name, first), (_, second)) in examples().into_iter().zip(examples()) {
        assert_eq!(first, second, "{name}");
    }
    let chart = draw_monthly_spend(&usual_spend(12)).unwrap();
    assert_eq!(to_png(&chart.svg, 1.0), to_png(&chart.svg, 1.0));
}

#[test]
fn a_png_has_the_scaled_size_and_the_colours_of_the_chart() {
    for chart in [draw_monthly_spend(&usual_spend(12)), draw_cost_by_class(&usual_cost())] {
        let png = to_png(&chart.unwrap().svg, 1.5).unwrap();
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (1500, 840));
        let colours: HashSet<_> = pixels.pixels().iter().map(|p| (p.red(), p.green(), p.blue())).collect();
        assert!(colours.len() > 100, "{} colours", colours.len());
        assert!(colours.contains(&(255, 255, 255)) && colours.contains(&(0x00, 0x72, 0xB2)));
        let opaque = pixels.pixels().iter().all(|pixel| pixel.alpha() == 255);
        assert!(opaque, "the background must be legible on a dark page");
    }
}

#[test]
fn labels_are_escaped() {
    let mut spend = usual_spend(12);
    spend.title = "<&\"> spend".into();
    spend.others[0].label = "<script>&\"".into();
    let chart = draw_monthly_spend(&spend).unwrap();
    assert_eq!(chart.title, "<&\"> spend");
    assert!(chart.svg.contains("<title>&lt;&amp;&quot;&gt; spend</title>"));
    assert!(!chart.svg.contains("<script") && chart.svg.contains("&lt;script&gt;&amp;&quot;"));

    let mut cost = usual_cost();
    cost.bars[0].label = "<&\">".into();
    cost.bars[0].remark = Some("<&\">".into());
    cost.classes[0] = "<&\">".into();
    let chart = draw_cost_by_class(&cost).unwrap();
    assert!(!chart.svg.contains("<&"));
    let mut boxes = Vec::new();
    text_boxes(read_svg(&chart.svg).unwrap().root(), &mut boxes);
    assert_eq!(boxes.iter().filter(|(text, _)| text == "<&\">").count(), 3);

    let (mut cost, mut load, mut spill) = (usual_gsu_cost(), usual_load(), usual_spill());
    cost.terms[0].label = "<&\">".into();
    load.counts[0].label = "<&\">".into();
    spill.zone = "<&\">".into();
    for chart in [draw_gsu_cost(&cost), draw_load_duration(&load), draw_week_heat_map(&spill)] {
        let chart = chart.unwrap();
        assert!(!chart.svg.contains("<&") && chart.svg.contains("&lt;&amp;&quot;&gt;"), "{}", chart.name);
    }
}

#[test]
fn a_chart_describes_itself_to_those_who_cannot_see_it() {
    let chart = draw_monthly_spend(&flat_spend(2, 4_200.0)).unwrap();
    let alt = "The same every month. Line chart of USD per month, 2027-01 to 2027-02. Chosen, a: $4,200, \
               90 % range in 2027-02 $4,200 to $4,200. Budget $4,200. Others: b: $4,200; c: $4,200.";
    assert_eq!(chart.alt, alt);
    for part in ["role=\"img\"".to_owned(), format!("aria-label=\"{alt}\""), format!("<desc>{alt}</desc>")] {
        assert!(chart.svg.contains(&part), "{part}");
    }
    let chart = draw_cost_by_class(&plain_cost(41.2)).unwrap();
    let alt = "One bar. Stacked bar chart, USD per month. developer: $41.20, of it image output $41.20.";
    assert_eq!(chart.alt, alt);
}

#[test]
fn charts_of_capacity_describe_themselves_too() {
    let cost = GsuCost {
        counts: vec![1, 2],
        terms: vec![
            TermCost { label: "1 week".into(), usd: vec![None, None] },
            TermCost { label: "1 year".into(), usd: vec![Some(8_310.0), Some(9_000.0)] },
        ],
        pay_as_you_go_usd: 8_000.0,
        ..GsuCost::default()
    };
    let alt = "Cheapest: 0 GSU; the best purchase (1 GSU for 1 year) costs $310 more a month. Line chart of USD \
               per month over GSUs bought, 1 to 2 GSU. 0 GSU, all pay-as-you-go: $8,000. 1 week: not offered. \
               1 year: $8,310 at best, with 1 GSU.";
    assert_eq!(draw_gsu_cost(&cost).unwrap().alt, alt);

    let load = LoadDuration {
        title: "Two hours.".into(),
        load_gsus: vec![4.0, 17.0],
        windows: Some(WindowLoad { low_gsus: vec![3.0, 14.0], high_gsus: vec![6.0, 21.5] }),
        counts: vec![NamedCount { label: "cheapest".into(), gsus: 5 }],
        ..LoadDuration::default()
    };
    let alt = "Two hours. Load-duration curve: mean load of 2 hours in GSUs, from the busiest to the quietest. \
               Busiest 17, median 4, quietest 4. Windows reach 21.5 at their 95th percentile. cheapest: 5 GSU, \
               50 % of hours above.";
    assert_eq!(draw_load_duration(&load).unwrap().alt, alt);

    let share = |day, hour| (day > 0).then_some(if (day, hour) == (2, 15) { 0.31 } else { 0.0 });
    let map = week_of(WeekQuantity::Spill { gsus: 12 }, share);
    let alt = "With 12 GSU, 31 % is left to pay-as-you-go on Wednesdays at 15:00 and nothing at night. Heat map \
               of 7 days by 24 hours, share of the tokens left to pay-as-you-go. Monday: no value. Tuesday: 0 %. \
               Wednesday: 0 % to 31 %, most at 15:00. Thursday: 0 %. Friday: 0 %. Saturday: 0 %. Sunday: 0 %.";
    assert_eq!(draw_week_heat_map(&map).unwrap().alt, alt);
}

#[test]
fn a_tornado_names_its_widest_bar_and_says_what_is_open() {
    let drivers = Drivers {
        bars: vec![driver("volume", -990.0, 960.0, Some(0.74)), driver("drafts?", 0.0, 459.0, None)],
        ..Drivers::default()
    };
    let alt = "`volume` moves the month most: −$990 to +$960. Tornado chart, change of the mean month in USD at \
               each input's ends. volume: −$990 to +$960, 74 % of the variance. drafts?: $0 to +$459, an open \
               question.";
    assert_eq!(draw_drivers(&drivers).unwrap().alt, alt);
}

#[test]
fn an_index_that_cannot_be_told_is_drawn_as_a_bound() {
    let mut drivers = usual_drivers();
    drivers.bars[1].below = Some(0.014);
    let chart = draw_drivers(&drivers).unwrap();
    assert!(chart.svg.contains(">below 1.4 %</text>"), "{}", chart.svg);
    assert!(chart.alt.contains("below 1.4 % of the variance"), "{}", chart.alt);
}

#[test]
fn drivers_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let check = |spoil: fn(&mut Drivers), expected: &str| {
        let mut drivers = usual_drivers();
        spoil(&mut drivers);
        assert_eq!(draw_drivers(&drivers).unwrap_err().to_string(), expected);
    };
    check(|drivers| drivers.bars.clear(), "a chart needs at least one bar, found none");
    check(
        |drivers| drivers.bars[1].low_usd = f64::NAN,
        "the low end of `volume of requests` must be a number from 0 to 1e15, found NaN",
    );
    check(
        |drivers| drivers.bars[1].variance_share = Some(f64::INFINITY),
        "the share on `volume of requests` must be a number from 0 to 1, found inf",
    );
    check(|drivers| drivers.bars = vec![Default::default(); 41], "a chart takes at most 40 bars, found 41");
}

#[test]
fn only_the_six_cheapest_others_are_named() {
    let chart = draw_monthly_spend(&crowded_spend()).unwrap();
    assert!(chart.svg.contains("+6 more in light grey</text>"));
    assert!(chart.svg.contains(">placement 5</text>") && !chart.svg.contains(">placement 6</text>"));
}

#[test]
fn a_long_subtitle_does_not_cut_off_how_many_are_not_named() {
    for subtitle in ["many words ".repeat(50), "W".repeat(500), String::new()] {
        let mut spend = crowded_spend();
        spend.subtitle = subtitle;
        let chart = draw_monthly_spend(&spend).unwrap();
        assert!(chart.svg.contains("+6 more in light grey</text>"));
    }
}

#[test]
fn a_png_of_no_size_or_of_no_svg_is_refused() {
    let chart = draw_cost_by_class(&plain_cost(1.0)).unwrap();
    for scale in [0.0, -1.0, 100.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(to_png(&chart.svg, scale), Err(ChartError::Png(_))), "{scale}");
    }
    assert!(matches!(to_png("<p>", 1.0), Err(ChartError::Png(_))));
}

#[test]
fn charts_of_requests_describe_themselves_too() {
    let alt = draw_ratio_forest(&usual_ratios()).unwrap().alt;
    let expected = "3-pro-image on developer costs 6.1 % less than on vertex:global. Forest plot: ratios to the \
                    placement in the bill, with 90 % ranges. product-photos: compared with 3-pro-image \
                    vertex:global: 3-pro-image developer · dollars 0.94 (0.91 to 0.97), measured, n = 31; image \
                    input tokens 0.46, measured, n = 31; thinking tokens 1.00 (0.37 to 2.05), measured, n = 31; \
                    text output tokens no ratio, only here;";
    assert!(alt.starts_with(expected), "{alt}");

    let alt = draw_token_spread(&usual_spreads()).unwrap().alt;
    let expected =
        "thinking, tokens of a request: 3-pro-image vertex: P50 208 · P95 1,046, measured, n = 12;";
    assert!(alt.contains(expected), "{alt}");
    assert!(alt.contains("Not drawn: image input: 560 (documented)"), "{alt}");

    let alt = draw_precision_course(&rehearsed_course()).unwrap().alt;
    let expected = "REHEARSED: play money and simulated answers; nothing is learned of real backends. 2 of 4 \
                    totals are known to ±5.0 % after $41.20. Line chart of the half width of each total's \
                    interval over US dollars spent. Asked for: ±5.0 %, budget $50.00. 3-pro-image vertex:global: \
                    ±4.6 % after $40.00, 80 answers.";
    assert!(alt.starts_with(expected), "{alt}");
    assert!(alt.ends_with("2.5-flash-image vertex:global: exact after $4.00, 4 answers."), "{alt}");
}

#[test]
fn a_ratio_is_hollow_where_its_range_contains_one() {
    let hollow = |ratio| {
        let mut forest = usual_ratios();
        forest.groups.truncate(1);
        forest.groups[0].rows.truncate(1);
        forest.groups[0].rows[0].ratio = Some(ratio);
        let svg = draw_ratio_forest(&forest).unwrap().svg;
        // The square of money and what is inside it; the heading hides the grid with one more white patch.
        svg.matches("fill=\"#FFFFFF\"").count()
    };
    assert_eq!(hollow([0.99, 0.9, 1.1]), hollow([0.95, 0.9, 0.99]) + 1);
    assert_eq!(hollow([1.0, 1.0, 1.0]), hollow([0.95, 0.9, 0.99]));
}

#[test]
fn only_a_rehearsal_carries_a_banner() {
    let banner = "REHEARSED";
    assert!(draw_precision_course(&rehearsed_course()).unwrap().svg.matches(banner).count() >= 3);
    assert!(!draw_precision_course(&usual_course()).unwrap().svg.contains(banner));
}

#[test]
fn what_was_measured_wrongly_is_refused_in_a_sentence() {
    let ratios = |spoil: fn(&mut RatioForest), expected: &str| {
        let mut forest = usual_ratios();
        spoil(&mut forest);
        assert_eq!(draw_ratio_forest(&forest).unwrap_err().to_string(), expected);
    };
    ratios(
        |forest| forest.groups[0].rows[1].ratio = Some([2.0, 0.5, 1.0]),
        "the ratio of `image input tokens` must be a positive number inside its range, found 2 in 0.5 to 1",
    );
    ratios(
        |forest| forest.groups[0].rows[1].ratio = Some([0.0, 0.0, 1.0]),
        "the ratio of `image input tokens` must be a positive number inside its range, found 0 in 0 to 1",
    );
    ratios(|forest| forest.groups.clear(), "a chart needs at least one row, found none");
    let spreads = |spoil: fn(&mut TokenSpread), expected: &str| {
        let mut spread = usual_spreads();
        spoil(&mut spread);
        assert_eq!(draw_token_spread(&spread).unwrap_err().to_string(), expected);
    };
    spreads(
        |spread| spread.panels[0].rows[0].p95 = f64::NAN,
        "the tokens of `3-pro-image vertex` must be a number from 0 to 1e15, found NaN",
    );
    spreads(|spread| spread.panels[0].rows[0].p50 = 5e3, "the tokens of `3-pro-image vertex` must ascend");
    spreads(|spread| spread.panels.clear(), "a chart needs at least one row, found none");
    let courses = |spoil: fn(&mut PrecisionCourse), expected: &str| {
        let mut course = usual_course();
        spoil(&mut course);
        assert_eq!(draw_precision_course(&course).unwrap_err().to_string(), expected);
    };
    courses(
        |course| course.lines[3].points[1].0 = 1.0,
        "the money spent on `2.5-flash-image vertex:global` must ascend",
    );
    courses(
        |course| course.lines[3].points[1].1 = f64::INFINITY,
        "the half width of `2.5-flash-image vertex:global` must be a number from 0 to 1e15, found inf",
    );
    courses(|course| course.lines.clear(), "a chart needs at least one line, found none");
}
