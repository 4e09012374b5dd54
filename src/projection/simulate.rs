//! The bill as a law: seeded draws of everything that is not known, each carried through the whole horizon.
//!
//! One draw takes a volume, a growth rate, the mean tokens of every model (Bayesian bootstrap of whole answers
//! with the cap atom, see [`crate::tokens::TokenDoubt`]) and a busy or quiet month each month, and adds up what
//! the chosen placements then cost. Volume and growth err the same way on all routes; so do the tokens of one
//! model on one backend.

use std::collections::BTreeMap;

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    bill::{DAILY_MODULATION, DAYS_PER_MONTH, Spread},
    plan::{Inputs, RoutePlan},
    world::{BURST_LOG_DEVIATION, RouteWorld, World},
};
use crate::{
    model::{ByClass, TokenClass},
    stats::{CAP_WEIGHT, generator, quantile},
    tokens::TokenDoubt,
    units::Range,
    workload::Route,
};

/// Draws of a plan.
pub(super) const DRAWS: usize = 2_000;

/// Streams of a draw's generator; tokens have streams of their own by name.
const TRAFFIC: u64 = 0x7472_6166_6669_6300;

/// What the draws say.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Simulation {
    /// How many.
    pub draws: usize,
    /// Their seed.
    pub seed: u64,
    /// The mean month.
    pub month: Law,
    /// The whole horizon.
    pub total: Law,
    /// Each month.
    pub by_month: Vec<Law>,
    /// The mean month's spend on each class that costs anything.
    pub by_class: Vec<ClassLaw>,
    /// The mean month's spend of each route on its chosen placement.
    pub by_route: Vec<RouteLaw>,
    /// The mean month of each draw, US dollars: another plan with the same seed pairs with it.
    #[serde(skip)]
    pub(super) months_drawn: Vec<f64>,
}

/// A class and its spend.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClassLaw {
    /// The class.
    pub class: TokenClass,
    /// US dollars of the mean month.
    pub law: Law,
}

/// A route and its spend.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RouteLaw {
    /// The route.
    pub route: String,
    /// The chosen placement.
    pub placement: String,
    /// US dollars of the mean month.
    pub law: Law,
}

/// An amount of US dollars by its draws.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Law {
    /// Mean of the draws.
    pub mean: f64,
    /// 5 % lie below.
    pub p05: f64,
    /// Half lie below.
    pub p50: f64,
    /// 5 % lie above.
    pub p95: f64,
    /// Quantiles at 0, 1, … 100 %; the ends are the least and the largest draw.
    pub quantiles: Vec<f64>,
}

impl Law {
    /// From draws in any order.
    pub(super) fn of(mut draws: Vec<f64>) -> Law {
        draws.sort_by(f64::total_cmp);
        let at = |p: f64| quantile(&draws, p).unwrap_or(f64::NAN);
        Law {
            mean: draws.iter().sum::<f64>() / draws.len() as f64,
            p05: at(0.05),
            p50: at(0.5),
            p95: at(0.95),
            quantiles: (0..=100).map(|percent| at(f64::from(percent) / 100.0)).collect(),
        }
    }

    /// Its range around the expected value that the tables add up to.
    pub(super) fn spread(&self, mean: f64) -> Spread {
        Spread { mean, p05: self.p05, p50: self.p50, p95: self.p95 }
    }

    /// Share of the draws above a level, between quantiles linear.
    pub(super) fn share_above(&self, level: f64) -> f64 {
        share_above(&self.quantiles, level)
    }
}

/// One route's spend as expected, and what may be wrong with it.
struct Stake<'a> {
    /// US dollars by month and class.
    usd: Vec<&'a ByClass<f64>>,
    volume: Factor,
    growth_per_month: Range,
    tokens: Option<TokenDoubt>,
}

/// A range as a factor on its own mean.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    range: Range,
    /// Mean of the range's law over all scores.
    mean: f64,
}

impl Factor {
    pub fn of(range: Range) -> Factor {
        const POINTS: u32 = 400;
        let score =
            |at: u32| crate::stats::standard_normal_quantile((f64::from(at) + 0.5) / f64::from(POINTS));
        let mean = (0..POINTS).map(|at| range.at_score(score(at))).sum::<f64>() / f64::from(POINTS);
        Factor { range, mean }
    }

