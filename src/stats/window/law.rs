//! The law of the load of one window.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex64};

use super::{
    CountLaw, Marks, Traffic,
    lattice::{Lattice, load_lattice},
    traffic::Cell,
    transform::averaged,
};

/// Aliasing error of `E[(L − c)+]`, as a share of the mean load: e^−25.
const ALIASING: f64 = 25.0;

/// A tilt of e^−12 over the length costs as many digits of the far end: 10⁻¹⁶ becomes 10⁻¹¹.
const TILT_MAX: f64 = 12.0;

/// Probability below which a cell is taken never to stay under the reach: e^−32.
const NEVER: f64 = 32.0;

/// What is e^−28 times smaller than the largest value of a transform cannot be seen in the law; a tilt enlarges it
/// by as much as it has.
const NEGLIGIBLE: f64 = 28.0;

/// How transforms are averaged over cells: at few rates, or (in tests) one by one. The number is the
/// logarithm of how much less than the largest value is negligible.
type Averaging = fn(&[Cell], &[CountLaw], Vec<Vec<Complex64>>, f64) -> Vec<Complex64>;

/// Most points of a transform.
const LENGTH_MAX: usize = 1 << 22;

/// Load of one window of traffic: what exceeds a quota, how likely, quantiles.
///
/// ```
/// # use burndown::stats::{CountLaw, LoadLaw, Marks, Stream, Traffic};
/// let marks = Marks::identical(1.0, 0.0)?;
/// let stream = Stream { marks, counts: CountLaw::Poisson, rates: vec![4.0] };
/// let law = LoadLaw::new(&Traffic::new(&[1.0], vec![stream])?, 1.0, f64::INFINITY);
/// assert!((law.excess(5.0) - 0.41030419443253185).abs() < 1e-12);
/// # Ok::<(), burndown::stats::WindowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoadLaw {
    lattice: Lattice,
    mean: f64,
    /// P(L ≤ k·step).
    at_most: Vec<f64>,
    /// `E[(L − k·step)+]`, one point more.
    excess: Vec<f64>,
}

impl LoadLaw {
    /// The load of a window of `length` units of time, exact for quotas up to `reach` (infinity: all).
    ///
    /// Sizes are put on a lattice: their greatest common divisor, or a 20th of the mean size (more where counts
    /// scatter widely), which raises `E[(L − c)+]` by up to 4·10⁻⁵ of the mean load. The transform is as long as
    /// the reach or as the busiest cell needs, whichever is less: by Chernoff's bound and exponential tilting what it
    /// folds back is below e^−25 of the mean load, and rounding below 10⁻¹⁰ of it. Cells whose load stays under the
    /// reach with probability below e^−32 enter with their mean alone.
    ///
    /// # Panics
    ///
    /// When `length` is not above zero and finite, or `reach` is negative or not a number.
    pub fn new(traffic: &Traffic, length: f64, reach: f64) -> LoadLaw {
        LoadLaw::by(averaged, traffic, length, reach)
    }

    fn by(average: Averaging, traffic: &Traffic, length: f64, reach: f64) -> LoadLaw {
        assert!(length.is_finite() && length > 0.0, "length {length}");
        assert!(reach >= 0.0, "reach {reach}");
        let seen = traffic.in_windows(length);
        let traffic = seen.as_ref();
        let mean = traffic.mean_load() * length;
        let (silent, cells) = reachable_cells(traffic, length, reach);
        let bound = TailBound::new(traffic, &cells);
        let reach = reach.min(bound.beyond(ALIASING + 5.0));
        let lattice = load_lattice(traffic, bound.busiest_deviation, reach);
        let needed = (reach / lattice.step).floor() as usize + 2;
        let mut probabilities = if cells.is_empty() {
            vec![0.0; needed]
        } else {
            let (size, tilt) = length_and_tilt(&bound, lattice, needed, mean);
            inverted(average, &cells, traffic, lattice, (size, tilt))
        };
        probabilities.truncate(needed.max(1));
        probabilities[0] += silent;
        LoadLaw::summed(lattice, mean, &probabilities)
    }

