//! What moves the bill: one input at its low and high end, the others as they are.

use serde_json::Value;

use super::{
    bill::class_label,
    placement,
    working::{Working, exact},
};
use crate::{stats::standard_normal_quantile, units::Range};

/// `/drivers/k/low_usd` or `high_usd`.
pub(super) fn explain(working: &mut Working<'_>, at: &str, end: &str) -> Option<f64> {
    let driver = format!("/drivers/{at}");
    let name = working.text(&format!("{driver}/name"))?;
    let from_to = working.text(&format!("{driver}/from_to")).unwrap_or_default();
    let low = end == "low_usd";
    let side = if low { "low" } else { "high" };
    working.define(format!(
        "Change of the mean month with \"{name}\" at its {side} end (the 10 % or 90 % point of an uncertain \
         number), the rest as it is, US dollars."
    ));
    working.evidence.push(format!("{name}: {from_to}"));
    if working.text(&format!("{driver}/kind")) == Some("switch") {
        working.line(
            "an open question: the plan is made again under the other answer, and the bills are compared; \
             what that takes (profile or price under the other answer) is not in the plan",
        );
        return None;
    }
    match name {
        "volume of requests" => volume(working, low),
        "growth per month" => growth(working, low),
        "busy or quiet days" => days(working, low),
        "bursts inside the hours" => {
            working.line("how requests bunch moves what GSUs leave over, not the bill without them");
            Some(0.0)
        }
        _ => tokens(working, name, low),
    }
}

/// A range of the workload: `{ p05, likely, p95 }`.
fn range(value: &Value) -> Option<Range> {
    let point = |key: &str| value.get(key)?.as_f64();
    Some(Range { p05: point("p05")?, likely: point("likely")?, p95: point("p95")? })
}

/// The volume of a route in its own unit, and where it stands.
pub(super) fn volume_range(working: &Working<'_>, route: usize) -> Option<(String, Range)> {
    ["per_month", "per_day", "total/requests"].into_iter().find_map(|kind| {
        let pointer = format!("/workload/routes/{route}/volume/{kind}");
        Some((pointer.clone(), range(working.plan.pointer(&pointer)?)?))
    })
}

/// The standard normal score of the end: ∓ 1.2816.
fn score(low: bool) -> f64 {
    standard_normal_quantile(if low { 0.1 } else { 0.9 })
}

/// A range at a score, with its three points as inputs.
fn at_end(working: &mut Working<'_>, pointer: &str, range: Range, low: bool) -> f64 {
    for (key, value) in [("p05", range.p05), ("likely", range.likely), ("p95", range.p95)] {
        working.note(&format!("{pointer}/{key}"), exact(value));
    }
    range.at_score(score(low))
}

fn days(working: &mut Working<'_>, low: bool) -> Option<f64> {
    let month = working.read("/bill/month/mean")?;
    let deviation = working.read("/bill/parts/modulation")?;
    working.line(format!(
        "{} USD a month × score {} × standard deviation {} (cv 0.28 of a day, 30 days)",
        exact(month),
        exact(score(low)),
        exact(0.28 / 30.0_f64.sqrt())
    ));
    working.line(format!("for comparison, the standard deviation in dollars: {}", exact(deviation)));
    Some(month * score(low) * 0.28 / 30.0_f64.sqrt())
}

fn volume(working: &mut Working<'_>, low: bool) -> Option<f64> {
    let months = working.horizon_months()?;
    let mut sum = 0.0;
    for chosen in working.chosen() {
        let usd = working.read(&format!("{}/usd_total", chosen.base))? / months;
        let (pointer, range) = volume_range(working, chosen.route)?;
        let mean = range.mean();
        if mean <= 0.0 {
            continue;
        }
        let end = at_end(working, &pointer, range, low);
        working.line(format!("{}: {} × ({} ÷ {} − 1)", chosen.name, exact(usd), exact(end), exact(mean)));
        sum += usd * (end / mean - 1.0);
    }
    Some(sum)
}

fn growth(working: &mut Working<'_>, low: bool) -> Option<f64> {
    let months = working.horizon_months()?;
    let mut sum = 0.0;
    for chosen in working.chosen() {
        let pointer = format!("/workload/routes/{}/growth_per_month", chosen.route);
        let range = range(working.plan.pointer(&pointer)?)?;
        if range.is_exact() {
            continue;
        }
        let mean = range.mean();
        let ratio = Range { p05: 1.0 + range.p05, likely: 1.0 + range.likely, p95: 1.0 + range.p95 };
        let end = at_end(working, &pointer, ratio, low);
        let spend = working.months(&chosen.base, "usd_total")?;
        let ratio = end / (1.0 + mean);
        let change: f64 =
            spend.iter().enumerate().map(|(at, usd)| usd * (ratio.powi(at as i32) - 1.0) / months).sum();
        working.line(format!(
            "{}: mean over months k of spend × (({} ÷ {})^k − 1) = {}",
            chosen.name,
            exact(end),
            exact(1.0 + mean),
            exact(change)
        ));
        sum += change;
    }
    Some(sum)
}

/// Mean tokens of one class on one model and endpoint, 1.282 standard errors away.
fn tokens(working: &mut Working<'_>, name: &str, low: bool) -> Option<f64> {
    let months = working.horizon_months()?;
    let mut deviation = 0.0;
    for chosen in working.chosen() {
        let part = |key: &str| working.text(&format!("{}/placement/{key}", chosen.base)).unwrap_or("?");
        if !name.ends_with(&format!(", {} {}", part("model"), part("endpoint"))) {
            continue;
        }
        let classes = working.plan.pointer(&format!("{}/per_request/tokens", chosen.base))?.as_object()?;
        let Some(class) = classes.keys().find(|class| name.starts_with(class_label(class))) else { continue };
        let at = format!("{}/per_request/tokens/{class}", chosen.base);
        let mean = working.read(&format!("{at}/mean"))?;
        let error = working.read(&format!("{at}/standard_error"))?;
        let usd: f64 = working.months(&chosen.base, &format!("usd/{class}"))?.iter().sum();
        working.line(format!(
            "{}: {} USD a month × standard error {} ÷ mean {}",
            chosen.name,
            exact(usd / months),
            exact(error),
            exact(mean)
        ));
        placement::class_evidence(working, &chosen.base, class);
        deviation += usd / months * error / mean;
    }
    if working.arithmetic.is_empty() {
        return None;
    }
    let z = score(low);
    working.line(format!("× {}, where 10 % lie beyond", exact(z)));
    Some(z * deviation)
}