    pub fn at(self, z: f64) -> f64 {
        if self.range.is_exact() || self.mean <= 0.0 { 1.0 } else { self.range.at_score(z) / self.mean }
    }
}

/// Share of a law above a level, between its equally spaced quantiles linear.
pub(super) fn share_above(quantiles: &[f64], level: f64) -> f64 {
    let below = quantiles.partition_point(|value| *value <= level);
    if below == 0 {
        return 1.0;
    }
    if below == quantiles.len() {
        return 0.0;
    }
    let (low, high) = (quantiles[below - 1], quantiles[below]);
    let part = if high > low { (level - low) / (high - low) } else { 0.0 };
    1.0 - (below as f64 - 1.0 + part) / (quantiles.len() - 1) as f64
}

/// One draw's dollars, and the world they come from.
pub(super) struct Drawn {
    world: World,
    pub month: f64,
    pub total: f64,
    pub by_month: Vec<f64>,
    by_class: ByClass<f64>,
    by_route: Vec<f64>,
}

/// Draws the bill of the chosen placements, with the worlds that were drawn. The same on any number of threads.
/// `deviation` is the mean month's standard deviation by formula, US dollars.
pub(super) fn simulate(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    deviation: f64,
) -> (Simulation, Vec<Drawn>) {
    let months = inputs.workload.horizon_months as usize;
    let pairs = inputs.workload.routes.iter().zip(routes);
    let stakes: Vec<Stake<'_>> = pairs.map(|(route, plan)| stake(inputs, route, plan)).collect();
    let cap_weight = CAP_WEIGHT * shared_cap(&stakes, routes, deviation);
    let seed = inputs.workload.seed;
    let drawn: Vec<Drawn> = (0..DRAWS as u64)
        .into_par_iter()
        .map(|number| draw(&stakes, months, cap_weight, seed, number))
        .collect();
    let law = |of: &dyn Fn(&Drawn) -> f64| Law::of(drawn.iter().map(of).collect());
    let costs = |class: TokenClass| stakes.iter().any(|stake| stake.usd.iter().any(|usd| usd[class] > 0.0));
    let simulation = Simulation {
        draws: DRAWS,
        months_drawn: drawn.iter().map(|drawn| drawn.month).collect(),
        seed,
        month: law(&|drawn| drawn.month),
        total: law(&|drawn| drawn.total),
        by_month: (0..months).map(|at| law(&|drawn| drawn.by_month[at])).collect(),
        by_class: TokenClass::ALL
            .iter()
            .copied()
            .filter(|class| costs(*class))
            .map(|class| ClassLaw { class, law: law(&|drawn| drawn.by_class[class]) })
            .collect(),
        by_route: routes
            .iter()
            .enumerate()
            .map(|(at, plan)| RouteLaw {
                route: plan.name.clone(),
                placement: plan.chosen().placement.to_string(),
                law: law(&|drawn| drawn.by_route[at]),
            })
            .collect(),
    };
    (simulation, drawn)
}

impl Drawn {
    /// The world without its months.
    pub fn into_world(self) -> DrawnWorld {
        DrawnWorld { world: self.world, month_usd: self.month }
    }
}

/// A world and what the mean month of the bill costs in it, US dollars.
#[derive(Clone, Debug)]
pub(super) struct DrawnWorld {
    pub world: World,
    pub month_usd: f64,
}

/// A busy or quiet month: factor on its requests at a standard normal score.
pub(super) fn busy_month(z: f64) -> f64 {
    (1.0 + DAILY_MODULATION / DAYS_PER_MONTH.sqrt() * z).max(0.0)
}

/// Growth of a range of monthly rates at a standard normal score, as a factor on the expected growth.
pub(super) fn growth_factor(rate: Range, z: f64) -> f64 {
    let ratio = |rate: f64| 1.0 + rate;
    let range = Range { p05: ratio(rate.p05), likely: ratio(rate.likely), p95: ratio(rate.p95) };
    range.at_score(z) / ratio(rate.mean())
}

