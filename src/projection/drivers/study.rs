//! Each input's part in the variance of the bill, of the cheapest GSU count, and of the regret.
//!
//! One-at-a-time changes cannot see regret: the advised purchase is best where it was advised, and any single
//! change moves little. Sobol's total indices see what inputs do together.
//!
//! Tokens of a class on one placement move the routes there and their pools alone, so only these are worked out
//! again: the work grows with the routes and pools, not with their square.

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
    stats::{LogNormal, Sensitivity, sensitivity_by_change, standard_normal_quantile},
    units::Range,
    workload::Route,
};

/// Points of the study; each is evaluated once for each input and twice more.
const POINTS: u32 = 2048;

/// Points where there are more inputs than this: each of many moves little, and the indices tell their errors.
const POINTS_OF_MANY: u32 = 1024;
const MANY_INPUTS: usize = 64;

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
    let routes: Vec<StudyRoute> =
        pairs.iter().map(|(route, plan)| study_route(route, plan, uncertain)).collect();
    let model = Model {
        moves: (0..uncertain.len()).map(|input| moves(&uncertain[input], input, &routes, lookups)).collect(),
        routes,
        volume: place(uncertain, &Source::Volume),
        growth: place(uncertain, &Source::Growth),
        days: place(uncertain, &Source::Days),
        bursts: place(uncertain, &Source::Bursts),
        lookups,
        months: months as f64,
    };
    let points = if uncertain.len() > MANY_INPUTS { POINTS_OF_MANY } else { POINTS };
    let seed = (inputs.workload.seed ^ (inputs.workload.seed >> 32)) as u32;
    let found: [Sensitivity; OUTPUTS] = sensitivity_by_change(
        uncertain.len(),
        points,
        seed,
        |batch| model.whole(batch),
        |states, batch, input| model.changed(states, batch, input),
    );
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
        points,
        evaluations: points * (uncertain.len() as u32 + 2),
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

/// What an input moves.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Moves {
    /// Every route and every pool.
    All,
    /// These routes, and these pools.
    Some { routes: Vec<usize>, pools: Vec<usize> },
}

fn moves(uncertain: &Input, input: usize, routes: &[StudyRoute], lookups: &[Option<PoolLookup>]) -> Moves {
    if !matches!(uncertain.source, Source::Tokens(..)) {
        return Moves::All;
    }
    let takes = |route: &StudyRoute| route.tokens.iter().any(|(_, of, _)| *of == input);
    let of_pool = |lookup: &PoolLookup| lookup.routes().any(|route| takes(&routes[route]));
    Moves::Some {
        routes: (0..routes.len()).filter(|at| takes(&routes[*at])).collect(),
        pools: (0..lookups.len()).filter(|at| lookups[*at].as_ref().is_some_and(of_pool)).collect(),
    }
}

/// The plan as a function of its uncertain inputs.
struct Model<'a> {
    /// By input.
    moves: Vec<Moves>,
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

/// A world and what each part of the plan comes to in it.
struct State {
    world: World,
    /// By route: US dollars of the horizon in a month that is neither busy nor quiet.
    usd: Vec<f64>,
    /// By pool.
    pools: Vec<PoolResult>,
}

/// The cheapest count of a pool, and what the advised purchase costs more than the best one.
#[derive(Clone, Copy, Default)]
struct PoolResult {
    gsu: f64,
    regret_usd: f64,
}

