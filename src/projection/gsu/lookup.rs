//! A pool's money in any of the worlds that a simulation draws: by look-up, not by new curves.
//!
//! Load and dollars of every month follow from the world's factors; what each count then leaves comes from
//! tables over load, size and burstiness (see [`crate::capacity::ShareTable`]). Costs of all counts at once give
//! the cheapest one, and those of the ladders tell what the advised purchase comes to.

use std::ops::RangeInclusive;

use rust_decimal::prelude::ToPrimitive;

use super::{Member, cheapest::cheapest, demand::burn_by_class, money::Costs};
use crate::{
    calendar::{Day, Month, Stretch},
    capacity::{Amounts, CurveError, Grid, Ladder, LadderRegret, Place, Probe, ShareTable},
    model::{ByClass, TokenClass},
    projection::world::World,
};

/// Traffic beyond these factors of the planned one is taken as these.
const RATE_FACTOR_MAX: f64 = 6.0;

/// Logarithm of the traffic around the planned one that the tables hold; 3.3 times more or less.
const RATE_SPREAD: f64 = 1.2;

/// Where the look-up is held against exact curves: half a standard deviation and more of load, size and burstiness
/// off to the one side, and further to the other.
const PROBES: [Probe; 2] =
    [Probe { load: 0.86, size: 0.97, shape: 1.4 }, Probe { load: 1.4, size: 1.09, shape: 0.5 }];

/// Most counts at which it is.
const PROBED_COUNTS: usize = 6;

/// A pool's costs by look-up.
#[derive(Clone, Debug)]
pub(in crate::projection) struct PoolLookup {
    /// Counts that may be bought, 0 first.
    counts: Vec<u64>,
    /// Indices of the counts above 0 that share a window.
    bands: Vec<RangeInclusive<usize>>,
    tables: Vec<ShareTable>,
    /// By month: its table, and the logarithm of its load factor; `None` without traffic.
    of_month: Vec<Option<(usize, f64)>>,
    members: Vec<Part>,
    waiting: Vec<Part>,
    /// Traffic that cannot wait by month, as planned.
    planned: Vec<Drawn>,
    /// Index of the cheapest count as planned.
    likely: Option<usize>,
    /// Burn tokens of a GSU by month.
    quota: Vec<f64>,
    /// US dollars of a GSU in the mean month, on the cheapest term.
    usd_per_gsu_month: f64,
    /// US dollars a month of the ladders that were compared; the advised one first.
    ladders: Vec<f64>,
    /// By month: the counts that they hold.
    levels: Vec<Vec<Level>>,
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
    /// By month, as planned: requests, burn tokens.
    months: Vec<(f64, f64)>,
    /// By class that costs anything: US dollars on PayGo by month, as planned.
    usd: Vec<(TokenClass, Vec<f64>)>,
}

/// A count that ladders hold in a month.
#[derive(Clone, Debug)]
struct Level {
    /// Index of the count.
    index: usize,
    /// Ladders that hold it, and for which share of the month.
    shares: Vec<(usize, f64)>,
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

/// A month in a world.
struct MonthWorld {
    table: usize,
    place: Place,
    /// Traffic that cannot wait.
    online: Drawn,
    /// Burn tokens of a GSU.
    quota: f64,
    /// Traffic that may wait, where there is any.
    waiting: Option<Drawn>,
}

impl MonthWorld {
    /// Traffic that idle GSUs take.
    fn filling(&self) -> Option<Drawn> {
        self.waiting.filter(|waiting| waiting.burn > 0.0)
    }
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
        let ladders: Vec<&Ladder> = order.map(|at| &held[at]).collect();
        let per_gsu = costs.row.tokens_per_second_per_gsu.to_f64().unwrap_or(f64::NAN);
        let quota = |at: usize| per_gsu * f64::from(costs.months[at].days()) * 86_400.0;
        let parts = |members: &[Member<'_>]| -> Vec<Part> {
            members.iter().map(|member| part(costs, member)).collect()
        };
        let tables = tables(costs, &counts, bursts)?;
        let members = parts(costs.members);
        let planned = World::planned(costs.inputs.workload.routes.len());
        let mut lookup = PoolLookup {
            of_month: (0..months).map(|at| costs.curves.place(at)).collect(),
            planned: drawn(&members, &planned, months),
            members,
            waiting: parts(costs.waiting),
            likely: None,
            quota: (0..months).map(quota).collect(),
            held_share: held_share(held, costs.months),
            levels: levels_of(&ladders, months, &counts),
            ladders: ladders.iter().map(|ladder| committed_usd(ladder) / months as f64).collect(),
            error: error(costs, &tables, &counts, named)?,
            bands: bands(costs, &counts),
            usd_per_gsu_month,
            tables,
            counts,
        };
        let cheapest = lookup.outcome(&planned).cheapest_gsu;
        lookup.likely = lookup.counts.binary_search(&cheapest).ok().filter(|_| cheapest > 0);
        Ok(lookup)
    }

