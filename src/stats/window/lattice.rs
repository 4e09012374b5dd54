//! Sizes on a lattice: their greatest common divisor where that is coarse, a fine step otherwise.

use super::{Marks, traffic::Traffic};

/// A common divisor serves when the mean size is at most this many of it.
const DIVISOR_PER_MEAN_MAX: f64 = 128.0;

/// Steps in a mean size when sizes have no useful common divisor.
const STEPS_PER_MEAN: f64 = 20.0;

/// Above this variance of the count the step may grow with its fourth root.
const FINE_VARIANCE: f64 = 80.0;

/// Most points a law is computed on.
const POINTS_MAX: f64 = (1_u32 << 19) as f64;

/// A step, and whether every size is a multiple of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lattice {
    pub step: f64,
    pub exact: bool,
}

/// The lattice for windows whose number of requests has at most this standard deviation, needed up to load `reach`.
///
/// Splitting a size over its two neighbours keeps the mean and adds at most step²/4 to the variance of a
/// size: the share of load above a quota rises by at most 4·10⁻⁵ at mean/20 (tested). What n requests add to that
/// share is n·step²/8 times the density of the load over its mean: it falls with the deviation of the count, so a
/// step that grows with the root of the deviation keeps the error.
pub(super) fn load_lattice(traffic: &Traffic, deviation: f64, reach: f64) -> Lattice {
    let mean = traffic.mean_load() / traffic.mean_rate();
    let values = traffic.sources.iter().flat_map(|source| source.marks.iter().map(|mark| mark.value));
    if let Some(divisor) = common_divisor(values)
        && mean <= DIVISOR_PER_MEAN_MAX * divisor
        && reach <= POINTS_MAX * divisor
    {
        return Lattice { step: divisor, exact: true };
    }
    let step = mean / STEPS_PER_MEAN * (deviation / FINE_VARIANCE.sqrt()).sqrt().max(1.0);
    Lattice { step: step.max(reach / POINTS_MAX), exact: false }
}

impl Lattice {
    /// Probabilities by lattice point; a size between two points is split so that its mean stays.
    pub fn split(self, marks: &Marks) -> Vec<f64> {
        let last = (marks.largest() / self.step).ceil() as usize + 1;
        let mut probabilities = vec![0.0; last + 1];
        for mark in marks.iter() {
            let position = mark.value / self.step;
            if self.exact {
                probabilities[position.round() as usize] += mark.probability;
                continue;
            }
            let (below, part) = (position.floor() as usize, position.fract());
            probabilities[below] += mark.probability * (1.0 - part);
            probabilities[below + 1] += mark.probability * part;
        }
        while probabilities.last() == Some(&0.0) {
            probabilities.pop();
        }
        probabilities
    }
}

/// The largest number of which all values are whole multiples (to a part in 10⁹), by Euclid's algorithm.
/// `None` when the values have none above a millionth of the largest.
pub(super) fn common_divisor(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let largest = values.clone().fold(0.0, f64::max);
    let mut divisor = 0.0;
    for value in values.clone() {
        let (mut a, mut b) = (value, divisor);
        while b > 1e-9 * largest {
            let rest = a % b;
            // A rest just below b is a rounded zero.
            (a, b) = (b, if b - rest < 1e-9 * largest { 0.0 } else { rest });
        }
        divisor = a;
        if divisor < 1e-6 * largest {
            return None;
        }
    }
    let multiple = |value: f64| ((value / divisor).round() * divisor - value).abs() <= 1e-9 * largest;
    values.into_iter().all(multiple).then_some(divisor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Mark;

    #[test]
    fn divisors_are_found_in_whole_and_broken_numbers() {
        let divisor = |values: &[f64]| common_divisor(values.iter().copied());
        assert_eq!(divisor(&[67_200.0, 134_400.0, 268_800.0]), Some(67_200.0));
        assert_eq!(divisor(&[4.0, 8.0, 12.0, 16.0]), Some(4.0));
        assert!((divisor(&[0.3, 0.7, 1.1]).unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(divisor(&[1.0, std::f64::consts::SQRT_2]), None);
    }

    #[test]
    fn a_split_size_keeps_its_mean() {
        let mark = |value, probability| Mark { value, probability, second: 0.0 };
        let marks = Marks::new([mark(1.3, 0.25), mark(7.8, 0.75)]).unwrap();
        let probabilities = Lattice { step: 0.5, exact: false }.split(&marks);
        let mean: f64 = probabilities.iter().enumerate().map(|(k, p)| 0.5 * k as f64 * p).sum();
        assert!((mean - marks.mean()).abs() < 1e-12);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
