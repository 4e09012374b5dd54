//! Each input's part in the variance of the bill, of the cheapest GSU count, and of the regret.
//!
//! One-at-a-time changes cannot see regret: the advised purchase is best where it was advised, and any single
//! change moves little. Sobol's total indices see what inputs do together.

use schemars::JsonSchema;
use serde::Serialize;

use super::{DriverIndices, Input, Source};
use crate::{
    model::{ByClass, TokenClass},
    projection::{
        gsu::PoolLookup,
        plan::{Inputs, RoutePlan},
        simulate::{Factor, busy_month, growth_factor},
        world::{BURST_LOG_DEVIATION, RouteWorld, World},
    },
    stats::{LogNormal, Sensitivity, sensitivity, standard_normal_quantile},
    units::Range,
    workload::Route,
};

/// Points of the study; each is evaluated once for each input and twice more.
const POINTS: u32 = 2048;

/// A Sobol study of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct VarianceStudy {
    /// Points of the scrambled sequence.
    pub points: u32,
    /// Times the plan was worked out.
    pub evaluations: u32,
    /// Seed of the scrambling.
    pub seed: u32,
    /// The mean month of the bill, US dollars.
    pub cost: OutputSpread,
    /// The cheapest GSU count, all pools together; `None` without a pool.
    pub gsu: Option<OutputSpread>,
    /// What the advised purchase costs more than the best one, US dollars a month; `None` without a pool.
    pub regret: Option<OutputSpread>,
}

/// Mean and standard deviation of a result over the study's points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OutputSpread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub standard_deviation: f64,
}

/// Results of the model, in this order: dollars, GSUs, regret.
const OUTPUTS: usize = 3;

/// Runs the study; the indices are in the order of the inputs.
pub(super) fn study(
    inputs: &Inputs<'_>,
    pairs: &[(&Route, &RoutePlan)],
    months: usize,
    lookups: &[Option<PoolLookup>],
    uncertain: &[Input],
) -> (VarianceStudy, Vec<DriverIndices>) {
    let model = Model {
        routes: pairs.iter().map(|(route, plan)| study_route(route, plan, uncertain)).collect(),
        volume: place(uncertain, &Source::Volume),
        growth: place(uncertain, &Source::Growth),
        days: place(uncertain, &Source::Days),
        bursts: place(uncertain, &Source::Bursts),
        lookups,
        months: months as f64,
    };
    let seed = (inputs.workload.seed ^ (inputs.workload.seed >> 32)) as u32;
    let found = sensitivity::<OUTPUTS>(uncertain.len(), POINTS, seed, |u| model.results(u));
    let spread =
        |at: usize| OutputSpread { mean: found[at].mean, standard_deviation: found[at].standard_deviation };
    let has_pool = lookups.iter().any(Option::is_some);
    let index = |found: &Sensitivity, input: usize| Some(found.indices.as_ref()?[input]);
    let indices = (0..uncertain.len()).map(|input| DriverIndices {
        cost: index(&found[0], input),
        gsu: index(&found[1], input),
        regret: index(&found[2], input),
    });
    let study = VarianceStudy {
        points: POINTS,
        evaluations: POINTS * (uncertain.len() as u32 + 2),
        seed,
        cost: spread(0),
        gsu: has_pool.then(|| spread(1)),
        regret: has_pool.then(|| spread(2)),
    };
    (study, indices.collect())
}

fn place(uncertain: &[Input], source: &Source) -> Option<usize> {
    uncertain.iter().position(|input| input.source == *source)
}

/// The plan as a function of its uncertain inputs.
struct Model<'a> {
    routes: Vec<StudyRoute>,
    volume: Option<usize>,
    growth: Option<usize>,
    days: Option<usize>,
    bursts: Option<usize>,
    lookups: &'a [Option<PoolLookup>],
    months: f64,
}

struct StudyRoute {
    volume: Factor,
    growth_per_month: Range,
    /// Class, its input, and the law of its mean tokens as a factor.
    tokens: Vec<(TokenClass, usize, LogNormal)>,
    /// US dollars by month and class that costs anything.
    usd: Vec<Vec<(TokenClass, f64)>>,
}

fn study_route(route: &Route, plan: &RoutePlan, uncertain: &[Input]) -> StudyRoute {
    let chosen = plan.chosen();
    let of_class = |class: TokenClass| {
        let (model, endpoint) = (chosen.placement.model.clone(), chosen.placement.endpoint.clone());
        let input = place(uncertain, &Source::Tokens(model, endpoint, class))?;
        let tokens = chosen.per_request.as_ref()?.tokens[class].as_ref()?;
        let relative = if tokens.mean > 0.0 { tokens.standard_error / tokens.mean } else { 0.0 };
        Some((class, input, LogNormal::new(1.0, relative)))
    };
    StudyRoute {
        volume: Factor::of(route.volume.range()),
        growth_per_month: route.growth_per_month,
        tokens: TokenClass::ALL.iter().filter_map(|class| of_class(*class)).collect(),
        usd: chosen
            .months
            .iter()
            .map(|spend| spend.usd.iter().filter(|(_, usd)| **usd > 0.0).map(|(c, usd)| (c, *usd)).collect())
            .collect(),
    }
}

impl Model<'_> {
    fn results(&self, u: &[f64]) -> [f64; OUTPUTS] {
        let scores: Vec<f64> = u.iter().map(|u| standard_normal_quantile(*u)).collect();
        let world = self.world(&scores);
        let (mut gsu, mut regret) = (0.0, 0.0);
        for lookup in self.lookups.iter().flatten() {
            let outcome = lookup.outcome(&world);
            gsu += outcome.cheapest_gsu as f64;
            regret += outcome.regret_usd();
        }
        [self.month_usd(&world), gsu, regret]
    }

    fn world(&self, scores: &[f64]) -> World {
        let score = |input: Option<usize>| input.map_or(0.0, |at| scores[at]);
        let route = |route: &StudyRoute| {
            let mut tokens = ByClass::from_fn(|_| 1.0);
            for (class, input, law) in &route.tokens {
                tokens[*class] = law.at_score(scores[*input]);
            }
            RouteWorld {
                volume: route.volume.at(score(self.volume)),
                growth: growth_factor(route.growth_per_month, score(self.growth)),
                tokens,
            }
        };
        World {
            routes: self.routes.iter().map(route).collect(),
            busy: busy_month(score(self.days)),
            log_shape: BURST_LOG_DEVIATION * score(self.bursts),
        }
    }

    /// The mean month of the bill.
    fn month_usd(&self, world: &World) -> f64 {
        let mut sum = 0.0;
        for (route, drawn) in self.routes.iter().zip(&world.routes) {
            for (at, usd) in route.usd.iter().enumerate() {
                let month: f64 = usd.iter().map(|(class, usd)| usd * drawn.tokens[*class]).sum();
                sum += month * drawn.traffic(at);
            }
        }
        sum * world.busy / self.months
    }
}
