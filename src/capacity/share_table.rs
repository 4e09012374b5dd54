//! What every count leaves, tabulated over load, size and burstiness: the look-up inside a simulation's loop.

use std::cell::Cell;

use rayon::prelude::*;
use wide::f32x4;

use super::{
    CurveFamily, Throughput,
    curve::{CurveError, CurvePoint},
    family::{ANCHORS, Probe},
    pool::Pool,
    share_columns::{Additions, Band, Between, Rows, SIZE_FACTOR_MAX},
};
use crate::stats::Traffic;

/// Logarithms of the factors on the negative binomial shape at which a table is worked out.
const LOG_SHAPES: [f64; 4] = [-1.2, -0.4, 0.4, 1.2];

/// Nodes of the rate that a place lies between.
const AROUND: usize = 4;

/// Logarithms nearer than this to a column's may be on its other side.
const ROUNDING: f64 = 1e-12;

/// Numbers that are worked on together.
const LANES: usize = 4;

/// How fine a table is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Distance of two nodes of the logarithm of the rate of requests; cubics between them.
    pub rate_step: f64,
    /// Most nodes; beyond them a rate is taken at the table's end.
    pub nodes_max: usize,
    /// Rooms of a window that are told apart for each mean request that it holds, where it holds few.
    pub rooms_per_request: f64,
    /// Distance of the logarithms of two quotas where a window holds many requests; straight between them.
    pub quota_step: f64,
}

impl Grid {
    /// Fine enough for shares within 0.005 of exact curves (tested).
    pub const FINE: Grid = Grid { rate_step: 0.4, nodes_max: 40, rooms_per_request: 16.0, quota_step: 0.06 };
}

/// Shares of burn tokens left to PayGo by GSU count, on a grid of loads, sizes of requests and burstiness.
///
/// Requests that all get bigger are not more requests: where a window held nine of them whole, it may hold eight.
/// So a table lists what is left at every quota around those of its counts, and requests of a factor `s` are looked
/// up at the quota divided by `s`. Windows of few requests are worked out request by request, at every rate
/// and shape of the grid; where the pool mixes streams or tells more, they are moved to agree with the exact curve
/// at the family's five loads. Windows of many take the family's stand-in.
#[derive(Clone, Debug)]
pub struct ShareTable {
    counts: Vec<Count>,
    /// Logarithm of the first node's factor on the rate.
    first: f64,
    rate_step: f64,
    nodes: usize,
    shapes: usize,
    bands: Vec<Band>,
    /// By column, then node, then shape.
    shares: Vec<f32>,
}

/// A count that may be bought.
#[derive(Clone, Copy, Debug)]
struct Count {
    gsu: u64,
    /// Its band, its quota and the logarithm of that; `None` where nothing is admitted.
    quota: Option<(usize, f64, f64)>,
}

/// Which rows of a table make up a place between its nodes, how much of each, and at which size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    node: usize,
    /// By node, then shape.
    weights: [f32; AROUND * LOG_SHAPES.len()],
    log_size: f64,
    per_size: f64,
}

/// Amounts at several places of one table, to be multiplied by what a count leaves of each.
#[derive(Clone, Debug)]
pub struct Amounts {
    /// By node, then shape.
    weights: Vec<f32>,
    /// First node of any place, and the one after the last.
    nodes: [usize; 2],
    amount: f64,
    log_size: f64,
}

/// What the counts of a table leave of amounts at several places.
#[derive(Clone, Debug)]
pub struct Left<'a> {
    table: &'a ShareTable,
    /// From a node on.
    weights: &'a [f32],
    node: usize,
    amount: f64,
    log_size: f64,
    per_size: f64,
    /// The last column, with what it and the next one leave: neighbouring counts lie between the same two.
    known: Cell<(usize, [f64; 2])>,
}

