//! What-ifs beside the plan: each scenario planned whole, and held against the base by the same draws.
//!
//! Common random numbers: draw `k` of a scenario has the volume, growth, days and token means of draw `k` of the
//! base, so that what both share cancels and the range of the difference is that of what differs (Glasserman and
//! Yao 1992, "Some Guidelines and Guarantees for Common Random Numbers").

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    bill::Spread,
    diff::{Part, diff},
    placement::PlacementPlan,
    plan::{Inputs, Plan, RoutePlan, project},
    saved::SavedPlan,
    simulate::Law,
};
use crate::{
    model::{Endpoint, ModelId, Placement, Tier},
    warning::Warning,
    workload::{Route, Scenario},
};

/// A scenario and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScenarioPlan {
    /// Its name.
    pub name: String,
    /// The only route that it changes; `None` = every route.
    pub route: Option<String>,
    /// What it changes, as written.
    pub changes: Vec<String>,
    /// What comes of it; `None` when it cannot be planned.
    pub result: Option<ScenarioResult>,
    /// Why it cannot be planned.
    pub refused: Option<String>,
}

/// A scenario's bill, and its difference to the plan's own.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScenarioResult {
    /// The mean month: expected value and 90 % range, US dollars.
    pub month: Spread,
    /// Expected US dollars of the whole horizon.
    pub total_usd: f64,
    /// Mean cost of a request, US dollars.
    pub usd_per_request: f64,
    /// False when something has no price: the bill is then a lower bound.
    pub complete: bool,
    /// P(mean month > budget), where a budget is set.
    pub probability_over_budget: Option<f64>,
    /// Scenario less plan in the mean month, US dollars; its range is that of the difference of paired draws.
    pub change: Spread,
    /// The expected difference over the plan's mean month; `None` when that is nothing.
    pub change_share: Option<f64>,
    /// Share of the draws in which the scenario costs more.
    pub probability_dearer: f64,
    /// The expected difference by cause; the parts add up to it.
    pub causes: Vec<Part>,
    /// Where its routes are served and where they would be cheapest, and what GSUs are advised.
    pub facts: ScenarioFacts,
    /// Warnings that the plan itself does not have.
    pub warnings_new: Vec<Warning>,
}

/// Where routes are served, where they would be cheapest, what GSUs are advised.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScenarioFacts {
    /// Each route in the bill.
    pub in_the_bill: Vec<RoutePlace>,
    /// Each route at its cheapest among all models that are compared, on tiers that it may use, over at least as
    /// long as the one in the bill.
    pub cheapest: Vec<RoutePlace>,
    /// Each pool's advice.
    pub gsu: Vec<Advice>,
}

/// A route at a placement.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RoutePlace {
    /// The route.
    pub route: String,
    /// Index among the route's placements.
    pub at: usize,
    /// The placement.
    pub placement: Placement,
    /// Mean cost of a request, US dollars.
    pub usd_per_request: f64,
    /// Mean US dollars a month while it serves.
    pub usd_per_month: f64,
}

/// GSUs that are advised for a pool.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Advice {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// GSUs of the first order; 0 = buy none.
    pub gsu: u64,
    /// Name of its term; `None` when none is bought.
    pub term: Option<String>,
    /// What the advised orders save over the horizon as planned, US dollars.
    pub saving_usd: f64,
    /// What the first order binds, US dollars.
    pub bound_usd: f64,
    /// GSUs by Google's form.
    pub form_gsu: u64,
}

/// Plans the scenarios of a workload beside its plan.
pub(super) fn scenarios(inputs: &Inputs<'_>, base: &Plan) -> Vec<ScenarioPlan> {
    let list = &inputs.workload.scenarios;
    if list.is_empty() {
        return Vec::new();
    }
    let before = saved(base);
    list.iter().map(|scenario| one(inputs, base, before.as_ref(), scenario)).collect()
}