    /// A load that windows of `length` units of time exceed with a probability below e^−30: laws go no further.
    pub(super) fn reach(traffic: &Traffic, length: f64) -> f64 {
        let traffic = traffic.in_windows(length);
        let means = |cell: &Cell| cell.rates.iter().map(|rate| rate * length).collect();
        let cells: Vec<Cell> =
            traffic.cells.iter().map(|cell| Cell { weight: cell.weight, rates: means(cell) }).collect();
        TailBound::new(&traffic, &cells).beyond(ALIASING + 5.0)
    }

    fn summed(lattice: Lattice, mean: f64, probabilities: &[f64]) -> LoadLaw {
        let (mut at_most, mut excess) = (Vec::new(), Vec::new());
        let (mut below, mut above) = (0.0_f64, mean);
        for probability in probabilities {
            excess.push(above.max(0.0));
            below += probability;
            at_most.push(below.clamp(0.0, 1.0));
            above -= lattice.step * (1.0 - below);
        }
        excess.push(above.max(0.0));
        LoadLaw { lattice, mean, at_most, excess }
    }

    /// `E[L]`.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Distance of the points that the law lives on.
    pub fn step(&self) -> f64 {
        self.lattice.step
    }

    /// `E[(L − quota)+]`: load that a fluid would leave above the quota. Linear between lattice points.
    /// Zero above the points of the law, where it is below e^−25 of the mean.
    pub fn excess(&self, quota: f64) -> f64 {
        let position = (quota / self.lattice.step).max(0.0);
        let below = position.floor() as usize;
        let (Some(left), Some(right)) = (self.excess.get(below), self.excess.get(below + 1)) else {
            return 0.0;
        };
        left + (right - left) * position.fract()
    }

    /// P(L > quota). On a lattice that is not the sizes' own, the mass of a point is spread over the step
    /// around it.
    pub fn probability_above(&self, quota: f64) -> f64 {
        1.0 - self.at_most_at(quota)
    }

    /// Smallest lattice point x with P(L ≤ x) ≥ `p`; `None` when it lies beyond the reach of the law.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let index = self.at_most.iter().position(|below| *below >= p)?;
        Some(index as f64 * self.lattice.step)
    }

    /// P(L > k·step) for every lattice point of the law.
    pub fn tail(&self) -> Vec<f64> {
        self.at_most.iter().map(|below| 1.0 - below).collect()
    }

    fn at_most_at(&self, quota: f64) -> f64 {
        spread_at(&self.at_most, self.lattice, quota).unwrap_or(1.0)
    }

    /// Share of the load that an upper bound leaves above `quota`, and the same of requests, of the second
    /// value: a request counts as left when all that came before it in its window, admitted or not, leaves
    /// no room for it. Exact for identical sizes.
    ///
    /// The expected number of requests that find exactly u before them, ν(u) = Σ P(N ≥ n+1) f*ⁿ(u), satisfies
    /// ν = (δ₀ − law of L) + f∗ν, which is solved point by point and has no division by 1 − φ.
    ///
    /// `traffic` and `length` must be those the law was made of.
    ///
    /// # Panics
    ///
    /// When the streams have different sizes: pool them first, see [`Traffic::pooled`].
    pub fn upper_bound(&self, traffic: &Traffic, length: f64) -> UpperBound {
        assert!(traffic.has_one_law_of_sizes(), "streams of different sizes have no common bound");
        let marks = traffic.sources[0].marks.clone();
        let sizes = self.lattice.split(&marks);
        let atoms: Vec<(usize, f64)> =
            sizes.iter().copied().enumerate().filter(|(_, probability)| *probability > 0.0).collect();
        let stuck: f64 = if atoms[0].0 == 0 { atoms[0].1 } else { 0.0 };
        let mut seen: Vec<f64> = Vec::with_capacity(self.at_most.len());
        let (mut found, mut before) = (0.0, 0.0);
        let mut at_most = Vec::with_capacity(self.at_most.len());
        for (index, below) in self.at_most.iter().enumerate() {
            let start = if index == 0 { 1.0 } else { 0.0 };
            let earlier = atoms.iter().filter(|(size, _)| *size > 0 && *size <= index);
            let fed: f64 = earlier.map(|(size, probability)| probability * seen[index - size]).sum();
            let value = ((start - (below - before) + fed) / (1.0 - stuck)).max(0.0);
            before = *below;
            seen.push(value);
            found += value;
            at_most.push(found);
        }
        UpperBound { lattice: self.lattice, at_most, requests: traffic.mean_rate() * length, marks }
    }
}