impl Left<'_> {
    /// By the count at an index; with the index of the first count from which on, up to it, what is left bends upwards:
    /// each more leaves less by less.
    #[inline]
    pub fn at(&self, index: usize) -> (f64, usize) {
        let Some(between) = self.table.between(index, self.log_size, self.per_size) else {
            return (self.amount, index);
        };
        let left = between.of(self.ends(between.column)).max(0.0);
        (left, self.straight_from(index, between.column))
    }

    /// The first count of those that lie between the same columns of many requests, straight in the logarithm of the
    /// quota.
    fn straight_from(&self, index: usize, column: usize) -> usize {
        let counts = &self.table.counts[..index];
        let Some((band, ..)) = self.table.counts[index].quota else { return index };
        let Some(log_quota) = self.table.bands[band].log_quota(column) else { return index };
        let from = log_quota + self.log_size + ROUNDING;
        let within = |count: &&Count| count.quota.is_some_and(|(of, _, log)| of == band && log > from);
        index - counts.iter().rev().take_while(within).count()
    }

    fn ends(&self, column: usize) -> [f64; 2] {
        let of = |column: usize| self.table.column(column, self.node, self.weights);
        let ends = match self.known.get() {
            (last, ends) if last == column => return ends,
            (last, [left, _]) if last == column + 1 => [of(column), left],
            _ => self.table.columns(column, self.node, self.weights),
        };
        self.known.set((column, ends));
        ends
    }
}

impl ShareTable {
    /// The table of counts (ascending) for factors on the family's rates between two logarithms; with burstiness,
    /// where counts are not Poisson, or at the family's own alone.
    ///
    /// `row` and `traffic` are those that the family was made from.
    ///
    /// # Errors
    ///
    /// As [`super::curve`].
    pub fn new(
        family: &CurveFamily,
        (row, traffic): (&Throughput, &Traffic),
        counts: &[u64],
        [lowest, highest]: [f64; 2],
        bursts: bool,
        grid: Grid,
    ) -> Result<ShareTable, CurveError> {
        let pool = Pool::new(row, traffic)?;
        let nodes = ((highest - lowest).max(0.0) / grid.rate_step).ceil() as usize + AROUND;
        let nodes = nodes.min(grid.nodes_max.max(AROUND));
        let first = f64::midpoint(lowest, highest) - grid.rate_step * (nodes - 1) as f64 / 2.0;
        let shapes = if bursts { LOG_SHAPES.map(f64::exp).to_vec() } else { vec![1.0] };
        // Nodes beyond the highest make lanes full; the others stay where they are.
        let nodes = nodes.next_multiple_of(LANES.div_ceil(shapes.len()));
        let rates: Vec<f64> = (0..nodes).map(|node| (first + grid.rate_step * node as f64).exp()).collect();
        let rows = Rows { rates: &rates, shapes: &shapes };
        let (bands, counts) = bands(&pool, row, counts, grid);
        let additions = Additions::new(&pool, &bands);
        let of_band = |band: &Band| band.shares(&pool, family, &rows, &additions);
        let shares = bands.par_iter().map(of_band).collect::<Vec<Vec<f32>>>().concat();
        let rate_step = grid.rate_step;
        let mut table = ShareTable { counts, first, rate_step, nodes, shapes: shapes.len(), bands, shares };
        table.correct(family, &rates);
        Ok(table)
    }

