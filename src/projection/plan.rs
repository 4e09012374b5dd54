//! The plan: every route on every placement, the bill, GSUs, what may be wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    bill::{Bill, bill},
    distributions::{RouteDistributions, distributions},
    drivers::{Driver, VarianceStudy, drivers},
    gsu::{GsuPlan, gsu_plan},
    measure::{Measurement, measure_next},
    outlook::{Outlook, outlook},
    placement::{PlacementPlan, Status, plan_placement},
    ratios::{RouteRatios, ratios},
    scenarios::{ScenarioPlan, scenarios},
};
use crate::{
    calendar::{Day, horizon},
    capacity::CapacityBook,
    model::{Backend, Endpoint, ModelId, Placement, Tier, TokenClass},
    prices::{PriceBook, Source},
    tokens::TokenProfile,
    warning::Warning,
    workload::{Route, Workload},
};

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What will be sent.
    pub workload: &'a Workload,
    /// Prices and model life.
    pub prices: &'a PriceBook,
    /// Throughput and terms.
    pub capacity: &'a CapacityBook,
    /// Token profiles.
    pub tokens: &'a BTreeMap<(Backend, ModelId), TokenProfile>,
}

/// The hub of all outputs, written as `plan.json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// `burndown.plan/1`.
    #[schemars(extend("const" = "burndown.plan/1"))]
    pub schema: &'static str,
    /// What will be sent, defaults filled in.
    pub workload: Workload,
    /// Day of the price book.
    pub prices_checked: Day,
    /// Day of the capacity book.
    pub capacity_checked: Day,
    /// The bill of the chosen placements.
    pub bill: Bill,
    /// The months of the horizon.
    pub months: Vec<String>,
    /// Each route on each placement.
    pub routes: Vec<RoutePlan>,
    /// Shares of the bill by class, largest first.
    pub shares: Vec<ClassShare>,
    /// Provisioned throughput.
    pub gsu: GsuPlan,
    /// Inputs that move the bill, widest first; known unknowns among them.
    pub drivers: Vec<Driver>,
    /// Every placement over the one in the bill.
    pub ratios: Vec<RouteRatios>,
    /// How the tokens of single requests spread.
    pub distributions: Vec<RouteDistributions>,
    /// The study behind the drivers' parts in the variance.
    pub variance: VarianceStudy,
    /// The advised purchases and the cheapest GSU counts over the draws of the bill; `None` without a pool.
    pub outlook: Option<Outlook>,
    /// What would narrow the month's range, most first, and its price.
    pub measure_next: Vec<Measurement>,
    /// What bounds the traffic.
    pub limits: Limits,
    /// What-ifs beside it.
    pub scenarios: Vec<ScenarioPlan>,
    /// Where the facts behind these numbers were read, by the keys that rows and evidence name.
    pub sources: BTreeMap<String, Source>,
    /// What the reader should know, the same once.
    pub warnings: Vec<Warning>,
}

/// One route on all its placements.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RoutePlan {
    /// Its name.
    pub name: String,
    /// Index of the placement whose spend is in the bill.
    pub chosen: usize,
    /// All placements: today's model first, endpoints in the order given, standard tier first.
    pub placements: Vec<PlacementPlan>,
    /// Expected requests over the horizon.
    pub requests_total: f64,
}

impl RoutePlan {
    /// The placement whose spend is in the bill.
    pub fn chosen(&self) -> &PlacementPlan {
        &self.placements[self.chosen]
    }
}

/// A class's part of the bill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassShare {
    /// The class.
    pub class: TokenClass,
    /// Its part of the bill.
    pub share: f64,
}

