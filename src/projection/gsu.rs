//! Provisioned throughput on mean load: Google's form, and a bound on what a purchase could save.
//!
//! The bound takes traffic as perfectly even, which no purchase can beat: where even that saves nothing,
//! none does. The true curve over enforcement windows is not part of this module.

use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::Serialize;

use super::{
    placement::PlacementPlan,
    plan::{Inputs, RoutePlan},
};
use crate::{
    calendar::Month,
    capacity::{Query, Sizing, SizingError, Term, size},
    model::{ByClass, Endpoint, ModelId, Tier, TokenClass},
    warning::Warning,
};

/// Provisioned throughput for the workload.
#[derive(Clone, Debug, Serialize)]
pub struct GsuPlan {
    /// One pool per model and location that could take GSUs.
    pub pools: Vec<GsuPool>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Routes that share GSUs: one model at one Vertex location.
#[derive(Clone, Debug, Serialize)]
pub struct GsuPool {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// Routes in it.
    pub routes: Vec<String>,
    /// The busiest month, whose mean load is sized.
    pub month: String,
    /// The form's answer for that month's mean load.
    pub sizing: Sizing,
    /// US dollars of the pool's chosen placements in the mean month: what GSUs would replace.
    pub paygo_usd_per_month: f64,
    /// The same per burn token.
    pub paygo_usd_per_burn: f64,
    /// What each term could save at best.
    pub terms: Vec<TermVerdict>,
    /// Where its throughput and the terms were read, by key.
    pub source: Vec<String>,
}

/// What a term could save if traffic were perfectly even.
#[derive(Clone, Debug, Serialize)]
pub struct TermVerdict {
    /// The term's id.
    pub term: String,
    /// Its name.
    pub name: String,
    /// Share of all hours one GSU must be busy to pay for itself.
    pub break_even: f64,
    /// GSUs with the largest bound; 0 when none can pay.
    pub gsu: u64,
    /// Upper bound of the saving, US dollars a month.
    pub saving_bound_usd_per_month: f64,
    /// What an order of that count binds for the whole term, US dollars.
    pub bound_usd: f64,
    /// Price of the form's answer, US dollars a month.
    pub form_usd_per_month: f64,
}

/// Sizes every pool of the workload.
///
/// Routes that wait at half price stay out: batch takes no provisioned throughput, and no GSU is cheaper
/// than flex.
pub(super) fn gsu_plan(inputs: &Inputs<'_>, routes: &[RoutePlan], months: &[Month]) -> GsuPlan {
    let mut warnings = Vec::new();
    let mut pools: Vec<(ModelId, Endpoint, Vec<Member<'_>>)> = Vec::new();
    for route in routes {
        if matches!(route.chosen().placement.tier, Tier::Batch | Tier::Flex) {
            continue;
        }
        let Some(plan) = vertex_placement(route) else { continue };
        let member = Member { name: &route.name, plan, instead_of: route.chosen() };
        let (model, endpoint) = (&plan.placement.model, &plan.placement.endpoint);
        match pools.iter_mut().find(|(other, place, _)| other == model && place == endpoint) {
            Some(pool) => pool.2.push(member),
            None => pools.push((model.clone(), endpoint.clone(), vec![member])),
        }
    }
    let sized = pools
        .into_iter()
        .filter_map(|(model, endpoint, members)| {
            pool(inputs, model, endpoint, &members, months, &mut warnings)
        })
        .collect();
    GsuPlan { pools: sized, warnings }
}

/// A route in a pool.
struct Member<'a> {
    name: &'a str,
    /// Where GSUs would serve it.
    plan: &'a PlacementPlan,
    /// What it would cost otherwise.
    instead_of: &'a PlacementPlan,
}

/// The placement whose traffic GSUs could take: the chosen one if it is on Vertex, else the chosen model's
/// cheapest there.
fn vertex_placement(route: &RoutePlan) -> Option<&PlacementPlan> {
    let chosen = route.chosen();
    let online = |plan: &&PlacementPlan| {
        plan.placement.endpoint != Endpoint::Developer
            && plan.placement.model == chosen.placement.model
            && plan.placement.tier == chosen.placement.tier
            && plan.status.serves()
    };
    let candidates = route.placements.iter().filter(online);
    let same = candidates.clone().find(|plan| plan.placement.endpoint == chosen.placement.endpoint);
    same.or_else(|| candidates.min_by(|a, b| a.usd_total.total_cmp(&b.usd_total)))
}

fn pool(
    inputs: &Inputs<'_>,
    model: ModelId,
    endpoint: Endpoint,
    members: &[Member<'_>],
    months: &[Month],
    warnings: &mut Vec<Warning>,
) -> Option<GsuPool> {
    let requests = |at: usize| members.iter().map(|member| member.plan.months[at].requests).sum::<f64>();
    let per_second = |at: usize| requests(at) / (f64::from(months[at].days()) * 86_400.0);
    let busiest = (0..months.len()).max_by(|a, b| per_second(*a).total_cmp(&per_second(*b)))?;
    if requests(busiest) <= 0.0 {
        return None;
    }
    let query = Query {
        model: model.clone(),
        queries_per_second: decimal(per_second(busiest)),
        tokens: blended(members, busiest),
        cached_share: Decimal::ZERO,
    };
    let global = endpoint.location().is_some_and(|location| location.is_global());
    let sizing = match size(inputs.capacity, &query, inputs.workload.start, global) {
        Ok(sizing) => sizing,
        Err(SizingError::NoThroughput { model, .. }) => {
            warnings.push(Warning::NoThroughput { model });
            return None;
        }
        Err(error) => {
            warnings.push(Warning::NotSized { model, why: error.to_string() });
            return None;
        }
    };
    warnings.extend(sizing.warnings.clone());
    let burn = to_f64(sizing.burn_per_request);
    let usd_total: f64 = members.iter().map(|member| member.instead_of.usd_total).sum();
    let requests_total: f64 = (0..months.len()).map(requests).sum();
    let paygo_usd_per_burn = usd_total / (requests_total * burn);
    let load = |at: usize| per_second(at) * burn / to_f64(sizing.throughput_per_gsu);
    let loads: Vec<f64> = (0..months.len()).map(load).collect();
    let value = to_f64(sizing.throughput_per_gsu) * 3600.0 * paygo_usd_per_burn;
    let terms: Vec<TermVerdict> = inputs
        .capacity
        .terms
        .iter()
        .map(|term| verdict(inputs, term, &sizing, &loads, months, value, global))
        .collect();
    warnings.extend(outlived(inputs, &model, &endpoint, &terms));
    Some(GsuPool {
        routes: members.iter().map(|member| member.name.to_string()).collect(),
        month: months[busiest].label(),
        paygo_usd_per_month: usd_total / months.len() as f64,
        paygo_usd_per_burn,
        source: sources(inputs, &model),
        terms,
        sizing,
        model,
        endpoint,
    })
}

/// Keys of the sources of a model's throughput and of all terms, each once.
fn sources(inputs: &Inputs<'_>, model: &ModelId) -> Vec<String> {
    let throughput = inputs.capacity.throughput.iter().filter(|row| row.model == *model);
    let keys = throughput.flat_map(|row| &row.source);
    let mut found: Vec<String> = Vec::new();
    for key in keys.chain(inputs.capacity.terms.iter().flat_map(|term| &term.source)) {
        if !found.contains(key) {
            found.push(key.clone());
        }
    }
    found
}

/// Terms that could pay but end after their model may.
fn outlived(
    inputs: &Inputs<'_>,
    model: &ModelId,
    endpoint: &Endpoint,
    terms: &[TermVerdict],
) -> Vec<Warning> {
    let life = inputs.prices.life(model, endpoint.backend());
    let Some((end, _)) = life.and_then(|life| life.end) else { return Vec::new() };
    let start = inputs.workload.start;
    let last = |verdict: &TermVerdict| {
        let term = inputs.capacity.terms.iter().find(|term| term.id == verdict.term);
        match term.and_then(|term| term.months()) {
            Some(months) => start.plus_months(months),
            None => start.plus_days(7),
        }
    };
    let paying = terms.iter().filter(|term| term.gsu > 0 && last(term) > end);
    paying
        .map(|term| Warning::TermOutlivesModel { model: model.clone(), term: term.name.clone(), start, end })
        .collect()
}

/// Mean tokens per query over the pool's routes, weighted by requests.
fn blended(members: &[Member<'_>], month: usize) -> ByClass<Decimal> {
    let total: f64 = members.iter().map(|member| member.plan.months[month].requests).sum();
    ByClass::from_fn(|class: TokenClass| {
        let sum: f64 = members
            .iter()
            .map(|member| {
                let request = member.plan.per_request.as_ref();
                let tokens = request.and_then(|request| request.tokens[class].as_ref());
                member.plan.months[month].requests * tokens.map_or(0.0, |tokens| tokens.mean)
            })
            .sum();
        decimal(sum / total)
    })
}

/// `value` is what one GSU-hour at full use would cost on PayGo.
fn verdict(
    inputs: &Inputs<'_>,
    term: &Term,
    sizing: &Sizing,
    loads: &[f64],
    months: &[Month],
    value: f64,
    global: bool,
) -> TermVerdict {
    let factor = if global { 1.0 } else { to_f64(term.non_global_factor.value()) };
    let price = term.usd_per_gsu_hour.to_f64() * factor * inputs.workload.price_factors.gsu_hours;
    let saving = |gsu: u64| -> f64 {
        let each = loads.iter().zip(months).map(|(load, month)| {
            let hours = f64::from(month.days()) * 24.0;
            hours * (load.min(gsu as f64) * value - gsu as f64 * price)
        });
        each.sum::<f64>() / months.len() as f64
    };
    // Concave in the count, so a handful of counts around each month's load hold the best one.
    let mut counts: Vec<u64> =
        loads.iter().flat_map(|load| [load.floor() as u64, load.ceil() as u64]).collect();
    counts.push(0);
    counts.sort();
    counts.dedup();
    let best =
        counts.into_iter().max_by(|a, b| saving(*a).total_cmp(&saving(*b)).then(b.cmp(a))).unwrap_or(0);
    TermVerdict {
        term: term.id.clone(),
        name: term.name.clone(),
        break_even: price / value,
        gsu: best,
        saving_bound_usd_per_month: saving(best).max(0.0),
        bound_usd: best as f64 * price * term.hours() as f64,
        form_usd_per_month: sizing.gsu as f64 * price * crate::units::HOURS_PER_MONTH,
    }
}

/// Twelve decimals are far beyond what a mean of tokens knows.
fn decimal(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or_default().round_dp(12)
}

fn to_f64(value: Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or(f64::NAN)
}