    /// The counts, ascending.
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(|count| count.gsu)
    }

    /// The rows around a factor on the size of requests and two on their rate and on the shape of their counts, given
    /// as logarithms. All are kept inside the table; size beyond it counts as more requests.
    pub fn place(&self, log_rate: f64, size: f64, log_shape: f64) -> Place {
        let inside = size.clamp(1.0 / SIZE_FACTOR_MAX, SIZE_FACTOR_MAX);
        let beyond = if inside == size { 0.0 } else { (size / inside).ln() };
        let position = (log_rate + beyond - self.first) / self.rate_step;
        let position = position.clamp(0.0, (self.nodes - 1) as f64);
        let node = (position.floor() as usize).saturating_sub(1).min(self.nodes - AROUND);
        let of_nodes = cubic(position - node as f64);
        let of_shapes = match self.shapes {
            1 => [1.0, 0.0, 0.0, 0.0],
            _ => {
                let [first, second, .., last] = LOG_SHAPES;
                cubic((log_shape.clamp(first, last) - first) / (second - first))
            }
        };
        let mut weights = [0.0; AROUND * LOG_SHAPES.len()];
        for (rows, of_node) in weights.chunks_exact_mut(self.shapes).zip(of_nodes) {
            rows.iter_mut()
                .zip(of_shapes)
                .for_each(|(weight, of_shape)| *weight = (of_node * of_shape) as f32);
        }
        Place { node, weights, log_size: inside.ln(), per_size: 1.0 / inside }
    }

    /// Share left by the count at an index.
    pub fn share(&self, place: &Place, index: usize) -> f64 {
        let weights = &place.weights[..AROUND * self.shapes];
        let share = match self.between(index, place.log_size, place.per_size) {
            Some(between) => self.weighed(between, place.node, weights),
            None => 1.0,
        };
        share.clamp(0.0, 1.0)
    }

    /// No amount anywhere.
    pub fn amounts(&self) -> Amounts {
        let weights = vec![0.0; self.nodes * self.shapes];
        Amounts { weights, nodes: [self.nodes, 0], amount: 0.0, log_size: 0.0 }
    }

    /// Adds an amount at a place. Sizes are averaged over all of them.
    pub fn note(&self, amounts: &mut Amounts, place: &Place, amount: f64) {
        let from = place.node * self.shapes;
        let rows = &mut amounts.weights[from..from + AROUND * self.shapes];
        rows.iter_mut().zip(&place.weights).for_each(|(sum, weight)| *sum += amount as f32 * weight);
        let [low, high] = amounts.nodes;
        amounts.nodes = [low.min(place.node), high.max(place.node + AROUND)];
        amounts.amount += amount;
        amounts.log_size += amount * place.log_size;
    }

    /// What the counts leave of all amounts.
    pub fn left<'a>(&'a self, amounts: &'a Amounts) -> Left<'a> {
        let log_size = if amounts.amount > 0.0 { amounts.log_size / amounts.amount } else { 0.0 };
        let together = LANES.div_ceil(self.shapes);
        let [low, high] = amounts.nodes;
        let (low, high) = (low.min(high) / together * together, high.next_multiple_of(together));
        Left {
            table: self,
            weights: &amounts.weights[low * self.shapes..high * self.shapes],
            node: low,
            amount: amounts.amount,
            log_size,
            per_size: (-log_size).exp(),
            known: Cell::new((usize::MAX - 1, [0.0; 2])),
        }
    }

    /// The largest difference of the share of tokens from exact curves at these counts, when the load, the sizes
    /// of requests and the shape of their counts are multiples of the centre's.
    ///
    /// `row` and `traffic` are those that the table was made from; counts that one of both does not list are left
    /// out.
    ///
    /// # Errors
    ///
    /// As [`super::curve`].
    pub fn error(
        &self,
        (row, traffic): (&Throughput, &Traffic),
        counts: &[u64],
        probe: Probe,
    ) -> Result<f64, CurveError> {
        let other = traffic.with_sizes_scaled(probe.size)?.with_shapes_scaled(probe.shape)?;
        let exact = Pool::new(row, &other)?.only(counts).points(&[probe.load])?.swap_remove(0);
        let place = self.place(probe.load.ln(), probe.size, probe.shape.ln());
        let apart = |point: &CurvePoint| {
            let index = self.counts.binary_search_by_key(&point.gsu, |count| count.gsu).ok()?;
            Some((self.share(&place, index) - point.left.tokens).abs())
        };
        Ok(exact.iter().filter_map(apart).fold(0.0, f64::max))
    }

    #[inline]
    fn between(&self, index: usize, log_size: f64, per_size: f64) -> Option<Between> {
        let (band, quota, log_quota) = self.counts[index].quota?;
        Some(self.bands[band].between(quota * per_size, || log_quota - log_size))
    }

    /// Rows from a node on, weighed, between two columns.
    fn weighed(&self, between: Between, node: usize, weights: &[f32]) -> f64 {
        between.of(self.columns(between.column, node, weights))
    }

    /// Rows from a node on of a column and the next, weighed.
    fn columns(&self, column: usize, node: usize, weights: &[f32]) -> [f64; 2] {
        let width = self.nodes * self.shapes;
        let from = column * width + node * self.shapes;
        let (left, right) = (&self.shares[from..], &self.shares[from + width..]);
        products([&left[..weights.len()], &right[..weights.len()]], weights)
    }

    /// The same of a column alone.
    fn column(&self, column: usize, node: usize, weights: &[f32]) -> f64 {
        let from = (column * self.nodes + node) * self.shapes;
        products([&self.shares[from..from + weights.len()]], weights)[0]
    }

    /// Moves windows of few requests to agree with the exact curves at the family's loads: the pool's streams may
    /// differ from each other, and the exact curve knows more of that than one law of sizes.
    fn correct(&mut self, family: &CurveFamily, rates: &[f64]) {
        let width = self.nodes * self.shapes;
        for band in 0..self.bands.len() {
            let Some(whole) = self.bands[band].whole.clone() else { continue };
            let exact = family.exact_shares(self.bands[band].window);
            let apart: Vec<(f64, [f64; ANCHORS.len()])> = exact
                .filter(|(quota, _)| *quota <= whole.limit)
                .map(|(quota, exact)| (quota, self.apart(band, quota, &exact)))
                .collect();
            for column in 0..whole.columns {
                let Some(apart) = between_quotas(&apart, whole.quota(column)) else { continue };
                let from = (whole.start + column) * width;
                let rows = self.shares[from..from + width].chunks_mut(self.shapes);
                for (rows, rate) in rows.zip(rates) {
                    let apart = CurveFamily::between_anchors(&apart, *rate) as f32;
                    rows.iter_mut().for_each(|share| *share = (*share + apart).clamp(0.0, 1.0));
                }
            }
        }
    }

    /// Exact less tabulated share at each of the family's loads.
    fn apart(&self, band: usize, quota: f64, exact: &[f64; ANCHORS.len()]) -> [f64; ANCHORS.len()] {
        let between = self.bands[band].between(quota, || quota.ln());
        std::array::from_fn(|anchor| {
            let place = self.place(ANCHORS[anchor].ln(), 1.0, 0.0);
            exact[anchor] - self.weighed(between, place.node, &place.weights[..AROUND * self.shapes])
        })
    }
}

