//! Covering a level over time with pieces of fixed length at least cost, as a flow of least cost.
//!
//! There are steps 0, 1, … and in each step a cost that falls with the number of units held. A unit is held by
//! buying covers: a cover spans some steps and has a price. Every unit is one unit of flow through time: over a
//! cover while it is held, over the step itself while it is not. A matrix of intervals is totally unimodular,
//! so for convex costs the cheapest flow is whole and exact; buying layer by layer is not.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Something that holds one unit during the steps `from..to`, for a price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cover {
    /// First step.
    pub from: usize,
    /// First step after it, above `from`.
    pub to: usize,
    /// Price per unit; any finite number.
    pub cost: f64,
    /// Most units of it.
    pub most: usize,
}

/// The cheapest covering.
#[derive(Clone, Debug, PartialEq)]
pub struct Covering {
    /// Units bought of each cover, in the order given.
    pub bought: Vec<usize>,
    /// Units held in each step.
    pub level: Vec<usize>,
    /// Price of the covers plus the cost of every step at its level.
    pub cost: f64,
}

/// An input that has no cheapest covering.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FlowError {
    /// A step without a table.
    #[error("step {step} has an empty cost table, expected the cost of 0 units at least")]
    EmptyTable {
        /// The step, counted from 0.
        step: usize,
    },
    /// A number that is infinite or none.
    #[error("the cost of {units} units in step {step} is {found}, expected a finite number")]
    NotFinite {
        /// The step, counted from 0.
        step: usize,
        /// The units.
        units: usize,
        /// What was found.
        found: f64,
    },
    /// A cost that bends down: the flow would not be exact.
    #[error(
        "the costs of step {step} bend down at {units} units, expected a convex table (take its envelope)"
    )]
    NotConvex {
        /// The step, counted from 0.
        step: usize,
        /// Where.
        units: usize,
    },
    /// A cover that ends before it starts, leaves the steps, or has no price.
    #[error(
        "cover {cover} spans steps {from}..{to} at {cost}, expected a span inside 0..{steps} and a finite price"
    )]
    BadCover {
        /// Its place in the list.
        cover: usize,
        /// First step.
        from: usize,
        /// First step after it.
        to: usize,
        /// Its price.
        cost: f64,
        /// Number of steps.
        steps: usize,
    },
}

/// Share of the table's largest cost by which rounding may bend a convex table down.
const ROUNDING: f64 = 1e-9;

/// Share of the table's largest cost below which two slopes are the same: what rounding leaves of a straight piece.
const STRAIGHT: f64 = 1e-14;

/// The cheapest way to hold units over time.
///
/// `held[t][g]` is the cost of step `t` when `g` units are held, convex in `g` (see
/// [`lower_convex_envelope`]); a table that is shorter than the longest goes on with its last cost, so that it
/// must not end on a rise. At most as many units are held as the longest table has room for. Exact: successive
/// shortest paths with potentials that keep residual costs from being negative, several units at a time where
/// costs are straight. Among equally cheap coverings the result is always the same one.
///
/// # Errors
///
/// When a table is empty, not finite or not convex, or a cover does not fit the steps.
///
/// Source: Ahuja, Magnanti & Orlin (1993), "Network Flows", chapters 9 and 14.
///
/// ```
/// # use burndown::stats::{Cover, cheapest_covering};
/// let held = [vec![10.0, 4.0, 1.0], vec![12.0, 5.0, 1.0], vec![9.0, 4.0, 2.0]];
/// let all = Cover { from: 0, to: 3, cost: 11.0, most: 2 };
/// let best = cheapest_covering(&held, &[all]).unwrap();
/// assert_eq!((best.cost, best.bought), (24.0, vec![1]));
/// ```
pub fn cheapest_covering(held: &[Vec<f64>], covers: &[Cover]) -> Result<Covering, FlowError> {
    let capacity = held.iter().map(Vec::len).max().unwrap_or(1).saturating_sub(1);
    let slopes = held.iter().enumerate().map(|(step, table)| convex_slopes(step, table, capacity));
    let slopes: Vec<Vec<f64>> = slopes.collect::<Result<_, FlowError>>()?;
    let bad = |cover: &Cover| cover.from >= cover.to || cover.to > held.len() || !cover.cost.is_finite();
    if let Some(at) = covers.iter().position(bad) {
        let Cover { from, to, cost, .. } = covers[at];
        return Err(FlowError::BadCover { cover: at, from, to, cost, steps: held.len() });
    }
    let mut network = Network::new(&slopes, covers, capacity);
    let mut left = capacity;
    while left > 0 {
        left -= network.send(left);
    }
    let bought: f64 = covers.iter().zip(&network.bought).map(|(cover, n)| cover.cost * *n as f64).sum();
    let steps: f64 =
        held.iter().zip(&network.level).map(|(table, level)| table[(*level).min(table.len() - 1)]).sum();
    Ok(Covering { bought: network.bought, level: network.level, cost: bought + steps })
}

