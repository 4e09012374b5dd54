//! A pool's money in any of the worlds that a simulation draws: by look-up, not by new curves.
//!
//! Load and dollars of every month follow from the world's factors; what each count then leaves comes from
//! tables over load and burstiness (see [`crate::capacity::ShareTable`]). Costs of all counts at once give the
//! cheapest one, and those of the ladders tell what the advised purchase comes to.

use rust_decimal::prelude::ToPrimitive;

use super::{
    Member,
    demand::{MonthlyCurves, burn_by_class},
    money::Costs,
};
use crate::{
    calendar::{Day, Month, Stretch},
    capacity::{CurveError, Ladder, LadderRegret, Probe, ShareTable},
    model::{ByClass, TokenClass},
    projection::world::World,
};

/// Loads beyond these factors of the planned one are taken as these.
const LOAD_FACTOR_MAX: f64 = 6.0;

/// Where the look-up is held against exact curves: half a standard deviation of load, size and burstiness off.
const PROBES: [Probe; 2] =
    [Probe { load: 1.16, size: 1.03, shape: 0.7 }, Probe { load: 0.86, size: 0.97, shape: 1.4 }];

/// Counts at which it is.
const PROBED_COUNTS: usize = 5;

/// A pool's costs by look-up.
#[derive(Clone, Debug)]
pub(in crate::projection) struct PoolLookup {
    /// Counts that may be bought, 0 first.
    counts: Vec<u64>,
    tables: Vec<ShareTable>,
    /// By month: its table, and the logarithm of its load factor; `None` without traffic.
    of_month: Vec<Option<(usize, f64)>>,
    members: Vec<Part>,
    waiting: Vec<Part>,
    /// Burn tokens of a GSU by month.
    quota: Vec<f64>,
    /// US dollars of a GSU in the mean month, on the cheapest term.
    usd_per_gsu_month: f64,
    /// Ladders that were compared; the advised one first.
    ladders: Vec<Held>,
    /// Share of the horizon after the first day on which an order can run.
    held_share: f64,
    /// Largest difference of a share of tokens from exact curves.
    pub error: f64,
}

/// A route's part in a pool.
#[derive(Clone, Debug)]
struct Part {
    /// Index of the route.
    route: usize,
    /// By class: burn tokens of a request over its mean burn.
    burn_shares: Vec<(TokenClass, f64)>,
    /// Burn tokens by month.
    burn: Vec<f64>,
    /// US dollars on PayGo by month and class that costs anything.
    usd: Vec<Vec<(TokenClass, f64)>>,
}

/// What a ladder holds and costs.
#[derive(Clone, Debug)]
struct Held {
    committed_usd_per_month: f64,
    /// By month: counts as indices of `counts`, with the share of the month that each is held.
    levels: Vec<Vec<(usize, f64)>>,
}

/// What a pool comes to in one world, US dollars of the mean month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::projection) struct PoolOutcome {
    /// PayGo alone.
    pub nothing_usd: f64,
    /// The cheapest count held over the whole horizon on the cheapest term; 0 when none pays.
    pub cheapest_gsu: u64,
    /// The least that any of these counts or of the compared ladders costs.
    pub least_usd: f64,
    /// What the advised purchase leaves to PayGo.
    pub advised_paygo_usd: f64,
    /// Fees of the advised purchase, the same in every world.
    pub advised_committed_usd: f64,
}

impl PoolOutcome {
    /// What the advised purchase costs more than the best one.
    pub fn regret_usd(&self) -> f64 {
        (self.advised_committed_usd + self.advised_paygo_usd - self.least_usd).max(0.0)
    }
}

/// Load and dollars of a month in a world.
struct MonthWorld {
    log_load: f64,
    usd: f64,
}