/// Σ of weighted values of lists: as many as lanes, or whole times that.
fn products<const N: usize>(lists: [&[f32]; N], weights: &[f32]) -> [f64; N] {
    let (weights, rest) = weights.as_chunks::<LANES>();
    debug_assert!(rest.is_empty(), "{} weights left over", rest.len());
    let lists = lists.map(|values| &values.as_chunks().0[..weights.len()]);
    let mut sums = [f32x4::ZERO; N];
    for (at, weights) in weights.iter().enumerate() {
        let weights = f32x4::new(*weights);
        sums.iter_mut().zip(&lists).for_each(|(sum, values)| *sum += f32x4::new(values[at]) * weights);
    }
    sums.map(|sum| f64::from(sum.reduce_add()))
}

/// Weights of values at 0, 1, 2 and 3 in Lagrange's cubic through them.
fn cubic(x: f64) -> [f64; 4] {
    [
        -(x - 1.0) * (x - 2.0) * (x - 3.0) / 6.0,
        x * (x - 2.0) * (x - 3.0) / 2.0,
        -x * (x - 1.0) * (x - 3.0) / 2.0,
        x * (x - 1.0) * (x - 2.0) / 6.0,
    ]
}

/// Counts with their quotas, grouped by their window.
fn bands(pool: &Pool<'_>, row: &Throughput, counts: &[u64], grid: Grid) -> (Vec<Band>, Vec<Count>) {
    let (mut bands, mut listed, mut start) = (Vec::new(), Vec::new(), 0);
    for same in counts.chunk_by(|a, b| row.window(*a) == row.window(*b)) {
        let window = row.window(same[0]).filter(|_| same[0] > 0);
        let Some(window) = window else {
            listed.extend(same.iter().map(|gsu| Count { gsu: *gsu, quota: None }));
            continue;
        };
        let quota = |gsu: u64| gsu as f64 * pool.tokens_per_second * window.seconds as f64;
        let ends = [quota(same[0]), quota(same[same.len() - 1])];
        let band = Band::new(pool, window, ends, grid, start);
        start += band.columns();
        let at = bands.len();
        bands.push(band);
        listed.extend(
            same.iter().map(|gsu| Count { gsu: *gsu, quota: Some((at, quota(*gsu), quota(*gsu).ln())) }),
        );
    }
    (bands, listed)
}

/// Numbers at ascending quotas, straight between them; `None` without any.
fn between_quotas<const N: usize>(listed: &[(f64, [f64; N])], quota: f64) -> Option<[f64; N]> {
    let after = listed.partition_point(|(at, _)| *at < quota);
    match (after.checked_sub(1).map(|index| &listed[index]), listed.get(after)) {
        (Some((from, left)), Some((to, right))) => {
            let part = (quota - from) / (to - from);
            Some(std::array::from_fn(|at| left[at] + (right[at] - left[at]) * part))
        }
        (Some((_, only)), None) | (None, Some((_, only))) => Some(*only),
        (None, None) => None,
    }
}
