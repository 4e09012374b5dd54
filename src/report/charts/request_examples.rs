//! Charts of requests and of calibrations to test with: usual ones and nasty ones.

use super::{
    Chart, PrecisionCourse, PrecisionLine, RatioForest, RatioGroup, RatioRow, SpreadBin, SpreadPanel,
    SpreadRow, TokenSpread, draw_precision_course, draw_ratio_forest, draw_token_spread,
};

fn ratio(label: &str, money: bool, ratio: Option<[f64; 3]>) -> RatioRow {
    let note = if ratio.is_some() { "measured, n = 31" } else { "only here" };
    RatioRow { label: label.into(), total: money, money, ratio, note: note.into() }
}

pub(super) fn usual_ratios() -> RatioForest {
    RatioForest {
        title: "3-pro-image on developer costs 6.1 % less than on vertex:global".into(),
        subtitle: "Mean and 90 % range of 2,000 draws · hollow: the range contains 1".into(),
        one: "the placement in the bill".into(),
        groups: vec![
            RatioGroup {
                heading: "product-photos: compared with 3-pro-image vertex:global".into(),
                rows: vec![
                    ratio("3-pro-image developer · dollars", true, Some([0.939, 0.91, 0.968])),
                    ratio("image input tokens", false, Some([0.461, 0.461, 0.461])),
                    ratio("thinking tokens", false, Some([1.0, 0.37, 2.05])),
                    ratio("text output tokens", false, None),
                    ratio("3.1-flash-image vertex:global · dollars", true, Some([0.5, 0.48, 0.52])),
                ],
            },
            RatioGroup {
                heading: "shop-assistant: compared with 3.8-flash developer".into(),
                rows: vec![ratio("3.5-flash-lite developer · dollars", true, Some([0.157, 0.14, 0.24]))],
            },
        ],
    }
}

fn one_ratio(values: Option<[f64; 3]>) -> RatioForest {
    let rows = vec![ratio("developer", true, values)];
    RatioForest {
        title: "One".into(),
        one: "vertex".into(),
        groups: vec![RatioGroup { heading: String::new(), rows }],
        ..RatioForest::default()
    }
}

/// A name that reads from right to left, one in Chinese, one of pictures.
pub(super) const FOREIGN: &str = "صور المنتجات 商品写真 🍌🛒 produits d’été";

fn nasty_ratios() -> RatioForest {
    let long = "a very long name ".repeat(20);
    let mut forest = usual_ratios();
    forest.title = format!("{long}<&\">{long}");
    forest.subtitle = format!("{long}{long}");
    forest.one = format!("{long}\n<&\">");
    for group in &mut forest.groups {
        group.heading = format!("{FOREIGN} {long}");
        for row in &mut group.rows {
            row.label = format!("{FOREIGN} {long}");
            row.note = long.clone();
        }
    }
    forest.groups[0].rows[0].ratio = Some([1e-9, 1e-12, 1e12]);
    forest
}

fn many_ratios() -> RatioForest {
    let rows = |group: usize| {
        let row = |at: usize| {
            let point = 1.5_f64.powi(at as i32 - 5) * (group as f64 + 1.0);
            ratio(&format!("row {at}"), at.is_multiple_of(2), Some([point, 0.8 * point, 1.3 * point]))
        };
        (0..10).map(row).collect()
    };
    let groups = (0..10).map(|group| RatioGroup { heading: format!("route {group}"), rows: rows(group) });
    RatioForest { groups: groups.collect(), ..usual_ratios() }
}

fn atoms(values: &[(f64, u64)]) -> Vec<SpreadBin> {
    values.iter().map(|(at, answers)| SpreadBin { from: *at, to: *at, answers: *answers }).collect()
}

fn spread(label: &str, [p05, p50, p95]: [f64; 3], bins: Vec<SpreadBin>) -> SpreadRow {
    SpreadRow { label: label.into(), bins, p05, p50, p95, note: "measured, n = 12".into() }
}

pub(super) fn usual_spreads() -> TokenSpread {
    let dots = atoms(&[(137.0, 1), (155.0, 2), (208.0, 5), (337.0, 2), (748.0, 1), (1_410.0, 1)]);
    let counts = atoms(&[(1_120.0, 81), (2_240.0, 17), (3_360.0, 2)]);
    let histogram = (0..40).map(|at: u64| SpreadBin {
        from: 30.0 * at as f64,
        to: 30.0 * (at + 1) as f64,
        answers: (400.0 * (-((at as f64 - 9.0) / 6.0).powi(2)).exp()) as u64,
    });
    TokenSpread {
        title: "Thinking varies most in dollars: half of the requests take over 208 tokens, 5 % over 1,046"
            .into(),
        subtitle: "product-photos: how the tokens of single requests spread".into(),
        panels: vec![
            SpreadPanel {
                heading: "image output, tokens of a request".into(),
                rows: vec![spread("3-pro-image vertex", [1_120.0, 1_120.0, 2_240.0], counts)],
            },
            SpreadPanel {
                heading: "thinking, tokens of a request".into(),
                rows: vec![
                    spread("3-pro-image vertex", [145.0, 208.0, 1_046.0], dots),
                    spread("3-pro-image developer", [60.0, 290.0, 610.0], histogram.collect()),
                    spread("nano-banana-2.1 developer", [150.0, 483.0, 792.0], Vec::new()),
                ],
            },
        ],
        constants: vec![
            "image input: 560 (documented) on 3-pro-image vertex".into(),
            "text input: 15, as the workload states".into(),
        ],
    }
}

