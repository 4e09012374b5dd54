//! Finding the cheapest purchases: the flow, small moves on the true costs, fewer start dates.

use std::collections::BTreeMap;

use super::{
    LadderError, LadderInput, SinglePlan,
    schedule::{Kind, Offer, Problem, Starts, Step},
};
use crate::{
    calendar::Day,
    capacity::commitment::sizes,
    stats::{Cover, cheapest_covering, lower_convex_envelope},
};

/// How far a count moves at a time, in increments.
const MOVE: usize = 5;

/// Most rounds of moves; each makes the plan cheaper, so that few are needed.
const ROUNDS: usize = 50;

/// A cost below this share of another is cheaper; nearer ones are equal.
const CHEAPER: f64 = 1e-12;

/// Purchases in increments per offer.
pub(super) struct Found {
    pub(super) units: Vec<usize>,
    /// US dollars that count, running orders apart.
    pub(super) usd: f64,
    /// No purchases of these offers cost less.
    pub(super) bound_usd: f64,
}

/// Cost tables by step in increments, true and as envelopes.
struct Tables {
    paid: Vec<Vec<f64>>,
    envelope: Vec<Vec<f64>>,
}

impl Tables {
    fn new(problem: &Problem<'_>) -> Tables {
        let increment = problem.increment();
        let units = |step: &Step| {
            let last = problem.input.periods[step.period].paygo_usd.len() as u64 - 1;
            last.saturating_sub(step.held).div_ceil(increment)
        };
        // All of one length: a table that ends on a rise and then stays level would not be convex.
        let most = problem.steps.iter().map(units).max().unwrap_or(0);
        let table =
            |at: usize| (0..=most).map(|unit| problem.paygo(at, unit.saturating_mul(increment))).collect();
        let mut paid: Vec<Vec<f64>> = (0..problem.steps.len()).map(table).collect();
        // More than what changes something in no step is never bought.
        let useful = |table: &Vec<f64>| {
            let last = table[table.len() - 1];
            table.iter().rposition(|usd| *usd != last).map_or(0, |unit| unit + 1)
        };
        let most = paid.iter().map(useful).max().unwrap_or(0);
        paid.iter_mut().for_each(|table| table.truncate(most + 1));
        let envelope = paid.iter().map(|table| lower_convex_envelope(table)).collect();
        Tables { paid, envelope }
    }

    fn paygo(&self, step: usize, units: usize) -> f64 {
        self.paid[step][units.min(self.paid[step].len() - 1)]
    }

    /// Whether envelopes and tables are the same, so that the flow is exact.
    fn are_convex(&self) -> bool {
        let near = |(paid, low): (&f64, &f64)| paid - low <= 1e-9 * paid.abs();
        self.paid.iter().zip(&self.envelope).all(|(paid, low)| paid.iter().zip(low).all(near))
    }
}

/// The cheapest purchases of a problem, order limit apart.
pub(super) fn cheapest(problem: &Problem<'_>) -> Result<Found, LadderError> {
    let tables = Tables::new(problem);
    let increment = problem.increment() as f64;
    let cover = |offer: &Offer<'_>| Cover {
        from: offer.from,
        to: offer.to,
        cost: offer.charged_usd * increment,
        most: offer.most,
    };
    let covers: Vec<Cover> = problem.offers.iter().map(cover).collect();
    let flow = cheapest_covering(&tables.envelope, &covers)?;
    let smallest = smallest(problem);
    let bound_usd = flow.cost;
    if smallest <= 1 && tables.are_convex() {
        let usd = cost(problem, &tables, &flow.bought);
        return Ok(Found { units: flow.bought, usd, bound_usd });
    }
    let mut starts = vec![vec![0; covers.len()], flow.bought];
    starts.extend(single_as_units(problem));
    let mut best: Option<Found> = None;
    for mut units in starts {
        respect_minimum(problem, &tables, smallest, &mut units);
        improve(problem, &tables, smallest, &mut units);
        let usd = cost(problem, &tables, &units);
        if best.as_ref().is_none_or(|best| usd < best.usd * (1.0 - CHEAPER)) {
            best = Some(Found { units, usd, bound_usd });
        }
    }
    Ok(best.expect("there are starts"))
}

