//! A ladder of terms: which orders to place when, so that fees and PayGo together cost least.
//!
//! Every period has a cost table: what is left to PayGo with 0, 1, 2, … GSUs. An order holds GSUs from its start
//! to its end. The cheapest set of orders is a flow of least cost over the lower convex envelopes of the tables,
//! which is exact where the tables are convex and a lower bound where enforcement windows make them a saw-tooth.
//! The plan is then costed on the true tables and improved by small moves; what it may still miss is said.
//!
//! Days are real: a month ends on the same day of the next month, a week has 168 hours, and a fee is the price
//! per GSU-hour times the hours of its days. Orders follow the rules of the book: no cancelling, fewer GSUs only
//! at a renewal, more at any time (until the order ends), renewal that must be switched off, processing time.
//!
//! Three limits. An increase is planned for orders that run already, not for those the ladder itself buys.
//! Orders start where a period starts, where an order ends, or as soon as processing allows. The number of
//! orders at a time is kept by trying fewer start dates, not by an exact search.

mod input;
mod list;
mod schedule;
mod search;
mod standing;
#[cfg(test)]
mod tests;

pub use input::{CostPeriod, DemandScenario, LadderError, LadderInput, RunningOrder, Tail};
use schedule::{Problem, Starts};
use schemars::JsonSchema;
use serde::Serialize;
pub use standing::{StandingCost, standing};

use super::regret::{Regret, Scenario, regret};
use crate::{calendar::Day, warning::Warning};

/// What a purchase is to the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PurchaseKind {
    /// A new order.
    Order,
    /// An order that goes on for another term.
    Renewal,
    /// More GSUs for an order that runs; they end with it.
    Increase,
}

/// One line of what to enter in the console.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Purchase {
    /// Number of the order it belongs to, from 1; orders that run already come first.
    pub order: usize,
    /// New order, renewal or increase.
    pub kind: PurchaseKind,
    /// The term's id.
    pub term: String,
    /// GSUs that it holds; for an increase those that are added.
    pub gsu: u64,
    /// For a renewal, GSUs more (or fewer, when negative) than the order held before; otherwise `gsu`.
    pub change_gsu: i64,
    /// First day.
    pub start: Day,
    /// First day after it.
    pub end: Day,
    /// First day on which the form takes this start day; `None` for renewals and increases.
    pub order_from: Option<Day>,
    /// Last day to enter it so that it is processed in time; `None` for a renewal without change.
    pub order_by: Option<Day>,
    /// Last day to switch renewal off, where the ladder does not renew an order that would renew itself.
    pub renewal_off_by: Option<Day>,
    /// US dollars per GSU and hour, location counted, before credits.
    pub usd_per_gsu_hour: f64,
    /// US dollars of the whole purchase, credits taken off: they cannot be cancelled.
    pub usd: f64,
    /// Its part after the horizon, US dollars.
    pub beyond_usd: f64,
}

/// What becomes of an order that runs already.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RunningPart {
    /// Number of the order, from 1, in the order given.
    pub order: usize,
    /// The term's id.
    pub term: String,
    /// GSUs.
    pub gsu: u64,
    /// First day of the term that cannot be changed any more.
    pub start: Day,
    /// First day after it.
    pub end: Day,
    /// Whether that term is a renewal which it is too late to switch off.
    pub renewal_too_late: bool,
    /// Last day to switch renewal off, where the ladder does not renew it and it would renew itself.
    pub renewal_off_by: Option<Day>,
    /// US dollars of its days inside the horizon.
    pub usd: f64,
    /// US dollars of its days after the horizon.
    pub beyond_usd: f64,
}

/// Expected cost of a period.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PeriodCost {
    /// First day.
    pub first: Day,
    /// First day after it.
    pub next: Day,
    /// GSUs held, averaged over its days.
    pub gsu_mean: f64,
    /// US dollars of fees for its days, credits taken off.
    pub committed_usd: f64,
    /// US dollars left to PayGo.
    pub paygo_usd: f64,
    /// Both.
    pub total_usd: f64,
}

/// GSUs held over a stretch of days inside one period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Level {
    /// First day.
    pub first: Day,
    /// First day after it.
    pub next: Day,
    /// GSUs.
    pub gsu: u64,
    /// Its period, counted from 0.
    pub period: usize,
}

/// Dollars that are bound on a day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Bound {
    /// The day.
    pub day: Day,
    /// US dollars for that day and later ones, of terms that have started by then.
    pub usd: f64,
}

/// The best plan that keeps one count of one term from the first possible day on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SinglePlan {
    /// The term's id; `None` when no term pays.
    pub term: Option<String>,
    /// GSUs.
    pub gsu: u64,
    /// US dollars over the horizon.
    pub total_usd: f64,
}

