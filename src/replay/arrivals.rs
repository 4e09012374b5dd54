//! The arrival pattern of a trace: rate, hours of the day and week, and how much counts vary beyond chance.

use super::trace::Request;
use crate::{
    calendar::LocalClock,
    stats::{Cells, Dispersion, Modulation, fit_modulation},
};

/// Longest trace whose seconds are counted one by one (4 bytes each).
const DAYS_MAX: i64 = 400;

const HOUR: usize = 3_600;
const DAY: usize = 24 * HOUR;

/// Windows over which dispersion is measured, seconds; all divide both kinds of cell.
const WINDOWS: [usize; 12] = [1, 2, 5, 10, 20, 30, 60, 120, 200, 300, 600, 1_200];

/// Cells of a trace of less than [`HOURLY_FROM`] hours, seconds.
const SHORT_CELL: usize = 1_200;

/// From so many hours on cells are hours.
const HOURLY_FROM: usize = 6;

/// From so many whole days on, the same hours of all days make one cell: the profile of the day.
const PROFILE_FROM: usize = 3;

/// Windows that a cell, and all cells, have at least for a length to count in the fit.
const WINDOWS_PER_STRETCH_MIN: usize = 4;
const WINDOWS_MIN: usize = 20;

/// Requests by second, counted while a trace passes.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    first_micros: Option<i64>,
    last_micros: i64,
    seconds: Vec<u32>,
    requests: u64,
}

/// A trace that is too long to learn its arrival pattern from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an arrival pattern is learnt from at most {DAYS_MAX} days; this trace goes on after them")]
pub struct TooLong;

/// What a trace teaches of arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivalPattern {
    /// Requests.
    pub requests: u64,
    /// Seconds from the first to the last.
    pub seconds: f64,
    /// Requests a second over that time.
    pub mean_rate: f64,
    /// Requests in the busiest minute, counted from the first request.
    pub busiest_minute: u64,
    /// Whole days from the first whole hour on.
    pub whole_days: usize,
    /// Coefficient of variation of the requests of whole days, from two of them on.
    pub daily_cv: Option<f64>,
    /// Weights of the 24 hours, mean 1; `None` without a whole day.
    pub hour_weights: Option<Vec<f64>>,
    /// Weights of the 7 days from Monday, mean 1; `None` without a whole week.
    pub day_weights: Option<Vec<f64>>,
    /// Weights of the 168 hours from Monday 0:00, mean 1; `None` without a whole week.
    pub week_hour_weights: Option<Vec<f64>>,
    /// How dispersion was measured; `None` for a trace shorter than 20 minutes.
    pub cells: Option<Cells>,
    /// Index of dispersion by window, shortest first, and whether it counts in the fit.
    pub dispersion: Vec<(Dispersion, bool)>,
    /// The modulation that explains it; `None` when counts vary no more than chance.
    pub modulation: Option<Modulation>,
}

impl Arrivals {
    /// Counts a batch in order of time.
    ///
    /// # Errors
    ///
    /// When the trace is longer than its seconds can be counted.
    pub fn push(&mut self, batch: &[Request]) -> Result<(), TooLong> {
        for request in batch {
            let first = *self.first_micros.get_or_insert(request.at_micros);
            let second = (request.at_micros - first).max(0) / 1_000_000;
            if second >= DAYS_MAX * DAY as i64 {
                return Err(TooLong);
            }
            let second = second as usize;
            if second >= self.seconds.len() {
                self.seconds.resize(second + 1, 0);
            }
            self.seconds[second] += 1;
            self.last_micros = request.at_micros;
            self.requests += 1;
        }
        Ok(())
    }

    /// The pattern in what was counted; hours are those of the clock. `None` for fewer than two requests, or
    /// all at one moment.
    pub fn pattern(&self, clock: &LocalClock) -> Option<ArrivalPattern> {
        let first = self.first_micros?;
        let seconds = (self.last_micros - first) as f64 / 1e6;
        if seconds <= 0.0 {
            return None;
        }
        // Only seconds that have passed completely are windows.
        let passed = &self.seconds[..((self.last_micros - first) / 1_000_000) as usize];
        let hourly = HourCounts::of(passed, first, clock);
        let (cells, sums) = match hourly.whole_days() {
            days if days >= PROFILE_FROM => (profile_cells(passed, &hourly), days),
            _ if passed.len() >= HOURLY_FROM * HOUR => (stretches(passed, HOUR), 1),
            _ => (stretches(passed, SHORT_CELL), 1),
        };
        let (cells, dispersion) = measured(&cells, sums).unzip();
        let dispersion: Vec<(Dispersion, bool)> = dispersion.unwrap_or_default();
        let fitted: Vec<Dispersion> =
            dispersion.iter().filter(|(_, counts)| *counts).map(|(point, _)| *point).collect();
        Some(ArrivalPattern {
            requests: self.requests,
            seconds,
            mean_rate: self.requests as f64 / seconds,
            busiest_minute: self.seconds.chunks(60).map(total).max().unwrap_or(0),
            whole_days: hourly.whole_days(),
            daily_cv: hourly.daily_cv(),
            hour_weights: hourly.weights_of_day(),
            day_weights: hourly.weights_of_week(7, |(_, weekday)| weekday),
            week_hour_weights: hourly.weights_of_week(168, |(hour, weekday)| weekday * 24 + hour),
            modulation: cells.as_ref().and_then(|cells| fit_modulation(&fitted, cells)),
            cells,
            dispersion,
        })
    }
}

fn total(counts: &[u32]) -> u64 {
    counts.iter().map(|count| u64::from(*count)).sum()
}

