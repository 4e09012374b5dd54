//! The bill of the chosen placements: expected by the tables, its range by simulation, and beside it the closed
//! form as a cross-check.
//!
//! In the closed form relative variance adds up: volume (the same factor for all routes), growth, the mean
//! tokens of each class, the slow modulation from day to day that no mean can know, and the chance of single
//! requests, which is next to nothing in large numbers. The law is taken as log-normal.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    credits::{Gross, NetBill, net_bill},
    plan::{Inputs, RoutePlan},
    simulate::{Drawn, DrawnWorld, Simulation, simulate},
};
use crate::{
    calendar::horizon,
    model::{Endpoint, ModelId, TokenClass},
    stats::{LogNormal, SpendCell, SpendVariance, standard_normal_quantile},
    tokens::ClassTokens,
    warning::Warning,
    workload::Route,
};

/// Coefficient of variation of a day's volume around its profile, and thus of a month's by √30.
///
/// Source: GenTD26, twelve full days of a real image service: cv about 0.28, trend included.
pub(super) const DAILY_MODULATION: f64 = 0.28;
pub(super) const DAYS_PER_MONTH: f64 = 30.0;

/// What the chosen placements cost.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Bill {
    /// The mean month of the horizon.
    pub month: Spread,
    /// The whole horizon.
    pub total: Spread,
    /// Each month.
    pub by_month: Vec<Spread>,
    /// Mean cost of a request.
    pub usd_per_request: f64,
    /// What the price sheet asks for the images of a mean request; `None` where no route makes images.
    pub sheet_usd_per_request: Option<f64>,
    /// Requests over the horizon.
    pub requests_total: f64,
    /// P(mean month > budget), where a budget is set.
    pub probability_over_budget: Option<f64>,
    /// False when something has no price: the bill is then a lower bound.
    pub complete: bool,
    /// Where the range comes from: standard deviations of the mean month, US dollars.
    pub parts: SpreadParts,
    /// The same range by formula.
    pub closed_form: ClosedForm,
    /// The draws behind the ranges.
    pub simulation: Simulation,
    /// What is left to pay after the workload's credits; `None` without any.
    pub net: Option<NetBill>,
}

/// The range by formula: a cross-check of the simulation.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ClosedForm {
    /// The mean month.
    pub month: Spread,
    /// The whole horizon.
    pub total: Spread,
}

/// Ends of the two ranges further apart than this share of the mean are said.
const DISAGREES: f64 = 0.1;

impl Bill {
    /// A warning where simulation and formula disagree.
    pub(super) fn cross_check(&self) -> Option<Warning> {
        let far = |a: f64, b: f64| (a - b).abs() > DISAGREES * self.month.mean;
        let (simulated, formula) = (self.month, self.closed_form.month);
        (far(simulated.p05, formula.p05) || far(simulated.p95, formula.p95)).then(|| {
            Warning::RangesDisagree {
                simulated: [simulated.p05.round() as i64, simulated.p95.round() as i64],
                formula: [formula.p05.round() as i64, formula.p95.round() as i64],
            }
        })
    }
}

/// Mean and range of a number of US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Spread {
    /// Expected value.
    pub mean: f64,
    /// 5 % lie below.
    pub p05: f64,
    /// Half lie below.
    pub p50: f64,
    /// 5 % lie above.
    pub p95: f64,
}

/// Standard deviations of the mean month, US dollars.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct SpreadParts {
    /// Volume, tries per accepted image included.
    pub volume: f64,
    /// Growth.
    pub growth: f64,
    /// Tokens per request.
    pub tokens: f64,
    /// Change from day to day.
    pub modulation: f64,
    /// Chance inside a month: how many requests come, and what each costs.
    pub chance: f64,
}

impl SpreadParts {
    fn total(self) -> f64 {
        [self.volume, self.growth, self.tokens, self.modulation, self.chance]
            .iter()
            .map(|sd| sd * sd)
            .sum::<f64>()
            .sqrt()
    }
}

