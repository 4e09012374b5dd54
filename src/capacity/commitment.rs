//! How many GSUs of one term: every count is tried, none is skipped.
//!
//! Enforcement windows shorten as a purchase grows, so that one GSU more can leave more traffic to PayGo. The
//! cost over counts is a saw-tooth: searching by halves or by slopes would stop at the wrong tooth.
//!
//! A cost table holds, at place `g`, the US dollars left to PayGo with `g` GSUs over some span of time; `g` runs
//! from 0 without gaps.

use schemars::JsonSchema;
use serde::Serialize;

use crate::stats::lower_convex_envelope;

/// Most entries a cost table may have; far above any real order.
pub(super) const TABLE_MAX: usize = 100_001;

/// Most US dollars of one entry or price: sums stay far from what a float can hold.
const USD_MAX: f64 = 1e15;

/// An input that cannot be decided on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitmentError {
    /// A table without entries.
    #[error("the cost table is empty, expected the cost of 0 GSUs at least")]
    EmptyTable,
    /// A table that is too long to try every count.
    #[error("the cost table has {found} entries, expected at most {TABLE_MAX}")]
    TableTooLong {
        /// Its entries.
        found: usize,
    },
    /// A cost that is no amount of money.
    #[error("the cost of {gsu} GSUs is {found}, expected US dollars from 0 to {USD_MAX:e}")]
    BadCost {
        /// The count.
        gsu: usize,
        /// What was found.
        found: f64,
    },
    /// A price or amount that is none.
    #[error("{what} is {found}, expected a finite number above 0")]
    NotPositive {
        /// What.
        what: &'static str,
        /// What was found.
        found: f64,
    },
    /// An order that cannot grow.
    #[error("the increment is 0, expected 1 GSU or more")]
    ZeroIncrement,
    /// Tables that do not belong together.
    #[error(
        "tables of {expected} and {found} entries cannot be compared; hint: give all of them the same counts"
    )]
    LengthsDiffer {
        /// Entries of the first.
        expected: usize,
        /// Entries of the other.
        found: usize,
    },
    /// A probability that is none, or all of them zero.
    #[error("the weight of scenario {scenario} is {found}, expected finite weights of 0 or more, not all 0")]
    BadWeight {
        /// Its place in the list.
        scenario: usize,
        /// What was found.
        found: f64,
    },
    /// Nothing to compare.
    #[error("no scenario is given, expected at least one")]
    NoScenario,
}

/// A way to commit, with its price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Offer {
    /// US dollars of one GSU over the span of the cost table; above 0.
    pub usd_per_gsu: f64,
    /// US dollars of one GSU over the whole term: what cannot be cancelled; above 0.
    pub bound_usd_per_gsu: f64,
    /// Smallest purchase in GSUs.
    pub minimum_gsu: u64,
    /// Purchases are multiples of this.
    pub increment_gsu: u64,
}

/// One count and what it costs over the span of the table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CountCost {
    /// GSUs.
    pub gsu: u64,
    /// US dollars of the commitment.
    pub committed_usd: f64,
    /// US dollars left to PayGo.
    pub paygo_usd: f64,
    /// Both.
    pub total_usd: f64,
    /// PayGo dollars that each GSU above the count before takes away; negative where more GSUs leave more
    /// traffic to PayGo; `None` for 0 GSUs.
    pub worth_usd_per_gsu: Option<f64>,
}

/// The cheapest count of one term.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SingleTerm {
    /// The cheapest count; 0 when no purchase pays.
    pub best: CountCost,
    /// PayGo alone, US dollars.
    pub paygo_only_usd: f64,
    /// What the count saves against PayGo alone, US dollars; 0 for 0 GSUs.
    pub saving_usd: f64,
    /// US dollars that the purchase binds for the whole term.
    pub bound_usd: f64,
    /// Whether the best count is the largest that the table allows: a longer table might show a better one.
    pub at_table_end: bool,
    /// Every count that may be bought, ascending, with 0 in front.
    pub counts: Vec<CountCost>,
}

