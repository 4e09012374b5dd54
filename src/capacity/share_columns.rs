//! The quotas at which a [`super::ShareTable`] is worked out, window by window, and what is left at each.
//!
//! Admission of whole requests has a step wherever one more request fits, so windows of few requests have a column
//! for every room that tells (in steps of a 20th of a mean request, or of the sizes' common divisor). Above,
//! what is left is smooth in the quota, and columns lie a share of it apart.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{
    CurveFamily, Window,
    pool::{EXACT_REQUESTS, Pool},
    share_table::Grid,
};
use crate::stats::ArrivalTail;

/// Requests up to this factor bigger or smaller than the centre's find their column.
pub(super) const SIZE_FACTOR_MAX: f64 = 1.6;

/// Rooms of sizes with a coarse divisor are few: these are followed further than others.
const EXACT_REQUESTS_OF_COARSE: f64 = 120.0;

/// A divisor is coarse when a mean request has at most so many of it.
const COARSE: f64 = 4.0;

/// Arrivals of a window that are followed; those after them add as little as the last.
const ARRIVALS_MAX: usize = 600;

/// A share that nobody sees: larger quotas of the window leave nothing.
const NEXT_TO_NOTHING: f64 = 1e-9;

/// The columns of one window.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub window: Window,
    /// Quotas of few requests.
    pub whole: Option<Whole>,
    /// Quotas of many.
    many: Option<Many>,
}

/// Columns a step apart.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// Quota of a step.
    step: f64,
    /// Steps of room between two columns.
    stride: usize,
    /// Room is rounded down to whole steps; else it lies between two columns, half a step lower, since rounded
    /// sizes scatter half a step around the truth.
    floors: bool,
    /// Columns of a unit of quota, and how many lie before the first.
    per_quota: f64,
    before: f64,
    /// Room of the first column, in strides.
    first: usize,
    pub columns: usize,
    /// Quotas above belong to the others.
    pub limit: f64,
    pub start: usize,
}

/// Columns of equal ratio.
#[derive(Clone, Debug)]
struct Many {
    log_first: f64,
    log_step: f64,
    /// 1/`log_step`.
    per_log: f64,
    columns: usize,
    start: usize,
}

/// A place between two columns, and how far on the way to the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Between {
    pub column: usize,
    pub part: f64,
}

impl Between {
    /// The number there, given those of the two columns.
    pub fn of(self, [left, right]: [f64; 2]) -> f64 {
        left + (right - left) * self.part
    }
}

/// Rates and burstiness of the rows of every column: by node of the rate, then by shape.
pub(super) struct Rows<'a> {
    pub rates: &'a [f64],
    pub shapes: &'a [f64],
}

impl Rows<'_> {
    pub fn len(&self) -> usize {
        self.rates.len() * self.shapes.len()
    }

    fn each(&self) -> impl Iterator<Item = (f64, f64)> {
        self.rates.iter().flat_map(|rate| self.shapes.iter().map(|shape| (*rate, *shape)))
    }
}

impl Band {
    /// Columns for quotas between two, whatever the size of requests; they start at a place in the table.
    pub fn new(
        pool: &Pool<'_>,
        window: Window,
        [least, most]: [f64; 2],
        grid: Grid,
        mut start: usize,
    ) -> Band {
        let mean = pool.mean.load;
        let (least, most) = (least / SIZE_FACTOR_MAX, most * SIZE_FACTOR_MAX);
        let (step, exact) = (pool.table.step(), pool.table.is_exact());
        let coarse = exact && mean <= COARSE * step;
        let limit = mean * if coarse { EXACT_REQUESTS_OF_COARSE } else { EXACT_REQUESTS };
        let whole = (least < limit).then(|| {
            let stride = (mean / step / grid.rooms_per_request).round().max(1.0) as usize;
            let floors = exact && stride == 1;
            let room = |quota: f64| (quota / step / stride as f64).floor() as usize;
            let first = room(least).saturating_sub(1);
            let columns = room(most.min(limit)) + 3 - first;
            let per_quota = 1.0 / (step * stride as f64);
            let before = first as f64 + if floors { 0.0 } else { 0.5 / stride as f64 };
            Whole { step, stride, floors, per_quota, before, first, columns, limit, start }
        });
        start += whole.as_ref().map_or(0, |whole| whole.columns);
        let many = (most > limit).then(|| {
            let log_first = least.max(limit).ln();
            let columns = ((most.ln() - log_first) / grid.quota_step).ceil() as usize + 2;
            let (log_step, per_log) = (grid.quota_step, 1.0 / grid.quota_step);
            Many { log_first, log_step, per_log, columns, start }
        });
        Band { window, whole, many }
    }

