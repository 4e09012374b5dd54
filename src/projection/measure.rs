//! What to measure next: which calibration or which fact about the traffic would narrow the month's range most,
//! and what it costs.
//!
//! Learning an input shrinks the variance of the month by its first-order index, less what stays unknown of it
//! afterwards; the range shrinks by the square root. The same with the indices of the cheapest GSU count.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    bill::{Bill, DAILY_MODULATION, DAYS_PER_MONTH},
    drivers::{Driver, DriverIndices, Drivers, Input, Source},
    outlook::Outlook,
    placement::PlacementPlan,
    plan::{Inputs, RoutePlan},
};
use crate::{
    model::{ByClass, Endpoint, Grade, ModelId, Placement, Tier, TokenClass},
    prices::{prompt_tokens_max, worst_usd},
    stats::{SobolIndex, standard_normal_quantile},
    tokens::ClassTokens,
    workload::Route,
};

/// Something that can be measured, and what it would do.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Measurement {
    /// What it is, in words.
    pub what: String,
    /// Paid requests, or a log that exists already.
    pub kind: MeasureKind,
    /// The model and endpoint that requests are sent to; `None` for facts of the traffic.
    pub placement: Option<Measured>,
    /// Requests to send.
    pub requests: u64,
    /// Mean cost of one of them, US dollars.
    pub usd_per_request: f64,
    /// The most that one of them can cost by contract, US dollars.
    pub usd_per_request_at_worst: f64,
    /// What they are expected to cost, US dollars.
    pub usd_expected: f64,
    /// What they cost at most by contract, US dollars.
    pub usd_at_worst: f64,
    /// Budget to give: what is expected, and what is in flight at its worst price; US dollars.
    pub budget_usd: f64,
    /// Which inputs it tells.
    pub learns: Vec<Learned>,
    /// Open questions of the drivers that real answers settle.
    pub settles: Vec<String>,
    /// What those move the mean month by, US dollars, one after the other.
    pub settles_usd: f64,
    /// Width of the month's 90 % range now, US dollars.
    pub range_usd: f64,
    /// And once it is measured.
    pub range_usd_after: f64,
    /// By how much the range shrinks, as a share of it.
    pub narrows: f64,
    /// By how much the range of the cheapest GSU count shrinks; `None` where the count does not vary.
    pub gsu_narrows: Option<f64>,
    /// The command that does it; WORKLOAD, PLAN and LOGS stand for files of the reader.
    pub command: String,
}

/// An input of the bill that a measurement tells.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Learned {
    /// Its name, as in the drivers.
    pub input: String,
    /// Its first-order index in the variance of the month, between 0 and its total index.
    pub first: f64,
    /// Share of its own variance that stays.
    pub kept: f64,
}

/// A model on an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Measured {
    /// The model.
    pub model: ModelId,
    /// The endpoint.
    pub endpoint: Endpoint,
}

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeasureKind {
    /// Requests are sent and paid for.
    Calibration,
    /// Logs of real traffic are read; nothing is sent.
    Traffic,
}

/// Requests of a calibration: least and most that are proposed. A question that one answer in five shows is
/// settled by the least with 93 %.
const REQUESTS: (u64, u64) = (12, 3_072);

/// What is left of a placement's tokens may make so much of the other inputs' standard deviation: a third adds 6 %
/// to the range.
const WORTH_KNOWING: f64 = 1.0 / 3.0;

/// Requests in flight at a time, as `calibrate` sends them.
const IN_FLIGHT: u64 = 4;

/// Months of past traffic that tell a growth rate.
const MONTHS_OF_LOG: f64 = 6.0;

/// A stretch of a log tells how requests bunch to about this share of the default's variance.
const BURSTS_KEPT: f64 = 0.1;