fn nasty_spreads() -> TokenSpread {
    let long = "a very long name ".repeat(20);
    let mut spreads = usual_spreads();
    spreads.title = format!("{long}<&\">{long}");
    spreads.subtitle = format!("{long}{long}");
    spreads.constants = vec![format!("{FOREIGN} {long}"); 30];
    for panel in &mut spreads.panels {
        panel.heading = format!("{FOREIGN} {long}");
        for row in &mut panel.rows {
            row.label = format!("{FOREIGN} {long}");
            row.note = long.clone();
        }
    }
    spreads.panels[0].rows[0].p95 = 1e15;
    spreads
}

fn one_spread(values: [f64; 3], bins: Vec<SpreadBin>) -> TokenSpread {
    let rows = vec![spread("a", values, bins)];
    TokenSpread { panels: vec![SpreadPanel { heading: "b".into(), rows }], ..usual_spreads() }
}

/// A half width that falls as that of a mean does.
fn course(label: &str, start: f64, usd: f64, answers: u32) -> PrecisionLine {
    let point = |at: u32| (usd * f64::from(at), start / f64::from(at).sqrt());
    PrecisionLine {
        label: label.into(),
        points: (2..=answers).map(point).collect(),
        note: format!("{answers} answers"),
    }
}

pub(super) fn usual_course() -> PrecisionCourse {
    PrecisionCourse {
        title: "2 of 4 totals are known to ±5.0 % after $41.20".into(),
        subtitle: "product-photos: 95 % interval of each placement's monthly total · $41.20 of $50 spent"
            .into(),
        banner: None,
        target: 0.05,
        budget_usd: 50.0,
        lines: vec![
            course("3-pro-image vertex:global", 0.41, 0.5, 80),
            course("3-pro-image developer", 0.33, 0.55, 75),
            course("3.1-flash-image vertex:global", 0.2, 0.5, 40),
            PrecisionLine {
                label: "2.5-flash-image vertex:global".into(),
                points: vec![(2.0, 0.0), (4.0, 0.0)],
                note: "4 answers".into(),
            },
        ],
    }
}

pub(super) fn rehearsed_course() -> PrecisionCourse {
    let banner = "REHEARSED: play money and simulated answers; nothing is learned of real backends";
    PrecisionCourse { banner: Some(banner.into()), ..usual_course() }
}

fn nasty_course() -> PrecisionCourse {
    let long = "a very long name ".repeat(20);
    let line = |at: usize| PrecisionLine {
        label: format!("{at} {FOREIGN} {long}"),
        points: if at == 3 { Vec::new() } else { vec![(at as f64, 1e9), (at as f64 + 1.0, 1e-9)] },
        note: long.clone(),
    };
    PrecisionCourse {
        title: format!("{long}<&\">{long}"),
        subtitle: format!("{long}{long}"),
        banner: Some(format!("{long}{long}")),
        target: 1e-4,
        budget_usd: 1e9,
        lines: (0..24).map(line).collect(),
    }
}

fn short_course(target: f64, budget_usd: f64, points: Vec<(f64, f64)>) -> PrecisionCourse {
    let lines = vec![PrecisionLine { label: "a".into(), points, note: String::new() }];
    PrecisionCourse { target, budget_usd, lines, ..usual_course() }
}

/// Every input of the layout test that is about requests and calibrations, by name.
pub(super) fn request_examples() -> Vec<(&'static str, Chart)> {
    let ratios = |name, forest: RatioForest| (name, draw_ratio_forest(&forest).unwrap());
    let spreads = |name, spread: TokenSpread| (name, draw_token_spread(&spread).unwrap());
    let course = |name, course: PrecisionCourse| (name, draw_precision_course(&course).unwrap());
    let crowd = |count: u32| (0..count).map(|at| (f64::from(at), 7 + u64::from(at % 5))).collect::<Vec<_>>();
    vec![
        ratios("ratios-usual", usual_ratios()),
        ratios("ratios-nasty", nasty_ratios()),
        ratios("ratios-hundred", many_ratios()),
        ratios("ratios-one", one_ratio(Some([1.0, 1.0, 1.0]))),
        ratios("ratios-none", one_ratio(None)),
        ratios("ratios-close", one_ratio(Some([1.001, 0.999, 1.003]))),
        ratios("ratios-far", one_ratio(Some([1e-7, 1e-8, 1e-6]))),
        spreads("spreads-usual", usual_spreads()),
        spreads("spreads-nasty", nasty_spreads()),
        spreads("spreads-one", one_spread([0.0, 0.0, 1.0], atoms(&[(0.0, 9), (1.0, 1)]))),
        spreads("spreads-zero", one_spread([0.0; 3], Vec::new())),
        spreads("spreads-large", one_spread([1e14, 5e14, 1e15], Vec::new())),
        spreads("spreads-crowd", one_spread([1.0, 20.0, 39.0], atoms(&crowd(40)))),
        course("course-usual", usual_course()),
        course("course-rehearsed", rehearsed_course()),
        course("course-nasty", nasty_course()),
        course("course-no-interval", short_course(0.05, 10.0, Vec::new())),
        course("course-one-point", short_course(0.05, 10.0, vec![(0.5, 0.2)])),
        course("course-exact", short_course(0.0, 0.0, vec![(0.0, 0.0), (0.0, 0.0)])),
        course("course-budget-near-start", short_course(0.05, 0.1, vec![(0.05, 0.2), (4.0, 0.1)])),
        course("course-target-on-top", short_course(0.9, 5.0, vec![(0.5, 0.3), (4.0, 0.1)])),
    ]
}
