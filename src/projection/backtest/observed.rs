//! A period that was observed request by request: learned from its first part, the next predicted, and on.
//!
//! Three kinds of series are tested. Bill, requests and tokens of a class by day go by the rule of [`super::rolling`].
//! Dollars and tokens per request go by the rule of the token profiles: the mean of the days learned from, its
//! standard error by the Bayesian bootstrap with the cap atom, and the scatter of the requests to come.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Backtest, BacktestError, Case, judge, rolling};
use crate::{
    calendar::{Day, epoch_micros},
    model::{Backend, ByClass, Endpoint, Location, Placement, Tier, TokenClass},
    prices::PriceBook,
    projection::check::DailySpend,
    stats::{CAP_WEIGHT, LogNormal},
    units::TOKENS_PER_MTOK,
    usage::{Observation, RecordKind},
};

/// Requests above which a mean has no cap atom: the exact moments are near enough.
const CAP_UP_TO: f64 = 300.0;

/// The cap over the largest number seen.
const CAP_TIMES_LARGEST: f64 = 4.0;

/// An observed first or last day that misses more than this many microseconds is cut off.
const WHOLE_DAY_SLACK: i64 = 2 * 3_600_000_000;
const DAY_MICROS: i64 = 24 * 3_600_000_000;

/// What a period of observations says of the ranges.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ObservedBacktest {
    /// `burndown.backtest_observed/1`.
    pub schema: &'static str,
    /// First day that counts.
    pub first: Day,
    /// Last day that counts.
    pub last: Day,
    /// Days with requests among them.
    pub days: usize,
    /// Requests that count.
    pub requests: u64,
    /// Requests that are left out, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Days that are learned from.
    pub train_days: u32,
    /// Days that are predicted each time.
    pub horizon_days: u32,
    /// Each series, the bill first.
    pub series: Vec<Series>,
}

/// One series and how its predictions did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Series {
    /// `bill`, `requests` or a token class.
    pub of: String,
    /// Whether it is per request.
    pub per_request: bool,
    /// What it counts: `USD`, `requests` or `tokens`.
    pub unit: &'static str,
    /// Predictions against what came.
    pub result: Backtest,
}

/// Sums of one number over requests.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    sum: f64,
    squares: f64,
    largest: f64,
}

impl Sums {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.squares += value * value;
        self.largest = self.largest.max(value);
    }

    fn join(self, other: Sums) -> Sums {
        Sums {
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            largest: self.largest.max(other.largest),
        }
    }
}

/// The requests of one day.
#[derive(Clone, Debug, Default)]
struct DaySums {
    requests: u64,
    usd: Sums,
    tokens: ByClass<Sums>,
    earliest: Option<i64>,
    latest: Option<i64>,
}