impl Model<'_> {
    /// Pool by pool over all points: its tables are large, and worlds are small.
    fn whole(&self, batch: &[Vec<f64>]) -> (Vec<State>, Vec<[f64; OUTPUTS]>) {
        let state = |u: &Vec<f64>| {
            let scores: Vec<f64> = u.iter().map(|u| standard_normal_quantile(*u)).collect();
            let world = self.world(&scores);
            let usd = (0..self.routes.len()).map(|at| self.route_usd(&world, at)).collect();
            State { world, usd, pools: vec![PoolResult::default(); self.lookups.len()] }
        };
        let mut states: Vec<State> = batch.iter().map(state).collect();
        for at in 0..self.lookups.len() {
            states.iter_mut().for_each(|state| state.pools[at] = self.pool(&state.world, at));
        }
        let results = states.iter().map(|state| self.results(state)).collect();
        (states, results)
    }

    /// The results with another number for one input.
    fn changed(&self, states: &mut [State], batch: &[Vec<f64>], input: usize) -> Vec<[f64; OUTPUTS]> {
        let Moves::Some { routes, pools } = &self.moves[input] else { return self.whole(batch).1 };
        let one =
            |(state, u): (&mut State, &Vec<f64>)| self.with_tokens(state, (routes, pools), input, u[input]);
        states.iter_mut().zip(batch).map(one).collect()
    }

    /// The results of a world whose routes have other tokens in a class.
    fn with_tokens(
        &self,
        state: &mut State,
        (routes, pools): (&[usize], &[usize]),
        input: usize,
        u: f64,
    ) -> [f64; OUTPUTS] {
        let score = standard_normal_quantile(u);
        let kept_tokens: Vec<_> = routes.iter().map(|at| state.world.routes[*at].tokens).collect();
        let kept_usd: Vec<f64> = routes.iter().map(|at| state.usd[*at]).collect();
        let kept_pools: Vec<PoolResult> = pools.iter().map(|at| state.pools[*at]).collect();
        for at in routes {
            for (class, _, law) in self.routes[*at].tokens.iter().filter(|(_, of, _)| *of == input) {
                state.world.routes[*at].tokens[*class] = law.at_score(score);
            }
            state.usd[*at] = self.route_usd(&state.world, *at);
        }
        for at in pools {
            state.pools[*at] = self.pool(&state.world, *at);
        }
        let results = self.results(state);
        for ((at, tokens), usd) in routes.iter().zip(kept_tokens).zip(kept_usd) {
            state.world.routes[*at].tokens = tokens;
            state.usd[*at] = usd;
        }
        pools.iter().zip(kept_pools).for_each(|(at, kept)| state.pools[*at] = kept);
        results
    }

    fn results(&self, state: &State) -> [f64; OUTPUTS] {
        let month_usd = state.usd.iter().sum::<f64>() * state.world.busy / self.months;
        let gsu = state.pools.iter().map(|pool| pool.gsu).sum();
        [month_usd, gsu, state.pools.iter().map(|pool| pool.regret_usd).sum()]
    }

    fn pool(&self, world: &World, at: usize) -> PoolResult {
        let Some(lookup) = &self.lookups[at] else { return PoolResult::default() };
        let outcome = lookup.outcome(world);
        PoolResult { gsu: outcome.cheapest_gsu as f64, regret_usd: outcome.regret_usd() }
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

    /// What a route costs over the horizon, busy or quiet days apart.
    fn route_usd(&self, world: &World, at: usize) -> f64 {
        let drawn = &world.routes[at];
        let month = |(usd, traffic): (&Vec<(TokenClass, f64)>, f64)| {
            let month: f64 = usd.iter().map(|(class, usd)| usd * drawn.tokens[*class]).sum();
            month * traffic
        };
        self.routes[at].usd.iter().zip(drawn.traffic()).map(month).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, ModelId};

    /// Four routes on each placement, two uncertain classes each, beside the volume of all.
    fn work(placements: usize) -> (usize, usize) {
        let model = |at: usize| ModelId(format!("model-{at}"));
        let input = |source: Source| Input {
            name: String::new(),
            from_to: String::new(),
            low_usd: -1.0,
            high_usd: 1.0,
            source,
        };
        let classes = [TokenClass::InputText, TokenClass::OutputText];
        let mut uncertain = vec![input(Source::Volume)];
        for at in 0..placements {
            uncertain
                .extend(classes.map(|class| input(Source::Tokens(model(at), Endpoint::Developer, class))));
        }
        let routes: Vec<StudyRoute> = (0..placements * 4)
            .map(|route| {
                let of = |class| {
                    let source = Source::Tokens(model(route / 4), Endpoint::Developer, class);
                    (class, place(&uncertain, &source).unwrap(), LogNormal::new(1.0, 0.1))
                };
                StudyRoute {
                    volume: Factor::of(Range::exact(1.0)),
                    growth_per_month: Range::exact(0.0),
                    tokens: classes.map(of).to_vec(),
                    usd: Vec::new(),
                }
            })
            .collect();
        let moved = |input: usize| match moves(&uncertain[input], input, &routes, &[]) {
            Moves::All => routes.len(),
            Moves::Some { routes, pools } => {
                assert!(routes.iter().all(|route| route / 4 == (input - 1) / 2) && pools.is_empty());
                routes.len()
            }
        };
        (uncertain.len(), (0..uncertain.len()).map(moved).sum())
    }

    #[test]
    fn routes_worked_out_again_grow_with_the_routes_and_not_with_their_square() {
        assert_eq!(work(5), (11, 3 * 20));
        assert_eq!(work(50), (101, 3 * 200));
    }
}