/// The cheapest count of one term, by trying all of them.
///
/// Counts are 0 and the multiples of the increment from the minimum up. Of equally cheap counts the smallest
/// wins, since it binds least.
///
/// # Errors
///
/// When the table is empty or holds something other than amounts of money, a price is not above 0, or the
/// increment is 0.
///
/// ```
/// # use burndown::capacity::{Offer, best_single};
/// let offer = Offer { usd_per_gsu: 3.0, bound_usd_per_gsu: 36.0, minimum_gsu: 1, increment_gsu: 1 };
/// let best = best_single(&[10.0, 6.0, 7.0, 0.5], &offer).unwrap();
/// assert_eq!((best.best.gsu, best.best.total_usd, best.bound_usd), (1, 9.0, 36.0));
/// ```
pub fn best_single(paygo_usd: &[f64], offer: &Offer) -> Result<SingleTerm, CommitmentError> {
    check_table(paygo_usd)?;
    positive("the price of a GSU", offer.usd_per_gsu)?;
    positive("the price of a GSU over its term", offer.bound_usd_per_gsu)?;
    if offer.increment_gsu == 0 {
        return Err(CommitmentError::ZeroIncrement);
    }
    let mut counts: Vec<CountCost> = Vec::new();
    for gsu in sizes(offer.minimum_gsu, offer.increment_gsu, paygo_usd.len() as u64 - 1) {
        let (committed_usd, paygo) = (gsu as f64 * offer.usd_per_gsu, paygo_usd[gsu as usize]);
        let worth = |before: &CountCost| (before.paygo_usd - paygo) / (gsu - before.gsu) as f64;
        let worth_usd_per_gsu = counts.last().map(worth);
        let total_usd = committed_usd + paygo;
        counts.push(CountCost { gsu, committed_usd, paygo_usd: paygo, total_usd, worth_usd_per_gsu });
    }
    let best = counts[cheapest(counts.iter().map(|count| count.total_usd))];
    let paygo_only_usd = paygo_usd[0];
    Ok(SingleTerm {
        best,
        paygo_only_usd,
        saving_usd: paygo_only_usd - best.total_usd,
        bound_usd: best.gsu as f64 * offer.bound_usd_per_gsu,
        at_table_end: best.gsu > 0 && counts.last().is_some_and(|last| last.gsu == best.gsu),
        counts,
    })
}

/// Counts that may be bought up to `most`: 0, then multiples of the increment from the minimum up.
pub(super) fn sizes(minimum: u64, increment: u64, most: u64) -> impl Iterator<Item = u64> {
    let first = minimum.max(1).div_ceil(increment).saturating_mul(increment);
    std::iter::once(0).chain((0..).map_while(move |step: u64| {
        let gsu = step.checked_mul(increment)?.checked_add(first)?;
        (gsu <= most).then_some(gsu)
    }))
}

/// The share of its time that a GSU must be busy to cost no more than PayGo.
///
/// `usd_per_gsu_hour` over what a full GSU takes from PayGo in an hour: burn tokens a second × 3,600 × US
/// dollars per burn token. Above 1 it never pays.
///
/// # Errors
///
/// When one of the three is not above 0.
///
/// ```
/// # use burndown::capacity::break_even_use;
/// // 2,000 dollars for 720 hours, 500 burn tokens a second, 2 dollars per million of them on PayGo
/// let share = break_even_use(2_000.0 / 720.0, 500.0, 2e-6).unwrap();
/// assert!((share - 0.771_604_938_271_604_9).abs() < 1e-15);
/// ```
pub fn break_even_use(
    usd_per_gsu_hour: f64,
    burn_per_second_per_gsu: f64,
    usd_per_burn: f64,
) -> Result<f64, CommitmentError> {
    positive("the price of a GSU-hour", usd_per_gsu_hour)?;
    positive("the throughput of a GSU", burn_per_second_per_gsu)?;
    positive("the price of a burn token", usd_per_burn)?;
    Ok(usd_per_gsu_hour / (burn_per_second_per_gsu * 3_600.0 * usd_per_burn))
}

