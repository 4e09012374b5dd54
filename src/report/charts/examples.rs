//! Charts to test with: usual ones and nasty ones.

use super::{
    Bar, Chart, CostByClass, DriverBar, Drivers, GsuCost, Line, LoadDuration, MonthlySpend, NamedCount,
    TermCost, WeekHeatMap, WeekQuantity, WindowLoad, draw_cost_by_class, draw_drivers, draw_gsu_cost,
    draw_load_duration, draw_monthly_spend, draw_week_heat_map, request_examples::request_examples,
};

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

/// Load of an hour in GSUs: office hours on weekdays, less at weekends.
pub(super) fn load_at(day: usize, hour: usize) -> f64 {
    let week = if day < 5 { 1.0 } else { 0.55 };
    let bell = |centre: f64, width: f64| (-((hour as f64 - centre) / width).powi(2)).exp();
    week * (1.2 + 13.0 * bell(15.0, 3.4) + 7.0 * bell(10.0, 2.2)) * (1.0 + 0.04 * day as f64)
}

/// Costs of 1 to `most` GSUs on Google's four terms for the load of [`load_at`] times `size`. Longer windows up
/// to 3 GSUs and up to 49 give the curve its teeth.
fn term_costs(most: u32, size: f64, saving: f64) -> GsuCost {
    const TERMS: [(&str, f64); 4] =
        [("1 week", 5_220.0), ("1 month", 2_700.0), ("3 months", 2_400.0), ("1 year", 2_000.0)];
    let loads: Vec<f64> = (0..168).map(|index| size * load_at(index / 24, index % 24)).collect();
    let left = |gsus: u32| -> f64 {
        let usable = match gsus {
            ..=3 => f64::from(gsus) * 0.94,
            4..=49 => f64::from(gsus) * (0.80 + 0.04 * f64::from(gsus % 5)),
            _ => f64::from(gsus) * (0.86 + 0.002 * f64::from(gsus % 17)),
        };
        loads.iter().map(|load| (load - usable).max(0.0)).sum::<f64>() / 168.0
    };
    let usd_per_gsu = 2_000.0 * saving;
    let cost =
        |usd: f64| (1..=most).map(|gsus| Some(usd * f64::from(gsus) + usd_per_gsu * left(gsus))).collect();
    GsuCost {
        subtitle: "gemini-2.5-flash-image · mean of 730 hours · pay-as-you-go rest at list prices".into(),
        counts: (1..=most).collect(),
        terms: TERMS.map(|(label, usd)| TermCost { label: label.into(), usd: cost(usd) }).into(),
        pay_as_you_go_usd: usd_per_gsu * left(0),
        ..GsuCost::default()
    }
}

pub(super) fn usual_gsu_cost() -> GsuCost {
    term_costs(60, 1.0, 1.6)
}

/// Many counts of a large load.
pub(super) fn steep_terms(most: u32) -> GsuCost {
    term_costs(most, f64::from(most) / 20.0, 1.45)
}

fn nasty_gsu_cost() -> GsuCost {
    let long = "a very long term ".repeat(20);
    let mut cost = usual_gsu_cost();
    cost.title = format!("{long}<&\">{long}");
    cost.subtitle = format!("{long}{long}");
    for (index, term) in cost.terms.iter_mut().enumerate() {
        term.label = format!("{index} {long}\n<&\">");
    }
    cost.terms[1].usd[..4].fill(None);
    cost.terms[1].usd[6] = None;
    cost.terms[2].usd.fill(None);
    cost.terms.extend([cost.terms[0].clone(), cost.terms[3].clone()]);
    cost
}

fn flat_gsu_cost(counts: Vec<u32>, usd: f64) -> GsuCost {
    let term = |label: &str| TermCost { label: label.into(), usd: vec![Some(usd); counts.len()] };
    GsuCost {
        terms: ["1 week", "1 year"].map(term).into(),
        counts,
        pay_as_you_go_usd: usd,
        ..GsuCost::default()
    }
}

