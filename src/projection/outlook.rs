//! The purchase under every draw: what is committed, what varies, which counts turn out cheapest.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    gsu::{GsuPlan, PoolLookup, PoolOutcome},
    simulate::{DrawnWorld, Law},
};
use crate::{
    model::{Endpoint, ModelId},
    stats::quantile,
};

/// Counts that a law names one by one; the rest is in its quantiles.
const COUNTS_NAMED: usize = 12;

/// The advised purchases and the cheapest counts over the draws of the bill.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outlook {
    /// Fees of the advised purchases, US dollars of the mean month: the same in every draw.
    pub committed_usd_per_month: f64,
    /// Everything else, which is paid as it goes, US dollars of the mean month.
    pub variable: Law,
    /// Both together.
    pub total: Law,
    /// What the advised purchases cost more than the best in each draw, US dollars of the mean month. Its mean is
    /// what knowing the draw beforehand would be worth.
    pub regret: Law,
    /// Share of draws in which the advised purchases cost less than buying nothing; `None` where they are nothing.
    pub probability_saves: Option<f64>,
    /// The cheapest count, all pools together.
    pub cheapest: CountLaw,
    /// Each pool, in the order of `gsu.pools`.
    pub pools: Vec<PoolOutlook>,
}

/// One pool's cheapest count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PoolOutlook {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// The count that is cheapest, held over the whole horizon on the cheapest term.
    pub cheapest: CountLaw,
    /// Mean of what the advised purchase costs more than the best one, US dollars of the mean month.
    pub regret_usd_per_month: f64,
    /// How far shares left by look-up were from exact curves of other loads, sizes and burstiness, at most: a
    /// share of all tokens.
    pub look_up_error: f64,
}

/// A GSU count by its draws.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CountLaw {
    /// Mean.
    pub mean: f64,
    /// 5 % of draws lie below.
    pub p05: f64,
    /// Half lie below.
    pub p50: f64,
    /// 5 % lie above.
    pub p95: f64,
    /// Share of draws in which no GSU is best.
    pub none: f64,
    /// The likeliest counts, largest share first; equal ones by count.
    pub likeliest: Vec<CountShare>,
}

/// How often a count is the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CountShare {
    /// The count.
    pub gsu: u64,
    /// Share of draws.
    pub share: f64,
}

impl CountLaw {
    /// From draws in any order.
    fn of(mut draws: Vec<u64>) -> CountLaw {
        draws.sort_unstable();
        let count = draws.len() as f64;
        let values: Vec<f64> = draws.iter().map(|gsu| *gsu as f64).collect();
        let at = |p: f64| quantile(&values, p).unwrap_or(f64::NAN);
        let mut shares: Vec<CountShare> = draws
            .chunk_by(|a, b| a == b)
            .map(|same| CountShare { gsu: same[0], share: same.len() as f64 / count })
            .collect();
        let none = shares.first().filter(|first| first.gsu == 0).map_or(0.0, |first| first.share);
        shares.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.gsu.cmp(&b.gsu)));
        shares.truncate(COUNTS_NAMED);
        CountLaw {
            mean: values.iter().sum::<f64>() / count,
            p05: at(0.05),
            p50: at(0.5),
            p95: at(0.95),
            none,
            likeliest: shares,
        }
    }
}

/// Worlds that one thread takes at a time.
const TOGETHER: usize = 125;

/// From the worlds of the bill's draws; `None` where no pool has a look-up.
///
/// A running order's fees are in `committed` as far as the ladder counts them; everything outside the pools is
/// variable.
pub(super) fn outlook(
    gsu: &GsuPlan,
    lookups: &[Option<PoolLookup>],
    worlds: &[DrawnWorld],
) -> Option<Outlook> {
    use rayon::prelude::*;
    let pools: Vec<&PoolLookup> = lookups.iter().flatten().collect();
    if pools.is_empty() {
        return None;
    }
    // Pool by pool, since tables are large and worlds are small.
    let in_worlds = |pool: &&PoolLookup| -> Vec<PoolOutcome> {
        worlds.par_iter().with_min_len(TOGETHER).map(|drawn| pool.outcome(&drawn.world)).collect()
    };
    let outcomes: Vec<Vec<PoolOutcome>> = pools.iter().map(in_worlds).collect();
    let committed: f64 = outcomes.iter().map(|drawn| drawn[0].advised_committed_usd).sum();
    let sum = |draw: usize, of: fn(&PoolOutcome) -> f64| -> f64 {
        outcomes.iter().map(|drawn| of(&drawn[draw])).sum()
    };
    let law =
        |of: fn(&PoolOutcome) -> f64| -> Vec<f64> { (0..worlds.len()).map(|draw| sum(draw, of)).collect() };
    let replaced = law(|pool| pool.advised_paygo_usd - pool.nothing_usd);
    let variable: Vec<f64> =
        worlds.iter().zip(&replaced).map(|(drawn, change)| drawn.month_usd + change).collect();
    let total = variable.iter().map(|usd| usd + committed).collect();
    let saves = replaced.iter().filter(|change| **change + committed < 0.0).count() as f64;
    let cheapest = |at: usize| CountLaw::of(outcomes[at].iter().map(|pool| pool.cheapest_gsu).collect());
    let all_cheapest = |draw: usize| outcomes.iter().map(|drawn| drawn[draw].cheapest_gsu).sum();
    let with_lookup = gsu.pools.iter().zip(lookups).filter(|(_, lookup)| lookup.is_some());
    let of_pool = |(at, (pool, _)): (usize, (&super::GsuPool, &Option<PoolLookup>))| PoolOutlook {
        model: pool.model.clone(),
        endpoint: pool.endpoint.clone(),
        cheapest: cheapest(at),
        regret_usd_per_month: outcomes[at].iter().map(PoolOutcome::regret_usd).sum::<f64>()
            / worlds.len() as f64,
        look_up_error: pools[at].error,
    };
    Some(Outlook {
        committed_usd_per_month: committed,
        probability_saves: (committed > 0.0).then(|| saves / worlds.len() as f64),
        cheapest: CountLaw::of((0..worlds.len()).map(all_cheapest).collect()),
        pools: with_lookup.enumerate().map(of_pool).collect(),
        variable: Law::of(variable),
        total: Law::of(total),
        regret: Law::of(law(PoolOutcome::regret_usd)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_of_counts_names_the_likeliest_first() {
        let law = CountLaw::of(vec![3, 0, 0, 5, 3, 3, 0, 3, 7, 9]);
        assert_eq!((law.none, law.mean, law.p50), (0.3, 3.3, 3.0));
        assert_eq!(
            law.likeliest[..2],
            [CountShare { gsu: 3, share: 0.4 }, CountShare { gsu: 0, share: 0.3 }]
        );
        assert_eq!(law.likeliest.len(), 5);
        assert_eq!(CountLaw::of(vec![2, 2]).none, 0.0);
    }
}