fn stake<'a>(inputs: &Inputs<'_>, route: &Route, plan: &'a RoutePlan) -> Stake<'a> {
    let chosen = plan.chosen();
    let backend = chosen.placement.endpoint.backend();
    let model = &chosen.placement.model;
    // A profile that stands in for a missing one errs as its own backend does.
    let found = crate::model::Backend::ALL
        .iter()
        .copied()
        .filter(|other| *other == backend)
        .chain(crate::model::Backend::ALL.iter().copied().filter(|other| *other != backend))
        .find_map(|backend| Some((backend, inputs.tokens.get(&(backend, model.clone()))?)));
    let tokens = found.zip(chosen.per_request.as_ref()).map(|((backend, profile), request)| {
        TokenDoubt::of(&format!("{backend} {model}"), profile, &route.shape, &request.tokens)
    });
    Stake {
        usd: chosen.months.iter().map(|spend| &spend.usd).collect(),
        volume: Factor::of(route.volume.range()),
        growth_per_month: route.growth_per_month,
        tokens,
    }
}

/// The part of the cap's weight that each cell gets when several add up to one bill.
///
/// The atom at the cap lifts the mean of a cell's draws and widens them, since a skewed sample more often lies
/// below its mean than above and shows too little of its tail. Over several cells lifts would add up, where the
/// skewness of a sum thins out: what a sum of independent parts asks for is Σκ₃/Σσ² (Johnson 1978, "Modified t
/// Tests and Confidence Intervals for Asymmetrical Populations"), the mean of the cells' lifts weighted by their
/// variances and diluted by whatever else varies. One uncertain cell alone keeps the whole weight.
fn shared_cap(stakes: &[Stake<'_>], routes: &[RoutePlan], deviation: f64) -> f64 {
    let mut cells: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (stake, plan) in stakes.iter().zip(routes) {
        let (Some(doubt), Some(request)) = (&stake.tokens, &plan.chosen().per_request) else { continue };
        let months = stake.usd.len().max(1) as f64;
        let mut own = (0.0, 0.0_f64);
        for (class, lift) in doubt.lift().iter().filter(|(_, lift)| **lift > 0.0) {
            let usd = stake.usd.iter().map(|usd| usd[class]).sum::<f64>() / months;
            let Some(tokens) = &request.tokens[class] else { continue };
            own.0 += usd * lift;
            own.1 = own.1.hypot(usd * tokens.standard_error / tokens.mean);
        }
        let cell = cells.entry(doubt.name()).or_default();
        cell.0 += own.0;
        cell.1 += own.1;
    }
    let lifts: f64 = cells.values().map(|(lift, _)| lift).sum();
    let weighted: f64 = cells.values().map(|(lift, deviation)| lift * deviation * deviation).sum();
    if lifts <= 0.0 || deviation <= 0.0 {
        return 1.0;
    }
    (weighted / (deviation * deviation * lifts)).min(1.0)
}

fn draw(stakes: &[Stake<'_>], months: usize, cap_weight: f64, seed: u64, number: u64) -> Drawn {
    let mut random = generator(seed ^ TRAFFIC, number);
    let mut score = || -> f64 { StandardNormal.sample(&mut random) };
    let (volume, growth, typical) = (score(), score(), score());
    let days: Vec<f64> = (0..months).map(|_| busy_month(score())).collect();
    let busy = busy_month(typical);
    let log_shape = BURST_LOG_DEVIATION * score();
    let mut drawn = Drawn {
        world: World { routes: Vec::with_capacity(stakes.len()), busy, log_shape },
        month: 0.0,
        total: 0.0,
        by_month: vec![0.0; months],
        by_class: ByClass::default(),
        by_route: Vec::with_capacity(stakes.len()),
    };
    // A typical month has its own days; over the horizon they average out.
    let typical = busy / months as f64;
    for stake in stakes {
        let tokens = stake
            .tokens
            .as_ref()
            .map_or_else(|| ByClass::from_fn(|_| 1.0), |doubt| doubt.draw(seed, number, cap_weight));
        let route = RouteWorld {
            volume: stake.volume.at(volume),
            growth: growth_factor(stake.growth_per_month, growth),
            tokens,
        };
        let mut of_route = 0.0;
        for (at, (usd, traffic)) in stake.usd.iter().zip(route.traffic()).enumerate() {
            let mut month = 0.0;
            for (class, usd) in usd.iter().filter(|(_, usd)| **usd > 0.0) {
                let spend = usd * route.tokens[class] * traffic;
                drawn.by_class[class] += spend * typical;
                month += spend;
            }
            of_route += month;
            drawn.by_month[at] += month * days[at];
            drawn.total += month * days[at];
        }
        drawn.month += of_route * typical;
        drawn.by_route.push(of_route * typical);
        drawn.world.routes.push(route);
    }
    drawn
}