    pub fn columns(&self) -> usize {
        self.whole.as_ref().map_or(0, |whole| whole.columns)
            + self.many.as_ref().map_or(0, |many| many.columns)
    }

    /// Where a quota lies; its logarithm is taken only where it is asked for.
    #[inline]
    pub fn between(&self, quota: f64, log_quota: impl FnOnce() -> f64) -> Between {
        let (position, columns, start) = match (&self.whole, &self.many) {
            (Some(whole), many) if many.is_none() || quota <= whole.limit => {
                (whole.position(quota), whole.columns, whole.start)
            }
            (_, Some(many)) => ((log_quota() - many.log_first) * many.per_log, many.columns, many.start),
            (_, None) => unreachable!("a band has columns of one kind at least"),
        };
        let column = (position as u32).min(columns as u32 - 2);
        let part = (position - f64::from(column)).clamp(0.0, 1.0);
        Between { column: start + column as usize, part }
    }

    /// Logarithm of the quota of a column of many requests.
    pub fn log_quota(&self, column: usize) -> Option<f64> {
        let many = self.many.as_ref().filter(|many| column >= many.start)?;
        Some(many.log_first + many.log_step * (column - many.start) as f64)
    }

    /// Rooms of the columns of few requests.
    fn rooms(&self) -> impl Iterator<Item = usize> {
        self.whole.iter().flat_map(Whole::rooms)
    }

    /// Shares left, by column, then row.
    pub fn shares(
        &self,
        pool: &Pool<'_>,
        family: &CurveFamily,
        rows: &Rows<'_>,
        additions: &Additions,
    ) -> Vec<f32> {
        let mut shares = Vec::with_capacity(self.columns() * rows.len());
        if let Some(whole) = &self.whole {
            shares.extend(whole.shares(pool, self.window, rows, additions));
        }
        if let Some(many) = &self.many {
            shares.extend(many.shares(family, self.window, rows));
        }
        shares
    }
}

/// What the first, second, … arrival adds in a window with so much room. It does not depend on the window's length, and
/// windows of many lengths have like rooms.
pub(super) struct Additions {
    by_room: BTreeMap<usize, Vec<f64>>,
}

impl Additions {
    /// For all rooms of these bands.
    pub fn new(pool: &Pool<'_>, bands: &[Band]) -> Additions {
        let rooms: BTreeSet<usize> = bands.iter().flat_map(Band::rooms).collect();
        let adds = |room: usize| (room, pool.table.row(room, ARRIVALS_MAX).loads().collect());
        Additions { by_room: rooms.into_par_iter().map(adds).collect() }
    }
}

impl Whole {
    fn rooms(&self) -> impl Iterator<Item = usize> {
        (0..self.columns).map(|column| (self.first + column) * self.stride)
    }

    /// Columns from the first.
    fn position(&self, quota: f64) -> f64 {
        let columns = quota * self.per_quota;
        // Truncation is the floor of what is not below zero, and needs no call.
        let columns = if self.floors { f64::from((columns + 1e-9) as u32) } else { columns };
        columns - self.before
    }

    /// The quota in the middle of what a column stands for.
    pub fn quota(&self, column: usize) -> f64 {
        (((self.first + column) * self.stride) as f64 + 0.5) * self.step
    }