/// Tests the ranges on a period that was observed. Days are days in UTC; provisioned traffic is priced as
/// standard; a first or last day that is cut off does not count.
///
/// # Errors
///
/// When no observation has a day and a price, or no stretch is long enough.
pub fn observed(
    observations: &[Observation],
    book: &PriceBook,
    train: u32,
    horizon: u32,
) -> Result<ObservedBacktest, BacktestError> {
    let (mut days, left_out) = by_day(observations, book);
    cut_ends(&mut days);
    let too_short = BacktestError::TooShort { days: days.len(), train, horizon };
    let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else {
        return Err(if observations.is_empty() { BacktestError::Nothing } else { too_short });
    };
    let (first, last) = (*first, *last);
    let total = |of: &dyn Fn(&DaySums) -> f64| -> DailySpend {
        days.iter().map(|(day, sums)| (*day, of(sums))).collect()
    };
    let mut series = vec![
        Series {
            of: "bill".into(),
            per_request: false,
            unit: "USD",
            result: rolling(&total(&|day| day.usd.sum), train, horizon)?,
        },
        Series {
            of: "requests".into(),
            per_request: false,
            unit: "requests",
            result: rolling(&total(&|day| day.requests as f64), train, horizon)?,
        },
    ];
    let seen = |class: &TokenClass| days.values().any(|day| day.tokens[*class].sum > 0.0);
    let classes: Vec<TokenClass> = TokenClass::ALL.iter().copied().filter(seen).collect();
    for class in &classes {
        let result = rolling(&total(&|day| day.tokens[*class].sum), train, horizon);
        let of = class.as_str().to_string();
        // A class that comes up late has stretches that predict none of it: nothing to judge.
        series.extend(result.ok().map(|result| Series { of, per_request: false, unit: "tokens", result }));
    }
    let each = means(&days, (first, last), (train, horizon), &|day| day.usd);
    series.extend(each.map(|result| Series { of: "bill".into(), per_request: true, unit: "USD", result }));
    for class in &classes {
        let each = means(&days, (first, last), (train, horizon), &|day| day.tokens[*class]);
        let of = class.as_str().to_string();
        series.extend(each.map(|result| Series { of, per_request: true, unit: "tokens", result }));
    }
    Ok(ObservedBacktest {
        schema: "burndown.backtest_observed/1",
        first,
        last,
        days: days.len(),
        requests: days.values().map(|day| day.requests).sum(),
        left_out,
        train_days: train,
        horizon_days: horizon,
        series,
    })
}

/// Answered requests by day, and how many are left out for which reason.
fn by_day(
    observations: &[Observation],
    book: &PriceBook,
) -> (BTreeMap<Day, DaySums>, BTreeMap<&'static str, u64>) {
    let mut days: BTreeMap<Day, DaySums> = BTreeMap::new();
    let mut left_out = BTreeMap::new();
    for observation in observations {
        match counted(observation, book) {
            Ok((day, moment, usd, tokens)) => {
                let sums = days.entry(day).or_default();
                sums.requests += 1;
                sums.usd.add(usd);
                for (class, tokens) in tokens.iter() {
                    sums.tokens[class].add(*tokens as f64);
                }
                sums.earliest = sums.earliest.into_iter().chain(moment).min();
                sums.latest = sums.latest.max(moment);
            }
            Err(reason) => *left_out.entry(reason).or_default() += 1,
        }
    }
    (days, left_out)
}

/// Day, moment, dollars and tokens of one request.
type Counted = (Day, Option<i64>, f64, ByClass<u64>);

fn counted(observation: &Observation, book: &PriceBook) -> Result<Counted, &'static str> {
    let at = observation.at.as_deref().ok_or("without a day")?;
    let day = Day::of_timestamp(at).ok_or("without a day that can be read")?;
    if matches!(observation.kind, RecordKind::Rehearsed | RecordKind::Fixture) {
        return Err("rehearsed or made up");
    }
    if observation.usage.is_none() {
        return Err("without usage");
    }
    let model = book.resolve(&observation.model).map_err(|_| "of a model that the book does not know")?.id;
    let endpoint = match observation.backend.ok_or("without a backend")? {
        Backend::Developer => Endpoint::Developer,
        Backend::Vertex => {
            let named = observation.location.as_ref().and_then(|location| location.parse().ok());
            Endpoint::Vertex(named.unwrap_or(Location::Global))
        }
    };
    let tokens = observation.classes().0;
    let prompt: u64 = tokens.iter().filter(|(class, _)| class.is_input()).map(|(_, tokens)| *tokens).sum();
    let placement = Placement { model, endpoint, tier: tier_of(observation.traffic().as_deref()) };
    let prices = book.prices(&placement, day, prompt).map_err(|_| "without a price on its day")?;
    let mut usd = 0.0;
    for (class, tokens) in tokens.iter().filter(|(_, tokens)| **tokens > 0) {
        let rate = prices.rate(class).ok_or("with tokens that have no price")?;
        usd += *tokens as f64 * rate.to_f64() / TOKENS_PER_MTOK as f64;
    }
    Ok((day, epoch_micros(at), usd, tokens))
}