/// The same load as [`load_at`] with the windows around it, and the counts of a plan.
pub(super) fn usual_load() -> LoadDuration {
    let load: Vec<f64> = (0..168).map(|index| load_at(index / 24, index % 24)).collect();
    let count = |label: &str, gsus| NamedCount { label: label.into(), gsus };
    LoadDuration {
        subtitle: "gemini-2.5-flash-image · mean load of each hour of the week, windows of 30 s".into(),
        windows: Some(WindowLoad {
            low_gsus: load.iter().map(|gsus| (gsus - 1.6 * gsus.sqrt()).max(0.0)).collect(),
            high_gsus: load.iter().map(|gsus| gsus + 1.9 * gsus.sqrt()).collect(),
        }),
        load_gsus: load,
        counts: vec![
            count("cheapest", 0),
            count("Google's form", 21),
            count("at most 5 % left", 15),
            count("at most 1 % left", 20),
        ],
        ..LoadDuration::default()
    }
}

fn nasty_load() -> LoadDuration {
    let long = "a very long name ".repeat(20);
    let mut load = usual_load();
    load.title = format!("{long}<&\">{long}");
    load.subtitle = format!("{long}{long}");
    load.counts =
        (0..12).map(|index| NamedCount { label: format!("<&\"> {long}"), gsus: index / 3 }).collect();
    load.counts[11].gsus = u32::MAX;
    load
}

fn flat_load(hours: usize, gsus: f64, count: u32) -> LoadDuration {
    LoadDuration {
        load_gsus: vec![gsus; hours],
        counts: vec![NamedCount { label: "Google's form".into(), gsus: count }],
        ..LoadDuration::default()
    }
}

/// A week whose values follow from day (Monday is 0) and hour.
pub(super) fn week_of(quantity: WeekQuantity, value: impl Fn(usize, usize) -> Option<f64>) -> WeekHeatMap {
    WeekHeatMap {
        title: String::new(),
        subtitle: String::new(),
        zone: String::new(),
        quantity,
        values: (0..168).map(|index| value(index / 24, index % 24)).collect(),
    }
}

/// What 12 GSUs leave of the load of [`load_at`].
pub(super) fn usual_spill() -> WeekHeatMap {
    let left = |day, hour| Some((1.0 - 11.0 / load_at(day, hour)).max(0.0));
    WeekHeatMap {
        subtitle: "gemini-2.5-flash-image · mean over windows of 30 s".into(),
        zone: "Europe/Berlin".into(),
        ..week_of(WeekQuantity::Spill { gsus: 12 }, left)
    }
}

fn nasty_week() -> WeekHeatMap {
    let long = "a very long name ".repeat(20);
    let mut map = usual_spill();
    map.title = format!("{long}<&\">{long}");
    map.subtitle = format!("{long}{long}");
    map.zone = long;
    map.values[..30].fill(None);
    map.values[40] = Some(0.001);
    map.values[41] = Some(1.0);
    map
}

