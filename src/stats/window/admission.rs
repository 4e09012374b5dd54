//! Whole requests, first come first served: a request is admitted when it fits what is left of the window's
//! quota, and the ones behind it may still fit when it does not.

use super::{CountLaw, LoadLaw, Marks, Traffic, lattice::common_divisor};

/// A common divisor of the sizes serves when the mean size is at most this many of it.
const DIVISOR_PER_MEAN_MAX: f64 = 128.0;

/// Steps in a mean size otherwise.
const STEPS_PER_MEAN: f64 = 20.0;

/// The step divides the likeliest size when that has at least this probability.
const LIKELY: f64 = 0.2;

/// Admitted share of an arrival's load from which on later arrivals are taken alike.
const SETTLED: f64 = 1e-10;

/// Quota in use that is rarer than this is not followed further.
const UNSEEN: f64 = 1e-19;

/// What is admitted: load, number of requests, their second value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Admitted {
    /// Load.
    pub load: f64,
    /// Requests.
    pub requests: f64,
    /// Second value of the requests.
    pub second: f64,
}

impl Admitted {
    /// Adds `factor` times another.
    pub(crate) fn add(&mut self, factor: f64, other: Admitted) {
        self.load += factor * other.load;
        self.requests += factor * other.requests;
        self.second += factor * other.second;
    }
}

/// P(N > k) for the number N of requests in a window, averaged over the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivalTail {
    above: Vec<f64>,
    mean: f64,
}

impl ArrivalTail {
    /// For windows of `length` units of time, followed up to `most` arrivals.
    ///
    /// # Panics
    ///
    /// When `length` is not above zero and finite.
    pub fn new(traffic: &Traffic, length: f64, most: usize) -> ArrivalTail {
        let counted = traffic.unit_marks();
        let law = LoadLaw::new(&counted, length, most as f64);
        let mut above = law.tail();
        above.truncate(most);
        while above.last().is_some_and(|tail| *tail < 1e-13) {
            above.pop();
        }
        ArrivalTail { above, mean: law.mean() }
    }

    /// The same for rates and shapes times a factor, by a recursion over the number of arrivals for every cell: far
    /// quicker where few are followed. The counts of several streams are taken as negative binomial with their
    /// mean and variance, which is exact for one stream.
    pub(crate) fn matched(
        traffic: &Traffic,
        length: f64,
        (rate_factor, shape_factor): (f64, f64),
        most: usize,
    ) -> ArrivalTail {
        let (mut above, mut mean) = (vec![0.0; most], 0.0);
        for cell in &traffic.cells {
            let (mut count, mut excess) = (0.0, 0.0);
            for (source, rate) in traffic.sources.iter().zip(&cell.rates) {
                let own = rate * length * rate_factor;
                count += own;
                excess += match source.counts {
                    CountLaw::NegativeBinomial { shape } => own * own / (shape * shape_factor),
                    law => law.variance(own) - own,
                };
            }
            mean += cell.weight * count;
            add_tail(&mut above, cell.weight, count, excess);
        }
        while above.last().is_some_and(|tail| *tail < 1e-13) {
            above.pop();
        }
        ArrivalTail { above, mean }
    }

    /// A number of arrivals that windows of `length` exceed so rarely that no [`ArrivalTail`] follows more.
    pub(crate) fn reach(traffic: &Traffic, length: f64) -> usize {
        LoadLaw::reach(&traffic.unit_marks(), length).ceil() as usize
    }

    /// Arrivals that have a probability worth following.
    pub fn arrivals(&self) -> usize {
        self.above.len()
    }

    /// Mean number of arrivals.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// P(N > k) for every number k of arrivals that is worth following.
    pub(crate) fn above(&self) -> &[f64] {
        &self.above
    }
}

/// Probability whose logarithm is below this is followed by its logarithm.
const LOG_TINY: f64 = -600.0;

/// Adds `weight` times P(N > k) of counts with a mean and a variance beyond it: negative binomial or, without
/// any, Poisson. Source: Panjer (1981): p(k+1) = p(k)·(a + b/(k+1)).
fn add_tail(above: &mut [f64], weight: f64, mean: f64, excess: f64) {
    if mean <= 0.0 {
        return;
    }
    let spread = excess / mean;
    let a = spread / (1.0 + spread);
    // (1 + spread)^(−mean/spread), whose limit is e^(−mean).
    let mut log = if spread > 1e-9 { -mean / spread * spread.ln_1p() } else { -mean };
    let b = mean / (1.0 + spread) - a;
    let (mut probability, mut below) = (log.exp(), 0.0);
    for (k, above) in above.iter_mut().enumerate() {
        below += probability;
        *above += weight * (1.0 - below).max(0.0);
        let factor = a + b / (k + 1) as f64;
        if log < LOG_TINY {
            log += factor.ln();
            probability = log.exp();
        } else {
            probability *= factor;
        }
    }
}

