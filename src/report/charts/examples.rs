//! Charts to test with: usual ones and nasty ones.

use super::{Bar, Chart, CostByClass, Line, MonthlySpend, draw_cost_by_class, draw_monthly_spend};

/// `count` consecutive months.
pub(super) fn months_from(year: u32, month: u32, count: u32) -> Vec<String> {
    let name = |index: u32| {
        let months = year * 12 + month - 1 + index;
        format!("{}-{:02}", months / 12, months % 12 + 1)
    };
    (0..count).map(name).collect()
}

fn line(label: &str, count: u32, usd: impl Fn(f64) -> f64) -> Line {
    let usd = (0..count).map(|month| Some(usd(f64::from(month)))).collect();
    Line { label: label.to_owned(), usd }
}

pub(super) fn usual_spend(count: u32) -> MonthlySpend {
    let mean = |month: f64| 7_800.0 + 160.0 * month + 300.0 * (month * 0.9).sin();
    let values = |factor: f64| (0..count).map(|month| factor * mean(f64::from(month))).collect();
    let mut leaving = line("gemini-2.5-flash-image · vertex:global", count, |month| 6_100.0 + 90.0 * month);
    for usd in leaving.usd.iter_mut().skip(5) {
        *usd = None;
    }
    MonthlySpend {
        title: "Between $7,900 and $11,400 a month on vertex:global".into(),
        subtitle: "Mean and 90 % range of 10,000 simulated months · volume grows 2 % a month".into(),
        months: months_from(2026, 12, count),
        chosen: line("vertex:global", count, mean),
        low: values(0.84),
        high: values(1.21),
        others: vec![
            line("gemini-3.1-flash-image · vertex:global · flex", count, |month| 0.5 * mean(month)),
            leaving,
            line("developer", count, |month| 1.02 * mean(month)),
            line("vertex:eu", count, |month| 1.1 * mean(month)),
        ],
        budget_usd: Some(10_000.0),
    }
}

pub(super) fn crowded_spend() -> MonthlySpend {
    let mut spend = usual_spend(24);
    spend.others = (0..12)
        .map(|index| line(&format!("placement {index}"), 24, |_| 8_000.0 + f64::from(index)))
        .collect();
    spend
}

pub(super) fn flat_spend(count: u32, usd: f64) -> MonthlySpend {
    MonthlySpend {
        title: "The same every month".into(),
        months: months_from(2027, 1, count),
        chosen: line("a", count, |_| usd),
        low: vec![usd; count as usize],
        high: vec![usd; count as usize],
        others: ["b", "c"].map(|label| line(label, count, |_| usd)).into(),
        budget_usd: Some(usd),
        ..MonthlySpend::default()
    }
}

fn nasty_spend() -> MonthlySpend {
    let long = "a very long name ".repeat(20);
    let mut spend = usual_spend(12);
    spend.title = format!("<b>\"{long}\" & {long}</b>");
    spend.subtitle = format!("{long}{long}");
    spend.chosen.label = format!("{long}\n\t\u{0}<&\">");
    spend.chosen.usd[3] = None;
    spend.chosen.usd[5] = None;
    spend.chosen.usd[11] = None;
    spend.low[3] = f64::NAN;
    spend.others[0].usd = vec![None; 12];
    spend.others[2] = line(&"W".repeat(90), 12, |month| 0.02 * 6.0_f64.powf(month));
    spend
}

pub(super) fn usual_cost() -> CostByClass {
    let bar = |label: &str, factor: f64, remark: Option<&str>| Bar {
        label: label.to_owned(),
        values: [39.0, 3.1, 1.4, 0.7, 0.4, 0.15].map(|value| value * factor).into(),
        remark: remark.map(str::to_owned),
    };
    CostByClass {
        title: "Image output is 87 % of the cost on every placement".into(),
        subtitle: "Mean of 1,200 logged requests at list prices of 2026-11-20".into(),
        unit: "USD per 1,000 requests".into(),
        classes: ["image output", "thinking", "text output", "image input", "text input", "cached input"]
            .map(str::to_owned)
            .into(),
        bars: vec![
            bar("vertex:global · batch", 0.5, None),
            bar("gemini-3.1-flash-image · vertex:global · flex", 0.5, Some("may wait up to 15 minutes")),
            bar("gemini-2.5-flash-image · vertex:global", 0.87, Some("gone since 2026-10-29")),
            bar("developer", 1.0, None),
            bar("vertex:global", 1.0, Some("no flex in this region")),
            bar("vertex:eu", 1.1, Some("data stays in the EU")),
        ],
    }
}

fn nasty_cost() -> CostByClass {
    let long = "a very long name ".repeat(20);
    let mut cost = usual_cost();
    cost.title = format!("{long}<&\">{long}");
    cost.unit = long.clone();
    cost.classes = (0..8).map(|index| format!("{index} {long}")).collect();
    cost.bars = (0..30)
        .map(|index| Bar {
            label: format!("{index} {long}"),
            values: vec![if index == 3 { 50e6 } else { 0.02 }; 8],
            remark: Some(long.clone()),
        })
        .collect();
    cost
}

pub(super) fn plain_cost(value: f64) -> CostByClass {
    CostByClass {
        title: "One bar".into(),
        unit: "USD per month".into(),
        classes: vec!["image output".into()],
        bars: vec![Bar { label: "developer".into(), values: vec![value], remark: None }],
        ..CostByClass::default()
    }
}

/// Every input of the layout test, by name.
pub(super) fn examples() -> Vec<(&'static str, Chart)> {
    let spend = |name, spend: MonthlySpend| (name, draw_monthly_spend(&spend).unwrap());
    let cost = |name, cost: CostByClass| (name, draw_cost_by_class(&cost).unwrap());
    let mut without_budget = usual_spend(2);
    without_budget.budget_usd = None;
    without_budget.others.clear();
    vec![
        spend("twelve-months", usual_spend(12)),
        spend("one-month", usual_spend(1)),
        spend("two-months", without_budget),
        spend("sixty-months", usual_spend(60)),
        spend("crowded", crowded_spend()),
        spend("nasty-spend", nasty_spend()),
        spend("all-equal", flat_spend(7, 4_200.0)),
        spend("one-month-equal", flat_spend(1, 4_200.0)),
        spend("no-spend", flat_spend(12, 0.0)),
        spend("cents", flat_spend(12, 0.02)),
        spend("millions", flat_spend(13, 50e6)),
        spend("tiny", flat_spend(12, 1e-9)),
        spend("largest", flat_spend(12, 1e15)),
        cost("six-bars", usual_cost()),
        cost("nasty-cost", nasty_cost()),
        cost("one-bar", plain_cost(41.2)),
        cost("no-cost", plain_cost(0.0)),
        cost("cents-cost", plain_cost(0.02)),
        cost("millions-cost", plain_cost(50e6)),
        cost("tiny-cost", plain_cost(1e-9)),
        cost("largest-cost", plain_cost(1e15)),
    ]
}