/// Requests by what came before them, see [`LoadLaw::upper_bound`].
#[derive(Clone, Debug)]
pub struct UpperBound {
    lattice: Lattice,
    /// Expected number of requests that find at most k·step before them.
    at_most: Vec<f64>,
    requests: f64,
    marks: Marks,
}

impl UpperBound {
    /// Expected number of requests of a window that find more than `level` before them.
    pub fn requests_behind(&self, level: f64) -> f64 {
        if level < 0.0 {
            return self.requests;
        }
        let found = spread_at(&self.at_most, self.lattice, level).unwrap_or(self.requests);
        (self.requests - found).clamp(0.0, self.requests)
    }

    /// Left above the quota at most, per window: load, requests, second value.
    pub fn left(&self, quota: f64) -> super::Admitted {
        let mut left = super::Admitted::default();
        for mark in self.marks.iter() {
            let behind = mark.probability * self.requests_behind(quota - mark.value);
            left.load += behind * mark.value;
            left.requests += behind;
            left.second += behind * mark.second;
        }
        left
    }
}

/// A running sum at a level: as a step function on the sizes' own lattice, else with the mass of every point
/// above zero spread over the step around it. `None` beyond the last point.
fn spread_at(sums: &[f64], lattice: Lattice, level: f64) -> Option<f64> {
    let position = level / lattice.step;
    if lattice.exact {
        return sums.get((position + 1e-9).floor() as usize).copied();
    }
    let shifted = position - 0.5;
    if shifted < 0.0 {
        return sums.first().copied();
    }
    let index = shifted.floor() as usize;
    let (left, right) = (sums.get(index)?, sums.get(index + 1)?);
    Some(left + (right - left) * shifted.fract())
}

/// Weight of the cells without traffic, and the mean counts of those that may stay under the reach.
fn reachable_cells(traffic: &Traffic, length: f64, reach: f64) -> (f64, Vec<Cell>) {
    let mut silent = 0.0;
    let mut kept = Vec::new();
    let mean_size = traffic.mean_load() / traffic.mean_rate();
    // e^{reach·t} E[e^{−tL}] bounds P(L ≤ reach); a few t suffice.
    let slopes: Vec<f64> = (-8..=2).map(|power| 2.0_f64.powi(power) / mean_size).collect();
    let transforms: Vec<Vec<f64>> = slopes
        .iter()
        .map(|t| traffic.sources.iter().map(|s| s.marks.expect(|m| (-t * m.value).exp_m1())).collect())
        .collect();
    for cell in &traffic.cells {
        let means: Vec<f64> = cell.rates.iter().map(|rate| rate * length).collect();
        if means.iter().sum::<f64>() == 0.0 {
            silent += cell.weight;
            continue;
        }
        let log_bound = |(t, transform): (&f64, &Vec<f64>)| {
            let laws = traffic.sources.iter().map(|source| source.counts);
            let logs = laws.zip(&means).zip(transform).map(|((law, mean), s)| law.log_transform(*mean, *s));
            t * reach + logs.sum::<f64>()
        };
        let load: f64 = traffic.sources.iter().zip(&means).map(|(s, mean)| mean * s.marks.mean()).sum();
        let surely_above =
            load > 1.5 * reach && slopes.iter().zip(&transforms).any(|pair| log_bound(pair) < -NEVER);
        if !surely_above {
            kept.push(Cell { weight: cell.weight, rates: means });
        }
    }
    (silent, kept)
}