/// Sizes as whole numbers of a step.
///
/// The probability that n arrivals leave a certain room does not depend on their rate, so one row serves
/// every cell, window length and load: a row lists what the n-th arrival adds, and [`ArrivalTail`] how likely
/// there is an n-th arrival.
#[derive(Clone, Debug)]
pub struct AdmissionTable {
    step: f64,
    exact: bool,
    atoms: Vec<Atom>,
    mean: f64,
}

#[derive(Clone, Copy, Debug)]
struct Atom {
    size: usize,
    probability: f64,
    /// Mean true size and second value of the requests that are rounded to it.
    value: f64,
    second: f64,
}

impl AdmissionTable {
    /// For one law of sizes.
    ///
    /// Sizes with a coarse common divisor are exact. Others are rounded to a 20th of the mean (to a divisor of
    /// the likeliest size when that is common), never split, since half a request is not what is admitted;
    /// the step is then scaled so that the mean stays.
    pub fn new(marks: &Marks) -> AdmissionTable {
        let mean = marks.mean();
        let divisor = common_divisor(marks.iter().map(|mark| mark.value))
            .filter(|divisor| mean <= DIVISOR_PER_MEAN_MAX * divisor);
        let likeliest = marks.likeliest();
        let step = match divisor {
            Some(divisor) => divisor,
            None if likeliest.probability >= LIKELY => {
                likeliest.value / (likeliest.value * STEPS_PER_MEAN / mean).round().max(1.0)
            }
            None => mean / STEPS_PER_MEAN,
        };
        let mut atoms: Vec<Atom> = Vec::new();
        for mark in marks.iter() {
            let size = (mark.value / step).round() as usize;
            let next = Atom { size, probability: mark.probability, value: mark.value, second: mark.second };
            match atoms.last_mut() {
                Some(last) if last.size == size => last.join(next),
                _ => atoms.push(next),
            }
        }
        let rounded: f64 = atoms.iter().map(|atom| atom.probability * atom.size as f64).sum();
        let step = if divisor.is_some() { step } else { mean / rounded };
        AdmissionTable { step, exact: divisor.is_some(), atoms, mean }
    }

    /// What one step stands for.
    pub(crate) fn step(&self) -> f64 {
        self.step
    }

    /// Whether sizes are whole numbers of steps; else they are rounded to them.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The capacities in steps that stand for a quota, with weights: the quota rounded down for exact sizes;
    /// for rounded ones, whose sums scatter half a step around the truth, the two around quota − ½ step.
    pub fn capacities(&self, quota: f64) -> [(usize, f64); 2] {
        if self.exact {
            return [((quota / self.step + 1e-9).floor() as usize, 1.0), (0, 0.0)];
        }
        let position = (quota / self.step - 0.5).max(0.0);
        let (below, part) = (position.floor() as usize, position.fract());
        [(below, 1.0 - part), (below + 1, part)]
    }