/// Everything worth proposing, what settles and narrows most dollars first.
pub(super) fn measure_next(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    bill: &Bill,
    outlook: Option<&Outlook>,
    drivers: &Drivers,
) -> Vec<Measurement> {
    let range = Narrowing {
        range_usd: bill.month.p95 - bill.month.p05,
        gsu_varies: outlook.is_some_and(|outlook| outlook.cheapest.p95 > outlook.cheapest.p05),
    };
    let mut found: Vec<Measurement> = traffic(inputs, &range, &drivers.inputs);
    found.extend(calibrations(inputs, routes, &range, drivers));
    let worth = |measurement: &Measurement| {
        measurement.range_usd - measurement.range_usd_after + measurement.settles_usd
    };
    let gsu = |measurement: &Measurement| measurement.gsu_narrows.unwrap_or(0.0);
    found.retain(|measurement| worth(measurement) > 0.0 || gsu(measurement) > 0.0);
    found.sort_by(|a, b| {
        worth(b).total_cmp(&worth(a)).then(gsu(b).total_cmp(&gsu(a))).then_with(|| a.what.cmp(&b.what))
    });
    found
}

/// The ranges that are to be narrowed.
struct Narrowing {
    range_usd: f64,
    gsu_varies: bool,
}

impl Narrowing {
    /// By inputs of which a share of the variance stays.
    fn by(&self, known: &[(&DriverIndices, f64)]) -> (f64, Option<f64>) {
        let goes = |of: fn(&DriverIndices) -> Option<SobolIndex>| -> f64 {
            let parts = known.iter().map(|(indices, kept)| first_order(of(indices)) * (1.0 - kept));
            1.0 - (1.0 - parts.sum::<f64>()).max(0.0).sqrt()
        };
        (goes(|indices| indices.cost), self.gsu_varies.then(|| goes(|indices| indices.gsu)))
    }
}

/// A first-order index without its noise: never below 0 nor above the total.
fn first_order(index: Option<SobolIndex>) -> f64 {
    index.map_or(0.0, |index| index.first.max(0.0).min(index.total))
}

/// Share of an input's variance that stays when a month's count of requests errs by what days vary.
fn kept(deviation: f64, error: f64) -> f64 {
    if deviation <= 0.0 { 1.0 } else { (error / deviation).powi(2).min(1.0) }
}

/// Volume, growth and bursts: logs tell all three.
fn traffic(inputs: &Inputs<'_>, range: &Narrowing, uncertain: &[(Input, DriverIndices)]) -> Vec<Measurement> {
    let month_error = DAILY_MODULATION / DAYS_PER_MONTH.sqrt();
    // The slope of equally spaced months: Σ (i − mean)² = (m³ − m)/12.
    let slope_error = month_error / ((MONTHS_OF_LOG.powi(3) - MONTHS_OF_LOG) / 12.0).sqrt();
    let growth = inputs.workload.routes.iter().map(|route| route.growth_per_month);
    let growth_deviation = growth.map(|rate| rate.standard_deviation()).fold(0.0, f64::max);
    let volume = inputs.workload.routes.iter().map(|route| route.volume.range());
    let volume_deviation = volume
        .filter(|range| range.mean() > 0.0)
        .map(|range| range.standard_deviation() / range.mean())
        .fold(0.0, f64::max);
    let facts = uncertain.iter().filter_map(|(input, indices)| {
        let (what, kept) = match input.source {
            Source::Volume => ("requests a month, from a month's log", kept(volume_deviation, month_error)),
            Source::Growth => ("growth, from six months of logs", kept(growth_deviation, slope_error)),
            Source::Bursts => ("bursts inside the hours, from two weeks of logs", BURSTS_KEPT),
            Source::Days | Source::Tokens(..) => return None,
        };
        let (narrows, gsu_narrows) = range.by(&[(indices, kept)]);
        Some(Measurement {
            learns: vec![Learned { input: input.name.clone(), first: first_order(indices.cost), kept }],
            settles: Vec::new(),
            settles_usd: 0.0,
            usd_per_request: 0.0,
            usd_per_request_at_worst: 0.0,
            what: what.into(),
            kind: MeasureKind::Traffic,
            placement: None,
            requests: 0,
            usd_expected: 0.0,
            usd_at_worst: 0.0,
            budget_usd: 0.0,
            range_usd: range.range_usd,
            range_usd_after: range.range_usd * (1.0 - narrows),
            narrows,
            gsu_narrows,
            command: "burndown import LOGS --out mine".into(),
        })
    });
    facts.collect()
}

