//! Shares estimated from counts.

use statrs::distribution::{Beta, ContinuousCDF};

/// Jeffreys interval of a proportion: quantiles of Beta(k + ½, n − k + ½).
///
/// The lower end is 0 when nothing was seen and the upper end 1 when nothing else was, as usual. With `n = 0`
/// nothing is known: (0, 1).
///
/// # Panics
///
/// When `successes` exceed `trials`, or `level` is not between 0 and 1.
///
/// Source: Brown, Cai & DasGupta (2001), "Interval Estimation for a Binomial Proportion".
///
/// ```
/// # use burndown::stats::jeffreys_interval;
/// let (low, high) = jeffreys_interval(0, 59, 0.9);
/// assert!(low == 0.0 && (high - 0.032).abs() < 0.001);
/// ```
pub fn jeffreys_interval(successes: u64, trials: u64, level: f64) -> (f64, f64) {
    assert!(successes <= trials, "{successes} of {trials}");
    assert!(level > 0.0 && level < 1.0, "level {level}");
    if trials == 0 {
        return (0.0, 1.0);
    }
    let law =
        Beta::new(successes as f64 + 0.5, (trials - successes) as f64 + 0.5).expect("both are positive");
    let tail = (1.0 - level) / 2.0;
    let low = if successes == 0 { 0.0 } else { law.inverse_cdf(tail) };
    let high = if successes == trials { 1.0 } else { law.inverse_cdf(1.0 - tail) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the paper's own table of 95 % intervals, n = 10.
    #[test]
    fn the_interval_is_that_of_the_literature() {
        let (low, high) = jeffreys_interval(1, 10, 0.95);
        assert!((low - 0.011).abs() < 0.001 && (high - 0.381).abs() < 0.001, "{low} {high}");
        assert_eq!(jeffreys_interval(0, 0, 0.9), (0.0, 1.0));
    }
}