/// The smallest order in increments.
fn smallest(problem: &Problem<'_>) -> usize {
    problem.input.rules.minimum_gsu.div_ceil(problem.increment()).max(1) as usize
}

/// US dollars that count: fees charged and PayGo on the true tables.
fn cost(problem: &Problem<'_>, tables: &Tables, units: &[usize]) -> f64 {
    let increment = problem.increment() as f64;
    let fees: f64 =
        problem.offers.iter().zip(units).map(|(offer, n)| offer.charged_usd * increment * *n as f64).sum();
    let levels = problem.levels(units);
    fees + levels.iter().enumerate().map(|(step, level)| tables.paygo(step, *level)).sum::<f64>()
}

/// What it changes to buy another number of an offer.
fn change(
    problem: &Problem<'_>,
    tables: &Tables,
    levels: &[usize],
    at: usize,
    from: usize,
    to: usize,
) -> f64 {
    let offer = &problem.offers[at];
    let fee = offer.charged_usd * problem.increment() as f64 * (to as f64 - from as f64);
    let paygo = |step: usize| tables.paygo(step, levels[step] - from + to) - tables.paygo(step, levels[step]);
    fee + (offer.from..offer.to).map(paygo).sum::<f64>()
}

/// Buys another number of an offer.
fn set(problem: &Problem<'_>, levels: &mut [usize], units: &mut [usize], at: usize, to: usize) {
    let offer = &problem.offers[at];
    levels[offer.from..offer.to].iter_mut().for_each(|level| *level = *level - units[at] + to);
    units[at] = to;
}

/// The smallest number that may be bought of an offer, when any is; an increase may be as small as an increment.
fn at_least(problem: &Problem<'_>, at: usize, smallest: usize) -> usize {
    if problem.offers[at].kind == Kind::Term { smallest } else { 1 }
}

/// Orders below the minimum are raised to it or left out, whichever costs less.
fn respect_minimum(problem: &Problem<'_>, tables: &Tables, smallest: usize, units: &mut [usize]) {
    let mut levels = problem.levels(units);
    for at in 0..units.len() {
        let least = at_least(problem, at, smallest);
        if units[at] == 0 || units[at] >= least {
            continue;
        }
        let usd = |to: usize| change(problem, tables, &levels, at, units[at], to);
        let to = if least <= problem.offers[at].most && usd(least) < usd(0) { least } else { 0 };
        set(problem, &mut levels, units, at, to);
    }
}