/// A route that is measured.
struct Sampled<'a> {
    route: &'a Route,
    /// Where it is served.
    chosen: &'a PlacementPlan,
    /// The same at the tier at which single requests can be sent: a batch cannot be.
    sent: &'a PlacementPlan,
}

/// A placement's token inputs with the routes that are served there.
struct Candidate<'a> {
    routes: Vec<Sampled<'a>>,
    classes: Vec<(TokenClass, &'a Input, &'a DriverIndices)>,
    /// Open questions that its answers settle.
    questions: Vec<&'a Driver>,
}

fn calibrations(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    range: &Narrowing,
    drivers: &Drivers,
) -> Vec<Measurement> {
    let mut candidates: BTreeMap<Measured, Candidate<'_>> = BTreeMap::new();
    for (route, plan) in inputs.workload.routes.iter().zip(routes) {
        let chosen = plan.chosen();
        let (model, endpoint) = (chosen.placement.model.clone(), chosen.placement.endpoint.clone());
        let candidate = candidates.entry(Measured { model, endpoint }).or_insert_with(|| Candidate {
            routes: Vec::new(),
            classes: Vec::new(),
            questions: Vec::new(),
        });
        let tier = if chosen.placement.tier == Tier::Batch { Tier::Standard } else { chosen.placement.tier };
        let asked = Placement { tier, ..chosen.placement.clone() };
        let sent = plan.placements.iter().find(|plan| plan.placement == asked).unwrap_or(chosen);
        candidate.routes.push(Sampled { route, chosen, sent });
    }
    for (input, indices) in &drivers.inputs {
        let Source::Tokens(model, endpoint, class) = &input.source else { continue };
        let key = Measured { model: model.clone(), endpoint: endpoint.clone() };
        if let Some(candidate) = candidates.get_mut(&key) {
            candidate.classes.push((*class, input, indices));
        }
    }
    for driver in &drivers.drivers {
        if let Some(candidate) = driver.settled_at.as_ref().and_then(|place| candidates.get_mut(place)) {
            candidate.questions.push(driver);
        }
    }
    let known = candidates
        .into_iter()
        .filter(|(_, candidate)| !candidate.classes.is_empty() || !candidate.questions.is_empty());
    known.filter_map(|(place, candidate)| calibration(inputs, range, place, &candidate)).collect()
}

fn calibration(
    inputs: &Inputs<'_>,
    range: &Narrowing,
    place: Measured,
    candidate: &Candidate<'_>,
) -> Option<Measurement> {
    let first = |indices: &DriverIndices| first_order(indices.cost);
    let rest = 1.0 - candidate.classes.iter().map(|(_, _, indices)| first(indices)).sum::<f64>();
    let stays = |requests: u64| -> f64 {
        let parts = candidate.classes.iter();
        parts.map(|(class, _, indices)| first(indices) * candidate.kept(*class, requests)).sum()
    };
    let mut requests = REQUESTS.0 * candidate.routes.len() as u64;
    while requests < REQUESTS.1 && stays(requests) > WORTH_KNOWING.powi(2) * rest.max(0.0) {
        requests *= 2;
    }
    let known: Vec<(&DriverIndices, f64)> = candidate
        .classes
        .iter()
        .map(|(class, _, indices)| (*indices, candidate.kept(*class, requests)))
        .collect();
    let learned = |(class, input, indices): &(TokenClass, &Input, &DriverIndices)| Learned {
        input: input.name.clone(),
        first: first(indices),
        kept: candidate.kept(*class, requests),
    };
    let (narrows, gsu_narrows) = range.by(&known);
    let each = candidate.usd_per_request();
    let worst = candidate.worst_usd(inputs)?;
    let usd_expected = each * requests as f64;
    let in_flight = worst * IN_FLIGHT.min(requests) as f64;
    let budget_usd = (usd_expected + in_flight).ceil();
    Some(Measurement {
        what: format!("tokens of {} on {}", place.model, place.endpoint),
        kind: MeasureKind::Calibration,
        requests,
        learns: candidate.classes.iter().map(learned).collect(),
        settles: candidate.questions.iter().map(|driver| driver.name.clone()).collect(),
        settles_usd: candidate.questions.iter().map(|driver| driver.size()).sum(),
        usd_per_request: each,
        usd_per_request_at_worst: worst,
        usd_expected,
        usd_at_worst: worst * requests as f64,
        budget_usd,
        range_usd: range.range_usd,
        range_usd_after: range.range_usd * (1.0 - narrows),
        narrows,
        gsu_narrows,
        command: format!("burndown calibrate WORKLOAD --from-plan PLAN --budget-usd {budget_usd} --out mine"),
        placement: Some(place),
    })
}