/// What bounds the traffic.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Limits {
    /// Mean requests a minute in the busiest month.
    pub mean_requests_per_minute: f64,
    /// Requests a minute in the busiest hour of the week of that month.
    pub peak_requests_per_minute: f64,
    /// Largest spend of a month on the Developer API.
    pub developer_usd_per_month_max: f64,
    /// US dollars in the busiest ten minutes on the Developer API.
    pub developer_usd_per_10_minutes_max: f64,
    /// The lowest spend tier whose caps hold both, where one does.
    pub developer_tier_needed: Option<u32>,
    /// Whether a chosen model is without any PayGo throughput promise (the image models on Vertex).
    pub no_paygo_promise: Vec<ModelId>,
    /// Ends of the chosen models: model, endpoint, first possible day without service.
    pub ends: Vec<ModelEnd>,
}

/// When a chosen model ends.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ModelEnd {
    /// The model.
    pub model: ModelId,
    /// Where.
    pub endpoint: Endpoint,
    /// First possible day without service.
    pub end: Day,
    /// Announced, earliest or unconfirmed.
    pub kind: crate::prices::EndKind,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A route has no placement left.
    #[error("route `{route}` has no placement left:\n{reasons}\n\nhint: {hint}")]
    NoPlacementLeft {
        /// The route.
        route: String,
        /// One line per placement.
        reasons: String,
        /// What to do.
        hint: String,
    },
    /// No route has a request inside the horizon.
    #[error(
        "no route has a request between {first} and {last}\n\nhint: look at `start`, `launch`, `end` and `between`"
    )]
    NothingToSend {
        /// First day of the horizon.
        first: Day,
        /// Last day of the horizon.
        last: Day,
    },
    /// More cells than fit the memory of a laptop.
    #[error(
        "{cells} cells (routes × placements × months) are more than {CELLS_MAX}\n\nhint: fewer months, models or placements, or several workloads"
    )]
    TooLarge {
        /// Routes × placements × months.
        cells: usize,
    },
    /// Growth carries a route beyond any real traffic.
    #[error(
        "route `{route}` grows to {requests:e} requests in {month}, more than {REQUESTS_PER_MONTH_MAX:e}\n\nhint: is growth_per_month meant in percent? 0.05 is 5 % a month"
    )]
    GrowsBeyondBelief {
        /// The route.
        route: String,
        /// The month.
        month: String,
        /// Requests of that month.
        requests: f64,
    },
}

/// Most requests of a route in a month; above it a slip is likelier than the traffic.
const REQUESTS_PER_MONTH_MAX: f64 = 1e14;

/// Projects a workload over its horizon.
///
/// # Errors
///
/// When a route has no placement that can serve it on any day.
pub fn project(inputs: &Inputs<'_>) -> Result<Plan, ProjectError> {
    let workload = inputs.workload;
    let months = horizon(workload.start, workload.horizon_months);
    let mut routes = Vec::new();
    check_size(inputs, months.len())?;
    for route in &workload.routes {
        routes.push(plan_route(inputs, route, &months)?);
    }
    if routes.iter().all(|route| route.requests_total == 0.0) {
        let last = months[months.len() - 1].next.minus_day();
        return Err(ProjectError::NothingToSend { first: workload.start, last });
    }
    let (bill, worlds) = bill(inputs, &routes);
    let (gsu, lookups) = gsu_plan(inputs, &routes, &months);
    let outlook = outlook(&gsu, &lookups, &worlds);
    let drivers = drivers(inputs, &routes, &months, &lookups);
    let measure_next = measure_next(inputs, &routes, &bill, outlook.as_ref(), &drivers);
    let limits = limits(inputs, &routes, &months);
    let mut warnings = workload.warnings.clone();
    warnings.extend(inputs.prices.stale(workload.as_of));
    for route in &routes {
        warnings.extend(route.chosen().warnings.clone());
        warnings.extend(life_of_others(route));
    }
    warnings.extend(gsu.warnings.clone());
    warnings.extend(bill.cross_check());
    warnings.extend(bill.net.iter().flat_map(|net| net.warnings(months[months.len() - 1].next)));
    for route in routes.iter().filter(|route| route.requests_total == 0.0) {
        let (first, last) = (workload.start, months[months.len() - 1].next.minus_day());
        warnings.push(Warning::NoTraffic { route: route.name.clone(), first, last });
    }
    let mut seen = std::collections::BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    let plan = Plan {
        scenarios: Vec::new(),
        ratios: ratios(inputs, &routes),
        distributions: distributions(inputs, &routes),
        sources: sources(inputs, &routes),
        schema: "burndown.plan/1",
        workload: workload.clone(),
        prices_checked: inputs.prices.checked,
        capacity_checked: inputs.capacity.checked,
        shares: shares(&routes),
        months: months.iter().map(|month| month.label()).collect(),
        bill,
        routes,
        gsu,
        drivers: drivers.drivers,
        variance: drivers.study,
        outlook,
        measure_next,
        limits,
        warnings,
    };
    Ok(Plan { scenarios: scenarios(inputs, &plan), ..plan })
}

