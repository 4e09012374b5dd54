//! The bill: sums of the chosen placements, its simulated range beside the formula's, shares of the classes.

use std::collections::BTreeMap;

use super::{
    placement,
    working::{Working, exact},
};
use crate::{
    model::TokenClass,
    stats::{LogNormal, standard_normal_quantile},
};

/// Numbers below `/bill`.
pub(super) fn explain(working: &mut Working<'_>, path: &[&str]) -> Option<f64> {
    match path {
        ["month", "mean"] => month_mean(working),
        ["total", "mean"] => {
            working.define("Expected spend of the chosen placements over the horizon, US dollars.");
            sum_of_chosen(working, |working, base| working.read(&format!("{base}/usd_total")))
        }
        ["by_month", at, "mean"] => by_month(working, at),
        [span @ ("month" | "total"), p @ ("p05" | "p50" | "p95")] => quantile(working, span, p),
        ["usd_per_request"] => usd_per_request(working),
        ["sheet_usd_per_request"] => sheet(working),
        ["requests_total"] => {
            working.define("Requests that the chosen placements serve over the horizon.");
            requests(working)
        }
        ["probability_over_budget"] => over_budget(working),
        ["parts", part] => {
            working.define(part_in_words(part));
            None
        }
        _ => None,
    }
}

/// A class's part of the bill.
pub(super) fn share(working: &mut Working<'_>, at: &str) -> Option<f64> {
    let name = working.text(&format!("/shares/{at}/class"))?;
    let label = class_label(name);
    working.define(format!("Share of {label} in the bill of the whole horizon, 0 to 1."));
    let (mut of_class, mut all) = (0.0, 0.0);
    for chosen in working.chosen() {
        of_class += working.months(&chosen.base, &format!("usd/{name}"))?.iter().sum::<f64>();
        all += working.months(&chosen.base, "usd_total")?.iter().sum::<f64>();
        placement::class_evidence(working, &chosen.base, name);
    }
    working.line(format!("{label} {} ÷ all classes {} USD over the horizon", exact(of_class), exact(all)));
    (all > 0.0).then(|| of_class / all)
}

/// The name of a class for people.
pub(super) fn class_label(name: &str) -> &str {
    name.parse().map_or(name, |class: TokenClass| class.label())
}

fn month_mean(working: &mut Working<'_>) -> Option<f64> {
    working.define("Expected spend of the mean month of the horizon, US dollars.");
    let total = working.read("/bill/total/mean")?;
    let months = working.horizon_months()?;
    working.line(format!("total of the horizon {} ÷ {months} months", exact(total)));
    for chosen in working.chosen() {
        placement::main_evidence(working, &chosen.base);
    }
    Some(total / months)
}

fn by_month(working: &mut Working<'_>, at: &str) -> Option<f64> {
    let label = working.text(&format!("/months/{at}")).unwrap_or(at);
    working.define(format!("Expected spend of the chosen placements in {label}, US dollars."));
    sum_of_chosen(working, |working, base| working.read(&format!("{base}/months/{at}/usd_total")))
}