/// Moves of one offer by up to five increments, to nothing or to the minimum, as long as they make the plan
/// cheaper on the true tables.
fn improve(problem: &Problem<'_>, tables: &Tables, smallest: usize, units: &mut [usize]) {
    let mut levels = problem.levels(units);
    for _ in 0..ROUNDS {
        let mut moved = false;
        for at in 0..units.len() {
            let (now, least) = (units[at], at_least(problem, at, smallest));
            let near = now.saturating_sub(MOVE)..=now.saturating_add(MOVE);
            let may = |to: &usize| *to == 0 || (*to >= least && *to <= problem.offers[at].most);
            let targets = near.chain([0, least]).filter(|to| *to != now).filter(may);
            let priced = targets.map(|to| (to, change(problem, tables, &levels, at, now, to)));
            let Some((to, usd)) = priced.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            if usd < -1e-9 {
                set(problem, &mut levels, units, at, to);
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

/// The best plan that keeps one count of one term from the first possible day on, by trying all counts.
pub(super) fn best_single(problem: &Problem<'_>) -> (SinglePlan, Vec<Day>) {
    let rules = problem.input.rules;
    let paygo = |gsu: u64| {
        let from = |step: &usize| problem.steps[*step].first >= problem.earliest;
        let of = |step: usize| problem.paygo(step, if from(&step) { gsu } else { 0 });
        (0..problem.steps.len()).map(of).sum::<f64>()
    };
    let longest = problem.input.periods.iter().map(|period| period.paygo_usd.len()).max().unwrap_or(1);
    let counts: Vec<(u64, f64)> = sizes(rules.minimum_gsu, rules.increment_gsu, longest as u64 - 1)
        .map(|gsu| (gsu, problem.fixed_usd + paygo(gsu)))
        .collect();
    let mut best = (SinglePlan { term: None, gsu: 0, total_usd: counts[0].1 }, Vec::new());
    for id in problem.input.terms_on_sale {
        let Ok(term) = problem.input.term(id) else { continue };
        let days = problem.chain(term, problem.earliest);
        let fee: f64 = days.iter().map(|day| problem.charged(term, *day)).sum();
        for (gsu, paygo_usd) in counts.iter().skip(1).filter(|_| !days.is_empty()) {
            let total_usd = paygo_usd + fee * *gsu as f64;
            if total_usd < best.0.total_usd {
                best = (SinglePlan { term: Some(term.id.clone()), gsu: *gsu, total_usd }, days.clone());
            }
        }
    }
    best
}

/// The best plan of one term as purchases; `None` where the calendar of offers does not hold all of it.
fn single_as_units(problem: &Problem<'_>) -> Option<Vec<usize>> {
    let (plan, days) = best_single(problem);
    let term = plan.term?;
    let count = (plan.gsu / problem.increment()) as usize;
    let mut units = vec![0; problem.offers.len()];
    for day in days {
        let same = |offer: &Offer<'_>| {
            offer.kind == Kind::Term && offer.start == day && offer.term.id == term && offer.most >= count
        };
        units[problem.offers.iter().position(same)?] = count;
    }
    Some(units)
}

/// Numbers of start days that are tried when too many orders would run at a time.
const FEWER: [usize; 12] = [26, 20, 16, 13, 10, 8, 6, 5, 4, 3, 2, 1];

/// The cheapest ladder with fewer start dates that keeps the limit of orders at a time.
///
/// Two ways to choose the dates: those that the free ladder spends most on, and dates at even distances.
/// Purchases are never dropped: each choice is solved anew. Without any new order as the last resort.
pub(super) fn with_fewer_starts<'a>(
    input: &'a LadderInput<'a>,
    free: &Problem<'a>,
    units: &[usize],
) -> Result<(Problem<'a>, Vec<usize>), LadderError> {
    let mut best: Option<(f64, Problem<'a>, Vec<usize>)> = None;
    let max = input.rules.orders_per_model_and_location_max;
    for rank in [by_spend(free, units), by_distance(free)] {
        for count in FEWER.into_iter().filter(|count| *count < rank.len()).chain([0]) {
            let problem = Problem::new(input, Starts::Only(&rank[..count]));
            let found = cheapest(&problem)?;
            let orders = problem.orders_at_once(&found.units);
            if orders > max && count > 0 {
                continue;
            }
            if best.as_ref().is_none_or(|(usd, ..)| found.usd < usd * (1.0 - CHEAPER)) {
                best = Some((found.usd, problem, found.units));
            }
            break;
        }
    }
    let (_, problem, units) = best.expect("no new order is always tried");
    Ok((problem, units))
}

/// Days on which new orders start, those with the largest fees first.
fn by_spend(problem: &Problem<'_>, units: &[usize]) -> Vec<Day> {
    let mut spend: BTreeMap<Day, f64> = BTreeMap::new();
    for (offer, count) in problem.offers.iter().zip(units) {
        if *count > 0 && offer.start >= problem.earliest {
            *spend.entry(offer.start).or_default() += offer.charged_usd * *count as f64;
        }
    }
    let mut days: Vec<(Day, f64)> = spend.into_iter().collect();
    days.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    days.into_iter().map(|(day, _)| day).collect()
}

/// Starts of periods so that the first few of them lie at even distances: halves, quarters, eighths.
fn by_distance(problem: &Problem<'_>) -> Vec<Day> {
    let mut days = vec![problem.earliest];
    let periods = problem.input.periods.iter().map(|period| period.first);
    let days_left: Vec<Day> = periods.filter(|day| *day > problem.earliest).collect();
    let mut parts = 2;
    while parts <= 2 * days_left.len() {
        for part in (1..parts).step_by(2) {
            let day = days_left.get((part * days_left.len()) / parts);
            days.extend(day.filter(|day| !days.contains(day)).copied());
        }
        parts *= 2;
    }
    days
}