    /// Indices of the routes whose worlds it looks at.
    pub fn routes(&self) -> impl Iterator<Item = usize> {
        self.members.iter().chain(&self.waiting).map(|part| part.route)
    }

    /// What the pool comes to in a world.
    pub fn outcome(&self, world: &World) -> PoolOutcome {
        let months = self.months(world);
        let (mut nothing, mut filled) = (0.0, Vec::new());
        let mut amounts: Vec<Amounts> = self.tables.iter().map(ShareTable::amounts).collect();
        for month in months.iter().flatten() {
            nothing += month.online.usd + month.waiting.map_or(0.0, |waiting| waiting.usd);
            match month.filling() {
                Some(_) => filled.push(month),
                None => {
                    self.tables[month.table].note(&mut amounts[month.table], &month.place, month.online.usd);
                }
            }
        }
        let tables: Vec<_> = self.tables.iter().zip(&amounts).map(|(table, sums)| table.left(sums)).collect();
        let left = |index: usize| {
            let mut sum = (0.0, 0);
            for (left, first) in tables.iter().map(|left| left.at(index)) {
                sum = (sum.0 + left, first.max(sum.1));
            }
            // Idle GSUs that take what may wait bend the other way.
            match filled.is_empty() {
                true => sum,
                false => (sum.0 + filled.iter().map(|month| self.left_of(month, index)).sum::<f64>(), index),
            }
        };
        self.best(left, self.guess(&months), nothing / months.len() as f64, &self.held(&months))
    }

    /// The cheapest of all, given what every count by its index and every ladder leaves over the horizon.
    fn best(
        &self,
        left: impl Fn(usize) -> (f64, usize),
        likely: Option<usize>,
        nothing_usd: f64,
        ladders: &[f64],
    ) -> PoolOutcome {
        let months = self.of_month.len() as f64;
        let priced = (self.counts.as_slice(), self.usd_per_gsu_month);
        let monthly = |index: usize| {
            let (left, first) = left(index);
            (left / months, first)
        };
        let found = cheapest(&self.bands, likely, priced, monthly, nothing_usd);
        let cheapest = found.map_or((0, nothing_usd), |(index, usd)| (self.counts[index], usd));
        // A count that waits for its order serves a part of the horizon.
        let in_time = nothing_usd + self.held_share * (cheapest.1 - nothing_usd);
        let of_ladder = |(committed, left): (&f64, &f64)| committed + left / months;
        let ladders_usd = self.ladders.iter().zip(ladders).map(of_ladder);
        PoolOutcome {
            nothing_usd,
            cheapest_gsu: cheapest.0,
            least_usd: ladders_usd.fold(in_time, f64::min),
            advised_paygo_usd: ladders.first().map_or(nothing_usd, |left| left / months),
            advised_committed_usd: self.ladders.first().copied().unwrap_or(0.0),
        }
    }

    /// The count that is cheapest as planned, grown with the traffic.
    fn guess(&self, months: &[Option<MonthWorld>]) -> Option<usize> {
        let planned =
            self.counts[self.likely?] as f64 / self.planned.iter().map(|drawn| drawn.burn).sum::<f64>();
        let gsu = planned * months.iter().flatten().map(|month| month.online.burn).sum::<f64>();
        Some(self.counts.partition_point(|count| *count as f64 <= gsu).max(2) - 1)
    }