/// Traffic that may wait: sent online into idle GSUs where there are any, else by batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deferrable<'a> {
    /// Burn tokens that may wait, over the span of the cost table.
    pub burn: f64,
    /// US dollars per burn token on the tier that takes the rest (batch or flex).
    pub usd_per_burn: f64,
    /// Burn tokens that stay unused at each count, during hours in which waiting traffic can be sent.
    pub idle_burn: &'a [f64],
}

/// A cost table with the traffic that may wait added: what idle GSUs cannot take is paid at the waiting tier.
///
/// Provisioned throughput serves no batch calls; the same requests sent online fill idle GSUs at no price.
/// Their cost at each count is `usd_per_burn × max(burn − idle, 0)`.
///
/// # Errors
///
/// When a table is empty, tables differ in length, or an entry is no finite number of 0 or more.
///
/// ```
/// # use burndown::capacity::{Deferrable, with_deferrable};
/// let waiting = Deferrable { burn: 100.0, usd_per_burn: 0.5, idle_burn: &[0.0, 30.0, 130.0] };
/// assert_eq!(with_deferrable(&[200.0, 90.0, 10.0], &waiting).unwrap(), [250.0, 125.0, 10.0]);
/// ```
pub fn with_deferrable(paygo_usd: &[f64], waiting: &Deferrable<'_>) -> Result<Vec<f64>, CommitmentError> {
    check_table(paygo_usd)?;
    check_table(waiting.idle_burn)?;
    same_length(paygo_usd.len(), waiting.idle_burn.len())?;
    check_table(&[waiting.burn, waiting.usd_per_burn])?;
    let rest = |idle: &f64| waiting.usd_per_burn * (waiting.burn - idle).max(0.0);
    Ok(paygo_usd.iter().zip(waiting.idle_burn).map(|(usd, idle)| usd + rest(idle)).collect())
}

/// What each request that is not throttled costs, against a count to start from, US dollars.
///
/// `total_usd` and `throttled` hold, by count, the cost and the expected number of throttled requests over the
/// same span. `None` where no request is saved from throttling. Negative where more GSUs are also cheaper.
///
/// # Errors
///
/// When a table is empty, tables differ in length or do not hold `from_gsu`, or an entry is no finite number
/// of 0 or more.
///
/// ```
/// # use burndown::capacity::usd_per_avoided_throttle;
/// let price = usd_per_avoided_throttle(&[50.0, 40.0, 46.0], &[100.0, 12.0, 0.0], 1).unwrap();
/// assert_eq!(price, [None, None, Some(0.5)]);
/// ```
pub fn usd_per_avoided_throttle(
    total_usd: &[f64],
    throttled: &[f64],
    from_gsu: usize,
) -> Result<Vec<Option<f64>>, CommitmentError> {
    check_table(total_usd)?;
    check_table(throttled)?;
    same_length(total_usd.len(), throttled.len())?;
    let Some((&usd, &lost)) = total_usd.get(from_gsu).zip(throttled.get(from_gsu)) else {
        return Err(CommitmentError::LengthsDiffer { expected: from_gsu + 1, found: total_usd.len() });
    };
    let price = |(other, others): (&f64, &f64)| (*others < lost).then(|| (other - usd) / (lost - others));
    Ok(total_usd.iter().zip(throttled).map(price).collect())
}

/// One purchase for several models of the same price list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Pool {
    /// US dollars left to PayGo over all models, by the GSUs of the pool, on the models' lower convex
    /// envelopes: no split of the GSUs costs less.
    pub bound_usd: Vec<f64>,
    /// The same on the models' true tables with the split that [`Pool::split`] gives.
    pub paygo_usd: Vec<f64>,
    /// Which table takes the next GSU of the pool.
    takes: Vec<usize>,
    models: usize,
}

