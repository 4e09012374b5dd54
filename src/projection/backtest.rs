//! Would the ranges have held? Past plans against invoices, and a daily series forecast from its own past.

mod observed;

use schemars::JsonSchema;
use serde::Serialize;

pub use observed::{ObservedBacktest, Series, observed};

use super::{check::DailySpend, saved::SavedSpread};
use crate::{
    calendar::Day,
    stats::{LogNormal, binomial_at_most, jeffreys_interval},
};

/// Stated coverage of every range: from the 5 % to the 95 % point.
const COVERAGE: f64 = 0.9;

/// Autocorrelation above which a series is as good as constant.
const AUTOCORRELATION_MAX: f64 = 0.95;

/// Days from which the week's shape is learned.
const DAYS_FOR_A_WEEK: usize = 28;

/// Predictions against what came.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Backtest {
    /// `burndown.backtest/1`.
    pub schema: &'static str,
    /// Coverage that the ranges state.
    pub coverage_stated: f64,
    /// Each prediction.
    pub cases: Vec<Case>,
    /// How many lie inside their range.
    pub inside: u64,
    /// How many lie above it.
    pub above: u64,
    /// How many lie below it.
    pub below: u64,
    /// 90 % Jeffreys interval of the true share inside.
    pub inside_share: [f64; 2],
    /// P(so few inside or fewer) if the stated coverage were true and cases independent.
    pub probability_of_so_few: f64,
    /// Sum of what came over the sum of what was predicted, less 1.
    pub bias: f64,
    /// Mean of |came − predicted| / predicted.
    pub mean_absolute_error: f64,
    /// The same for the guess that each stretch repeats the last; `None` for past plans.
    pub naive_absolute_error: Option<f64>,
    /// Stretches left out because days are missing in them or before them.
    pub skipped: u64,
}

/// One prediction.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Case {
    /// What it is of: a plan and its month, or the days.
    pub name: String,
    /// US dollars predicted.
    pub predicted: f64,
    /// 5 % point of its range.
    pub p05: f64,
    /// 95 % point of its range.
    pub p95: f64,
    /// US dollars that came.
    pub actual: f64,
}

/// A certain prediction may differ from its own ends by rounding.
const ROUNDING: f64 = 1e-9;

impl Case {
    /// Whether what came lies above the range.
    pub fn is_above(&self) -> bool {
        self.actual > self.p95 * (1.0 + ROUNDING)
    }

    /// Whether what came lies below the range.
    pub fn is_below(&self) -> bool {
        self.actual < self.p05 * (1.0 - ROUNDING)
    }

    /// A past plan's month against its invoice.
    pub fn of_plan(name: String, month: SavedSpread, actual: f64) -> Case {
        Case { name, predicted: month.mean, p05: month.p05, p95: month.p95, actual }
    }
}

/// Why there is nothing to test.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BacktestError {
    /// Too few days in a row.
    #[error(
        "{days} days of spend hold no {train} days in a row with {horizon} after them\n\nhint: {}", shorter(*.days)
    )]
    TooShort {
        /// Days with spend.
        days: usize,
        /// Days that are learned from.
        train: u32,
        /// Days that are predicted.
        horizon: u32,
    },
    /// Nothing predicted, or an amount that is none.
    #[error(
        "`{name}` predicts {predicted} and came to {actual}: expected a positive prediction and an amount from 0"
    )]
    NoAmount {
        /// The case.
        name: String,
        /// Predicted.
        predicted: f64,
        /// What came.
        actual: f64,
    },
    /// No case at all.
    #[error("there is no prediction to test")]
    Nothing,
}

/// What fewer days would do for.
fn shorter(days: usize) -> String {
    match days {
        // Five predictions of a day each are the least that says anything.
        0..=7 => "a test takes 8 days at least: 3 to learn from and 5 to predict".into(),
        days => format!(
            "with {days} days in a row, --train-days {} --horizon-days {} makes five predictions",
            days - 5 * (days / 8),
            days / 8
        ),
    }
}

/// Counts the cases.
///
/// # Errors
///
/// When there is none, or one predicts nothing.
pub fn judge(cases: Vec<Case>) -> Result<Backtest, BacktestError> {
    if cases.is_empty() {
        return Err(BacktestError::Nothing);
    }
    for case in &cases {
        let fits = case.predicted > 0.0
            && case.predicted.is_finite()
            && case.actual >= 0.0
            && case.actual.is_finite();
        if !fits {
            let Case { name, predicted, actual, .. } = case.clone();
            return Err(BacktestError::NoAmount { name, predicted, actual });
        }
    }
    let count = |of: fn(&Case) -> bool| cases.iter().filter(|case| of(case)).count() as u64;
    let n = cases.len() as u64;
    let (above, below) = (count(Case::is_above), count(Case::is_below));
    let inside = n - above - below;
    let share = jeffreys_interval(inside, n, 0.9);
    let sum = |of: fn(&Case) -> f64| cases.iter().map(of).sum::<f64>();
    Ok(Backtest {
        schema: "burndown.backtest/1",
        coverage_stated: COVERAGE,
        inside,
        above,
        below,
        inside_share: [share.low, share.high],
        probability_of_so_few: binomial_at_most(inside, n, COVERAGE),
        bias: sum(|case| case.actual) / sum(|case| case.predicted) - 1.0,
        mean_absolute_error: sum(|case| (case.actual - case.predicted).abs() / case.predicted) / n as f64,
        naive_absolute_error: None,
        skipped: 0,
        cases,
    })
}

