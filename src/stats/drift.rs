//! Has a law changed? Cumulative sums for a slow shift, two-sample tests for a new shape.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};

/// A two-sided cumulative sum over standardised values.
///
/// `S⁺ ← max(0, S⁺ + z − k)`, `S⁻ ← max(0, S⁻ − z − k)`; an alarm when either exceeds `h`. Without a shift
/// and with k = ½, h = 5 an alarm comes every 465 values on average, after a shift of one standard deviation
/// within about 10.
///
/// Source: Page (1954), "Continuous Inspection Schemes".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cusum {
    allowance: f64,
    limit: f64,
    above: f64,
    below: f64,
}

/// Half the shift to be found, in standard deviations.
pub const CUSUM_ALLOWANCE: f64 = 0.5;

/// Limit of one chart on its own.
const CUSUM_LIMIT: f64 = 5.0;

impl Cusum {
    /// One of `charts` charts that are watched together: `h = 5 + ln(m)/(2k)` keeps the rate of false alarms
    /// of all of them near that of one.
    pub fn among(charts: usize) -> Cusum {
        let limit = CUSUM_LIMIT + (charts.max(1) as f64).ln() / (2.0 * CUSUM_ALLOWANCE);
        Cusum { allowance: CUSUM_ALLOWANCE, limit, above: 0.0, below: 0.0 }
    }

    /// Takes one standardised value; whether the limit is now exceeded.
    pub fn add(&mut self, z: f64) -> bool {
        self.above = (self.above + z - self.allowance).max(0.0);
        self.below = (self.below - z - self.allowance).max(0.0);
        self.alarm()
    }

    /// Whether the limit is exceeded.
    pub fn alarm(&self) -> bool {
        self.above.max(self.below) > self.limit
    }

    /// The larger of the two sums, and the limit it is held against.
    pub fn height(&self) -> (f64, f64) {
        (self.above.max(self.below), self.limit)
    }
}

/// Standard normal scores of values against all that came before them, a baseline first.
///
/// A chart whose mean and spread were estimated from a few values alarms far more often than its table says.
/// Scores against the running mean and spread are exactly independent and standard normal while nothing
/// changes and the values are normal.
///
/// Source: Hawkins (1987), "Self-Starting Cusum Charts for Location and Scale".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SelfStarting {
    count: f64,
    mean: f64,
    squares: f64,
}

impl SelfStarting {
    /// Takes a value of the baseline.
    pub fn learn(&mut self, value: f64) {
        self.count += 1.0;
        let gap = value - self.mean;
        self.mean += gap / self.count;
        self.squares += gap * (value - self.mean);
    }

    /// The score of a new value, which then joins the baseline; `None` while fewer than three values, or none
    /// that differ, came before.
    pub fn score(&mut self, value: f64) -> Option<f64> {
        let (count, mean, squares) = (self.count, self.mean, self.squares);
        self.learn(value);
        if count < 3.0 || squares <= 0.0 {
            return None;
        }
        let spread = (squares / (count - 1.0)).sqrt();
        let t = (count / (count + 1.0)).sqrt() * (value - mean) / spread;
        let law = StudentsT::new(0.0, 1.0, count - 1.0).expect("at least two degrees of freedom");
        Some(Normal::standard().inverse_cdf(law.cdf(t).clamp(1e-12, 1.0 - 1e-12)))
    }
}

/// Average number of values until a two-sided cumulative sum alarms, after a shift in standard deviations.
///
/// `(e^(−2Δb) + 2Δb − 1)/(2Δ²)` with `Δ = ±shift − k` and `b = h + 1.166` for each side, combined by their
/// reciprocals.
///
/// Source: Siegmund (1985), "Sequential Analysis", as given by Montgomery, section 9.1.
///
/// ```
/// # use burndown::stats::cusum_run_length;
/// assert!((cusum_run_length(0.5, 5.0, 0.0) - 469.11).abs() < 0.01);
/// ```
pub fn cusum_run_length(allowance: f64, limit: f64, shift: f64) -> f64 {
    let one_side = |shift: f64| {
        let (drift, b) = (shift - allowance, limit + 1.166);
        if drift == 0.0 {
            return b * b;
        }
        ((-2.0 * drift * b).exp() + 2.0 * drift * b - 1.0) / (2.0 * drift * drift)
    };
    1.0 / (1.0 / one_side(shift) + 1.0 / one_side(-shift))
}