/// Chernoff's bound on the load of a window in which every stream is at its busiest.
struct TailBound {
    /// t and ln `E[e^{tL}]`.
    logs: Vec<(f64, f64)>,
    /// Standard deviation of the number of requests.
    busiest_deviation: f64,
}

impl TailBound {
    fn new(traffic: &Traffic, cells: &[Cell]) -> TailBound {
        let busiest: Vec<f64> = (0..traffic.sources.len())
            .map(|stream| cells.iter().map(|cell| cell.rates[stream]).fold(0.0, f64::max))
            .collect();
        let variance = |(source, mean): (&super::traffic::Source, &f64)| {
            let (one, two) = (source.marks.mean(), source.marks.second_moment());
            mean * (two - one * one) + source.counts.variance(*mean) * one * one
        };
        let deviation = traffic.sources.iter().zip(&busiest).map(variance).sum::<f64>().sqrt();
        let logs = (-24..=28).map(|power| 2.0_f64.powf(f64::from(power) / 4.0) / deviation).map(|t| {
            let log = |(source, mean): (&super::traffic::Source, &f64)| {
                source.counts.log_transform(*mean, source.marks.expect(|m| (t * m.value).exp_m1()))
            };
            (t, traffic.sources.iter().zip(&busiest).map(log).sum::<f64>())
        });
        let usable = logs.filter(|(_, log): &(f64, f64)| log.is_finite()).collect();
        let counts = traffic.sources.iter().zip(&busiest).map(|(source, mean)| source.counts.variance(*mean));
        TailBound { logs: usable, busiest_deviation: counts.sum::<f64>().sqrt() }
    }

    /// κ with P(L ≥ level) ≤ e^−κ.
    fn exponent(&self, level: f64) -> f64 {
        self.logs.iter().map(|(t, log)| t * level - log).fold(0.0, f64::max)
    }

    /// A level that is exceeded with probability below e^−κ.
    fn beyond(&self, exponent: f64) -> f64 {
        self.logs.iter().map(|(t, log)| (exponent + log) / t).fold(f64::INFINITY, f64::min)
    }
}

/// Points of the transform (a power of two) and tilt over the whole length.
///
/// With tilt θ the mass at k + M returns at k with factor e^{−θM}, so the error of `E[(L − c)+]` is at most
/// c·e^{−θM}·P(L ≥ M·step).
fn length_and_tilt(bound: &TailBound, lattice: Lattice, needed: usize, mean: f64) -> (usize, f64) {
    let mut size = needed.next_power_of_two().max(64);
    loop {
        let end = size as f64 * lattice.step;
        let reach = needed as f64 * lattice.step;
        let tilt = ALIASING + (reach / mean).ln() - bound.exponent(end);
        if tilt <= TILT_MAX || size >= LENGTH_MAX {
            return (size, tilt.clamp(0.0, TILT_MAX));
        }
        size *= 2;
    }
}

