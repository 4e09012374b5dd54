//! What changed between two plans, in dollars a month, split by cause.
//!
//! A route costs requests × Σ over classes of tokens × price. Each factor is swapped from the first plan's to
//! the second's, and its part is the average of what the swap adds over all orders in which the causes can be
//! swapped: the Shapley value (1953). The parts add up to the whole, no order is preferred, and the difference
//! the other way round has the same parts with the other sign.

mod facts;
mod parts;

use schemars::JsonSchema;
use serde::Serialize;

use super::saved::{SavedPlan, SavedSpread, SavedWarning};
use crate::model::{Endpoint, ModelId, Placement, TokenClass};

use facts::{assumptions, gsus, prices, tokens, warnings};
use parts::route_diffs;

/// Differences below this share of the larger bill are rounding.
const ROUNDING: f64 = 1e-9;

/// Why a route costs more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Requests a month: stated volume, growth, calendar.
    Requests,
    /// Another model, backend or tier is in the bill: it takes other tokens.
    PlacementTokens,
    /// Another model, backend or tier is in the bill: it has other prices.
    PlacementPrices,
    /// The same placement takes other tokens: its token profile changed.
    Tokens,
    /// The same placement has other prices: the price book changed, or a dated change falls elsewhere.
    Prices,
    /// The workload asks for something else: sizes, images, prompt, thinking, caching, negotiated factor.
    Assumptions,
    /// A route that only the second plan has.
    Added,
    /// A route that only the first plan has.
    Removed,
    /// In the bill, but in no route: commitments, credits.
    OutsideRoutes,
}

impl Cause {
    /// All of them, in the order of reports.
    pub const ALL: &'static [Cause] = &[
        Cause::Requests,
        Cause::PlacementTokens,
        Cause::PlacementPrices,
        Cause::Tokens,
        Cause::Prices,
        Cause::Assumptions,
        Cause::Added,
        Cause::Removed,
        Cause::OutsideRoutes,
    ];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Cause::Requests => "requests a month",
            Cause::PlacementTokens => "other placement's tokens",
            Cause::PlacementPrices => "other placement's prices",
            Cause::Tokens => "tokens per request",
            Cause::Prices => "prices",
            Cause::Assumptions => "what is asked for",
            Cause::Added => "routes added",
            Cause::Removed => "routes removed",
            Cause::OutsideRoutes => "outside the routes",
        }
    }
}

/// What changed between two plans.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Diff {
    /// `burndown.diff/1`.
    #[schemars(extend("const" = "burndown.diff/1"))]
    pub schema: &'static str,
    /// The first plan.
    pub before: Side,
    /// The second plan.
    pub after: Side,
    /// Change of the mean month, US dollars.
    pub change_usd_per_month: f64,
    /// The same over the first plan's mean month; `None` when that is nothing.
    pub change_share: Option<f64>,
    /// Causes with a part, in the order of [`Cause::ALL`]; they add up to the change.
    pub causes: Vec<Part>,
    /// Routes that changed, largest change first; with `outside_routes` they add up to the change.
    pub routes: Vec<RouteDiff>,
    /// Mean tokens per request that differ on the placements in the bill.
    pub tokens: Vec<TokenChange>,
    /// Prices that differ on a placement that both plans know.
    pub prices: Vec<PriceChange>,
    /// What the two workloads say differently, defaults included.
    pub assumptions: Vec<AssumptionChange>,
    /// GSUs by Google's form that differ.
    pub gsu: Vec<GsuChange>,
    /// Warnings that only the second plan has.
    pub warnings_new: Vec<SavedWarning>,
    /// Warnings that only the first plan has.
    pub warnings_gone: Vec<SavedWarning>,
    /// What the reader should know of this comparison.
    pub notes: Vec<String>,
}

impl Diff {
    /// Whether nothing that costs, is assumed or is warned of differs.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
            && self.routes.is_empty()
            && self.tokens.is_empty()
            && self.prices.is_empty()
            && self.assumptions.is_empty()
            && self.gsu.is_empty()
            && self.warnings_new.is_empty()
            && self.warnings_gone.is_empty()
            && self.before.month == self.after.month
    }
}

/// One of the two plans.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Side {
    /// As the user named it.
    pub name: String,
    /// The workload in it.
    pub workload: String,
    /// The mean month: US dollars and its 90 % range.
    pub month: SavedSpread,
    /// Cost of a request, US dollars.
    pub usd_per_request: f64,
    /// Requests a month, mean over the horizon.
    pub requests_per_month: f64,
    /// First and last month.
    pub horizon: [String; 2],
    /// False when something has no price.
    pub complete: bool,
}

/// A cause and its part of the change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Part {
    /// The cause.
    pub cause: Cause,
    /// US dollars of the mean month.
    pub usd_per_month: f64,
}

/// One route's change.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RouteDiff {
    /// The route.
    pub route: String,
    /// Its placement in the first plan; `None` when it is not there.
    pub before: Option<Placement>,
    /// Its placement in the second plan; `None` when it is not there.
    pub after: Option<Placement>,
    /// US dollars of the mean month in the first plan.
    pub usd_before: f64,
    /// US dollars of the mean month in the second plan.
    pub usd_after: f64,
    /// Their difference.
    pub change_usd_per_month: f64,
    /// Causes with a part; they add up to the difference.
    pub causes: Vec<Part>,
}