fn one(inputs: &Inputs<'_>, base: &Plan, before: Option<&SavedPlan>, scenario: &Scenario) -> ScenarioPlan {
    let planned = project(&Inputs { workload: &scenario.workload, ..*inputs });
    let (result, refused) = match planned {
        Ok(plan) => (Some(result(base, before, &plan)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    ScenarioPlan {
        name: scenario.name.clone(),
        route: scenario.route.clone(),
        changes: scenario.changes.clone(),
        result,
        refused,
    }
}

fn result(base: &Plan, before: Option<&SavedPlan>, plan: &Plan) -> ScenarioResult {
    let (a, b) = (&base.bill, &plan.bill);
    let change = b.month.mean - a.month.mean;
    let pairs = a.simulation.months_drawn.iter().zip(&b.simulation.months_drawn);
    let drawn: Vec<f64> = pairs.map(|(before, after)| after - before).collect();
    let dearer = drawn.iter().filter(|change| **change > 0.0).count() as f64 / drawn.len() as f64;
    let parts = before.zip(saved(plan)).map(|(a, b)| diff(("", a), ("", &b)).causes);
    let new = plan.warnings.iter().filter(|warning| !base.warnings.contains(warning));
    ScenarioResult {
        month: b.month,
        total_usd: b.total.mean,
        usd_per_request: b.usd_per_request,
        complete: b.complete,
        probability_over_budget: b.probability_over_budget,
        change: Law::of(drawn).spread(change),
        change_share: (a.month.mean > 0.0).then(|| change / a.month.mean),
        probability_dearer: dearer,
        causes: parts.unwrap_or_default(),
        facts: plan.facts(),
        warnings_new: new.cloned().collect(),
    }
}

/// As `diff` reads it.
fn saved(plan: &Plan) -> Option<SavedPlan> {
    SavedPlan::read(&serde_json::to_value(plan).ok()?).ok()
}

impl Plan {
    /// Where its routes are served and where they would be cheapest, and what GSUs are advised.
    pub fn facts(&self) -> ScenarioFacts {
        let pairs = || self.workload.routes.iter().zip(&self.routes);
        ScenarioFacts {
            in_the_bill: self.routes.iter().map(|route| place(route, route.chosen)).collect(),
            cheapest: pairs().map(|(route, plan)| place(plan, cheapest(route, plan))).collect(),
            gsu: self.gsu.pools.iter().map(advice).collect(),
        }
    }
}

fn place(route: &RoutePlan, at: usize) -> RoutePlace {
    let plan = &route.placements[at];
    RoutePlace {
        route: route.name.clone(),
        at,
        placement: plan.placement.clone(),
        usd_per_request: plan.per_request.as_ref().map_or(0.0, |request| request.usd_total),
        usd_per_month: plan.usd_per_served_month,
    }
}

/// The index of the placement that costs least a month.
fn cheapest(route: &Route, plan: &RoutePlan) -> usize {
    let allowed = |tier: Tier| tier == route.tier || route.waiting_tiers.contains(&tier);
    let fits = |other: &&(usize, &PlacementPlan)| {
        allowed(other.1.placement.tier)
            && other.1.status.serves()
            && other.1.per_request.as_ref().is_some_and(|request| request.complete)
            && other.1.served_share >= plan.chosen().served_share
    };
    let all: Vec<(usize, &PlacementPlan)> = plan.placements.iter().enumerate().collect();
    let best =
        all.iter().filter(fits).min_by(|a, b| a.1.usd_per_served_month.total_cmp(&b.1.usd_per_served_month));
    best.map_or(plan.chosen, |(at, _)| *at)
}

/// The first order of the advised list, where it saves money as planned.
fn advice(pool: &super::gsu::GsuPool) -> Advice {
    const AS_PLANNED: usize = 1;
    let saving = pool.regret.as_ref().map_or(0.0, |choice| choice.saving_usd[AS_PLANNED]);
    let first = pool.ladder.as_ref().and_then(|ladder| ladder.purchases.first()).filter(|_| saving > 0.0);
    let name = |term: &String| {
        let known = pool.terms.iter().find(|other| other.term == *term);
        known.map_or_else(|| term.clone(), |known| known.name.clone())
    };
    Advice {
        model: pool.model.clone(),
        endpoint: pool.endpoint.clone(),
        gsu: first.map_or(0, |order| order.gsu),
        term: first.map(|order| name(&order.term)),
        saving_usd: if first.is_some() { saving } else { 0.0 },
        bound_usd: first.map_or(0.0, |order| order.usd),
        form_gsu: pool.sizing.gsu,
    }
}
