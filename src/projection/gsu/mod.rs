//! Provisioned throughput for the workload: what every GSU count leaves to PayGo, what it costs, what to buy.

mod cheapest;
mod choice;
mod commitments;
mod demand;
mod form;
mod lookup;
mod money;
mod pool;
mod rules;
mod sizes;
mod spill;
mod together;
mod window_ends;

use rayon::prelude::*;
use rust_decimal::{Decimal, prelude::FromPrimitive};
use schemars::JsonSchema;
use serde::Serialize;

pub(in crate::projection) use self::lookup::{PoolLookup, PoolOutcome};
pub use self::{
    choice::LadderChoice,
    commitments::{CommitmentMonth, Commitments},
    form::{Blended, Form, FormEntry, FormLoad, LoadKind},
    money::{BestOfTerm, TermVerdict, Waiting},
    rules::{
        AdmissionAnswer, AdmissionQuestion, DrawnRequests, LearnedValue, OpenRule, RuleEnvelope, RuleValue,
    },
    sizes::{Assurance, CurveRow, HeatMap, RuleSize, SizeRule},
    spill::SpillTier,
    together::{Together, TogetherTerm},
    window_ends::{EndSize, WindowCase},
};
use self::{commitments::Sized, pool::pool};
use super::{
    placement::PlacementPlan,
    plan::{Inputs, RoutePlan},
};
use crate::{
    calendar::Month,
    capacity::{Ladder, LearnedRule, Rise, Sizing},
    model::{Endpoint, ModelId, Tier},
    warning::Warning,
    workload::Route,
};

/// Provisioned throughput for the workload.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GsuPlan {
    /// One pool per model and location that could take GSUs.
    pub pools: Vec<GsuPool>,
    /// One purchase for all models of a location.
    pub together: Vec<Together>,
    /// What orders that run and the advised purchases bind, by month.
    pub commitments: Commitments,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Routes that share GSUs: one model at one Vertex location.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GsuPool {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// Routes in it.
    pub routes: Vec<String>,
    /// Routes of the same model that may wait for days: they fill idle GSUs and are else paid at half price.
    pub waiting: Vec<String>,
    /// The busiest month, which is sized.
    pub month: String,
    /// The form's answer for that month's mean load.
    pub sizing: Sizing,
    /// That form, field by field.
    pub form: Form,
    /// Load of that month.
    pub load: Load,
    /// What every GSU count leaves in that month, and what it costs in the mean month.
    pub curve: Vec<CurveRow>,
    /// Where one GSU more leaves more: the window got shorter.
    pub rises: Vec<Rise>,
    /// Last counts of a window that gain room for another whole request.
    pub sweet_spots: Vec<u64>,
    /// Sizes by rule.
    pub sizes: Vec<RuleSize>,
    /// US dollars of the pool's chosen placements in the mean month: what GSUs would replace, waiting routes
    /// included.
    pub paygo_usd_per_month: f64,
    /// US dollars of PayGo per burn token.
    pub paygo_usd_per_burn: f64,
    /// The best count of each term.
    pub terms: Vec<TermVerdict>,
    /// What to order when: the ladder that is cheapest on average if demand comes at half, as planned or at
    /// twice.
    pub ladder: Option<Ladder>,
    /// How that and other ladders do at half and at twice the demand.
    pub regret: Option<LadderChoice>,
    /// Buying now against waiting a month.
    pub wait: Option<Waiting>,
    /// The least that keeps throttling below what the routes bear, where they say so.
    pub assurance: Option<Assurance>,
    /// Share left to PayGo by hour of the week at Google's count.
    pub heat_map: HeatMap,
    /// What the counts of the form, of 1 % left and of the ladder leave under rules of admission that are not
    /// documented; empty where the load is too heavy to be drawn request by request.
    pub rules: Vec<RuleEnvelope>,
    /// What production taught about the rules of admission, where it did: those that it excludes are open no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedRule>,
    /// How requests are admitted, question by question, and how that is known.
    pub admission: Vec<AdmissionAnswer>,
    /// The same money where what GSUs do not take is paid at another tier.
    pub spill_tiers: Vec<SpillTier>,
    /// The same at the shortest and the longest windows, where the documents give ranges; else empty.
    pub window_ends: Vec<WindowCase>,
    /// Where its throughput and the terms were read, by key.
    pub source: Vec<String>,
}

/// Load of the sized month.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Load {
    /// Requests a second.
    pub requests_per_second: f64,
    /// Requests a second in the busiest hour of the week.
    pub busiest_requests_per_second: f64,
    /// Mean, in GSUs before rounding.
    pub mean_gsu: f64,
    /// The busiest hour of the week, in GSUs.
    pub busiest_gsu: f64,
    /// Every hour of the week from Monday midnight, in GSUs.
    pub hours_gsu: Vec<f64>,
}