    /// What the window's arrivals leave at every room: one product of two tables, how likely the n-th arrival is
    /// by row, and what it adds by room.
    fn shares(&self, pool: &Pool<'_>, window: Window, rows: &Rows<'_>, additions: &Additions) -> Vec<f32> {
        let adds: Vec<&Vec<f64>> = self.rooms().map(|room| &additions.by_room[&room]).collect();
        let followed = adds.iter().map(|adds| adds.len()).max().unwrap_or(0);
        let each: Vec<(f64, f64)> = rows.each().collect();
        let seconds = window.seconds as f64;
        let seen = pool.traffic.in_windows(seconds);
        let tail = |factors: &(f64, f64)| ArrivalTail::matched(&seen, seconds, *factors, followed);
        let tails: Vec<ArrivalTail> = each.par_iter().map(tail).collect();
        let arrivals = Arrivals::new(&tails, followed);
        let mean = pool.mean.load;
        let column = |adds: &&Vec<f64>| arrivals.left(adds, mean);
        adds.par_iter().map(column).collect::<Vec<Vec<f32>>>().concat()
    }
}

/// Arrivals of a window by row.
struct Arrivals {
    /// How likely there is an n-th arrival, by n, then row.
    likely: Vec<f64>,
    /// Expected number of arrivals from the n-th on, by n, then row; one n more.
    rest: Vec<f64>,
    /// Expected number of all, by row.
    all: Vec<f64>,
}

impl Arrivals {
    fn new(tails: &[ArrivalTail], followed: usize) -> Arrivals {
        let longest = tails.iter().map(ArrivalTail::arrivals).max().unwrap_or(0).min(followed);
        let all: Vec<f64> = tails.iter().map(ArrivalTail::mean).collect();
        let (mut likely, mut rest) = (Vec::with_capacity(longest * tails.len()), all.clone());
        for n in 0..longest {
            let before = rest.len() - tails.len();
            for (row, tail) in tails.iter().enumerate() {
                let probability = tail.above().get(n).copied().unwrap_or(0.0);
                likely.push(probability);
                rest.push((rest[before + row] - probability).max(0.0));
            }
        }
        Arrivals { likely, rest, all }
    }

    /// Share of the load that is left where the n-th arrival adds so much; `mean` is a mean request.
    fn left(&self, adds: &[f64], mean: f64) -> Vec<f32> {
        let width = self.all.len();
        let followed = adds.len().min(self.likely.len() / width);
        let mut admitted = vec![0.0; width];
        for (likely, add) in self.likely.chunks_exact(width).zip(adds) {
            admitted.iter_mut().zip(likely).for_each(|(sum, likely)| *sum += likely * add);
        }
        let last = adds.last().copied().unwrap_or(0.0);
        let rest = &self.rest[followed * width..(followed + 1) * width];
        let left = |((admitted, rest), all): ((&f64, &f64), &f64)| {
            (1.0 - (admitted + rest * last) / (all * mean)).clamp(0.0, 1.0) as f32
        };
        admitted.iter().zip(rest).zip(&self.all).map(left).collect()
    }
}

impl Many {
    /// By the family's stand-in.
    fn shares(&self, family: &CurveFamily, window: Window, rows: &Rows<'_>) -> Vec<f32> {
        let each: Vec<(f64, f64)> = rows.each().collect();
        let by_row = |(rate, shape): &(f64, f64)| {
            let quota = |column: usize| (self.log_first + self.log_step * column as f64).exp();
            let mut shares = family.left_of_quotas(window, (0..self.columns).map(quota), *rate, *shape);
            // More quota leaves less: after next to nothing comes nothing.
            let mut next = || shares.next().filter(|share| *share >= NEXT_TO_NOTHING);
            let mut row: Vec<f32> = std::iter::from_fn(&mut next).map(|share| share as f32).collect();
            row.resize(self.columns, 0.0);
            row
        };
        let by_row: Vec<Vec<f32>> = each.par_iter().map(by_row).collect();
        (0..self.columns).flat_map(|column| by_row.iter().map(move |row| row[column])).collect()
    }
}