/// As reported; what GSUs serve is priced as standard.
fn tier_of(traffic: Option<&str>) -> Tier {
    match traffic {
        Some("ON_DEMAND_PRIORITY" | "priority") => Tier::Priority,
        Some("ON_DEMAND_FLEX" | "flex") => Tier::Flex,
        _ => Tier::Standard,
    }
}

/// Takes off a first day that begins late and a last one that ends early.
fn cut_ends(days: &mut BTreeMap<Day, DaySums>) {
    let into_day = |moment: i64| moment.rem_euclid(DAY_MICROS);
    let late = |sums: &DaySums| sums.earliest.is_some_and(|moment| into_day(moment) > WHOLE_DAY_SLACK);
    let early =
        |sums: &DaySums| sums.latest.is_some_and(|moment| DAY_MICROS - into_day(moment) > WHOLE_DAY_SLACK);
    if days.first_key_value().is_some_and(|(_, sums)| late(sums)) {
        days.pop_first();
    }
    if days.last_key_value().is_some_and(|(_, sums)| early(sums)) {
        days.pop_last();
    }
}

/// Means per request by rolling origin; `None` where there is nothing to judge.
fn means(
    days: &BTreeMap<Day, DaySums>,
    (first, last): (Day, Day),
    (train, horizon): (u32, u32),
    of: &dyn Fn(&DaySums) -> Sums,
) -> Option<Backtest> {
    let (mut cases, mut skipped) = (Vec::new(), 0);
    let mut origin = first.plus_days(train);
    while origin.plus_days(horizon).minus_day() <= last {
        let next = origin.plus_days(horizon);
        let stretch = |from: Day, to: Day| {
            let within = || days.range(from..to).map(|(_, sums)| sums);
            let requests: u64 = within().map(|sums| sums.requests).sum();
            (requests as f64, within().map(of).fold(Sums::default(), Sums::join))
        };
        let (past, came) = (stretch(origin.minus_days(train), origin), stretch(origin, next));
        match case(past, came) {
            Some(case) => {
                cases.push(Case { name: format!("{origin} to {}", next.minus_day()), ..case });
            }
            None => skipped += 1,
        }
        origin = next;
    }
    Some(Backtest { skipped, ..judge(cases).ok()? })
}

/// The mean of the requests to come, from those of the past.
///
/// With n requests, weight a of the cap and A = n + a the mean of the bootstrap has the variance
/// [Σ (x − m)² + a (cap − m)²] / (A (A + 1)); the mean of n' further requests scatters by s²/n' around it.
fn case((n, past): (f64, Sums), (next, came): (f64, Sums)) -> Option<Case> {
    if n == 0.0 || next == 0.0 || past.sum <= 0.0 {
        return None;
    }
    let (weight, cap) =
        if n > CAP_UP_TO { (0.0, 0.0) } else { (CAP_WEIGHT, CAP_TIMES_LARGEST * past.largest) };
    let mean = past.sum / n;
    let scatter = (past.squares - n * mean * mean).max(0.0);
    // A class that is always the same is certain; its sums of squares leave rounding behind.
    let constant = scatter <= 1e-9 * past.squares;
    let all = n + weight;
    let with_cap = (past.sum + weight * cap) / all;
    let around = past.squares - 2.0 * with_cap * past.sum + n * with_cap * with_cap;
    let of_mean = (around.max(0.0) + weight * (cap - with_cap).powi(2)) / (all * (all + 1.0));
    let variance = if constant { 0.0 } else { of_mean + scatter / (n - 1.0).max(1.0) / next };
    let law = LogNormal::new(mean, variance.sqrt());
    let (p05, p95) = (law.quantile(0.05), law.quantile(0.95));
    Some(Case { name: String::new(), predicted: mean, p05, p95, actual: came.sum / next })
}