/// The chosen placements' bill, and the worlds behind its range.
pub(super) fn bill(inputs: &Inputs<'_>, routes: &[RoutePlan]) -> (Bill, Vec<DrawnWorld>) {
    let workload = inputs.workload;
    let months = workload.horizon_months as usize;
    let pairs: Vec<(&Route, &RoutePlan)> = workload.routes.iter().zip(routes).collect();
    let all: Vec<usize> = (0..months).collect();
    let (total_law, parts_total) = law(&pairs, &all);
    let (month_law, parts) = mean_month(total_law, parts_total, months as f64);
    let usd_total = total_law.mean();
    let requests_total: f64 = routes.iter().map(served_requests).sum();
    let (simulation, drawn) = simulate(inputs, routes, parts.total());
    let month_mean =
        |at: usize| pairs.iter().map(|(_, plan)| plan.chosen().months[at].usd_total).sum::<f64>();
    let gross = Gross {
        months: &horizon(workload.start, workload.horizon_months),
        by_month: &all.iter().map(|at| month_mean(*at)).collect::<Vec<f64>>(),
        drawn: &drawn,
        budget: workload.budget_usd_per_month,
    };
    let bill = Bill {
        month: simulation.month.spread(usd_total / months as f64),
        total: simulation.total.spread(usd_total),
        by_month: all.iter().map(|at| simulation.by_month[*at].spread(month_mean(*at))).collect(),
        usd_per_request: if requests_total > 0.0 { usd_total / requests_total } else { 0.0 },
        sheet_usd_per_request: sheet_price(routes, requests_total),
        requests_total,
        probability_over_budget: workload
            .budget_usd_per_month
            .map(|budget| simulation.month.share_above(budget)),
        complete: routes
            .iter()
            .all(|route| route.chosen().per_request.as_ref().is_some_and(|request| request.complete)),
        parts,
        net: net_bill(&workload.credits, &gross),
        closed_form: ClosedForm { month: spread(month_law), total: spread(total_law) },
        simulation,
    };
    (bill, drawn.into_iter().map(Drawn::into_world).collect())
}

fn served_requests(route: &RoutePlan) -> f64 {
    route.chosen().months.iter().map(|spend| spend.requests).sum()
}

fn sheet_price(routes: &[RoutePlan], requests_total: f64) -> Option<f64> {
    let mut sum = None;
    for route in routes {
        let sheet = route.chosen().per_request.as_ref().and_then(|request| request.sheet_usd_per_image);
        if let Some(sheet) = sheet {
            *sum.get_or_insert(0.0) += sheet * served_requests(route);
        }
    }
    sum.filter(|_| requests_total > 0.0).map(|sum: f64| sum / requests_total)
}

fn spread(law: LogNormal) -> Spread {
    Spread { mean: law.mean(), p05: law.quantile(0.05), p50: law.quantile(0.5), p95: law.quantile(0.95) }
}

/// The law of the mean month from that of the horizon: everything scales.
fn mean_month(total: LogNormal, parts: SpreadParts, months: f64) -> (LogNormal, SpreadParts) {
    let parts = SpreadParts {
        volume: parts.volume / months,
        growth: parts.growth / months,
        tokens: parts.tokens / months,
        // A typical month has its own days: modulation does not average out as it does over the horizon.
        modulation: parts.modulation / months.sqrt(),
        chance: parts.chance / months.sqrt(),
    };
    (LogNormal::new(total.mean() / months, parts.total()), parts)
}