/// The sources that rows and evidence of the plan name.
fn sources(inputs: &Inputs<'_>, routes: &[RoutePlan]) -> BTreeMap<String, Source> {
    let mut found = BTreeMap::new();
    let mut note = |key: &String, book: &BTreeMap<String, Source>| {
        if let Some(source) = book.get(key) {
            found.insert(key.clone(), source.clone());
        }
    };
    for plan in routes.iter().flat_map(|route| &route.placements) {
        plan.rows.iter().flat_map(|row| &row.source).for_each(|key| note(key, &inputs.prices.sources));
        let model = &plan.placement.model;
        for backend in Backend::ALL {
            let Some(profile) = inputs.tokens.get(&(*backend, model.clone())) else { continue };
            let tokens = plan.per_request.iter().flat_map(|request| request.tokens.iter());
            let evidence = tokens.filter_map(|(_, tokens)| Some(&tokens.as_ref()?.evidence));
            evidence.flat_map(|evidence| &evidence.source).for_each(|key| note(key, &profile.sources));
        }
        for row in inputs.capacity.throughput.iter().filter(|row| row.model == *model) {
            row.source.iter().for_each(|key| note(key, &inputs.capacity.sources));
        }
    }
    for term in &inputs.capacity.terms {
        term.source.iter().for_each(|key| note(key, &inputs.capacity.sources));
    }
    found
}

/// Ends of today's model on placements that were not chosen: a reader who thinks of them must know.
fn life_of_others(route: &RoutePlan) -> Vec<Warning> {
    let today = &route.chosen().placement.model;
    let others = route.placements.iter().filter(|plan| plan.placement.model == *today);
    others
        .flat_map(|plan| plan.warnings.iter())
        .filter(|warning| matches!(warning, Warning::Gone { .. } | Warning::EndsInside { .. }))
        .cloned()
        .collect()
}

fn plan_route(
    inputs: &Inputs<'_>,
    route: &Route,
    months: &[crate::calendar::Month],
) -> Result<RoutePlan, ProjectError> {
    check_growth(route, months)?;
    let mut placements = Vec::new();
    for model in &route.models {
        for endpoint in &route.endpoints {
            for tier in tiers(inputs, route, model, endpoint) {
                let placement = Placement { model: model.clone(), endpoint: endpoint.clone(), tier };
                placements.push(plan_placement(inputs, route, placement, months));
            }
        }
    }
    let chosen = choose(route, &placements).ok_or_else(|| no_placement_left(route, &placements))?;
    let requests_total = months
        .iter()
        .enumerate()
        .map(|(at, month)| {
            let whole = crate::calendar::Stretch { first: month.first, next: month.next };
            super::pricing::requests_in(route, at, *month, whole)
        })
        .sum();
    Ok(RoutePlan { name: route.name.clone(), chosen, placements, requests_total })
}

/// Most routes × placements × months: about a gigabyte.
const CELLS_MAX: usize = 3_000_000;