/// A route in a pool.
struct Member<'a> {
    route: &'a Route,
    /// Where GSUs would serve it.
    plan: &'a PlacementPlan,
    /// What it would cost otherwise.
    instead_of: &'a PlacementPlan,
    /// Where what GSUs do not take is paid: the same place, at the tier that the workload names.
    spill: &'a PlacementPlan,
    /// All placements of the route.
    placements: &'a [PlacementPlan],
}

/// A model at a location with its routes: those that cannot wait, those that may.
struct Group<'a> {
    model: ModelId,
    endpoint: Endpoint,
    online: Vec<Member<'a>>,
    waiting: Vec<Member<'a>>,
}

/// Sizes every pool of the workload.
///
/// Routes that are paid at half price make no pool of their own: batch takes no provisioned throughput, and no
/// GSU is cheaper than flex. They may fill what a pool of their model leaves idle.
///
/// Each pool comes with its look-up; a pool whose model has no term has none.
pub(super) fn gsu_plan(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    months: &[Month],
) -> (GsuPlan, Vec<Option<PoolLookup>>) {
    let mut warnings = Vec::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let pairs = || inputs.workload.routes.iter().zip(routes);
    let waits = |plan: &RoutePlan| matches!(plan.chosen().placement.tier, Tier::Batch | Tier::Flex);
    for (route, plan) in pairs().filter(|(_, plan)| !waits(plan)) {
        let Some(there) = vertex_placement(plan, plan.chosen().placement.tier) else { continue };
        let spill = spill::landing(route, plan, there, &mut warnings);
        let (instead_of, placements) = (plan.chosen(), &plan.placements[..]);
        let member = Member { route, plan: there, instead_of, spill, placements };
        let (model, endpoint) = (&there.placement.model, &there.placement.endpoint);
        match groups.iter_mut().find(|group| group.model == *model && group.endpoint == *endpoint) {
            Some(group) => group.online.push(member),
            None => groups.push(Group {
                model: model.clone(),
                endpoint: endpoint.clone(),
                online: vec![member],
                waiting: Vec::new(),
            }),
        }
    }
    // Only what may wait for a day or more finds idle hours; flex alone waits minutes.
    for (route, plan) in
        pairs().filter(|(route, plan)| waits(plan) && route.waiting_tiers.contains(&Tier::Batch))
    {
        let Some(there) = vertex_placement(plan, Tier::Standard) else { continue };
        let (model, endpoint) = (&there.placement.model, &there.placement.endpoint);
        if let Some(group) = groups.iter_mut().find(|g| g.model == *model && g.endpoint == *endpoint) {
            let (instead_of, placements) = (plan.chosen(), &plan.placements[..]);
            group.waiting.push(Member { route, plan: there, instead_of, spill: there, placements });
        }
    }
    let alone = |group: &Group<'_>| {
        let mut warnings = Vec::new();
        (pool(inputs, group, months, &mut warnings), warnings)
    };
    let found: Vec<(Option<Sized>, Vec<Warning>)> = groups.par_iter().map(alone).collect();
    let mut sized: Vec<Sized> = Vec::new();
    for (pool, of_pool) in found {
        sized.extend(pool);
        warnings.extend(of_pool);
    }
    let together = together::together(inputs.capacity, &sized);
    let commitments = commitments::commitments(inputs, routes, months, &sized, &mut warnings);
    let lookups = sized.iter_mut().map(|sized| sized.lookup.take()).collect();
    let pools = sized.into_iter().map(|sized| sized.pool).collect();
    (GsuPlan { pools, together, commitments, warnings }, lookups)
}

/// The placement whose traffic GSUs could take: the chosen one's location if it is on Vertex, else the chosen
/// model's cheapest there.
fn vertex_placement(route: &RoutePlan, tier: Tier) -> Option<&PlacementPlan> {
    let chosen = route.chosen();
    let online = |plan: &&PlacementPlan| {
        plan.placement.endpoint.is_vertex()
            && plan.placement.model == chosen.placement.model
            && plan.placement.tier == tier
            && plan.status.serves()
    };
    let candidates = route.placements.iter().filter(online);
    let same = candidates.clone().find(|plan| plan.placement.endpoint == chosen.placement.endpoint);
    same.or_else(|| candidates.min_by(|a, b| a.usd_total.total_cmp(&b.usd_total)))
}

/// Twelve decimals are far beyond what a mean of tokens knows.
fn decimal(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or_default().round_dp(12)
}

fn to_f64(value: Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or(f64::NAN)
}
