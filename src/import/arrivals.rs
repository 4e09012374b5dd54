//! When attempts came: hours of the week, growth, how much minutes scatter.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    calendar::{LocalClock, moment_text},
    usage::Aggregates,
};

/// Hours of a month that has no date.
const HOURS_PER_MONTH: f64 = 730.0;

/// Weeks that a growth is read from at least.
const WEEKS_FOR_GROWTH: usize = 6;

/// How one route's attempts spread over time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ArrivalProfile {
    /// The route.
    pub route: String,
    /// Attempts with a time.
    pub attempts: u64,
    /// First minute, RFC 3339 in UTC.
    pub first: String,
    /// Last minute.
    pub last: String,
    /// Whole hours between them, from which the rest is computed.
    pub hours: u64,
    /// Attempts in a month of 730 hours at the mean of those hours; `None` below one whole hour.
    pub per_month: Option<f64>,
    /// Weights of the hours of the day, midnight first, local time, mean 1; `None` below two days.
    pub day_shape: Option<Vec<f64>>,
    /// Weights of the days of the week, Monday first, mean 1; `None` below two weeks.
    pub week_shape: Option<Vec<f64>>,
    /// Growth per month of 730 hours, 0.05 = 5 %, by least squares on the logarithms of whole weeks; `None` below
    /// six weeks.
    pub growth_per_month: Option<f64>,
    /// Its standard error, as a share too.
    pub growth_standard_error: Option<f64>,
    /// Variance of the attempts of a minute over their mean, within hours: 1 for independent users, more where
    /// they come in bursts. `None` without a whole hour with attempts.
    pub dispersion: Option<f64>,
}

/// The arrival profile of every route that tells its times.
pub fn arrival_profile(aggregates: &Aggregates, clock: &LocalClock) -> Vec<ArrivalProfile> {
    let mut routes: BTreeMap<&str, BTreeMap<i64, u64>> = BTreeMap::new();
    for ((route, minute), n) in &aggregates.minutes {
        routes.entry(route).or_default().insert(*minute, *n);
    }
    routes.into_iter().filter_map(|(route, minutes)| profile(route, &minutes, clock)).collect()
}

fn profile(route: &str, minutes: &BTreeMap<i64, u64>, clock: &LocalClock) -> Option<ArrivalProfile> {
    let (first, last) = (*minutes.keys().next()?, *minutes.keys().next_back()?);
    let time = |minute: i64| moment_text(minute.checked_mul(60_000_000)?);
    // The first and the last hour were seen in part.
    let (from, to) = (first.div_euclid(60) + 1, last.div_euclid(60));
    let hours = hourly(minutes, from, to);
    let total: u64 = hours.values().map(|hour| hour.n).sum();
    let count = u64::try_from(to - from).unwrap_or(0);
    let per_hour = (count > 0).then(|| total as f64 / count as f64);
    let (growth, error) = growth(&hours, from, to).unzip();
    let local = |hour: i64| Some(clock.hour_and_weekday(hour.checked_mul(3_600_000_000)?));
    let day_shape =
        if count >= 48 { weights(&hours, from, to, 24, &|at| Some((local(at)?.0, 1.0))) } else { None };
    // A day that was seen in part is held against its own hours.
    let by_day = |at| {
        let (hour, day) = local(at)?;
        Some((day, day_shape.as_ref().map_or(1.0, |shape| shape[hour])))
    };
    let week_shape = if count >= 336 { weights(&hours, from, to, 7, &by_day) } else { None };
    Some(ArrivalProfile {
        route: route.to_string(),
        attempts: minutes.values().sum(),
        first: time(first)?,
        last: time(last)?,
        hours: count,
        per_month: per_hour.map(|per_hour| per_hour * HOURS_PER_MONTH),
        day_shape,
        week_shape,
        growth_per_month: growth,
        growth_standard_error: error,
        dispersion: dispersion(&hours),
    })
}

/// Attempts of one hour, and the squares of its minutes.
#[derive(Clone, Copy, Default)]
struct Hour {
    n: u64,
    squares: u128,
}

fn hourly(minutes: &BTreeMap<i64, u64>, from: i64, to: i64) -> BTreeMap<i64, Hour> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    if from < to {
        for (minute, n) in minutes.range(from * 60..to * 60) {
            let hour = hours.entry(minute.div_euclid(60)).or_default();
            hour.n += n;
            hour.squares += u128::from(*n).pow(2);
        }
    }
    hours
}

/// Attempts of each slot over what the slot was exposed to, scaled to mean 1 and rounded; `None` when a slot was
/// never seen, or nothing came. `slot` gives an hour's slot and how much the hour counts.
fn weights(
    hours: &BTreeMap<i64, Hour>,
    from: i64,
    to: i64,
    slots: usize,
    slot: &dyn Fn(i64) -> Option<(usize, f64)>,
) -> Option<Vec<f64>> {
    let (mut attempts, mut exposure) = (vec![0.0; slots], vec![0.0; slots]);
    for at in from..to {
        let (slot, exposed) = slot(at)?;
        attempts[slot] += hours.get(&at).map_or(0.0, |hour| hour.n as f64);
        exposure[slot] += exposed;
    }
    let rates: Vec<f64> = attempts.iter().zip(&exposure).map(|(n, exposed)| n / exposed).collect();
    let sum: f64 = rates.iter().sum();
    let round = |weight: f64| (weight * 10_000.0).round() / 10_000.0;
    let scale = slots as f64 / sum;
    (sum.is_finite() && sum > 0.0).then(|| rates.iter().map(|rate| round(rate * scale)).collect())
}

