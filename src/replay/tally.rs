//! What is counted while a trace is replayed, and the figures made of it.

use super::{purchase::Purchase, trace::Request};
use crate::calendar::LocalClock;

/// Hours of a day.
pub const HOURS: usize = 24;

/// Quarters of an hour: all zones' hours begin on one.
const QUARTER_MICROS: i64 = 900_000_000;

/// What all requests of a trace are, before any purchase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Requests.
    pub requests: u64,
    /// Their burn, units.
    pub units: u128,
    /// Burn of their output, units.
    pub output_units: u128,
    /// Largest burn of a request's output, units.
    pub largest_output_units: u64,
    /// Largest burn of a request, units.
    pub largest_units: u64,
    /// Arrival of the first, microseconds since 1970 or the trace's zero.
    pub first_micros: i64,
    /// Arrival of the last.
    pub last_micros: i64,
    /// Requests by hour of the day.
    pub requests_by_hour: [u64; HOURS],
    /// Units by hour of the day.
    pub units_by_hour: [u128; HOURS],
}

impl Demand {
    /// Seconds from the first request to the last.
    pub fn seconds(&self) -> f64 {
        (self.last_micros - self.first_micros) as f64 / 1e6
    }

    /// Counts a batch and lays out what a walk through it needs; whether it is in order of time.
    ///
    /// One pass, since reading the requests takes longer than all that is done with them.
    pub(super) fn push(&mut self, batch: &[Request], stretches: &[Stretch], columns: &mut Columns) -> bool {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return true };
        columns.sums.resize(batch.len() + 1, 0);
        columns.units.resize(batch.len(), 0);
        columns.sums[0] = 0;
        let (mut before, mut sum, mut in_order) = (first.at_micros, 0, true);
        if self.requests == 0 {
            self.first_micros = first.at_micros;
        }
        self.last_micros = last.at_micros;
        self.requests += batch.len() as u64;
        let mut from = 0;
        for stretch in stretches {
            let part = &batch[from..stretch.end];
            // A batch's sum stays inside 64 bits, see `burn::UNITS_MAX`.
            let (start, mut input, mut largest, mut largest_output) = (sum, 0, 0, 0);
            let sums = &mut columns.sums[from + 1..=stretch.end];
            let narrow = &mut columns.units[from..stretch.end];
            for ((request, sum_after), narrow) in part.iter().zip(sums).zip(narrow) {
                in_order &= before <= request.at_micros;
                before = request.at_micros;
                sum += request.units;
                *sum_after = sum;
                *narrow = request.units.min(NARROW_MAX + 1) as i32;
                input += request.input_units;
                largest = request.units.max(largest);
                largest_output = (request.units - request.input_units).max(largest_output);
            }
            let units = sum - start;
            self.units += u128::from(units);
            self.output_units += u128::from(units - input);
            self.requests_by_hour[stretch.hour] += part.len() as u64;
            self.units_by_hour[stretch.hour] += u128::from(units);
            self.largest_units = self.largest_units.max(largest);
            self.largest_output_units = self.largest_output_units.max(largest_output);
            from = stretch.end;
        }
        in_order
    }
}

/// Largest quota that is counted in 32 bits. A larger request fits none of them, and one more unit than that
/// still adds up inside 32 bits.
pub(super) const NARROW_MAX: u64 = (1 << 30) - 1;

/// Burn of a batch's requests, laid out for a walk.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// Units before each request, and after the last.
    pub sums: Vec<u64>,
    /// Units of each request in 32 bits, at most one above [`NARROW_MAX`].
    pub units: Vec<i32>,
}

/// Requests of a batch that fall into the same hour of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Index of the first request after it.
    pub end: usize,
    /// Hour of the day.
    pub hour: usize,
}

/// Cuts a batch at quarters of an hour.
pub(super) fn stretches(batch: &[Request], clock: &LocalClock) -> Vec<Stretch> {
    let mut cut = Vec::new();
    let mut from = 0;
    while let Some(request) = batch.get(from) {
        let quarter = request.at_micros.div_euclid(QUARTER_MICROS);
        let end = (quarter + 1) * QUARTER_MICROS;
        let end = from + batch[from..].partition_point(|request| request.at_micros < end);
        cut.push(Stretch { end, hour: clock.hour_and_weekday(request.at_micros).0 });
        from = end;
    }
    cut
}