/// The largest convex table that lies nowhere above `values`: its lower convex envelope at 0, 1, 2, ….
///
/// Andrew's monotone chain. An empty table gives an empty one.
///
/// ```
/// # use burndown::stats::lower_convex_envelope;
/// assert_eq!(lower_convex_envelope(&[10.0, 9.0, 4.0, 4.5, 1.0]), [10.0, 7.0, 4.0, 2.5, 1.0]);
/// ```
pub fn lower_convex_envelope(values: &[f64]) -> Vec<f64> {
    let mut corners: Vec<usize> = Vec::new();
    let rise = |a: usize, b: usize| (values[b] - values[a], (b - a) as f64);
    for at in 0..values.len() {
        while let [.., before, last] = corners[..] {
            let ((up, along), (next_up, next_along)) = (rise(before, last), rise(last, at));
            // Slopes, compared without a division.
            if up * next_along < next_up * along {
                break;
            }
            corners.pop();
        }
        corners.push(at);
    }
    let mut envelope = Vec::with_capacity(values.len());
    for pair in corners.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let (up, along) = rise(a, b);
        envelope.extend((a..b).map(|at| values[a] + up / along * (at - a) as f64));
    }
    envelope.extend(values.last());
    envelope
}

/// What the next unit changes, for 0 units up to the capacity; never falling.
fn convex_slopes(step: usize, table: &[f64], capacity: usize) -> Result<Vec<f64>, FlowError> {
    if let Some(units) = table.iter().position(|cost| !cost.is_finite()) {
        return Err(FlowError::NotFinite { step, units, found: table[units] });
    }
    let first = *table.first().ok_or(FlowError::EmptyTable { step })?;
    let size = table.iter().fold(first.abs(), |most, cost| most.max(cost.abs()));
    let mut slopes: Vec<f64> = table.windows(2).map(|pair| pair[1] - pair[0]).collect();
    slopes.resize(capacity, 0.0);
    for at in 1..slopes.len() {
        if slopes[at - 1] - slopes[at] > ROUNDING * size {
            return Err(FlowError::NotConvex { step, units: at });
        }
        // Straight pieces stay straight.
        if slopes[at] - slopes[at - 1] <= STRAIGHT * size {
            slopes[at] = slopes[at - 1];
        }
    }
    Ok(slopes)
}

/// How a node was reached.
#[derive(Clone, Copy)]
enum Edge {
    /// One unit less is held in this step.
    Release(usize),
    /// One unit more is held in this step.
    Hold(usize),
    /// One more of this cover.
    Buy(usize),
    /// One less of this cover.
    Return(usize),
}