/// A dated plan of orders and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Ladder {
    /// What to enter, by start day. Empty: buy nothing.
    pub purchases: Vec<Purchase>,
    /// What becomes of the orders that run already.
    pub running: Vec<RunningPart>,
    /// Cost by period.
    pub periods: Vec<PeriodCost>,
    /// GSUs held over time.
    pub levels: Vec<Level>,
    /// Dollars bound by date.
    pub bound: Vec<Bound>,
    /// US dollars of fees inside the horizon.
    pub committed_usd: f64,
    /// US dollars left to PayGo.
    pub paygo_usd: f64,
    /// US dollars of fees after the horizon that count as spent: all of them under [`Tail::Full`], else those
    /// after the model's end.
    pub charged_beyond_usd: f64,
    /// The three together: what the ladder minimises.
    pub total_usd: f64,
    /// US dollars of fees after the horizon, counted or not.
    pub beyond_usd: f64,
    /// US dollars when nothing is bought and running orders end as soon as they can.
    pub paygo_only_usd: f64,
    /// What the ladder saves against that.
    pub saving_usd: f64,
    /// The best plan of one term.
    pub best_single: SinglePlan,
    /// No ladder of this calendar costs less, US dollars.
    pub lower_bound_usd: f64,
    /// What a better ladder could save at most, US dollars: `total_usd − lower_bound_usd`.
    pub gap_usd: f64,
    /// Most orders that run at a time.
    pub orders_at_once: u64,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// The cheapest ladder of orders for the horizon.
///
/// Deterministic; of equally cheap plans always the same one.
///
/// # Errors
///
/// When periods are missing or leave gaps, a table or price is no amount of money, a term is unknown, or the
/// rules allow no purchase to grow.
///
/// Sources: Ahuja, Magnanti & Orlin (1993), "Network Flows" (flows of least convex cost); the order rules are
/// those of the book.
pub fn ladder(input: &LadderInput<'_>) -> Result<Ladder, LadderError> {
    input.check()?;
    let free = Problem::new(input, Starts::All);
    let found = search::cheapest(&free)?;
    let needed = free.orders_at_once(&found.units);
    let max = input.rules.orders_per_model_and_location_max;
    let lower_bound_usd = free.fixed_usd + found.bound_usd;
    let mut warnings = free.warnings.clone();
    let (problem, units) = if needed <= max {
        (free, found.units)
    } else {
        let (problem, units) = search::with_fewer_starts(input, &free, &found.units)?;
        warnings.push(Warning::OrderLimit { needed, max, kept: problem.orders_at_once(&units) });
        (problem, units)
    };
    Ok(list::draw(&problem, &units, lower_bound_usd, warnings))
}

impl Ladder {
    /// What this ladder leaves to PayGo in each period when demand turns out otherwise, US dollars.
    ///
    /// `periods` are those that it was made for, with other costs.
    ///
    /// # Errors
    ///
    /// When the periods are others.
    pub fn paygo_under(&self, periods: &[CostPeriod]) -> Result<Vec<f64>, LadderError> {
        let same = |(period, mine): (&CostPeriod, &PeriodCost)| {
            (period.first, period.next) == (mine.first, mine.next)
        };
        if periods.len() != self.periods.len() || !periods.iter().zip(&self.periods).all(same) {
            return Err(LadderError::OtherPeriods);
        }
        let mut left = vec![0.0; periods.len()];
        for level in &self.levels {
            let period = &periods[level.period];
            left[level.period] += period.share(level.first, level.next) * period.at(level.gsu);
        }
        Ok(left)
    }

    /// What this ladder costs when demand turns out otherwise, US dollars.
    ///
    /// `periods` are those that it was made for, with other costs.
    ///
    /// # Errors
    ///
    /// When the periods are others.
    pub fn usd_under(&self, periods: &[CostPeriod]) -> Result<f64, LadderError> {
        let paygo: f64 = self.paygo_under(periods)?.iter().sum();
        Ok(self.committed_usd + self.charged_beyond_usd + paygo)
    }
}

/// Ladders made for each scenario, and how each does in the others.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LadderRegret {
    /// Names of the candidates, in the order of `regret.candidates`: `nothing`, `mean`, then one per scenario.
    pub names: Vec<String>,
    /// The candidates.
    pub ladders: Vec<Ladder>,
    /// How they compare.
    pub regret: Regret,
}

/// Makes a ladder for the mean of the scenarios and for each of them, and compares all of them (and buying
/// nothing) under every scenario.
///
/// The mean of convex tables is convex, so that the ladder for the mean is the cheapest plan that is fixed
/// beforehand. `input.periods` is not used.
///
/// # Errors
///
/// As [`ladder`]; also when there is no scenario, scenarios differ in their periods or lengths of tables, or
/// their weights are none.
pub fn ladder_regret(
    input: &LadderInput<'_>,
    scenarios: &[DemandScenario],
) -> Result<LadderRegret, LadderError> {
    let mean = input::mean(scenarios)?;
    let made = |periods: &[CostPeriod]| ladder(&LadderInput { periods, ..*input });
    let nothing = ladder(&LadderInput { periods: &mean, terms_on_sale: &[], ..*input })?;
    let mut names = vec!["nothing".to_string(), "mean".to_string()];
    let mut ladders = vec![nothing, made(&mean)?];
    for scenario in scenarios {
        names.push(scenario.name.clone());
        ladders.push(made(&scenario.periods)?);
    }
    let costs = scenarios.iter().map(|scenario| {
        let usd = ladders.iter().map(|ladder| ladder.usd_under(&scenario.periods));
        let usd = usd.collect::<Result<Vec<f64>, LadderError>>()?;
        Ok(Scenario { name: scenario.name.clone(), weight: scenario.weight, usd })
    });
    let costs = costs.collect::<Result<Vec<Scenario>, LadderError>>()?;
    Ok(LadderRegret { names, ladders, regret: regret(&costs)? })
}