impl Pool {
    /// GSUs of each model when the pool has so many; the order is that of the tables.
    pub fn split(&self, gsu: usize) -> Vec<u64> {
        let mut split = vec![0; self.models];
        self.takes.iter().take(gsu).for_each(|model| split[*model] += 1);
        split
    }
}

/// The cost table of a pool: its GSUs are split over the models so that they take most from PayGo.
///
/// Google's models share one price list, and an order may change its model and keep its end date, so the split
/// can follow demand (a change usually takes up to 10 business days). This is the infimal convolution of the
/// tables' lower convex envelopes: each GSU goes where its marginal worth is largest; the first table wins ties.
///
/// # Errors
///
/// When there is no table, or one is empty or holds something other than amounts of money.
///
/// ```
/// # use burndown::capacity::pooled;
/// let pool = pooled(&[vec![10.0, 4.0, 3.0], vec![9.0, 4.0, 0.0]]).unwrap();
/// assert_eq!(pool.paygo_usd, [19.0, 13.0, 8.0, 4.0, 3.0]);
/// assert_eq!(pool.split(3), [1, 2]);
/// ```
pub fn pooled(tables: &[Vec<f64>]) -> Result<Pool, CommitmentError> {
    if tables.is_empty() {
        return Err(CommitmentError::EmptyTable);
    }
    tables.iter().try_for_each(|table| check_table(table))?;
    let envelopes: Vec<Vec<f64>> = tables.iter().map(|table| lower_convex_envelope(table)).collect();
    let mut taken = vec![0; tables.len()];
    let mut pool = Pool {
        bound_usd: vec![envelopes.iter().map(|table| table[0]).sum()],
        paygo_usd: vec![tables.iter().map(|table| table[0]).sum()],
        takes: Vec::new(),
        models: tables.len(),
    };
    loop {
        let slope = |model: usize| {
            let next = envelopes[model].get(taken[model] + 1)?;
            Some(next - envelopes[model][taken[model]])
        };
        let open = (0..tables.len()).filter_map(|model| Some((model, slope(model)?)));
        let Some((model, _)) = open.min_by(|a, b| a.1.total_cmp(&b.1)) else { return Ok(pool) };
        taken[model] += 1;
        pool.takes.push(model);
        let sum = |from: &[Vec<f64>]| from.iter().zip(&taken).map(|(table, at)| table[*at]).sum();
        pool.bound_usd.push(sum(&envelopes));
        pool.paygo_usd.push(sum(tables));
    }
}

/// The first place of the least number.
pub(super) fn cheapest(costs: impl Iterator<Item = f64>) -> usize {
    costs.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
}

pub(super) fn check_table(table: &[f64]) -> Result<(), CommitmentError> {
    if table.is_empty() {
        return Err(CommitmentError::EmptyTable);
    }
    if table.len() > TABLE_MAX {
        return Err(CommitmentError::TableTooLong { found: table.len() });
    }
    let wrong = table.iter().position(|usd| !(0.0..=USD_MAX).contains(usd));
    wrong.map_or(Ok(()), |gsu| Err(CommitmentError::BadCost { gsu, found: table[gsu] }))
}

pub(super) fn positive(what: &'static str, found: f64) -> Result<(), CommitmentError> {
    if found.is_finite() && found > 0.0 {
        return Ok(());
    }
    Err(CommitmentError::NotPositive { what, found })
}

