//! What moves the bill: one input at a time, known unknowns among them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    bill::token_deviations,
    placement::PlacementPlan,
    plan::{Inputs, RoutePlan},
    switches::switches,
};
use crate::{
    calendar::Month,
    model::{Endpoint, Grade, ModelId, TokenClass},
    stats::standard_normal_quantile,
    workload::Route,
};

/// One input and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Driver {
    /// What it is, in words.
    pub name: String,
    /// Its low and high end, in words.
    pub from_to: String,
    /// Change of the mean month at its low end, US dollars.
    pub low_usd: f64,
    /// Change of the mean month at its high end, US dollars.
    pub high_usd: f64,
    /// `range` (an uncertain number) or `switch` (a known unknown: which reading is right).
    pub kind: DriverKind,
}

/// What kind of doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// An uncertain number.
    Range,
    /// A known unknown: which reading is right.
    Switch,
}

impl Driver {
    /// The larger of the two changes, in size.
    pub fn size(&self) -> f64 {
        self.low_usd.abs().max(self.high_usd.abs())
    }
}

/// Changes below this share of the bill are not listed.
const SHARE_LISTED: f64 = 0.000_1;

/// All drivers, widest first.
pub(super) fn drivers(inputs: &Inputs<'_>, routes: &[RoutePlan], months: &[Month]) -> Vec<Driver> {
    let pairs: Vec<(&Route, &RoutePlan)> = inputs.workload.routes.iter().zip(routes).collect();
    let count = months.len() as f64;
    let mut drivers = vec![volume(&pairs, count)];
    drivers.extend(growth(&pairs, count));
    drivers.extend(tokens(routes, months.len()));
    drivers.extend(switches(inputs, &pairs, months));
    let total: f64 = routes.iter().map(|route| route.chosen().usd_per_month).sum();
    drivers.retain(|driver| driver.size() > SHARE_LISTED * total && driver.size() > 0.0);
    drivers.sort_by(|a, b| b.size().total_cmp(&a.size()).then_with(|| a.name.cmp(&b.name)));
    drivers
}

fn volume(pairs: &[(&Route, &RoutePlan)], months: f64) -> Driver {
    let (mut low, mut high) = (0.0, 0.0);
    for (route, plan) in pairs {
        let range = route.volume.range();
        let usd = plan.chosen().usd_total / months;
        if range.mean() > 0.0 {
            low += usd * (range.p05 / range.mean() - 1.0);
            high += usd * (range.p95 / range.mean() - 1.0);
        }
    }
    let total: f64 = pairs.iter().map(|(_, plan)| plan.chosen().usd_total / months).sum();
    let end =
        |change: f64| if total > 0.0 { format!("{:+.0} %", change / total * 100.0) } else { "0 %".into() };
    Driver {
        name: "volume of requests".into(),
        from_to: format!("{} to {}", end(low), end(high)),
        low_usd: low,
        high_usd: high,
        kind: DriverKind::Range,
    }
}

fn growth(pairs: &[(&Route, &RoutePlan)], months: f64) -> Option<Driver> {
    let (mut low, mut high) = (0.0, 0.0);
    let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
    for (route, plan) in pairs.iter().filter(|(route, _)| !route.growth_per_month.is_exact()) {
        let growth = route.growth_per_month;
        ends = (ends.0.min(growth.p05), ends.1.max(growth.p95));
        for (at, spend) in plan.chosen().months.iter().enumerate() {
            let change = |rate: f64| ((1.0 + rate) / (1.0 + growth.mean())).powi(at as i32) - 1.0;
            low += spend.usd_total * change(growth.p05) / months;
            high += spend.usd_total * change(growth.p95) / months;
        }
    }
    (high > low).then(|| Driver {
        name: "growth per month".into(),
        from_to: format!("{:.1} % to {:.1} %", ends.0 * 100.0, ends.1 * 100.0),
        low_usd: low,
        high_usd: high,
        kind: DriverKind::Range,
    })
}

/// Mean tokens of each class on each chosen placement, at ± 1.645 standard errors.
fn tokens(routes: &[RoutePlan], months: usize) -> Vec<Driver> {
    let all: Vec<usize> = (0..months).collect();
    let mut sums: BTreeMap<(ModelId, Endpoint, TokenClass), (f64, String)> = BTreeMap::new();
    for route in routes {
        let chosen = route.chosen();
        for (class, sd) in token_deviations(route, &all) {
            let key = (chosen.placement.model.clone(), chosen.placement.endpoint.clone(), class);
            let entry = sums.entry(key).or_insert_with(|| (0.0, range_text(chosen, class)));
            entry.0 += sd / months as f64;
        }
    }
    let z = standard_normal_quantile(0.95);
    let driver =
        |((model, endpoint, class), (sd, from_to)): ((ModelId, Endpoint, TokenClass), (f64, String))| {
            Driver {
                name: format!("{} tokens, {model} {endpoint}", class.label()),
                from_to,
                low_usd: -z * sd,
                high_usd: z * sd,
                kind: DriverKind::Range,
            }
        };
    sums.into_iter().map(driver).collect()
}

fn range_text(chosen: &PlacementPlan, class: TokenClass) -> String {
    let tokens = chosen.per_request.as_ref().and_then(|request| request.tokens[class].as_ref());
    let Some(tokens) = tokens else { return String::new() };
    let z = standard_normal_quantile(0.95);
    let how = match (tokens.evidence.grade, tokens.evidence.n) {
        (Grade::Measured, Some(n)) => format!("measured, n={n}"),
        (grade, _) => grade.to_string(),
    };
    let low = (tokens.mean - z * tokens.standard_error).max(0.0);
    format!("mean {low:.0} to {:.0} tokens, {how}", tokens.mean + z * tokens.standard_error)
}