    /// What the first, second, … of up to `most` arrivals adds to the admitted load of a window with room for
    /// `capacity` steps.
    ///
    /// With q(u) the probability that u is in use, an arrival of size e moves u to u + e where u + e ≤ c and
    /// changes nothing where it does not fit.
    pub fn row(&self, capacity: usize, most: usize) -> AdmissionRow {
        let fit: Vec<Atom> = self.atoms.iter().copied().filter(|atom| atom.size <= capacity).collect();
        let largest = fit.iter().map(|atom| atom.size).max().unwrap_or(0);
        let always: f64 = fit.iter().filter(|a| a.size == 0).map(|a| a.probability * a.value).sum();
        let refused = self.refused(capacity);
        let (mut low, mut high) = (0, 0);
        let (mut used, mut next) = (vec![0.0; capacity + 1], vec![0.0; capacity + 1]);
        used[0] = 1.0;
        let mut arrivals = Vec::new();
        while arrivals.len() < most {
            let mut admitted = Admitted::default();
            // P(used > room), from the smallest size, which has the most room, on.
            let (mut above, mut counted) = (0.0, high + 1);
            for atom in &fit {
                let room = capacity - atom.size;
                while counted > low.max(room + 1) {
                    counted -= 1;
                    above += used[counted];
                }
                let each = Admitted { load: atom.value, requests: 1.0, second: atom.second };
                let below = if room < low { 0.0 } else { 1.0 - above };
                admitted.add(atom.probability * below, each);
            }
            arrivals.push(admitted);
            if admitted.load - always <= SETTLED * self.mean {
                break;
            }
            let top = capacity.min(high + largest);
            for u in low..=top {
                next[u] = if u <= high { used[u] * refused[capacity - u] } else { 0.0 };
            }
            for atom in &fit {
                let end = high.min(capacity - atom.size);
                if low <= end {
                    let target = &mut next[low + atom.size..=end + atom.size];
                    for (to, from) in target.iter_mut().zip(&used[low..=end]) {
                        *to += atom.probability * from;
                    }
                }
            }
            std::mem::swap(&mut used, &mut next);
            high = top;
            while low < high && used[low] < UNSEEN {
                low += 1;
            }
        }
        AdmissionRow { arrivals }
    }

    /// P(size > room) for every room up to the capacity.
    fn refused(&self, capacity: usize) -> Vec<f64> {
        let mut refused = vec![0.0; capacity + 1];
        for atom in &self.atoms {
            refused.iter_mut().take(atom.size).for_each(|probability| *probability += atom.probability);
        }
        refused
    }
}

impl Atom {
    /// Takes up the sizes of another atom.
    fn join(&mut self, other: Atom) {
        let both = self.probability + other.probability;
        let part = other.probability / both;
        self.value += (other.value - self.value) * part;
        self.second += (other.second - self.second) * part;
        self.probability = both;
    }
}

/// Expected addition of each arrival; those after the last that is followed add as much as it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionRow {
    arrivals: Vec<Admitted>,
}

impl AdmissionRow {
    /// Admitted in a window on average.
    pub fn admitted(&self, tail: &ArrivalTail) -> Admitted {
        let (mut total, mut counted, mut last) = (Admitted::default(), 0.0, Admitted::default());
        for (probability, arrival) in tail.above.iter().zip(&self.arrivals) {
            total.add(*probability, *arrival);
            counted += probability;
            last = *arrival;
        }
        total.add((tail.mean - counted).max(0.0), last);
        total
    }

    /// Arrivals that were followed.
    pub fn arrivals(&self) -> usize {
        self.arrivals.len()
    }

    /// Load that each of them adds.
    pub(crate) fn loads(&self) -> impl Iterator<Item = f64> {
        self.arrivals.iter().map(|arrival| arrival.load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Stream;

    fn stream(counts: CountLaw, mean: f64) -> Stream {
        let rates = (0..24).map(|hour| mean * (1.0 + 0.04 * f64::from(hour))).collect();
        Stream { marks: Marks::identical(1.0, 0.0).unwrap(), counts, rates }
    }

    #[track_caller]
    fn check(streams: Vec<Stream>, factors: (f64, f64), allowed: f64) {
        let traffic = Traffic::new(&[1.0; 24], streams).unwrap();
        let other = traffic.scaled(factors.0).unwrap().with_shapes_scaled(factors.1).unwrap();
        let (whole, quick) =
            (ArrivalTail::new(&other, 2.0, 200), ArrivalTail::matched(&traffic, 2.0, factors, 200));
        assert!((whole.mean / quick.mean - 1.0).abs() < 1e-12);
        for k in 0..200 {
            let [a, b] = [&whole, &quick].map(|tail| tail.above.get(k).copied().unwrap_or(0.0));
            assert!((a - b).abs() < allowed, "P(N > {k}): {a} by transform, {b} by recursion");
        }
    }

    /// Up to means of 1,500, where the probability of no arrival has no place in a number.
    #[test]
    fn arrivals_by_recursion_are_those_by_transform() {
        let bursts = CountLaw::NegativeBinomial { shape: 8.0 };
        for mean in [0.3, 6.0, 90.0, 400.0] {
            for law in [CountLaw::Poisson, bursts, CountLaw::ConstantDispersion { dispersion: 3.0 }] {
                check(vec![stream(law, mean)], (1.3, 0.5), 1e-6);
            }
            check(vec![stream(bursts, mean), stream(bursts, 0.4 * mean)], (1.0, 1.0), 0.006);
        }
    }
}