pub(super) fn same_length(expected: usize, found: usize) -> Result<(), CommitmentError> {
    if expected == found { Ok(()) } else { Err(CommitmentError::LengthsDiffer { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(usd_per_gsu: f64, minimum_gsu: u64, increment_gsu: u64) -> Offer {
        Offer { usd_per_gsu, bound_usd_per_gsu: 12.0 * usd_per_gsu, minimum_gsu, increment_gsu }
    }

    fn oracle(name: &str, key: &str) -> f64 {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/oracles.json"));
        serde_json::from_str::<serde_json::Value>(text).unwrap()[name][key].as_f64().unwrap()
    }

    /// The newsvendor's closed form, met by trying a grid of hundredths of a unit.
    #[track_caller]
    fn check_newsvendor(name: &str, left_over: impl Fn(f64) -> f64) {
        let fine = 0.01;
        let table: Vec<f64> = (0..40_000).map(|at| left_over(f64::from(at) * fine)).collect();
        let best = best_single(&table, &offer(0.2 * fine, 1, 1)).unwrap();
        let units = best.best.gsu as f64 * fine;
        assert!((units - oracle(name, "x")).abs() <= fine, "{units}");
        assert!((best.best.total_usd - oracle(name, "cost")).abs() < 1e-6, "{}", best.best.total_usd);
    }

    #[test]
    fn trying_every_count_meets_the_newsvendor() {
        check_newsvendor("03_newsvendor_exponential", |x| 100.0 * (-x / 100.0).exp());
        check_newsvendor("04_newsvendor_uniform", |x| (100.0 - x).max(0.0).powi(2) / 200.0);
    }

    #[test]
    fn break_even_is_the_price_over_what_a_full_unit_takes() {
        let share = break_even_use(2_000.0 / (30.0 * 24.0), 500.0, 2e-6).unwrap();
        assert!((share - oracle("02_break_even", "utilisation")).abs() < 1e-12);
        assert!(break_even_use(1.0, 0.0, 1.0).is_err());
    }

    #[test]
    fn the_best_count_may_lie_behind_worse_ones() {
        // From 1 to 3 GSUs each is dearer than none; 4 are cheapest, and 5 leave more to PayGo than 4.
        let best = best_single(&[40.0, 36.0, 37.0, 30.0, 8.0, 9.0], &offer(5.0, 1, 1)).unwrap();
        assert_eq!((best.best.gsu, best.best.total_usd, best.saving_usd), (4, 28.0, 12.0));
        let worth: Vec<Option<f64>> = best.counts.iter().map(|count| count.worth_usd_per_gsu).collect();
        assert_eq!(worth, [None, Some(4.0), Some(-1.0), Some(7.0), Some(22.0), Some(-1.0)]);
        assert!(!best.at_table_end);
        assert_eq!(best.bound_usd, 240.0);
    }

    #[test]
    fn no_purchase_is_an_answer_and_binds_nothing() {
        let none = best_single(&[10.0, 8.0, 7.0], &offer(3.0, 1, 1)).unwrap();
        assert_eq!((none.best.gsu, none.saving_usd, none.bound_usd), (0, 0.0, 0.0));
        assert_eq!(none.best.total_usd, 10.0);
        // Equal cost: the smaller count binds less.
        assert_eq!(best_single(&[6.0, 3.0], &offer(3.0, 1, 1)).unwrap().best.gsu, 0);
    }

    #[test]
    fn counts_start_at_the_minimum_and_grow_by_the_increment() {
        let table: Vec<f64> = (0..14).map(|gsu| 100.0 - 5.0 * f64::from(gsu)).collect();
        let best = best_single(&table, &offer(1.0, 5, 3)).unwrap();
        assert_eq!(best.counts.iter().map(|count| count.gsu).collect::<Vec<_>>(), [0, 6, 9, 12]);
        assert_eq!(best.best.gsu, 12);
        assert!(best.at_table_end, "a longer table might go on");
        let far = best_single(&table, &offer(1.0, 25, 1)).unwrap();
        assert_eq!(far.counts.len(), 1, "the minimum lies beyond the table");
    }

    #[test]
    fn bad_tables_and_offers_are_named() {
        let fine = offer(1.0, 1, 1);
        let message = |table: &[f64], offer: &Offer| best_single(table, offer).unwrap_err().to_string();
        assert_eq!(message(&[], &fine), "the cost table is empty, expected the cost of 0 GSUs at least");
        let found = message(&[1.0, f64::NAN], &fine);
        assert_eq!(found, "the cost of 1 GSUs is NaN, expected US dollars from 0 to 1e15");
        assert!(message(&[-1.0], &fine).contains("is -1"));
        assert_eq!(
            message(&[1.0], &offer(0.0, 1, 1)),
            "the price of a GSU is 0, expected a finite number above 0"
        );
        assert_eq!(message(&[1.0], &offer(1.0, 1, 0)), "the increment is 0, expected 1 GSU or more");
        let long = best_single(&vec![0.0; TABLE_MAX + 1], &fine).unwrap_err();
        assert_eq!(long, CommitmentError::TableTooLong { found: TABLE_MAX + 1 });
    }

    #[test]
    fn a_pool_of_convex_tables_splits_best() {
        let tables: [Vec<f64>; 3] = [
            (0..6).map(|g| 30.0 * 0.5_f64.powi(g)).collect(),
            (0..5).map(|g| 20.0 * 0.7_f64.powi(g)).collect(),
            (0..4).map(|g| f64::from(9 - 3 * g)).collect(),
        ];
        let pool = pooled(&tables).unwrap();
        assert_eq!(pool.paygo_usd.len(), 13);
        for gsu in 0..13_usize {
            let mut best = f64::INFINITY;
            for (a, x) in tables[0].iter().enumerate() {
                for (b, y) in tables[1].iter().enumerate() {
                    let rest = gsu.checked_sub(a + b).and_then(|c| tables[2].get(c));
                    best = rest.map_or(best, |z| best.min(x + y + z));
                }
            }
            assert!((pool.paygo_usd[gsu] - best).abs() < 1e-9, "{gsu}: {} {best}", pool.paygo_usd[gsu]);
            assert_eq!(pool.split(gsu).iter().sum::<u64>(), gsu as u64);
        }
    }

    #[test]
    fn a_pool_of_saw_teeth_is_bounded_below() {
        let pool = pooled(&[vec![10.0, 9.0, 2.0], vec![8.0, 8.5, 1.0]]).unwrap();
        assert!(pool.bound_usd.iter().zip(&pool.paygo_usd).all(|(bound, usd)| bound <= usd));
        assert_eq!((pool.bound_usd[4], pool.paygo_usd[4]), (3.0, 3.0));
        assert_eq!(pooled(&[]), Err(CommitmentError::EmptyTable));
    }

    #[test]
    fn waiting_traffic_makes_more_gsus_worth_buying() {
        let paygo = [30.0, 20.0, 14.0, 11.0];
        let alone = best_single(&paygo, &offer(7.0, 1, 1)).unwrap();
        let waiting = Deferrable { burn: 10.0, usd_per_burn: 1.0, idle_burn: &[0.0, 1.0, 4.0, 9.0] };
        let filled = best_single(&with_deferrable(&paygo, &waiting).unwrap(), &offer(7.0, 1, 1)).unwrap();
        assert_eq!((alone.best.gsu, filled.best.gsu), (1, 3));
        assert_eq!(filled.best.total_usd, 21.0 + 11.0 + 1.0);
        assert!(with_deferrable(&paygo[1..], &waiting).is_err());
    }

    #[test]
    fn assurance_has_a_price_per_request() {
        let price = usd_per_avoided_throttle(&[50.0, 40.0, 46.0, 60.0], &[90.0, 12.0, 12.0, 2.0], 1).unwrap();
        assert_eq!(price, [None, None, None, Some(2.0)]);
        assert!(usd_per_avoided_throttle(&[1.0], &[1.0], 1).is_err());
    }
}