/// Whole hours with their place in the day and week.
struct HourCounts {
    /// Second of the first whole hour.
    start: usize,
    /// Hour of the day, day of the week, requests.
    hours: Vec<((usize, usize), u64)>,
}

impl HourCounts {
    fn of(seconds: &[u32], first_micros: i64, clock: &LocalClock) -> HourCounts {
        let hour_of = |second: usize| clock.hour_and_weekday(first_micros + second as i64 * 1_000_000);
        // Quarters are enough to look at: every zone's hours begin on one.
        let quarter = ((-first_micros).rem_euclid(900_000_000) as usize).div_ceil(1_000_000);
        let begins = |second: &usize| {
            hour_of(*second) != clock.hour_and_weekday(first_micros + (*second as i64 - 1) * 1_000_000)
        };
        let start = (0..4).map(|later| quarter + later * 900).find(begins).unwrap_or(quarter);
        let whole = seconds.get(start..).unwrap_or_default().chunks_exact(HOUR).enumerate();
        let hours = whole.map(|(at, hour)| (hour_of(start + at * HOUR), total(hour))).collect();
        HourCounts { start, hours }
    }

    fn whole_days(&self) -> usize {
        self.hours.len() / 24
    }

    fn weights_of_day(&self) -> Option<Vec<f64>> {
        let whole = &self.hours[..self.whole_days() * 24];
        weights(whole, 24, |(hour, _)| hour)
    }

    fn weights_of_week(&self, places: usize, place: impl Fn((usize, usize)) -> usize) -> Option<Vec<f64>> {
        let whole = &self.hours[..self.whole_days() / 7 * 168];
        weights(whole, places, place)
    }

    fn daily_cv(&self) -> Option<f64> {
        let days: Vec<f64> = self
            .hours
            .chunks_exact(24)
            .map(|day| day.iter().map(|(_, requests)| *requests as f64).sum())
            .collect();
        let n = days.len() as f64;
        let mean = days.iter().sum::<f64>() / n;
        let squares: f64 = days.iter().map(|day| (day - mean) * (day - mean)).sum();
        (days.len() >= 2 && mean > 0.0).then(|| (squares / (n - 1.0)).sqrt() / mean)
    }
}

/// Mean requests of the hours of each place, scaled to mean 1; `None` when a place has no hour.
fn weights(
    hours: &[((usize, usize), u64)],
    places: usize,
    place: impl Fn((usize, usize)) -> usize,
) -> Option<Vec<f64>> {
    let (mut sums, mut counts) = (vec![0.0; places], vec![0.0; places]);
    for (when, requests) in hours {
        sums[place(*when)] += *requests as f64;
        counts[place(*when)] += 1.0;
    }
    let means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    let mean = means.iter().sum::<f64>() / places as f64;
    (mean > 0.0 && mean.is_finite()).then(|| means.iter().map(|one| one / mean).collect())
}

/// Stretches of seconds grouped into cells: each inner list is one cell.
type CellStretches<'a> = Vec<Vec<&'a [u32]>>;

/// Each stretch its own cell.
fn stretches(seconds: &[u32], length: usize) -> CellStretches<'_> {
    seconds.chunks_exact(length).map(|stretch| vec![stretch]).collect()
}

/// The same hours of all whole days as one cell.
fn profile_cells<'a>(seconds: &'a [u32], hourly: &HourCounts) -> CellStretches<'a> {
    let hours = seconds[hourly.start..].chunks_exact(HOUR).take(hourly.whole_days() * 24);
    let mut cells: CellStretches<'a> = vec![Vec::new(); 24];
    for (hour, ((of_day, _), _)) in hours.zip(&hourly.hours) {
        cells[*of_day].push(hour);
    }
    cells.retain(|cell| cell.len() > 1);
    cells
}

/// Pooled dispersion inside cells: Σ k·s² / Σ k·m over cells of k windows with variance s² and mean m.
fn measured(cells: &CellStretches<'_>, stretches: usize) -> Option<(Cells, Vec<(Dispersion, bool)>)> {
    let length = cells.first()?.first()?.len();
    let rates: Vec<f64> = cells
        .iter()
        .map(|cell| {
            cell.iter().map(|stretch| total(stretch)).sum::<u64>() as f64 / (cell.len() * length) as f64
        })
        .collect();
    let sum: f64 = rates.iter().sum();
    if sum <= 0.0 {
        return None;
    }
    let rate = rates.iter().map(|rate| rate * rate).sum::<f64>() / sum;
    let points = WINDOWS.iter().filter(|window| length.is_multiple_of(**window)).filter_map(|window| {
        let (mut variance, mut mean, mut windows) = (0.0, 0.0, 0);
        for cell in cells {
            let counts: Vec<f64> = cell
                .iter()
                .flat_map(|stretch| stretch.chunks_exact(*window))
                .map(|c| total(c) as f64)
                .collect();
            let k = counts.len() as f64;
            let m = counts.iter().sum::<f64>() / k;
            variance += k * counts.iter().map(|count| (count - m) * (count - m)).sum::<f64>() / (k - 1.0);
            mean += k * m;
            windows += counts.len();
        }
        let per_stretch = length / window;
        let counts = windows >= WINDOWS_MIN && (per_stretch >= WINDOWS_PER_STRETCH_MIN || stretches > 1);
        let point = Dispersion {
            window_seconds: *window as f64,
            index: variance / mean,
            windows_per_stretch: per_stretch as u32,
        };
        (per_stretch * stretches > 1).then_some((point, counts))
    });
    let points = points.collect();
    Some((Cells { stretch_seconds: length as f64, stretches: stretches as u32, rate }, points))
}