impl PoolLookup {
    /// From the pool's curves and ladders; `None` when its model has no term.
    ///
    /// # Errors
    ///
    /// When an exact curve to compare with cannot be made.
    pub(super) fn new(
        costs: &Costs<'_>,
        ladders: Option<&LadderRegret>,
        usd_per_gsu_month: f64,
        named: &[u64],
    ) -> Result<PoolLookup, CurveError> {
        let months = costs.months.len();
        let held = ladders.map_or(&[][..], |found| found.ladders.as_slice());
        let levels = held.iter().flat_map(|ladder| &ladder.levels).map(|level| level.gsu);
        let counts = costs.counts(levels.chain(named.iter().copied()));
        let bursts = costs.members.iter().any(|member| {
            let assumed = &costs.inputs.workload.assumed;
            assumed.iter().any(|line| {
                line.key == "burstiness" && line.route.as_deref() == Some(member.route.name.as_str())
            })
        });
        let advised = ladders.map(|found| found.regret.cheapest);
        let order = advised.into_iter().chain((0..held.len()).filter(|at| Some(*at) != advised));
        let per_gsu = costs.row.tokens_per_second_per_gsu.to_f64().unwrap_or(f64::NAN);
        let quota = |at: usize| per_gsu * f64::from(costs.months[at].days()) * 86_400.0;
        let parts = |members: &[Member<'_>]| members.iter().map(|member| part(costs, member)).collect();
        Ok(PoolLookup {
            tables: tables(costs.curves, &counts, bursts),
            of_month: (0..months).map(|at| costs.curves.place(at)).collect(),
            members: parts(costs.members),
            waiting: parts(costs.waiting),
            quota: (0..months).map(quota).collect(),
            held_share: held_share(held, costs.months),
            ladders: order.map(|at| held_by(&held[at], months, &counts)).collect(),
            error: error(costs, &counts, named)?,
            usd_per_gsu_month,
            counts,
        })
    }

    /// What the pool comes to in a world.
    pub fn outcome(&self, world: &World) -> PoolOutcome {
        let months = self.of_month.len();
        let mut rows: Vec<Vec<f64>> = self.tables.iter().map(ShareTable::no_rows).collect();
        let mut sums = vec![0.0_f32; self.counts.len()];
        let mut nothing = 0.0;
        let mut ladders = vec![0.0; self.ladders.len()];
        for at in 0..months {
            let Some((table, month)) = self.month(world, at) else { continue };
            let weights = self.tables[table].weights(month.log_load, world.log_shape);
            let waiting = self.waiting_in(world, at);
            nothing += month.usd + waiting.map_or(0.0, |waiting| waiting.usd);
            let fills = waiting.filter(|waiting| waiting.burn > 0.0);
            match fills {
                Some(waiting) => {
                    let offered = self.offered(world, at);
                    for (index, sum) in sums.iter_mut().enumerate() {
                        let left = self.tables[table].share(&weights, index);
                        *sum += self.with_waiting(at, index, left, (month.usd, offered), waiting) as f32;
                    }
                }
                None => self.tables[table].note(&mut rows[table], &weights, month.usd),
            }
            for (ladder, usd) in self.ladders.iter().zip(&mut ladders) {
                for (index, share) in &ladder.levels[at] {
                    let left = self.tables[table].share(&weights, *index);
                    *usd += share
                        * match fills {
                            Some(waiting) => {
                                let offered = self.offered(world, at);
                                self.with_waiting(at, *index, left, (month.usd, offered), waiting)
                            }
                            None => left * month.usd,
                        };
                }
            }
        }
        for (table, rows) in self.tables.iter().zip(&rows) {
            table.add(rows, &mut sums);
        }
        self.best(&sums, nothing / months as f64, &ladders)
    }

    fn best(&self, sums: &[f32], nothing_usd: f64, ladders: &[f64]) -> PoolOutcome {
        let months = self.of_month.len() as f64;
        let mut cheapest = (0, nothing_usd);
        for (gsu, left) in self.counts.iter().zip(sums).skip(1) {
            let usd = f64::from(*left).max(0.0) / months + *gsu as f64 * self.usd_per_gsu_month;
            if usd < cheapest.1 {
                cheapest = (*gsu, usd);
            }
        }
        // A count that waits for its order serves a part of the horizon.
        let in_time = nothing_usd + self.held_share * (cheapest.1 - nothing_usd);
        let of_ladder = |(ladder, left): (&Held, &f64)| ladder.committed_usd_per_month + left / months;
        let ladders_usd = self.ladders.iter().zip(ladders).map(of_ladder);
        PoolOutcome {
            nothing_usd,
            cheapest_gsu: cheapest.0,
            least_usd: ladders_usd.fold(in_time, f64::min),
            advised_paygo_usd: ladders.first().map_or(nothing_usd, |left| left / months),
            advised_committed_usd: self.ladders.first().map_or(0.0, |held| held.committed_usd_per_month),
        }
    }

    /// The table of a month, and its load and dollars in a world.
    fn month(&self, world: &World, at: usize) -> Option<(usize, MonthWorld)> {
        let (table, log_load) = self.of_month[at]?;
        let (mut planned, mut burn, mut usd) = (0.0, 0.0, 0.0);
        for part in &self.members {
            let drawn = part.in_world(world, at);
            planned += part.burn[at];
            burn += drawn.burn;
            usd += drawn.usd;
        }
        let factor = (burn / planned).clamp(1.0 / LOAD_FACTOR_MAX, LOAD_FACTOR_MAX);
        Some((table, MonthWorld { log_load: log_load + factor.ln(), usd }))
    }

    fn offered(&self, world: &World, at: usize) -> f64 {
        self.members.iter().map(|part| part.in_world(world, at).burn).sum()
    }

    /// Burn and dollars of the traffic that may wait; `None` where there is none.
    fn waiting_in(&self, world: &World, at: usize) -> Option<Drawn> {
        let parts = self.waiting.iter().map(|part| part.in_world(world, at));
        parts.reduce(|a, b| Drawn { burn: a.burn + b.burn, usd: a.usd + b.usd })
    }

    /// US dollars of a month when idle GSUs take what may wait.
    fn with_waiting(
        &self,
        at: usize,
        index: usize,
        left: f64,
        (usd, offered): (f64, f64),
        waiting: Drawn,
    ) -> f64 {
        let idle = (self.counts[index] as f64 * self.quota[at] - (1.0 - left) * offered).max(0.0);
        left * usd + waiting.usd / waiting.burn * (waiting.burn - idle).max(0.0)
    }
}

/// A route's burn tokens and dollars of a month in a world.
#[derive(Clone, Copy)]
struct Drawn {
    burn: f64,
    usd: f64,
}

impl Part {
    fn in_world(&self, world: &World, at: usize) -> Drawn {
        let route = &world.routes[self.route];
        let traffic = route.traffic(at) * world.busy;
        let burn: f64 = self.burn_shares.iter().map(|(class, share)| share * route.tokens[*class]).sum();
        let usd: f64 = self.usd[at].iter().map(|(class, usd)| usd * route.tokens[*class]).sum();
        Drawn { burn: self.burn[at] * traffic * burn, usd: usd * traffic }
    }
}

fn part(costs: &Costs<'_>, member: &Member<'_>) -> Part {
    let burn: ByClass<f64> = burn_by_class(member, costs.row);
    let mean: f64 = burn.iter().map(|(_, burn)| *burn).sum();
    let positive = |values: &ByClass<f64>| -> Vec<(TokenClass, f64)> {
        values.iter().filter(|(_, value)| **value > 0.0).map(|(class, value)| (class, *value)).collect()
    };
    let routes = &costs.inputs.workload.routes;
    Part {
        route: routes.iter().position(|route| route.name == member.route.name).unwrap_or(0),
        burn_shares: positive(&burn).into_iter().map(|(class, part)| (class, part / mean)).collect(),
        burn: member.plan.months.iter().map(|spend| spend.requests * mean).collect(),
        usd: member.instead_of.months.iter().map(|spend| positive(&spend.usd)).collect(),
    }
}

/// One table for each family of months, wide enough for its months at loads from a sixth to six times.
fn tables(curves: &MonthlyCurves, counts: &[u64], bursts: bool) -> Vec<ShareTable> {
    let table = |(family, [low, high]): (&crate::capacity::CurveFamily, [f64; 2])| {
        ShareTable::new(family, counts, [low - LOAD_SPREAD, high + LOAD_SPREAD], bursts)
    };
    curves.families().map(table).collect()
}

/// Logarithm of the loads around the planned ones that the tables hold; 3.3 times more or less.
const LOAD_SPREAD: f64 = 1.2;

fn held_by(ladder: &Ladder, months: usize, counts: &[u64]) -> Held {
    let mut levels = vec![Vec::new(); months];
    for level in &ladder.levels {
        let period = &ladder.periods[level.period];
        let days = |first: Day, next: Day| f64::from(Stretch { first, next }.days());
        let share = days(level.first, level.next) / days(period.first, period.next);
        let index = counts.partition_point(|gsu| *gsu <= level.gsu).saturating_sub(1);
        levels[level.period].push((index, share));
    }
    Held {
        committed_usd_per_month: (ladder.committed_usd + ladder.charged_beyond_usd) / months as f64,
        levels,
    }
}

/// Share of the horizon from the first day on which one of the ladders holds anything; all of it when none does.
fn held_share(ladders: &[Ladder], months: &[Month]) -> f64 {
    let days = |first: Day, next: Day| f64::from(Stretch { first, next }.days());
    let first = ladders.iter().flat_map(|ladder| &ladder.levels).filter(|level| level.gsu > 0);
    let (start, end) = (months[0].first, months[months.len() - 1].next);
    first.map(|level| level.first).min().map_or(1.0, |first| days(first, end) / days(start, end))
}

/// Largest difference to exact curves of the busiest month, at counts that the plan names and some between.
fn error(costs: &Costs<'_>, counts: &[u64], named: &[u64]) -> Result<f64, CurveError> {
    let mut probed: Vec<u64> = named.iter().copied().filter(|gsu| *gsu > 0).take(PROBED_COUNTS - 2).collect();
    let spread = (1..=2).filter_map(|part| counts.get(counts.len() * part / 6));
    probed.extend(spread.filter(|gsu| **gsu > 0));
    let (family, traffic) = (costs.curves.busiest(), costs.curves.busiest_traffic());
    let errors = PROBES.map(|probe| family.error((costs.row, traffic), &probed, probe));
    errors.into_iter().try_fold(0.0_f64, |largest, error| Ok(largest.max(error?)))
}