impl Candidate<'_> {
    /// Share of a class's variance that stays after so many requests, spread evenly over the routes.
    fn kept(&self, class: TokenClass, requests: u64) -> f64 {
        let each = requests as f64 / self.routes.len() as f64;
        let (mut before, mut after) = (0.0, 0.0);
        for Sampled { chosen: plan, .. } in &self.routes {
            let tokens = plan.per_request.as_ref().and_then(|request| request.tokens[class].as_ref());
            let Some(tokens) = tokens.filter(|tokens| tokens.mean > 0.0) else { continue };
            let usd: f64 = plan.months.iter().map(|spend| spend.usd[class]).sum();
            let deviation = usd * tokens.standard_error / tokens.mean;
            before += deviation;
            after += deviation * stays_of_mean(tokens, each).sqrt();
        }
        if before > 0.0 { (after / before).powi(2) } else { 1.0 }
    }

    /// Mean cost of a request when each route gets as many.
    fn usd_per_request(&self) -> f64 {
        let each = self.routes.iter().filter_map(|route| Some(route.sent.per_request.as_ref()?.usd_total));
        each.sum::<f64>() / self.routes.len() as f64
    }

    /// The dearest of its requests by contract; `None` where something has no price.
    fn worst_usd(&self, inputs: &Inputs<'_>) -> Option<f64> {
        let worst = |sampled: &Sampled<'_>| {
            let placement = &sampled.sent.placement;
            let facts = inputs.prices.facts(&placement.model)?;
            let prompt = prompt_tokens_max(&sampled.route.shape, facts.max_input_tokens);
            let prices = inputs.prices.prices(placement, inputs.workload.as_of, prompt).ok()?;
            let rates = ByClass::from_fn(|class| prices.rate(class));
            worst_usd(&rates, &facts.outputs, prompt, facts.max_output_tokens?).ok()?.0.to_f64()
        };
        self.routes.iter().map(worst).try_fold(0.0_f64, |most, usd| Some(most.max(usd?)))
    }
}

/// Share of the variance of a class's mean that stays after so many more requests: what is known now counts as
/// requests, as many as it takes to know as much.
fn stays_of_mean(tokens: &ClassTokens, requests: f64) -> f64 {
    let error = tokens.standard_error;
    let single = match (tokens.evidence.grade, tokens.evidence.n) {
        (Grade::Measured, Some(n)) => error * (n as f64).sqrt(),
        _ => (tokens.p95 - tokens.p05) / (2.0 * standard_normal_quantile(0.95)),
    };
    if error <= 0.0 {
        return 1.0;
    }
    if single <= 0.0 {
        // Requests that do not differ tell their number at once.
        return 0.0;
    }
    1.0 / (1.0 + requests * (error / single).powi(2))
}
