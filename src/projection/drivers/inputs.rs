//! The uncertain numbers behind the bill, and what the mean month is at their 10 % and 90 % points.

use std::collections::BTreeMap;

use crate::{
    model::{Endpoint, Grade, ModelId, TokenClass},
    projection::{
        bill::token_deviations,
        placement::PlacementPlan,
        plan::{Inputs, RoutePlan},
        simulate::{busy_month, growth_factor},
        world::BURST_LOG_DEVIATION,
    },
    stats::standard_normal_quantile,
    workload::Route,
};

/// An uncertain number: one input of the bill's law.
#[derive(Clone, Debug)]
pub(in crate::projection) struct Input {
    pub name: String,
    pub from_to: String,
    /// Change of the mean month at its 10 % point, US dollars.
    pub low_usd: f64,
    /// And at its 90 % point.
    pub high_usd: f64,
    pub source: Source,
}

/// Which number it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::projection) enum Source {
    /// Requests, on all routes alike.
    Volume,
    /// Growth per month, on all routes alike.
    Growth,
    /// Busy or quiet days.
    Days,
    /// How requests bunch inside the hours.
    Bursts,
    /// Mean tokens of a class on a model and endpoint.
    Tokens(ModelId, Endpoint, TokenClass),
}

impl Input {
    /// The larger of the two changes, in size.
    pub fn size(&self) -> f64 {
        self.low_usd.abs().max(self.high_usd.abs())
    }
}

/// Share below the low end and above the high end.
const TAIL: f64 = 0.1;

/// The standard normal score of the high end, 1.2816.
fn high_score() -> f64 {
    standard_normal_quantile(1.0 - TAIL)
}

/// Every uncertain number, in a fixed order.
pub(in crate::projection) fn inputs(
    inputs: &Inputs<'_>,
    pairs: &[(&Route, &RoutePlan)],
    months: usize,
) -> Vec<Input> {
    let count = months as f64;
    let mut found = vec![volume(pairs, count)];
    found.extend(growth(pairs, count));
    found.push(days(pairs, count));
    found.extend(bursts(inputs));
    found.extend(tokens(pairs, months));
    found
}

fn mean_usd(plan: &RoutePlan, months: f64) -> f64 {
    plan.chosen().usd_total / months
}

fn volume(pairs: &[(&Route, &RoutePlan)], months: f64) -> Input {
    let at = |z: f64| -> f64 {
        let routes = pairs.iter().filter(|(route, _)| route.volume.range().mean() > 0.0);
        let change = |(route, plan): &(&Route, &RoutePlan)| {
            let range = route.volume.range();
            mean_usd(plan, months) * (range.at_score(z) / range.mean() - 1.0)
        };
        routes.map(change).sum()
    };
    let (low_usd, high_usd) = (at(-high_score()), at(high_score()));
    let total: f64 = pairs.iter().map(|(_, plan)| mean_usd(plan, months)).sum();
    let end =
        |change: f64| if total > 0.0 { format!("{:+.0} %", change / total * 100.0) } else { "0 %".into() };
    Input {
        name: "volume of requests".into(),
        from_to: format!("{} to {}", end(low_usd), end(high_usd)),
        low_usd,
        high_usd,
        source: Source::Volume,
    }
}

fn growth(pairs: &[(&Route, &RoutePlan)], months: f64) -> Option<Input> {
    let (mut low_usd, mut high_usd) = (0.0, 0.0);
    let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
    for (route, plan) in pairs.iter().filter(|(route, _)| !route.growth_per_month.is_exact()) {
        let growth = route.growth_per_month;
        let [low, high] = [-high_score(), high_score()].map(|z| growth_factor(growth, z));
        let rate = |factor: f64| factor * (1.0 + growth.mean()) - 1.0;
        ends = (ends.0.min(rate(low)), ends.1.max(rate(high)));
        for (at, spend) in plan.chosen().months.iter().enumerate() {
            low_usd += spend.usd_total * (low.powi(at as i32) - 1.0) / months;
            high_usd += spend.usd_total * (high.powi(at as i32) - 1.0) / months;
        }
    }
    (high_usd > low_usd).then(|| Input {
        name: "growth per month".into(),
        from_to: format!("{:.1} % to {:.1} %", ends.0 * 100.0, ends.1 * 100.0),
        low_usd,
        high_usd,
        source: Source::Growth,
    })
}

fn days(pairs: &[(&Route, &RoutePlan)], months: f64) -> Input {
    let total: f64 = pairs.iter().map(|(_, plan)| mean_usd(plan, months)).sum();
    let [low, high] = [-high_score(), high_score()].map(|z| busy_month(z) - 1.0);
    Input {
        name: "busy or quiet days".into(),
        from_to: format!("{:+.0} % to {:+.0} % of a month, assumed", low * 100.0, high * 100.0),
        low_usd: low * total,
        high_usd: high * total,
        source: Source::Days,
    }
}

/// Where nobody said how requests bunch. It moves what GSUs leave, not the bill without them.
fn bursts(inputs: &Inputs<'_>) -> Option<Input> {
    let assumed = inputs.workload.assumed.iter().any(|line| line.key == "burstiness");
    let shape = |z: f64, shape: f64| shape * (BURST_LOG_DEVIATION * z).exp();
    let route = inputs.workload.routes.first()?;
    let usual = 1.0 / route.burst.cv.powi(2);
    assumed.then(|| Input {
        name: "bursts inside the hours".into(),
        from_to: format!(
            "r = {:.0} to {:.0}, assumed",
            shape(-high_score(), usual),
            shape(high_score(), usual)
        ),
        low_usd: 0.0,
        high_usd: 0.0,
        source: Source::Bursts,
    })
}

/// Mean tokens of each class on each chosen placement, at ± 1.282 standard errors.
fn tokens(pairs: &[(&Route, &RoutePlan)], months: usize) -> Vec<Input> {
    let all: Vec<usize> = (0..months).collect();
    let mut sums: BTreeMap<Source, (f64, String)> = BTreeMap::new();
    for (_, route) in pairs {
        let chosen = route.chosen();
        for (class, sd) in token_deviations(route, &all) {
            let (model, endpoint) = (chosen.placement.model.clone(), chosen.placement.endpoint.clone());
            let entry = sums
                .entry(Source::Tokens(model, endpoint, class))
                .or_insert_with(|| (0.0, range_text(chosen, class)));
            entry.0 += sd / months as f64;
        }
    }
    let z = high_score();
    let input = |(source, (sd, from_to)): (Source, (f64, String))| {
        let Source::Tokens(model, endpoint, class) = &source else { return None };
        let name = format!("{} tokens, {model} {endpoint}", class.label());
        Some(Input { name, from_to, low_usd: -z * sd, high_usd: z * sd, source })
    };
    sums.into_iter().filter_map(input).collect()
}

fn range_text(chosen: &PlacementPlan, class: TokenClass) -> String {
    let tokens = chosen.per_request.as_ref().and_then(|request| request.tokens[class].as_ref());
    let Some(tokens) = tokens else { return String::new() };
    let z = high_score();
    let how = match (tokens.evidence.grade, tokens.evidence.n) {
        (Grade::Measured, Some(n)) => format!("measured, n={n}"),
        (grade, _) => grade.to_string(),
    };
    let low = (tokens.mean - z * tokens.standard_error).max(0.0);
    format!("mean {low:.0} to {:.0} tokens, {how}", tokens.mean + z * tokens.standard_error)
}