/// Growth per month and its standard error, from whole weeks.
fn growth(hours: &BTreeMap<i64, Hour>, from: i64, to: i64) -> Option<(f64, f64)> {
    let weeks = usize::try_from((to - from) / 168).ok()?;
    if weeks < WEEKS_FOR_GROWTH {
        return None;
    }
    let mut counts = vec![0_u64; weeks];
    for (hour, found) in hours {
        if let Some(week) = usize::try_from((hour - from) / 168).ok().and_then(|week| counts.get_mut(week)) {
            *week += found.n;
        }
    }
    if counts.contains(&0) {
        return None;
    }
    let logs: Vec<f64> = counts.iter().map(|n| (*n as f64).ln()).collect();
    let n = weeks as f64;
    let (middle, mean) = ((n - 1.0) / 2.0, logs.iter().sum::<f64>() / n);
    let spread: f64 = (0..weeks).map(|week| (week as f64 - middle).powi(2)).sum();
    let slope = logs.iter().enumerate().map(|(week, log)| (week as f64 - middle) * (log - mean)).sum::<f64>()
        / spread;
    let misses =
        logs.iter().enumerate().map(|(week, log)| (log - mean - slope * (week as f64 - middle)).powi(2));
    let error = (misses.sum::<f64>() / (n - 2.0) / spread).sqrt();
    let weeks_per_month = HOURS_PER_MONTH / 168.0;
    let factor = (slope * weeks_per_month).exp();
    Some((factor - 1.0, factor * error * weeks_per_month))
}

/// Pooled variance of the minutes of an hour over their pooled mean.
fn dispersion(hours: &BTreeMap<i64, Hour>) -> Option<f64> {
    let (mut variance, mut mean) = (0.0, 0.0);
    for hour in hours.values() {
        let n = hour.n as f64;
        variance += (hour.squares as f64 - n * n / 60.0) / 59.0;
        mean += n / 60.0;
    }
    (mean > 0.0).then(|| variance / mean)
}

/// Attempts per minute as CSV (`route,minute,attempts`, minutes without attempts left away).
pub fn counts_per_minute(aggregates: &Aggregates) -> String {
    let mut text = String::from("route,minute,attempts\n");
    for ((route, minute), n) in &aggregates.minutes {
        let time = minute.checked_mul(60_000_000).and_then(moment_text).unwrap_or_default();
        let quoted = route.contains([',', '"', '\n']).then(|| format!("\"{}\"", route.replace('"', "\"\"")));
        text += &format!("{},{time},{n}\n", quoted.as_ref().unwrap_or(route));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts by the hour, all in its first minute.
    fn profile_of(per_hour: impl Fn(i64) -> u64, hours: i64) -> ArrivalProfile {
        let start = 1_795_176_000 / 3600;
        let mut aggregates = Aggregates::default();
        for at in 0..hours {
            aggregates.minutes.insert(("a".into(), (start + at) * 60), per_hour(at).max(1));
        }
        arrival_profile(&aggregates, &LocalClock::UTC).remove(0)
    }

    #[test]
    fn hours_of_the_day_are_weighted_by_their_means() {
        // Starts at noon: hour 0 of the log is 12:00.
        let found = profile_of(|at| if (at + 12) % 24 == 15 { 48 } else { 2 }, 24 * 20);
        let shape = found.day_shape.unwrap();
        let expected = |n: f64| n * 24.0 / (48.0 + 23.0 * 2.0);
        assert!(
            (shape[15] - expected(48.0)).abs() < 1e-4 && (shape[3] - expected(2.0)).abs() < 1e-4,
            "{shape:?}"
        );
        let week = found.week_shape.unwrap();
        assert!(week.iter().all(|weight| (weight - 1.0).abs() < 1e-3), "{week:?}");
        assert_eq!((found.hours, found.growth_per_month), (24 * 20 - 2, None));
    }

    #[test]
    fn too_short_a_log_says_nothing_of_days_and_weeks() {
        let found = profile_of(|_| 5, 30);
        assert_eq!((found.day_shape, found.week_shape, found.per_month), (None, None, Some(3650.0)));
        assert_eq!(profile_of(|_| 5, 1).per_month, None);
    }

    #[test]
    fn growth_is_that_of_the_weeks() {
        // 10 % a week.
        let found = profile_of(|at| (1_000.0 * 1.1_f64.powf(at as f64 / 168.0)) as u64, 168 * 10);
        let expected = 1.1_f64.powf(730.0 / 168.0) - 1.0;
        let growth = found.growth_per_month.unwrap();
        assert!((growth - expected).abs() < 0.005, "{growth} for {expected}");
        assert!(found.growth_standard_error.unwrap() < 0.01);
    }

    /// Sixty attempts in one minute of each hour: (3600 − 60)/59 over 1.
    #[test]
    fn dispersion_is_the_variance_of_minutes_over_their_mean() {
        let found = profile_of(|_| 60, 100).dispersion.unwrap();
        assert!((found - 60.0).abs() < 1e-9, "{found}");
    }
}
