//! Whole requests, first come first served: a request is admitted when it fits what is left of the window's
//! quota, and the ones behind it may still fit when it does not.

use super::{LoadLaw, Marks, Traffic, lattice::common_divisor};

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
        let mut at_most = vec![0.0; capacity + 1];
        used[0] = 1.0;
        let mut arrivals = Vec::new();
        while arrivals.len() < most {
            let mut sum = 0.0;
            for u in low..=high {
                sum += used[u];
                at_most[u] = sum;
            }
            let mut admitted = Admitted::default();
            for atom in &fit {
                let room = capacity - atom.size;
                let below = if room < low { 0.0 } else { at_most[room.min(high)] };
                let each = Admitted { load: atom.value, requests: 1.0, second: atom.second };
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
