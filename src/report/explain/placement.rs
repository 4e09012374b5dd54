//! One route on one placement: tokens, prices, spend by month, and the evidence behind them.

use super::{
    bill::class_label,
    working::{Working, exact},
};
use crate::{
    calendar::{Day, Month, Stretch, horizon},
    units::{Range, TOKENS_PER_MTOK},
};

/// Share of the cost above which a class is named as evidence of a sum.
const SHARE_THAT_COUNTS: f64 = 0.05;

/// Numbers below `/routes/i/placements/j`.
pub(super) fn explain(working: &mut Working<'_>, base: &str, path: &[&str]) -> Option<f64> {
    let place = working.placement_name(base);
    match path {
        ["usd_total"] => {
            working.define(format!("Expected spend on {place} over the horizon, US dollars."));
            let months = working.months(base, "usd_total")?;
            working.line(sum_in_words(&months));
            main_evidence(working, base);
            Some(months.iter().sum())
        }
        ["usd_per_month"] => {
            working.define(format!("Mean spend a month on {place} over the horizon, US dollars."));
            let total = working.read(&format!("{base}/usd_total"))?;
            let months = working.horizon_months()?;
            working.line(format!("{} ÷ {months} months of the horizon", exact(total)));
            main_evidence(working, base);
            Some(total / months)
        }
        ["usd_per_served_month"] => per_served_month(working, base, &place),
        ["months", at, "usd_total"] => {
            let month = working.text(&format!("{base}/months/{at}/month")).unwrap_or(at);
            working.define(format!("Expected spend on {place} in {month}, US dollars."));
            sum_of_classes(working, &format!("{base}/months/{at}/usd"))
        }
        ["per_request", "usd_total"] => {
            working.define(format!("Mean cost of one request on {place}, US dollars."));
            let sum = sum_of_classes(working, &format!("{base}/per_request/usd"))?;
            main_evidence(working, base);
            Some(sum)
        }
        ["per_request", "usd", class] => class_usd(working, base, class),
        ["per_request", "tokens", class, "mean"] => class_tokens(working, base, class),
        _ => None,
    }
}

/// The classes that make most of a placement's cost, and its price rows.
pub(super) fn main_evidence(working: &mut Working<'_>, base: &str) {
    let total = working.number(&format!("{base}/per_request/usd_total")).unwrap_or(0.0);
    for (class, usd) in working.numbers(&format!("{base}/per_request/usd")) {
        if usd >= SHARE_THAT_COUNTS * total {
            class_evidence(working, base, class);
        }
    }
    row_evidence(working, base);
}

/// Grade, answers, remark and sources of the tokens of a class.
pub(super) fn class_evidence(working: &mut Working<'_>, base: &str, class: &str) {
    let at = format!("{base}/per_request/tokens/{class}");
    let Some(mean) = working.number(&format!("{at}/mean")) else { return };
    let grade = working.text(&format!("{at}/evidence/grade")).unwrap_or("of unknown grade");
    let answers = working.number(&format!("{at}/evidence/n")).map(|n| format!(", n={n}")).unwrap_or_default();
    let note =
        working.text(&format!("{at}/evidence/note")).map(|note| format!(": {note}")).unwrap_or_default();
    let keys = working.cite(&format!("{at}/evidence/source"));
    let place = working.placement_name(base);
    let line =
        format!("{}, {place}: {} tokens, {grade}{answers}{note}{keys}", class_label(class), exact(mean));
    if !working.evidence.contains(&line) {
        working.evidence.push(line);
    }
}

/// The price rows of a placement.
pub(super) fn row_evidence(working: &mut Working<'_>, base: &str) {
    for at in 0..working.list(&format!("{base}/rows")).len() {
        let line = row_line(working, &format!("{base}/rows/{at}"));
        if !working.evidence.contains(&line) {
            working.evidence.push(line);
        }
    }
}

fn row_line(working: &mut Working<'_>, row: &str) -> String {
    let part = |key: &str| working.text(&format!("{row}/{key}")).unwrap_or("?");
    let line = working.number(&format!("{row}/line")).unwrap_or(0.0);
    let (file, used, checked, grade) = (part("file"), part("first_used"), part("checked"), part("grade"));
    let keys = working.cite(&format!("{row}/source"));
    format!("price row {file}:{line}, used from {used}, checked {checked}, {grade}{keys}")
}

fn sum_in_words(months: &[f64]) -> String {
    match months {
        [only] => format!("one month: {}", exact(*only)),
        [first, .., last] => {
            format!("sum of {} months, from {} to {}", months.len(), exact(*first), exact(*last))
        }
        [] => "no month".into(),
    }
}

fn sum_of_classes(working: &mut Working<'_>, at: &str) -> Option<f64> {
    let mut sum = 0.0;
    let classes = working.numbers(at);
    for (number, (class, _)) in classes.iter().enumerate() {
        let usd = working.read(&format!("{at}/{class}"))?;
        sum += usd;
        let sign = if number == 0 { "" } else { "+ " };
        working.line(format!("{sign}{} {}", exact(usd), class_label(class)));
    }
    if classes.is_empty() {
        working.line("no class has spend");
    }
    Some(sum)
}

fn per_served_month(working: &mut Working<'_>, base: &str, place: &str) -> Option<f64> {
    working.define(format!("Mean spend a month on {place} while it serves, US dollars."));
    let total = working.read(&format!("{base}/usd_total"))?;
    let served = served_months(working, base)?;
    working.line(format!("{} ÷ {} months of service inside the horizon", exact(total), exact(served)));
    if working.text(&format!("{base}/status/state")) == Some("gone") {
        working.line("it serves on no day of the horizon, so it costs nothing");
        return Some(0.0);
    }
    main_evidence(working, base);
    (served > 0.0).then(|| total / served)
}

