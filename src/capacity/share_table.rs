//! What every count leaves, tabulated over load and burstiness: the look-up inside a simulation's loop.

use rayon::prelude::*;

use super::CurveFamily;

/// Distance of two nodes of the logarithm of the load.
const STEP: f64 = 0.2;

/// Most nodes; beyond them a load is taken at the table's end.
const NODES_MAX: usize = 40;

/// Factors on the negative binomial shape at which the table is worked out.
const SHAPES: [f64; 3] = [0.5, 1.0, 2.0];

/// Shares of burn tokens left to PayGo by GSU count, on a grid of loads and burstiness.
///
/// Between the nodes (0.2 apart in the logarithm of the load) by cubics, between the three shapes (half, as it
/// is, twice) by a parabola in the logarithm. Against [`CurveFamily::left_share`] that is within 0.002 (tested).
#[derive(Clone, Debug)]
pub struct ShareTable {
    counts: Vec<u64>,
    /// Logarithm of the first node's load factor.
    first: f64,
    nodes: usize,
    shapes: usize,
    /// By shape, then node, then count.
    shares: Vec<f32>,
}

/// Which rows of a table make up a place between its nodes, and how much of each; see [`ShareTable::weights`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    node: usize,
    of_nodes: [f64; 4],
    of_shapes: [f64; 3],
}

impl ShareTable {
    /// The table of counts (ascending) for load factors between two logarithms; with burstiness, where counts are
    /// not Poisson, or at the family's own alone.
    ///
    /// A count that the curve does not list takes the next smaller one that it does.
    pub fn new(
        family: &CurveFamily,
        counts: &[u64],
        [lowest, highest]: [f64; 2],
        bursts: bool,
    ) -> ShareTable {
        let listed = &family.centre().points;
        let place = |gsu: &u64| listed.partition_point(|point| point.gsu <= *gsu).saturating_sub(1);
        let known: Vec<u64> = counts.iter().map(|gsu| listed[place(gsu)].gsu).collect();
        let nodes = ((((highest - lowest).max(0.0) / STEP).ceil() as usize) + 4).min(NODES_MAX);
        let shapes: &[f64] = if bursts { &SHAPES } else { &SHAPES[1..2] };
        let middle = f64::midpoint(lowest, highest);
        let first = middle - STEP * (nodes - 1) as f64 / 2.0;
        let rows: Vec<(f64, usize)> =
            shapes.iter().flat_map(|shape| (0..nodes).map(move |node| (*shape, node))).collect();
        let row = |(shape, node): &(f64, usize)| {
            let load = (first + STEP * *node as f64).exp();
            let shares = family.left_shares(&known, load, *shape);
            shares.into_iter().map(|share| share as f32).collect::<Vec<f32>>()
        };
        let shares = rows.par_iter().map(row).collect::<Vec<Vec<f32>>>().concat();
        ShareTable { counts: counts.to_vec(), first, nodes, shapes: shapes.len(), shares }
    }

    /// The counts, ascending.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The rows around a load factor (its logarithm) and a factor on the shape (its logarithm, kept between half
    /// and twice); both are kept inside the table.
    pub fn weights(&self, log_load: f64, log_shape: f64) -> Weights {
        let last = (self.nodes - 1) as f64;
        let at = ((log_load - self.first) / STEP).clamp(0.0, last);
        let node = (at.floor() as usize).saturating_sub(1).min(self.nodes - 4);
        let x = at - node as f64;
        // Lagrange's cubic through 0, 1, 2, 3.
        let of_nodes = [
            -(x - 1.0) * (x - 2.0) * (x - 3.0) / 6.0,
            x * (x - 2.0) * (x - 3.0) / 2.0,
            -x * (x - 1.0) * (x - 3.0) / 2.0,
            x * (x - 1.0) * (x - 2.0) / 6.0,
        ];
        let y = (log_shape / std::f64::consts::LN_2).clamp(-1.0, 1.0);
        let of_shapes = match self.shapes {
            1 => [1.0, 0.0, 0.0],
            _ => [y * (y - 1.0) / 2.0, 1.0 - y * y, y * (y + 1.0) / 2.0],
        };
        Weights { node, of_nodes, of_shapes }
    }

    /// Share left by the count at an index.
    pub fn share(&self, weights: &Weights, index: usize) -> f64 {
        let mut sum = 0.0;
        for (shape, of_shape) in weights.of_shapes.iter().enumerate().take(self.shapes) {
            for (step, of_node) in weights.of_nodes.iter().enumerate() {
                sum += of_shape * of_node * f64::from(self.row(shape, weights.node + step)[index]);
            }
        }
        sum.clamp(0.0, 1.0)
    }

    /// How much of every row a sum over several places takes: what [`ShareTable::add`] asks for.
    pub fn no_rows(&self) -> Vec<f64> {
        vec![0.0; self.shapes * self.nodes]
    }

    /// Adds one place's weights, times `amount`, to those of the rows.
    pub fn note(&self, rows: &mut [f64], weights: &Weights, amount: f64) {
        for (shape, of_shape) in weights.of_shapes.iter().enumerate().take(self.shapes) {
            for (step, of_node) in weights.of_nodes.iter().enumerate() {
                rows[shape * self.nodes + weights.node + step] += amount * of_shape * of_node;
            }
        }
    }

    /// Adds to `sums`, by count, the shares of all noted places times their amounts.
    pub fn add(&self, rows: &[f64], sums: &mut [f32]) {
        for (at, amount) in rows.iter().enumerate().filter(|(_, amount)| **amount != 0.0) {
            let amount = *amount as f32;
            let row = &self.shares[at * self.counts.len()..(at + 1) * self.counts.len()];
            sums.iter_mut().zip(row).for_each(|(sum, share)| *sum += amount * share);
        }
    }

    fn row(&self, shape: usize, node: usize) -> &[f32] {
        let at = (shape * self.nodes + node) * self.counts.len();
        &self.shares[at..at + self.counts.len()]
    }
}