/// Probabilities of the lattice points 0 … size − 1.
fn inverted(
    average: Averaging,
    cells: &[Cell],
    traffic: &Traffic,
    lattice: Lattice,
    (size, tilt): (usize, f64),
) -> Vec<f64> {
    let (forward, backward) = plans(size);
    let slope = tilt / size as f64;
    let spectrum = |marks: &Marks| {
        let mut values = vec![0.0; size];
        for (point, probability) in lattice.split(marks).into_iter().enumerate() {
            values[point % size] += probability * (-slope * point as f64).exp();
        }
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut values, &mut spectrum).expect("buffers have the planned lengths");
        spectrum.iter_mut().for_each(|value| *value -= 1.0);
        spectrum
    };
    let mut spectra: Vec<Vec<Complex64>> = Vec::with_capacity(traffic.sources.len());
    for (index, source) in traffic.sources.iter().enumerate() {
        let same = traffic.sources[..index].iter().position(|other| other.marks == source.marks);
        spectra.push(same.map_or_else(|| spectrum(&source.marks), |same| spectra[same].clone()));
    }
    let laws: Vec<CountLaw> = traffic.sources.iter().map(|source| source.counts).collect();
    let mut transform = average(cells, &laws, spectra, NEGLIGIBLE + tilt);
    transform[0].im = 0.0;
    transform[size / 2].im = 0.0;
    let mut values = backward.make_output_vec();
    backward.process(&mut transform, &mut values).expect("buffers have the planned lengths");
    let scale = 1.0 / size as f64;
    let upright = |point: usize| if slope == 0.0 { scale } else { scale * (slope * point as f64).exp() };
    values.iter().enumerate().map(|(point, value)| value * upright(point)).collect()
}

