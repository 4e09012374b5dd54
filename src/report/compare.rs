//! Every placement that can serve a route, side by side, with what is known of each.

use schemars::JsonSchema;
use serde::Serialize;

use super::screen::evidence;
use crate::{
    model::{ByClass, Placement},
    projection::{
        Compared, Missing, PlacementPlan, PlacementRatios, Plan, Ratio, RoutePlan, RouteRatios, Seen, Status,
    },
    stats::LogNormal,
};

/// The comparison of a whole workload.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Comparison {
    /// `burndown.compare/1`.
    #[schemars(extend("const" = "burndown.compare/1"))]
    pub schema: &'static str,
    /// The workload.
    pub workload: String,
    /// Each route.
    pub routes: Vec<RouteComparison>,
    /// What every reader must know of such a table.
    pub remarks: Vec<String>,
}

/// The comparison of one route.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RouteComparison {
    /// The route.
    pub route: String,
    /// What the others are compared with: the placement in the bill.
    pub today: Placement,
    /// All placements, cheapest first, those that cannot serve last.
    pub rows: Vec<Row>,
}

/// One placement.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Row {
    /// The placement.
    pub placement: Placement,
    /// Why it cannot serve, or until when it does.
    pub remark: Option<String>,
    /// Mean tokens by class; `None` when it cannot be priced.
    pub tokens: Option<ByClass<f64>>,
    /// US dollars per request: mean, 5 % and 95 %, from tokens alone.
    pub usd_per_request: Option<Interval>,
    /// US dollars per accepted image, where the workload says how many tries one takes.
    pub usd_per_accepted: Option<f64>,
    /// US dollars a month while it serves.
    pub usd_per_month: Option<f64>,
    /// Cost over today's, with its 90 % range.
    pub ratio: Option<Interval>,
    /// Tokens over today's, with their 90 % range.
    pub tokens_ratio: Option<Interval>,
    /// Why there is no ratio of cost, where there is none.
    pub no_ratio: Option<Missing>,
    /// Whether the range of the ratio contains 1: then the two cannot be told apart.
    pub undecided: bool,
    /// Part of the difference per request that each class makes, US dollars.
    pub difference_by_class: Option<ByClass<f64>>,
    /// How the costly classes are known.
    pub evidence: String,
    /// What answers of this kind were seen.
    pub seen: Option<Seen>,
    /// What is refused or differs there.
    pub behaviours: Vec<String>,
}

/// Mean and 90 % range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Interval {
    /// Expected value.
    pub mean: f64,
    /// 5 % lie below.
    pub p05: f64,
    /// 5 % lie above.
    pub p95: f64,
}

/// Compares all placements of a plan.
pub fn compare(plan: &Plan) -> Comparison {
    let routes: Vec<RouteComparison> = plan
        .routes
        .iter()
        .zip(&plan.workload.routes)
        .map(|(route, workload)| RouteComparison {
            route: route.name.clone(),
            today: route.chosen().placement.clone(),
            rows: rows(
                route,
                workload.tries_per_accepted.map(|tries| tries.mean()),
                plan.ratios.iter().find(|ratios| ratios.route == route.name),
            ),
        })
        .collect();
    let mut remarks = vec![
        "ranges come from tokens alone, at the same prices and volume".to_string(),
        "a profile of the Developer API does not predict Vertex: the backends count differently".to_string(),
    ];
    if routes.iter().flat_map(|route| &route.rows).any(|row| row.undecided) {
        remarks.push("~ = the 90 % range of the ratio contains 1: the two cannot be told apart yet".into());
    }
    Comparison { schema: "burndown.compare/1", workload: plan.workload.name.clone(), routes, remarks }
}

fn rows(route: &RoutePlan, tries: Option<f64>, ratios: Option<&RouteRatios>) -> Vec<Row> {
    let today = route.chosen();
    let mut rows: Vec<(f64, Row)> = route
        .placements
        .iter()
        .map(|plan| {
            let row = row(plan, today, tries, ratios);
            let cost =
                row.usd_per_request.filter(|_| plan.status.serves()).map_or(f64::INFINITY, |cost| cost.mean);
            (cost, row)
        })
        .collect();
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row(plan: &PlacementPlan, today: &PlacementPlan, tries: Option<f64>, ratios: Option<&RouteRatios>) -> Row {
    let request = plan.per_request.as_ref();
    let cost = request.map(|request| interval(request.usd_total, request.usd_standard_error));
    let is_today = plan.placement == today.placement;
    let other =
        ratios.and_then(|ratios| ratios.placements.iter().find(|other| other.placement == plan.placement));
    let itself = is_today.then_some(Interval { mean: 1.0, p05: 1.0, p95: 1.0 });
    let interval_of = |compared: fn(&PlacementRatios) -> &Compared| {
        itself.or_else(|| Some(Interval::of(compared(other?).ratio?)))
    };
    let ratio = interval_of(|other| &other.usd);
    Row {
        remark: match &plan.status {
            Status::Served => is_today.then(|| "in the bill".to_string()),
            Status::EndsInside { end, .. } => Some(format!("ends {end}")),
            Status::Gone { end, .. } => Some(format!("gone since {end}")),
            Status::NotYet { launch } => Some(format!("not before {launch}")),
            Status::Impossible { reason } => Some(reason.clone()),
        },
        tokens: request.map(|request| {
            ByClass::from_fn(|class| request.tokens[class].as_ref().map_or(0.0, |tokens| tokens.mean))
        }),
        usd_per_accepted: tries.zip(cost).map(|(tries, cost)| tries * cost.mean),
        usd_per_request: cost,
        usd_per_month: plan.status.serves().then_some(plan.usd_per_served_month),
        undecided: !is_today && ratio.is_some_and(|ratio| ratio.p05 < 1.0 && 1.0 < ratio.p95),
        difference_by_class: request
            .zip(today.per_request.as_ref())
            .map(|(here, there)| ByClass::from_fn(|class| here.usd[class] - there.usd[class])),
        ratio,
        tokens_ratio: interval_of(|other| &other.tokens),
        no_ratio: other.and_then(|other| other.usd.missing),
        evidence: request.map(evidence).unwrap_or_else(|| "–".into()),
        seen: request.and_then(|request| request.seen.clone()),
        behaviours: request
            .map(|request| request.behaviours.iter().map(|behaviour| behaviour.text.clone()).collect())
            .unwrap_or_default(),
        placement: plan.placement.clone(),
    }
}

fn interval(mean: f64, standard_error: f64) -> Interval {
    let law = LogNormal::new(mean, standard_error);
    Interval { mean, p05: law.quantile(0.05), p95: law.quantile(0.95) }
}

impl Interval {
    fn of(ratio: Ratio) -> Interval {
        Interval { mean: ratio.mean, p05: ratio.p05, p95: ratio.p95 }
    }
}