/// The residual network: node `t` is the start of step `t`, the last node is the end.
struct Network<'a> {
    slopes: &'a [Vec<f64>],
    covers: &'a [Cover],
    starting: Vec<Vec<usize>>,
    ending: Vec<Vec<usize>>,
    bought: Vec<usize>,
    /// Capacity minus the flow over the step: the units held once all flow is sent.
    level: Vec<usize>,
    capacity: usize,
    potential: Vec<f64>,
    distance: Vec<f64>,
    reached_by: Vec<Edge>,
    queue: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> Network<'a> {
    fn new(slopes: &'a [Vec<f64>], covers: &'a [Cover], capacity: usize) -> Network<'a> {
        let nodes = slopes.len() + 1;
        let (mut starting, mut ending) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
        for (at, cover) in covers.iter().enumerate() {
            if cover.most > 0 {
                starting[cover.from].push(at);
                ending[cover.to].push(at);
            }
        }
        let mut network = Network {
            slopes,
            covers,
            starting,
            ending,
            bought: vec![0; covers.len()],
            level: vec![capacity; slopes.len()],
            capacity,
            potential: vec![f64::INFINITY; nodes],
            distance: vec![f64::INFINITY; nodes],
            reached_by: vec![Edge::Release(0); nodes],
            queue: BinaryHeap::new(),
        };
        network.first_potentials();
        network
    }

    /// Without flow every edge leads forward in time, so that one sweep finds the shortest paths, negative
    /// prices included.
    fn first_potentials(&mut self) {
        self.potential[0] = 0.0;
        for node in 0..self.slopes.len() {
            let here = self.potential[node];
            let idle = self.slopes[node].last().map_or(0.0, |slope| -slope);
            self.potential[node + 1] = self.potential[node + 1].min(here + idle);
            for &at in &self.starting[node] {
                let cover = self.covers[at];
                self.potential[cover.to] = self.potential[cover.to].min(here + cover.cost);
            }
        }
    }

    /// Sends units from the first node to the last along the cheapest path: as many as it stays the cheapest for,
    /// since no cost on it changes. Tells how many.
    fn send(&mut self, most: usize) -> usize {
        self.shortest_paths();
        let path = self.path();
        let units = path.iter().map(|edge| self.room(*edge)).fold(most, usize::min);
        for edge in path {
            match edge {
                Edge::Release(step) => self.level[step] -= units,
                Edge::Hold(step) => self.level[step] += units,
                Edge::Buy(at) => self.bought[at] += units,
                Edge::Return(at) => self.bought[at] -= units,
            }
        }
        units
    }

    /// The edges to the last node, from there back to the first.
    fn path(&self) -> Vec<Edge> {
        let mut node = self.slopes.len();
        let mut path = Vec::new();
        while node > 0 {
            let edge = self.reached_by[node];
            path.push(edge);
            node = match edge {
                Edge::Release(step) => step,
                Edge::Hold(step) => step + 1,
                Edge::Buy(at) => self.covers[at].from,
                Edge::Return(at) => self.covers[at].to,
            };
        }
        path
    }

    /// Units that an edge takes at its present cost; at least one.
    fn room(&self, edge: Edge) -> usize {
        match edge {
            Edge::Release(step) => {
                let held = &self.slopes[step][..self.level[step]];
                held.iter().rev().take_while(|slope| **slope == held[held.len() - 1]).count()
            }
            Edge::Hold(step) => {
                let free = &self.slopes[step][self.level[step]..];
                free.iter().take_while(|slope| **slope == free[0]).count()
            }
            Edge::Buy(at) => self.covers[at].most - self.bought[at],
            Edge::Return(at) => self.bought[at],
        }
    }

    /// Dijkstra on costs that the potentials keep at zero or above, as far as the last node; then the potentials
    /// follow. What lies farther than the last node follows as far as that one does, which keeps every cost at
    /// zero or above.
    fn shortest_paths(&mut self) {
        let last = self.slopes.len();
        self.distance.fill(f64::INFINITY);
        self.distance[0] = 0.0;
        self.queue.clear();
        self.queue.push(Reverse((0, 0)));
        while let Some(Reverse((bits, node))) = self.queue.pop() {
            if node == last {
                break;
            }
            if bits == self.distance[node].to_bits() {
                self.relax_from(node);
            }
        }
        let reached = self.distance[last];
        for (potential, distance) in self.potential.iter_mut().zip(&self.distance) {
            *potential += distance.min(reached);
        }
    }

    fn relax_from(&mut self, node: usize) {
        if node < self.slopes.len() && self.level[node] > 0 {
            self.relax(node, node + 1, -self.slopes[node][self.level[node] - 1], Edge::Release(node));
        }
        if node > 0 && self.level[node - 1] < self.capacity {
            self.relax(node, node - 1, self.slopes[node - 1][self.level[node - 1]], Edge::Hold(node - 1));
        }
        for at in 0..self.starting[node].len() {
            let at = self.starting[node][at];
            if self.bought[at] < self.covers[at].most {
                self.relax(node, self.covers[at].to, self.covers[at].cost, Edge::Buy(at));
            }
        }
        for at in 0..self.ending[node].len() {
            let at = self.ending[node][at];
            if self.bought[at] > 0 {
                self.relax(node, self.covers[at].from, -self.covers[at].cost, Edge::Return(at));
            }
        }
    }

    fn relax(&mut self, from: usize, to: usize, cost: f64, edge: Edge) {
        // Rounding may leave a reduced cost a hair below zero; the order of non-negative bits is that of numbers.
        let reduced = (cost + self.potential[from] - self.potential[to]).max(0.0);
        let distance = self.distance[from] + reduced;
        if distance < self.distance[to] {
            self.distance[to] = distance;
            self.reached_by[to] = edge;
            self.queue.push(Reverse((distance.to_bits(), to)));
        }
    }
}