/// Transforms there and back. Their tables of angles cost as much as a transform, so each length is planned once.
fn plans(size: usize) -> (Arc<dyn RealToComplex<f64>>, Arc<dyn ComplexToReal<f64>>) {
    static PLANNER: LazyLock<Mutex<RealFftPlanner<f64>>> =
        LazyLock::new(|| Mutex::new(RealFftPlanner::new()));
    let mut planner = PLANNER.lock().unwrap_or_else(PoisonError::into_inner);
    (planner.plan_fft_forward(size), planner.plan_fft_inverse(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Mark, Stream, window::transform::averaged_directly};

    fn sizes() -> Marks {
        let mark = |value, probability| Mark { value, probability, second: 0.0 };
        Marks::new([mark(1.0, 0.5), mark(2.0, 0.3), mark(4.0, 0.2)]).unwrap()
    }

    /// 720 hours whose rate follows the sun and changes from day to day.
    fn hours(mean: f64) -> Vec<f64> {
        let hour = |h: i32| {
            let (day, time) = (f64::from(h / 24), f64::from(h % 24));
            mean * (1.0 + 0.5 * (time / 24.0 * std::f64::consts::TAU).sin()) * (1.0 + 0.2 * (day * 1.7).sin())
        };
        (0..720).map(hour).collect()
    }

    /// 720 hours whose rates spread evenly over a factor of fifty.
    fn uneven_hours(busiest: f64) -> Vec<f64> {
        (0..720).map(|h| busiest * 0.02_f64.powf(f64::from(h) / 719.0)).collect()
    }

    /// Few rates against every cell on its own: `E[(L − c)+]` within a millionth of the mean load.
    #[test]
    fn few_rates_are_as_good_as_every_cell() {
        let laws = [
            CountLaw::Poisson,
            CountLaw::NegativeBinomial { shape: 8.0 },
            CountLaw::NegativeBinomial { shape: 0.7 },
            CountLaw::ConstantDispersion { dispersion: 3.0 },
        ];
        let weights = vec![1.0; 720];
        for mean in [0.3, 5.0, 60.0, 400.0] {
            for (counts, rates) in
                laws.iter().flat_map(|law| [(*law, hours(mean)), (*law, uneven_hours(mean))])
            {
                let stream = Stream { marks: sizes(), counts, rates };
                let traffic = Traffic::new(&weights, vec![stream]).unwrap();
                let reach = 6.0 * traffic.busiest_load();
                let grid = LoadLaw::new(&traffic, 1.0, reach);
                let apart = |average: Averaging| {
                    let other = LoadLaw::by(average, &traffic, 1.0, reach);
                    assert_eq!(grid.excess.len(), other.excess.len());
                    let errors = grid.excess.iter().zip(&other.excess).map(|(a, b)| (a - b).abs());
                    errors.fold(0.0, f64::max) / traffic.mean_load()
                };
                let cells = apart(averaged_directly);
                assert!(cells < 1e-6, "{counts:?} mean {mean}: {cells}");
                let frequencies =
                    apart(|cells, laws, spectra, _| averaged(cells, laws, spectra, f64::INFINITY));
                assert!(frequencies < 1e-10, "{counts:?} mean {mean}, no frequency left out: {frequencies}");
            }
        }
    }

    /// A tilted short transform and a long one agree; without the tilt the short one would fold its tail back.
    #[test]
    fn a_short_reach_is_tilted_to_the_same_law() {
        let stream = Stream { marks: sizes(), counts: CountLaw::Poisson, rates: vec![26.0] };
        let traffic = Traffic::new(&[1.0], vec![stream]).unwrap();
        let (long, short) = (LoadLaw::new(&traffic, 1.0, f64::INFINITY), LoadLaw::new(&traffic, 1.0, 40.0));
        let bound = TailBound::new(&traffic, &[Cell { weight: 1.0, rates: vec![26.0] }]);
        let (size, tilt) = length_and_tilt(&bound, short.lattice, 42, traffic.mean_load());
        assert!(tilt > 0.0 && size < long.at_most.len(), "{size} points, tilt {tilt}");
        for quota in 0..=40 {
            let (a, b) = (long.excess(f64::from(quota)), short.excess(f64::from(quota)));
            assert!((a - b).abs() < 1e-9 * traffic.mean_load(), "{quota}: {a} {b}");
        }
    }

    /// Far above the quota nothing needs a transform: `E[(L − c)+]` is the mean less the quota.
    #[test]
    fn a_hopeless_quota_needs_no_points() {
        let stream = Stream { marks: sizes(), counts: CountLaw::Poisson, rates: vec![2e6] };
        let traffic = Traffic::new(&[1.0], vec![stream]).unwrap();
        let law = LoadLaw::new(&traffic, 1.0, 50.0);
        assert!(law.at_most.len() < 60);
        assert!((law.excess(37.5) - (3.8e6 - 37.5)).abs() < 1e-6);
        assert_eq!(law.probability_above(50.0), 1.0);
    }

    /// A 20th of the mean as step against one 16 times finer: the share of load above differs by at most 4 in 10⁵.
    #[test]
    fn a_20th_of_the_mean_is_fine_enough() {
        let mark =
            |k: i32| Mark { value: (f64::from(k) * 0.618).exp() * 1.234_567, probability: 1.0, second: 0.0 };
        let marks = Marks::new((0..6).map(mark)).unwrap();
        let bursts = CountLaw::NegativeBinomial { shape: 8.0 };
        let poisson = [5.0, 20.0, 80.0, 400.0].map(|mean| (mean, CountLaw::Poisson));
        for (mean, counts) in poisson.into_iter().chain([20.0, 80.0, 400.0].map(|mean| (mean, bursts))) {
            let stream = Stream { marks: marks.clone(), counts, rates: vec![mean] };
            let traffic = Traffic::new(&[1.0], vec![stream]).unwrap();
            let law = LoadLaw::new(&traffic, 1.0, f64::INFINITY);
            assert!(!law.lattice.exact);
            let fine = Lattice { step: law.lattice.step / 16.0, exact: false };
            let cells = [Cell { weight: 1.0, rates: vec![mean] }];
            let values = inverted(averaged_directly, &cells, &traffic, fine, (1 << 19, 0.0));
            let fine = LoadLaw::summed(fine, traffic.mean_load(), &values);
            for part in [0.6, 0.8, 1.0, 1.2] {
                let quota = part * traffic.mean_load();
                let error = (law.excess(quota) - fine.excess(quota)) / traffic.mean_load();
                assert!((0.0..4e-5).contains(&error), "mean {mean}, quota {part} of it: {error}");
            }
        }
    }
}
