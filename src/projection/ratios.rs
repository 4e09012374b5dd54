//! Every placement over the one in the bill: dollars and tokens of a request, with 90 % ranges.
//!
//! The point is the quotient of the plan's own means. The range comes from joint draws of what is not known of
//! either profile ([`TokenDoubt`]): one model on one backend errs the same way wherever it is called and
//! however it is paid, so that such a ratio is exact. What the workload states is the same on both sides and
//! adds nothing to the range.

use std::collections::BTreeMap;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    placement::{PerRequest, PlacementPlan},
    plan::{Inputs, RoutePlan},
    simulate::DRAWS,
};
use crate::{
    model::{Backend, ByClass, Grade, ModelId, Placement, Shape, TokenClass},
    stats::{CAP_WEIGHT, quantile},
    tokens::{ClassTokens, TokenDoubt, expect},
    units::Range,
    workload::Route,
};

/// One route's placements over the one in its bill.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RouteRatios {
    /// The route.
    pub route: String,
    /// What the others are divided by: the placement in the bill.
    pub reference: Placement,
    /// The other placements, in the order of the plan.
    pub placements: Vec<PlacementRatios>,
}

/// One placement over the reference.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlacementRatios {
    /// The placement.
    pub placement: Placement,
    /// US dollars of a request.
    pub usd: Compared,
    /// Tokens of a request, all classes together.
    pub tokens: Compared,
    /// Each class that either of the two takes. Given at the reference's tier; the other tiers of a model take
    /// the same tokens.
    pub classes: Vec<ClassRatios>,
}

/// One class of a placement over that of the reference.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassRatios {
    /// The class.
    pub class: TokenClass,
    /// Tokens of a request.
    pub tokens: Compared,
    /// US dollars of a request.
    pub usd: Compared,
}

/// A ratio and how it is known, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Compared {
    /// The ratio.
    pub ratio: Option<Ratio>,
    /// Why there is none; `None` where there is one.
    pub missing: Option<Missing>,
    /// The weaker grade of the two sides.
    pub grade: Grade,
    /// Fewest answers among the classes that were measured on either side; `None` where the grade is weaker.
    pub answers: Option<u64>,
}

/// A quotient with its 90 % range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Ratio {
    /// Quotient of the two means.
    pub mean: f64,
    /// 5 % of the draws lie below.
    pub p05: f64,
    /// 5 % of the draws lie above.
    pub p95: f64,
}

impl Ratio {
    /// Whether the range contains 1: then the two cannot be told apart.
    ///
    /// ```
    /// # use burndown::projection::Ratio;
    /// assert!(Ratio { mean: 1.02, p05: 0.98, p95: 1.05 }.undecided());
    /// assert!(!Ratio { mean: 0.5, p05: 0.5, p95: 0.5 }.undecided());
    /// ```
    pub fn undecided(self) -> bool {
        self.p05 < 1.0 && 1.0 < self.p95
    }

    /// Whether nothing is in doubt: both sides follow the same rule, or the same profile.
    pub fn is_exact(self) -> bool {
        self.p95 - self.p05 <= 1e-9 * self.mean
    }
}

/// Why two placements have no ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// One of the two cannot be priced, or not serve at all.
    NoEstimate,
    /// A class of one of the two has no price.
    NoPrice,
    /// It has no token profile of its own; the other backend's stands in and says nothing of the difference.
    NoProfile,
    /// It takes none of the class.
    TakesNone,
    /// The reference takes none of the class.
    ReferenceTakesNone,
}

impl Missing {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Missing::NoEstimate => "no estimate",
            Missing::NoPrice => "a class has no price",
            Missing::NoProfile => "no profile of its own",
            Missing::TakesNone => "takes none",
            Missing::ReferenceTakesNone => "only here",
        }
    }
}

/// Draws of the means of one model on one backend, as factors by class.
type Draws = Vec<ByClass<f64>>;