/// Forecasts a daily series by rolling origin: learns from `train` days, predicts the sum of the next `horizon`,
/// moves on by `horizon`, so that no day is predicted twice.
///
/// The mean day follows the week's shape where four weeks are learned from. With cv the coefficient of
/// variation of a day around it and ρ its first autocorrelation, the relative variance of the sum is
/// cv² (1 + ρ)/(1 − ρ) (1/train + 1/horizon): what the past leaves open of the level, and how the days to come
/// scatter; the law is log-normal. This is the plan's own rule with cv and ρ learned instead of stated.
///
/// # Errors
///
/// When no stretch is long enough, or a learned stretch has no spend at all.
pub fn rolling(spend: &DailySpend, train: u32, horizon: u32) -> Result<Backtest, BacktestError> {
    let too_short = BacktestError::TooShort { days: spend.len(), train, horizon };
    let (Some((first, _)), Some((last, _))) = (spend.first_key_value(), spend.last_key_value()) else {
        return Err(too_short);
    };
    let (mut cases, mut skipped, mut naive) = (Vec::new(), 0, Vec::new());
    let mut origin = first.plus_days(train);
    while origin.plus_days(horizon).minus_day() <= *last {
        let start = (0..train).fold(origin, |day, _| day.minus_day());
        match (stretch(spend, start, train), stretch(spend, origin, horizon)) {
            (Some(past), Some(next)) => {
                let actual: f64 = next.iter().map(|(_, usd)| usd).sum();
                let recent: f64 = past.iter().rev().take(horizon as usize).map(|(_, usd)| usd).sum();
                let case = predict(&past, &next, actual);
                naive.push(
                    (actual - recent * f64::from(horizon) / f64::from(horizon.min(train))).abs()
                        / case.predicted,
                );
                cases.push(case);
            }
            _ => skipped += 1,
        }
        origin = origin.plus_days(horizon);
    }
    if cases.is_empty() {
        return Err(too_short);
    }
    let mean = naive.iter().sum::<f64>() / naive.len() as f64;
    Ok(Backtest { skipped, naive_absolute_error: Some(mean), ..judge(cases)? })
}

/// Days in a row, `None` when one is missing.
fn stretch(spend: &DailySpend, first: Day, days: u32) -> Option<Vec<(Day, f64)>> {
    (0..days).map(|at| first.plus_days(at)).map(|day| Some((day, *spend.get(&day)?))).collect()
}

fn predict(past: &[(Day, f64)], next: &[(Day, f64)], actual: f64) -> Case {
    let n = past.len() as f64;
    let mean = past.iter().map(|(_, usd)| usd).sum::<f64>() / n;
    let week = week_shape(past, mean);
    let scatter: Vec<f64> = past.iter().map(|(day, usd)| usd - mean * week[day.weekday()]).collect();
    let square: f64 = scatter.iter().map(|off| off * off).sum();
    let beside: f64 = scatter.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let rho = if square > 0.0 { (beside / square).clamp(0.0, AUTOCORRELATION_MAX) } else { 0.0 };
    // The mean, and with it each day of the week, was learned from the same days.
    let learned = if past.len() >= DAYS_FOR_A_WEEK { 7.0 } else { 1.0 };
    let cv2 = if mean > 0.0 { square / (n - learned).max(1.0) / (mean * mean) } else { 0.0 };
    let horizon = next.len() as f64;
    let variance = cv2 * (1.0 + rho) / (1.0 - rho) * (1.0 / n + 1.0 / horizon);
    let predicted: f64 = next.iter().map(|(day, _)| mean * week[day.weekday()]).sum::<f64>().max(0.0);
    let law = LogNormal::new(predicted, predicted * variance.sqrt());
    let (first, last) = (next[0].0, next[next.len() - 1].0);
    Case {
        name: format!("{first} to {last}"),
        predicted,
        p05: law.quantile(0.05),
        p95: law.quantile(0.95),
        actual,
    }
}

/// Each day of the week over the mean day; even when there are too few days, or a mean of nothing.
fn week_shape(past: &[(Day, f64)], mean: f64) -> [f64; 7] {
    let mut sums = [(0.0, 0.0); 7];
    for (day, usd) in past {
        let of = &mut sums[day.weekday()];
        *of = (of.0 + usd, of.1 + 1.0);
    }
    if past.len() < DAYS_FOR_A_WEEK || mean <= 0.0 {
        return [1.0; 7];
    }
    sums.map(|(usd, days)| (usd / days / mean).max(0.0))
}