/// P-value of the two-sample Kolmogorov–Smirnov test; 1 when either sample is empty.
///
/// The asymptotic law with Stephens' correction for small samples. Ties make it conservative.
///
/// Source: Stephens (1970), "Use of the Kolmogorov–Smirnov, Cramér–von Mises and Related Statistics".
pub fn same_law(first: &[f64], second: &[f64]) -> f64 {
    if first.is_empty() || second.is_empty() {
        return 1.0;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (first, second) = (sorted(first), sorted(second));
    let share_up_to =
        |values: &[f64], x: f64| values.partition_point(|value| *value <= x) as f64 / values.len() as f64;
    let points = first.iter().chain(&second);
    let distance =
        points.fold(0.0_f64, |most, x| most.max((share_up_to(&first, *x) - share_up_to(&second, *x)).abs()));
    let (n, m) = (first.len() as f64, second.len() as f64);
    let size = (n * m / (n + m)).sqrt();
    kolmogorov_tail((size + 0.12 + 0.11 / size) * distance)
}

/// P(K > x) for Kolmogorov's law.
fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let term = |at: i32| {
        let sign = if at % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(at * at) * x * x).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// P-value of the likelihood-ratio (G) test that two rows of counts have the same shares; 1 when either row
/// is empty or only one category was seen.
///
/// # Panics
///
/// When the rows have not the same number of categories.
///
/// Source: Sokal & Rohlf (1981), "Biometry", chapter 17.
pub fn same_shares(first: &[u64], second: &[u64]) -> f64 {
    assert_eq!(first.len(), second.len(), "categories of the two rows");
    let (n, m) = (first.iter().sum::<u64>() as f64, second.iter().sum::<u64>() as f64);
    let seen = first.iter().zip(second).filter(|(a, b)| **a + **b > 0).count();
    if n == 0.0 || m == 0.0 || seen < 2 {
        return 1.0;
    }
    let part = |count: u64, size: f64, both: f64| {
        let expected = both * size / (n + m);
        if count == 0 { 0.0 } else { count as f64 * (count as f64 / expected).ln() }
    };
    let cells = first.iter().zip(second).map(|(a, b)| {
        let both = (a + b) as f64;
        part(*a, n, both) + part(*b, m, both)
    });
    let g = 2.0 * cells.sum::<f64>();
    // Williams' correction would need expected counts; the plain statistic is slightly liberal below 5 each.
    let law = ChiSquared::new((seen - 1) as f64).expect("two categories leave a degree of freedom");
    1.0 - law.cdf(g.max(0.0))
}

/// Which of several tests stand when at most a share `rate` of those that stand may be false.
///
/// Source: Benjamini & Hochberg (1995), "Controlling the False Discovery Rate".
///
/// ```
/// # use burndown::stats::discoveries;
/// assert_eq!(discoveries(&[0.01, 0.9, 0.02, 0.03], 0.05), [true, false, true, true]);
/// assert_eq!(discoveries(&[0.04, 0.9, 0.5, 0.5], 0.05), [false; 4]);
/// ```
pub fn discoveries(p_values: &[f64], rate: f64) -> Vec<bool> {
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let stands = |(at, p): &(usize, &f64)| **p <= rate * (*at as f64 + 1.0) / count;
    let limit = sorted.iter().enumerate().filter(stands).map(|(_, p)| *p).next_back();
    p_values.iter().map(|p| limit.is_some_and(|limit| *p <= limit)).collect()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::stats::generator;

    #[test]
    fn run_lengths_agree_with_the_reference() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/oracles.json")).unwrap();
        let expected = |key: &str| all["22_cusum_arl"][key].as_f64().unwrap();
        let found = cusum_run_length(0.5, 5.0, 0.0);
        assert!((found - expected("two_sided_in_control_siegmund")).abs() < 1e-9, "{found}");
        let found = cusum_run_length(0.5, 5.0, 1.0);
        // The reference counts the side of the shift alone; the other adds a false alarm in a million.
        assert!((found - expected("delta1_siegmund")).abs() < 1e-5, "{found}");
    }

    /// Simulated: 465 without a shift, 10.4 after one of a standard deviation (standard errors 14.5 and 0.2
    /// for a thousand runs).
    #[test]
    fn the_chart_alarms_as_often_as_the_table_says() {
        for (shift, expected, tolerance) in [(0.0, 465.0, 75.0), (1.0, 10.4, 1.0)] {
            let runs = 1000;
            let length = |run: u64| {
                let mut random = generator(22, run);
                let mut chart = Cusum::among(1);
                let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
                (1..100_000).find(|_| chart.add(draw() + shift)).unwrap()
            };
            let mean = (0..runs).map(length).sum::<u32>() as f64 / runs as f64;
            assert!((mean - expected).abs() < tolerance, "shift {shift}: {mean}");
        }
    }

    /// Baselines of ten values: of 400 charts over 100 further values of the same law about as many alarm as
    /// the run length of 465 says (1 − e^(−100/465) = 19 %, three standard errors 6 %); with the baseline's
    /// own mean and spread taken for true, far more do.
    #[test]
    fn a_short_baseline_does_not_make_a_chart_nervous() {
        let alarms = |self_starting: bool| {
            let alarmed = |run: &u64| {
                let mut random = generator(8, *run);
                let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
                let (mut baseline, mut chart) = (SelfStarting::default(), Cusum::among(1));
                (0..10).for_each(|_| baseline.learn(draw()));
                let fixed = baseline;
                (0..100).any(|_| {
                    let z = if self_starting { baseline.score(draw()) } else { fixed.clone().score(draw()) };
                    chart.add(z.unwrap())
                })
            };
            (0..400).filter(alarmed).count()
        };
        let (ours, naive) = (alarms(true), alarms(false));
        assert!((52..=100).contains(&ours), "{ours} of 400");
        assert!(naive > 130, "{naive} of 400 with the baseline taken for true");
    }

    #[test]
    fn more_charts_have_a_higher_limit() {
        assert_eq!(Cusum::among(1).height().1, 5.0);
        assert!((Cusum::among(10).height().1 - (5.0 + 10.0_f64.ln())).abs() < 1e-12);
    }

    /// Critical values of the two-sample test: D(0.05) ≈ 1.358 √((n + m)/nm) for large samples.
    #[test]
    fn equal_laws_are_rarely_told_apart_and_shifted_ones_nearly_always() {
        let p = |run: u64, shift: f64| {
            let mut random = generator(5, run);
            let mut draw = |shift: f64| -> Vec<f64> {
                (0..60)
                    .map(|_| {
                        let z: f64 = StandardNormal.sample(&mut random);
                        z + shift
                    })
                    .collect()
            };
            same_law(&draw(0.0), &draw(shift))
        };
        let rejected = |shift: f64| (0..400).filter(|run| p(*run, shift) < 0.05).count();
        assert!(rejected(0.0) <= 33, "{} false alarms in 400", rejected(0.0));
        assert!(rejected(1.0) >= 380, "{} found of 400", rejected(1.0));
    }

    /// Sokal & Rohlf's way by hand: rows (30, 10) and (20, 20): G = 5.3137, one degree of freedom.
    #[test]
    fn shares_are_compared_by_the_likelihood_ratio() {
        let p = same_shares(&[30, 10], &[20, 20]);
        assert!((p - 0.0205).abs() < 0.001, "{p}");
        assert_eq!(same_shares(&[30, 0], &[20, 0]), 1.0);
        assert_eq!(same_shares(&[0, 0], &[20, 1]), 1.0);
    }
}