/// The ratios of every route.
pub(super) fn ratios(inputs: &Inputs<'_>, routes: &[RoutePlan]) -> Vec<RouteRatios> {
    let pairs = inputs.workload.routes.iter().zip(routes);
    pairs.map(|(route, plan)| of_route(inputs, route, plan)).collect()
}

fn of_route(inputs: &Inputs<'_>, route: &Route, plan: &RoutePlan) -> RouteRatios {
    let reference = plan.chosen();
    let mut known: BTreeMap<(Backend, ModelId), Option<Draws>> = BTreeMap::new();
    for other in plan.placements.iter().filter(|other| other.per_request.is_some()) {
        let key = (other.placement.endpoint.backend(), other.placement.model.clone());
        known.entry(key).or_insert_with(|| draws(inputs, route, other));
    }
    let draws_of = |other: &PlacementPlan| {
        known.get(&(other.placement.endpoint.backend(), other.placement.model.clone()))?.as_ref()
    };
    let others = plan.placements.iter().enumerate().filter(|(at, _)| *at != plan.chosen);
    let placements = others.map(|(_, other)| {
        let sides = Sides { here: other, there: reference, draws: [draws_of(other), draws_of(reference)] };
        PlacementRatios {
            placement: other.placement.clone(),
            usd: sides.total(|request| request.usd, true),
            tokens: sides.total(mean_tokens, false),
            classes: if other.placement.tier == reference.placement.tier {
                sides.classes()
            } else {
                Vec::new()
            },
        }
    });
    RouteRatios {
        route: plan.name.clone(),
        reference: reference.placement.clone(),
        placements: placements.collect(),
    }
}

/// Factors on the mean tokens of a placement, from its own profile alone; `None` where it has none.
fn draws(inputs: &Inputs<'_>, route: &Route, plan: &PlacementPlan) -> Option<Draws> {
    let Placement { model, endpoint, .. } = &plan.placement;
    let backend = endpoint.backend();
    let profile = inputs.tokens.get(&(backend, model.clone()))?;
    // What the workload says counts as known: it is the same on both sides.
    let shape = Shape {
        prompt_text: Range::exact(route.shape.prompt_text.mean()),
        output_text: Range::exact(route.shape.output_text.mean()),
        ..route.shape.clone()
    };
    let kind = inputs.prices.facts(model)?.kind;
    let expected = expect(profile, &shape, kind, endpoint)?.classes;
    let doubt = TokenDoubt::of(&format!("{backend} {model}"), profile, &shape, &expected);
    let seed = inputs.workload.seed;
    Some((0..DRAWS as u64).into_par_iter().map(|number| doubt.draw(seed, number, CAP_WEIGHT)).collect())
}

/// Two placements of a route.
struct Sides<'a> {
    here: &'a PlacementPlan,
    there: &'a PlacementPlan,
    draws: [Option<&'a Draws>; 2],
}