fn check_growth(route: &Route, months: &[crate::calendar::Month]) -> Result<(), ProjectError> {
    for (at, month) in months.iter().enumerate() {
        let whole = crate::calendar::Stretch { first: month.first, next: month.next };
        let requests = super::pricing::requests_in(route, at, *month, whole);
        // Not a number is beyond belief, too.
        if requests.is_nan() || requests > REQUESTS_PER_MONTH_MAX {
            let (route, month) = (route.name.clone(), month.label());
            return Err(ProjectError::GrowsBeyondBelief { route, month, requests });
        }
    }
    Ok(())
}

fn check_size(inputs: &Inputs<'_>, months: usize) -> Result<(), ProjectError> {
    let placements = |route: &Route| -> usize {
        let pairs =
            route.models.iter().flat_map(|model| route.endpoints.iter().map(move |place| (model, place)));
        pairs.map(|(model, place)| tiers(inputs, route, model, place).len()).sum()
    };
    let cells = months * inputs.workload.routes.iter().map(placements).sum::<usize>();
    if cells > CELLS_MAX { Err(ProjectError::TooLarge { cells }) } else { Ok(()) }
}

/// The route's own tier first, then the other tiers that have a price.
fn tiers(inputs: &Inputs<'_>, route: &Route, model: &ModelId, endpoint: &Endpoint) -> Vec<Tier> {
    let mut tiers = vec![route.tier];
    let offered = inputs.prices.tiers(model, endpoint.backend());
    tiers.extend(offered.into_iter().filter(|tier| *tier != route.tier));
    tiers
}

/// Among the placements of the first model that has any left: those that serve longest, of these the
/// cheapest; flex and batch count where the route may wait.
fn choose(route: &Route, placements: &[PlacementPlan]) -> Option<usize> {
    let allowed = |tier: Tier| tier == route.tier || route.waiting_tiers.contains(&tier);
    let candidates = || {
        placements.iter().enumerate().filter(|(_, plan)| allowed(plan.placement.tier) && plan.status.serves())
    };
    for model in &route.models {
        let of_model = candidates().filter(|(_, plan)| plan.placement.model == *model);
        let best = of_model.min_by(|(_, a), (_, b)| {
            let longer = b.served_share.total_cmp(&a.served_share);
            longer.then(a.usd_per_served_month.total_cmp(&b.usd_per_served_month))
        });
        if let Some((at, _)) = best {
            return Some(at);
        }
    }
    None
}

fn no_placement_left(route: &Route, placements: &[PlacementPlan]) -> ProjectError {
    let reason = |plan: &PlacementPlan| match &plan.status {
        Status::Gone { end, .. } => format!("gone since {end}"),
        Status::NotYet { launch } => format!("not before {launch}"),
        Status::Impossible { reason } => reason.clone(),
        _ => "serves only on a tier that the route does not use".into(),
    };
    let own = placements.iter().filter(|plan| plan.placement.tier == route.tier);
    let reasons: Vec<String> = own.map(|plan| format!("  {}: {}", plan.placement, reason(plan))).collect();
    let successor = placements.iter().find_map(|plan| match &plan.status {
        Status::Gone { successor: Some(model), .. } => Some(model.to_string()),
        _ => None,
    });
    let hint = match successor {
        Some(model) => format!("compare its successor: models = [\"{model}\"]"),
        None => "add another model under `models`, or other `placements`".into(),
    };
    ProjectError::NoPlacementLeft { route: route.name.clone(), reasons: reasons.join("\n"), hint }
}

fn shares(routes: &[RoutePlan]) -> Vec<ClassShare> {
    let spends = || routes.iter().flat_map(|route| &route.chosen().months);
    let total: f64 = spends().map(|spend| spend.usd_total).sum();
    let of = |class: TokenClass| spends().map(|spend| spend.usd[class]).sum::<f64>();
    let mut shares: Vec<ClassShare> = TokenClass::ALL
        .iter()
        .map(|class| ClassShare { class: *class, share: if total > 0.0 { of(*class) / total } else { 0.0 } })
        .filter(|share| share.share > 0.0)
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}