/// The law of the spend of some months together.
fn law(pairs: &[(&Route, &RoutePlan)], months: &[usize]) -> (LogNormal, SpreadParts) {
    let mut parts = SpreadParts::default();
    let mut mean = 0.0;
    // The same model on the same backend errs in the same direction on every route.
    let mut tokens: BTreeMap<(Endpoint, ModelId, TokenClass), f64> = BTreeMap::new();
    let mut modulation = 0.0;
    for (route, plan) in pairs {
        let chosen = plan.chosen();
        let usd: f64 = months.iter().map(|at| chosen.months[*at].usd_total).sum();
        mean += usd;
        let volume = route.volume.range();
        if volume.mean() > 0.0 {
            parts.volume += usd * volume.standard_deviation() / volume.mean();
        }
        parts.growth += growth_deviation(route, plan, months);
        for (class, sd) in token_deviations(plan, months) {
            let key = (chosen.placement.endpoint.clone(), chosen.placement.model.clone(), class);
            *tokens.entry(key).or_default() += sd;
        }
    }
    for at in months {
        let usd: f64 = pairs.iter().map(|(_, plan)| plan.chosen().months[*at].usd_total).sum();
        modulation += (usd * DAILY_MODULATION / DAYS_PER_MONTH.sqrt()).powi(2);
    }
    parts.tokens = tokens.values().map(|sd| sd * sd).sum::<f64>().sqrt();
    parts.modulation = modulation.sqrt();
    let cells: Vec<SpendCell> = pairs.iter().flat_map(|(_, plan)| chance_cells(plan, months)).collect();
    parts.chance = SpendVariance::of(&cells, 0.0).within_month.sqrt();
    (LogNormal::new(mean, parts.total()), parts)
}

/// A route's requests by month with the mean and the spread of their cost; what its mean may be wrong by is
/// elsewhere.
fn chance_cells(plan: &RoutePlan, months: &[usize]) -> Vec<SpendCell> {
    let chosen = plan.chosen();
    let Some(request) = &chosen.per_request else { return Vec::new() };
    let spread = |(class, tokens): (TokenClass, &Option<ClassTokens>)| {
        let tokens = tokens.as_ref().filter(|tokens| tokens.mean > 0.0)?;
        let deviation = (tokens.p95 - tokens.p05) / (2.0 * standard_normal_quantile(0.95));
        Some(request.usd[class] * deviation / tokens.mean)
    };
    let deviation = request.tokens.iter().filter_map(spread).fold(0.0, f64::hypot);
    let relative = if request.usd_total > 0.0 { deviation / request.usd_total } else { 0.0 };
    let spends = months.iter().map(|at| &chosen.months[*at]).filter(|spend| spend.requests > 0.0);
    let cell = |spend: &super::placement::MonthSpend| {
        let mean = spend.usd_total / spend.requests;
        SpendCell {
            requests: spend.requests,
            mean,
            deviation: relative * mean,
            answers: f64::INFINITY,
            mix_cv: 0.0,
        }
    };
    spends.map(cell).collect()
}

/// Standard deviation of the spend from an uncertain growth rate: its ends are a ratio apart, so the width is
/// taken from the logarithm. A difference of dollars would grow without bound and push the low end below what
/// even the lowest growth costs.
fn growth_deviation(route: &Route, plan: &RoutePlan, months: &[usize]) -> f64 {
    let growth = route.growth_per_month;
    let mean = growth.mean();
    let at_rate = |rate: f64| -> f64 {
        months
            .iter()
            .map(|at| plan.chosen().months[*at].usd_total * ((1.0 + rate) / (1.0 + mean)).powi(*at as i32))
            .sum()
    };
    let (low, high) = (at_rate(growth.p05), at_rate(growth.p95));
    if low <= 0.0 || high <= low {
        return 0.0;
    }
    at_rate(mean) * (high / low).ln() / (2.0 * standard_normal_quantile(0.95))
}

/// Standard deviation of the spend from each class's mean tokens.
pub(super) fn token_deviations(plan: &RoutePlan, months: &[usize]) -> Vec<(TokenClass, f64)> {
    let chosen = plan.chosen();
    let Some(request) = &chosen.per_request else { return Vec::new() };
    let relative = request.tokens.iter().filter_map(|(class, tokens)| {
        let tokens = tokens.as_ref().filter(|tokens| tokens.mean > 0.0)?;
        Some((class, tokens.standard_error / tokens.mean))
    });
    relative
        .map(|(class, relative)| {
            let usd: f64 = months.iter().map(|at| chosen.months[*at].usd[class]).sum();
            (class, usd * relative)
        })
        .filter(|(_, sd)| *sd > 0.0)
        .collect()
}