/// Charts of GSU counts, loads and weeks.
fn capacity_examples() -> Vec<(&'static str, Chart)> {
    let cost = |name, cost: GsuCost| (name, draw_gsu_cost(&cost).unwrap());
    let load = |name, load: LoadDuration| (name, draw_load_duration(&load).unwrap());
    let week = |name, map: WeekHeatMap| (name, draw_week_heat_map(&map).unwrap());
    let every = |quantity, value| week_of(quantity, |_, _| value);
    let spill = WeekQuantity::Spill { gsus: 12 };
    let mut without_windows = usual_load();
    without_windows.windows = None;
    let mut year = usual_load();
    year.windows = None;
    year.load_gsus = (0..8_760).map(|hour| load_at(hour / 24 % 7, hour % 24) + (hour as f64).sin()).collect();
    year.load_gsus.iter_mut().for_each(|gsus| *gsus = gsus.max(0.0));
    vec![
        cost("gsu-cost", usual_gsu_cost()),
        cost("gsu-none-cheapest", term_costs(60, 1.0, 1.05)),
        cost("gsu-tiny-load", term_costs(4, 0.002, 1.0)),
        cost("gsu-saw-tooth", term_costs(300, 14.0, 1.7)),
        cost("gsu-twenty-thousand", steep_terms(20_000)),
        cost("gsu-nasty", nasty_gsu_cost()),
        cost("gsu-one-count", flat_gsu_cost(vec![1], 2_000.0)),
        cost("gsu-zero", flat_gsu_cost(vec![0], 0.0)),
        cost("gsu-all-equal", flat_gsu_cost((1..40).collect(), 4_200.0)),
        cost("gsu-largest", flat_gsu_cost(vec![1, u32::MAX], 1e15)),
        load("load-usual", usual_load()),
        load("load-without-windows", without_windows),
        load("load-year", year),
        load("load-nasty", nasty_load()),
        load("load-one-hour", flat_load(1, 0.3, 1)),
        load("load-zero", flat_load(168, 0.0, 12)),
        load("load-zero-no-count", flat_load(168, 0.0, 0)),
        load("load-all-equal", flat_load(168, 9.0, 9)),
        load("load-largest", flat_load(168, 1e15, 9)),
        week("spill-usual", usual_spill()),
        week("spill-nasty", nasty_week()),
        week("spill-zero", every(spill, Some(0.0))),
        week("spill-all", every(spill, Some(1.0))),
        week("spill-unknown", every(spill, None)),
        week("week-load", week_of(WeekQuantity::Load, |day, hour| Some(load_at(day, hour)))),
        week("week-load-large", week_of(WeekQuantity::Load, |day, hour| Some(1e6 * load_at(day, hour)))),
        week("week-load-zero", every(WeekQuantity::Load, Some(0.0))),
    ]
}

/// Every input of the layout test, by name.
pub(in crate::report) fn examples() -> Vec<(&'static str, Chart)> {
    spend_examples()
        .into_iter()
        .chain(driver_examples())
        .chain(capacity_examples())
        .chain(request_examples())
        .collect()
}

/// Tornados.
fn driver_examples() -> Vec<(&'static str, Chart)> {
    let chart = |name, drivers: Drivers| (name, draw_drivers(&drivers).unwrap());
    let mut nasty = usual_drivers();
    nasty.title = "very long finding about inputs ".repeat(20);
    nasty.subtitle = "many words ".repeat(60);
    nasty.bars[0].label = format!("<&\"> {}", "W".repeat(90));
    nasty.bars[1].variance_share = Some(1.04);
    nasty.bars[2].variance_share = Some(-0.02);
    let mut still = usual_drivers();
    still.bars.iter_mut().for_each(|bar| (bar.low_usd, bar.high_usd) = (0.0, 0.0));
    let one_sided = Drivers { bars: vec![driver("dearer", 0.0, 1e15, None)], ..Drivers::default() };
    let other_side = Drivers { bars: vec![driver("cheaper", -0.02, 0.0, Some(0.4))], ..Drivers::default() };
    let many = Drivers {
        bars: (0..40).map(|at| driver("input", -f64::from(at), f64::from(at), Some(0.01))).collect(),
        ..Drivers::default()
    };
    vec![
        chart("drivers", usual_drivers()),
        chart("nasty-drivers", nasty),
        chart("still-drivers", still),
        chart("one-sided-drivers", one_sided),
        chart("other-sided-drivers", other_side),
        chart("many-drivers", many),
    ]
}

pub(super) fn driver(label: &str, low_usd: f64, high_usd: f64, variance_share: Option<f64>) -> DriverBar {
    DriverBar { label: label.into(), low_usd, high_usd, variance_share, below: None }
}

pub(super) fn usual_drivers() -> Drivers {
    Drivers {
        title: String::new(),
        subtitle: "company: change of the mean month at each input's 10 % and 90 % point".into(),
        bars: vec![
            driver("draft images? gemini-3-pro-image vertex:global", 0.0, 34_239.0, None),
            driver("volume of requests", -9_487.0, 10_417.0, Some(0.566)),
            driver("busy or quiet days", -4_711.0, 4_711.0, Some(0.126)),
            driver("growth per month", -3_725.0, 4_325.0, Some(0.093)),
            driver("blocked prompts and thoughts billed?", -35.0, 0.0, None),
            driver("bursts inside the hours", 0.0, 0.0, Some(0.0)),
        ],
    }
}

/// Charts of spend and cost.
fn spend_examples() -> Vec<(&'static str, Chart)> {
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