impl Sides<'_> {
    /// The ratio of sums over all classes; `money` asks for prices as well.
    fn total(&self, parts: impl Fn(&PerRequest) -> ByClass<f64>, money: bool) -> Compared {
        let (Some(here), Some(there)) = (&self.here.per_request, &self.there.per_request) else {
            return nothing(Missing::NoEstimate, Grade::Assumed, None);
        };
        let grade = here.grade.max(there.grade);
        let answers = fewest(measured(here), measured(there), grade);
        if money && !(here.complete && there.complete) {
            return nothing(Missing::NoPrice, grade, answers);
        }
        Compared { grade, answers, ..self.compare(parts(here), parts(there)) }
    }

    /// Each class that either takes.
    fn classes(&self) -> Vec<ClassRatios> {
        let (Some(here), Some(there)) = (&self.here.per_request, &self.there.per_request) else {
            return Vec::new();
        };
        let taken = |class: &TokenClass| here.tokens[*class].is_some() || there.tokens[*class].is_some();
        let only = |parts: ByClass<f64>, class: TokenClass| {
            ByClass::from_fn(|other| if other == class { parts[class] } else { 0.0 })
        };
        let ratio = |class: TokenClass, parts: fn(&PerRequest) -> ByClass<f64>| {
            let sides = [here.tokens[class].as_ref(), there.tokens[class].as_ref()];
            let grades = sides.iter().flatten().map(|tokens| tokens.evidence.grade);
            let grade = grades.max().unwrap_or(Grade::Assumed);
            let answers = fewest(sides[0].and_then(seen), sides[1].and_then(seen), grade);
            Compared { grade, answers, ..self.compare(only(parts(here), class), only(parts(there), class)) }
        };
        let classes = TokenClass::ALL.iter().copied().filter(taken);
        classes
            .map(|class| ClassRatios {
                class,
                tokens: ratio(class, mean_tokens),
                usd: match ratio(class, |request| request.usd) {
                    // It takes tokens of the class, and they cost nothing that is known.
                    usd if usd.ratio.is_none() && ratio(class, mean_tokens).ratio.is_some() => {
                        nothing(Missing::NoPrice, usd.grade, usd.answers)
                    }
                    usd => usd,
                },
            })
            .collect()
    }

    fn compare(&self, here: ByClass<f64>, there: ByClass<f64>) -> Compared {
        let missing = match (here.total(), there.total()) {
            (here, there) if here <= 0.0 && there <= 0.0 => Some(Missing::NoEstimate),
            (here, _) if here <= 0.0 => Some(Missing::TakesNone),
            (_, there) if there <= 0.0 => Some(Missing::ReferenceTakesNone),
            _ => None,
        };
        let [Some(own), Some(reference)] = self.draws else {
            return nothing(missing.unwrap_or(Missing::NoProfile), Grade::Assumed, None);
        };
        if let Some(missing) = missing {
            return nothing(missing, Grade::Assumed, None);
        }
        let sum = |parts: &ByClass<f64>, factors: &ByClass<f64>| -> f64 {
            parts.iter().map(|(class, part)| part * factors[class]).sum()
        };
        let mut drawn: Vec<f64> =
            own.iter().zip(reference).map(|(own, other)| sum(&here, own) / sum(&there, other)).collect();
        drawn.retain(|ratio| ratio.is_finite());
        drawn.sort_by(f64::total_cmp);
        let mean = here.total() / there.total();
        let at = |p: f64| quantile(&drawn, p).unwrap_or(mean);
        // Draws of a few equal answers all lie above their mean: the range reaches down to the point then.
        let ratio = Ratio { mean, p05: at(0.05).min(mean), p95: at(0.95).max(mean) };
        Compared { ratio: Some(ratio), missing: None, grade: Grade::Assumed, answers: None }
    }
}

fn nothing(missing: Missing, grade: Grade, answers: Option<u64>) -> Compared {
    Compared { ratio: None, missing: Some(missing), grade, answers }
}

/// The smaller number, unless the ratio rests on something that nobody has seen.
fn fewest(one: Option<u64>, other: Option<u64>, grade: Grade) -> Option<u64> {
    let seen = matches!(grade, Grade::Measured | Grade::Rehearsed);
    one.into_iter().chain(other).min().filter(|_| seen)
}

/// Answers behind a class that was measured.
fn seen(tokens: &ClassTokens) -> Option<u64> {
    let measured = matches!(tokens.evidence.grade, Grade::Measured | Grade::Rehearsed);
    tokens.evidence.n.filter(|_| measured)
}

/// Fewest answers among the classes of a request that were measured.
fn measured(request: &PerRequest) -> Option<u64> {
    request.tokens.iter().filter_map(|(_, tokens)| seen(tokens.as_ref()?)).min()
}

fn mean_tokens(request: &PerRequest) -> ByClass<f64> {
    let mean = |tokens: &Option<ClassTokens>| tokens.as_ref().map_or(0.0, |tokens| tokens.mean);
    ByClass::from_fn(|class| mean(&request.tokens[class]))
}
