//! How the tokens of single requests spread, class by class, as far as it is known.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    placement::{PerRequest, PlacementPlan},
    plan::{Inputs, RoutePlan},
};
use crate::{
    model::{Backend, Grade, Placement, TokenClass},
    stats::quantile,
    tokens::{RequestKind, TokenProfile, sampled_tokens, whole_answers},
    workload::Route,
};

/// The distributions of one route.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RouteDistributions {
    /// The route.
    pub route: String,
    /// Models and backends at the tier of the placement in the bill, that one first; locations and tiers of a
    /// backend take the same tokens and stand here once.
    pub placements: Vec<PlacementDistributions>,
}

/// What requests of one placement take.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlacementDistributions {
    /// The placement.
    pub placement: Placement,
    /// Its classes; what was seen of whole answers last.
    pub parts: Vec<Distribution>,
}

/// Tokens of single requests.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Distribution {
    /// The class; `None` for the output of whole answers: images, text and thinking together.
    pub class: Option<TokenClass>,
    /// What it rests on.
    pub basis: Basis,
    /// 5 % of requests take fewer.
    pub p05: f64,
    /// The middle request.
    pub p50: f64,
    /// 5 % of requests take more.
    pub p95: f64,
    /// Answers by tokens, ascending; empty unless it rests on answers that differ.
    pub bins: Vec<Bin>,
    /// How it is known.
    pub grade: Grade,
    /// Answers it rests on.
    pub answers: Option<u64>,
}

/// What a distribution rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Answers that were seen, and differ.
    Answers,
    /// A range that is documented, assumed or was measured elsewhere: its shape is not known.
    Range,
    /// The same in every request, or nothing else was seen.
    Constant,
}

/// Answers with `from` to `to` tokens; equal where they are a single number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Bin {
    /// Least tokens.
    pub from: f64,
    /// Most tokens.
    pub to: f64,
    /// Answers.
    pub answers: u64,
}

/// Most bins of a distribution.
const BINS_MAX: usize = 40;

/// The distributions of every route.
pub(super) fn distributions(inputs: &Inputs<'_>, routes: &[RoutePlan]) -> Vec<RouteDistributions> {
    let pairs = inputs.workload.routes.iter().zip(routes);
    pairs.map(|(route, plan)| of_route(inputs, route, plan)).collect()
}

fn of_route(inputs: &Inputs<'_>, route: &Route, plan: &RoutePlan) -> RouteDistributions {
    let chosen = plan.chosen();
    let mut shown: Vec<&PlacementPlan> = Vec::new();
    for other in std::iter::once(chosen).chain(&plan.placements) {
        let same_tokens = |one: &&PlacementPlan| {
            one.placement.model == other.placement.model
                && one.placement.endpoint.backend() == other.placement.endpoint.backend()
        };
        if other.placement.tier == chosen.placement.tier && !shown.iter().any(same_tokens) {
            shown.push(other);
        }
    }
    let of = |plan: &&PlacementPlan| {
        let request = plan.per_request.as_ref()?;
        let parts = parts(request, profile_of(inputs, &plan.placement), route);
        Some(PlacementDistributions { placement: plan.placement.clone(), parts })
    };
    RouteDistributions { route: plan.name.clone(), placements: shown.iter().filter_map(of).collect() }
}

/// The profile of this backend, or the one that stands in for it.
fn profile_of<'a>(inputs: &Inputs<'a>, placement: &Placement) -> Option<&'a TokenProfile> {
    let own = placement.endpoint.backend();
    let backends =
        std::iter::once(own).chain(Backend::ALL.iter().copied().filter(move |other| *other != own));
    backends.into_iter().find_map(|backend| inputs.tokens.get(&(backend, placement.model.clone())))
}

fn parts(request: &PerRequest, profile: Option<&TokenProfile>, route: &Route) -> Vec<Distribution> {
    let mut parts = Vec::new();
    for (class, tokens) in request.tokens.iter() {
        let Some(tokens) = tokens else { continue };
        let seen = profile.and_then(|profile| sampled_tokens(profile, &route.shape, class));
        parts.push(Distribution {
            class: Some(class),
            basis: if tokens.p05 < tokens.p95 { Basis::Range } else { Basis::Constant },
            p05: tokens.p05,
            p50: tokens.p50,
            p95: tokens.p95,
            bins: Vec::new(),
            grade: tokens.evidence.grade,
            answers: tokens.evidence.n,
        });
        if let (Some(part), Some(seen)) = (parts.last_mut(), seen) {
            rest_on(part, seen);
        }
    }
    let whole = profile.and_then(|profile| {
        let cell = profile.cell(RequestKind::of(route.shape.input_images.len()))?;
        Some((cell.grade, whole_answers(profile, &route.shape).filter(|seen| !seen.is_empty())?))
    });
    if let Some((grade, seen)) = whole {
        let (answers, basis) = (Some(seen.len() as u64), Basis::Constant);
        let (p05, p50, p95) = (0.0, 0.0, 0.0);
        let mut part = Distribution { class: None, basis, p05, p50, p95, bins: Vec::new(), grade, answers };
        rest_on(&mut part, seen);
        parts.push(part);
    }
    parts
}

/// Describes answers that were seen, in place of a range.
fn rest_on(part: &mut Distribution, mut seen: Vec<f64>) {
    seen.sort_by(f64::total_cmp);
    let at = |p: f64| quantile(&seen, p).unwrap_or_default();
    (part.p05, part.p50, part.p95) = (at(0.05), at(0.5), at(0.95));
    part.answers = Some(seen.len() as u64);
    part.bins = bins(&seen);
    part.basis = if part.bins.len() > 1 { Basis::Answers } else { Basis::Constant };
    if part.basis == Basis::Constant {
        part.bins.clear();
    }
}

/// Every number by itself, or bins of equal width where there are too many.
fn bins(sorted: &[f64]) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    for value in sorted {
        match bins.last_mut() {
            Some(bin) if bin.to == *value => bin.answers += 1,
            _ => bins.push(Bin { from: *value, to: *value, answers: 1 }),
        }
    }
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return bins };
    if bins.len() <= BINS_MAX {
        return bins;
    }
    let width = (last - first) / BINS_MAX as f64;
    let edge = |at: usize| first + width * at as f64;
    let mut wide: Vec<Bin> =
        (0..BINS_MAX).map(|at| Bin { from: edge(at), to: edge(at + 1), answers: 0 }).collect();
    for bin in bins {
        let at = ((bin.from - first) / width) as usize;
        wide[at.min(BINS_MAX - 1)].answers += bin.answers;
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_numbers_stand_by_themselves() {
        let found = bins(&[0.0, 0.0, 155.0]);
        let expected = [(0.0, 2), (155.0, 1)].map(|(at, answers)| Bin { from: at, to: at, answers });
        assert_eq!(found, expected);
        assert!(bins(&[]).is_empty());
    }

    #[test]
    fn many_numbers_share_bins_and_none_is_lost() {
        let seen: Vec<f64> = (0..1_000).map(|at| f64::from(at) * 1.5 + 7.0).collect();
        let found = bins(&seen);
        assert_eq!(found.len(), BINS_MAX);
        assert_eq!(found.iter().map(|bin| bin.answers).sum::<u64>(), 1_000);
        assert!(found.iter().all(|bin| bin.answers.abs_diff(25) <= 1), "{found:?}");
        assert_eq!((found[0].from, found[BINS_MAX - 1].to), (7.0, 1_505.5));
    }
}