/// What one purchase did not serve, in one phase of its windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub requests: [u64; HOURS],
    pub units: [u128; HOURS],
    /// Windows with at least one of them.
    pub windows: u64,
}

impl Tally {
    pub fn add(&mut self, hour: usize, requests: u64, units: u64) {
        self.requests[hour] += requests;
        self.units[hour] += u128::from(units);
    }
}

/// A total over phases, shown as its mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mean {
    /// Sum over the phases.
    pub sum: u128,
    /// Phases.
    pub phases: u32,
}

impl Mean {
    /// The mean.
    pub fn value(self) -> f64 {
        self.sum as f64 / f64::from(self.phases.max(1))
    }

    /// The mean when it is a whole number, as it always is with one phase.
    pub fn whole(self) -> Option<u128> {
        let phases = u128::from(self.phases.max(1));
        self.sum.is_multiple_of(phases).then(|| self.sum / phases)
    }

    /// Its share of a total; 0 of nothing.
    pub fn share_of(self, total: u128) -> f64 {
        if total == 0 { 0.0 } else { self.value() / total as f64 }
    }
}

/// What one purchase leaves to pay-as-you-go, a mean over the phases of its windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The purchase.
    pub purchase: Purchase,
    /// Requests left.
    pub requests: Mean,
    /// Their burn, units.
    pub units: Mean,
    /// Windows with at least one request left.
    pub windows: Mean,
    /// Windows from the first request to the last, empty ones included.
    pub all_windows: Mean,
    /// Share of all requests left.
    pub share_of_requests: f64,
    /// Share of all burn left.
    pub share_of_units: f64,
    /// Share of the requests left, by hour of the day; `None` for an hour without requests.
    pub share_of_requests_by_hour: [Option<f64>; HOURS],
    /// Share of the burn left, by hour of the day; `None` for an hour without requests.
    pub share_of_units_by_hour: [Option<f64>; HOURS],
}

impl Outcome {
    /// Share of the windows with at least one request left.
    pub fn share_of_windows(&self) -> f64 {
        self.windows.value() / self.all_windows.value().max(1.0)
    }

    /// Sums the phases of one purchase.
    pub(super) fn of(purchase: Purchase, demand: &Demand, phases: &[(u64, &Tally)]) -> Outcome {
        let count = phases.len() as u32;
        let mean = |sum: u128| Mean { sum, phases: count };
        let over =
            |figure: &dyn Fn(&Tally) -> u128| phases.iter().map(|(_, tally)| figure(tally)).sum::<u128>();
        let span = (demand.last_micros - demand.first_micros) as u64;
        let window = purchase.window_seconds * 1_000_000;
        let index = |micros: u64, phase: u64| (micros + window - phase) / window;
        let all: u64 = phases.iter().map(|(phase, _)| index(span, *phase) - index(0, *phase) + 1).sum();
        let by_hour = |figure: &dyn Fn(&Tally, usize) -> u128, total: &dyn Fn(usize) -> u128| {
            std::array::from_fn(|hour| {
                let left = mean(over(&|tally| figure(tally, hour)));
                (demand.requests_by_hour[hour] > 0).then(|| left.share_of(total(hour)))
            })
        };
        let requests = mean(over(&|tally| tally.requests.iter().map(|count| u128::from(*count)).sum()));
        let units = mean(over(&|tally| tally.units.iter().sum()));
        Outcome {
            purchase,
            requests,
            units,
            windows: mean(over(&|tally| u128::from(tally.windows))),
            all_windows: mean(u128::from(all)),
            share_of_requests: requests.share_of(u128::from(demand.requests)),
            share_of_units: units.share_of(demand.units),
            share_of_requests_by_hour: by_hour(&|tally, hour| u128::from(tally.requests[hour]), &|hour| {
                u128::from(demand.requests_by_hour[hour])
            }),
            share_of_units_by_hour: by_hour(&|tally, hour| tally.units[hour], &|hour| {
                demand.units_by_hour[hour]
            }),
        }
    }
}