/// Months of service, parts of a month as parts, from the horizon, the launch and the end.
fn served_months(working: &mut Working<'_>, base: &str) -> Option<f64> {
    let months = plan_months(working)?;
    let (start, next) = (months.first()?.first, months.last()?.next);
    let status = format!("{base}/status");
    let end: Option<Day> = working.text(&format!("{status}/end")).and_then(|day| day.parse().ok());
    let end = match working.text(&format!("{status}/state"))? {
        "ends_inside" => end?,
        "gone" => start,
        _ => next,
    };
    if let Some(day) = working.text(&format!("{status}/end")) {
        working.note(&format!("{status}/end"), day.to_string());
    }
    let service =
        Stretch { first: launch(working, base).map_or(start, |day| day.max(start)).min(end), next: end };
    let part = |month: &Month| {
        let whole = Stretch { first: month.first, next: month.next };
        f64::from(service.overlap(whole).days()) / f64::from(whole.days())
    };
    Some(months.iter().map(part).sum())
}

/// The plan tells a launch inside the horizon only in the words of a warning.
fn launch(working: &Working<'_>, base: &str) -> Option<Day> {
    let warnings = working.list(&format!("{base}/warnings")).iter();
    let mut launches = warnings.filter(|warning| warning["code"] == "not-yet-launched");
    let words = launches.next()?["message"].as_str()?;
    words.split([' ', ',', ';', '.']).find_map(|word| word.parse().ok())
}

/// The months of the horizon with their days.
pub(super) fn plan_months(working: &Working<'_>) -> Option<Vec<Month>> {
    let start: Day = working.text("/workload/start")?.parse().ok()?;
    let count = working.plan.pointer("/workload/horizon_months")?.as_u64()?;
    // Labels bound the count: a plan has as many months as it lists.
    let listed = working.list("/months").len();
    (count as usize == listed && listed > 0).then(|| horizon(start, listed as u32))
}

/// Tokens × list price ÷ 1e6 × the location's factor × the negotiated one.
fn class_usd(working: &mut Working<'_>, base: &str, class: &str) -> Option<f64> {
    let (label, place) = (class_label(class), working.placement_name(base));
    working.define(format!("Mean cost of the {label} of one request on {place}, US dollars."));
    let tokens = working.read(&format!("{base}/per_request/tokens/{class}/mean"))?;
    let negotiated = working.number("/workload/price_factors/tokens")?;
    let own = working.number(&format!("{base}/per_request/usd/{class}"))?;
    class_evidence(working, base, class);
    let mut rows = Vec::new();
    for at in 0..working.list(&format!("{base}/rows")).len() {
        let row = format!("{base}/rows/{at}");
        let Some(rate) = working.number(&format!("{row}/usd_per_mtok/{class}")) else { continue };
        let factor = working.number(&format!("{row}/non_global_factor"));
        let usd = tokens * rate * factor.unwrap_or(1.0) * negotiated / TOKENS_PER_MTOK as f64;
        rows.push(Priced { row, factor, usd });
    }
    // The request is priced on its first day of service, which can lie before the first request.
    let fits = |priced: &&Priced| (priced.usd - own).abs() <= super::AGREEMENT * own.abs();
    let Some(priced) = rows.iter().find(fits).or(rows.first()) else {
        working.line("no price row is recorded: on no day of the horizon does this placement serve requests");
        return None;
    };
    let rate = working.read(&format!("{}/usd_per_mtok/{class}", priced.row))?;
    let mut line = format!("{} tokens × {} USD ÷ 1,000,000", exact(tokens), exact(rate));
    if let Some(factor) = priced.factor {
        working.note(&format!("{}/non_global_factor", priced.row), exact(factor));
        line += &format!(" × {} for a non-global location", exact(factor));
    }
    if negotiated != 1.0 {
        working.note("/workload/price_factors/tokens", exact(negotiated));
        line += &format!(" × {} negotiated", exact(negotiated));
    }
    working.line(line);
    let row = row_line(working, &priced.row);
    working.evidence.push(row);
    Some(priced.usd)
}

/// A class at the rate of one row.
struct Priced {
    row: String,
    factor: Option<f64>,
    usd: f64,
}

fn class_tokens(working: &mut Working<'_>, base: &str, class: &str) -> Option<f64> {
    let (label, place) = (class_label(class), working.placement_name(base));
    working.define(format!("Expected {label} of one request on {place}, tokens."));
    let at = format!("{base}/per_request/tokens/{class}");
    let mean = working.number(&format!("{at}/mean"))?;
    let mut point = |name: &str| working.read(&format!("{at}/{name}"));
    let range = Range { p05: point("p05")?, likely: point("p50")?, p95: point("p95")? };
    class_evidence(working, base, class);
    if range.is_exact() && range.mean() == mean {
        working.line(format!("a fixed number of tokens: {}", exact(range.likely)));
        return Some(mean);
    }
    let from_range = range.mean();
    if (from_range - mean).abs() > super::AGREEMENT * mean.abs() {
        working.line(format!(
            "the mean of what the evidence holds; its spread runs from {} over {} to {}",
            exact(range.p05),
            exact(range.likely),
            exact(range.p95)
        ));
        return None;
    }
    working.line("mean of a range [p05, p50, p95] by the extended Pearson–Tukey rule:");
    working.line(format!(
        "0.185 × {} + 0.63 × {} + 0.185 × {}",
        exact(range.p05),
        exact(range.likely),
        exact(range.p95)
    ));
    Some(from_range)
}