/// One line per route and their sum.
fn sum_of_chosen(
    working: &mut Working<'_>,
    part: impl Fn(&mut Working<'_>, &str) -> Option<f64>,
) -> Option<f64> {
    let chosen = working.chosen();
    let mut sum = 0.0;
    for (at, route) in chosen.iter().enumerate() {
        let usd = part(working, &route.base)?;
        sum += usd;
        let sign = if at == 0 { "" } else { "+ " };
        let place = working.placement_name(&route.base);
        working.line(format!("{sign}{} of {} on {place}", exact(usd), route.name));
        placement::main_evidence(working, &route.base);
    }
    (!chosen.is_empty()).then_some(sum)
}

fn requests(working: &mut Working<'_>) -> Option<f64> {
    let chosen = working.chosen();
    let mut sum = 0.0;
    for (at, route) in chosen.iter().enumerate() {
        let requests: f64 = working.months(&route.base, "requests")?.iter().sum();
        sum += requests;
        let sign = if at == 0 { "" } else { "+ " };
        working.line(format!("{sign}{} requests of {}", exact(requests), route.name));
    }
    (!chosen.is_empty()).then_some(sum)
}

fn usd_per_request(working: &mut Working<'_>) -> Option<f64> {
    working.define("Mean cost of a request over the horizon, US dollars.");
    let total = working.read("/bill/total/mean")?;
    let requests = working.read("/bill/requests_total")?;
    let mut classes: BTreeMap<TokenClass, f64> = BTreeMap::new();
    for chosen in working.chosen() {
        for class in TokenClass::ALL {
            let usd = working.months_of(&chosen.base, &format!("usd/{class}"))?;
            *classes.entry(*class).or_default() += usd.iter().sum::<f64>();
        }
        placement::main_evidence(working, &chosen.base);
    }
    for (class, usd) in classes.into_iter().filter(|(_, usd)| *usd > 0.0) {
        let share = exact(usd / requests);
        working.line(format!("{}: {} ÷ {} = {share}", class.label(), exact(usd), exact(requests)));
    }
    working.line(format!("all classes: {} USD ÷ {} requests", exact(total), exact(requests)));
    (requests > 0.0).then(|| total / requests)
}

fn sheet(working: &mut Working<'_>) -> Option<f64> {
    working.define("What the price sheet asks for the images of a mean request, US dollars.");
    let mut sum = 0.0;
    for chosen in working.chosen() {
        let Some(sheet) = working.read(&format!("{}/per_request/sheet_usd_per_image", chosen.base)) else {
            continue;
        };
        let requests: f64 = working.months(&chosen.base, "requests")?.iter().sum();
        sum += sheet * requests;
        working.line(format!("{} an image × {} requests of {}", exact(sheet), exact(requests), chosen.name));
        placement::row_evidence(working, &chosen.base);
    }
    let requests = working.read("/bill/requests_total")?;
    working.line(format!("{} ÷ {} requests of all routes", exact(sum), exact(requests)));
    (requests > 0.0).then(|| sum / requests)
}

/// Mean and the log-normal law's squared parameter.
struct Law {
    mean: f64,
    standard_deviation: f64,
    s_squared: f64,
}

/// The law of the mean month or of the horizon, worked out in lines.
fn law(working: &mut Working<'_>, span: &str) -> Option<Law> {
    let mean = working.read(&format!("/bill/{span}/mean"))?;
    let months = if span == "total" { working.horizon_months()? } else { 1.0 };
    let mut variance = 0.0;
    let mut terms = Vec::new();
    for part in ["volume", "growth", "tokens", "modulation", "chance"] {
        // Single days and requests average out over months; the others err the same way in each.
        let scale = if matches!(part, "modulation" | "chance") { months.sqrt() } else { months };
        let deviation = working.read(&format!("/bill/parts/{part}"))? * scale;
        variance += deviation * deviation;
        terms.push(format!("{part} {}", exact(deviation)));
    }
    let standard_deviation = variance.sqrt();
    let s_squared = (1.0 + (standard_deviation / mean).powi(2)).ln();
    if span == "total" {
        working
            .line(format!("parts of the mean month × {months} months (modulation and chance × √{months})"));
    }
    working.line(format!("standard deviations: {}", terms.join(", ")));
    working.line(format!("together √(sum of squares) = {}", exact(standard_deviation)));
    working.line(format!(
        "s² = ln(1 + ({} ÷ {})²) = {}",
        exact(standard_deviation),
        exact(mean),
        exact(s_squared)
    ));
    let evidence = "the law is taken as log-normal; its parts are the ranges of the workload, the standard \
                    errors of tokens, and how a day's volume varies around its profile";
    working.evidence.push(evidence.into());
    (mean > 0.0 && s_squared.is_finite()).then_some(Law { mean, standard_deviation, s_squared })
}

fn quantile(working: &mut Working<'_>, span: &str, p: &str) -> Option<f64> {
    let (share, words) = match p {
        "p05" => (0.05, "5 % lie below"),
        "p50" => (0.5, "half lie below"),
        _ => (0.95, "5 % lie above"),
    };
    let of = if span == "total" { "the whole horizon" } else { "the mean month" };
    working.define(format!("Spend of {of} such that {words}, US dollars."));
    let at = (share * 100.0_f64).round();
    let simulated = simulated(working, span, at)?;
    let law = law(working, span)?;
    let (z, s) = (standard_normal_quantile(share), law.s_squared.sqrt());
    working.line(format!(
        "cross-check by formula: mean × exp(z·s − s²/2) = {} × exp({} × {} − {} ÷ 2) = {}",
        exact(law.mean),
        exact(z),
        exact(s),
        exact(law.s_squared),
        exact(law.mean * (z * s - law.s_squared / 2.0).exp())
    ));
    Some(simulated)
}

/// The quantile of the draws, and how they were made.
fn simulated(working: &mut Working<'_>, span: &str, percent: f64) -> Option<f64> {
    let draws = working.read("/bill/simulation/draws")?;
    let seed = working.read("/bill/simulation/seed")?;
    let value = working.read(&format!("/bill/simulation/{span}/quantiles/{percent}"))?;
    working.line(format!(
        "{draws} draws (seed {seed}) of volume, growth, mean tokens and busy months, each carried through the \
         horizon; the {percent} % quantile of their spend = {}",
        exact(value)
    ));
    Some(value)
}

fn over_budget(working: &mut Working<'_>) -> Option<f64> {
    working.define("Probability that the mean month costs more than the budget, 0 to 1.");
    let budget = working.read("/workload/budget_usd_per_month")?;
    let law = law(working, "month")?;
    let formula = LogNormal::new(law.mean, law.standard_deviation).probability_above(budget);
    let share = share_of_draws_above(working, "/bill/simulation/month/quantiles", budget)?;
    working.line(format!("cross-check by formula: {}", exact(formula)));
    Some(share)
}

/// Between the quantiles at a pointer, straight.
pub(super) fn share_of_draws_above(working: &mut Working<'_>, pointer: &str, budget: f64) -> Option<f64> {
    let quantiles: Vec<f64> = (0..=100)
        .map(|at| working.plan.pointer(&format!("{pointer}/{at}"))?.as_f64())
        .collect::<Option<_>>()?;
    Some(match quantiles.partition_point(|value| *value <= budget) {
        0 => 1.0,
        101 => 0.0,
        below => {
            let (low, high) = (quantiles[below - 1], quantiles[below]);
            working.line(format!(
                "the budget {} lies between the {} % quantile {} and the {below} % quantile {} of the draws",
                exact(budget),
                below - 1,
                exact(low),
                exact(high)
            ));
            let part = if high > low { (budget - low) / (high - low) } else { 0.0 };
            1.0 - (below as f64 - 1.0 + part) / 100.0
        }
    })
}

fn part_in_words(part: &str) -> &'static str {
    match part {
        "volume" => {
            "Standard deviation of the mean month from the number of requests (tries per accepted image \
             included), US dollars."
        }
        "growth" => "Standard deviation of the mean month from the growth rate, US dollars.",
        "tokens" => "Standard deviation of the mean month from the mean tokens per request, US dollars.",
        "chance" => {
            "Standard deviation of the mean month from how many requests come by chance and what each costs, US \
             dollars."
        }
        "modulation" => "Standard deviation of the mean month from change of volume day to day, US dollars.",
        _ => "",
    }
}
