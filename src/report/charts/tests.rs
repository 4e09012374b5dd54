//! Charts as a whole: where text lies, which bytes come out, what is refused.

use std::collections::HashSet;

use resvg::{
    tiny_skia::Pixmap,
    usvg::{Group, Node, Rect},
};

use super::{
    ChartError, CostByClass, MonthlySpend, draw_cost_by_class, draw_monthly_spend,
    examples::{crowded_spend, examples, flat_spend, months_from, plain_cost, usual_cost, usual_spend},
    png::read_svg,
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
    for (name, chart) in examples() {
        let tree = read_svg(&chart.svg).unwrap();
        let (width, height) = (tree.size().width(), tree.size().height());
        let mut boxes = Vec::new();
        text_boxes(tree.root(), &mut boxes);
        assert!(boxes.len() >= 5, "{name}: {boxes:?}");
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
fn spend_that_cannot_be_drawn_is_refused_in_a_sentence() {
    let check = |spoil: fn(&mut MonthlySpend), expected: &str| {
        let mut spend = usual_spend(3);
        spoil(&mut spend);
        assert_eq!(draw_monthly_spend(&spend).unwrap_err().to_string(), expected);
    };
    check(
        |spend| spend.chosen.usd[1] = Some(f64::NAN),
        "the spend of `vertex:global` in `2027-01` must be a number from 0 to 1e15, found NaN",
    );
    check(
        |spend| spend.others[2].usd[0] = Some(-1.0),
        "the spend of `developer` in `2026-12` must be a number from 0 to 1e15, found -1",
    );
    check(
        |spend| spend.high[2] = f64::INFINITY,
        "the high end of the range in `2027-02` must be a number from 0 to 1e15, found inf",
    );
    check(|spend| spend.budget_usd = Some(-5.0), "the budget must be a number from 0 to 1e15, found -5");
    check(
        |spend| (spend.low[0], spend.high[0]) = (2.0, 1.0),
        "the range in `2026-12` must not end below its start, found 2 to 1 USD",
    );
    check(|spend| spend.low.push(1.0), "the low end of the range must have 3 values, found 4");
    check(
        |spend| spend.chosen.usd = vec![None; 3],
        "the chosen placement `vertex:global` is not available in any month",
    );
    check(|spend| spend.months.clear(), "a chart needs at least one month, found none");
    check(|spend| spend.months = months_from(2026, 12, 61), "a chart takes at most 60 months, found 61");
}

#[test]
fn costs_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let check = |spoil: fn(&mut CostByClass), expected: &str| {
        let mut cost = usual_cost();
        spoil(&mut cost);
        assert_eq!(draw_cost_by_class(&cost).unwrap_err().to_string(), expected);
    };
    check(
        |cost| cost.bars[3].values[1] = f64::NAN,
        "`thinking` of `developer` must be a number from 0 to 1e15, found NaN",
    );
    check(
        |cost| cost.bars[3].values = vec![6e14; 6],
        "the total of `developer` must be a number from 0 to 1e15, found 3600000000000000",
    );
    check(|cost| cost.bars[3].values.truncate(2), "the bar `developer` must have 6 values, found 2");
    check(|cost| cost.bars.clear(), "a chart needs at least one bar, found none");
    check(|cost| cost.classes.clear(), "a chart needs at least one class, found none");
    check(|cost| cost.classes = vec!["class".into(); 9], "a chart takes at most 8 classes, found 9");
}

#[test]
fn a_png_of_no_size_or_of_no_svg_is_refused() {
    let chart = draw_cost_by_class(&plain_cost(1.0)).unwrap();
    for scale in [0.0, -1.0, 100.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(to_png(&chart.svg, scale), Err(ChartError::Png(_))), "{scale}");
    }
    assert!(matches!(to_png("<p>", 1.0), Err(ChartError::Png(_))));
}