/// Mean tokens of a class that differ.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TokenChange {
    /// The route.
    pub route: String,
    /// The class.
    pub class: TokenClass,
    /// Mean per request in the first plan's bill.
    pub before: f64,
    /// Mean per request in the second plan's bill.
    pub after: f64,
    /// Standard error of the difference; 0 when both are stated without one.
    pub standard_error: f64,
    /// Why they differ: `assumptions` wherever the workload asks for something else, else `placement_tokens`
    /// where the placement moved, else `tokens`.
    pub cause: Cause,
    /// Two-sided p-value of the difference under a normal law; `None` when neither has an error, or when the
    /// workload asks for something else, which is no question of chance.
    pub p_value: Option<f64>,
    /// Whether it is beyond chance at 5 %, Bonferroni-corrected for the p-values of this comparison.
    pub beyond_chance: Option<bool>,
}

/// A price that differs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PriceChange {
    /// The placement.
    pub placement: Placement,
    /// The class.
    pub class: TokenClass,
    /// US dollars per million tokens in the first plan, mean over its horizon, negotiated factor left out.
    pub before_usd_per_mtok: f64,
    /// The same in the second plan.
    pub after_usd_per_mtok: f64,
}

/// A key that differs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AssumptionChange {
    /// The route, `None` for the whole workload.
    pub route: Option<String>,
    /// The key.
    pub key: String,
    /// In the first plan; `None` when it is not there.
    pub before: Option<String>,
    /// In the second plan.
    pub after: Option<String>,
}

/// GSUs by Google's form that differ.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GsuChange {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// In the first plan; `None` when it has no such pool.
    pub before: Option<u64>,
    /// In the second plan.
    pub after: Option<u64>,
}

/// Compares two plans, named as the user named them.
pub fn diff(before: (&str, &SavedPlan), after: (&str, &SavedPlan)) -> Diff {
    let (a, b) = (before.1, after.1);
    let change = b.bill.month.mean - a.bill.month.mean;
    let scale = b.bill.month.mean.max(a.bill.month.mean);
    let routes = route_diffs(a, b, scale * ROUNDING);
    let mut causes: Vec<Part> = Cause::ALL.iter().map(|cause| sum(&routes, *cause)).collect();
    let in_routes: f64 = routes.iter().map(|route| route.change_usd_per_month).sum();
    let outside = change - in_routes;
    if outside.abs() > scale * ROUNDING {
        causes.retain(|part| part.cause != Cause::OutsideRoutes);
        causes.push(Part { cause: Cause::OutsideRoutes, usd_per_month: outside });
    }
    causes.retain(|part| part.usd_per_month.abs() > scale * ROUNDING);
    let (warnings_new, warnings_gone) = warnings(a, b);
    Diff {
        schema: "burndown.diff/1",
        before: side(before.0, a),
        after: side(after.0, b),
        change_usd_per_month: change,
        change_share: (a.bill.month.mean > 0.0).then(|| change / a.bill.month.mean),
        causes,
        routes,
        tokens: tokens(a, b),
        prices: prices(a, b),
        assumptions: assumptions(a, b),
        gsu: gsus(a, b),
        warnings_new,
        warnings_gone,
        notes: notes(a, b),
    }
}

fn sum(routes: &[RouteDiff], cause: Cause) -> Part {
    let parts = routes.iter().flat_map(|route| &route.causes).filter(|part| part.cause == cause);
    Part { cause, usd_per_month: parts.map(|part| part.usd_per_month).sum() }
}

fn side(name: &str, plan: &SavedPlan) -> Side {
    let month = |at: Option<&String>| at.cloned().unwrap_or_default();
    Side {
        name: name.to_string(),
        workload: plan.workload.name.clone(),
        month: plan.bill.month,
        usd_per_request: plan.bill.usd_per_request,
        requests_per_month: plan.bill.requests_total / f64::from(plan.workload.horizon_months),
        horizon: [month(plan.months.first()), month(plan.months.last())],
        complete: plan.bill.complete,
    }
}

fn notes(a: &SavedPlan, b: &SavedPlan) -> Vec<String> {
    let mut notes = Vec::new();
    if a.months != b.months {
        notes.push(
            "the horizons differ: growth, launches and dated prices fall on other months, and count as requests and prices"
                .to_string(),
        );
    }
    for (which, plan) in [("first", a), ("second", b)] {
        if !plan.bill.complete {
            notes.push(format!("the {which} plan lacks a price: its bill is at least what is shown"));
        }
    }
    for route in &b.routes {
        let Some(was) = a.route(&route.name) else { continue };
        let (from, to) = (was.chosen().placement.get(), route.chosen().placement.get());
        if from != to && was.on(&to).is_none() && route.on(&from).is_none() {
            notes.push(format!(
                "route {}: neither plan prices the other's placement; what was learned or asked anew in between counts as the move",
                route.name
            ));
        }
    }
    notes
}