    /// US dollars that the ladders leave over the horizon.
    fn held(&self, months: &[Option<MonthWorld>]) -> Vec<f64> {
        let mut ladders = vec![0.0; self.ladders.len()];
        for (month, levels) in months.iter().zip(&self.levels) {
            let Some(month) = month else { continue };
            for level in levels {
                let usd = self.left_of(month, level.index);
                level.shares.iter().for_each(|(ladder, share)| ladders[*ladder] += share * usd);
            }
        }
        ladders
    }

    /// The months of a world; `None` without traffic.
    ///
    /// Requests that are bigger on average make all of the pool's requests bigger alike.
    fn months(&self, world: &World) -> Vec<Option<MonthWorld>> {
        let count = self.of_month.len();
        let online = drawn(&self.members, world, count);
        let waiting = (!self.waiting.is_empty()).then(|| drawn(&self.waiting, world, count));
        let month = |(at, of_month): (usize, &Option<(usize, f64)>)| {
            let (table, log_load) = (*of_month)?;
            let (planned, online) = (self.planned[at], online[at]);
            let rate = (online.requests / planned.requests).clamp(1.0 / RATE_FACTOR_MAX, RATE_FACTOR_MAX);
            let size = (online.burn / online.requests) / (planned.burn / planned.requests);
            let place = self.tables[table].place(log_load + rate.ln(), size, world.log_shape);
            let waiting = waiting.as_ref().map(|waiting| waiting[at]);
            Some(MonthWorld { table, place, online, quota: self.quota[at], waiting })
        };
        self.of_month.iter().enumerate().map(month).collect()
    }

    /// US dollars of a month that a count leaves, idle GSUs taking what may wait.
    fn left_of(&self, month: &MonthWorld, index: usize) -> f64 {
        let left = self.tables[month.table].share(&month.place, index);
        let paid = left * month.online.usd;
        let Some(waiting) = month.filling() else { return paid };
        let quota = self.counts[index] as f64 * month.quota;
        let idle = (quota - (1.0 - left) * month.online.burn).max(0.0);
        paid + waiting.usd / waiting.burn * (waiting.burn - idle).max(0.0)
    }
}

/// Requests, burn tokens and dollars of a month in a world.
#[derive(Clone, Copy, Debug, Default)]
struct Drawn {
    requests: f64,
    burn: f64,
    usd: f64,
}

/// What parts come to by month in a world.
fn drawn(parts: &[Part], world: &World, months: usize) -> Vec<Drawn> {
    let (mut sums, mut traffic) = (vec![Drawn::default(); months], Vec::with_capacity(months));
    for part in parts {
        let route = &world.routes[part.route];
        let burn: f64 = part.burn_shares.iter().map(|(class, share)| share * route.tokens[*class]).sum();
        traffic.clear();
        traffic.extend(route.traffic().map(|factor| factor * world.busy).take(months));
        for ((sum, (requests, planned_burn)), factor) in sums.iter_mut().zip(&part.months).zip(&traffic) {
            sum.requests += requests * factor;
            sum.burn += planned_burn * factor * burn;
        }
        for (class, usd) in &part.usd {
            let tokens = route.tokens[*class];
            let months = sums.iter_mut().zip(usd).zip(&traffic);
            months.for_each(|((sum, usd), factor)| sum.usd += usd * tokens * factor);
        }
    }
    sums
}

fn part(costs: &Costs<'_>, member: &Member<'_>) -> Part {
    let burn: ByClass<f64> = burn_by_class(member, costs.row);
    let mean: f64 = burn.iter().map(|(_, burn)| *burn).sum();
    let burning = burn.iter().filter(|(_, burn)| **burn > 0.0);
    let routes = &costs.inputs.workload.routes;
    let usd_of = |class: TokenClass| -> Vec<f64> {
        member.instead_of.months.iter().map(|spend| spend.usd[class]).collect()
    };
    let costly = TokenClass::ALL.iter().map(|class| (*class, usd_of(*class)));
    Part {
        route: routes.iter().position(|route| route.name == member.route.name).unwrap_or(0),
        burn_shares: burning.map(|(class, burn)| (class, burn / mean)).collect(),
        months: member.plan.months.iter().map(|spend| (spend.requests, spend.requests * mean)).collect(),
        usd: costly.filter(|(_, usd)| usd.iter().any(|usd| *usd > 0.0)).collect(),
    }
}

