//! Ladders over scenarios of demand, beside each other.

use schemars::JsonSchema;
use serde::Serialize;

use crate::capacity::{Ladder, LadderRegret, Regret};

/// Candidates over scenarios of demand.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LadderChoice {
    /// Names of the candidates: nothing, the ladder for the mean, one per scenario.
    pub names: Vec<String>,
    /// GSUs that each holds at most.
    pub gsu: Vec<u64>,
    /// Which candidate is the pool's ladder.
    pub advised: usize,
    /// What it saves against buying nothing, by scenario, US dollars over the horizon; negative = it loses.
    pub saving_usd: Vec<f64>,
    /// How they compare.
    pub regret: Regret,
}

/// The most GSUs that a ladder holds at a time.
pub(super) fn held(ladder: &Ladder) -> u64 {
    ladder.levels.iter().map(|level| level.gsu).max().unwrap_or(0)
}

pub(super) fn choice(regret: &LadderRegret) -> LadderChoice {
    let candidates = &regret.regret.candidates;
    let advised = regret.regret.cheapest;
    let (nothing, best) = (&candidates[0].regret_usd, &candidates[advised].regret_usd);
    LadderChoice {
        names: regret.names.clone(),
        advised,
        saving_usd: nothing.iter().zip(best).map(|(nothing, best)| nothing - best).collect(),
        gsu: regret.ladders.iter().map(held).collect(),
        regret: regret.regret.clone(),
    }
}