fn limits(inputs: &Inputs<'_>, routes: &[RoutePlan], months: &[crate::calendar::Month]) -> Limits {
    let minutes = |at: usize| f64::from(months[at].days()) * 24.0 * 60.0;
    let rate = |route: &RoutePlan, at: usize| route.chosen().months[at].requests / minutes(at);
    let total_rate = |at: usize| routes.iter().map(|route| rate(route, at)).sum::<f64>();
    let busiest = (0..months.len()).max_by(|a, b| total_rate(*a).total_cmp(&total_rate(*b))).unwrap_or(0);
    let mut peak = 0.0_f64;
    let mut developer_10_minutes = 0.0_f64;
    for day in 0..7 {
        for hour in 0..24 {
            let load = |route: &Route| route.hour_weights[hour] * route.day_weights[day];
            let (mut requests, mut usd) = (0.0, 0.0);
            for (route, plan) in inputs.workload.routes.iter().zip(routes) {
                let here = rate(plan, busiest) * load(route);
                requests += here;
                if plan.chosen().placement.endpoint == Endpoint::Developer {
                    let each = plan.chosen().per_request.as_ref().map_or(0.0, |request| request.usd_total);
                    usd += here * 10.0 * each;
                }
            }
            peak = peak.max(requests);
            developer_10_minutes = developer_10_minutes.max(usd);
        }
    }
    let stated: f64 = inputs.workload.routes.iter().filter_map(|route| route.peak_requests_per_minute).sum();
    let developer = |at: usize| {
        let here = routes.iter().filter(|route| route.chosen().placement.endpoint == Endpoint::Developer);
        here.map(|route| route.chosen().months[at].usd_total).sum::<f64>()
    };
    let developer_month = (0..months.len()).map(developer).fold(0.0, f64::max);
    let needed = inputs.capacity.developer_tiers.iter().find(|tier| {
        tier.usd_per_month_max >= developer_month && tier.usd_per_10_minutes_max >= developer_10_minutes
    });
    Limits {
        mean_requests_per_minute: total_rate(busiest),
        peak_requests_per_minute: peak.max(stated),
        developer_usd_per_month_max: developer_month,
        developer_usd_per_10_minutes_max: developer_10_minutes,
        developer_tier_needed: needed.filter(|_| developer_month > 0.0).map(|tier| tier.tier),
        no_paygo_promise: image_models_on_vertex(inputs, routes),
        ends: ends(inputs, routes),
    }
}

/// Vertex's usage tiers do not cover the image models: they share best-effort capacity.
fn image_models_on_vertex(inputs: &Inputs<'_>, routes: &[RoutePlan]) -> Vec<ModelId> {
    let on_vertex = routes.iter().map(RoutePlan::chosen).filter(|plan| plan.placement.endpoint.is_vertex());
    let mut models: Vec<ModelId> = on_vertex
        .map(|plan| plan.placement.model.clone())
        .filter(|model| {
            inputs.prices.facts(model).is_some_and(|facts| facts.kind == crate::prices::ModelKind::Image)
        })
        .collect();
    models.sort();
    models.dedup();
    models
}

fn ends(inputs: &Inputs<'_>, routes: &[RoutePlan]) -> Vec<ModelEnd> {
    let mut ends: Vec<ModelEnd> = Vec::new();
    for plan in routes.iter().map(RoutePlan::chosen) {
        let (model, endpoint) = (&plan.placement.model, &plan.placement.endpoint);
        let life = inputs.prices.life(model, endpoint.backend());
        let Some((end, kind)) = life.and_then(|life| life.end) else { continue };
        let found = ModelEnd { model: model.clone(), endpoint: endpoint.clone(), end, kind };
        if !ends.contains(&found) {
            ends.push(found);
        }
    }
    ends
}