/// Indices of the counts above 0, those of one window together.
fn bands(costs: &Costs<'_>, counts: &[u64]) -> Vec<RangeInclusive<usize>> {
    let mut next = counts.partition_point(|gsu| *gsu == 0);
    let same = counts[next..].chunk_by(|a, b| costs.row.window(*a) == costs.row.window(*b));
    let band = |counts: &[u64]| {
        let first = next;
        next += counts.len();
        first..=next - 1
    };
    same.map(band).collect()
}

/// One table for each family of months, wide enough for its months at a third to three times their traffic.
fn tables(costs: &Costs<'_>, counts: &[u64], bursts: bool) -> Result<Vec<ShareTable>, CurveError> {
    let families = costs.curves.families();
    families
        .map(|(family, traffic, [low, high])| {
            let range = [low - RATE_SPREAD, high + RATE_SPREAD];
            ShareTable::new(family, (costs.row, traffic), counts, range, bursts, Grid::FINE)
        })
        .collect()
}

fn committed_usd(ladder: &Ladder) -> f64 {
    ladder.committed_usd + ladder.charged_beyond_usd
}

/// The counts that ladders hold by month, each once.
fn levels_of(ladders: &[&Ladder], months: usize, counts: &[u64]) -> Vec<Vec<Level>> {
    let mut levels: Vec<Vec<Level>> = vec![Vec::new(); months];
    for (ladder, held) in ladders.iter().enumerate() {
        for level in &held.levels {
            let period = &held.periods[level.period];
            let days = |first: Day, next: Day| f64::from(Stretch { first, next }.days());
            let share = days(level.first, level.next) / days(period.first, period.next);
            let index = counts.partition_point(|gsu| *gsu <= level.gsu).saturating_sub(1);
            let of_month = &mut levels[level.period];
            match of_month.iter_mut().find(|other| other.index == index) {
                Some(other) => other.shares.push((ladder, share)),
                None => of_month.push(Level { index, shares: vec![(ladder, share)] }),
            }
        }
    }
    levels
}

/// Share of the horizon from the first day on which one of the ladders holds anything; all of it when none does.
fn held_share(ladders: &[Ladder], months: &[Month]) -> f64 {
    let days = |first: Day, next: Day| f64::from(Stretch { first, next }.days());
    let first = ladders.iter().flat_map(|ladder| &ladder.levels).filter(|level| level.gsu > 0);
    let (start, end) = (months[0].first, months[months.len() - 1].next);
    first.map(|level| level.first).min().map_or(1.0, |first| days(first, end) / days(start, end))
}

/// Largest difference to exact curves of the busiest month, at the smallest counts, some between and those that the
/// plan names.
fn error(costs: &Costs<'_>, tables: &[ShareTable], counts: &[u64], named: &[u64]) -> Result<f64, CurveError> {
    let (Some((_, traffic, _)), Some(table)) = (costs.curves.families().next(), tables.first()) else {
        return Ok(0.0);
    };
    let small = counts.iter().skip(1).take(2);
    let spread = (1..=2).filter_map(|part| counts.get(counts.len() * part / 6));
    let mut probed: Vec<u64> = Vec::new();
    for gsu in small.chain(spread).chain(named) {
        if *gsu > 0 && !probed.contains(gsu) && probed.len() < PROBED_COUNTS {
            probed.push(*gsu);
        }
    }
    let errors = PROBES.map(|probe| table.error((costs.row, traffic), &probed, probe));
    errors.into_iter().try_fold(0.0_f64, |largest, error| Ok(largest.max(error?)))
}
