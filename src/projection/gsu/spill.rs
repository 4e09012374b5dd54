//! What GSUs do not take is paid somewhere: at which tier, and what another tier would make of the purchase.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Member,
    money::{BestOfTerm, Costs, Money, PayGo},
};
use crate::{
    model::Tier,
    projection::{placement::PlacementPlan, plan::RoutePlan},
    warning::Warning,
    workload::Route,
};

/// Tiers that an overflow can land at, as the request header names them; batch takes no provisioned throughput.
const TIERS: [Tier; 3] = [Tier::Standard, Tier::Priority, Tier::Flex];

/// The pool's money if all of its traffic that GSUs do not take were paid at one tier, and all of it without
/// GSUs as well.
///
/// Provisioned throughput is bought for assurance, and so is priority: against it a GSU saves most.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SpillTier {
    /// The tier.
    pub tier: Tier,
    /// Whether it is where the workload's overflow lands, for every route of the pool.
    pub is_workloads: bool,
    /// PayGo alone at that tier, waiting routes at their own, US dollars in the mean month.
    pub paygo_usd_per_month: f64,
    /// US dollars of PayGo per burn token at that tier.
    pub usd_per_burn: f64,
    /// The best count of each term.
    pub terms: Vec<BestOfTerm>,
}

/// Where a route's overflow is paid: at the place of its GSUs, at the tier that the workload names.
pub(super) fn landing<'a>(
    route: &Route,
    plan: &'a RoutePlan,
    there: &'a PlacementPlan,
    warnings: &mut Vec<Warning>,
) -> &'a PlacementPlan {
    let Some(tier) = route.spill_tier else { return there };
    at_tier(&plan.placements, there, tier).unwrap_or_else(|| {
        warnings.push(Warning::SpillTierNotOffered {
            route: route.name.clone(),
            model: there.placement.model.clone(),
            endpoint: there.placement.endpoint.clone(),
            tier,
        });
        there
    })
}

/// The placement of the same model at the same place and another tier, if it serves and is priced as fully.
fn at_tier<'a>(
    placements: &'a [PlacementPlan],
    there: &PlacementPlan,
    tier: Tier,
) -> Option<&'a PlacementPlan> {
    let complete = |plan: &PlacementPlan| plan.per_request.as_ref().is_some_and(|request| request.complete);
    placements.iter().find(|plan| {
        plan.placement.model == there.placement.model
            && plan.placement.endpoint == there.placement.endpoint
            && plan.placement.tier == tier
            && plan.status.serves()
            && plan.served_share >= there.served_share
            && (complete(plan) || !complete(there))
    })
}

/// Every tier at which all routes of the pool can be paid.
pub(super) fn tiers(costs: &Costs<'_>, money: &Money, burn_total: f64) -> Vec<SpillTier> {
    let at = |tier: Tier| {
        let place = |member: &Member<'_>| at_tier(member.placements, member.plan, tier).is_some();
        if !costs.members.iter().all(place) {
            return None;
        }
        let plans = costs.members.iter().filter_map(|m| at_tier(m.placements, m.plan, tier));
        let paygo_usd = costs.mean_paygo_of(&money.left, &PayGo::at(plans.clone(), costs.months.len()));
        let usd_per_burn = plans.map(|plan| plan.usd_total).sum::<f64>() / burn_total;
        Some(SpillTier {
            tier,
            is_workloads: costs.members.iter().all(|member| member.spill.placement.tier == tier),
            paygo_usd_per_month: *paygo_usd.first()?,
            usd_per_burn,
            terms: costs.best_of_terms(&paygo_usd, usd_per_burn),
        })
    };
    TIERS.iter().filter_map(|tier| at(*tier)).collect()
}
